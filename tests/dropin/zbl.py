#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Models with ZBL repulsion in LAMMPS: deepmd-kit's own path (TensorFlow, .pb converted from the networks alone) with pair_style
hybrid/overlay zbl deepmd, against our .dp files with the repulsion inside, and ours in the same hybrid, on a crowded cell, along a
short NVE run, with 1 and 2 ranks; model deviation; the Python module; deepmd-kit refuses the whole model with our words.

zbl.py BIN_DIR LIB_DIR SOURCE_DIR MAKE_MODELS     with the Python that has deepmd-kit and lammps. Exit 77: skipped."""
import os
import subprocess
import sys
import tempfile

PEER = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
if os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(PEER))):
    probe = 'import deepmd, lammps, tensorflow, numpy'
    if not os.path.exists(PEER) or subprocess.run([PEER, '-c', probe], capture_output=True).returncode:
        print(f'skipped: no {PEER} with deepmd-kit, LAMMPS and TensorFlow (set ALND_PEER_PYTHON)')
        sys.exit(77)
    os.execv(PEER, [PEER] + sys.argv)

import re

import numpy as np

BIN, LIB, SOURCE, MAKE = (os.path.abspath(p) for p in sys.argv[1:5])
VENV = os.path.dirname(PEER)
ENV = dict(os.environ, OMP_NUM_THREADS='1', TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='', ALND_PYTHON=PEER,
           TF_INTRA_OP_PARALLELISM_THREADS='1', TF_INTER_OP_PARALLELISM_THREADS='1', ALND_LIBRARY=os.path.join(LIB, 'libalnd.so.0'),
           ALND_DEEPMD_C=os.path.join(LIB, 'alnd/libdeepmd_c.so'), ALND_PRECISION='plain')
os.environ.update(ALND_LIBRARY=ENV['ALND_LIBRARY'], ALND_PRECISION='plain')
sys.path.insert(0, os.path.join(SOURCE, 'python'))
import alnd

Z = {'Li': 3, 'P': 15, 'S': 16, 'O': 8}
CELL = np.array([[10.4, 0, 0], [0.6, 9.8, 0], [-0.5, 0.4, 10.1]])
INPUT = """units metal
atom_style atomic
newton on
processors * 1 1
read_data data.lmp
{pair}
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
compute ea all pe/atom
compute va all centroid/stress/atom NULL virial
compute pv all pressure NULL virial
thermo 1
thermo_style custom step pe etotal temp c_pv[*]
thermo_modify format float %.17g
dump 1 all custom 1 dump.{name} id x y z fx fy fz c_ea c_va[*]
dump_modify 1 sort id format float %.17g
velocity all create 1200 123
fix 1 all nve
timestep 0.0001
run 12
"""


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def write_data():
    """64 atoms near a lattice; sixteen of them have come within 0.6 to 1.3 Ang of the next one."""
    rng = np.random.default_rng(7)
    s = (np.array([[i, j, k] for i in range(4) for j in range(4) for k in range(4)]) + 0.5) / 4
    x = s @ CELL + rng.uniform(-0.25, 0.25, (64, 3))
    for k, r in zip(range(0, 64, 4), np.linspace(0.6, 1.3, 16)):
        d = x[k + 1] - x[k]
        x[k + 1] = x[k] + r * d / np.linalg.norm(d)
    types = rng.permutation(64) % 4 + 1
    with open('data.lmp', 'w') as f:
        f.write('test\n\n64 atoms\n4 atom types\n\n0 10.4 xlo xhi\n0 9.8 ylo yhi\n0 10.1 zlo zhi\n0.6 -0.5 0.4 xy xz yz\n\n'
                'Masses\n\n1 6.94\n2 30.97\n3 32.06\n4 16.0\n\nAtoms # atomic\n\n')
        for i in range(64):
            f.write('%d %d %.10f %.10f %.10f\n' % (i + 1, types[i], *x[i]))
    return np.round(x, 10), [list(Z)[t - 1] for t in types]


def hybrid(models):
    z = list(Z.values())
    lines = [f'pair_style hybrid/overlay zbl 0.8 1.4 deepmd {models}', 'pair_coeff * * deepmd ' + ' '.join(Z)]
    lines += [f'pair_coeff {i + 1} {j + 1} zbl {z[i]} {z[j]}' for i in range(4) for j in range(i, 4)]
    return '\n'.join(lines)


def whole(models):
    return f'pair_style deepmd {models}\npair_coeff * * ' + ' '.join(Z)


def lammps(name, pair, ours, ranks=1):
    with open('in.' + name, 'w') as f:
        f.write(INPUT.format(pair=pair, name=name))
    command = [os.path.join(BIN, 'alnd-lmp') if ours else os.path.join(VENV, 'lmp'), '-in', 'in.' + name, '-log', 'log.' + name]
    if ranks > 1:
        command = [os.path.join(VENV, 'mpirun'), '-np', str(ranks)] + command
    p = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=280)
    if p.returncode:
        fail(f'{name}: exit code {p.returncode}\n{p.stdout[-3000:]}\n{p.stderr[-3000:]}')


def thermo(name):
    text = open('log.' + name).read()
    table = re.search(r'\n( *Step .*?)\nLoop time', text, re.S).group(1).splitlines()[1:]
    return np.array([[float(v) for v in line.split()] for line in table if not line.startswith('WARNING')])


def dump(name):
    frames, lines, i = [], open('dump.' + name).read().splitlines(), 0
    while i < len(lines):
        n = int(lines[i + 3])
        frames.append([[float(v) for v in line.split()] for line in lines[i + 9:i + 9 + n]])
        i += 9 + n
    return np.array(frames)  # [frame][atom][id, x, f, e, v]


def compare(what, a, b, tolerance=1e-10):
    if a.shape != b.shape or not np.abs(b).max() > 1e-6:
        fail(f'{what}: shapes {a.shape} {b.shape}, or zeros')
    scale = np.abs(b).max()
    worst = np.abs(a - b).max() / scale
    print(f'  {what:34s} {worst:.1e} of {scale:.3g}')
    if not worst <= tolerance:
        fail(f'{what} differs by {worst:.2e} of {scale:.3g}')


def compare_runs(a, b):
    print(f'{a} against {b}')
    ta, tb, da, db = thermo(a), thermo(b), dump(a), dump(b)
    compare('potential energy', ta[:, 1], tb[:, 1])
    compare('virial pressure', ta[:, 4:10], tb[:, 4:10])
    compare('positions', da[..., 1:4], db[..., 1:4])
    compare('forces', da[..., 4:7], db[..., 4:7])
    compare('atom energies', da[..., 7], db[..., 7])
    compare('atom virials', da[..., 8:17], db[..., 8:17])


def check_refused():
    """deepmd-kit must not take the whole model, in either of its backends, and must show why."""
    dp = os.path.join(VENV, 'dp')
    for command in ([dp, 'convert-backend', '0.dp', 'whole.pb'], [dp, 'show', '0.dp', 'type-map'],
                    [PEER, '-c', 'from deepmd.infer import DeepPot; DeepPot("0.dp")']):
        p = subprocess.run(command, env=ENV, capture_output=True, text=True)
        words = [w for w in ('alnd_zbl', 'without_zbl.dp', 'pair_style zbl') if w not in p.stdout + p.stderr]
        if p.returncode == 0 or words or os.path.exists('whole.pb'):
            fail(f'{command[1:3]}: exit code {p.returncode}, not in it: {words}\n{p.stderr[-2000:]}')


def main():
    subprocess.run([MAKE, '.', '2', 'zbl'], check=True)
    x, symbols = write_data()
    for k in range(2):
        subprocess.run([os.path.join(VENV, 'dp'), 'convert-backend', f'{k}.without_zbl.dp', f'{k}.pb'], env=ENV, check=True,
                       capture_output=True)
    check_refused()
    lammps('stock', hybrid('0.pb'), False)
    lammps('bare', whole('0.pb'), False)
    if not np.abs(dump('stock')[-1, :, 1:4] - dump('stock')[0, :, 1:4]).max() > 0.05:
        fail('the atoms have not moved')
    if not np.abs(dump('bare')[0, :, 4:7] - dump('stock')[0, :, 4:7]).max() > 100:
        fail('no repulsion in this cell')
    for name, pair, ranks in (('whole', whole('0.dp'), 1), ('whole2', whole('0.dp'), 2), ('ours', hybrid('0.without_zbl.dp'), 1)):
        lammps(name, pair, True, ranks)
        compare_runs(name, 'stock')
    out = '{0} {1} out_file devi.{2} out_freq 3 atomic'
    lammps('stock2', hybrid(out.format('0.pb', '1.pb', 'stock')), False)
    lammps('committee', whole(out.format('0.dp', '1.dp', 'ours')), True)
    compare('deviation', np.loadtxt('devi.ours'), np.loadtxt('devi.stock'), 2e-6)  # printed with seven digits
    for precision in ('plain', 'double', 'mixed'):
        os.environ['ALND_PRECISION'] = precision
        r = alnd.Model('0.dp').evaluate(x, symbols=symbols, cell=CELL)
        compare('forces in Python, ' + precision, r.forces, dump('stock')[0, :, 4:7], 1e-6 if precision == 'mixed' else 1e-10)
        compare('energy in Python, ' + precision, np.array([r.energy]), thermo('stock')[:1, 1], 1e-6 if precision == 'mixed' else 1e-10)


with tempfile.TemporaryDirectory(prefix='alnd-zbl-') as d:
    os.chdir(d)
    main()
    os.chdir('/')
