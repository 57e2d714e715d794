#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""`alnd export` of a real (tiny) campaign, and everything that the hand-off promises, tried with deepmd-kit, LAMMPS and ASE:
convert.sh --compress, forces of the converted and compressed .pb against ours, `dp test` against our own error, LAMMPS on the .dp and on
the .pb files, ase_md.py both ways. With zbl: of models with repulsion, whose networks alone go through deepmd-kit and with pair_style zbl
give in LAMMPS what the whole models do. With angular: of models with angles, which dp_angular.py converts and which have no compressed form.

handoff.py BIN_DIR LIB_DIR SOURCE_DIR [zbl | angular]     with the Python that has deepmd-kit, LAMMPS and ASE (ALND_PEER_PYTHON or
/opt/dpvenv/bin/python). Exit 77: skipped."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) # instead of this directory: its deepmd.py is not deepmd-kit
import peer

PEER = peer.PYTHON
peer.use('ase')

import numpy as np

BIN, LIB, SOURCE = (os.path.abspath(p) for p in sys.argv[1:4])
ZBL, ANGULAR = sys.argv[4:] == ['zbl'], sys.argv[4:] == ['angular']
NETWORKS = 'without_zbl.' if ZBL else ''
HERE = os.path.join(SOURCE, 'tests/system')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
ENV = dict(os.environ, OMP_NUM_THREADS='1', TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='', ALND_PYTHON=PEER,
           TF_INTRA_OP_PARALLELISM_THREADS='1', TF_INTER_OP_PARALLELISM_THREADS='1',
           PATH=os.path.dirname(PEER) + ':' + os.environ['PATH'], ALND_LIBRARY=os.path.join(LIB, 'libalnd.so.0'),
           ALND_DEEPMD_C=os.path.join(LIB, 'alnd/libdeepmd_c.so'))
os.environ['ALND_LIBRARY'] = ENV['ALND_LIBRARY']
sys.path.insert(0, os.path.join(SOURCE, 'python'))
import alnd


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def run(*command, cwd=None, env=ENV, limit=400):
    p = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=limit)
    if p.returncode:
        fail(f'{" ".join(command)}: exit code {p.returncode}\n{p.stdout[-3000:]}\n{p.stderr[-3000:]}')
    return p.stdout + p.stderr


def close(what, a, b, tolerance):
    worst = np.abs(np.asarray(a) - np.asarray(b)).max()
    print(f'  {what:42s} {worst:.1e}')
    if np.shape(a) != np.shape(b) or not worst <= tolerance:
        fail(f'{what} differs by {worst:.2e}, more than {tolerance:.0e}')


def frames(system):
    names = open(system + '/type_map.raw').read().split()
    symbols = [names[int(t)] for t in open(system + '/type.raw').read().split()]
    for s in sorted(glob.glob(system + '/set.*')):
        x, box = (np.load(f'{s}/{n}.npy') for n in ('coord', 'box'))
        force = np.load(s + '/force.npy')
        for k in range(len(x)):
            yield symbols, x[k].reshape(-1, 3), box[k].reshape(3, 3), force[k].reshape(-1, 3)


def compare_models(system):
    """Ours against DeepPot, on every frame; our error against that of `dp test`."""
    from deepmd.infer import DeepPot
    error, n = 0.0, 0
    kinds = [('pb', 1e-10)] + [('compressed.pb', 1e-7)] * (not ANGULAR)
    for k in range(2):
        ours = alnd.Model(f'models/graph.{k}.{NETWORKS}dp')
        for kind, tolerance in kinds:
            peer = DeepPot(f'models/graph.{k}.{NETWORKS}{kind}')
            e, f, v = [], [], []
            for symbols, x, box, label in frames(system):
                r = ours.evaluate(x, symbols=symbols, cell=box)
                types = [peer.get_type_map().index(s) for s in symbols]
                pe, pf, pv = peer.eval(x.reshape(1, -1), box.reshape(1, 9), types)[:3]
                e.append(r.energy - pe.item())
                f.append(r.forces - pf[0])
                v.append(r.virial.ravel() - pv.ravel())
                if k == 0 and kind == 'pb':
                    error, n = error + ((r.forces - label) ** 2).sum(), n + r.forces.size
                    if not np.abs(r.forces).max() > 1e-4:
                        fail('forces are zero')
            for what, d in (('energy', e), ('forces', f), ('virial', v)):
                close(f'{what}, graph.{k}.{kind}', np.zeros_like(np.concatenate([np.ravel(q) for q in d])),
                      np.concatenate([np.ravel(q) for q in d]), tolerance)
    out = run('dp', 'test', '-m', f'models/graph.0.{NETWORKS}pb', '-s', system, '-n', '1000000', '-d', 'theirs')
    theirs = float(re.search(r'Force\s+RMSE\s*:\s*(\S+)', out).group(1))
    close('force RMSE of dp test, relative', theirs / np.sqrt(error / n), 1.0, 1e-5)
    if not ZBL: # alnd test refuses the networks alone
        run(os.path.join(BIN, 'alnd'), 'test', 'models/graph.0.dp', system, '--out', 'ours')
        for what in ('e', 'f', 'v'):
            close(f'detail.{what}.out of alnd test and dp test', np.loadtxt(f'ours/detail.{what}.out'), np.loadtxt(f'theirs.{what}.out'), 1e-9)


def convert():
    if not ANGULAR:
        run('./convert.sh', '--compress')
        return
    p = subprocess.run(['./convert.sh', '--compress'], env=ENV, capture_output=True, text=True)
    if p.returncode != 1 or 'cannot compress' not in p.stderr or len(p.stderr.splitlines()) != 1 or glob.glob('models/*.pb'):
        fail(f'convert.sh --compress: exit code {p.returncode}\n{p.stderr}')
    run('./convert.sh')
    run(os.path.join(BIN, 'alnd'), 'train', 'data/train/Li2S', '--out', 'plain', '--steps', '1', '--descriptor.rcut', '4 Ang', '--cores', '1')
    for model, want in (('plain/model.dp', 'has no angles'), ('loop.yaml', 'is not a .dp model'), ('none.dp', 'is not a .dp model')):
        p = subprocess.run([PEER, 'dp_angular.py', model, 'no.pb'], env=ENV, capture_output=True, text=True)
        said = [line for line in p.stderr.splitlines() if model in line]
        if p.returncode != 1 or len(said) != 1 or want not in said[0] or 'Traceback' in p.stderr or os.path.exists('no.pb'):
            fail(f'dp_angular.py {model}: exit code {p.returncode}\n{p.stderr}')


def thermo(path):
    table = re.search(r'\n( *Step .*?)\nLoop time', open(path).read(), re.S).group(1).splitlines()[1:]
    return np.array([[float(v) for v in line.split()] for line in table if not line.startswith('WARNING')])


def run_lammps(system):
    name = os.path.join('lammps', 'in.' + system)
    text = open(name).read()
    short = text.replace('run             10000', 'run 50').replace('thermo          100', 'thermo 10')
    short = short.replace('out_freq 100', 'out_freq 10')
    if short.count('run 50') != 1:
        fail('no run of 10000 steps in ' + name)
    with open('lammps/in.short', 'w') as f:
        f.write(short.replace('press vol', 'press vol\nthermo_modify format float %.15g'))
    run(os.path.join(BIN, 'alnd-lmp'), '-in', 'in.short', '-log', 'log.ours', cwd='lammps')
    os.rename('lammps/model_devi.out', 'lammps/devi.ours')
    run('lmp', '-in', 'in.short', '-log', 'log.stock', '-var', 'suffix', 'pb', cwd='lammps')
    a, b = thermo('lammps/log.ours'), thermo('lammps/log.stock')
    close('LAMMPS thermo, relative', a / np.abs(b).max(axis=0), b / np.abs(b).max(axis=0), 1e-9)
    close('LAMMPS deviation', np.loadtxt('lammps/devi.ours'), np.loadtxt('lammps/model_devi.out'), 1e-6)
    if ZBL:
        run_whole(b)


def run_whole(want):
    """The whole models instead of networks and pair_style zbl."""
    text = open('lammps/in.short').read()
    models = ' '.join(f'../models/graph.{k}.dp' for k in range(2))
    text, n = re.subn(r'pair_style +hybrid/overlay.*(?:\npair_coeff.*)+',
                      f'pair_style deepmd {models} out_file model_devi.out out_freq 10\npair_coeff * * Li S', text)
    if n != 1:
        fail('no pair_style hybrid/overlay in the input')
    with open('lammps/in.whole', 'w') as f:
        f.write(text)
    run(os.path.join(BIN, 'alnd-lmp'), '-in', 'in.whole', '-log', 'log.whole', cwd='lammps')
    close('LAMMPS thermo, whole models', thermo('lammps/log.whole') / np.abs(want).max(axis=0), want / np.abs(want).max(axis=0), 1e-9)
    with open('lammps/in.bare', 'w') as f:
        f.write(text.replace('.dp', '.without_zbl.dp'))
    run(os.path.join(BIN, 'alnd-lmp'), '-in', 'in.bare', '-log', 'log.bare', cwd='lammps')
    if not np.abs(thermo('lammps/log.bare')[0, 2] - want[0, 2]) > 0.1:
        fail('the repulsion does not act in this structure')


def run_ase():
    out = run(PEER, 'ase_md.py', env=dict(ENV, PYTHONPATH=os.path.join(SOURCE, 'python')))
    if 'deviation of the committee' not in out:
        fail('ase_md.py did not use alnd\n' + out)
    if ZBL:
        p = subprocess.run([PEER, 'ase_md.py'], env=ENV, capture_output=True, text=True)
        if p.returncode == 0 or 'lacks the ZBL repulsion' not in p.stderr:
            fail(f'ase_md.py without alnd: exit code {p.returncode}\n{p.stderr}')
        return
    other = run(PEER, 'ase_md.py')
    if 'deviation of the committee' in other:
        fail('alnd is found without PYTHONPATH: deepmd-kit is not tried')
    energies = [float(re.search(r'^energy (\S+) eV', text, re.M).group(1)) for text in (out, other)]
    close('energy of ase_md.py', energies[0], energies[1], 1e-9)


def main():
    text = open(os.path.join(HERE, 'mini.yaml')).read()
    if ZBL: # so wide that bonds of Li2S (2.47 Ang) are within
        text = text.replace('  steps: 1500\n', '  steps: 1500\n  zbl: {inner: 1.6 Ang, outer: 2.7 Ang}\n')
    if ANGULAR:
        text = text.replace('axis_neurons: 2}', 'axis_neurons: 2, rcut_angular: 3.5 Ang, angular_neurons: 4}')
    with open('mini.yaml', 'w') as f:
        f.write(text)
    shutil.copy(os.path.join(HERE, 'li2s.extxyz'), '.')
    run(os.path.join(BIN, 'alnd'), 'start', 'mini.yaml')
    run(os.path.join(BIN, 'alnd'), 'export', 'run', 'handoff')
    os.chdir('handoff')
    convert()
    left = sorted(os.path.basename(p) for p in glob.glob('models/*'))
    kinds = ('dp', 'pb') if ANGULAR else ('dp', 'pb', 'compressed.pb')
    want = sorted([f'graph.{k}.{NETWORKS}{s}' for k in range(2) for s in kinds] + ['model.yaml'] + [f'graph.{k}.dp' for k in range(2) if ZBL])
    if left != want:
        fail(f'models/ holds {left}, expected {want}')
    compare_models('data/test/Li2S')
    run_lammps('Li2S')
    run_ase()


if not glob.glob(os.path.join(PSEUDO, '**/*.psp8'), recursive=True):
    print(f'skipped: no pseudopotentials in {PSEUDO}')
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix='alnd-handoff-') as d:
    os.chdir(d)
    main()
    os.chdir('/')
