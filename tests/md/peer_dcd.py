#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Our DCD files as MDAnalysis and OVITO read them, against the same frames in extended XYZ: time, cell, positions, elements.

peer_dcd.py TEST_MD_OUTPUT     with the Python that has MDAnalysis and ovito (ALND_TRAJ_PYTHON or /opt/trajvenv/bin/python:
python3 -m venv /opt/trajvenv && /opt/trajvenv/bin/pip install MDAnalysis ovito). Exit 77: skipped."""
import os
import subprocess
import sys
import tempfile
import warnings

PEER = os.environ.get('ALND_TRAJ_PYTHON', '/opt/trajvenv/bin/python')
if os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(PEER))):
    if not os.path.exists(PEER) or subprocess.run([PEER, '-c', 'import MDAnalysis, ovito'], capture_output=True).returncode:
        print(f'skipped: no {PEER} with MDAnalysis and ovito (set ALND_TRAJ_PYTHON)')
        sys.exit(77)
    os.execv(PEER, [PEER] + sys.argv)
TEST = os.path.abspath(sys.argv[1])

import MDAnalysis
import numpy as np
from MDAnalysis.lib.mdamath import triclinic_vectors
from ovito.io import import_file
from ovito.modifiers import LoadTrajectoryModifier

warnings.simplefilter('ignore')
FLOAT = 2.0 ** -23  # spacing of single precision, relative


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def compare(what, have, want, tolerance):
    have, want = np.asarray(have, float), np.asarray(want, float)
    if have.shape != want.shape:
        fail(f'{what}: shapes {have.shape} {want.shape}')
    worst = np.abs(have - want).max()
    print(f'  {what:40s} {worst:.1e}')
    if not worst <= tolerance:
        fail(f'{what} differs by {worst:.3g} (limit {tolerance:.1g})')


def frames(path):
    """time/fs, cell, elements, positions of each frame of an extended XYZ file, read here."""
    lines, i, found = open(path).read().splitlines(), 0, []
    while i < len(lines):
        n, comment = int(lines[i]), lines[i + 1]
        cell = np.array(comment.split('Lattice="')[1].split('"')[0].split(), float).reshape(3, 3)
        atoms = [line.split() for line in lines[i + 2:i + 2 + n]]
        found.append((float(comment.split(' time=')[1].split()[0]), cell, [a[0] for a in atoms], np.array([a[1:4] for a in atoms], float)))
        i += n + 2
    return found


def laid_down(cell, x):
    """The same with a along x and b in the plane xy: the triangular factor of the cell."""
    q, r = np.linalg.qr(cell.T)
    sign = np.sign(np.diag(r))
    return (r * sign[:, None]).T, x @ (q * sign)


def cosines(cell):
    length = np.linalg.norm(cell, axis=1)
    u = cell / length[:, None]
    return length, np.degrees(np.arccos([u[1] @ u[2], u[0] @ u[2], u[0] @ u[1]]))


def check(name):
    want = frames(name + '.extxyz')
    top = os.path.join(os.path.dirname(name), 'topology.extxyz')
    u = MDAnalysis.Universe(top, name + '.dcd', topology_format='XYZ')
    print(f'{name}: {len(want)} frames')
    if len(u.trajectory) != len(want):
        fail(f'MDAnalysis sees {len(u.trajectory)} frames')
    if list(u.atoms.names) != want[0][2]:
        fail('MDAnalysis has other elements')
    moved = 0
    for ts, (time, cell, _, x) in zip(u.trajectory, want):
        flat, y = laid_down(cell, x)
        size = np.abs(y).max()
        compare('MDAnalysis: time, ps', ts.time, time / 1000, 1e-6 * (1e-3 + time / 1000))
        compare('MDAnalysis: lengths', ts.dimensions[:3], cosines(cell)[0], 2 * FLOAT * 20)
        compare('MDAnalysis: angles', ts.dimensions[3:], cosines(cell)[1], 2 * FLOAT * 180)
        compare('MDAnalysis: cell', triclinic_vectors(ts.dimensions), flat, 1e-5)
        compare('MDAnalysis: positions', ts.positions, y, FLOAT * size)
        moved = max(moved, np.abs(x - want[0][3]).max())
    if not moved > 5:
        fail('nothing moves, nothing is tested')
    pipeline = import_file(top)
    modifier = LoadTrajectoryModifier()
    modifier.source.load(name + '.dcd')
    pipeline.modifiers.append(modifier)
    if modifier.source.num_frames != len(want):
        fail(f'OVITO sees {modifier.source.num_frames} frames')
    for k, (time, cell, elements, x) in enumerate(want):
        data = pipeline.compute(k)
        flat, y = laid_down(cell, x)
        compare('OVITO: cell', np.asarray(data.cell[...])[:, :3].T, flat, 1e-5)
        origin = np.asarray(data.cell[...])[:, 3]  # OVITO puts cells without a given origin around 0, atoms with them
        compare('OVITO: positions', data.particles.positions[...] - origin, y, 2 * FLOAT * np.abs(y).max())
        compare('OVITO: step', data.attributes['Timestep'], time / 0.5, 0)
        types = data.particles.particle_types
        if [types.type_by_id(t).name for t in types[...]] != elements:
            fail('OVITO has other elements')


with tempfile.TemporaryDirectory(prefix='alnd-dcd-') as d:
    os.chdir(d)
    for name in ('triclinic', 'box'):
        os.mkdir(name + '.d')
        subprocess.run([TEST, name + '.d'], check=True)
        # both runs are written; the topology is that of the second, so each is looked at with its own
        if name == 'triclinic':
            first = open(os.path.join(name + '.d', 'triclinic.extxyz')).read().splitlines()
            n = int(first[0]) + 2
            open(os.path.join(name + '.d', 'topology.extxyz'), 'w').write('\n'.join(first[:n]) + '\n')
        check(os.path.join(name + '.d', name))
    os.chdir('/')
