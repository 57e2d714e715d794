#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd diffusion by hand, on walks made here.

diffusion.py BIN_DIR run    the same walk as extended XYZ, LAMMPS dump (wrapped, unwrapped, scaled; ids shuffled) and XDATCAR gives the same D; replicas, a
                            series of temperatures, two sizes; a cage alone; files; going on
diffusion.py BIN_DIR input  bad files and bad usage: one message with file and line, exit code 2
diffusion.py BIN_DIR peer   (peer) MSD of the same trajectory by MDAnalysis (EinsteinMSD, FFT) to 1e-6; python with MDAnalysis and tidynamics in
                            ALND_TRAJ_PYTHON or /opt/trajvenv/bin/python. Exit 77: skipped."""
import json
import math
import os
import random
import subprocess
import sys
import tempfile

BIN, MODE = os.path.abspath(sys.argv[1]), sys.argv[2]
ALND = os.path.join(BIN, 'alnd')
PEER = os.environ.get('ALND_TRAJ_PYTHON', '/opt/trajvenv/bin/python')
if MODE == 'peer' and os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(PEER))):
    if not os.path.exists(PEER) or subprocess.run([PEER, '-c', 'import MDAnalysis, tidynamics'], capture_output=True).returncode:
        print(f'skipped: no {PEER} with MDAnalysis and tidynamics (set ALND_TRAJ_PYTHON)')
        sys.exit(77)
    os.execv(PEER, [PEER] + sys.argv)

CELL = ((11.0, 0.0, 0.0), (2.0, 10.0, 0.0), (-1.5, 1.0, 12.0))  # as LAMMPS wants it
GRID = 2.0 ** -10  # positions are multiples: exact in single precision, which MDAnalysis keeps


def check(ok, text):
    if not ok:
        print('FAIL:', text)
        sys.exit(1)


def diffusion(*args, code=0):
    r = subprocess.run([ALND, 'diffusion', *args], capture_output=True, text=True, timeout=120)
    check(r.returncode == code, f'alnd diffusion {" ".join(args)}: exit {r.returncode}, not {code}\n{r.stdout}{r.stderr}')
    return r


def numbers(*args):
    return json.loads(diffusion(*args, '--json').stdout)


def inverse(m):
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return [[(e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det],
            [(f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det],
            [(d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det]]


def times(v, m):
    return [sum(v[k] * m[k][c] for k in range(3)) for c in range(3)]


def snap(x):
    return round(x / GRID) * GRID


def walk(seed, nli=12, frames=400, step=0.25, cage=0.1, drift=0.02):
    """Unwrapped positions of nli Li, 2 P and 4 S; the framework drifts as a whole."""
    r = random.Random(seed)
    x = [[snap(r.uniform(0, 10)) for _ in range(3)] for _ in range(nli + 6)]
    out, shift = [], [0.0] * 3
    for t in range(frames):
        if t:
            shift = [snap(s + drift * r.gauss(0, 1)) for s in shift]
            for i in range(nli):
                x[i] = [snap(v + step * r.gauss(0, 1)) for v in x[i]]
        out.append([[snap(x[i][k] + shift[k] + (cage * r.gauss(0, 1) if i < nli else 0)) for k in range(3)] for i in range(nli + 6)])
    symbols = ['Li'] * nli + ['P'] * 2 + ['S'] * 4
    return symbols, out


def wrap(p, cell=CELL):
    u = times(p, inverse(cell))
    return times([v - math.floor(v) for v in u], cell)


def write_xyz(name, symbols, frames, time=True, temperature=None, cell=CELL):
    with open(name, 'w') as f:
        for t, frame in enumerate(frames):
            lattice = ' '.join(f'{v:.10g}' for row in cell for v in row)
            f.write(f'{len(symbols)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3' + (f' time={50 * t}' if time else '') +
                    (f' temperature={temperature}' if temperature else '') + ' pbc="T T T"\n')
            for s, p in zip(symbols, frame):
                w = wrap(p, cell)
                f.write(f'{s} {w[0]:.12g} {w[1]:.12g} {w[2]:.12g}\n')


def write_lammps(name, symbols, frames, kind):
    """kind: x (wrapped, element), xs (scaled, types), xu (unwrapped), xi (wrapped with image counts)"""
    r = random.Random(1)
    lo = (-3.0, 0.5, 2.0)
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = CELL
    inv = inverse(CELL)
    types = {'Li': 1, 'P': 2, 'S': 3}
    columns = {'x': 'id element x y z', 'xs': 'type id xs ys zs', 'xu': 'id element vx xu yu zu', 'xi': 'id element x y z ix iy iz'}[kind]
    with open(name, 'w') as f:
        for t, frame in enumerate(frames):
            f.write(f'ITEM: TIMESTEP\n{100 * t}\nITEM: NUMBER OF ATOMS\n{len(symbols)}\nITEM: BOX BOUNDS xy xz yz pp pp pp\n')
            f.write(f'{lo[0] + min(0, xy, xz, xy + xz)} {lo[0] + lx + max(0, xy, xz, xy + xz)} {xy}\n')
            f.write(f'{lo[1] + min(0, yz)} {lo[1] + ly + max(0, yz)} {xz}\n{lo[2]} {lo[2] + lz} {yz}\nITEM: ATOMS {columns}\n')
            order = list(range(len(symbols)))
            r.shuffle(order)
            for i in order:
                u = times(frame[i], inv)
                image = [math.floor(v) for v in u]
                scaled = [a - b for a, b in zip(u, image)]
                w = [a + b for a, b in zip(times(scaled, CELL), lo)]
                full = [a + b for a, b in zip(frame[i], lo)]
                fields = {'id': i + 1, 'element': symbols[i], 'type': types[symbols[i]], 'vx': 0}
                fields.update(zip(('x', 'y', 'z', 'xs', 'ys', 'zs', 'xu', 'yu', 'zu'), (f'{v:.12g}' for v in w + scaled + full)))
                fields.update(zip(('ix', 'iy', 'iz'), image))
                f.write(' '.join(str(fields[c]) for c in columns.split()) + '\n')


def write_xdatcar(name, symbols, frames, repeat=False):
    inv = inverse(CELL)
    head = 'walk\n 1.0\n' + ''.join(f' {a} {b} {c}\n' for a, b, c in CELL) + ' Li P S\n ' + ' '.join(str(symbols.count(s)) for s in ('Li', 'P', 'S')) + '\n'
    with open(name, 'w') as f:
        for t, frame in enumerate(frames):
            if t == 0 or repeat:
                f.write(head)
            f.write(f'Direct configuration= {t + 1:5d}\n')
            for p in frame:
                u = times(p, inv)
                f.write(' '.join(f'{v - math.floor(v):.14f}' for v in u) + '\n')


def first(result):
    return result['temperatures'][0]


def d_of(result):
    return float(first(result)['d_cm2_per_s'])


def run():
    symbols, frames = walk(3)
    write_xyz('a.extxyz', symbols, frames)
    want = numbers('a.extxyz', '--out', 'a')
    check(first(want)['diffusive'] is True, f'a walk is not diffusive: {first(want)}')
    truth = 0.1 * 0.25 ** 2 / 100  # cm^2/s
    error = float(first(want)['d_error_cm2_per_s'])
    check(abs(d_of(want) - truth) < 4 * error and error < 0.3 * truth, f'D {d_of(want)} +- {error}, truth {truth}')
    check(want['framework'] == 'P, S', want['framework'])
    for kind in ('x', 'xs', 'xu', 'xi'):
        write_lammps(f'{kind}.dump', symbols, frames, kind)
        extra = ['--types', 'Li,P,S'] if kind == 'xs' else []
        got = numbers(f'{kind}.dump', '--timestep', '0.5 fs', *extra, '--out', f'l{kind}')
        check(abs(d_of(got) / d_of(want) - 1) < 1e-7, f'LAMMPS dump {kind}: D {d_of(got)}, not {d_of(want)}')
    for repeat in (False, True):
        write_xdatcar('XDATCAR', symbols, frames, repeat)
        got = numbers('XDATCAR', '--dt', '50 fs', '--out', f'v{repeat}')
        check(abs(d_of(got) / d_of(want) - 1) < 1e-7, f'XDATCAR: D {d_of(got)}, not {d_of(want)}')
    skipped = numbers('a.extxyz', '--skip', '5 ps', '--out', 'skip')
    check(first(skipped)['frames'] == 300, f'5 ps left out of 20: {first(skipped)["frames"]} frames')
    alone = numbers('a.extxyz', '--framework', 'P', '--out', 'p')
    check(alone['framework'] == 'P' and abs(d_of(alone) / d_of(want) - 1) < 1e-9, 'relative to P alone: the framework is rigid')

    # temperatures: two replicas and two more; sigma of D by itself
    names = []
    for k, (t, s) in enumerate(((600, 0.15), (900, 0.3), (905, 0.3), (750, 0.22))):
        symbols, frames = walk(10 + k, nli=16, frames=600, step=s)
        write_xyz(f't{k}.extxyz', symbols, frames, temperature=t)
        names.append(f't{k}.extxyz')
    series = numbers(*names, '--charge', '2', '--out', 's')
    check([p['runs'] for p in series['temperatures']] == [1, 1, 2], f'sorted into {series["temperatures"]}')
    check(abs(float(series['temperatures'][2]['temperature_k']) - 902.5) < 1e-9, 'mean temperature of the replicas')
    ea = 2 * math.log(0.3 / 0.15) / (1 / (8.617333e-5 * 600) - 1 / (8.617333e-5 * 902.5))
    a = series['arrhenius']
    check(abs(float(a['activation_energy_ev']) - ea) < 4 * float(a['activation_energy_error_ev']), f'{a}, E_a {ea}')
    p = series['temperatures'][0]
    sigma = 16 * (2 * 1.602176634e-19) ** 2 * float(p['d_cm2_per_s']) / (float(p['volume_ang3']) * 1e-24 * 1.380649e-23 * 600)
    check(abs(float(p['conductivity_nernst_einstein_s_per_cm']) / sigma - 1) < 1e-6, 'Nernst-Einstein')
    for f in ('msd-600K.csv', 'msd.svg', 'msd-loglog.svg', 'arrhenius.svg'):
        check(os.path.getsize(f's/{f}') > 500, f's/{f}')
    given = numbers(*names, '--temperature', '600 K, 900 K, 900 K, 750 K', '--out', 'g')
    check(len(given['temperatures']) == 3 and given['temperatures'][2]['temperature_k'] == 900, 'temperatures of the command line')

    # temperatures from what production has written beside the files; without it one warning
    for k, t in enumerate((600, 905, 900)):
        os.makedirs(f'prod/A-{t}K-{k}')
        symbols, frames = walk(10 + k, nli=16, frames=600, step=0.15 if k == 0 else 0.3)
        write_xyz(f'prod/A-{t}K-{k}/traj.extxyz', symbols, frames)
        with open(f'prod/A-{t}K-{k}/task.yaml', 'w') as f:
            f.write(f'verb: produce\nsystem: A\ntemperature: {t}\n')
    with open('prod/A-600K-0/result.yaml', 'w') as f:
        f.write('facts: {temperature: 612.5}\n')
    names = [f'prod/A-{t}K-{k}/traj.extxyz' for k, t in enumerate((600, 905, 900))]
    beside = numbers(*names, '--out', 'b')
    check([(p['temperature_k'], p['runs']) for p in beside['temperatures']] == [(612.5, 1), (902.5, 2)], f'from beside: {beside["temperatures"]}')
    check('warning' not in beside and isinstance(beside['arrhenius'], dict), f'{beside}')
    given = numbers(*names, '--temperature', '700 K', '--out', 'b2')
    check([(p['temperature_k'], p['runs']) for p in given['temperatures']] == [(700, 3)], 'what is given counts')
    with open('prod/A-900K-2/task.yaml', 'w') as f:
        f.write('verb: produce\nsystem: B\ntemperature: 900\n')
    r = diffusion(*names, '--out', 'b3', code=1)
    check('of the system B, files before it of A' in r.stderr, r.stderr)
    for n in names:
        os.remove(n.replace('traj.extxyz', 'task.yaml'))
    r = diffusion(*names, '--out', 'b4')
    check('WARNING: nothing tells the temperature of 3 files' in r.stdout and '--temperature' in r.stdout, r.stdout)
    check('nothing tells' in numbers(*names, '--out', 'b4')['warning'], 'the warning is not in diffusion.yaml')

    # two sizes
    symbols, frames = walk(30, nli=32, frames=600, step=0.3)
    write_xyz('big.extxyz', symbols, frames, temperature=900, cell=[[2 * v for v in CELL[0]], CELL[1], CELL[2]])
    sizes = numbers('t1.extxyz', 'big.extxyz', '--compare', '--out', 'c')
    check('no size effect' in sizes['sizes'][0]['statement'], sizes['sizes'])
    diffusion('t1.extxyz', 'big.extxyz', '--out', 'c2', code=1)

    # nothing moves; and the table for people
    symbols, frames = walk(40, step=0)
    write_xyz('cage.extxyz', symbols, frames, temperature=300)
    text = diffusion('cage.extxyz', '--out', 'n').stdout
    check('no diffusion seen: D < ' in text, text)
    again = diffusion('cage.extxyz', '--out', 'n').stdout
    check('finished before' in again and 'no diffusion seen' in again, again)
    diffusion('cage.extxyz', '--out', 'n', '--charge', '2', code=2)


def expect(name, text, *args, says=(), code=2):
    with open(name, 'w') as f:
        f.write(text)
    r = subprocess.run([ALND, 'diffusion', name, *args, '--out', 'bad-' + name], capture_output=True, text=True, timeout=60)
    check(r.returncode in (1, 2) and r.stderr.startswith('alnd: '), f'{name}: exit {r.returncode}: {r.stdout}{r.stderr}')
    for s in says:
        check(s in r.stderr, f'{name}: "{s}" is not in: {r.stderr}')


DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 5
0 5
0 5
ITEM: ATOMS id type x y z
2 1 1 1 1
1 1 2 2 2
"""


def bad_input():
    expect('none', '', says=['is empty'])
    expect('what', 'hello\nworld\n', says=['what:1:', 'hint: '])
    expect('a.dump', DUMP, '--dt', '1 fs', says=['a.dump:10', 'type 1', '--types'])
    expect('b.dump', DUMP.replace('id type', 'mass type'), '--dt', '1 fs', says=['b.dump:9', 'column id'])
    expect('c.dump', DUMP.replace('1 1 2 2 2', '1 1 2 2'), '--types', 'Li', '--dt', '1 fs', says=['c.dump:11', '4 columns, not 5'])
    expect('d.dump', DUMP.replace('1 1 2 2 2', '2 1 2 2 2'), '--types', 'Li', '--dt', '1 fs', says=['d.dump', 'two atoms have the id 2'])
    expect('e.dump', DUMP + 'ITEM: TIMESTEP\n10\n', '--types', 'Li', '--dt', '1 fs', says=['e.dump:13', 'within a frame'])
    expect('f.dump', DUMP * 2, '--types', 'Li', says=['f.dump does not say the time', '--timestep'])
    expect('g.dump', DUMP * 2, '--types', 'Li', '--timestep', '1 fs', says=['frame 1 is 0 fs after', 'restart'])
    expect('h.dump', DUMP.replace('pp pp pp', 'pp pp ff'), '--types', 'Li', '--dt', '1 fs', says=['h.dump', 'some directions only'])
    expect('i.dump', DUMP, '--types', 'Li', '--dt', '1 fs', says=['1 frame'])
    expect('j.dump', DUMP.replace('2 1 1 1 1', '2 1 1 nan 1'), '--types', 'Li', '--dt', '1 fs', says=['j.dump:10', "'nan' is not a number"])
    head = 'x\n1\n5 0 0\n0 5 0\n0 0 5\nLi\n2\n'
    expect('XDATCAR', head + 'Direct configuration= 1\n0 0 0\n0.5 0.5\n', '--dt', '1 fs', says=['XDATCAR:10', '3 numbers'])
    expect('XDATCAR2', head + 'Direct configuration= 1\n0 0 0\n', '--dt', '1 fs', says=['XDATCAR2:9', 'ends before'])
    expect('XDATCAR3', head.replace('Li', 'Xy') + 'Direct configuration= 1\n', '--dt', '1 fs', says=['XDATCAR3:6', "'Xy'"])
    symbols, frames = walk(1, frames=60)
    write_xyz('ok.extxyz', symbols, frames)
    for args, says in ((['--species', 'Na'], 'there is no Na'), (['--framework', 'P,O'], 'there is no O'),
                       (['--species', 'Qq'], '--species'), (['--dt', '50'], '--dt'), (['--dt', '-1 fs'], '--dt'),
                       (['--temperature', '600 K,700 K'], '2 temperatures for 1 file'), (['--what', '1'], 'unknown option')):
        r = subprocess.run([ALND, 'diffusion', 'ok.extxyz', *args, '--out', 'bad' + args[0]], capture_output=True, text=True, timeout=60)
        text = r.stderr + r.stdout
        check(says in text and r.returncode in (1, 2), f'{args}: exit {r.returncode}, "{says}" is not in: {text}')
    text = diffusion('ok.extxyz', '--skip', '2 ps', '--out', 'short').stdout
    check('not determined: 20 frames are too few' in text, text)
    r = subprocess.run([ALND, 'diffusion', 'ok.extxyz'], capture_output=True, text=True)
    check(r.returncode == 2 and '--out' in r.stderr, r.stderr)
    r = subprocess.run([ALND, 'diffusion', 'nowhere.extxyz', '--out', 'x'], capture_output=True, text=True)
    check(r.returncode == 2 and not os.path.exists('x'), r.stderr)


def peer():
    import MDAnalysis
    import numpy as np
    from MDAnalysis.analysis.msd import EinsteinMSD
    symbols, frames = walk(7, nli=10, frames=500)
    x = np.array(frames)
    write_xyz('a.extxyz', symbols, frames)
    numbers('a.extxyz', '--out', 'o')
    ours = np.genfromtxt('o/msd-all.csv', delimiter=',', skip_header=1)
    masses = np.array([30.974] * 2 + [32.06] * 4)
    centre = np.einsum('i,tik->tk', masses, x[:, 10:]) / masses.sum()
    x -= (centre - centre[0])[:, None, :]
    worst = 0.0
    for column, kind in ((1, 'xyz'), (3, 'x'), (4, 'y'), (5, 'z')):
        u = MDAnalysis.Universe.empty(len(symbols), trajectory=True)
        u.add_TopologyAttr('name', symbols)
        u.load_new(x.astype(np.float32), order='fac')
        m = EinsteinMSD(u, select='name Li', msd_type=kind, fft=True)
        m.run()
        lag = np.rint(ours[:, 0] / 50).astype(int)
        theirs = m.results.timeseries[lag]
        check(len(lag) == 250 and theirs.min() > 0.01, 'the comparison would be empty')
        worst = max(worst, np.abs(ours[:, column] / theirs - 1).max(), )
    print(f'MSD against MDAnalysis {MDAnalysis.__version__} (EinsteinMSD, FFT): largest relative difference {worst:.2g} over {len(lag)} lags, sum and axes')
    check(worst < 1e-6, f'MSD differs by {worst}')

    # a DCD that MDAnalysis wrote, with a topology beside it
    os.makedirs('dcd')
    u = MDAnalysis.Universe.empty(len(symbols), trajectory=True)
    u.load_new(np.array(frames).astype(np.float32), order='fac', dimensions=[12.0, 12.0, 12.0, 90, 90, 90])
    with MDAnalysis.Writer('dcd/cube.dcd', len(symbols), dt=0.05) as out:
        for _ in u.trajectory:
            out.write(u.atoms)
    write_xyz('dcd/topology.extxyz', symbols, frames[:1], cell=((12.0, 0, 0), (0, 12.0, 0), (0, 0, 12.0)))
    write_xyz('cube.extxyz', symbols, frames, cell=((12.0, 0, 0), (0, 12.0, 0), (0, 0, 12.0)))
    want, got = numbers('cube.extxyz', '--out', 'c1'), numbers('dcd/cube.dcd', '--out', 'c2')
    check(abs(d_of(got) / d_of(want) - 1) < 1e-6 and abs(first(got)['frame_interval_fs'] - 50) < 1e-3, f'DCD: D {d_of(got)}, not {d_of(want)}')


with tempfile.TemporaryDirectory(prefix='alnd-diffusion-') as work:
    os.chdir(work)
    {'run': run, 'input': bad_input, 'peer': peer}[MODE]()
print('OK')
