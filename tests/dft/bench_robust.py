#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""How many SCF steps hot, stretched and compressed frames need at default settings (Gamma), and what becomes of those that fail.

Frames are made from shared/data: molecular dynamics of 64 atoms (lps), relaxed cells (structures) and supercells of them,
strained by up to 5 %, displaced as by harmonic vibrations at 300 to 3000 K, scaled to 16 to 33 Ang^3/atom, half of them with every
bond, half with PS4 units that keep their size. Frame i of a seed is the same whatever else is run.

  bench_robust.py BENCH_LABEL TABLE [--plan 100,70,30] [--ecut 15] [--seed 1] [--only I,J-K] [--twin N] [--write DIR]

TABLE has one line per frame and is continued when it exists; a summary follows on the standard output. --twin N: every N-th frame again
from other random orbitals, without a coarse start and with other mixing: a difference in energy means that one of them is not the
ground state.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

SHARED = pathlib.Path(__file__).resolve().parents[3] / 'shared' / 'data'
COVALENT = {'Li': 1.28, 'O': 0.66, 'P': 1.07, 'S': 1.05}  # Ang (B. Cordero et al., Dalton Trans. 2832, 2008)
CLOSEST = 0.6  # of the sum of two covalent radii
# Amplitude per Cartesian component at 300 K, Ang, growing as sqrt(T): measured U of Li3PS4 at room temperature are 0.03 Ang^2
# for Li and 0.01 to 0.02 for P and S.
AMPLITUDE = {'Li': 0.16, 'O': 0.11, 'P': 0.10, 'S': 0.12}
COLUMNS = ['frame', 'atoms', 'source', 'set', 'T', 'volume', 'kept', 'loose', 'steps', 'coarse', 'rung', 'seconds', 'gap', 'net', 'residual',
           'depth', 'twin', 'detail']


def read_xyz(path):
    rows = path.read_text().splitlines()
    n, cell = int(rows[0]), np.array(rows[1].split('"')[1].split(), float).reshape(3, 3)
    atoms = [r.split() for r in rows[2:2 + n]]
    return [a[0] for a in atoms], cell, np.array([a[1:4] for a in atoms], float)


def repeat(frame, n):
    symbols, cell, pos = frame
    shifts = [(i, j, k) for i in range(n[0]) for j in range(n[1]) for k in range(n[2])]
    return symbols * len(shifts), cell * np.array(n)[:, None], np.concatenate([pos + np.array(s) @ cell for s in shifts])


def sources(atoms):
    """Names of the frames to start from, by number of atoms."""
    return {16: ['gamma'], 32: ['beta', 'beta_O', 'gamma x2'], 64: ['lps', 'lps', 'beta x2', 'gamma x4']}[atoms]


def start(name, rng):
    if name == 'lps':
        part = SHARED / 'lps' / ('train' if rng.random() < 0.8 else 'valid') / 'beta-Li3PS4'
        names = (part / 'type_map.raw').read_text().split()
        kinds = np.loadtxt(part / 'type.raw', dtype=int).reshape(-1)
        coord, box = (np.load(part / 'set.000' / f) for f in ('coord.npy', 'box.npy'))
        i = rng.integers(len(coord))
        return [names[k] for k in kinds], box[i].reshape(3, 3), coord[i].reshape(-1, 3)
    name, _, times = name.partition(' x')
    frame = read_xyz(SHARED / 'structures' / (name + '.extxyz'))
    shape = {'': (1, 1, 1), '2': (1, 1, 2), '4': (2, 1, 2)}[times]
    return repeat(frame, shape)


def vectors(cell, pos, i):
    """From atom i to the nearest image of every atom (cells are wide enough for the 27 nearest cells)."""
    shifts = np.array([(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]) @ cell
    d = (pos - pos[i]) @ np.linalg.inv(cell)
    d = ((d - np.round(d)) @ cell)[:, None, :] + shifts
    best = np.argmin((d ** 2).sum(-1), axis=1)
    return d[np.arange(len(pos)), best]


def scale(symbols, cell, pos, factor, keep_units):
    """Cell times factor; with keep_units S and O stay where they are seen from their P."""
    new = pos * factor
    if keep_units:
        for p in (i for i, s in enumerate(symbols) if s == 'P'):
            d = vectors(cell, pos, p)
            for i in np.where(np.linalg.norm(d, axis=1) < 2.7)[0]:
                if symbols[i] in 'SO':
                    new[i] = new[p] + d[i]
    return cell * factor, new


def displace(symbols, cell, pos, temperature, rng):
    """One atom after the other; a place too near another atom is drawn again, with less and less amplitude, but for frames whose
    own distances are short already."""
    pos = pos.copy()
    radius = np.array([COVALENT[s] for s in symbols])
    for i in rng.permutation(len(pos)):
        home, sigma = pos[i].copy(), AMPLITUDE[symbols[i]] * (temperature / 300) ** 0.5
        for attempt in range(200):
            pos[i] = home + rng.normal(0, sigma * 0.98 ** attempt, 3)
            d = np.linalg.norm(vectors(cell, pos, i), axis=1)
            d[i] = np.inf
            if (d > CLOSEST * (radius + radius[i])).all():
                break
        else:
            pos[i] = home
    return pos


def make(i, atoms, seed):
    rng = np.random.default_rng([seed, i])
    name = sources(atoms)[rng.integers(len(sources(atoms)))]
    symbols, cell, pos = start(name, rng)
    temperature, volume, kept = rng.uniform(300, 3000), rng.uniform(16, 33), bool(rng.integers(2))
    as_it_is = name == 'lps' and rng.random() < 0.3
    if not as_it_is:
        strain = rng.uniform(-0.05, 0.05, (3, 3))
        strain = np.eye(3) + 0.5 * (strain + strain.T)
        cell, pos = cell @ strain, pos @ strain
        cell, pos = scale(symbols, cell, pos, (volume * len(pos) / abs(np.linalg.det(cell))) ** (1 / 3), kept)
        # the trajectories have their own temperature, about 700 K
        pos = displace(symbols, cell, pos, max(temperature - 700, 0) if name == 'lps' else temperature, rng)
    else:
        temperature = 700
    volume = abs(np.linalg.det(cell)) / len(pos)
    return {'frame': i, 'atoms': len(pos), 'source': name.replace(' ', ''), 'T': round(temperature), 'volume': round(volume, 1),
            'kept': 'units' if kept and not as_it_is else 'as-is' if as_it_is else 'scaled', 'set': 'gth' if i % 5 == 4 else 'spms',
            'shape': (symbols, cell, pos)}


def write(path, symbols, cell, pos):
    rows = ['%d' % len(symbols), 'Lattice="%s" Properties=species:S:1:pos:R:3 pbc="T T T"'
            % ' '.join('%.8f' % x for x in cell.ravel())]
    rows += ['%s %.8f %.8f %.8f' % (s, *p) for s, p in zip(symbols, pos)]
    path.write_text('\n'.join(rows) + '\n')


def label(a, path, frame, *more):
    run = subprocess.run([a.bench, str(path), 'ecut=%g' % a.ecut, 'set=' + frame['set'], 'json', *more], capture_output=True, text=True)
    line = [x for x in run.stdout.splitlines() if x.startswith('{')]
    return json.loads(line[-1]) if line else {'rung': -1, 'error': run.stderr.strip() or 'exit status %d' % run.returncode}


def measure(a, path, f):
    """The columns of one frame; rung -1: no label."""
    r = label(a, path, f)
    first = [x for x, rung in zip(r.get('residuals', []), r.get('rungs', [])) if rung == 0]
    near = [k for k, x in enumerate(first) if x < 1e-7 * f['atoms']]
    f['loose'] = near[0] + 1 if near else -1
    f['steps'] = len(first) if r['rung'] == 0 and 'error' not in r else -1
    f['coarse'] = r.get('coarse_steps', -1)
    f['rung'] = -1 if 'error' in r else r['rung']
    f['seconds'] = '%.1f' % r.get('seconds', -1)
    f['gap'] = '%.3f' % r['gap'] if 'gap' in r else 'nan'
    f['net'] = '%.1e' % max(abs(x) for x in r['net_force'][0]) if 'net_force' in r else 'nan'
    f['residual'] = '%.1e' % r['band_residual'] if 'band_residual' in r else 'nan'
    f['depth'] = '%.2f' % r['depth'] if 'depth' in r else 'nan'
    f['twin'] = 'nan'
    f['detail'] = r.get('error', '-')[:250].replace('\t', ' ').replace('\n', '; ')
    if a.twin and f['frame'] % a.twin == 0 and 'energy' in r:
        t = label(a, path, f, 'start=7', 'coarse=0', 'beta=0.4')
        f['twin'] = '%.1e' % ((t['energy'] - r['energy']) / f['atoms']) if 'energy' in t else 'failed'


def numbers(text):
    for part in text.split(','):
        lo, _, hi = part.partition('-')
        yield from range(int(lo), int(hi or lo) + 1)


def summary(rows):
    good = [r for r in rows if r['rung'] == '0' and 0 < int(r['loose']) <= 40]
    print('\n%d frames: %d (%.1f %%) reach 1e-7 Ha/atom within 40 steps without rescue' % (len(rows), len(good), 100 * len(good) / len(rows)))
    for atoms in sorted({int(r['atoms']) for r in rows}):
        part = [r for r in rows if int(r['atoms']) == atoms]
        for col, what in (('loose', '1e-7 Ha/atom'), ('steps', 'the default threshold')):
            n = sorted(int(r[col]) for r in part if int(r[col]) > 0)
            if n:
                print('%3d atoms (%d): steps to %s: median %d, 95 %% %d, most %d' % (atoms, len(part), what, n[len(n) // 2], n[min(
                    len(n) - 1, int(0.95 * len(n)))], n[-1]))
    rungs = [r['rung'] for r in rows]
    print('by rung (-1: no label):', {k: rungs.count(k) for k in sorted(set(rungs))})
    for key in ('net', 'residual', 'depth', 'gap', 'twin'):
        v = np.array([abs(float(r[key])) if key != 'gap' else float(r[key]) for r in rows if r[key] not in ('nan', 'failed')])
        if len(v):
            print('%s: median %.2e, least %.2e, most %.2e of %d' % (key, np.median(v), v.min(), v.max(), len(v)))
    for r in rows:
        if r['rung'] != '0' or int(r['loose']) > 40 or r['twin'] == 'failed' or (r['twin'] != 'nan' and abs(float(r['twin'])) > 1e-6):
            print('%(frame)s: %(atoms)s atoms, %(source)s %(set)s, %(T)s K, %(volume)s Ang^3, %(kept)s: %(loose)s steps, rung %(rung)s, gap %(gap)s, '
                  'twin %(twin)s  %(detail)s' % r)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('bench')
    ap.add_argument('table', type=pathlib.Path)
    ap.add_argument('--plan', default='100,70,30', help='frames of 16, 32 and 64 atoms')
    ap.add_argument('--ecut', type=float, default=15)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--only', default='')
    ap.add_argument('--twin', type=int, default=0)
    ap.add_argument('--write', type=pathlib.Path, help='keep the frames there')
    a = ap.parse_args()
    plan = [n for n, count in zip((16, 32, 64), map(int, a.plan.split(','))) for _ in range(count)]
    wanted = set(numbers(a.only)) if a.only else set(range(len(plan)))
    if not a.table.exists():
        a.table.write_text('\t'.join(COLUMNS) + '\n')
    done = {int(line.split('\t')[0]) for line in a.table.read_text().splitlines()[1:]}
    with tempfile.TemporaryDirectory() as tmp:
        for i, atoms in enumerate(plan):
            if i in done or i not in wanted:
                continue
            f = make(i, atoms, a.seed)
            path = (a.write or pathlib.Path(tmp)) / ('%03d.extxyz' % i)
            write(path, *f.pop('shape'))
            measure(a, path, f)
            with a.table.open('a') as out:
                out.write('\t'.join(str(f[c]) for c in COLUMNS) + '\n')
            print(*(f[c] for c in COLUMNS), flush=True)
    summary([dict(zip(COLUMNS, line.split('\t'))) for line in a.table.read_text().splitlines()[1:]])


if __name__ == '__main__':
    main()
