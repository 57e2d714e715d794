#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The mission's own figure: wall time of 1000 steps of first-principles MD against 1000 steps of MD with the potential, same cell, same
cores, ours and the peers' in turn in one run (the study that the mission starts from: 12,000 s and 90 s on 36 cores). By hand.

    bench_md.py BIN_DIR EXPORT [--cores 2] [--dft-steps 12] [--steps 1000] [--temperature 600] [--qe-conv 1e-6] [--no-peer]

BIN_DIR: build/release/bin; EXPORT: what `alnd export` wrote, whose loop.yaml has the label settings and whose models/graph.0.dp is the
potential. Cell: beta-Li3PS4, 32 atoms (configs/structures). Of first-principles MD --dft-steps are run and scaled to 1000, ours and pw.x's
(calculation='md', second-order extrapolation of density and orbitals) without the first, which is from scratch; pw.x converges to --qe-conv Ry. The
potential: alnd on all cores; the LAMMPS of deepmd-kit with that potential converted and, where it has no angles, compressed, on as many MPI ranks, and on one.
--dft-steps 0: the potential alone.
Exit code 77: something is missing."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE, 'tests/dft'), os.path.join(SOURCE, 'tests/dft/peer')]
import bench_qe
import qe
import upf
from common import ENV, Settings, launcher, skip, spms

PEER = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
STRUCTURE = os.path.join(SOURCE, 'configs/structures/beta.extxyz')
TYPES = ['Li', 'O', 'P', 'S']
MASS = {'Li': 6.94, 'O': 15.999, 'P': 30.974, 'S': 32.06}


def run(cmd, cwd, env=ENV, limit=3600):
    p = subprocess.run(cmd, cwd=cwd, env=env, capture_output=True, text=True, timeout=limit)
    if p.returncode:
        sys.exit(f'{" ".join(cmd)}: exit {p.returncode}\n{p.stdout[-2000:]}\n{p.stderr[-2000:]}')
    return p.stdout


def alnd_md(a, where, what, name, steps, more):
    out = run([os.path.join(a.bin, 'alnd'), 'md', what, STRUCTURE, '--ensemble', 'nve', '--temperature', f'{2 * a.temperature} K', '--time', f'{steps} fs',
               '--timestep', '1 fs', '--stride', '10', '--cores', str(a.cores), '--out', name, *more], where, dict(ENV, ALND_PSEUDO_DIR=a.pseudo))
    return float(re.search(r', ([\d.e+-]+) s a step', out)[1])


def dft_peer(a, where):
    frame = next(iter(bench_qe.read_frames(STRUCTURE)))
    s = Settings(ecut=30, pseudo=spms(*frame.kinds()), mesh=(1, 2, 2), shift=(0, 1, 1), tight=False)  # spacing 0.55 1/Ang in this cell
    for k in frame.kinds():
        upf.write(s.pseudo[k], k, os.path.join(where, k + '.UPF'))
    text = qe.input_text(frame, s, a.qe_conv).replace("calculation='scf'", f"calculation='md',nstep={a.dft_steps},dt=20.6707,iprint=1")  # 1 fs
    text = text.replace('ATOMIC_SPECIES', f"&ions\nion_dynamics='verlet',ion_temperature='initial',tempw={2 * a.temperature},"
                                                            "pot_extrapolation='second_order',wfc_extrapolation='second_order'\n/\nATOMIC_SPECIES", 1)
    for k in frame.kinds():
        text = text.replace(f'{k} 1.0 {k}.UPF', f'{k} {MASS[k]} {k}.UPF')
    with open(os.path.join(where, 'md.in'), 'w') as f:
        f.write(text)
    pools = ['-nk', '2'] if a.cores % 2 == 0 else []
    out = run(launcher(a.cores) + ['pw.x', *pools, '-in', 'md.in'], where)
    # the processor time told last before the end of each SCF; the wall clock of pw.x stands only at its end
    ends = [m.start() for m in re.finditer('convergence has been achieved', out)]
    at = [float(re.findall(r'total cpu time spent up to now is\s+([\d.]+) secs', out[:e])[-1]) for e in ends]
    if len(at) < 3:
        sys.exit('pw.x: no MD steps in\n' + out[-2000:])
    wall = re.search(r'PWSCF\s+:.*CPU\s+(?:(\d+)m)?\s*([\d.]+)s WALL', out)
    scale = (60 * float(wall[1] or 0) + float(wall[2])) / cpu_of(out)
    return scale * (at[-1] - at[0]) / (len(at) - 1)


def cpu_of(out):
    m = re.search(r'PWSCF\s+:\s+(?:(\d+)m)?\s*([\d.]+)s CPU', out)
    return 60 * float(m[1] or 0) + float(m[2])


def lammps(a, where, ranks, compressed):
    frame = next(iter(bench_qe.read_frames(STRUCTURE)))
    c = frame.cell
    with open(os.path.join(where, 'd.lmp'), 'w') as f:
        f.write(f'cell\n\n{len(frame.symbols)} atoms\n{len(TYPES)} atom types\n0 {c[0][0]} xlo xhi\n0 {c[1][1]} ylo yhi\n0 {c[2][2]} zlo zhi\n\nMasses\n\n')
        f.writelines(f'{i + 1} {MASS[t]}\n' for i, t in enumerate(TYPES))
        f.write('\nAtoms\n\n')
        f.writelines(f'{i + 1} {TYPES.index(s) + 1} {x[0]} {x[1]} {x[2]}\n' for i, (s, x) in enumerate(zip(frame.symbols, frame.positions)))
    with open(os.path.join(where, 'in.md'), 'w') as f:
        f.write(f'units metal\natom_style atomic\nboundary p p p\nread_data d.lmp\npair_style deepmd {compressed}\npair_coeff * * {" ".join(TYPES)}\n'
                'neighbor 1.0 bin\nneigh_modify every 10 delay 0 check yes\n'
                f'velocity all create {2 * a.temperature} 1234\ntimestep 0.001\nfix 1 all nve\nthermo 100\nrun 20\nrun {a.steps}\n')
    venv = os.path.dirname(PEER)
    cmd = [os.path.join(venv, 'lmp'), '-in', 'in.md']
    if ranks > 1:
        cmd = [os.path.join(venv, 'mpirun'), '-np', str(ranks)] + cmd
    one = {v: '1' for v in ('TF_INTRA_OP_PARALLELISM_THREADS', 'TF_INTER_OP_PARALLELISM_THREADS', 'DP_INTRA_OP_PARALLELISM_THREADS',
                            'DP_INTER_OP_PARALLELISM_THREADS')}
    out = run(cmd, where, dict(ENV, **one, CUDA_VISIBLE_DEVICES='', TF_CPP_MIN_LOG_LEVEL='3', PATH=venv + ':' + os.environ['PATH']))
    return float(re.findall(r'Loop time of (\S+)', out)[-1]) / a.steps


def convert(a, where):
    venv = os.path.dirname(PEER)
    env = dict(ENV, TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='', PATH=venv + ':' + os.environ['PATH'])
    shutil.copy(os.path.join(a.export, 'models/graph.0.dp'), os.path.join(where, 'g.dp'))
    with open(os.path.join(a.export, 'models/graph.0.dp'), 'rb') as f:
        if b'"alnd_angular (' in f.read(): # deepmd-kit cannot compress these
            run([PEER, os.path.join(SOURCE, 'python/dp_angular.py'), 'g.dp', 'g.pb'], where, env)
            return 'g.pb', 'not compressed'
    run([os.path.join(venv, 'dp'), 'convert-backend', 'g.dp', 'g.pb'], where, env)
    run([PEER, os.path.join(SOURCE, 'python/pbfix.py'), 'g.pb', 'fixed.pb'], where, env)
    run([os.path.join(venv, 'dp'), '--tf', 'compress', '-i', 'fixed.pb', '-o', 'c.pb'], where, env)
    return 'c.pb', 'compressed'


def line(who, cores, per_step, how):
    print(f'| {who} | {cores} | {1000 * per_step:.3g} | {how} |', flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('bin')
    p.add_argument('export')
    p.add_argument('--cores', type=int, default=2)
    p.add_argument('--dft-steps', type=int, default=12)
    p.add_argument('--steps', type=int, default=1000)
    p.add_argument('--temperature', type=float, default=600)
    p.add_argument('--qe-conv', type=float, default=1e-6)
    p.add_argument('--no-peer', action='store_true')
    a = p.parse_args()
    a.bin, a.export = os.path.abspath(a.bin), os.path.abspath(a.export)
    a.pseudo = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
    if not a.no_peer:
        if a.dft_steps:
            qe.need()
        if not os.path.exists(PEER):
            skip(f'no {PEER} (deepmd-kit with its LAMMPS)')
    print('1000 steps of 1 fs, beta-Li3PS4, 32 atoms\n\n| | cores | s | how |\n|---|---|---|---|', flush=True)
    config = ['--config', os.path.join(a.export, 'loop.yaml')]
    model = os.path.join(a.export, 'models/graph.0.dp')
    with tempfile.TemporaryDirectory(prefix='alnd-bench-') as d:
        if a.dft_steps:
            line('alnd, first principles', a.cores, alnd_md(a, d, 'dft', 'dft', a.dft_steps, [*config, '--ranks', str(a.cores)]), f'{a.dft_steps} steps')
        if a.dft_steps and not a.no_peer:
            line('pw.x, first principles', a.cores, dft_peer(a, d), f'{a.dft_steps} steps, conv_thr {a.qe_conv:g} Ry')
        line('alnd, potential', a.cores, alnd_md(a, d, model, 'nn', a.steps, ['--threads', str(a.cores)]), f'{a.steps} steps')
        line('alnd, potential', 1, alnd_md(a, d, model, 'nn1', a.steps, ['--threads', '1']), f'{a.steps} steps')
        if not a.no_peer:
            potential, how = convert(a, d)
            for ranks in (a.cores, 1):
                line('deepmd-kit in LAMMPS, ' + how, ranks, lammps(a, d, ranks, potential), f'{a.steps} steps')


main()
