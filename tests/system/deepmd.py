#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""train.engine: deepmd with the real deepmd-kit, as its user has it.

deepmd.py BIN_DIR SOURCE_DIR hand    alnd train --engine deepmd by hand: model, curve, summary; warm start from a
                                     model of ours; the model's energies and forces by deepmd-kit itself equal to ours
deepmd.py BIN_DIR SOURCE_DIR kill    a training by hand, its worker killed, stopped by Ctrl-C, and gone on
deepmd.py BIN_DIR SOURCE_DIR loop    stacks.yaml to its end with deepmd-kit and LAMMPS: what is missing or not allowed is refused before anything is
                                     created; warm start from iteration to iteration; every task's input.json
Exit 77: skipped (no deepmd-kit: ALND_PEER_PYTHON or /opt/dpvenv/bin/python names its environment; no pseudopotentials)."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bench_stacks

BIN, SOURCE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
HERE = os.path.join(SOURCE, 'tests/system')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
PYTHON = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
DP = os.path.join(os.path.dirname(PYTHON), 'dp')
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', ALND_PSEUDO_DIR=PSEUDO)
SMALL = ('--descriptor.rcut', '4.5 Ang', '--descriptor.neurons', '[4, 8]', '--descriptor.axis_neurons', '2', '--fitting.neurons', '[10, 10]')

# Energies and forces of a .pb by deepmd-kit for the frames of an extended XYZ, as JSON.
BY_DEEPMD = r'''
import json, sys
import numpy as np
from ase.io import read
from deepmd.infer import DeepPot
dp, out = DeepPot(sys.argv[1]), []
names = dp.get_type_map()
for a in read(sys.argv[2], ':'):
    e, f, v = dp.eval(a.positions.reshape(1, -1), a.cell.array.reshape(1, -1), [names.index(s) for s in a.get_chemical_symbols()])[:3]
    out.append({'energy': float(e.ravel()[0]), 'forces': np.asarray(f).reshape(-1, 3).tolist()})
json.dump(out, sys.stdout)
'''


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def check(ok, text):
    if not ok:
        fail(text)


def alnd(*args, code=0, limit=900, env=ENV):
    p = subprocess.run([os.path.join(BIN, 'alnd'), *args], capture_output=True, text=True, timeout=limit, env=env)
    check(p.returncode == code, f'alnd {" ".join(args)}: exit {p.returncode}, not {code}: {p.stdout[-1500:]}{p.stderr[-1500:]}')
    return p.stdout + p.stderr


def dp_lives(d):
    """A process that works in a directory below."""
    here = os.path.realpath(d)
    for p in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{p}/cwd').startswith(here + '/deepmd'):
                return int(p)
        except OSError:
            pass


def steps(path):
    return [int(r.split()[0]) for r in open(path).read().splitlines() if not r.startswith('#')]


def frames(path, n, seed):
    """Frames of Li2S-like cells labelled by a pair potential: nothing of physics, but smooth."""
    import random
    r = random.Random(seed)
    with open(path, 'w') as f:
        for _ in range(n):
            x = [[(i + 0.15 * r.gauss(0, 1)) * 2.8 for i in (a, b, c)] for a in range(2) for b in range(2) for c in range(2)]
            z = ['Li', 'S'] * 4
            force, energy = [[0.0] * 3 for _ in x], 0.0
            for i in range(8):
                for j in range(8):
                    for s in ((p, q, t) for p in (-1, 0, 1) for q in (-1, 0, 1) for t in (-1, 0, 1)):
                        d = [x[j][k] + 5.6 * s[k] - x[i][k] for k in range(3)]
                        u = sum(v * v for v in d)
                        if u < 1e-12 or u > 9:
                            continue
                        w = (1 - u / 9) ** 3  # to zero at 3 Ang
                        energy += 0.5 * w
                        for k in range(3):
                            force[i][k] += 2 * 3 * (1 - u / 9) ** 2 / 9 * d[k] * -1
            f.write(f'8\nLattice="5.6 0 0 0 5.6 0 0 0 5.6" Properties=species:S:1:pos:R:3:forces:R:3 energy={energy:.12f} pbc="T T T"\n')
            for s, p, q in zip(z, x, force):
                f.write(s + ''.join(f' {v:.10f}' for v in p + q) + '\n')


def kill():
    frames('a.extxyz', 20, 1)
    args = ('train', 'a.extxyz', '--out', 'hurt', '--engine', 'deepmd', '--deepmd', DP, '--steps', '20000', *SMALL)
    for how in (signal.SIGKILL, signal.SIGINT):
        p = subprocess.Popen([os.path.join(BIN, 'alnd'), *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV)
        before = steps('hurt/lcurve.out')[-1:] if os.path.exists('hurt/lcurve.out') else []
        limit = time.time() + 300
        while not glob.glob('hurt/deepmd/model.ckpt-*.meta') or steps('hurt/deepmd/lcurve.out')[-1] < (before or [0])[0] + 2000:
            check(p.poll() is None and time.time() < limit, f'it ended early or hangs: {p.poll()} {p.stdout.read() if p.poll() is not None else ""}')
            time.sleep(0.05)
        if how == signal.SIGKILL:  # the worker: the daemon starts it again by itself, from the checkpoint
            dp = dp_lives('hurt')
            os.kill(int(open(f'/proc/{dp}/stat').read().rsplit(')', 1)[1].split()[1]), how)
            time.sleep(1)
            check(dp_lives('hurt') != dp, 'dp outlives its worker')
            while open('hurt/train.log').read().count('ev=resume') < 1:
                check(p.poll() is None and time.time() < limit, f'it was not started again: {p.poll()}')
                time.sleep(0.05)
        p.send_signal(signal.SIGINT)
        check(p.wait(timeout=120) == 3, f'Ctrl-C: exit {p.returncode}')
        check(not dp_lives('hurt'), 'dp works on after Ctrl-C')
    alnd(*args)
    check(steps('hurt/lcurve.out') == list(range(0, 20001, 100)), f'rows of the curve: {steps("hurt/lcurve.out")}')
    said = [int(s) for s in re.findall(r'ev=resume step=(\d+)', open('hurt/train.log').read())]
    print('went on from steps', said)
    check(len(said) >= 2 and all(s >= 1000 for s in said), 'it began anew')
    check(not glob.glob('hurt/deepmd/model.ckpt*') and not os.path.exists('hurt/deepmd/data'), 'checkpoints or data are left behind')


def hand():
    frames('a.extxyz', 20, 1)
    frames('b.extxyz', 5, 2)
    out = alnd('train', 'a.extxyz', '--out', 'no', '--engine', 'deepmd', '--deepmd', 'alnd-no-such-dp', code=2)
    check('alnd-no-such-dp' in out and 'deepmd-kit[cpu]' in out, out)
    out = alnd('train', 'a.extxyz', '--out', 'no', '--engine', 'deepmd', '--optimiser', 'soap', code=2)
    check('adam only' in out, out)
    open('c.yaml', 'w').write(f'resources: {{deepmd: {DP}}}\n')
    out = alnd('train', 'a.extxyz', '--out', 'no', '--engine', 'deepmd', '--config', 'c.yaml', code=2)
    check('a file says so' in out and '--deepmd' in out, out)
    check(not os.path.exists('no'), 'something was created')
    out = alnd('train', 'a.extxyz', '--valid', 'b.extxyz', '--out', 'one', '--engine', 'deepmd', '--deepmd', DP, '--steps', '1010', *SMALL)
    for name in ('model.dp', 'lcurve.out', 'summary.yaml', 'train.log', 'deepmd/input.json', 'deepmd/frozen.pb', 'deepmd/dp.log'):
        check(os.path.getsize('one/' + name) > 0, name)
    check(steps('one/lcurve.out') == list(range(0, 1001, 20)), str(steps('one/lcurve.out')))
    j = json.load(open('one/deepmd/input.json'))
    check(j['learning_rate'] == {'type': 'exp', 'start_lr': 1e-3, 'stop_lr': 3.51e-8, 'decay_steps': 5}, str(j['learning_rate']))
    check('engine: deepmd' in open('one/summary.yaml').read(), 'summary.yaml does not name the engine')
    same_numbers('one')
    # from a model of ours
    alnd('train', 'a.extxyz', '--valid', 'b.extxyz', '--out', 'ours', '--steps', '500', *SMALL)
    alnd('train', 'a.extxyz', '--valid', 'b.extxyz', '--out', 'on', '--engine', 'deepmd', '--deepmd', DP, '--steps', '200', '--from', 'ours/model.dp',
         '--learning_rate.start', '1e-7', '--learning_rate.stop', '1e-8')
    a, b = (float(re.search(r'^train: .*?force: ([\d.e-]+)', open(f'{d}/summary.yaml').read(), re.M)[1]) for d in ('ours', 'on'))
    print(f'force error of a model of ours {a:.6f}, after 200 steps of deepmd-kit at a rate of 1e-7 {b:.6f} eV/Ang')
    untrained = float(open('one/lcurve.out').read().splitlines()[2].split()[6])  # rmse_f_trn of step 0
    check(abs(a - b) < 0.01 * a and a < 0.5 * untrained, f'deepmd-kit did not start from our model (untrained: {untrained})')


def same_numbers(d):
    """The model as deepmd-kit has it (frozen.pb) and as we took it (model.dp): energies and forces of the same frames."""
    p = subprocess.run([PYTHON, '-c', BY_DEEPMD, f'{d}/deepmd/frozen.pb', 'b.extxyz'], capture_output=True, text=True, timeout=300, env=ENV)
    check(p.returncode == 0, p.stderr[-1500:])
    theirs = json.loads(p.stdout[p.stdout.index('['):])
    alnd('test', f'{d}/model.dp', 'b.extxyz', '--out', d + '-test')
    rows = [r.split(',') for r in open(d + '-test/parity.csv').read().splitlines()]
    head, rows = rows[0], rows[1:]
    print('parity.csv:', ','.join(head))
    worst = {'energy': 0.0, 'forces': 0.0}
    n = {'energy': 0, 'forces': 0}
    for r in rows:
        r = dict(zip(head, r))
        f = int(r['frame'])
        if r['quantity'] == 'energy':
            worst['energy'] = max(worst['energy'], abs(float(r['model']) - theirs[f]['energy'] / 8))
            n['energy'] += 1
        elif r['quantity'] == 'force':
            want = theirs[f]['forces'][int(r['atom'])]['xyz'.index(r['component'])]
            worst['forces'] = max(worst['forces'], abs(float(r['model']) - want))
            n['forces'] += 1
    print('deepmd-kit and alnd on its model: energies apart by %.1e eV/atom, forces by %.1e eV/Ang' % (worst['energy'], worst['forces']))
    check(n == {'energy': 5, 'forces': 120} and worst['energy'] < 1e-9 and worst['forces'] < 1e-9, f'{worst} {n}')


def loop():
    shutil.copy(os.path.join(HERE, 'li2s.extxyz'), '.')
    text = bench_stacks.loop(open(os.path.join(HERE, 'stacks.yaml')).read(), 'kit')
    open('no.yaml', 'w').write(text.replace(DP, 'alnd-no-such-dp'))
    before = sorted(os.listdir('.'))
    out = alnd('start', 'no.yaml', '--allow-commands', code=2)
    check('train.engine is deepmd' in out and 'alnd-no-such-dp' in out, out)
    check(sorted(os.listdir('.')) == before, 'a missing dp: something was created')
    open('stacks.yaml', 'w').write(text)
    out = alnd('start', 'stacks.yaml', code=2)
    check('--allow-commands' in out, out)
    t0 = time.time()
    alnd('start', 'stacks.yaml', '--allow-commands', limit=1700)
    print(f'two iterations with deepmd-kit and LAMMPS: {time.time() - t0:.0f} s')
    seeds = set()
    for i in range(2):
        for k in range(2):
            d = f'run/iterations/{i:03d}/train/{k}'
            j = json.load(open(d + '/deepmd/input.json'))
            seeds.add((j['training']['seed'], j['model']['descriptor']['seed'], j['model']['fitting_net']['seed']))
            check(j['training']['numb_steps'] == (4000 if i else 6000), d)
            check(('from the frozen model' in open(d + '/deepmd/dp.log').read()) == (i > 0), f'{d}: warm start')
            check(steps(d + '/lcurve.out')[-1] == j['training']['numb_steps'], d + '/lcurve.out')
            check('status: done' in open(d + '/result.yaml').read(), d)
    check(len(seeds) == 4, f'members or iterations with the same seeds: {seeds}')
    check(os.path.getsize('run/models/graph.1.dp') > 0 and os.path.getsize('run/report.html') > 0, 'models or report are missing')
    for path in ('iterations/001/explore/Li2S-300K/lammps-checkpoint/in.lammps', 'production/Li2S-300K-0/traj.extxyz'):
        check(os.path.getsize('run/' + path) > 0, path)


if not os.path.exists(DP):
    print(f'skipped: no {DP} (pip install "deepmd-kit[cpu,lmp]"; ALND_PEER_PYTHON names its Python)')
    sys.exit(77)
if MODE == 'loop' and not glob.glob(os.path.join(PSEUDO, 'SPMS', '*Li*.psp8')):
    print(f'skipped: no pseudopotentials in {PSEUDO}/SPMS')
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix='alnd-deepmd-') as top:
    os.chdir(top)
    {'hand': hand, 'kill': kill, 'loop': loop}[MODE]()
    os.chdir('/')
