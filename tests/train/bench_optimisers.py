#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Processor time to force errors on shared/data/lps, by optimiser and schedule; run by hand:

  quiet tests/train/bench_optimisers.py build/release/tests/train/bench_train ../shared/data/lps [--quick] [--svg FILE] [--markdown FILE]

Every row is a training of its own from random start (a schedule ends where its learning rate ends, so the times of one long
run say nothing about shorter ones), network and data of shared/bench/deepmd_train.json, mixed precision, one core. Errors are
over all frames of lps/valid. Time is processor time (user and system) of the training without set-up."""
import argparse
import os
import re
import subprocess
import sys

# deepmd-kit 3.2.0 with its own recipe (TensorFlow, one core, the same data and network), as measured for issue 7: steps,
# seconds, beta, gamma
DEEPMD = [(4000, 302, 0.26, 0.23), (20000, 1511, 0.18, 0.16)]

# name, optimiser, schedule, first learning rate, numbers of steps
SETS = [
    ('Adam, exponential (the recipe)', 'adam', 'exponential', 1e-3, [4000]),
    ('Adam, cosine, lr 1e-3', 'adam', 'cosine', 1e-3, [1000]),
    ('Adam, cosine, lr 1e-2', 'adam', 'cosine', 1e-2, [3000, 10000]),
    ('Adam, cosine, lr 2e-2', 'adam', 'cosine', 2e-2, [1000, 3000]),
    ('SOAP, cosine, lr 2.5e-2', 'soap', 'cosine', 2.5e-2, [400, 1000, 3000]),
    ('SOAP, cosine, lr 1.2e-2', 'soap', 'cosine', 1.2e-2, [5000]),
]


def train(bench, lps, optimiser, schedule, lr, steps, seed=1):
    env = dict(os.environ, OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
    cmd = [bench, f'{lps}/train', f'{lps}/valid', 'full', 'mixed', str(steps), '3600', str(lr), '1e-6', str(seed),
           f'optimiser={optimiser}', f'schedule={schedule}']
    out = subprocess.run(cmd, env=env, capture_output=True, text=True, check=True).stdout
    cpu = float(re.search(r'([0-9.]+) s of processor time', out).group(1)) * steps
    force = {m[0]: float(m[1]) for m in re.findall(r'^(\S+) +energy .*?force ([0-9.]+)', out, re.M)}
    return cpu, force['beta-Li3PS4'], force['gamma-Li3PS4']


ROW = '%-32s %6d steps %7.1f s  beta %.4f  gamma %.4f eV/Ang'


def read_rows(path):
    rows = []
    with open(path) as f:
        for m in re.finditer(r'^(.+?) +(\d+) steps +([0-9.]+) s  beta ([0-9.]+)  gamma ([0-9.]+) eV/Ang$', f.read(), re.M):
            rows.append((m[1], int(m[2]), float(m[3]), float(m[4]), float(m[5])))
    return rows


def markdown(rows):
    lines = ['| optimiser and schedule | steps | s | ms a step | beta, eV/Ang | gamma, eV/Ang |', '|---|---|---|---|---|---|']
    for name, steps, cpu, beta, gamma in rows:
        lines.append(f'| {name} | {steps} | {cpu:.1f} | {1e3 * cpu / steps:.1f} | {beta:.3f} | {gamma:.3f} |')
    return '\n'.join(lines) + '\n'


def svg(rows):
    """Force error (mean of beta and gamma) over seconds, both logarithmic."""
    from math import log10
    width, height, left, top = 560, 340, 56, 14
    x0, x1, y0, y1 = 1.0, 2000.0, 0.08, 0.4

    def at(t, f):
        return (left + (width - left - 10) * log10(t / x0) / log10(x1 / x0),
                top + (height - top - 40) * log10(y1 / f) / log10(y1 / y0))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for t in (1, 10, 100, 1000):
        x, y = at(t, y0)
        out.append(f'<path d="M{x:.1f} {top}V{y:.1f}" stroke="#ddd"/><text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle">{t}</text>')
    for f in (0.08, 0.1, 0.15, 0.2, 0.3, 0.4):
        x, y = at(x0, f)
        out.append(f'<path d="M{x:.1f} {y:.1f}H{width - 10}" stroke="#ddd"/><text x="{x - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{f}</text>')
    out.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">processor time, s (one core)</text>')
    out.append(f'<text transform="translate(12 {height / 2}) rotate(-90)" text-anchor="middle">force RMSE, eV/Ang (valid)</text>')
    colours = ['#888', '#4a90d9', '#1f5fa8', '#c0392b', '#e67e22', '#27ae60']
    names = list(dict.fromkeys(r[0] for r in rows))
    curves = [(n, [(r[2], 0.5 * (r[3] + r[4])) for r in rows if r[0] == n]) for n in names]
    curves.append(('deepmd-kit 3.2.0, its recipe', [(d[1], 0.5 * (d[2] + d[3])) for d in DEEPMD]))
    for k, (name, points) in enumerate(curves):
        colour = colours[k] if k < len(curves) - 1 else 'black'
        xy = [at(*p) for p in points]
        out.append(f'<polyline fill="none" stroke="{colour}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in xy)}"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in xy]
        out.append(f'<text x="{left + 250}" y="{top + 14 + 14 * k}" fill="{colour}">{name}</text>')
    return '\n'.join(out + ['</svg>']) + '\n'


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('bench')
    a.add_argument('lps')
    a.add_argument('--quick', action='store_true', help='without the longest of each set')
    a.add_argument('--rows', help='draw and tabulate what an earlier run printed into this file')
    a.add_argument('--svg')
    a.add_argument('--markdown')
    o = a.parse_args()
    rows = read_rows(o.rows) if o.rows else []
    for name, optimiser, schedule, lr, lengths in [] if o.rows else SETS:
        for steps in lengths[:-1] if o.quick and len(lengths) > 1 else lengths:
            rows.append((name, steps, *train(o.bench, o.lps, optimiser, schedule, lr, steps)))
            print(ROW % rows[-1], flush=True)
    for path, text in ((o.markdown, markdown), (o.svg, svg)):
        if path:
            with open(path, 'w') as f:
                f.write(text(rows))
    for steps, seconds, beta, gamma in DEEPMD:
        fits = [r for r in rows if r[3] <= beta and r[4] <= gamma]
        if not fits:
            print(f'none reaches {beta} and {gamma} eV/Ang')
            continue
        best = min(fits, key=lambda r: r[2])
        print(f'{beta} and {gamma} eV/Ang: deepmd-kit {seconds} s ({steps} steps), ours {best[2]:.1f} s ({best[0]}, {best[1]} '
              f'steps): {seconds / best[2]:.0f} times faster')
    return 0


if __name__ == '__main__':
    sys.exit(main())
