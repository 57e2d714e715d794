# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The stock LAMMPS of deepmd-kit's wheel beside ours (alnd-lmp): running them on the same 64 atoms, and comparing what they wrote."""
import os
import re
import subprocess
import sys

import numpy as np

CELL = np.array([[10.4, 0, 0], [0.6, 9.8, 0], [-0.5, 0.4, 10.1]])
TOLERANCE = 1e-10  # relative to the largest number of the column


def fail(text):
    print('FAIL:', text)
    sys.exit(1)


def lattice(rng):
    """64 atoms near a lattice in a tilted cell, wide enough along x for two ranks."""
    s = (np.array([[i, j, k] for i in range(4) for j in range(4) for k in range(4)]) + 0.5) / 4
    return s @ CELL + rng.uniform(-0.25, 0.25, (64, 3))


def write_data(x, types):
    with open('data.lmp', 'w') as f:
        f.write('test\n\n64 atoms\n4 atom types\n\n0 10.4 xlo xhi\n0 9.8 ylo yhi\n0 10.1 zlo zhi\n0.6 -0.5 0.4 xy xz yz\n\n'
                'Masses\n\n1 6.94\n2 30.97\n3 32.06\n4 16.0\n\nAtoms # atomic\n\n')
        for i in range(64):
            f.write('%d %d %.10f %.10f %.10f\n' % (i + 1, types[i], *x[i]))


def run(name, text, program, mpirun, env, ranks=1, good=True):
    """text becomes in.NAME; LAMMPS writes log.NAME. Returns what it said."""
    with open('in.' + name, 'w') as f:
        f.write(text)
    command = [program, '-in', 'in.' + name, '-log', 'log.' + name]
    if ranks > 1:
        command = [mpirun, '-np', str(ranks)] + command
    p = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280)
    if good != (p.returncode == 0):
        fail(f'{name}: exit code {p.returncode}\n{p.stdout[-3000:]}\n{p.stderr[-3000:]}')
    return p.stdout + p.stderr


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


def compare(what, a, b, tolerance=TOLERANCE):
    if a.shape != b.shape:
        fail(f'{what}: shapes {a.shape} {b.shape}')
    scale = np.abs(b).max()
    if not scale > 1e-6:
        fail(f'{what}: nothing but zeros')
    worst = np.abs(a - b).max() / scale
    print(f'  {what:34s} {worst:.1e} of {scale:.3g}')
    if not worst <= tolerance:
        fail(f'{what} differs by {worst:.2e} of {scale:.3g}')


def compare_runs(a, b):
    print(f'{a} against {b}')
    ta, tb, da, db = thermo(a), thermo(b), dump(a), dump(b)
    compare('potential energy', ta[:, 1], tb[:, 1])
    compare('total energy', ta[:, 2], tb[:, 2])
    compare('virial pressure', ta[:, 4:10], tb[:, 4:10])
    compare('positions', da[..., 1:4], db[..., 1:4])
    compare('forces', da[..., 4:7], db[..., 4:7])
    compare('atom energies', da[..., 7], db[..., 7])
    compare('atom virials', da[..., 8:17], db[..., 8:17])
    if not np.abs(da[-1, :, 1:4] - da[0, :, 1:4]).max() > 0.01:
        fail('the atoms have not moved')
