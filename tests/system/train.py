#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd data, alnd train and alnd test by hand, on clusters of a Morse potential made here.

train.py BIN_DIR SOURCE_DIR run    defaults, split, from a model, weights, force-only and stress-only frames, tables and plots
train.py BIN_DIR SOURCE_DIR kill   Ctrl-C, SIGKILL: the same command goes on, model and curve bit for bit those of an undisturbed run
train.py BIN_DIR SOURCE_DIR input  every kind of bad data and bad usage: one message, its exit code, nothing created
train.py BIN_DIR SOURCE_DIR sel    automatic sel; molecular dynamics beyond it
train.py BIN_DIR SOURCE_DIR data   (peer) HDF5, mixed type, npy and extxyz against numpy, h5py, dpdata and ASE, both ways
train.py BIN_DIR SOURCE_DIR test   (peer) the figures and detail files of alnd test are those of dp test on the same model
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

from toy import extxyz, frames
from workers import children

BIN, SOURCE, MODE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
ALND = os.path.join(BIN, 'alnd')
PEER = os.environ.get('ALND_PEER_PYTHON', '/opt/dpvenv/bin/python')
SMALL = ('--descriptor.neurons', '[4, 8, 16]', '--descriptor.axis_neurons', '4', '--fitting.neurons', '[12, 12, 12]', '--descriptor.rcut', '4 Ang')


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def write(name, text):
    with open(name, 'w') as f:
        f.write(text)


def read(name):
    with open(name, 'rb') as f:
        return f.read()


def alnd(*args, code=0):
    p = subprocess.run([ALND, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=500)
    check(p.returncode == code, f'alnd {" ".join(args)}: exit {p.returncode}, not {code}\n{p.stdout}\n{p.stderr}')
    return p.stdout, p.stderr


def lines(path):
    with open(path) as f:
        return f.read().splitlines()


def train(*args, code=0):
    return alnd('train', *args, *SMALL, code=code)


def test_run():
    write('a.extxyz', extxyz(frames(40)))
    write('b.extxyz', extxyz(frames(8, seed=2)))
    out, _ = alnd('data', 'a.extxyz')
    check('Li4S4' in out or 'Li' in out and 'energy forces virial' in out and 'WARNING' not in out, out)
    out, _ = train('a.extxyz', '--out', 'one', '--steps', '400')
    check('no --valid: 10 % of the frames are kept for validation (seed 1)' in out and 'validation        4 frames' in out, out)
    for name in ('model.dp', 'lcurve.out', 'train.log', 'summary.yaml', 'train.yaml'):
        check(os.path.exists('one/' + name), name + ' is missing')
    head = lines('one/lcurve.out')
    check(head[0].split()[:4] == ['#', 'step', 'rmse_val', 'rmse_trn'] and head[-1].split()[0] == '400', str(head[0]))
    first, last = (float(head[k].split()[5]) for k in (2, -1))  # rmse_f_val
    check(last < 0.5 * first, f'training does not learn: force {first} -> {last}')
    again, _ = train('a.extxyz', '--out', 'one', '--steps', '400')
    check('was finished before' in again, again)
    check('holds another run' in train('a.extxyz', '--out', 'one', '--steps', '401', code=2)[1], 'another run in the same place')
    # the same seed: the same bits; another seed: another split and other weights
    train('a.extxyz', '--out', 'two', '--steps', '400')
    check(read('one/model.dp') == read('two/model.dp') and read('one/lcurve.out') == read('two/lcurve.out'), 'not deterministic')
    train('a.extxyz', '--out', 'three', '--steps', '400', '--seed', '2')
    check(read('one/model.dp') != read('three/model.dp'), 'the seed changes nothing')
    # by keys on the command line or in a file: the same
    write('c.yaml', 'train: {steps: 7, learning_rate: {start: 2e-3, stop: 1e-5}, descriptor: {rcut: 5 Ang}}\n')
    train('a.extxyz', '--out', 'four', '--config', 'c.yaml', '--steps', '50')
    train('a.extxyz', '--out', 'five', '--steps', '50', '--learning_rate.start', '2e-3', '--learning_rate.stop', '1e-5')
    check(read('four/lcurve.out') == read('five/lcurve.out'), 'settings of file and command line')
    # fine-tuning goes on from where the model stands
    out, _ = alnd('train', 'a.extxyz', '--valid', 'b.extxyz', '--from', 'one/model.dp', '--out', 'six', '--steps', '100', '--json',
                  '--learning_rate.start', '1e-4')
    s = json.loads(out)
    check(s['steps'] == 100 and s['valid']['frames'] == 8 and s['halved'] == 0 and set(s['valid']['force_by_element']) == {'Li', 'S'}, out)
    start = float(lines('six/lcurve.out')[2].split()[5])
    check(start < 2 * last, f'fine-tuning starts at {start}, the model had {last}')
    # with repulsion: two files, and fine-tuning keeps it
    out, _ = train('a.extxyz', '--out', 'zbl', '--steps', '50', '--zbl.inner', '0.8 Ang', '--zbl.outer', '1.4 Ang')
    check('zbl/model.without_zbl.dp, with pair_style zbl 0.8 1.4' in out, out)
    alnd('train', 'a.extxyz', '--from', 'zbl/model.dp', '--out', 'zbl2', '--steps', '20')
    for d in ('zbl', 'zbl2'):
        check(b'zbl: {inner: 0.8, outer: 1.4}' in read(d + '/summary.yaml'), d + ' does not tell of the repulsion')
        check(b'"alnd_zbl (' in read(d + '/model.dp') and b'"alnd_zbl (' not in read(d + '/model.without_zbl.dp'), d + ': files')
    _, err = alnd('train', 'a.extxyz', '--from', 'zbl/model.dp', '--out', 'zbl3', '--steps', '20', '--zbl.inner', '0.8 Ang',
                  '--zbl.outer', '1.5 Ang', code=1)
    check('0.8 to 1.5 Ang is asked for' in err and 'keeps its own' in err, err)
    _, err = train('a.extxyz', '--out', 'zbl4', '--zbl.outer', '1.5 Ang', code=2)
    check('zbl wants inner and outer' in err, err)
    # with angles: learns, goes on, is refused where it makes no sense
    angles = ('--descriptor.rcut_angular', '4 Ang', '--descriptor.angular_neurons', '6')
    train('a.extxyz', '--out', 'angles', '--steps', '400', *angles)
    head = lines('angles/lcurve.out')
    first, last = (float(head[k].split()[5]) for k in (2, -1))
    check(last < 0.5 * first, f'with angles training does not learn: force {first} -> {last}')
    check(b'"alnd_angular (' in read('angles/model.dp') and b'"alnd_angular (' not in read('one/model.dp'), 'type of the descriptor')
    alnd('train', 'a.extxyz', '--from', 'angles/model.dp', '--out', 'angles2', '--steps', '20')
    check(b'"alnd_angular (' in read('angles2/model.dp'), 'fine-tuning keeps the descriptor')
    check('force' in alnd('test', 'angles2/model.dp', 'b.extxyz')[0], 'alnd test with angles')
    for change, why in (({'--descriptor.rcut_angular': '9 Ang'}, 'at most descriptor.rcut'),
                        ({'--descriptor.angular_neurons': '500'}, 'angular_neurons must be in'),
                        ({'--engine': 'deepmd', '--deepmd': '/bin/true'}, 'deepmd-kit has no such descriptor')):
        options = dict(zip(angles[::2], angles[1::2])) | change
        _, err = train('a.extxyz', '--out', 'angles3', *(word for pair in options.items() for word in pair), code=2)
        check(why in err, err)
    # errors of a model
    out, err = alnd('test', 'six/model.dp', 'b.extxyz', 'a.extxyz', '--out', 'errors')
    check('outlier' in out and re.search(r'^b +8 ', out, re.M) and re.search(r'all +Li +\d+', out), out)
    svg = read('errors/parity-force.svg').decode()
    check(svg.startswith('<svg') or '<svg' in svg[:200], 'no plot')
    check(len(lines('errors/parity.csv')) == 1 + 48 * (1 + 24 + 9), 'rows of parity.csv')
    row = [r.split(',') for r in lines('errors/parity.csv')[1:]]
    f = [(float(r[7]) - float(r[6])) ** 2 for r in row if r[0] == 'force']
    e = json.loads(alnd('test', 'six/model.dp', 'b.extxyz', 'a.extxyz', '--json')[0])
    check(abs(e['rows'][0]['force']['rmse'] - math.sqrt(sum(f) / len(f))) < 1e-8, 'rmse of the table is that of the file')
    li = [abs(float(r[7]) - float(r[6])) for r in row if r[0] == 'force' and r[4] == 'Li']
    check(abs(e['rows'][0]['force_by_element']['Li']['mae'] - sum(li) / len(li)) < 1e-8, 'mae by element')
    check(not glob.glob(os.path.join(os.environ.get('TMPDIR', '/tmp'), 'alnd-test-*/errors.yaml')), 'the temporary directory is left')
    # an outlier is found: one frame with forces of another time
    fs = frames(30, seed=5)
    fs[17]['f'] = [[3 * c for c in row] for row in fs[17]['f']]
    write('o.extxyz', extxyz(fs))
    e = json.loads(alnd('test', 'one/model.dp', 'o.extxyz', '--json')[0])
    check(any(o['frame'] == 17 and o['quantity'] == 'force' for o in e['outliers']), str(e['outliers']))
    # frames with forces alone, with stress alone, weights
    write('f.extxyz', extxyz(frames(20, seed=6), energy=False, virial=False))
    write('s.extxyz', extxyz(frames(20, seed=7), energy=False, forces=False))
    out, _ = train('a.extxyz', 'f.extxyz', 's.extxyz', '--out', 'seven', '--steps', '200', '--loss.virial', '[1, 1]')
    check(re.search(r'^f +20 +8 +\S+ +forces$', out, re.M) and re.search(r'^s +20 +8 +\S+ +virial$', out, re.M), out)
    train('f.extxyz', '--out', 'eight', '--steps', '200')
    train('s.extxyz', '--out', 'nine', '--steps', '200', '--loss.virial', '[1, 1]')
    for d, column in (('eight', 5), ('nine', 7)):
        c = lines(d + '/lcurve.out')
        check(float(c[-1].split()[column]) < float(c[2].split()[column]), d + ' does not learn')
        check(math.isnan(float(c[-1].split()[3])), 'energy errors without energies')
    write('w.extxyz', extxyz(frames(40), more=lambda i: f' weight={1 + i % 2}'))
    train('w.extxyz', '--out', 'ten', '--steps', '400')
    check(read('ten/model.dp') != read('one/model.dp'), 'weights change nothing')


def test_sel():
    """Molecular dynamics counts atoms with more neighbours than sel and says so once, through a stop as well."""
    write('a.extxyz', extxyz(frames(20)))
    write('start.extxyz', extxyz(frames(1, seed=9), energy=False, forces=False, virial=False))
    # Adam: from 20 frames SOAP fits these clusters closer (0.019 against 0.023 eV/Ang), but MD leaves what they cover, and
    # there its potential is the rougher one: 3500 K after 60 steps.
    train('a.extxyz', '--out', 'm', '--steps', '3000', '--optimiser', 'adam')
    sel = re.search(r'^sel: \[(\d+), (\d+)\]', read('m/summary.yaml').decode(), re.M)
    check(sel and min(int(sel[1]), int(sel[2])) >= 4, 'automatic sel')
    args = ('start.extxyz', '--ensemble', 'nve', '--temperature', '50 K', '--time', '0.2 ps')
    out, _ = alnd('md', 'm/model.dp', *args, '--out', 'good')
    check('WARNING' not in out and 'sel_overflow_steps: 0' in read('good/summary.yaml').decode(), out)
    train('a.extxyz', '--out', 'few', '--steps', '300', '--descriptor.sel', '[2, 2]', '--optimiser', 'adam')
    out, _ = alnd('test', 'few/model.dp', 'a.extxyz')
    check(len(re.findall(r'WARNING: sel: atoms with up to \d neighbours', out)) == 2, out)
    check('WARNING' not in alnd('test', 'm/model.dp', 'a.extxyz')[0], 'no warning where all is well')
    moved = frames(20)
    for f in moved:
        f['e'] += 8 * 3.5
    write('moved.extxyz', extxyz(moved))
    out, _ = alnd('train', 'moved.extxyz', '--from', 'm/model.dp', '--out', 'tuned', '--steps', '20')
    check(re.search(r"WARNING: reference: the model's energies are off by -3.5\d* \+- 0.0", out), out)
    out, _ = alnd('md', 'few/model.dp', *args, '--out', 'md')
    check(re.search(r'WARNING: in 201 of the steps: 8 atoms with more neighbours than the model.s sel \(\d (Li|S), sel 2\)', out), out)
    log = read(glob.glob('md/tasks/*/worker.log')[0]).decode()
    check(log.count('ev=sel') == 1 and 'sel_overflow_steps: 201' in read('md/summary.yaml').decode(), log)


def steps_done(out):
    try:
        return int(lines(out + '/lcurve.out')[-1].split()[0])
    except (OSError, IndexError, ValueError):
        return -1


def test_kill():
    write('a.extxyz', extxyz(frames(40)))
    args = ('a.extxyz', '--steps', '40000', *SMALL)
    alnd('train', *args, '--out', 'calm')
    at = 0
    for how in ('ctrl-c', 'all', 'alnd', 'ctrl-c', 'all'):
        p = subprocess.Popen([ALND, 'train', *args, '--out', 'wild'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        for _ in range(3000):
            if steps_done('wild') >= at + 3000:
                break
            check(p.poll() is None, 'alnd ended before it was stopped: ' + (p.stdout.read() if p.poll() is not None else ''))
            time.sleep(0.01)
        if how == 'ctrl-c':
            time.sleep(0.5)  # a worker that outlived the alnd before may be that far before this alnd listens to signals
            p.send_signal(signal.SIGINT)
            text = p.communicate(timeout=60)[0]
            check(p.returncode == 3 and 'the same command goes on' in text, f'Ctrl-C: exit {p.returncode}\n{text}')
            check(not children(), 'the worker outlives Ctrl-C')
            at = steps_done('wild')
        else:
            p.kill()
            p.wait()
            if how == 'all':
                for c in children():
                    os.kill(c, signal.SIGKILL)
        check(not os.path.exists('wild/model.dp'), 'the model is there before the end')
    alnd('train', *args, '--out', 'wild')
    log = read('wild/train.log').decode()
    check(log.count('ev=resume') >= 2, 'went on from checkpoints:\n' + log)
    for name in ('model.dp', 'lcurve.out', 'checkpoint.bin'):
        check(read('wild/' + name) == read('calm/' + name), name + ' is not that of the undisturbed run')


def bad(name, text, *words, command='data', code=2, more=()):
    if text is not None:
        write(name, text)
    args = ('data', name) if command == 'data' else ('train', name, '--out', 'never', *more)
    out, err = alnd(*args, code=code)
    for w in words:
        check(w in out + err, f'{name}: "{w}" is not in\n{out}{err}')
    check(not os.path.exists('never'), 'something was created')


def scaled(fs, what, factor, some=None):
    fs = json.loads(json.dumps(fs))
    for i, f in enumerate(fs):
        if some is not None and i not in some:
            continue
        if what == 'e':
            f['e'] *= factor
        else:
            f[what] = [[c * factor for c in row] for row in f[what]]
    return fs


def test_input():
    good = frames(30)
    text = extxyz(good)
    row = text.splitlines()
    # numbers that are none, shapes, truncation
    nan = list(row)
    nan[10 * 12 + 2 + 3] = re.sub(r'\S+$', 'nan', nan[10 * 12 + 2 + 3])
    bad('nan.extxyz', '\n'.join(nan) + '\n', 'frame 12', "'nan' is not a number")
    bad('cut.extxyz', '\n'.join(row[:10 * 20 + 5]) + '\n', 'frame 20', 'file ends after')
    bad('short.extxyz', text.replace(row[10 * 7 + 4], row[10 * 7 + 4].rsplit(' ', 1)[0]), 'frame 7', 'columns')
    bad('bare.extxyz', extxyz(good, energy=False, forces=False, virial=False, more=lambda i: f' REF_energy={i}'), 'REF_energy', 'frame 0')
    bad('x.extxyz', text.replace('Li ', 'Xx '), "'Xx' is not an element")
    bad('weight.extxyz', extxyz(good, more=lambda i: ' weight=-1' if i == 3 else ''), 'frame 3', 'weight=-1')
    alnd('data', 'none.extxyz', code=2)
    os.makedirs('empty')
    bad('empty', None, 'no training data')
    # npy: made by us, then damaged
    write('good.extxyz', text)
    alnd('data', 'good.extxyz', '--out', 'npy')
    force = read('npy/good/set.000/force.npy')
    def npy(data, *words):
        with open('npy/good/set.000/force.npy', 'wb') as f:
            f.write(data)
        bad('npy', None, 'force.npy', *words)
    npy(force[:-100], 'truncated')
    npy(force[:40], 'damaged')
    npy(b'nothing of this kind', 'is not a npy file')
    npy(force.replace(b'(30, 24)', b'(24, 30)'), 'has the shape (24, 30)', '(30, 24)')
    npy(force.replace(b'(30, 24)', b'(29, 24)'), 'has the shape (29, 24)')
    npy(force[:128 + 8 * 24 * 6] + b'\0\0\0\0\0\0\xf8\x7f' + force[128 + 8 * 24 * 6 + 8:], 'not finite in frame 6')
    with open('npy/good/set.000/force.npy', 'wb') as f:
        f.write(force)
    os.rename('npy/good/type_map.raw', 'map')
    bad('npy', None, 'type_map.raw is missing')
    os.rename('map', 'npy/good/type_map.raw')
    write('npy/good/type.raw', '0 1 1 0 1 0 0')
    bad('npy', None, 'rows of 24; 7 atoms of type.raw need rows of 21')
    write('npy/good/type.raw', '0 1 1 0 1 0 0 2')
    bad('npy', None, 'type 2 of atom 7')
    # units: of all frames, of some
    for factor, unit in ((27.211386, 'Ha'), (13.605693, 'Ry')):
        bad('u.extxyz', extxyz(scaled(good, 'e', 1 / factor)), f'energies of frames 0-29 are a factor of {factor:.6g} ({unit}) too small', code=1)
        bad('u.extxyz', extxyz(scaled(good, 'e', 1 / factor, (4, 5))), f'energies of frames 4, 5:', f'{factor:.6g} ({unit}) too small', code=1)
    bad('u.extxyz', extxyz(scaled(good, 'f', 1 / 51.422067)), 'forces of frames 0-29 are a factor of 51.4221 (Ha/bohr) too small', code=1)
    for factor, unit in ((160.21766, 'GPa'), (1602.1766, 'kbar')):
        bad('u.extxyz', extxyz(scaled(good, 'v', factor)), f'virials of frames 0-29 are a factor of {factor:.6g} ({unit}) too large', code=1)
    bad('u.extxyz', extxyz(scaled(good, 'v', 1602.1766, (8, 9, 10))), 'virials of frames 8-10', '1602.18 (kbar) too large', code=1)
    # twice, in one place
    bad('d.extxyz', extxyz(good + [good[3]]), 'the same frame more than once: 3 = 30', code=1)
    twin = json.loads(json.dumps(good[3]))
    twin['e'] += 1
    bad('d.extxyz', extxyz(good + [twin]), 'with different labels: 3 = 30', code=1)
    on = json.loads(json.dumps(good))
    on[5]['x'][1] = list(on[5]['x'][0])
    on[9]['x'][1] = [c + 0.05 for c in on[9]['x'][0]]
    bad('p.extxyz', extxyz(on, forces=False, virial=False), 'atoms in one place, or nearly: frames 5, 9', command='train')
    bad('p.extxyz', None, 'atoms in one place', code=1)
    # usage
    write('good.extxyz', text)
    alnd('train', 'good.extxyz', code=2)
    alnd('train', '--out', 'never', code=2)
    bad('good.extxyz', None, 'did you mean', command='train', more=('--learning_rate.stat', '1'))
    bad('good.extxyz', None, 'needs a unit', command='train', more=('--descriptor.rcut', '4'))
    bad('good.extxyz', None, 'whole number', command='train', more=('--seed', 'x'))
    bad('good.extxyz', None, 'there is no model', command='train', more=('--from', 'none.dp'))
    write('c.yaml', 'train:\n  steps: many\n')
    bad('good.extxyz', None, 'c.yaml:2:', command='train', more=('--config', 'c.yaml'))
    write('not.dp', 'text')
    alnd('test', 'not.dp', 'good.extxyz', code=2)
    alnd('test', 'none.dp', 'good.extxyz', code=2)
    alnd('test', 'not.dp', code=2)
    # an element the model does not know
    train('good.extxyz', '--out', 'm', '--steps', '20')
    write('o.extxyz', text.replace('Li ', 'Na '))
    _, err = alnd('test', 'm/model.dp', 'o.extxyz', code=1)
    check('Na, which is not in the type map' in err, err)
    check('Na, which is not in the type map' in alnd('train', 'o.extxyz', '--from', 'm/model.dp', '--out', 'n', '--steps', '20', code=1)[1], err)


def peer(script, *modules):
    if subprocess.run([PEER, '-c', 'import ' + ', '.join(modules)], capture_output=True).returncode != 0:
        print(f'skipped: {PEER} lacks one of {modules} (ALND_PEER_PYTHON names another)')
        sys.exit(77)
    write('peer.py', script)
    p = subprocess.run([PEER, 'peer.py', ALND], capture_output=True, text=True, timeout=600)
    check(p.returncode == 0 and p.stdout.strip().endswith('fine'), p.stdout[-3000:] + p.stderr[-3000:])


def test_data():
    write('a.extxyz', extxyz(frames(6)))
    peer(open(os.path.join(SOURCE, 'tests/system/peer_data.py')).read(), 'numpy', 'h5py', 'ase', 'dpdata')


def test_test():
    write('a.extxyz', extxyz(frames(12)))
    write('b.extxyz', extxyz(frames(5, seed=3, z=('S', 'S', 'Li', 'S', 'S', 'S', 'Li', 'S'))))
    train('a.extxyz', 'b.extxyz', '--out', 'm', '--steps', '200')
    alnd('data', 'a.extxyz', 'b.extxyz', '--out', 'npy')
    peer(open(os.path.join(SOURCE, 'tests/system/peer_dptest.py')).read(), 'numpy', 'deepmd')


TOP = os.path.realpath(tempfile.mkdtemp(prefix='alnd-train-'))
os.chdir(TOP)
globals()['test_' + MODE]()
shutil.rmtree(TOP)
print('ok')
