#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Molecular dynamics of one system on several ranks, by the programs as users start them.

md_ranks.py BIN_DIR SOURCE_DIR MAKE_MODELS md        alnd md on 1, 2 and 3 ranks: the same trajectory; stopped and resumed on the same ranks:
                                                     the same bytes; on others: said, and the same trajectory
md_ranks.py BIN_DIR SOURCE_DIR MAKE_MODELS produce   the verb produce (NVT, NVE, deviation of a committee) on 1 and 3 ranks, and stopped"""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BIN, SOURCE, MODELS, MODE = [os.path.abspath(a) for a in sys.argv[1:4]] + [sys.argv[4]]
ENV = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1', OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1',
           OMPI_MCA_mpi_yield_when_idle='1')
LAST = 'went on with another number of ranks: equal within rounding, not bit for bit'


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def check(ok, text):
    if not ok:
        fail(text)


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def numbers(path):
    """Positions, and velocities and forces where they are, of all frames."""
    out = []
    for line in read(path).decode().splitlines():
        w = line.split()
        if len(w) > 3 and w[0] in ('Li', 'P', 'S', 'O'):
            out.append([float(x) for x in w[1:]])
    return out


def off(a, b):
    x, y = numbers(a), numbers(b)
    check(len(x) == len(y) and len(x) > 1000, f'{a}: {len(x)} atoms, {b}: {len(y)}')
    return max(abs(p - q) for v, w in zip(x, y) for p, q in zip(v, w))


def supercell(path, n):
    with open(os.path.join(SOURCE, 'configs/structures/beta.extxyz')) as f:
        lines = f.read().splitlines()
    cell = [float(x) for x in re.search('Lattice="([^"]*)"', lines[1])[1].split()]
    edge = [cell[0], cell[4], cell[8]]
    atoms = []
    for image in [(i, j, k) for i in range(n[0]) for j in range(n[1]) for k in range(n[2])]:
        for line in lines[2:]:
            w = line.split()
            atoms.append(' '.join([w[0]] + [repr(float(w[1 + c]) + image[c] * edge[c]) for c in range(3)]))
    with open(path, 'w') as f:
        f.write(f'{len(atoms)}\nLattice="{edge[0] * n[0]} 0 0 0 {edge[1] * n[1]} 0 0 0 {edge[2] * n[2]}" '
                'Properties=species:S:1:pos:R:3 pbc="T T T"\n' + '\n'.join(atoms) + '\n')


def md(out, ranks, stop=False, steps=300, model='models'):
    """alnd md; stop: interrupted as soon as it moves."""
    cmd = [os.path.join(BIN, 'alnd'), 'md', model + '/0.dp', 'start.extxyz', '--ensemble', 'nvt', '--temperature', '20 K', '--seed', '2', '--time', f'{steps} fs',
           '--stride', '20', '--config', 'close.yaml', '--out', out] + (['--ranks', str(ranks)] if ranks > 1 else [])
    p = subprocess.Popen(cmd, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
    while stop and p.poll() is None:
        if glob.glob(out + '/tasks/*/progress'):
            p.send_signal(signal.SIGINT)
            break
        time.sleep(0.02)
    text, _ = p.communicate(timeout=300)
    check(p.returncode == (3 if stop else 0), f'{out}: code {p.returncode}\n{text}')
    if not stop:
        check(f'{steps} steps' in text, text)
    return text


def test_md():
    supercell('start.extxyz', (3, 3, 4))
    with open('close.yaml', 'w') as f:  # a random potential does not keep atoms apart
        f.write('select: {min_distance: 0.1 Ang}\n')
    text = md('one', 1)
    check(LAST not in text, text)
    md('two', 2)
    check(0 < off('one/trajectory.extxyz', 'two/trajectory.extxyz') < 1e-6, 'two ranks: another trajectory, or not on two ranks')
    os.mkdir('heavy')  # slow enough to be stopped
    subprocess.run([MODELS, 'heavy', '1', 'full'], check=True)
    md('whole', 2, model='heavy')
    md('again', 2, stop=True, model='heavy')
    check(any(f.endswith('.history') for f in os.listdir('again')), 'no decomposition beside the checkpoint')
    text = md('again', 2, model='heavy')
    check(LAST not in text, text)
    for f in ('trajectory.extxyz', 'thermo.csv'):
        check(read('whole/' + f) == read('again/' + f), f'{f}: other bytes after a stop')
    for first, then in ((3, 1), (1, 2), (2, 3)):
        out = f'from{first}to{then}'
        md(out, first, steps=120)
        text = md(out, then)
        check(LAST in text, text)
        check(off('one/trajectory.extxyz', out + '/trajectory.extxyz') < 1e-6, out)
    # what a rank cannot do reaches the user
    shutil.copy('start.extxyz', 'gold.extxyz')
    with open('gold.extxyz') as f:
        text = f.read()
    with open('gold.extxyz', 'w') as f:
        f.write(text.replace('\nP ', '\nAu ', 1))
    p = subprocess.run([os.path.join(BIN, 'alnd'), 'md', 'models/0.dp', 'gold.extxyz', '--ensemble', 'nve', '--temperature', '100 K', '--time', '5 fs',
                        '--out', 'gold', '--ranks', '3'], env=ENV, capture_output=True, text=True, timeout=100)
    check(p.returncode == 1 and 'is Au, which the model does not know' in p.stderr, f'{p.returncode}\n{p.stdout}{p.stderr}')


LOOP = """name: ranks
seed: 3
workdir: run
systems:
  - {name: S, structure: start.extxyz}
select: {min_distance: 0.1 Ang}
explore: {temperatures: [60 K]}
production: {supercell: [2, 2, 2], temperatures: [60 K], equilibration: 0.05 ps, time: 0.16 ps, timestep: 0.2 fs, stride: 50, format: extxyz, replicas: 1, precision: double}
"""
TASK = """verb: produce
task: production/S-60K-0
identity: '{0}'
config: loop.yaml
iteration: -1
system: S
index: 0
temperature: 60
threads: 1
inputs:
  start: start.extxyz
  models: [models/0.dp, models/1.dp]
"""


def produce(run, ranks, stop=False):
    d = run + '/production/S-60K-0'
    if not os.path.exists(d):
        os.makedirs(d)
        supercell(run + '/start.extxyz', (1, 1, 1))
        os.symlink(os.path.abspath('models'), run + '/models')
        for path, text in ((run + '/loop.yaml', LOOP), (d + '/task.yaml', TASK.format('0' * 64))):
            with open(path, 'w') as f:
                f.write(text)
    cmd = ['mpirun', '--oversubscribe', '-np', str(ranks)] if ranks > 1 else []
    p = subprocess.Popen(cmd + [os.path.join(BIN, 'alnd-worker'), 'produce', 'production/S-60K-0/task.yaml'], cwd=run, env=ENV,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while stop and p.poll() is None:
        if os.path.exists(d + '/progress') and b' NVE ' in read(d + '/progress'):
            open(d + '/stop', 'w').close()
            break
        time.sleep(0.01)
    text, _ = p.communicate(timeout=300)
    if stop:
        os.unlink(d + '/stop')
    check(p.returncode == (3 if stop else 0), f'{run}: code {p.returncode}\n{text}')
    if stop:
        return {}
    result = read(d + '/result.yaml').decode()
    check('status: done' in result and 'all steps done' in result, result)
    return {k: float(v) for k, v in re.findall(r'^  (\w+): ([-+.\de]+)$', result, re.M)}


def test_produce():
    one, three = produce('one', 1), produce('three', 3)
    for key in ('deviation_mean', 'deviation_max', 'temperature', 'pressure_gpa'):
        check(one[key] != 0 and abs(one[key] - three[key]) < 1e-6 * abs(one[key]), f'{key}: {one[key]} and {three[key]}')
    name = '/production/S-60K-0/traj.extxyz'
    check(off('one' + name, 'three' + name) < 1e-6, 'three ranks: another trajectory')
    produce('again', 3, stop=True)
    again = produce('again', 3)
    check(read('three' + name) == read('again' + name), 'other bytes after a stop')
    check(again == three, f'{again}\n{three}')


TOP = tempfile.mkdtemp(prefix='alnd-ranks-')
try:
    os.chdir(TOP)
    os.mkdir('models')
    subprocess.run([MODELS, 'models', '2'] + (['full'] if MODE == 'produce' else []), check=True)
    test_md() if MODE == 'md' else test_produce()
finally:
    os.chdir('/')
    if not os.environ.get('ALND_KEEP'):
        shutil.rmtree(TOP)
