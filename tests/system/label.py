#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd label, alnd label --converge and alnd plan with the real worker on Li2S (three atoms).

label.py BIN_DIR SOURCE_DIR run       labels, table, cube (integrates to the number of electrons), more frames later
label.py BIN_DIR SOURCE_DIR kill      SIGKILL in the middle (alnd alone, then alnd and workers), Ctrl-C: the same command goes on,
                                      no finished frame is computed again, the output is bit for bit that of an undisturbed run
label.py BIN_DIR SOURCE_DIR input     every kind of bad input: one message, its exit code, nothing created
label.py BIN_DIR SOURCE_DIR converge  the table, read by plan and start: verdicts below and above the wanted error
label.py BIN_DIR SOURCE_DIR ase       (peer) ASE reads the labels and the density as they are meant
Exit 77: skipped, with the reason."""
import glob
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from workers import children

BIN, SOURCE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
ALND = os.path.join(BIN, 'alnd')
PSEUDO = os.environ.get('ALND_PSEUDO_DIR') or os.path.join(SOURCE, '.alnd/pseudo')
CHEAP = 'label: {cutoff: 8 Ha, kpoints: {points: [[0.25, 0.25, 0.25]]}, pseudopotentials: SPMS}\n'
SLOW = 'label: {cutoff: 8 Ha, kpoints: {spacing: 0.45 1/Ang}}\nresources: {cores: 2}\n'
BOHR = 0.529177210903


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def write(name, text):
    with open(name, 'w') as f:
        f.write(text)


def frames(n, broken=None):
    """Li2S with atoms moved by fixed small amounts; frame `broken` has two atoms in one place."""
    text = ''
    for i in range(n):
        d = [0.05 * math.sin(7 * i + k) for k in range(9)]
        if i == broken:
            d[3:6] = [-1.427 + 0.1, -1.427, -1.427]
        at = [[0, 0, 0], [1.427] * 3, [4.281] * 3]
        text += '3\nLattice="0 2.854 2.854 2.854 0 2.854 2.854 2.854 0" Properties=species:S:1:pos:R:3 pbc="T T T" mine=%d\n' % i
        for a, s in enumerate(('S', 'Li', 'Li')):
            text += s + ' %.6f %.6f %.6f\n' % tuple(at[a][c] + d[3 * a + c] for c in range(3))
    return text


def alnd(*args, code=0):
    p = subprocess.run([ALND, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    check(p.returncode == code, f'alnd {" ".join(args)}: exit {p.returncode}, not {code}\n{p.stdout}\n{p.stderr}')
    return p.stdout, p.stderr


def label(out='o.extxyz', frames_file='f.extxyz', config='c.yaml', more=(), code=0):
    return alnd('label', frames_file, '--config', config, '--out', out, *more, code=code)


def lines(path):
    with open(path) as f:
        return f.read().splitlines()


def read_cube(path):
    """Numbers of points, step vectors (bohr), atoms, values [n0][n1][n2]."""
    text = lines(path)
    natoms = int(text[2].split()[0])
    n = [int(text[3 + a].split()[0]) for a in range(3)]
    step = [[float(x) for x in text[3 + a].split()[1:]] for a in range(3)]
    values = [float(x) for line in text[6 + natoms:] for x in line.split()]
    check(len(values) == n[0] * n[1] * n[2], 'cube: number of values')
    return n, step, natoms, values


def det(m):
    return (m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
            m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]))


def test_run():
    write('c.yaml', CHEAP)
    write('f.extxyz', frames(3, broken=1))
    out, err = label(more=('--cube', 'cubes'), code=1)
    check('frame 2' in err and 'Ang apart' in err and '1 of 3 frames failed' in err, 'the failed frame and its reason are told:\n' + err)
    check('gap' in out and '2 labelled frames' in out, 'table:\n' + out)
    text = lines('o.extxyz')
    check(len(text) == 10, 'two frames are written')
    for key in ('energy=', 'forces:R:3', 'stress=', 'virial=', 'scf_iterations=', 'fingerprint=', 'gap=', 'mine='):
        check(key in text[1], key + ' is missing: ' + text[1])
    check('mine=0' in text[1] and 'mine=2' in text[6], 'frames keep their own keys and their order')
    check(sorted(os.listdir('cubes')) == ['frame-0001.cube', 'frame-0003.cube'], 'cubes of the good frames')
    n, step, natoms, values = read_cube('cubes/frame-0001.cube')
    electrons = sum(values) * abs(det(step))
    check(natoms == 3 and abs(electrons - 12) < 1e-4, f'the density holds {electrons} electrons, not 12')
    check(abs(step[0][1] * n[0] * BOHR - 2.854) < 1e-6, 'step vectors are the cell over the numbers of points')
    # more frames, some known: only the new one is computed; JSON
    before = {p: os.stat(p).st_mtime_ns for p in glob.glob('o.extxyz.work/frames/*/labelled.extxyz')}
    write('f.extxyz', frames(4))
    out, _ = label(more=('--json',))
    answer = json.loads(out)
    check([f['status'] for f in answer['frames']] == ['done'] * 4, 'json: ' + out)
    check(isinstance(answer['frames'][0]['energy'], float), 'json: numbers are numbers')
    now = {p: os.stat(p).st_mtime_ns for p in glob.glob('o.extxyz.work/frames/*/labelled.extxyz')}
    good = [p for p in before if lines(p)]
    check(len(good) == 2 and all(now[p] == before[p] for p in good), 'finished frames are left alone')
    # other settings: other results
    write('c.yaml', CHEAP.replace('8 Ha', '9 Ha'))
    first = lines('o.extxyz')[1]
    label()
    check(lines('o.extxyz')[1] != first, 'another cut-off gives another label')
    # ranks: one frame shares the cores
    write('one.extxyz', frames(1))
    out, _ = label(out='p.extxyz', frames_file='one.extxyz', more=('--cores', '2'))
    check('2 ranks per frame' in out, out)
    # a POSCAR; a whole loop.yaml whose structures are elsewhere
    write('POSCAR', 'Li2S\n1.0\n0 2.854 2.854\n2.854 0 2.854\n2.854 2.854 0\nS Li\n1 2\nDirect\n0 0 0\n0.25 0.25 0.25\n0.75 0.75 0.75\n')
    shutil.copy(os.path.join(SOURCE, 'tests/system/mini.yaml'), 'mini.yaml')
    label(out='q.extxyz', frames_file='POSCAR', config='mini.yaml')
    check(len(lines('q.extxyz')) == 5, 'a POSCAR is labelled')
    # memory: refused before the SCF
    write('c.yaml', CHEAP + 'resources: {label: {memory: 1 MiB}}\n')
    _, err = label(out='m.extxyz', code=1)
    check('a label task may take' in err and not os.path.exists('m.extxyz'), err)


def wait_for(n, process, work='o.extxyz.work'):
    for _ in range(1200):
        done = glob.glob(work + '/frames/*/result.yaml')
        if len(done) >= n:
            return {p: os.stat(p).st_mtime_ns for p in done}
        check(process.poll() is None, 'alnd ended before it was killed')
        time.sleep(0.02)
    check(False, 'no frame was finished in time')


def test_kill():
    write('c.yaml', SLOW)
    write('f.extxyz', frames(8))
    label(out='calm.extxyz')
    finished = {}
    for step, (wait, how) in enumerate([(1, 'alnd'), (3, 'all'), (5, 'ctrl-c')]):
        p = subprocess.Popen([ALND, 'label', 'f.extxyz', '--config', 'c.yaml', '--out', 'o.extxyz'], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        finished.update(wait_for(wait, p))
        if how == 'ctrl-c':
            p.send_signal(signal.SIGINT)
            text = p.communicate(timeout=120)[0]
            check(p.returncode == 3 and 'the same command goes on' in text, f'Ctrl-C: exit {p.returncode}\n{text}')
            check(not children(), 'workers outlive Ctrl-C')
        else:
            p.kill()
            p.wait()
            for c in children() if how == 'all' else []:
                os.kill(c, signal.SIGKILL)
        check(not os.path.exists('o.extxyz'), 'nothing is written before the end')
    out, _ = label()
    check(out.count('was finished before') >= 5, out)
    for p, t in finished.items():
        check(os.stat(p).st_mtime_ns == t, p + ' was computed again')
        log = open(os.path.join(os.path.dirname(p), 'worker.log')).read()
        check(len(re.findall('ev=label .*status=ok', log)) == 1, 'one SCF to its end for each frame:\n' + log)
    check(open('o.extxyz').read() == open('calm.extxyz').read(), 'the output is that of an undisturbed run')


def test_input():
    write('c.yaml', CHEAP)
    write('f.extxyz', frames(1))
    bad = [('label: {cutof: 8 Ha}\n', r'bad\.yaml:1:9: .*cutof'), ('label: {cutoff: 8}\n', r'bad\.yaml:1:17: .*unit'),
           ('lable: {}\n', r'bad\.yaml:1:1: '), ('label: {kpoints: none}\n', r'bad\.yaml:1:18: '),
           ('label: {pseudopotentials: NONE}\n', 'no pseudopotential of'), ('resources: {label: {memory: 5 Ha}}\n', r'bad\.yaml:1:29: ')]
    for text, message in bad:
        write('bad.yaml', text)
        _, err = label(config='bad.yaml', code=2)
        check(re.search(message, err), f'{text}: {err}')
    write('bad.extxyz', frames(1).replace('2.854 0"', '2.854"'))
    _, err = label(frames_file='bad.extxyz', code=2)
    check('bad.extxyz:2' in err, err)
    write('empty.extxyz', '')
    check('no frame' in label(frames_file='empty.extxyz', code=2)[1], 'an empty file')
    write('x.extxyz', frames(1).replace('Li ', 'Xx '))
    check("'Xx' is not an element" in label(frames_file='x.extxyz', code=2)[1], 'an unknown element')
    label(frames_file='none.extxyz', code=2)
    label(config='none.yaml', code=2)
    alnd('label', 'f.extxyz', '--config', 'c.yaml', code=2)
    label(more=('--cores', 'two'), code=2)
    label(more=('--corse', '2'), code=2)
    label(more=('--cutoffs', '8 Ha'), code=2)
    for wish in (('--cutoffs', '8, 9'), ('--cutoffs', '8, 9 Ha'), ('--spacings', '0.5 eV'), ('--force-error', '10')):
        alnd('label', '--converge', 'f.extxyz', '--config', 'c.yaml', *wish, code=2)
    check(not glob.glob('o.extxyz*'), 'something was created: ' + str(glob.glob('o.extxyz*')))
    # another alnd in the same place
    write('slow.yaml', SLOW)
    write('f.extxyz', frames(4))
    p = subprocess.Popen([ALND, 'label', 'f.extxyz', '--config', 'slow.yaml', '--out', 'o.extxyz'], stdout=subprocess.DEVNULL)
    wait_for(1, p)
    label(config='slow.yaml', code=4)
    check(p.wait(timeout=120) == 0, 'the first one ends well')


def test_converge():
    write('f.extxyz', frames(2))
    shutil.copy(os.path.join(SOURCE, 'tests/system/mini.yaml'), 'mini.yaml')
    shutil.copy(os.path.join(SOURCE, 'tests/system/li2s.extxyz'), '.')
    _, err = alnd('plan', 'mini.yaml')
    check('there is no converge table' in err and not os.path.exists('run'), err)
    wish = ('--cutoffs', '8, 12, 16, 20 Ha', '--spacings', '1.0, 0.6, 0.45 1/Ang')
    out, _ = alnd('label', '--converge', 'f.extxyz', '--config', 'mini.yaml', *wish)
    paste = re.search(r'label:\n  cutoff: (\S+) Ha\n  kpoints: (.*)\n', out)
    check(paste and 'the measure' in out and 'Pulay' in out, out)
    out, _ = alnd('label', '--converge', 'f.extxyz', '--config', 'mini.yaml', '--json', *wish)
    t = json.loads(out)
    check(t['cutoffs'] == [8, 12, 16, 20] and t['kpoints'][0] == 'gamma', out)
    rows = t['frames'][0]['cutoff']
    check(rows[0]['force_rms'] > 5 * rows[2]['force_rms'] > 0, 'errors fall with the cut-off')
    check(all(r['pulay'] < 0 for r in rows) and rows[0]['pressure'] < 0, 'too few plane waves want a smaller cell')
    # at 16 Ha the sum of what is still to come, (2/3V) dE/dln(cut-off), is of the size of the measured error
    check(0.2 < rows[2]['pulay'] / rows[2]['pressure'] < 5, str(rows[2]))
    factor = t['time_factor_kpoints']
    check(factor[-1] > 3, 'k-points cost: ' + str(factor))
    # the best pair is what the numbers say
    best, pairs = t['best'], []
    for c, ec, tc in zip(t['cutoffs'], t['force_error_cutoffs'], t['core_seconds_cutoffs']):
        for k, ek, fk in zip(t['kpoints'], t['force_error_kpoints'], factor):
            if math.hypot(ec, ek) <= t['wanted']:
                pairs.append((tc * fk, c, math.hypot(ec, ek)))
    check(abs(min(pairs)[2] - best['force_error']) < 1e-6 and best['force_error'] <= t['wanted'], str((best, min(pairs))))
    # plan and start: below what is wanted, then good settings
    out, err = alnd('plan', 'mini.yaml')
    check(re.search(r'warning: label settings: the forces are off by 0\.\d+ eV/Ang', err), err)
    check('measured by' in out and not os.path.exists('run'), out)
    _, err = alnd('start', 'mini.yaml')
    check('warning: label settings: the forces are off by' in err and os.path.exists('run/report.html'), 'start warns and works: ' + err)
    shutil.rmtree('run')
    text = open('mini.yaml').read()
    good = re.sub(r'cutoff: 8 Ha, kpoints: \{points: .*?\]\]\}', f'cutoff: {paste[1]} Ha, kpoints: {paste[2]}', text)
    check(good != text, 'the lines to paste')
    write('mini.yaml', good)
    out, err = alnd('plan', 'mini.yaml')
    check('warning' not in err, err)
    plan = json.loads(alnd('plan', 'mini.yaml', '--json')[0])
    check(plan['force_error'] <= 0.01 and plan['warning'] == '', str(plan))
    # a table made with other pseudopotentials is not believed
    table = open('mini.converge.yaml').read()
    other = re.sub('pseudo_hash: "?....', lambda m: m[0][:-4] + 'ffff', table)
    check(other != table and 'elements: ["Li", "S"]' in table, table[:400])
    write('mini.converge.yaml', other)
    plan = json.loads(alnd('plan', 'mini.yaml', '--json')[0])
    check('made with other pseudopotential files' in plan['warning'] and 'force_error' not in plan, str(plan))
    write('mini.converge.yaml', table)
    stage = {s['name']: s for s in plan['stages']}
    check(stage['initial: label'] == {**stage['initial: label'], 'frames': [6, 6], 'tasks': [2, 2]}, str(stage))
    aimd = stage['initial: DFT MD']  # 20 fs at one temperature; each step is an SCF
    check(aimd['tasks'] == [1, 1] and aimd['frames'] == [20, 20] and
          abs(aimd['core_hours'][0] / 20 / (stage['initial: label']['core_hours'][0] / 6) - 1) < 1e-4, str(stage))
    check(stage['train']['tasks'] == [4, 4] and stage['produce']['tasks'] == [2, 2], str(stage))
    check(stage['label']['frames'] == [14, 14] and plan['total']['core_hours'][1] > 0, str(stage))
    check(stage['label noise']['tasks'] == [2, 2] and stage['label noise']['frames'] == [2, 2], str(stage))
    # a label at tighter settings costs more than a usual one; test frames from larger cells cost more than those of the usual cell
    usual = stage['initial: label']['core_hours'][1] / 6
    check(stage['label noise']['core_hours'][1] / 2 > 1.2 * usual, str(stage))
    check(stage['label']['core_hours'][1] > 14 * usual * 1.2, str(stage))
    write('mini.yaml', good.replace('supercell: [2, 1, 1]', 'supercell: [1, 1, 1]').replace('label_noise: 2', 'label_noise: 0'))
    small = {s['name']: s for s in json.loads(alnd('plan', 'mini.yaml', '--json')[0])['stages']}
    check('label noise' not in small and abs(small['label']['core_hours'][1] / (14 * usual) - 1) < 1e-3, str(small))
    write('mini.yaml', good.replace('name: mini', 'name: mini\nunknown: 3'))
    alnd('plan', 'mini.yaml', code=2)
    check(not os.path.exists('run'), 'plan creates nothing')
    write('mini.converge.yaml', 'cutoffs: what\n')
    write('mini.yaml', good)
    alnd('plan', 'mini.yaml', code=2)


def test_ase():
    python = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
    if subprocess.run([python, '-c', 'import ase'], capture_output=True).returncode != 0:
        print(f'skipped: {python} has no ASE (ALND_PEER_PYTHON names another)')
        sys.exit(77)
    write('c.yaml', CHEAP)
    write('f.extxyz', frames(2))
    label(more=('--cube', 'cubes'))
    write('peer.py', '''
import numpy as np, json
from ase.io import read
from ase.io.cube import read_cube
f = read('o.extxyz', ':')
d = read_cube(open('cubes/frame-0001.cube'))
a, rho = d['atoms'], d['data']
given = read('f.extxyz', '0')
print(json.dumps({
    'n': len(f), 'energy': f[0].get_potential_energy(), 'sum': float(abs(f[0].get_forces().sum(0)).max()),
    'force': float(abs(f[0].get_forces()).max()),
    'stress': f[0].get_stress(voigt=False).tolist(), 'virial': np.array(f[0].info['virial']).reshape(3, 3).tolist(),
    'volume': f[0].get_volume(), 'cell': float(abs(a.cell.array - given.cell.array).max()),
    'positions': float(abs(a.positions - given.positions).max()), 'z': a.numbers.tolist() == given.numbers.tolist(),
    'electrons': float(rho.sum() * a.get_volume() / %r ** 3 / rho.size)}))
''' % BOHR)
    p = subprocess.run([python, 'peer.py'], capture_output=True, text=True)
    check(p.returncode == 0, p.stderr)
    r = json.loads(p.stdout)
    check(r['n'] == 2 and r['energy'] < -100 and r['sum'] < 1e-9 and r['force'] > 0.01, str(r))
    for a in range(3):
        for b in range(3):
            check(abs(r['stress'][a][b] + r['virial'][a][b] / r['volume']) < 1e-9, 'stress = -virial/volume: ' + str(r))
    check(r['cell'] < 1e-5 and r['positions'] < 1e-5 and r['z'] and abs(r['electrons'] - 12) < 1e-4, str(r))


if not os.path.isdir(os.path.join(PSEUDO, 'SPMS')):
    print(f'skipped: no {PSEUDO}/SPMS')
    sys.exit(77)
TOP = os.path.realpath(tempfile.mkdtemp(prefix='alnd-label-'))
os.chdir(TOP)
globals()['test_' + MODE]()
shutil.rmtree(TOP)
print('ok')
