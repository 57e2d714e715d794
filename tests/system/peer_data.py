# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Run by train.py in its directory: data formats against numpy, h5py, dpdata and ASE, both ways, to the last bit."""
import json
import os
import subprocess
import sys

import ase
import ase.io
import dpdata
import h5py
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

ALND = sys.argv[1]


def alnd(*args, code=0):
    p = subprocess.run([ALND, *args], capture_output=True, text=True)
    assert p.returncode == code, (args, p.returncode, p.stdout, p.stderr)
    return p.stdout


def same(a, b, what, tol=0.0):
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape and np.abs(a - b).max() <= tol, (what, a.shape, b.shape, np.abs(a - b).max())


# Ours -> ASE: what extxyz says is what ASE reads.
alnd('data', 'a.extxyz', '--out', 'ours.extxyz')
given, ours = ase.io.read('a.extxyz', ':'), ase.io.read('ours.extxyz', ':')
assert len(given) == len(ours) == 6
for g, o in zip(given, ours):
    assert list(g.numbers) == list(o.numbers) and all(o.pbc)
    same(g.positions, o.positions, 'positions')
    same(g.cell.array, o.cell.array, 'cell')
    same(g.get_potential_energy(), o.get_potential_energy(), 'energy')
    same(g.get_forces(), o.get_forces(), 'forces')
    same(g.get_stress(), o.get_stress(), 'stress', 1e-16)  # through the virial: one rounding
    same(-np.array(o.info['virial']).reshape(3, 3) / o.get_volume(), o.get_stress(voigt=False), 'virial', 1e-16)

# ASE -> ours -> npy: free_energy is taken where it differs, stress with ASE's sign, Voigt or full.
made = []
for k, g in enumerate(given):
    a = ase.Atoms(g.numbers, g.positions, cell=g.cell, pbc=True)
    a.calc = SinglePointCalculator(a, energy=g.get_potential_energy() + 0.25, free_energy=g.get_potential_energy(),
                                   forces=g.get_forces(), stress=g.get_stress())
    a.info['config_type'] = 'with "quotes" and = signs'
    a.arrays['tags'] = np.arange(len(a))
    made.append(a)
ase.io.write('ase.extxyz', made)
out = alnd('data', 'ase.extxyz', '--out', 'npy')
assert 'free_energy taken, the energy that belongs to the forces (key energy differs in 6, by up to 0.25 eV)' in out, out
box = np.load('npy/ase/set.000/box.npy').reshape(-1, 3, 3)
read = ase.io.read('ase.extxyz', ':')  # ASE writes 8 decimals: its own reading is the measure
same(np.load('npy/ase/set.000/energy.npy'), [a.calc.results['free_energy'] for a in read], 'free energy')
same(np.load('npy/ase/set.000/force.npy').reshape(6, -1, 3), [a.get_forces() for a in read], 'forces')
same(np.load('npy/ase/set.000/coord.npy').reshape(6, -1, 3), [a.positions for a in read], 'positions')
virial = np.load('npy/ase/set.000/virial.npy').reshape(-1, 3, 3)
same(virial, [-a.get_stress(voigt=False) * a.get_volume() for a in read], 'virial', 1e-14)

# Ours -> dpdata.
alnd('data', 'ours.extxyz', '--out', 'ours')
s = dpdata.LabeledSystem('ours/a', fmt='deepmd/npy')
same(s['coords'], [g.positions for g in given], 'dpdata coords')
same(s['cells'], [g.cell.array for g in given], 'dpdata cells')
same(s['energies'], [g.get_potential_energy() for g in given], 'dpdata energies')
same(s['forces'], [g.get_forces() for g in given], 'dpdata forces')
same(s['virials'], np.load('ours/a/set.000/virial.npy').reshape(-1, 3, 3), 'dpdata virials')
assert [s['atom_names'][t] for t in s['atom_types']] == given[0].get_chemical_symbols()
q = dpdata.MultiSystems.from_file('ours.extxyz', fmt='quip/gap/xyz')  # extended XYZ as dpdata reads it
q = list(q.systems.values())[0]
same(sorted(q['energies']), sorted(s['energies']), 'dpdata extxyz energies')
same(np.sort(q['virials'].ravel()), np.sort(s['virials'].ravel()), 'dpdata extxyz virials')
same(np.sort(q['forces'].ravel()), np.sort(s['forces'].ravel()), 'dpdata extxyz forces')

# dpdata -> ours: npy in single precision and several sets, HDF5, mixed type; each back as extxyz, compared with what dpdata holds.
def compare(frames, system, tol=0.0):
    """Frames read by ASE (which takes nine numbers by columns) against a dpdata system; atoms may be in another order of types."""
    names = [system['atom_names'][t] for t in system['atom_types']]
    for k, f in enumerate(frames):
        mine, theirs = np.argsort(f.get_chemical_symbols(), kind='stable'), np.argsort(names, kind='stable')
        assert [f.get_chemical_symbols()[i] for i in mine] == [names[i] for i in theirs]
        same(f.positions[mine], system['coords'][k][theirs], 'coords', tol)
        same(f.get_potential_energy(), system['energies'][k], 'energy', tol * 1e4)
        same(f.get_forces()[mine], system['forces'][k][theirs], 'forces', tol)
        same(np.array(f.info['virial']).reshape(3, 3).T, system['virials'][k], 'virial', tol)


s.to('deepmd/npy', 'theirs', set_size=2, prec=np.float64)
assert len([d for d in os.listdir('theirs') if d.startswith('set.')]) == 3
alnd('data', 'theirs', '--out', 'theirs.extxyz')
compare(ase.io.read('theirs.extxyz', ':'), s)
s.to('deepmd/npy', 'single', prec=np.float32)
alnd('data', 'single', '--out', 'single.extxyz')
compare(ase.io.read('single.extxyz', ':'), dpdata.LabeledSystem('single', fmt='deepmd/npy'))
s.to('deepmd/hdf5', 'all.h5')
for path in ('all.h5', 'all.h5#/', 'all.h5#'):
    out = path.replace('#', '_').replace('/', '_') + '.extxyz'
    alnd('data', path, '--out', out)
    compare(ase.io.read(out, ':'), s)
s.to('deepmd/hdf5', 'group.h5#/some/group')
with h5py.File('group.h5', 'a') as h:  # strings of variable length, big-endian floats, another type map
    h.copy('some/group', 'some/twin')
    t = h['some/twin']
    names = [x.decode() for x in t['type_map.raw'][()]]
    del t['type_map.raw']
    t.create_dataset('type_map.raw', data=['H'] + names[::-1], dtype=h5py.string_dtype())
    types = t['type.raw'][()]
    t['type.raw'][...] = len(names) - types
    e = t['set.000/energy.npy'][()]
    del t['set.000/energy.npy']
    t.create_dataset('set.000/energy.npy', data=e.astype('>f8').reshape(-1, 1))
for group in ('some/group', 'some/twin'):
    alnd('data', 'group.h5#/' + group, '--out', group.replace('/', '_') + '.extxyz')
    compare(ase.io.read(group.replace('/', '_') + '.extxyz', ':'), s)
answer = json.loads(alnd('data', 'group.h5', '--json', code=1))  # both groups; they are copies of each other
assert [x['name'] for x in answer['systems']] == ['group', 'twin'] and answer['frames'] == 12, answer
assert {f['kind'] for f in answer['findings']} == {'duplicate'}, answer['findings']
alnd('data', 'group.h5#/nowhere', code=2)

# Mixed type: two compositions in one directory, one of them padded.
small = s.pick_atom_idx(list(range(5)))
mixed = dpdata.MultiSystems(s, small)
mixed.to('deepmd/npy/mixed', 'mixed', atom_numb_pad=8)
assert any('real_atom_types.npy' in files for _, _, files in os.walk('mixed'))
alnd('data', 'mixed', '--out', 'mixed.extxyz')
back = ase.io.read('mixed.extxyz', ':')
assert sorted(len(a) for a in back) == [5] * 6 + [8] * 6
compare([a for a in back if len(a) == 8], s)
compare([a for a in back if len(a) == 5], small)
print('fine')
