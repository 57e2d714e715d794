#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""vasp_write.py TOOL DIR [peer]: INCAR, POSCAR, KPOINTS and POTCAR as VASP's documentation has them; templates that contradict; with peer
the same files read back by ASE and pymatgen. POTCARs are made here (VASP's are licensed): the documented keys around no tables."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PEER = len(sys.argv) > 3 and sys.argv[3] == 'peer'
if PEER:
    import peer
    peer.use('ase', 'pymatgen.io.vasp')
TOOL, DIR = sys.argv[1], sys.argv[2]
os.makedirs(DIR, exist_ok=True)
FRAME = os.path.join(DIR, 'frame.extxyz')
ATOMS = [('S', 1.234567890123456, 0.2, 0.3), ('Li', 0.0, -0.5, 9.25), ('P', 2.0, 2.1, 2.2), ('S', 3.0, 3.1, 3.2), ('Li', 1e-3, 4.0, 5.0)]
CELL = [5.1, 0.0, 0.0, 0.25, 5.2, 0.0, -0.3, 0.4, 5.300000000000001]
ZVAL = {'Li': 1, 'P': 5, 'S': 6}


def potcar(symbol, lexch='PE', title=None, enmax=280.0, sets=1):
    path = os.path.join(DIR, f'POTCAR.{symbol}.{lexch}{title or ""}{sets}'.replace(' ', '_'))
    title = title or f'PAW_PBE {symbol} 01Jan2000'
    text = f'  {title}\n   {ZVAL[symbol]:.14f}\n parameters from PSCTR are:\n   VRHFIN ={symbol}: s1p0\n   LEXCH  = {lexch}\n   EATOM  =     5.3087 eV,    0.3902 Ry\n\n'
    text += f'   TITEL  = {title}\n   LULTRA =        F    use ultrasoft PP ?\n   IUNSCR =        1    unscreen: 0-lin 1-nonlin 2-no\n   RPACOR =    1.200    partial core radius\n'
    text += f'   POMASS =    6.941; ZVAL   =    {ZVAL[symbol]:.3f}    mass and valenz\n   RCORE  =    1.700    outmost cutoff radius\n'
    text += f'   ENMAX  =  {enmax:.3f}; ENMIN  =  {0.75 * enmax:.3f} eV\n   LMAX   =        2\n END of PSCTR-controll parameters\n local part\n  0.1\n End of Dataset\n'
    with open(path, 'w', encoding='ascii') as f:
        f.write(text * sets)
    return path


POT = [f'pseudo={s}:{potcar(s)}' for s in ZVAL]
with open(FRAME, 'w', encoding='ascii') as f_out:
    f_out.write('5\nLattice="' + ' '.join(repr(x) for x in CELL) + '" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
    f_out.writelines(' '.join(map(str, a)) + '\n' for a in ATOMS)


def write(*args, user=None, pot=None):
    out = os.path.join(DIR, 'run')
    os.makedirs(out, exist_ok=True)
    for name in os.listdir(out):
        os.remove(os.path.join(out, name))
    if user is not None:
        with open(os.path.join(DIR, 'INCAR.user'), 'w', encoding='ascii') as f:
            f.write(user)
        args += ('user=' + os.path.join(DIR, 'INCAR.user'),)
    r = subprocess.run([TOOL, 'write', 'vasp', FRAME, out, *args, *(POT if pot is None else pot)], capture_output=True, text=True, check=False)
    files = {}
    for name in os.listdir(out):
        with open(os.path.join(out, name), encoding='ascii') as f:
            files[name] = f.read()
    return r, files


def incar(files):
    keys = [line.split(' = ', 1) for line in files['INCAR'].splitlines()]
    assert len({k for k, _ in keys}) == len(keys), 'a key twice'
    return dict(keys)


def refused(words, *args, user=None, pot=None):
    r, files = write(*args, user=user, pot=pot)
    assert r.returncode == 1, (words, files.get('INCAR'))
    for w in words:
        assert w in r.stderr, (w, r.stderr)


def files_by_hand():
    r, files = write('ecut=350', 'mesh=2,1,3', 'shift=0.5,0,0.5', 'smearing=gaussian', 'width=0.05', 'max_scf=77')
    assert r.returncode == 0, r.stderr
    assert r.stdout.split() == ['1', '4', '2', '0', '3', '19'], r.stdout
    want = {'SYSTEM': 'alnd', 'ISTART': '0', 'ICHARG': '2', 'ENCUT': '350', 'PREC': 'Accurate', 'LREAL': '.FALSE.', 'LASPH': '.TRUE.', 'GGA': 'PE', 'ISMEAR': '0',
            'SIGMA': '0.05', 'EDIFF': '1E-6', 'ISYM': '0', 'NSW': '0', 'IBRION': '-1', 'ISIF': '2', 'LWAVE': '.FALSE.', 'LCHARG': '.FALSE.', 'NELM': '77',
            'ALGO': 'Normal'}
    assert incar(files) == want, incar(files)
    assert files['KPOINTS'] == 'alnd\n0\nGamma\n 2 1 3\n 0.5 0 0.5\n', files['KPOINTS']
    lines = files['POSCAR'].splitlines()
    assert lines[1] == '1.0' and lines[5].split() == ['Li', 'P', 'S'] and lines[6].split() == ['2', '1', '2'] and lines[7] == 'Cartesian'
    assert [float(x) for line in lines[2:5] for x in line.split()] == CELL
    assert [[float(x) for x in line.split()] for line in lines[8:]] == [list(ATOMS[i][1:]) for i in (1, 4, 2, 0, 3)]
    assert [line.split()[-2] for line in files['POTCAR'].splitlines() if 'TITEL' in line] == ['Li', 'P', 'S']
    _, files = write('smearing=fermi', 'width=0.1', 'tight=1', 'charge=-1', 'points=2')
    got = incar(files)
    assert (got['ISMEAR'], got['SIGMA'], got['EDIFF'], got['NELECT']) == ('-1', '0.1', '1E-8', '20'), got
    assert files['KPOINTS'].splitlines()[1:3] == ['2', 'Reciprocal'] and files['KPOINTS'].split()[-4:] == ['0.2500000000000000', '0.2500000000000000', '0.5000000000000000', '3']
    assert incar(write('charge=2')[1])['NELECT'] == '17'
    for name, tags in (('PBEsol', {'GGA': 'PS'}), ('revPBE', {'GGA': 'RE'}), ('R2SCAN', {'METAGGA': 'R2SCAN'}),
                       ('gga_x_b88+gga_c_lyp', {'GGA': 'LIBXC', 'LIBXC1': 'GGA_X_B88', 'LIBXC2': 'GGA_C_LYP'})):
        got = incar(write('functional=' + name)[1])
        assert {k: got.get(k) for k in ('GGA', 'METAGGA', 'LIBXC1', 'LIBXC2') if k in got} == tags, (name, got)
    lda = [f'pseudo={s}:{potcar(s, "CA")}' for s in ZVAL]
    assert incar(write('functional=PZ', pot=lda)[1])['GGA'] == 'CA'
    assert incar(write('functional=LDA', pot=lda)[1])['LIBXC2'] == 'LDA_C_PW_MOD'


def ladder():
    rungs = [incar(write(f'rung={k}', 'max_scf=100', user='AMIX = 0.3; ALGO = VeryFast; IVDW = 12')[1]) for k in range(4)]
    assert [r['ALGO'] for r in rungs] == ['VeryFast', 'All', 'Normal', 'Damped'] and [r['NELM'] for r in rungs] == ['100', '100', '200', '200']
    assert rungs[2]['AMIX'] == '0.1' and rungs[0]['AMIX'] == rungs[1]['AMIX'] == '0.3' and rungs[3]['TIME'] == '0.1'
    way = {'ALGO', 'NELM', 'AMIX', 'BMIX', 'AMIX_MAG', 'BMIX_MAG', 'TIME'}
    for r in rungs:  # nothing that changes physics
        assert {k: v for k, v in r.items() if k not in way} == {k: v for k, v in rungs[0].items() if k not in way}


def templates():
    r, files = write(user='# a comment\nispin = 2 ; MAGMOM = S:0.5 \\\n  P:1\n  IVDW=12 ! D3\nNCORE = 4\nPREC = Normal\nENCUT = 400.0\nLWAVE = F\nLDAUU = P:3\nsystem = mine\n')
    got = incar(files)
    assert got['ISPIN'] == '2' and got['MAGMOM'] == '2*0 1*1 2*0.5' and got['LDAUU'] == '0 3 0' and got['PREC'] == 'Normal' and got['NCORE'] == '4' and got['SYSTEM'] == 'mine'
    physics = r.stderr
    assert 'NCORE' not in physics and 'SYSTEM' not in physics and 'IVDW=12' in physics and 'PREC=Normal' in physics, physics
    assert write(user='IVDW = 12 # other words\n\nprec=Normal\nKPAR=2\nISPIN=2;MAGMOM=S:0.5 P:1\nLDAUU = P:3\nENCUT = 400.0\n')[0].stderr == physics
    assert write(user='IVDW = 11\n')[0].stderr != write(user='IVDW = 12\n')[0].stderr
    refused(['INCAR.user:3', 'NSW = 10', 'contradicts', 'NSW = 0'], user='\n\nNSW = 10\n')
    refused(['INCAR.user:1', 'ENCUT = 500', 'label.cutoff'], user='ENCUT = 500\n')
    refused(['INCAR.user:2', 'ISYM'], user='ISPIN=2\nISYM = 2\n')
    refused(['INCAR.user:2', 'ICHARG'], user='ISPIN=2; LREAL=Auto\nICHARG = 11\n')
    refused(['NELECT', 'label.charge'], user='NELECT = 20\n')
    refused(['GGA', 'label.functional'], user='GGA = PS\n')
    for key in ('ML_LMLFF = T', 'PSTRESS = 5', 'KSPACING = 0.3', 'IMAGES = 3', 'MDALGO = 2', 'LIBXC1 = X', 'VCA = 0.5 0.5', 'LEPSILON = T'):
        refused(['INCAR.user:1', key.split()[0]], user=key + '\n')
    refused(['MAGMOM', 'Fe:5 O:0.6'], user='MAGMOM = 5*0.6\n')
    refused(['line 1', 'INCAR.user:3'], user='ISPIN = 2\n\nispin = 1\n')
    refused(['INCAR.user:2', 'KEY = VALUE'], user='ISPIN = 2\nhello\n')
    refused(['braces'], user='PLUGINS { A = 1 }\n')
    assert 'GGA' not in incar(write(user='METAGGA = R2SCAN\n')[1])


def potcars():
    refused(['cold'], 'smearing=cold', 'width=0.1')
    refused(['LEXCH = CA', 'PBE'], pot=POT[:2] + [f'pseudo=S:{potcar("S", "CA")}'])
    refused(['for S', 'not for P'], pot=[POT[0], POT[2], 'pseudo=P:' + potcar('S')])
    refused(['2 data sets'], pot=POT[:2] + [f'pseudo=S:{potcar("S", sets=2)}'])
    refused(['no POTCAR for S'], pot=POT[:2])
    refused(['GTH-PBE'], pot=POT[:2] + ['pseudo=S:GTH-PBE-q6'])
    refused(['is no POTCAR'], pot=POT[:2] + ['pseudo=S:' + FRAME])
    refused(['VASP has no functional'], 'functional=B3LYP')
    for title, good in (('PAW_PBE Li_sv 10Sep2004', True), ('PAW_PBE Li_sv_GW 25Mar2010', True), ('US Li', True), ('PAW_PBE Zr_sv 1', False)):
        r, _ = write(pot=[f'pseudo=Li:{potcar("Li", title=title)}'] + POT[1:])
        assert (r.returncode == 0) == good, (title, r.stderr)


def read_by_others():
    import ase.io
    import numpy as np
    from pymatgen.io.vasp import Incar, Kpoints, Poscar
    from pymatgen.io.vasp.inputs import Potcar
    _, files = write('ecut=350', 'mesh=2,1,3', 'shift=0.5,0,0.5', 'smearing=gaussian', 'width=0.05', 'charge=1', user='ISPIN = 2\nMAGMOM = S:0.5\nIVDW = 12\n')
    run = os.path.join(DIR, 'run')
    order = [1, 4, 2, 0, 3]
    a = ase.io.read(os.path.join(run, 'POSCAR'), format='vasp')
    p = Poscar.from_file(os.path.join(run, 'POSCAR'), check_for_potcar=False).structure
    for symbols, cell, pos in ((a.get_chemical_symbols(), a.cell.array, a.positions), ([s.specie.symbol for s in p], p.lattice.matrix, p.cart_coords)):
        assert symbols == [ATOMS[i][0] for i in order]
        assert np.abs(np.asarray(cell).ravel() - CELL).max() < 1e-14 and np.abs(pos - [ATOMS[i][1:] for i in order]).max() < 1e-13
    i = Incar.from_file(os.path.join(run, 'INCAR'))
    assert i['ENCUT'] == 350 and i['ISMEAR'] == 0 and i['SIGMA'] == 0.05 and i['NELECT'] == 18 and i['LWAVE'] is False and i['EDIFF'] == 1e-6, i
    assert i['MAGMOM'] == [0, 0, 0, 0.5, 0.5] and i['ISYM'] == 0 and i['NSW'] == 0 and i['ISPIN'] == 2 and i['IVDW'] == 12 and str(i['GGA']).upper() == 'PE', i
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        i.check_params()  # pymatgen's list of INCAR keys and types
    assert not [w for w in caught if 'Cannot find' in str(w.message)], [str(w.message) for w in caught]
    k = Kpoints.from_file(os.path.join(run, 'KPOINTS'))
    assert k.style.name == 'Gamma' and tuple(k.kpts[0]) == (2, 1, 3) and tuple(k.kpts_shift) == (0.5, 0, 0.5), k
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # its hash is of no POTCAR of VASP's
        pot = Potcar.from_file(os.path.join(run, 'POTCAR'))
    assert [s.element for s in pot] == ['Li', 'P', 'S'] and [s.zval for s in pot] == [1, 5, 6] and [s.enmax for s in pot] == [280] * 3, pot
    write('points=2')
    k = Kpoints.from_file(os.path.join(run, 'KPOINTS'))
    assert k.style.name == 'Reciprocal' and np.allclose(k.kpts, [[0, 0, 0], [.25, .25, .5]]) and np.allclose(k.kpts_weights, [1, 3]), k
    assert files


files_by_hand()
ladder()
templates()
potcars()
if PEER:
    read_by_others()
print('ok')
