#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Stands in for abinit where there is none: reads alnd.abi, writes alnd.abo as ABINIT 9 does, for the potential of toy_potential.py.

FAKE (set by the launcher words env FAKE=..) says what goes wrong: unconverged, unconverged-once, cut, order, place, electrons, error."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import toy_potential as toy  # noqa: E402

MODE = os.environ.get('FAKE', '')
SYMBOL = {3: 'Li', 15: 'P', 16: 'S'}


def read_input(path):
    with open(path, encoding='ascii') as f:
        text = re.sub('#.*', '', f.read())
    words = re.findall(r'"[^"]*"|\S+', text)

    def of(key, n, kind):
        at = words.index(key) + 1
        return [kind(w) for w in words[at:at + n]]

    natom, ntypat = of('natom', 1, int)[0], of('ntypat', 1, int)[0]
    cell, pos = of('rprim', 9, float), of('xcart', 3 * natom, float)
    ions = of('znucl', ntypat, int)
    assert of('acell', 1, str) == ['3*1.0'] and of('kptopt', 1, int) == [0] and 'ecut' in words and 'tolvrs' in words
    charge = {}
    for z, name in zip(ions, of('pseudos', 1, str)[0].strip('"').split(', ')):
        with open(name, encoding='ascii') as f:
            zatom, zion = f.read().split('\n')[1].split()[:2]
        assert int(zatom) == z, name
        charge[SYMBOL[z]] = float(zion)
    symbols = [SYMBOL[ions[t - 1]] for t in of('typat', natom, int)]
    electrons = sum(charge[s] for s in symbols) - (of('charge', 1, float)[0] if 'charge' in words else 0)
    return words, [cell[k:k + 3] for k in (0, 3, 6)], symbols, [pos[k:k + 3] for k in range(0, 3 * natom, 3)], electrons


def rows(list_of_rows, form):
    return ''.join('- [ ' + ', '.join(form % x for x in row) + ', ]\n' for row in list_of_rows)


def listed(title, scale, v, order):
    return f' {title} at end:\n' + ''.join(f' {i + 1:4d}' + ''.join(f' {scale * x:20.14f}' for x in v[k]) + '\n' for i, k in enumerate(order)) + '\n'


def main():
    if '--version' in sys.argv:
        print('0.0fake')
        return 0
    print('.Version 0.0fake of ABINIT')
    if MODE == 'error':
        print('--- !ERROR\nsrc_file: chkinp.F90\nmessage: |\n    the input is refused\n...')
        return 14
    words, cell, symbols, pos, electrons = read_input(sys.argv[1])
    energy, force, strain = toy.model(cell, symbols, pos)  # Ry
    order = toy.turned(MODE, symbols)
    converged = not (MODE == 'unconverged' or (MODE == 'unconverged-once' and 'diemix' not in words))
    t = f'\n.Version 0.0fake of ABINIT\n\n--- !DatasetInfo\nelectrons: {{nelect: {electrons + (MODE == "electrons"):16.8E}, charge: 0.0, occopt: 7.0, }}\n...\n'
    t += f' ETOT  1  {energy / 2 + 0.1:.12f}    -1.0E+01 7.2E-03 2.1E+03\n ETOT  2  {energy / 2:.12f}    -1.0E-01 7.2E-13 2.1E-13\n\n'
    t += ' At SCF step    2       vres2   =  3.58E-11 < tolvrs=  1.00E-10 =>converged.\n\n' if converged else \
        ' scprqt:  WARNING -\n  nstep=    2 was not enough SCF cycles to converge;\n'
    t += '--- !ResultsGS\nlattice_vectors:\n' + rows(cell, '%.7f') + f'etotal    : {energy / 2:16.8E}\ncartesian_stress_tensor: # hartree/bohr^3\n'
    t += rows([[x / 2 / toy.volume(cell) for x in row] for row in strain], '%.8E')
    t += 'xred      :\n' + ''.join(f'- [  0.0000E+00,   0.0000E+00,   0.0000E+00, {symbols[k]}]\n' for k in order) + '...\n\n'
    t += listed('cartesian coordinates (angstrom)', toy.BOHR, pos, order) + listed('cartesian forces (hartree/bohr)', 0.5, force, order)
    t += "\n--- !EnergyTerms\n'-kT*entropy'       : -0.00000000000000E+00\n...\n"
    if MODE == 'cut':
        t = t[:t.index('\n', t.index('cartesian forces') + 80) + 1]
    else:
        t += ' Calculation completed.\n.Delivered   0 WARNINGs\n'
    with open('alnd.abo', 'w', encoding='ascii') as f:
        f.write(t)
    return 0


sys.exit(main())
