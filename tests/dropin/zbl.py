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

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import peer

PEER = peer.PYTHON
peer.use()

import numpy as np

from stock import CELL, compare, compare_runs, dump, fail, lattice, run, thermo
import stock

BIN, LIB, SOURCE, MAKE = (os.path.abspath(p) for p in sys.argv[1:5])
VENV = os.path.dirname(PEER)
ENV = dict(os.environ, OMP_NUM_THREADS='1', TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='', ALND_PYTHON=PEER,
           TF_INTRA_OP_PARALLELISM_THREADS='1', TF_INTER_OP_PARALLELISM_THREADS='1', ALND_LIBRARY=os.path.join(LIB, 'libalnd.so.0'),
           ALND_DEEPMD_C=os.path.join(LIB, 'alnd/libdeepmd_c.so'), ALND_PRECISION='plain')
os.environ.update(ALND_LIBRARY=ENV['ALND_LIBRARY'], ALND_PRECISION='plain')
sys.path.insert(0, os.path.join(SOURCE, 'python'))
import alnd

Z = {'Li': 3, 'P': 15, 'S': 16, 'O': 8}
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


def write_data():
    """64 atoms near a lattice; sixteen of them have come within 0.6 to 1.3 Ang of the next one."""
    rng = np.random.default_rng(7)
    x = lattice(rng)
    for k, r in zip(range(0, 64, 4), np.linspace(0.6, 1.3, 16)):
        d = x[k + 1] - x[k]
        x[k + 1] = x[k] + r * d / np.linalg.norm(d)
    types = rng.permutation(64) % 4 + 1
    stock.write_data(x, types)
    return np.round(x, 10), [list(Z)[t - 1] for t in types]


def hybrid(models):
    z = list(Z.values())
    lines = [f'pair_style hybrid/overlay zbl 0.8 1.4 deepmd {models}', 'pair_coeff * * deepmd ' + ' '.join(Z)]
    lines += [f'pair_coeff {i + 1} {j + 1} zbl {z[i]} {z[j]}' for i in range(4) for j in range(i, 4)]
    return '\n'.join(lines)


def whole(models):
    return f'pair_style deepmd {models}\npair_coeff * * ' + ' '.join(Z)


def lammps(name, pair, ours, ranks=1):
    run(name, INPUT.format(pair=pair, name=name), os.path.join(BIN, 'alnd-lmp') if ours else os.path.join(VENV, 'lmp'), os.path.join(VENV, 'mpirun'),
        ENV, ranks)


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
