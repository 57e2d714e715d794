#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""python/alnd: against the stored results of deepmd-kit, and the ASE calculator against finite differences.

python_module.py SOURCE_DIR LIBRARY MAKE_MODELS    with a Python that has numpy and ase (ALND_PEER_PYTHON or
/opt/dpvenv/bin/python, else this one). Exit 77: skipped."""
import json
import os
import subprocess
import sys
import tempfile

PEER = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
if os.path.exists(PEER) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(PEER))):
    os.execv(PEER, [PEER] + sys.argv)
try:
    import numpy as np
    import ase
    from ase.calculators.calculator import PropertyNotImplementedError
except ImportError as e:
    print(f'skipped: {e} in {sys.executable} (set ALND_PEER_PYTHON)')
    sys.exit(77)

SOURCE, LIBRARY, MAKE = (os.path.abspath(p) for p in sys.argv[1:4])
os.environ['ALND_LIBRARY'] = LIBRARY
sys.path.insert(0, os.path.join(SOURCE, 'python'))
import alnd
from alnd.ase import Alnd


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def close(what, a, b, tolerance):
    worst = np.abs(np.asarray(a) - np.asarray(b)).max()
    check(np.shape(a) == np.shape(b) and worst <= tolerance, f'{what}: {worst:.2e} > {tolerance:.0e}')


def structure(pbc=True, edge=8.4, seed=3):
    """27 atoms near a lattice in a tilted cell."""
    rng = np.random.default_rng(seed)
    cell = np.array([[edge, 0.2, 0], [0.5, edge * 0.97, 0.1], [-0.3, 0.4, edge * 1.03]])
    s = (np.array([[i, j, k] for i in range(3) for j in range(3) for k in range(3)]) + 0.5) / 3
    x = s @ cell + rng.uniform(-0.3, 0.3, (27, 3))
    return ase.Atoms([('Li', 'P', 'S', 'O')[k % 4] for k in range(27)], x, cell=cell, pbc=pbc)


def test_vectors():
    where = os.path.join(SOURCE, '../shared/data/dp')
    if not os.path.exists(where):
        print(f'no {where}: stored results of deepmd-kit are not compared')
        return
    stored = json.load(open(os.path.join(where, 'sample_frames.json')))
    for name, results in stored['results'].items():
        path = os.path.join(where, name)
        model = alnd.Model(path if os.path.exists(path) else os.path.join(where, 'testvec', name))
        check(len(results) == 5, 'frames')
        for f, want in zip(stored['frames'], results):
            r = model.evaluate(f['coords'], symbols=f['symbols'], cell=f['cell'], atoms=True)
            n = len(f['symbols'])
            for what, got, shape in (('energy', r.energy, ()), ('force', r.forces, (n, 3)), ('virial', r.virial, (3, 3)),
                                     ('atomic_energy', r.atom_energy, (n,)), ('atomic_virial', r.atom_virial, (n, 3, 3))):
                close(f'{name} {what}', got, np.reshape(want[what], shape), 1e-9)
        model.close()


def calculator():
    atoms = structure()
    atoms.calc = Alnd('0.dp')
    forces, stress, h = atoms.get_forces(), atoms.get_stress(), 1e-4
    check(np.abs(forces).max() > 1e-2 and np.abs(stress).min() > 1e-5, 'forces or stress near zero')
    close('free energy', atoms.get_potential_energy(force_consistent=True), atoms.get_potential_energy(), 0)
    close('sum of energies', atoms.get_potential_energies().sum(), atoms.get_potential_energy(), 1e-10)
    close('sum of stresses', atoms.get_stresses().sum(axis=0), stress, 1e-12)
    for i, a in ((0, 0), (5, 1), (13, 2), (26, 0)):
        e = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[i, a] += sign * h
            e.append(moved.get_potential_energy())
        close(f'force of atom {i}', forces[i, a], -(e[0] - e[1]) / (2 * h), 1e-7)
    for voigt, (a, b) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        e = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * h / 2
            strain[b, a] += sign * h / 2
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.set_cell(atoms.cell @ strain, scale_atoms=True)
            e.append(moved.get_potential_energy())
        close(f'stress {voigt}', stress[voigt], (e[0] - e[1]) / (2 * h) / atoms.get_volume(), 1e-8)


def boundaries():
    """Directions that are not periodic: as in a cell with much vacuum, whatever the cell says."""
    for pbc in ([False] * 3, [True, True, False], [False, True, False], [True, False, True]):
        atoms = structure(pbc)
        atoms.calc = Alnd('0.dp')
        wide = atoms.copy()
        wide.pbc = True
        for k in range(3):
            if not pbc[k]:  # along the vector itself, which is not at right angles to the others
                wide.cell[k] *= 4
        wide.calc = atoms.calc
        e, f = atoms.get_potential_energy(), atoms.get_forces()
        close(f'energy with pbc {pbc}', e, wide.get_potential_energy(), 1e-9)
        close(f'forces with pbc {pbc}', f, wide.get_forces(), 1e-10)
        full = structure()
        full.calc = atoms.calc
        check(abs(full.get_potential_energy() - e) > 1e-3, f'pbc {pbc} changes nothing')
        try:
            atoms.get_stress()
        except PropertyNotImplementedError:
            continue
        check(False, f'a stress with pbc {pbc}')


def committee():
    atoms = structure()
    paths = ['0.dp', '1.dp', '2.dp']
    single = []
    for p in paths:
        atoms.calc = Alnd(p)
        single.append((atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    f = np.array([s[1] for s in single])
    atoms.calc = Alnd(*paths)
    close('first member', atoms.get_forces(), f[0], 1e-12)
    d = atoms.calc.results['deviation']
    per_atom = np.sqrt(f.var(axis=0).sum(axis=1))
    close('deviation of atoms', atoms.calc.results['force_deviation'], per_atom, 1e-12)
    close('deviation', [d.max_force, d.min_force, d.avg_force], [per_atom.max(), per_atom.min(), per_atom.mean()], 1e-12)
    close('energy deviation', d.energy, np.std([s[0] for s in single]) / 27, 1e-12)
    close('virial deviation, largest', d.max_virial, np.array([s[2] for s in single]).std(axis=0).max()
          * atoms.get_volume() / 27, 1e-10)
    atoms.calc = Alnd(*paths, mean=True)
    close('mean energy', atoms.get_potential_energy(), np.mean([s[0] for s in single]), 1e-10)
    close('mean forces', atoms.get_forces(), f.mean(axis=0), 1e-12)
    close('mean stress', atoms.get_stress(), np.mean([s[2] for s in single], axis=0), 1e-12)
    check(d.max_force > 1e-3, 'members agree')


def own_list():
    atoms = structure(pbc=False)
    model = alnd.Model('1.dp')
    t = model.types(atoms.get_chemical_symbols())
    r = model.evaluate(atoms.positions, types=t, atoms=True)
    centres = np.roll(np.arange(27), 4)
    lists = [[j for j in range(27) if j != i] for i in centres]
    s = model.evaluate_list(atoms.positions, t, centres, lists, atoms=True)
    for name in ('energy', 'forces', 'virial', 'atom_energy', 'atom_virial'):
        close(name + ' with a list', getattr(s, name), getattr(r, name), 1e-11)


def errors():
    for call, kind, word in ((lambda: alnd.Model('none.dp'), 'file', 'none.dp'),
                             (lambda: alnd.Model(), 'input', 'no model'),
                             (lambda: model.evaluate([[0, 0, 0]], symbols=['Fe']), 'input', 'Fe'),
                             (lambda: model.evaluate([[0, 0, 0]], types=[9]), 'input', 'type 9'),
                             (lambda: model.evaluate([[0, 0, 0]] * 2, types=[0, 0]), 'unphysical', 'same place')):
        model = alnd.Model('0.dp')
        try:
            call()
        except alnd.AlndError as e:
            check(e.kind == kind and word in str(e), f'{e.kind}: {e}')
        else:
            check(False, f'no error where {word} is expected')
    with alnd.Model('0.dp') as model:
        pass
    try:
        model.evaluate([[0, 0, 0]], types=[0])
    except ValueError as e:
        check('closed' in str(e), str(e))
    else:
        check(False, 'a closed model answers')


def example():
    structure().write('start.extxyz')
    env = dict(os.environ, PYTHONPATH=os.path.join(SOURCE, 'python'))
    out = subprocess.run([sys.executable, os.path.join(SOURCE, 'examples/committee.py'), 'start.extxyz', '0.dp', '1.dp'],
                         env=env, capture_output=True, text=True)
    check(out.returncode == 0, out.stderr)
    energies = [float(line.split()[4]) for line in out.stdout.splitlines() if 'total energy' in line]
    check(len(energies) == 3 and np.ptp(energies) < 0.01 and 'deviation' in out.stdout, out.stdout)


with tempfile.TemporaryDirectory(prefix='alnd-python-') as d:
    os.chdir(d)
    subprocess.run([MAKE, '.', '3'], check=True)
    for test in (test_vectors, calculator, boundaries, committee, own_list, errors, example):
        test()
        print(test.__name__, 'ok')
    os.chdir('/')
