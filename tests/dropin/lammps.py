#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The stock LAMMPS of deepmd-kit's wheel with our libdeepmd_c.so and .dp files, next to its own path (TensorFlow, .pb converted from
the same .dp files): energies, forces, virials, per-atom energies and virials, model deviation, all along a short NVE
run, with 1 and 2 MPI ranks; no TensorFlow in our process; clear errors.

lammps.py BIN_DIR LIB_DIR MAKE_MODELS       with the Python that has deepmd-kit and lammps (ALND_PEER_PYTHON or
/opt/dpvenv/bin/python). Exit 77: skipped."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import peer

PEER = peer.PYTHON
peer.use()

import numpy as np

from stock import compare, compare_runs, dump, fail, lattice, run
import stock

BIN, LIB, MAKE = (os.path.abspath(p) for p in sys.argv[1:4])
VENV = os.path.dirname(PEER)
ENV = dict(os.environ, OMP_NUM_THREADS='1', TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='', ALND_PYTHON=PEER,
           ALND_PRECISION='plain',  # to rounding; the others: tests/dp
           TF_INTRA_OP_PARALLELISM_THREADS='1', TF_INTER_OP_PARALLELISM_THREADS='1',
           ALND_DEEPMD_C=os.path.join(LIB, 'alnd/libdeepmd_c.so'))

INPUT = """units metal
atom_style atomic
newton on
processors * 1 1
read_data data.lmp
pair_style deepmd {models}
pair_coeff * * {types}
neighbor 1.0 bin
neigh_modify every 3 delay 0 check no
compute ea all pe/atom
compute va all centroid/stress/atom NULL virial
compute pv all pressure NULL virial
thermo 1
thermo_style custom step pe etotal temp c_pv[*]
thermo_modify format float %.17g
dump 1 all custom 1 dump.{name} id x y z fx fy fz c_ea c_va[*]
dump_modify 1 sort id format float %.17g
velocity all create 600 123
fix 1 all nve
timestep 0.001
run {steps}
shell "cat /proc/$PPID/maps > maps.{name}"
"""


def write_data():
    rng = np.random.default_rng(7)
    x = lattice(rng)
    stock.write_data(x, rng.permutation(64) % 4 + 1)


def lammps(name, models, ours, ranks=1, types='Li P S O', steps=12, text=INPUT, good=True):
    return run(name, text.format(models=models, name=name, types=types, steps=steps), os.path.join(BIN, 'alnd-lmp') if ours else os.path.join(VENV, 'lmp'),
               os.path.join(VENV, 'mpirun'), ENV, ranks, good)


def compare_deviation(a, b):
    x, y = np.loadtxt(a, comments='#'), np.loadtxt(b, comments='#')
    if (x[:, 0] != y[:, 0]).any() or len(y) != 5:
        fail('steps of the deviation files: ' + str(x[:, 0]) + str(y[:, 0]))
    names = open(b).readline().split()[2:8]
    if x.shape != y.shape or y.shape[1] != 7 + 64:
        fail(f'columns of the deviation files: {x.shape} {y.shape}')
    for column, name in enumerate(names, 1):
        compare(name, x[:, column], y[:, column], 2e-6)  # printed with seven digits
    compare('deviation of each atom', x[:, 7:], y[:, 7:], 2e-6)


def check_maps():
    stock, ours = open('maps.stock').read(), open('maps.ours').read()
    if 'libtensorflow' not in stock:
        fail('no TensorFlow in the stock process: the check is blind')
    for word in ('tensorflow', 'libdeepmd_cc', 'libdeepmd_op', 'libdeepmd_backend', 'site-packages/deepmd/lib/libdeepmd_c.so'):
        if word in ours.lower():
            fail(f'{word} is mapped into our process')
    if 'libdeepmd_lmpplugin' not in ours or 'libalnd' not in ours:
        fail('not the process that was meant')


def check_names():
    """All that the plug-in imports is there (a missing name would only show when it is called)."""
    def names(flag, path):
        out = subprocess.run(['nm', '-D', flag, path], capture_output=True, text=True, check=True).stdout
        return {line.split()[-1] for line in out.splitlines() if line.split()[-1].startswith('DP_')}
    plugin = re.search(r'/\S*libdeepmd_lmpplugin\.so', open('maps.ours').read()).group(0)
    wanted = names('--undefined-only', plugin)
    missing = wanted - names('--defined-only', os.path.join(LIB, 'alnd/libdeepmd_c.so'))
    if missing or len(wanted) < 70:
        fail(f'the plug-in imports {len(wanted)} names; not there: {sorted(missing)}')


def check_errors():
    for name, models, word in (('missing', 'no.dp', 'cannot read no.dp'), ('pb', '0.pb', '0.pb is not an HDF5 file'),
                               ('types', '0.dp other.dp', 'other types')):
        out = lammps(name, models, True, good=False)
        if word not in out:
            fail(f'{name}: no "{word}" in\n{out[-2000:]}')
    out = lammps('spin', '0.dp', True, good=False, text=INPUT.replace('atom_style atomic', 'atom_style spin').replace(
        'read_data data.lmp', 'region r block 0 9 0 9 0 9\ncreate_box 1 r').replace('style deepmd', 'style deepspin'))
    if 'spin models are not supported' not in out:
        fail('deepspin: ' + out[-2000:])


def main():
    subprocess.run([MAKE, '.', '3'], check=True)
    write_data()
    for k in range(3):
        subprocess.run([os.path.join(VENV, 'dp'), 'convert-backend', f'{k}.dp', f'{k}.pb'], env=ENV, check=True,
                       capture_output=True)
    lammps('stock', '0.pb', False)
    lammps('ours', '0.dp', True)
    lammps('ours2', '0.dp', True, ranks=2)
    compare_runs('ours', 'stock')
    compare_runs('ours2', 'stock')
    check_maps()
    check_names()
    committee = '{0} {1} {2} out_file devi.{3} out_freq 3 atomic relative 0.01'
    lammps('stock3', committee.format('0.pb', '1.pb', '2.pb', 'stock'), False)
    lammps('ours3', committee.format('0.dp', '1.dp', '2.dp', 'ours'), True)
    lammps('ours32', committee.format('0.dp', '1.dp', '2.dp', 'ours2'), True, ranks=2)
    compare_runs('ours3', 'stock3')
    compare_runs('ours32', 'stock3')
    compare_deviation('devi.ours', 'devi.stock')
    compare_deviation('devi.ours2', 'devi.stock')
    lammps('stock_null', '0.pb', False, types='Li NULL S O', steps=2)
    lammps('ours_null', '0.dp', True, types='Li NULL S O', steps=2)
    compare('forces, one type NULL', dump('ours_null')[..., 4:8], dump('stock_null')[..., 4:8])
    other = subprocess.run([PEER, '-c', OTHER_TYPES], env=ENV)
    if other.returncode:
        fail('no model with other types')
    check_errors()


OTHER_TYPES = """
import h5py, json, shutil
shutil.copy('0.dp', 'other.dp')
with h5py.File('other.dp', 'r+') as f:
    text = f.attrs['json']
    f.attrs['json'] = text.replace('"Li","P","S","O"', '"P","Li","S","O"')
    assert f.attrs['json'] != text
"""
with tempfile.TemporaryDirectory(prefix='alnd-lammps-') as d:
    os.chdir(d)
    main()
    os.chdir('/')
