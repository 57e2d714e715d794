#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Stands in for cp2k.psmp where there is none: reads the input, prints what CP2K would print, for the potential of toy_potential.py.

FAKE (set by the launcher words env FAKE=..) says what goes wrong: unconverged, unconverged-once, cut, order, place, electrons, error."""
import math
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import toy_potential as toy  # noqa: E402

MODE = os.environ.get('FAKE', '')
NUMBER = {'Li': 3, 'P': 15, 'S': 16}
GPA = 160.2176634  # eV/Ang^3


def read_input(path):
    with open(path, encoding='ascii') as f:
        text = f.read()

    def section(name):
        return [line.split() for line in re.search(rf'&{name}\s*\n(.*?)&END', text, re.S).group(1).strip().split('\n')]

    cell = [[float(x) for x in row[1:4]] for row in section('CELL')[:3]]
    atoms = section('COORD')
    symbols, pos = [a[0] for a in atoms], [[float(x) for x in a[1:4]] for a in atoms]
    assert re.search(r'RUN_TYPE ENERGY_FORCE', text) and re.search(r'CUTOFF \[Ry\] [\d.]+', text)
    charge = {}
    with open(re.search(r'POTENTIAL_FILE_NAME (\S+)', text).group(1), encoding='ascii') as f:
        lines = f.read().split('\n')
    for i, line in enumerate(lines):
        if line.endswith(' GTH-ALND'):
            charge[line.split()[0]] = sum(int(x) for x in lines[i + 1].split())
    for s in set(symbols):
        kind = re.search(rf'&KIND {s}\s*\n(.*?)&END', text, re.S).group(1)
        assert 'BASIS_SET' in kind and 'POTENTIAL GTH-ALND' in kind
    extra = re.search(r'CHARGE (-?\d+)', text)
    return text, cell, symbols, pos, sum(charge[s] for s in symbols) - (int(extra.group(1)) if extra else 0)


def put_cell(cell):
    size = [math.sqrt(sum(x * x for x in v)) for v in cell]
    for name, v, n in zip('abc', cell, size):
        print(f' CELL| Vector {name} [angstrom]:' + ''.join(f'{x:10.3f}' for x in v) + f'   |{name}| = {n:12.6f}')
    for a, b, text in ((1, 2, '(b,c), alpha'), (0, 2, '(a,c), beta '), (0, 1, '(a,b), gamma')):
        print(f' CELL| Angle {text} [degree]: {math.degrees(math.acos(sum(x * y for x, y in zip(cell[a], cell[b])) / size[a] / size[b])):12.6f}')


def main():
    if '--version' in sys.argv:
        print(' CP2K version 0.0fake\n Source code revision git:0')
        return 0
    path = sys.argv[sys.argv.index('-i') + 1]
    text, cell, symbols, pos, electrons = read_input(path)
    print(' DBCSR| MPI: My process id  0\n  **** PROGRAM STARTED AT   today\n\n CP2K| version string:   CP2K version 0.0fake\n'
          f' CP2K| Input file name   {path}\n\n GLOBAL| Project name   alnd\n GLOBAL| Run type   ENERGY_FORCE\n')
    if MODE == 'error':
        print(' *****\n *   ___                                  *\n *  /   \\                                 *\n * [ABORT]  the input is refused          *\n *****')
        return 1
    put_cell(cell)
    energy, force, strain = toy.model([[x / toy.BOHR for x in v] for v in cell], symbols, [[x / toy.BOHR for x in p] for p in pos])
    order = toy.turned(MODE, symbols)
    kinds = sorted(set(symbols))
    print('\n MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM\n\n   Atom Kind Element         X             Y             Z       Z(eff)     Mass\n')
    for i, k in enumerate(order):
        print(f' {i + 1:6d} {kinds.index(symbols[k]) + 1:4d} {symbols[k]:2s} {NUMBER[symbols[k]]:4d}' + ''.join(f'{x:14.6f}' for x in pos[k]) + '   1.0000   1.0000')
    print(f'\n\n Number of electrons: {electrons + (MODE == "electrons"):32d}\n\n SCF WAVEFUNCTION OPTIMIZATION\n')
    if MODE == 'unconverged' or (MODE == 'unconverged-once' and 'ALPHA 0.2' in text):
        print('  *** SCF run NOT converged ***\n\n *** WARNING in qs_scf.F:598 :: SCF run NOT converged ***\n')
    else:
        print('  *** SCF run converged in    14 steps ***\n')
    print(f'  Electronic entropic energy: {0:20.14f}\n\n ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]: {energy / 2:22.15f}\n\n ATOMIC FORCES in [a.u.]\n')
    print(' # Atom   Kind   Element          X              Y              Z')
    for i, k in enumerate(order):
        print(f' {i + 1:6d} {kinds.index(symbols[k]) + 1:6d}      {symbols[k]:2s}   ' + ''.join(f'{x / 2:19.12f}' for x in force[k]))
        if MODE == 'cut' and i == len(order) // 2:
            return 0
    print(' SUM OF ATOMIC FORCES 0.0 0.0 0.0 0.0\n\n STRESS| Analytical stress tensor [GPa]\n STRESS|                        x                   y                   z')
    for name, row in zip('xyz', strain):  # positive under compression
        print(f' STRESS|      {name}' + ''.join(f'{-toy.RY * x / toy.volume(cell) * GPA:20.11E}' for x in row))
    print('\n  **** **** ******  **  PROGRAM ENDED AT    today')
    return 0


sys.exit(main())
