#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Stands in for vasp_std in tests: reads INCAR, POSCAR, KPOINTS and POTCAR of the directory it is started in, as VASP would, and writes OUTCAR
and vasprun.xml of the toy potential of vasp_make.py. REPLAY_VASP, or SYSTEM = replay:MODE in INCAR, says what goes wrong:
  need-all    converges with ALGO = All only (by VASP 6's words); need-damped: with Damped only (silently, as VASP 5)
  unconverged never converges
  hermitian   breaks with EDDDAV on the screen unless ALGO = All
  bands       stops for TOO FEW BANDS
  cut         ends in the middle of the forces, exit code 0
  swapped     atoms come back in another order
  electrons   counts one electron less
  nothing     exit code 1 and no file"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import vasp_make as make  # noqa: E402

MODE = os.environ.get('REPLAY_VASP', '')
with open('INCAR', encoding='ascii') as incar_file:
    for incar_line in incar_file:
        if incar_line.startswith('SYSTEM = replay:'):
            MODE = incar_line.split(':')[1].strip()


def read_inputs():
    with open('INCAR', encoding='ascii') as f:
        incar = dict(line.strip().split(' = ', 1) for line in f if '=' in line)
    with open('POSCAR', encoding='ascii') as f:
        lines = f.read().splitlines()
    cell = [[float(x) for x in line.split()] for line in lines[2:5]]
    symbols = [s for s, n in zip(lines[5].split(), lines[6].split()) for _ in range(int(n))]
    pos = [[float(x) for x in line.split()] for line in lines[8:]]
    with open('POTCAR', encoding='ascii') as f:
        potcar = f.read().splitlines()
    titles = [line.split()[3] for line in potcar if 'TITEL' in line]
    zval = dict(zip(titles, [float(line.split('ZVAL')[1].split()[1]) for line in potcar if 'ZVAL' in line]))
    with open('KPOINTS', encoding='ascii') as f:
        assert len(f.read().splitlines()) >= 4
    assert lines[1] == '1.0' and lines[7] == 'Cartesian' and len(pos) == len(symbols)
    assert titles == lines[5].split(), 'POTCAR and POSCAR are of other species'
    return incar, cell, symbols, pos, sum(zval[s] for s in symbols)


def main():
    if MODE == 'nothing':
        print(' licence server says no')
        return 1
    incar, cell, symbols, pos, electrons = read_inputs()
    if MODE == 'hermitian' and incar['ALGO'] != 'All':
        print(' WARNING: Sub-Space-Matrix is not hermitian in DAV            3\n Error EDDDAV: Call to ZHEGV failed. Returncode =   8 1 16')
        return 1
    if MODE == 'bands':
        print('|     TOO FEW BANDS!!                                                         |')
        return 1
    energy, force, virial = make.toy(cell, symbols, pos)
    ended = 'reached'
    if MODE == 'need-all' and incar['ALGO'] != 'All':
        ended = 'unconverged'
    if MODE == 'unconverged':
        ended = 'unconverged'
    if MODE == 'need-damped' and incar['ALGO'] != 'Damped':
        ended = 'silent'
    if MODE == 'swapped':
        pos[0], pos[1] = pos[1], pos[0]
    nelect = float(incar.get('NELECT', electrons)) - (MODE == 'electrons')
    text = make.header(symbols, cell, nelect=nelect, nelm=int(incar['NELM']))
    text += make.outcar_step(1, cell, pos, force, virial, energy, energy, ended=ended, electrons=nelect, nscf=7)
    if MODE == 'cut':
        text = text[:text.rindex('total drift') - 200]
    else:
        text += make.footer()
    with open('OUTCAR', 'w', encoding='ascii') as f:
        f.write(text)
    with open('vasprun.xml', 'w', encoding='ascii') as f:
        f.write(make.vasprun(symbols, [(cell, pos, force, virial, energy, energy, 7)], int(incar['NELM']), nelect))
    with open('WAVECAR', 'w', encoding='ascii') as f:
        f.write('large\n')
    print(' running on    1 total cores\n DAV:   1     0.1E+01\n   1 F= -.1E+01 E0= -.1E+01  d E =0.0E+00')
    return 0


sys.exit(main())
