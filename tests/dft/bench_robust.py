#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""How many SCF steps hot and compressed frames need: frames of shared/data/lps (deepmd/npy, molecular dynamics up to
melting), rescaled to 16..33 Ang^3/atom and shaken as at 300..3000 K, through bench_label at Gamma and a low cut-off.

  bench_robust.py BENCH_LABEL [--frames 200] [--ecut 15] [--largest 64] [--seed 1]
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

SHARED = pathlib.Path(__file__).resolve().parents[3] / 'shared'


def systems(largest):
    for types in sorted((SHARED / 'data' / 'lps').rglob('type.raw')):
        names = (types.parent / 'type_map.raw').read_text().split()
        kinds = np.loadtxt(types, dtype=int).reshape(-1)
        if len(kinds) > largest:
            continue
        for coord in sorted(types.parent.glob('set.*/coord.npy')):
            yield [names[k] for k in kinds], np.load(coord), np.load(coord.parent / 'box.npy')


def make(all_systems, rng):
    symbols, coord, box = all_systems[rng.integers(len(all_systems))]
    i = rng.integers(len(coord))
    cell, n = box[i].reshape(3, 3), len(symbols)
    pos = coord[i].reshape(n, 3)
    scale = (rng.uniform(16, 33) * n / abs(np.linalg.det(cell))) ** (1 / 3)
    temperature = rng.uniform(300, 3000)  # 0.25 Ang of amplitude at 3000 K beside what the trajectory has
    pos = pos * scale + rng.normal(0, 0.25 * (temperature / 3000) ** 0.5, (n, 3))
    return symbols, cell * scale, pos, temperature


def write(path, symbols, cell, pos):
    rows = ['%d' % len(symbols), 'Lattice="%s" Properties=species:S:1:pos:R:3 pbc="T T T"'
            % ' '.join('%.8f' % x for x in cell.ravel())]
    rows += ['%s %.8f %.8f %.8f' % (s, *p) for s, p in zip(symbols, pos)]
    path.write_text('\n'.join(rows) + '\n')


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('bench')
    ap.add_argument('--frames', type=int, default=200)
    ap.add_argument('--ecut', type=float, default=15)
    ap.add_argument('--largest', type=int, default=64)
    ap.add_argument('--seed', type=int, default=1)
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    known, good, rungs = list(systems(a.largest)), 0, {}
    if not known:
        raise SystemExit('no system of %s has at most %d atoms (the smallest has 64)' % (SHARED / 'data' / 'lps', a.largest))
    with tempfile.TemporaryDirectory() as tmp:
        for i in range(a.frames):
            symbols, cell, pos, t = make(known, rng)
            path = pathlib.Path(tmp) / 'frame.extxyz'
            write(path, symbols, cell, pos)
            run = subprocess.run([a.bench, str(path), 'ecut=%g' % a.ecut, 'tol=1e-7', 'json'], capture_output=True, text=True)
            line = [x for x in run.stdout.splitlines() if x.startswith('{')]
            r = json.loads(line[-1].replace('nan', 'null')) if line else {'rung': -1, 'scf': -1, 'detail': run.stderr.strip()}
            good += r['rung'] == 0 and r['scf'] <= 40
            rungs[r['rung']] = rungs.get(r['rung'], 0) + 1
            print('%3d %3d atoms %4.0f K %4.1f Ang^3/atom: %3d steps, rung %d  %s'
                  % (i, len(symbols), t, abs(np.linalg.det(cell)) / len(symbols), r['scf'], r['rung'], r['detail'][:120]), flush=True)
    print('%d of %d within 40 steps without rescue; frames by rung (-1: failed) %s' % (good, a.frames, rungs))


if __name__ == '__main__':
    main()
