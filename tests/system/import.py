#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd import as a user meets it, on trees that this test writes.

import.py BIN_DIR SOURCE_DIR tree    a directory of many formats, DP-GEN and DP-GEN 2 directories; counts, duplicates, what is left out
import.py BIN_DIR SOURCE_DIR input   refusals, damaged files, nothing half written
import.py BIN_DIR SOURCE_DIR loop    a campaign from initial.data alone, whose originals go away
"""
import glob
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'codes'))
import toy  # noqa: E402
import vasp_make  # noqa: E402

BIN, SOURCE, MODE = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3]
ALND = os.path.abspath(os.path.join(BIN, 'alnd'))
CELL = [[5.0, 0, 0], [0.3, 5.2, 0], [0, 0.4, 5.4]]


def run(*args, code=0, cwd=None):
    p = subprocess.run([ALND, *args], capture_output=True, text=True, cwd=cwd)
    assert p.returncode == code, (args, p.returncode, p.stdout, p.stderr)
    return p.stdout, p.stderr


def imported(*args, code=0):
    return json.loads(run('import', *args, '--json', code=code)[0])


def write(path, text):
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'wb' if isinstance(text, bytes) else 'w') as f:
        f.write(text)


def npy(path):
    """Doubles of a .npy file, flat."""
    data = open(path, 'rb').read()
    at = 10 + struct.unpack('<H', data[8:10])[0]
    assert b"'<f8'" in data[:at]
    return struct.unpack(f'<{(len(data) - at) // 8}d', data[at:])


def vasp_steps(n, seed, nscf=4):
    rng, steps = random.Random(seed), []
    base = [(0.1, 0.2, 0.1), (2.6, 2.5, 0.2), (2.4, 0.3, 2.7), (0.3, 2.6, 2.8)]
    for _ in range(n):
        pos = [tuple(x + rng.gauss(0, 0.1) for x in p) for p in base]
        e, f, w = vasp_make.toy(CELL, ['Li', 'Li', 'S', 'S'], pos)
        steps.append((CELL, pos, f, w, e, e + 0.125, nscf))
    return steps


def outcar(steps, unconverged=(), cut=False):
    t = vasp_make.header(['Li', 'Li', 'S', 'S'], CELL)
    for i, (cell, pos, f, w, e, zero, nscf) in enumerate(steps):
        t += vasp_make.outcar_step(i + 1, cell, pos, f, w, e, zero, nscf, 'unconverged' if i in unconverged else 'reached')
    return t[:-len(t) // (2 * len(steps) + 2)] if cut else t + vasp_make.footer()


def dump(n):
    t = ''
    for k in range(n):
        t += f'ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 5\n0 5\n0 5\nITEM: ATOMS id type x y z\n'
        t += f'1 1 0.1 0.2 {0.3 + 0.1 * k}\n2 2 2.5 2.4 2.5\n'
    return t


def npy_set(fs, to):
    """Frames as deepmd/npy by alnd data (tested by itself against dpdata)."""
    write('tmp.extxyz', toy.extxyz(fs))
    run('data', 'tmp.extxyz', '--out', 'tmp.npy')
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.move('tmp.npy/tmp', to)
    os.rmdir('tmp.npy')


def by_path(answer):
    return {s['path']: s for s in answer['sources']}


def tree():
    a, b = toy.frames(5, 1), toy.frames(4, 2)
    steps = vasp_steps(5, 3)
    write('t/x.extxyz', toy.extxyz(a))
    write('t/again/copy.extxyz', toy.extxyz(a[1:3] + b[:1]))
    npy_set(b, 't/sets/b')
    write('t/vasp/OUTCAR', outcar(steps, unconverged=(2,)))
    write('t/vasp/POSCAR', 'nothing to see\n')
    write('t/both/OUTCAR', outcar(vasp_steps(3, 4)))
    write('t/both/vasprun.xml', vasp_make.vasprun(['Li', 'Li', 'S', 'S'], vasp_steps(3, 4)))
    write('t/md/dump.lammpstrj', dump(3))
    write('t/cut/OUTCAR', outcar(vasp_steps(4, 6), cut=True))
    write('t/notes.txt', '12\nnothing of ours\n')
    got = imported('t', '--to', 'out')
    s = by_path(got)
    assert set(s) == {'t/x.extxyz', 't/again/copy.extxyz', 't/sets/b', 't/vasp/OUTCAR', 't/both/OUTCAR', 't/both/vasprun.xml',
                      't/md/dump.lammpstrj', 't/cut/OUTCAR'}, list(s)
    assert 'vasprun.xml' in s['t/both/OUTCAR']['skipped'] and 'without labels' in s['t/md/dump.lammpstrj']['skipped']
    want = {'t/vasp/OUTCAR': (5, 4, 1, 0), 't/both/vasprun.xml': (3, 3, 0, 0), 't/sets/b': (4, None, 0, None), 't/cut/OUTCAR': (3, 3, 0, 0)}
    for path, (frames, taken, unconverged, duplicates) in want.items():
        x = s[path]
        assert x['frames'] == frames and x['unconverged'] == unconverged, x
        assert taken is None or (x['taken'], x['duplicates']) == (taken, duplicates), x
    assert s['t/cut/OUTCAR']['cut_short'] is True and s['t/vasp/OUTCAR']['cut_short'] is False
    assert 'free energy' in s['t/vasp/OUTCAR']['energy'] and '0.125' in s['t/vasp/OUTCAR']['energy']
    assert s['t/vasp/OUTCAR']['elements'] == ['Li', 'S'] and s['t/vasp/OUTCAR']['atoms'] == [4, 4]
    # what stands there twice is taken once: five of a, four of b, vasp 4 + 3 + 3
    assert s['t/x.extxyz']['taken'] + s['t/again/copy.extxyz']['taken'] + s['t/sets/b']['taken'] == 9
    assert sum(x.get('duplicates', 0) for x in s.values()) == 3
    assert got['frames'] == 9 + 10 and got['unlabelled'] == 0
    # by composition, atoms by element; energies are those that belong to the forces
    assert {(x['formula'], x['frames']) for x in got['systems']} == {('Li4S4', 9), ('Li2S2', 10)}, got['systems']
    assert sorted(os.listdir('out')) == ['Li2S2', 'Li4S4', 'import.yaml']
    energy = npy('out/Li2S2/set.000/energy.npy')
    own = [x[4] for i, x in enumerate(steps) if i != 2] + [x[4] for x in vasp_steps(3, 4)] + [x[4] for x in vasp_steps(4, 6)[:3]]
    assert max(min(abs(e - o) for o in own) for e in energy) < 1e-7 and len(energy) == 10
    # forces went with their atoms: our own reading of the result says the same of a frame
    assert open('out/Li4S4/type_map.raw').read().split() == ['Li', 'S'] and open('out/Li4S4/type.raw').read().split() == ['0'] * 4 + ['1'] * 4
    f = a[0]
    order = [k for k in range(8) if f['z'][k] == 'Li'] + [k for k in range(8) if f['z'][k] == 'S']
    want = [c for k in order for c in f['f'][k]]
    force = npy('out/Li4S4/set.000/force.npy')
    at = min(range(9), key=lambda i: max(abs(x - y) for x, y in zip(force[24 * i:24 * i + 24], want)))
    assert max(abs(x - y) for x, y in zip(force[24 * at:24 * at + 24], want)) < 1e-12
    coord = npy('out/Li4S4/set.000/coord.npy')[24 * at:24 * at + 24]
    assert max(abs(x - y) for x, y in zip(coord, [c for k in order for c in f['x'][k]])) < 1e-12

    # options; a file that is named is read, labels or not
    got = imported('t/vasp/OUTCAR', '--to', 'keep', '--keep-unconverged')
    assert got['sources'][0]['taken'] == 5 and got['sources'][0]['unconverged'] == 1
    got = imported('t/vasp/O*', 't/md/dump.lammpstrj', '--to', 'xyz', '--format', 'extxyz', '--types', 'Li,S')
    assert got['frames'] == 4 and got['unlabelled'] == 3 and sorted(os.listdir('xyz')) == ['import.yaml', 'labelled.extxyz', 'unlabelled.extxyz']
    text = open('xyz/labelled.extxyz').read()
    assert 'energy_zero=' in text and 'source=t/vasp/OUTCAR:3' in text, text[:500]
    assert open('xyz/unlabelled.extxyz').read().count('\n') == 12
    # the killed run's OUTCAR goes further than its vasprun.xml: both are read, what they share is taken once
    write('k/OUTCAR', outcar(vasp_steps(4, 8)))
    xml = vasp_make.vasprun(['Li', 'Li', 'S', 'S'], vasp_steps(4, 8))
    write('k/vasprun.xml', xml[:xml.rindex('<calculation>') + 400])
    got = imported('k', '--to', 'killed', code=0)
    s = by_path(got)
    assert s['k/vasprun.xml']['taken'] + s['k/OUTCAR']['taken'] == got['frames'] == 4 and s['k/OUTCAR']['duplicates'] + s['k/vasprun.xml']['duplicates'] == 3, s
    # an XDATCAR: labels where they exist, beside it
    header = 'alnd\n 1.0\n' + ''.join(' %f %f %f\n' % tuple(r) for r in CELL) + ' Li S\n 2 2\n'
    write('x/XDATCAR', header + ''.join(f'Direct configuration= {k + 1}\n' + '0.1 0.1 0.1\n0.5 0.5 0\n0.5 0 0.5\n0 0.5 0.5\n' for k in range(2)))
    got = imported('x/XDATCAR', '--to', 'bare')
    assert got['unlabelled'] == 2 and got['frames'] == 0 and sorted(os.listdir('bare')) == ['import.yaml', 'unlabelled.extxyz'], got
    write('x/OUTCAR', outcar(vasp_steps(2, 9)))
    got = imported('x/XDATCAR', '--to', 'labelled')
    s = by_path(got)
    assert s['x/OUTCAR']['taken'] == 2 and 'OUTCAR' in s['x/XDATCAR']['skipped'] and got['unlabelled'] == 0, s
    works()
    print(run('import', 't', '--to', 'told')[0])


def works():
    """DP-GEN: initial data of param.json and data.* of every iteration, outputs where they are not collected; DP-GEN 2 as downloaded."""
    npy_set(toy.frames(3, 10), 'init/first')
    npy_set(toy.frames(2, 16), 'init/unused')
    npy_set(toy.frames(2, 11), 'gen/iter.000000/02.fp/data.000')
    npy_set(toy.frames(2, 12), 'gen/iter.000001/02.fp/data.000')
    npy_set(toy.frames(1, 13), 'gen/iter.000001/02.fp/data.001')
    write('gen/iter.000000/02.fp/task.000.000000/OUTCAR', outcar(vasp_steps(1, 20)))  # it is in data.000 already
    write('gen/iter.000002/02.fp/task.000.000000/OUTCAR', outcar(vasp_steps(1, 21)))
    write('gen/iter.000002/01.model_devi/task.000.000000/traj/0.lammpstrj', dump(2))
    write('gen/param.json', json.dumps({'type_map': ['Li', 'S'], 'init_data_prefix': '../init', 'init_data_sys': ['first', 'missing']}))
    got = imported('gen', '--to', 'from-gen')
    s = by_path(got)
    assert {os.path.normpath(k): (v.get('taken'), 'skipped' in v) for k, v in s.items()} == {
        'init/first': (3, False), 'init/missing': (None, True), 'gen/iter.000000/02.fp/data.000': (2, False),
        'gen/iter.000001/02.fp/data.000': (2, False), 'gen/iter.000001/02.fp/data.001': (1, False),
        'gen/iter.000002/02.fp/task.000.000000/OUTCAR': (1, False)}, s
    assert got['frames'] == 9

    npy_set(toy.frames(3, 30), 'gen2/iter-000000/prep-run-train/inputs/init_data/sys')
    npy_set(toy.frames(2, 31), 'gen2/iter-000000/collect-data/outputs/iter_data/a')
    npy_set(toy.frames(2, 31), 'gen2/iter-000000/prep-run-fp/outputs/labeled_data/a')  # the same before they were collected
    npy_set(toy.frames(2, 32), 'gen2/iter-000001/prep-run-fp/outputs/labeled_data/a')
    npy_set(toy.frames(3, 30), 'gen2/iter-000001/prep-run-train/inputs/init_data/sys')
    got = imported('gen2', '--to', 'from-gen2')
    assert len(got['sources']) == 3 and got['frames'] == 7, got['sources']


def refusals():
    write('x.extxyz', toy.extxyz(toy.frames(3, 1)))
    write('strange', 'this is no data\n')
    write('empty/readme', 'nothing\n')
    write('bad/OUTCAR', outcar(vasp_steps(3, 1), unconverged=(0, 1, 2)))
    write('full/x', '')
    cases = [
        (['import'], 'no files are named'), (['import', 'x.extxyz'], '--to DIR is missing'), (['import', 'x.extxyz', '--to'], 'its value is missing'),
        (['import', 'x.extxyz', '--to', 'o', '--format', 'hdf'], 'npy or extxyz is wanted'), (['import', 'x.extxyz', '--to', 'o', '--frob'], "unknown option '--frob'"),
        (['import', 'nowhere', '--to', 'o'], 'nowhere: no such file'), (['import', 'no*where', '--to', 'o'], 'no file fits this pattern'),
        (['import', 'strange', '--to', 'o'], 'strange: the format of this file is not known; known are: VASP'),
        (['import', 'empty', '--to', 'o'], 'empty: nothing in it that could be imported'),
        (['import', 'bad/OUTCAR', '--to', 'o'], 'none of the 3 frames is converged (--keep-unconverged'),
        (['import', 'x.extxyz', '--to', 'full'], 'full is there already, and not an empty directory'),
        (['import', 'x.extxyz', '--to', 'o', '--types', 'Li,Zz'], 'a list of elements is wanted'),
    ]
    for args, text in cases:
        out, err = run(*args, code=2)
        assert text in err and not out, (args, err)
    assert sorted(os.listdir('.')) == ['bad', 'empty', 'full', 'strange', 'x.extxyz'] and os.listdir('full') == ['x']

    # one file in two is damaged: the other is taken, exit 1 says that there is something to look at
    text = open('x.extxyz').read()
    write('two/a.extxyz', text)
    write('two/b.extxyz', text[:len(text) // 2])
    got = imported('two', '--to', 'o', code=1)
    assert by_path(got)['two/b.extxyz']['error'] and got['frames'] == 3, got['sources']
    out, err = run('import', 'two/b.extxyz', '--to', 'none', code=2)
    assert 'nothing could be imported: ' in err and 'two/b.extxyz:15: atom 3' in err and not os.path.exists('none'), err

    # two atoms in one place, numbers that are not finite: left out, told
    lines = text.split('\n')
    again = lines[:]
    again[3] = 'S ' + again[2].split(' ', 1)[1]
    write('place.extxyz', '\n'.join(again))
    got = imported('place.extxyz', '--to', 'place')
    assert got['sources'][0]['refused'] == 1 and got['frames'] == 2 and 'one place' in got['sources'][0]['note'], got['sources']
    # malformed HDF5: a signal or a refusal, never more than an error
    write('x.h5', b'\x89HDF\r\n\x1a\n' + bytes(range(256)) * 20)
    out, err = run('import', 'x.h5', '--to', 'h5', code=2)
    assert 'x.h5' in err and not os.path.exists('h5'), err

    # what an import that was killed has left goes; an empty directory is taken
    os.makedirs('late.part/Li4S4')
    write('late.part/Li4S4/type.raw', 'x')
    os.makedirs('late')
    imported('x.extxyz', '--to', 'late')
    assert sorted(os.listdir('late')) == ['Li4S4', 'import.yaml'] and not os.path.exists('late.part') and not os.path.exists('late.part.lock')


LOOP = '''name: given
seed: 3
workdir: run
demonstration: true
systems:
  - {name: Li2S, structure: li2s.extxyz}
initial:
  data: [old/given.extxyz]
train:
  committee: 2
  descriptor: {rcut: 4.0 Ang, rcut_smooth: 0.5 Ang, neurons: [4, 8], axis_neurons: 2}
  fitting: {neurons: [10, 10]}
  steps: 200
  validation: 20 %
explore: {temperatures: [300 K], time: 0.2 ps, timestep: 1 fs, stride: 20}
select: {trust: {auto: true, low: 0.001 eV/Ang, high: 20 eV/Ang}, max_frames: 2, min_distance: 1.0 Ang}
label: {cutoff: 8 Ha, kpoints: {points: [[0.25, 0.25, 0.25]]}, pseudopotentials: SPMS}
test: {frames: 2}
converge: {force_rmse: 1e-6 eV/Ang, energy_rmse: 0.001 meV/atom, patience: 1, min_iterations: 1, max_iterations: 1, label_noise: 0}
production: {supercell: [1, 1, 1], temperatures: [300 K], equilibration: 0.1 ps, time: 0.5 ps, timestep: 1 fs, stride: 20, replicas: 1}
resources: {cores: 2, label: {batch: 3}}
'''


def lattice_frames(n):
    rng, t = random.Random(5), ''
    for _ in range(n):
        s = 1 + 0.02 * (rng.random() - 0.5)
        cell = [[0, 2.854, 2.854], [2.854, 0, 2.854], [2.854, 2.854, 0]]
        t += '3\nLattice="' + ' '.join(repr(x * s) for r in cell for x in r) + '" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
        for z, p in (('Li', 1.427), ('S', 0), ('Li', 4.281)):
            t += z + ' ' + ' '.join(repr(p * s + rng.gauss(0, 0.08)) for _ in range(3)) + '\n'
    return t


def loop():
    shutil.copy(os.path.join(SOURCE, 'tests/system/li2s.extxyz'), '.')
    write('raw.extxyz', lattice_frames(10))
    write('label.yaml', 'label: {cutoff: 8 Ha, kpoints: {points: [[0.25, 0.25, 0.25]]}, pseudopotentials: SPMS}\n')
    os.makedirs('old')
    run('label', 'raw.extxyz', '--config', 'label.yaml', '--out', 'old/given.extxyz')
    lines = open('old/given.extxyz').read().splitlines()  # five lines a frame; two of them judge and are never learned
    lines[8 * 5 + 1] += ' held_out=T temperature=300'
    lines[9 * 5 + 1] += ' held_out=T temperature=300'
    write('old/given.extxyz', '\n'.join(lines) + '\n')
    bad = LOOP.replace('old/given.extxyz', 'old/nothing.extxyz')
    write('bad.yaml', bad)
    _, err = run('start', 'bad.yaml', code=2)
    assert 'bad.yaml:8:9: data: old/nothing.extxyz: no such file or directory' in err and not os.path.exists('run'), err
    write('loop.yaml', LOOP)
    env = dict(os.environ, OMP_NUM_THREADS='1')
    p = subprocess.Popen([ALND, 'start', 'loop.yaml'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    first = ''
    for line in p.stdout:
        first += line
        if 'initial/data' in line:
            break
    shutil.move('old', 'gone')  # the copy in RUN/inputs is all that is needed from here on
    p.terminate()
    p.communicate()
    assert '10 labelled frames from 1 sources' in first and 'warning: initial.data' in first, first
    assert p.returncode in (0, 3), (p.returncode, first)
    run('start', 'run')
    assert os.listdir('run/initial/data') and not os.path.exists('run/initial/Li2S/label')
    text = open('run/initial/data/labelled.extxyz').read()
    sha = hashlib.sha256(open(glob.glob('run/imported/*/labelled.extxyz')[0], 'rb').read()).hexdigest()
    assert text.count(f'fingerprint=imported:{sha}') == 10 and text.count('frame_id=Li2S-import-0000') == 10, text[:800]
    n = {part: sum(len(npy(p)) for p in glob.glob(f'run/data/{part}/Li2S-import-Li2S/set.000/energy.npy')) for part in ('train', 'valid', 'test')}
    assert n['train'] + n['valid'] == 8 and n['test'] == 2 and len(open('run/data/fingerprint').read()) == 64  # own labels have one of their own
    certificate = open('run/certificate.yaml').read()
    assert f'initial_data: {{frames: 10, held_out: 2, fingerprint: imported:{sha}' in certificate.replace('"', ''), certificate[:400]
    judged = re.search(r'set: test, group: all, label: all, frames: (\d+)', open('run/iterations/000/errors.yaml').read())
    own = open('run/iterations/000/gather/test.extxyz').read().count('energy=')
    assert own == 2 and int(judged[1]) == own + 2, judged[0]
    out, _ = run('why', 'run', 'Li2S-import-00009')
    assert 'never: it measures the error' in out, out
    out, _ = run('why', 'run', 'Li2S-import-00003')
    assert 'initial.data' in out and 'Li2S-import-Li2S/set.000' in out, out
    os.remove('run/alnd.db')
    run('recover', 'run')
    out, _ = run('start', 'run')
    assert 'nothing is left to do' in out, out
    # other data in the list are no longer possible
    write('gone/more.extxyz', open('gone/given.extxyz').read().replace('S 0', 'S 0', 1))
    text = open('run/loop.yaml').read()
    other = open('gone/given.extxyz').read().split('\n')
    write('gone/more.extxyz', '\n'.join(other[:20]) + '\n')
    write('run/loop.yaml', text.replace('[old/given.extxyz]', f'[{os.path.abspath("gone/more.extxyz")}]'))
    _, err = run('start', 'run', code=2)
    assert 'initial.data has changed' in err, err
    write('run/loop.yaml', text)
    run('start', 'run')


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    {'tree': tree, 'input': refusals, 'loop': loop}[MODE]()
print('ok')
