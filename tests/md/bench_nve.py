#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Energy conservation of NVE with a trained model, by hand: drift (slope of a least-squares line through the total energy, its error
from the means of ten blocks) and rms around that line, for each temperature, precision and time step.

bench_nve.py ALND MODEL.dp STRUCTURE WORK [--temperatures 300,900] [--precisions mixed,double] [--long 50] [--short 10]

Each temperature is equilibrated by 5 ps of NVT; NVE begins from its last frame with velocities of the same temperature. 1 fs
runs --long ps, 0.5 and 2 fs --short ps. Finished runs in WORK are taken again."""
import argparse
import os
import subprocess
import sys

p = argparse.ArgumentParser()
for name in ('alnd', 'model', 'structure', 'work'):
    p.add_argument(name)
p.add_argument('--temperatures', default='300,900')
p.add_argument('--precisions', default='mixed,double')
p.add_argument('--long', type=float, default=50)
p.add_argument('--short', type=float, default=10)
p.add_argument('--blocks', type=int, default=10)
o = p.parse_args()
LIMIT = 1e-6  # eV/atom/ps at 1 fs
failed = False


def md(out, structure, ensemble, temperature, time, step=1.0, precision='mixed', stride=1000):
    out = os.path.join(o.work, out)
    subprocess.run([o.alnd, 'md', o.model, structure, '--ensemble', ensemble, '--temperature', f'{temperature} K', '--time',
                    f'{time} ps', '--timestep', f'{step} fs', '--stride', str(stride), '--precision', precision,
                    '--out', out], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out


def last_frame(out, name):
    lines = open(os.path.join(out, 'trajectory.extxyz')).read().splitlines()
    n = int(lines[0]) + 2
    path = os.path.join(o.work, name)
    with open(path, 'w') as f:
        f.write('\n'.join(lines[-n:]) + '\n')
    return path, n - 2


def fit(t, y):
    mt, my = sum(t) / len(t), sum(y) / len(y)
    slope = sum((a - mt) * (b - my) for a, b in zip(t, y)) / sum((a - mt) ** 2 for a in t)
    return slope, (sum((b - my - slope * (a - mt)) ** 2 for a, b in zip(t, y)) / len(y)) ** 0.5


def slope_of_blocks(t, y):
    """A line through block means: its error from their scatter, which a slow fluctuation makes larger than single steps say."""
    size = len(y) // o.blocks
    tb = [sum(t[k * size:(k + 1) * size]) / size for k in range(o.blocks)]
    yb = [sum(y[k * size:(k + 1) * size]) / size for k in range(o.blocks)]
    mean, rms = sum(tb) / o.blocks, fit(tb, yb)[1]
    return rms * (o.blocks / (o.blocks - 2)) ** 0.5 / sum((a - mean) ** 2 for a in tb) ** 0.5


os.makedirs(o.work, exist_ok=True)
print('| T, K | precision | step, fs | length, ps | mean T, K | drift, eV/atom/ps | rms, eV/atom | rms over that of 1 fs |')
print('|---|---|---|---|---|---|---|---|')
for temperature in o.temperatures.split(','):
    warm = md(f'warm-{temperature}', o.structure, 'nvt', temperature, 5)
    start, natoms = last_frame(warm, f'start-{temperature}.extxyz')
    for precision in o.precisions.split(','):
        base = None
        for step in (1.0, 0.5, 2.0):
            length = o.long if step == 1.0 else o.short
            # 7 steps, so that no vibration is met at the same phase each time
            out = md(f'nve-{temperature}-{precision}-{step}', start, 'nve', temperature, length, step, precision, stride=7)
            rows = [[float(v) for v in line.split(',')] for line in open(os.path.join(out, 'thermo.csv')).read().splitlines()[1:]]
            t, e = [r[1] / 1000 for r in rows], [r[5] / natoms for r in rows]
            slope, rms = fit(t, e)
            base = base or rms
            failed |= step == 1.0 and abs(slope) > LIMIT
            print(f'| {temperature} | {precision} | {step:g} | {t[-1]:.1f} | {sum(r[2] for r in rows) / len(rows):.0f} | '
                  f'{slope:.1e} +- {slope_of_blocks(t, e):.0e} | {rms:.2e} | {rms / base:.2f} |', flush=True)
print(f'limit of the drift at 1 fs: {LIMIT} eV/atom/ps: {"missed" if failed else "met"}')
sys.exit(failed)
