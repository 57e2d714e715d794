#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The tables of docs/campaign.md from a run directory, as Markdown: held-out errors by system up to a temperature, by iteration; labels and their
cost; transport of each system and temperature, activation energies, comparisons. Standard library only; reads files, changes nothing.

    tables.py RUN [--up-to 900]"""
import argparse
import csv
import glob
import math
import os
import re
import sqlite3


def rows(path):
    with open(path) as f:
        return list(csv.DictReader(line for line in f if not line.startswith('#')))


def rms(x):
    return math.sqrt(sum(v * v for v in x) / len(x)) if x else float('nan')


def held_out(run, evaluate, limit):
    """{system: [energy errors, force errors, frames]} of the test frames up to a temperature, meV/atom and eV/Ang."""
    found, hot = {}, set()
    for r in rows(os.path.join(evaluate, 'parity-energies.csv')):
        if r['set'] != 'test':
            continue
        if float(r['temperature_K']) > limit:
            hot.add(r['frame_id'])
            continue
        for k in (r['system'], 'all'):
            e = found.setdefault(k, [[], [], 0])
            e[0].append(1000 * (float(r['model_eV_per_atom']) - float(r['label_eV_per_atom'])))
            e[2] += 1
    for r in rows(os.path.join(evaluate, 'parity-forces.csv')):
        if r['set'] != 'test' or r['frame_id'] in hot:
            continue
        d = [float(r['model_' + a]) - float(r['label_' + a]) for a in ('x_eV_per_Ang', 'y', 'z')]
        for k in (r['system'], 'all'):
            found[k][1].extend(d)
    return found


def errors(run, limit):
    print(f'Held-out errors up to {limit:g} K (energies, meV/atom; forces, eV/Ang rms of components):\n')
    systems = None
    for evaluate in sorted(glob.glob(os.path.join(run, 'iterations/*/evaluate'))):
        if not os.path.exists(os.path.join(evaluate, 'result.yaml')):
            continue
        e = held_out(run, evaluate, limit)
        if systems is None:
            systems = ['all'] + sorted(k for k in e if k != 'all')
            print('| iteration | ' + ' | '.join(f'{s}: frames | energy | force' for s in systems) + ' |')
            print('|---' * (1 + 3 * len(systems)) + '|')
        cells = [f'{e[s][2]} | {rms(e[s][0]):.2f} | {rms(e[s][1]):.4f}' if s in e else '0 | |' for s in systems]
        print(f'| {int(os.path.basename(os.path.dirname(evaluate)))} | ' + ' | '.join(cells) + ' |')
    print()


def cost(run):
    db = sqlite3.connect(f'file:{os.path.join(run, "alnd.db")}?mode=ro', uri=True)
    print('| verb | tasks done |\n|---|---|')
    for verb, n in db.execute("select verb, count(*) from task where state = 'DONE' group by verb order by min(rowid)"):
        print(f'| {verb} | {n} |')
    print()


def scalar(text, key):
    m = re.search(rf'^ {{2,4}}{key}: (.*)$', text, re.M) or re.search(rf'^\s*(?:- )?{key}: (.*)$', text, re.M)  # not that of a single run
    return m[1].strip('"') if m else ''


def number(text, key, form='%.3g'):
    v = scalar(text, key)
    try:
        return form % float(v)
    except ValueError:
        return ''


def transport(run):
    files = sorted(glob.glob(os.path.join(run, 'transport/*.yaml')))
    if not files:
        return
    print('| system | T / K | D / cm2/s | 95 % | runs | drift / eV/atom/ps | deviation / eV/Ang | framework |\n' + '|---' * 8 + '|')
    for path in files:
        text = open(path).read()
        head, *points = re.split(r'^  - nominal_temperature_k:', text.split('\narrhenius')[0], flags=re.M)
        for p in points:
            seen = scalar(p, 'diffusive') == 'true'
            d = number(p, 'd_cm2_per_s', '%.2e') if seen else '< ' + number(p, 'd_below_cm2_per_s', '%.1e')
            span = f'{number(p, "d_low95_cm2_per_s", "%.2e")} to {number(p, "d_high95_cm2_per_s", "%.2e")}' if seen else ''
            drift = re.search(r'^    energy_drift_ev_per_atom_ps: (\S+)', p, re.M)
            print(f'| {os.path.basename(path)[:-5]} | {number(p, "temperature_k", "%.0f")} | {d} | {span} | {scalar(p, "runs")} | '
                  f'{"%.1e" % float(drift[1]) if drift else ""} | {number(p, "force_deviation_mean_ev_per_ang")} | {", ".join(x.split(":")[0].strip() for x in scalar(p, "        verdict").strip().split(";")[:2])} |')
    print('\n| system | E_a / eV | 95 % | D(300 K) / cm2/s | conductivity(300 K) / S/cm | 95 % | temperatures |\n' + '|---' * 7 + '|')
    for path in files:
        a = open(path).read().split('\narrhenius')[1]
        print(f'| {os.path.basename(path)[:-5]} | {number(a, "activation_energy_ev")} | {number(a, "activation_energy_low95_ev")} to '
              f'{number(a, "activation_energy_high95_ev")} | {number(a, "d_300k_cm2_per_s", "%.1e")} | {number(a, "conductivity_300k_s_per_cm", "%.1e")} | '
              f'{number(a, "conductivity_300k_low95", "%.1e")} to {number(a, "conductivity_300k_high95", "%.1e")} | {scalar(a, "points")} |')
    print()
    path = os.path.join(run, 'comparison.yaml')
    for text in re.findall(r'statement: "([^"]*)"', open(path).read()) if os.path.exists(path) else []:
        print('- ' + text)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('run')
    p.add_argument('--up-to', type=float, default=900)
    a = p.parse_args()
    errors(a.run, a.up_to)
    cost(a.run)
    transport(a.run)


main()
