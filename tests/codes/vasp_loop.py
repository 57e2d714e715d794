#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""vasp_loop.py BIN_DIR SOURCE_DIR: label.engine: vasp from the command line with the stand-in for VASP (replay_vasp.py): alnd label with a template,
a directory of POTCARs and a launcher; then a loop of two iterations to its end."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import vasp_make as make

BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
REPLAY = os.path.join(SOURCE, 'tests/codes/replay_vasp.py')
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
ZVAL = {'Li': 1, 'S': 6}


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def alnd(*args):
    return subprocess.run([os.path.join(BIN, 'alnd'), *args], capture_output=True, text=True, timeout=600, env=ENV, check=False)


def potcars():
    for s, z in ZVAL.items():
        os.makedirs('potpaw/' + s)
        with open(f'potpaw/{s}/POTCAR', 'w', encoding='ascii') as f:
            f.write(f'  PAW_PBE {s} 01Jan2000\n   {z}.0\n   VRHFIN ={s}: s1\n   LEXCH  = PE\n   TITEL  = PAW_PBE {s} 01Jan2000\n'
                    f'   POMASS =    6.941; ZVAL   =    {z}.000    mass and valenz\n   ENMAX  =  200.000; ENMIN  =  150.000 eV\n End of Dataset\n')


def label():
    symbols, cell = ['S', 'Li', 'Li'], [[5.0, 0, 0], [0.3, 5.2, 0], [0, 0, 5.4]]
    pos = [[1.1, 2.0, 3.0], [0.1, 0.2, 0.3], [3.0, 3.1, 1.0]]
    with open('frame.extxyz', 'w', encoding='ascii') as f:
        f.write('3\nLattice="' + ' '.join(repr(x) for r in cell for x in r) + '" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
        f.writelines(f'{s} {p[0]} {p[1]} {p[2]}\n' for s, p in zip(symbols, pos))
    config = 'label: {engine: vasp, cutoff: 300 eV, kpoints: gamma, pseudopotentials: ./potpaw, template: my.incar, program: %s, launcher: []}\nresources: {cores: 1}\n'
    with open('c.yaml', 'w', encoding='ascii') as f:
        f.write(config.replace('300 eV', '12 Ha') % REPLAY)
    with open('my.incar', 'w', encoding='ascii') as f:
        f.write('ISPIN = 2\nMAGMOM = S:0.5\nNCORE = 2\n')
    p = alnd('label', 'frame.extxyz', '--config', 'c.yaml', '--out', 'l.extxyz')
    check(p.returncode != 0 and 'allow-commands' in p.stdout + p.stderr, 'a program by its path without --allow-commands: ' + p.stdout + p.stderr)
    p = alnd('label', 'frame.extxyz', '--config', 'c.yaml', '--out', 'l.extxyz', '--allow-commands')
    check(p.returncode == 0, p.stdout + p.stderr)
    with open('l.extxyz', encoding='ascii') as f:
        lines = f.read().splitlines()
    e, force, virial = make.toy(cell, symbols, pos)
    found = {k: v.strip('"') for k, v in re.findall(r'(\w+)=("[^"]*"|\S+)', lines[1])}
    check(abs(float(found['energy']) - e) < 1e-8, lines[1])
    stress = [float(x) for x in found['stress'].split()]
    check(max(abs(stress[i] + virial[i // 3][i % 3] / make.det(cell)) for i in range(9)) < 1e-8, 'stress: ' + lines[1])
    rows = [line.split() for line in lines[2:5]]
    check([r[0] for r in rows] == symbols, 'order of atoms')
    check(max(abs(float(r[4 + k]) - force[i][k]) for i, r in enumerate(rows) for k in range(3)) < 6e-7, 'forces')
    with open('my.incar', 'a', encoding='ascii') as f:
        f.write('SYSTEM = replay:cut\n')
    p = alnd('label', 'frame.extxyz', '--config', 'c.yaml', '--out', 'm.extxyz', '--allow-commands')
    check(p.returncode == 1 and 'cut short' in p.stdout + p.stderr, 'cut short: ' + p.stdout + p.stderr)
    with open('my.incar', 'a', encoding='ascii') as f:
        f.write('NSW = 5\n')
    p = alnd('label', 'frame.extxyz', '--config', 'c.yaml', '--out', 'n.extxyz', '--allow-commands')
    check(p.returncode != 0 and 'NSW = 5' in p.stdout + p.stderr and ':5' in p.stdout + p.stderr, 'NSW: ' + p.stdout + p.stderr)


def loop():
    with open(os.path.join(SOURCE, 'tests/system/mini.yaml'), encoding='utf-8') as f:
        text = f.read()
    text, n = re.subn(r'label: \{cutoff: 8 Ha, (.*)pseudopotentials: SPMS\}',
                      rf'label: {{engine: vasp, program: {REPLAY}, launcher: [], cutoff: 8 Ha, \1pseudopotentials: ./potpaw}}', text)
    text, m = re.subn(r'\n  aimd: .*', '', text)
    text, k = re.subn('volume: npt, volume_time: 2 ps, pressure: -100 GPa', 'volume: fixed', text)  # nothing holds the toy potential together
    check(n == m == k == 1, 'mini.yaml has changed')
    text = text.replace('label_noise: 2', 'label_noise: 1').replace('time: 10 ps', 'time: 2 ps')
    with open('mini.yaml', 'w', encoding='utf-8') as f:
        f.write(text)
    shutil.copy(os.path.join(SOURCE, 'tests/system/li2s.extxyz'), '.')
    p = alnd('start', 'mini.yaml', '--allow-commands')
    check(p.returncode == 0, f'exit {p.returncode}: {p.stdout[-2000:]}{p.stderr[-2000:]}')
    seen = 0
    for path in glob.glob('run/initial/*/label/*/labelled.extxyz') + glob.glob('run/iterations/*/label/*/labelled.extxyz'):
        with open(path, encoding='ascii') as f:
            seen += f.read().count('fingerprint=')
    check(seen > 10, f'{seen} labels')
    check(not glob.glob('run/**/failed.extxyz', recursive=True), 'frames failed')
    for path in ('iterations/001/errors.yaml', 'report.html', 'certificate.yaml'):
        check(os.path.exists('run/' + path), path + ' is missing')
    print(f'{seen} labels by the stand-in, two iterations, no failures')


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    potcars()
    label()
    loop()
    os.chdir('/')
