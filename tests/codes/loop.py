#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""mini.yaml with labels by the real abinit or cp2k.psmp, two iterations to the end: loop.py BIN_DIR SOURCE_DIR abinit|cp2k. Exit 77: skipped (no such program)."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

BIN, SOURCE, ENGINE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
PROGRAM = {'abinit': 'abinit', 'cp2k': 'cp2k.psmp'}[ENGINE]
LABEL = {'abinit': 'engine: abinit, cutoff: 10 Ha, kpoints: {points: [[0.25, 0.25, 0.25]]}, pseudopotentials: {Li: GTH-PBE-q1, S: GTH-PBE}',
         'cp2k': 'engine: cp2k, cutoff: 60 Ha, smearing: {kind: fermi, width: 0.1 eV}, kpoints: gamma, max_scf: 60, pseudopotentials: GTH-PBE, template: basis.inp'}[ENGINE]
BASIS = '&FORCE_EVAL\n&DFT\n&QS\nEPS_DEFAULT 1e-8\n&END\n&END\n&SUBSYS\n' + ''.join(f'&KIND {k}\nBASIS_SET SZV-MOLOPT-SR-GTH\n&END KIND\n' for k in ('Li', 'S')) + '&END SUBSYS\n&END FORCE_EVAL\n'
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1')


def alnd(*args, limit=800):
    p = subprocess.run([os.path.join(BIN, 'alnd'), *args], capture_output=True, text=True, timeout=limit, env=ENV)
    if p.returncode != 0:
        print(f'alnd {" ".join(args)}: exit {p.returncode}\n{p.stdout[-3000:]}{p.stderr[-3000:]}')
        sys.exit(1)
    return p.stdout


def config():
    with open(os.path.join(SOURCE, 'tests/system/mini.yaml')) as f:
        text = f.read()
    text, n = re.subn(r'label: \{cutoff.*\}\n', f'label: {{{LABEL}}}\n', text)
    text, m = re.subn(r'  aimd: .*\n', '', text)
    text, k = re.subn(r'production: \{.*\}\n', 'production: {supercell: [1, 1, 1], volume: fixed, temperatures: [300 K, 500 K], equilibration: 0.1 ps, '
                      'time: 2 ps, timestep: 1 fs, stride: 50, replicas: 1}\n', text)
    text = text.replace('label_noise: 2', 'label_noise: 1')
    assert n == m == k == 1, 'mini.yaml has changed'
    return text


def reference():
    """The record of 15 Ha, GTH: its PBE is ABINIT's own, ours libxc's (up to 22 microeV/atom)."""
    path = os.path.join(SOURCE, '../shared/data/dft_reference.json')
    if ENGINE != 'abinit' or not os.path.exists(path):
        return
    with open(path) as f:
        r = next(r for r in json.load(f) if (r['frame_id'], r['code'], r['pseudo_set'], r['ecut_Ha']) == ('gamma_r2', 'abinit', 'gth', 15.0))
    with open('frame.extxyz', 'w') as f:
        f.write(f'{len(r["species"])}\nLattice="{" ".join(repr(x) for row in r["cell"] for x in row)}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
        f.writelines(s + ' ' + ' '.join(map(repr, p)) + '\n' for s, p in zip(r['species'], r['positions']))
    with open('label.yaml', 'w') as f:
        f.write('label: {engine: abinit, cutoff: 15 Ha, kpoints: gamma, smearing: none, convergence: tight, pseudopotentials: GTH-PBE}\n')
    alnd('label', 'frame.extxyz', '--config', 'label.yaml', '--out', 'out.extxyz', '--ranks', '2')
    with open('out.extxyz') as f:
        lines = f.read().split('\n')
    energy = float(re.search(r'\benergy=(\S+)', lines[1]).group(1))
    stress = [float(x) for x in re.search(r'\bstress="([^"]+)"', lines[1]).group(1).split()]
    forces = [[float(x) for x in line.split()[4:7]] for line in lines[2:2 + len(r['species'])]]
    apart = (1e6 * abs(energy - r['energy_eV']) / len(forces), max(abs(x - y) for f, g in zip(forces, r['forces_eV_A']) for x, y in zip(f, g)),
             160.21766 * max(abs(x - y) for x, y in zip(stress, sum(r['stress_eV_A3'], []))))
    print('16 atoms by alnd label, against the reference: %.2f microeV/atom, %.1e eV/Ang, %.1e GPa' % apart)
    assert apart[0] < 25 and apart[1] < 2e-5 and apart[2] < 2e-4


def main():
    if not shutil.which(PROGRAM) or not shutil.which('mpirun'):
        print('skipped: no', PROGRAM)
        sys.exit(77)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        shutil.copy(os.path.join(SOURCE, 'tests/system/li2s.extxyz'), '.')
        for name, text in (('loop.yaml', config()), ('basis.inp', BASIS)):
            with open(name, 'w') as f:
                f.write(text)
        reference()
        start = time.monotonic()
        alnd('start', 'loop.yaml')
        seconds = time.monotonic() - start
        for path in ('iterations/000/label', 'iterations/001/label', 'transport/Li2S.yaml'):
            assert os.path.exists('run/' + path), path + ' is missing'
        assert not os.path.isdir('run/iterations/002')
        with open('run/certificate.yaml') as f:
            certificate = f.read()
        print(f'{ENGINE}: the loop of two iterations took {seconds:.0f} s')
        print('\n'.join(line for line in certificate.splitlines() if re.search('rmse|labels|fingerprint|engine', line))[:2000])



main()
