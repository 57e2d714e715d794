#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""vasp_peer.py TOOL DIR: OUTCAR and vasprun.xml that VASP wrote, as the ase wheel and phonopy's source package ship them, read by alnd and by ASE:
energies, forces, stresses, cells, positions of all steps to the printed digits. The package is fetched into DIR (pip download); without
network only what ase ships is compared, and the test says so. pymatgen's source package, read too, ships none since 2024."""
import bz2
import glob
import io
import json
import lzma
import os
import subprocess
import sys
import tarfile
import warnings
from xml.etree import ElementTree

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import peer  # noqa: E402

peer.use('ase')
import ase.io  # noqa: E402
import numpy as np  # noqa: E402
from ase import units  # noqa: E402

TOOL, DIR = sys.argv[1], sys.argv[2]
WORK = os.path.join(DIR, 'files')
os.makedirs(WORK, exist_ok=True)
PHONOPY = 'phonopy==4.10.0'
worst = {'energy': 0.0, 'zero': 0.0, 'force': 0.0, 'cell': 0.0, 'position': 0.0}
count = {'files': 0, 'steps': 0, 'skipped': 0}


def fetch(package):
    """Path of the source package, or None. --no-binary for it alone: what builds its metadata may be wheels."""
    name = package.split('=')[0]
    have = glob.glob(os.path.join(DIR, name.replace('-', '?') + '-*.tar.gz'))
    if not have:
        r = subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', name, '-d', DIR, package], capture_output=True,
                           text=True, check=False, timeout=240)
        have = glob.glob(os.path.join(DIR, name.replace('-', '?') + '-*.tar.gz'))
        if not have:
            print(f'{package} cannot be fetched: {r.stderr.strip().splitlines()[-1:]}')
    return have[0] if have else None


def unpack(name, data):
    """(name, bytes) of the VASP files in a member, which may be packed or a packed tar."""
    if name.endswith(('.tar.lzma', '.tar.bz2', '.tar.xz')):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for m in tar:
                if m.isfile() and os.path.basename(m.name).startswith(('vasprun', 'OUTCAR')):
                    yield from unpack(name + '/' + m.name, tar.extractfile(m).read())
    elif name.endswith(('.xz', '.lzma')):
        yield name, lzma.decompress(data)
    elif name.endswith('.bz2'):
        yield name, bz2.decompress(data)
    else:
        yield name, data


def files():
    data = os.path.join(os.path.dirname(ase.__file__), 'test/testdata/vasp')
    for path in sorted(glob.glob(os.path.join(data, 'OUTCAR*')) + glob.glob(os.path.join(data, 'vasprun*'))):
        with open(path, 'rb') as f:
            yield 'ase/' + os.path.basename(path), f.read()
    for package in (PHONOPY, 'pymatgen-core'):
        source = fetch(package)
        if not source:
            continue
        n = 0
        with tarfile.open(source) as tar:
            for m in tar:
                if m.isfile() and ('vasprun' in m.name or 'OUTCAR' in os.path.basename(m.name)) and not m.name.endswith(('.py', '.yaml.xz')):
                    n += 1
                    yield from unpack(m.name, tar.extractfile(m).read())
        print(f'{os.path.basename(source)}: {n} members')


def note(what, ours, theirs, eps, where):
    d = float(np.abs(np.asarray(ours, float) - np.asarray(theirs, float)).max())
    worst[what] = max(worst.get(what, 0.0), d)
    assert d <= eps, f'{where}: {what} differs by {d:g}: {ours} {theirs}'


def compare(step, atoms, where, raw):
    r = atoms.calc.results
    assert [a[0] for a in step['atoms']] == atoms.get_chemical_symbols(), where
    cell = np.array(step['cell']).reshape(3, 3)
    note('cell', cell, atoms.cell.array, 1e-9, where)
    note('position', [a[1:4] for a in step['atoms']], atoms.positions, 1e-9 * np.abs(cell).max(), where)
    note('energy', step['energy'], r['free_energy'], 2e-7 if 'pstress' in where else 1e-9 * abs(r['free_energy']) + 1e-9, where)
    note('zero', float(step['zero']), r['energy'], 2e-7 if 'pstress' in where else 1e-9 * abs(r['energy']) + 1e-9, where)
    assert bool(step['have'] & 2) == ('forces' in r), where
    if 'forces' in r:
        note('force', [a[4:7] for a in step['atoms']], r['forces'], 1e-12, where)
    if step['have'] & 4:
        virial = np.array(step['virial']).reshape(3, 3)
        s = -virial / abs(np.linalg.det(cell))  # frame.h: stress = -virial/volume
        theirs = np.asarray(r['stress'])
        # ASE takes one triangle of a matrix that VASP prints with halves that differ; ours is their mean, which is compared with the file itself
        off = 0.0 if raw is None else np.abs(raw - raw.T).max()
        voigt = s[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        note('stress of ASE', voigt[:3], theirs[:3], 1e-7 * np.abs(theirs).max() + 1e-12, where)  # its GPa is of an older CODATA: 1e-8
        note('shear of ASE', voigt[3:], theirs[3:], 1e-7 * np.abs(theirs).max() + 1e-12 + 0.51 * off * 0.1 * units.GPa, where)
        if raw is not None:
            note('stress in kB', -s / units.GPa * 10, (raw + raw.T) / 2, 1e-7 * np.abs(raw).max() + 1e-9, where)
    else:
        assert 'pstress' in where or 'stress' not in r, where


def check(name, data):
    xml = data.lstrip()[:5] == b'<?xml'
    path = os.path.join(WORK, 'vasprun.xml' if xml else 'OUTCAR')
    with open(path, 'wb') as f:
        f.write(data)
    run = subprocess.run([TOOL, 'read', path], capture_output=True, text=True, check=False)
    ours = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('{')]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            theirs = ase.io.read(path, index=':', format='vasp-xml' if xml else 'vasp-out')
    except Exception as e:  # pylint: disable=broad-except
        # a file that ASE does not read: ours may, or has its reason
        print(f'{name}: ASE: {type(e).__name__} {str(e)[:60]}; alnd: {len(ours)} steps {run.stderr.strip()[:120]}')
        count['skipped'] += 1
        return
    if run.returncode:
        print(f'{name}: alnd: {run.stderr.strip()[:150]}; ASE: {len(theirs)} steps')
    assert run.returncode == 0, name
    theirs = [a for a in theirs if a.calc is not None]
    assert len(ours) == len(theirs), f'{name}: {len(ours)} steps, ASE has {len(theirs)}'
    steps = ElementTree.fromstring(data).findall('calculation/varray[@name="stress"]') if xml else []
    raw = [np.array([[float(x) for x in v.text.split()] for v in m]) for m in steps]
    for i, (a, b) in enumerate(zip(ours, theirs)):
        compare(a, b, f'{name} step {i}', raw[i] if i < len(raw) else None)
    count['files'] += 1
    count['steps'] += len(ours)
    notes = {s['note'] for s in ours} - {''}
    print(f'{name}: {len(ours)} steps, {sum(s["converged"] for s in ours)} converged, {run.stdout.splitlines()[-1]}{" " + str(notes) if notes else ""}')


for file_name, content in files():
    check(file_name, content)
print(count, {k: float(f'{v:.2g}') for k, v in worst.items()})
assert count['files'] >= 3
