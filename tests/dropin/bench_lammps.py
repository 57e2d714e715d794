#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Microseconds of processor time per atom and step of the stock LAMMPS on one core: deepmd-kit's library with the .pb (frozen, and compressed), ours with the
.dp (plain, double, mixed: ALND_PRECISION), in turn, the same input (../shared/bench/lammps_nve.in with a time step of 0.25 fs), the same model: random weights, the sizes
of ../shared/bench/deepmd_train.json. Run by hand:

bench_lammps.py BIN_DIR LIB_DIR MAKE_MODELS [REPETITIONS [PATTERN]]      PATTERN: only ways whose names it matches"""
import os
import re
import subprocess
import sys
import tempfile

PEER = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
VENV = os.path.dirname(PEER)
BIN, LIB, MAKE = (os.path.abspath(p) for p in sys.argv[1:4])
REPEAT = int(sys.argv[4]) if len(sys.argv) > 4 else 2
PATTERN = sys.argv[5] if len(sys.argv) > 5 else ''
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(SOURCE, '../shared')
ONE = {v: '1' for v in ('OMP_NUM_THREADS', 'TF_INTRA_OP_PARALLELISM_THREADS', 'TF_INTER_OP_PARALLELISM_THREADS',
                        'DP_INTRA_OP_PARALLELISM_THREADS', 'DP_INTER_OP_PARALLELISM_THREADS')}
ENV = dict(os.environ, **ONE, CUDA_VISIBLE_DEVICES='', TF_CPP_MIN_LOG_LEVEL='3', ALND_PYTHON=PEER,
           ALND_DEEPMD_C=os.path.join(LIB, 'alnd/libdeepmd_c.so'), PATH=VENV + ':' + os.environ['PATH'])


def run(*command, **env):
    p = subprocess.run(command, env=dict(ENV, **env), capture_output=True, text=True, timeout=900)
    if p.returncode:
        sys.exit(f'{" ".join(command)}: {p.returncode}\n{p.stdout[-2000:]}{p.stderr[-2000:]}')
    return p.stdout


def time_of(program, model, precision, atoms, steps):
    out = run('taskset', '-c', '1', program, '-in', 'nve.in', '-var', 'model', model, '-var', 'data', f'd{atoms}.lmp', '-var',
              'n', str(steps), ALND_PRECISION=precision)
    loop = float(re.search(r'Loop time of (\S+)', out).group(1))
    share = float(re.search(r'([\d.]+)% CPU use', out).group(1)) / 100  # of the processor; others may use it, too
    return loop * share * 1e6 / (atoms * steps)


def main(top):
    os.makedirs(os.path.join(top, 'run'))
    os.symlink(os.path.join(os.path.realpath(SHARED), 'data'), os.path.join(top, 'data'))
    os.chdir(os.path.join(top, 'run'))
    run(PEER, os.path.join(SHARED, 'bench/make_lammps_data.py'))
    with open(os.path.join(SHARED, 'bench/lammps_nve.in')) as f:
        text = f.read().replace('timestep 0.001', 'timestep 0.00025')
    with open('nve.in', 'w') as f:
        f.write(text)
    run(MAKE, '.', '1', 'full')
    run('dp', 'convert-backend', '0.dp', '0.pb')
    run(PEER, os.path.join(SOURCE, 'python/pbfix.py'), '0.pb', 'fixed.pb')
    run('dp', '--tf', 'compress', '-i', 'fixed.pb', '-o', 'compressed.pb')
    ways = (('deepmd-kit, frozen', os.path.join(VENV, 'lmp'), '0.pb', ''),
            ('deepmd-kit, compressed', os.path.join(VENV, 'lmp'), 'compressed.pb', '')) + tuple(
            (f'alnd, {p}', os.path.join(BIN, 'alnd-lmp'), '0.dp', p) for p in ('plain', 'double', 'mixed'))
    ways = [w for w in ways if re.search(PATTERN, w[0])]
    print('| atoms | ' + ' | '.join(w[0] for w in ways) + ' |\n' + '|---' * (len(ways) + 1) + '|', flush=True)
    for atoms, steps in ((64, 200), (512, 40), (4096, 8)):
        best = {}
        for _ in range(REPEAT):
            for name, program, model, precision in ways:
                t = time_of(program, model, precision, atoms, steps)
                best[name] = min(t, best.get(name, t))
        print(f'| {atoms} | ' + ' | '.join(f'{best[w[0]]:.1f}' for w in ways) + ' |', flush=True)


with tempfile.TemporaryDirectory(prefix='alnd-bench-') as d:
    main(d)
    os.chdir('/')
