#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""import_peer.py BIN_DIR SOURCE_DIR: alnd import against dpdata (where that has a reader, else ASE) on the same files.

VASP: what the ase wheel ships, and files of known numbers (tests/codes/vasp_make.py). Quantum ESPRESSO, ABINIT, CP2K: outputs that pw.x, abinit and
cp2k.psmp write here. deepmd npy, mixed type, HDF5, extended XYZ, LAMMPS dump: written by dpdata and ASE. dpdata turns every cell into a lower triangle,
so cells, positions, forces and virials are compared by what a rotation leaves: products with the cell's vectors. Exit 77: skipped."""
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
# this directory's own deepmd.py is not the deepmd that dpdata asks for
sys.path = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), 'codes'), os.path.join(os.path.dirname(HERE), 'dft/peer')] + [
    p for p in sys.path if os.path.abspath(p) != HERE]
import peer  # noqa: E402

peer.use('ase', 'dpdata', 'h5py')
import ase  # noqa: E402
import ase.io  # noqa: E402
import dpdata  # noqa: E402
import numpy as np  # noqa: E402
import upf  # noqa: E402
import vasp_make  # noqa: E402
from ase.calculators.singlepoint import SinglePointCalculator  # noqa: E402

warnings.simplefilter('ignore')
BIN, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
ALND = os.path.join(BIN, 'alnd')
PSEUDO = os.path.join(os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo'), 'SPMS')
ENV = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', OMPI_ALLOW_RUN_AS_ROOT='1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM='1')
QUANTITIES = ('energy', 'cell', 'position', 'force', 'virial')


class Frames:
    """Labelled frames in any orientation, atoms by element."""

    def __init__(self, z, cell, pos, energy, force, virial=None, zero=None):
        order = np.argsort(z, kind='stable')
        self.z = np.asarray(z)[order]
        self.cell, self.energy, self.zero = np.asarray(cell, float).reshape(-1, 3, 3), np.asarray(energy, float).ravel(), zero
        self.pos, self.force = (np.asarray(a, float).reshape(len(self.energy), -1, 3)[:, order] for a in (pos, force))
        self.virial = None if virial is None else np.asarray(virial, float).reshape(-1, 3, 3)

    def invariant(self):
        h = self.cell
        up = np.swapaxes(h, 1, 2)
        frac = self.pos @ np.linalg.inv(h)
        frac = frac - np.round(frac - 1e-4)  # images of the same atom
        out = {'cell': h @ up, 'position': frac, 'force': self.force @ up}
        if self.virial is not None:
            out['virial'] = h @ self.virial @ up
        return out


def dp(s):
    d = s.data
    z = [ase.data.atomic_numbers[d['atom_names'][t]] for t in d['atom_types']]
    return Frames(z, d['cells'], d['coords'], d['energies'], d['forces'], d.get('virials'))


def ours(to):
    """Of a directory with one system of deepmd/npy."""
    system, = (p for p in glob.glob(f'{to}/*') if os.path.isdir(p))
    names, types = open(f'{system}/type_map.raw').read().split(), np.loadtxt(f'{system}/type.raw', dtype=int, ndmin=1)
    get = {k: np.load(f'{system}/set.000/{k}.npy') for k in ('box', 'coord', 'energy', 'force')}
    virial = f'{system}/set.000/virial.npy'
    return Frames([ase.data.atomic_numbers[names[t]] for t in types], get['box'], get['coord'], get['energy'], get['force'],
                  np.load(virial) if os.path.exists(virial) else None)


def take(*paths, code=0, more=()):
    shutil.rmtree('got', ignore_errors=True)
    p = subprocess.run([ALND, 'import', *paths, '--to', 'got', '--json', *more], capture_output=True, text=True)
    assert p.returncode == code or code is None, (paths, p.returncode, p.stdout[-2000:], p.stderr)
    return json.loads(p.stdout)


def compare(name, a, b, tol):
    """tol: of energy (eV), and relative to the largest of cell, force, virial; positions in parts of the cell."""
    assert len(a.energy) == len(b.energy) > 0 and list(a.z) == list(b.z), (name, len(a.energy), len(b.energy), a.z, b.z)
    worst = {'energy': np.abs(a.energy - b.energy).max()}
    x, y = a.invariant(), b.invariant()
    assert ('virial' in x) == ('virial' in y), (name, 'virial only in one')
    for k, v in y.items():
        scale = 1 if k == 'position' else max(np.abs(v).max(), 1e-9)
        worst[k] = np.abs(x[k] - v).max() / scale
    print(f'{name}: {len(a.energy)} frames of {len(a.z)} atoms: ' + ', '.join(f'{k} {worst[k]:.1e}' for k in QUANTITIES if k in worst))
    for k, v in worst.items():
        assert v <= tol.get(k, tol['rest']), (name, k, v)


# ---- VASP ------------------------------------------------------------------------------------------------------------

def vasp():
    shipped = os.path.join(os.path.dirname(ase.__file__), 'test/testdata/vasp')
    for name, fmt in (('OUTCAR_example_1', 'vasp/outcar'), ('vasprun_dfpt.xml', 'vasp/xml'), ('vasprun_pstress.xml', 'vasp/xml')):
        path = os.path.join(shipped, name)
        if not os.path.exists(path):
            print(f'{name}: this ase has no test data: not compared')
            continue
        p = subprocess.run([ALND, 'import', path, '--to', 'probe', '--json'], capture_output=True, text=True)
        shutil.rmtree('probe', ignore_errors=True)
        if p.returncode not in (0, 1):  # told why: compared is what both take
            print(f'{name}: not taken: {p.stderr.strip()[:200]}')
            continue
        take(path, code=None)
        peer_frames = dp(dpdata.LabeledSystem(path, fmt=fmt))
        mine = ours('got')
        if 'pstress' in name:  # dpdata takes the enthalpy for the energy, and its stress; ours the energy, and leaves the stress out with a note
            pv = float(re.search(r'"PSTRESS">\s*([-.\d]+)', open(path).read()).group(1)) / vasp_make.KBAR * abs(np.linalg.det(mine.cell[0]))
            print(f'{name}: dpdata has the enthalpy, PV = {pv:.6f} eV more')
            peer_frames.energy = peer_frames.energy - pv
            assert mine.virial is None
            peer_frames.virial = None
        compare(name, mine, peer_frames, {'energy': 1e-7, 'rest': 1e-6})
    rng = random.Random(7)
    cell = [[4.9, 0.2, 0.1], [0.4, 5.2, 0.3], [0.1, 0.5, 5.5]]
    base = [(0.1, 0.2, 0.1), (2.6, 2.5, 0.2), (2.4, 0.3, 2.7), (0.3, 2.6, 2.8)]
    steps = []
    for _ in range(4):
        pos = [tuple(x + rng.gauss(0, 0.1) for x in p) for p in base]
        e, f, w = vasp_make.toy(cell, ['Li', 'Li', 'S', 'S'], pos)
        steps.append((cell, pos, f, w, e, e + 0.25, 4))
    text = vasp_make.header(['Li', 'Li', 'S', 'S'], cell)
    for i, s in enumerate(steps):
        text += vasp_make.outcar_step(i + 1, *s)
    # what VASP has more and dpdata counts: the contributions above "Total", a line above the volume, blanks
    head = '  Direction    XX          YY          ZZ          XY          YZ          ZX\n  ' + '-' * 86 + '\n'
    parts = ''.join(f'  {w:8s}' + '     0.00000' * 6 + '\n' for w in ('Alpha Z', 'Ewald', 'Hartree', 'E(xc)', 'Local', 'n-local', 'augment', 'Kinetic', 'Fock'))
    assert text.count(head) == len(steps)
    text = text.replace(head, head + parts + '  ' + '-' * 86 + '\n').replace('  free  energy TOTEN', '  free  energy   TOTEN')
    text = text.replace('now :\n ' + '-' * 77 + '\n', 'now :\n ' + '-' * 77 + '\n  energy-cutoff  :      300.00\n')
    with open('OUTCAR', 'w') as f:
        f.write(text + vasp_make.footer())
    with open('vasprun.xml', 'w') as f:
        f.write(vasp_make.vasprun(['Li', 'Li', 'S', 'S'], steps))
    take('OUTCAR')
    compare('OUTCAR, made here', ours('got'), dp(dpdata.LabeledSystem('OUTCAR', fmt='vasp/outcar')), {'energy': 1e-9, 'rest': 3e-7})
    outcar = ours('got')
    take('vasprun.xml')
    compare('vasprun.xml, made here', ours('got'), dp(dpdata.LabeledSystem('vasprun.xml', fmt='vasp/xml')), {'energy': 1e-9, 'rest': 3e-7})
    compare('vasprun.xml and OUTCAR', ours('got'), outcar, {'energy': 1e-7, 'rest': 1e-5})


# ---- outputs made here -----------------------------------------------------------------------------------------------

CELL, PLACES = [[4.2, 0, 0], [0.3, 4.4, 0], [0, 0.2, 4.6]], [('Li', (0.05, 0, 0)), ('S', (2.1, 2.1, 2.2)), ('Li', (2.1, 0.1, 0.1))]


def launch(words, inp=None, out=None):
    with open(out, 'w') as o, open(inp or os.devnull) as i:
        return subprocess.run(words, stdin=i, stdout=o, stderr=subprocess.STDOUT, env=ENV, timeout=400).returncode


def espresso():
    psp = {s: glob.glob(os.path.join(PSEUDO, f'*_{s}_*.psp8')) for s in ('Li', 'S')}
    if not shutil.which('pw.x') or not all(psp.values()):
        print('Quantum ESPRESSO: no pw.x or no pseudopotentials: not compared')
        return
    for s, path in psp.items():
        upf.write(path[0], s, f'{s}.upf')
    for name, smearing in (('fixed', "occupations = 'fixed'"), ('smeared', "occupations = 'smearing', smearing = 'gauss', degauss = 0.05")):
        text = "&control\n calculation = 'scf', pseudo_dir = '.', outdir = 'tmp', tprnfor = .true., tstress = .true.\n/\n"
        text += f"&system\n ibrav = 0\n nat = 3, ntyp = 2, ecutwfc = 20, {smearing}\n/\n&electrons\n conv_thr = 1d-9\n/\n"
        text += 'ATOMIC_SPECIES\nLi 6.94 Li.upf\nS 32.06 S.upf\nCELL_PARAMETERS angstrom\n' + ''.join('%.10f %.10f %.10f\n' % tuple(r) for r in CELL)
        text += 'ATOMIC_POSITIONS angstrom\n' + ''.join('%s %.10f %.10f %.10f\n' % (s, *p) for s, p in PLACES) + 'K_POINTS automatic\n2 1 1 1 0 0\n'
        open(f'{name}.in', 'w').write(text)
        assert launch(['pw.x', '-in', f'{name}.in'], out=f'{name}.pwo') == 0, open(f'{name}.pwo').read()[-1500:]
        got = take(f'{name}.pwo')
        assert got['sources'][0]['format'] == 'qe', got['sources']
        # constants: dpdata's Ry and bohr are CODATA 2018 of scipy, pw.x prints 8 decimals of energies and forces, 2 of kbar
        compare(f'pw.x, {name}', ours('got'), dp(dpdata.LabeledSystem([f'{name}.in', f'{name}.pwo'], fmt='qe/pw/scf')),
                {'energy': 1e-7, 'virial': 2e-5, 'rest': 1e-6})
        print('   ', got['sources'][0]['energy'])


def cp2k():
    data = '/usr/share/cp2k'
    if not shutil.which('cp2k.psmp') or not os.path.exists(f'{data}/GTH_POTENTIALS'):
        print('CP2K: no cp2k.psmp: not compared')
        return
    kinds = ''.join(f'&KIND {s}\nBASIS_SET SZV-MOLOPT-SR-GTH\nPOTENTIAL GTH-PBE-q{q}\n&END KIND\n' for s, q in (('Li', 3), ('S', 6)))
    cell = ''.join(f'{k} ' + ' '.join(map(repr, r)) + '\n' for k, r in zip('ABC', CELL))
    text = f'''&GLOBAL
PROJECT one
RUN_TYPE ENERGY_FORCE
&END GLOBAL
&FORCE_EVAL
METHOD Quickstep
STRESS_TENSOR ANALYTICAL
&DFT
BASIS_SET_FILE_NAME {data}/BASIS_MOLOPT
POTENTIAL_FILE_NAME {data}/GTH_POTENTIALS
&MGRID
CUTOFF 150
&END MGRID
&XC
&XC_FUNCTIONAL PBE
&END XC_FUNCTIONAL
&END XC
&SCF
EPS_SCF 1e-6
MAX_SCF 60
&OT
PRECONDITIONER FULL_ALL
&END OT
&OUTER_SCF
EPS_SCF 1e-6
MAX_SCF 10
&END OUTER_SCF
&END SCF
&END DFT
&SUBSYS
&CELL
{cell}&END CELL
&COORD
''' + ''.join('%s %.10f %.10f %.10f\n' % (s, *p) for s, p in PLACES) + f'''&END COORD
{kinds}&END SUBSYS
&PRINT
&FORCES ON
&END FORCES
&STRESS_TENSOR ON
&END STRESS_TENSOR
&END PRINT
&END FORCE_EVAL
'''
    open('cp2k.inp', 'w').write(text)
    assert launch(['mpirun', '-n', '1', 'cp2k.psmp', '-i', 'cp2k.inp'], out='cp2k.out') == 0, open('cp2k.out').read()[-1500:]
    got = take('cp2k.out')
    assert got['sources'][0]['format'] == 'cp2k', got['sources']
    mine, theirs = ours('got'), dp(dpdata.LabeledSystem('cp2k.out', fmt='cp2k/output'))
    rows = re.findall(r'STRESS\|\s+[xyz]((?:\s+[-+.\dE]+){3})\n', open('cp2k.out').read().split('Eigenvectors')[0])
    if theirs.virial is None:  # dpdata 1.1.0 knows other headings of the tensor than this CP2K's: what is printed is the measure
        print('cp2k.psmp: dpdata finds no stress; against the printed tensor')
        theirs.virial = np.array([r.split() for r in rows], float)[None] / 160.21766208 * abs(np.linalg.det(mine.cell[0]))
    compare('cp2k.psmp', mine, theirs, {'energy': 1e-7, 'rest': 1e-6})


def abinit():
    psp = [glob.glob(os.path.join(PSEUDO, f'*_{s}_*.psp8')) for s in ('Li', 'S')]
    if not shutil.which('abinit') or not all(psp):
        print('ABINIT: no abinit or no pseudopotentials: not compared')
        return
    vectors = '\n'.join(' '.join('%.10f' % x for x in r) for r in CELL)
    places = '\n'.join('%.10f %.10f %.10f' % p for _, p in PLACES)
    open('one.abi', 'w').write(f'pp_dirpath ""\npseudos "{os.path.abspath(psp[0][0])}, {os.path.abspath(psp[1][0])}"\nntypat 2\nznucl 3 16\nnatom 3\ntypat 1 2 1\n'
                               f'acell 1 1 1 angstrom\nrprim {vectors}\nxcart {places} angstrom\necut 10\nkptopt 0\nnkpt 1\nkpt 0.25 0.25 0.25\nwtk 1\nixc 11\ntoldff 1e-7\nnstep 80\noptstress 1\n'
                               'nsym 1\nprtwf 0\nprtden 0\nprteig 0\n')
    assert launch(['abinit', 'one.abi'], out='abinit.log') == 0, open('abinit.log').read()[-1500:]
    got = take('one.abo')
    assert got['sources'][0]['format'] == 'abinit', got['sources']
    a = ase.io.read('one.abo', format='abinit-out')
    virial = -a.get_stress(voigt=False) * a.get_volume()
    compare('abinit (against ASE: dpdata has no reader)', ours('got'),
            Frames(a.numbers, a.cell.array, a.positions, a.get_potential_energy(), a.get_forces(), virial), {'energy': 2e-4, 'rest': 1e-5})


# ---- data sets -------------------------------------------------------------------------------------------------------

def sets():
    rng = np.random.default_rng(4)
    frames = []
    for k in range(6):
        a = ase.Atoms('SLi2S', rng.normal(0, 0.1, (4, 3)) + [[0, 0, 0], [2, 0, 0], [0, 2.2, 0], [0, 0.1, 2.5]], cell=np.eye(3) * 5 + rng.normal(0, 0.1, (3, 3)), pbc=True)
        a.calc = SinglePointCalculator(a, energy=-20 + 0.3 * k, forces=rng.normal(0, 1, (4, 3)), stress=rng.normal(0, 0.01, 6))
        frames.append(a)
    s = dpdata.LabeledSystem()
    for a in frames:
        s.append(dpdata.LabeledSystem(a, fmt='ase/structure'))
    s.to('deepmd/npy', 'npy', set_size=4)
    s.to('deepmd/hdf5', 'set.h5')
    ms = dpdata.MultiSystems(s)
    ms.to('deepmd/npy/mixed', 'mixed')
    exact = {'energy': 0, 'rest': 1e-13}
    read = dp(dpdata.LabeledSystem('npy', fmt='deepmd/npy'))
    for name, path in (('deepmd/npy', 'npy'), ('deepmd/hdf5', 'set.h5'), ('deepmd/npy/mixed', 'mixed')):
        take(path)
        compare(name, ours('got'), read, exact)
    ase.io.write('all.extxyz', frames)
    take('all.extxyz')
    back = ase.io.read('all.extxyz', ':')
    compare('extended XYZ (against ASE)', ours('got'),
            Frames(back[0].numbers, [a.cell.array for a in back], [a.positions for a in back], [a.get_potential_energy() for a in back],
                   [a.get_forces() for a in back], [-a.get_stress(voigt=False) * a.get_volume() for a in back]), {'energy': 0, 'rest': 1e-12})
    got = take('npy', 'set.h5', 'mixed')
    assert got['frames'] == 6 and sum(x['duplicates'] for x in got['sources']) == 12, got['sources']


def dumps():
    rng = np.random.default_rng(9)
    text, n = '', 5
    for k in range(3):
        text += f'ITEM: TIMESTEP\n{k * 10}\nITEM: NUMBER OF ATOMS\n{n}\nITEM: BOX BOUNDS xy xz yz pp pp pp\n0 7 0.5\n0 6 0.25\n0 6.5 0.125\nITEM: ATOMS id type x y z\n'
        pos = rng.uniform(0.5, 5, (n, 3))
        text += ''.join(f'{i + 1} {1 + i % 2} ' + ' '.join(f'{x:.10g}' for x in pos[i]) + '\n' for i in (3, 0, 4, 1, 2))
    open('md.lammpstrj', 'w').write(text)
    got = take('md.lammpstrj', more=('--types', 'Li,S'))
    assert got['unlabelled'] == 3 and got['frames'] == 0
    back = ase.io.read('got/unlabelled.extxyz', ':')
    s = dpdata.System('md.lammpstrj', fmt='lammps/dump', type_map=['Li', 'S'])
    z = [ase.data.atomic_numbers[s.data['atom_names'][t]] for t in s.data['atom_types']]
    zero = np.zeros((3, n, 3))
    compare('LAMMPS dump', Frames(back[0].numbers, [a.cell.array for a in back], [a.positions for a in back], np.zeros(3), zero),
            Frames(z, s.data['cells'], s.data['coords'], np.zeros(3), zero), {'energy': 0, 'rest': 1e-9})


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    for part in sys.argv[3:] or ['vasp', 'sets', 'dumps', 'espresso', 'cp2k', 'abinit']:
        globals()[part]()
print('ok')
