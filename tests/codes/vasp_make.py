# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""OUTCAR and vasprun.xml in VASP's documented formats, for energies, forces and stresses of a toy potential, so that every number in them is
known exactly. Nothing here is VASP's: the layout is what ASE, pymatgen and dpdata read, too."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from toy_potential import pairs  # noqa: E402

KBAR = 1602.1766340  # 1 eV/Ang^3
MASS = {'H': 1.0, 'Li': 6.94, 'O': 16.0, 'P': 30.97, 'S': 32.06}


def det(c):
    return sum(c[0][i] * (c[1][(i + 1) % 3] * c[2][(i + 2) % 3] - c[1][(i + 2) % 3] * c[2][(i + 1) % 3]) for i in range(3))


def fractional(cell, p):
    d = det(cell)
    cols = []
    for k in range(3):
        m = [list(r) for r in cell]
        m[k] = list(p)
        cols.append(det(m) / d)
    return cols


def toy(cell, symbols, pos):
    """Energy, forces, virial of pairs (1 Ang wide Gaussians, strength by species): virial = -dE/d(strain)."""
    strength = [0.3 + 0.1 * len(s) + 0.01 * ord(s[0]) for s in symbols]
    energy, force, strain = pairs(cell, strength, pos, 1, 3)
    return energy, force, [[-x for x in row] for row in strain]


def header(symbols, cell, version='6.3.0', spin=1, nelect=None, nelm=60, pstress=0.0, icharg=2, four=False):
    kinds = []
    for s in symbols:
        if not kinds or kinds[-1][0] != s:
            kinds.append([s, 0])
        kinds[-1][1] += 1
    nelect = nelect if nelect is not None else float(len(symbols))
    t = f' vasp.{version} 20Jan22 (build of a test) complex\n\n executed on             LinuxIFC date 2026.01.01  00:00:00\n running on    1 total cores\n\n'
    t += '\n INCAR:\n'
    for s, _ in kinds:
        t += f' POTCAR:    PAW_PBE {s} 01Jan2000\n'
    for s, _ in kinds:
        t += f' POTCAR:    PAW_PBE {s} 01Jan2000\n   VRHFIN ={s}: s1\n   LEXCH  = PE\n   EATOM  =     5.3087 eV,    0.3902 Ry\n\n'
        t += f'   TITEL  = PAW_PBE {s} 01Jan2000\n   POMASS =    6.941; ZVAL   =    1.000    mass and valenz\n'
    t += f'\n Dimension of arrays:\n   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=      8\n'
    t += f'   number of dos      NEDOS =    301   number of ions     NIONS = {len(symbols):6d}\n'
    t += '   ions per type =            ' + ''.join(f'{n:4d}' if four else f' {n:3d}' for _, n in kinds) + '\n'
    t += f' SYSTEM =  alnd\n\n Startparameter for this run:\n   ISTART =      0    job   : 0-new  1-cont  2-samecut\n'
    t += f'   ICHARG = {icharg:6d}    charge: 1-file 2-atom 10-const\n   ISPIN  = {spin:6d}    spin polarized calculation?\n'
    t += f'   NELM   = {nelm:6d};   NELMIN=  2; NELMDL= -5     # of ELM steps\n'
    t += f'   PSTRESS= {pstress:6.1f} pullay stress\n   NELECT = {nelect:12.4f}    total number of electrons\n\n'
    return t + lattice(cell)


def lattice(cell):
    t = f'  volume of cell : {det(cell):11.2f}\n      direct lattice vectors                 reciprocal lattice vectors\n'
    for k in range(3):
        t += '   ' + ''.join(f'{x:13.9f}' for x in cell[k]) + '  ' + ''.join(f'{0.1:13.9f}' for _ in range(3)) + '\n'
    return t + '\n  length of vectors\n'


def stress_block(w, cell, ml='', pstress=0.0):
    v = det(cell)
    k = [w[a][b] * KBAR / v for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0))]
    t = f'\n  {ml}FORCE on cell =-STRESS in cart. coord.  units (eV):\n  Direction    XX          YY          ZZ          XY          YZ          ZX\n'
    t += '  ' + '-' * 86 + '\n  Total  ' + ''.join(f'{x * v / KBAR:12.5f}' for x in k) + '\n  in kB  ' + ''.join(f'{x:12.5f}' for x in k) + '\n'
    return t + f'  external pressure = {sum(k[:3]) / 3 - pstress:11.2f} kB  Pullay stress = {pstress:11.2f} kB\n\n'


def outcar_step(number, cell, pos, force, w, energy, zero, nscf=4, ended='reached', electrons=None, mag='', ml=False, pstress=0.0):
    """ended: 'reached', 'unconverged' (VASP 6 says so), 'silent' (VASP 5 says nothing)."""
    m = 'ML ' if ml else ''
    t = ''
    for i in range(1, nscf + 1):
        t += f'\n\n{"-" * 39} Iteration {number:6d}({i:4d})  {"-" * 39}\n\n    POTLOK:  cpu time    0.0100: real time    0.0100\n'
        if electrons is not None:
            t += f' number of electron {electrons:15.7f} magnetization {mag}\n'
        t += f' Free energy of the ion-electron system (eV)\n  ---------------------------------------------------\n  free energy    TOTEN  = {energy + 0.1 / i:18.8f} eV\n\n'
        t += f'  energy without entropy = {energy + 0.2 / i:18.8f}  energy(sigma->0) = {zero + 0.1 / i:18.8f}\n\n'
    if ended == 'reached' and nscf:
        t += '------------------------ aborting loop because EDIFF is reached ----------------------------------------\n'
    if ended == 'unconverged':
        t += '------------------------ aborting loop EDIFF was not reached (unconverged)  ----------------------------\n'
    t += stress_block(w, cell, m, pstress)
    t += '\n VOLUME and BASIS-vectors are now :\n ' + '-' * 77 + '\n' + lattice(cell)
    t += f'\n\n POSITION                                       TOTAL-FORCE (eV/Angst){" (ML)" if ml else ""}\n ' + '-' * 83 + '\n'
    for p, f in zip(pos, force):
        t += ''.join(f'{x:13.5f}' for x in p) + '   ' + ''.join(f'{x:14.6f}' if abs(x) < 1e6 else '*' * 14 for x in f) + '\n'
    t += ' ' + '-' * 83 + '\n    total drift:                                0.000000      0.000000      0.000000\n\n\n'
    t += f'{"-" * 104}\n\n\n\n  {m}FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  ---------------------------------------------------\n'
    t += f'  free  energy {m}TOTEN  = {energy:18.8f} eV\n\n  {m}energy  without entropy= {energy + 0.01:18.8f}  {m}energy(sigma->0) = {zero:18.8f}\n\n'
    if pstress:
        t += f'  enthalpy is {m}TOTEN    = {energy + pstress / KBAR * det(cell):18.8f} eV   P V= {pstress / KBAR * det(cell):18.8f}\n\n'
    return t


def footer():
    return '\n\n General timing and accounting informations for this job:\n ========================================================\n\n                  Total CPU time used (sec):        0.100\n'


def vasprun(symbols, steps, nelm=60, nelect=1.0, pstress=0.0, icharg=2):
    """steps: (cell, pos, force, virial, energy, zero, nscf)"""
    kinds = sorted(set(symbols), key=symbols.index)
    t = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n <generator>\n  <i name="program" type="string">vasp </i>\n'
    t += '  <i name="version" type="string">6.3.0  </i>\n </generator>\n <incar>\n </incar>\n'
    t += ' <kpoints>\n  <varray name="kpointlist" >\n   <v>       0.00000000       0.00000000       0.00000000 </v>\n  </varray>\n'
    t += '  <varray name="weights" >\n   <v>       1.00000000 </v>\n  </varray>\n </kpoints>\n'
    t += f' <parameters>\n  <separator name="electronic" >\n   <i name="NELECT">{nelect:16.8f}</i>\n   <separator name="electronic convergence" >\n'
    t += f'    <i type="int" name="NELM">{nelm:6d}</i>\n   </separator>\n'
    t += f'   <i type="int" name="ICHARG">{icharg:6d}</i>\n  </separator>\n  <i name="PSTRESS">{pstress:16.8f}</i>\n'
    t += '  <separator name="response functions" >\n   <i type="int" name="NELM">     1</i>\n  </separator>\n </parameters>\n'
    t += f' <atominfo>\n  <atoms>{len(symbols):8d} </atoms>\n  <types>{len(kinds):8d} </types>\n  <array name="atoms" >\n   <set>\n'
    for s in symbols:
        t += f'    <rc><c>{s:2s}</c><c>{kinds.index(s) + 1:4d}</c></rc>\n'
    t += '   </set>\n  </array>\n  <array name="atomtypes" >\n   <set>\n'
    for s in kinds:
        t += f'    <rc><c>{symbols.count(s):4d}</c><c>{s:2s}</c><c>{MASS.get(s, 1):16.8f}</c><c>      1.00000000</c><c>  PAW_PBE {s} 01Jan2000 </c></rc>\n'
    t += '   </set>\n  </array>\n </atominfo>\n'

    def row(v, n=1):
        return ' ' * n + '<v>' + ''.join(f'{x:17.8f}' if abs(x) < 1e7 else ' ****************' for x in v) + ' </v>\n'

    def structure(cell, pos, name=''):
        s = f' <structure{name}>\n  <crystal>\n   <varray name="basis" >\n' + ''.join(row(c, 4) for c in cell)
        s += f'   </varray>\n   <i name="volume">{det(cell):16.8f} </i>\n   <varray name="rec_basis" >\n' + ''.join(row((.1, .1, .1), 4) for _ in range(3))
        s += '   </varray>\n  </crystal>\n  <varray name="positions" >\n' + ''.join(row(fractional(cell, p), 3) for p in pos)
        return s + '  </varray>\n </structure>\n'
    t += structure(steps[0][0], steps[0][1], ' name="initialpos" ')
    for cell, pos, force, w, energy, zero, nscf in steps:
        v = det(cell)
        t += ' <calculation>\n'
        for i in range(1, nscf + 1):
            d = 0.0 if i == nscf else 0.1 / i
            t += f'  <scstep>\n   <time name="total">    0.01    0.01</time>\n   <energy>\n    <i name="e_fr_energy">{energy + d:16.8f} </i>\n'
            t += f'    <i name="e_wo_entrp">{energy + d:16.8f} </i>\n    <i name="e_0_energy">{zero + d:16.8f} </i>\n   </energy>\n  </scstep>\n'
        t += structure(cell, pos) + '  <varray name="forces" >\n' + ''.join(row(f, 3) for f in force) + '  </varray>\n'
        t += '  <varray name="stress" >\n' + ''.join(row([x * KBAR / v for x in r], 3) for r in w) + '  </varray>\n'
        t += f'  <energy>\n   <i name="e_fr_energy">{energy + pstress * v / KBAR:16.8f} </i>\n   <i name="e_wo_entrp">{energy:16.8f} </i>\n'
        t += '   <i name="e_0_energy">      0.01234567 </i>\n  </energy>\n </calculation>\n'
    return t + structure(steps[-1][0], steps[-1][1], ' name="finalpos" ') + '</modeling>\n'
