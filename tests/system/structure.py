#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""`alnd diffusion` beyond D, on two replicas of a made-up Li3PS4-like crystal whose Li hop: numbers in diffusion.yaml, files in
structure-LABEL/. In the second replica a P-S bond breaks.   structure.py BIN_DIR"""
import math
import os
import random
import re
import subprocess
import sys
import tempfile

ALND = os.path.join(os.path.abspath(sys.argv[1]), 'alnd')
CELL = (12.0, 8.0, 12.0)
SITES = [((i + .2) / 4, (j + .1) / 2, (k + .2) / 3) for i in range(4) for j in range(2) for k in range(3)]
TET = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
FRAMES, HOP, NLI = 1500, 0.02, 12


def check(ok, text):
    if not ok:
        print('FAILED:', text)
        sys.exit(1)


def write(path, seed, break_at):
    r = random.Random(seed)
    occupied = r.sample(range(24), NLI)
    image = [[0, 0, 0] for _ in range(NLI)]
    hops = 0
    with open(path, 'w') as f:
        for t in range(FRAMES):
            for i in range(NLI):
                if r.random() > HOP:
                    continue
                at = [occupied[i] // 6, occupied[i] // 3 % 2, occupied[i] % 3]
                axis, way = r.choice((0, 2)), r.choice((-1, 1))
                n = (4, 2, 3)[axis]
                at[axis] += way
                turn = at[axis] // n
                at[axis] %= n
                site = at[0] * 6 + at[1] * 3 + at[2]
                if site in occupied:
                    continue
                occupied[i] = site
                image[i][axis] += turn
                hops += t > 0
            rows = [('Li', [(SITES[occupied[i]][q] + image[i][q]) * CELL[q] + r.gauss(0, .3) for q in range(3)]) for i in range(NLI)]
            for unit in range(4):
                at = [(.25 + unit % 2 / 2) * CELL[0] + r.gauss(0, .1), .5 * CELL[1] + r.gauss(0, .1), (.3 + unit // 2 / 2) * CELL[2] + r.gauss(0, .1)]
                rows.append(('P', at))
                for b, d in enumerate(TET):
                    far = 1.8 if unit == 0 and b == 0 and t >= break_at else 1.0
                    rows.append(('S', [at[q] + d[q] * far * 2.05 / math.sqrt(3) + r.gauss(0, .04) for q in range(3)]))
            f.write(f'{len(rows)}\nLattice="{CELL[0]} 0 0 0 {CELL[1]} 0 0 0 {CELL[2]}" Properties=species:S:1:pos:R:3 pbc="T T T" '
                    f'time={100.0 * t} temperature=800\n')
            for e, x in rows:
                f.write(f'{e} ' + ' '.join(f'{x[q] % CELL[q]:.5f}' for q in range(3)) + '\n')
    return hops


def number(text, key):
    m = re.search(rf'^ *{key}: (\S+)$', text, re.M)
    check(m, f'no {key} in diffusion.yaml')
    return float(m.group(1))


with tempfile.TemporaryDirectory(prefix='alnd-structure-') as d:
    hops = write(f'{d}/a.extxyz', 1, FRAMES) + write(f'{d}/b.extxyz', 2, 1000)
    run = subprocess.run([ALND, 'diffusion', f'{d}/a.extxyz', f'{d}/b.extxyz', '--out', f'{d}/out'], capture_output=True, text=True)
    check(run.returncode == 0, run.stdout + run.stderr)
    print(run.stdout)
    text = open(f'{d}/out/diffusion.yaml').read()
    have = set(os.listdir(f'{d}/out/structure-800K'))
    want = {'framework.csv', 'framework.svg', 'collective.csv', 'collective.svg', 'rdf.csv', 'rdf.svg', 'vanhove.csv', 'alpha2.csv',
            'vanhove-self.svg', 'vanhove-distinct.svg', 'alpha2.svg', 'density.csv', 'density.cube', 'density.svg', 'sites.csv', 'jumps.csv',
            'jump-distances.csv', 'jumps.svg', 'rotation.csv', 'rotation.svg'}
    check(have == want, f'files: {sorted(have ^ want)}')
    check('not_determined' not in text, 'a part is missing:\n' + text)
    # The framework, run by run.
    each = re.search(r'each_run:\n *- "([^"]*)"\n *- "([^"]*)"', text)
    check(each and each.group(1).startswith('whole: all 16 bonds of 4 P lasted; solid'), 'first run: ' + text)
    check(each.group(2).startswith('not whole: of 16 bonds of 4 P up to 1 broken and 0 formed, at the end 1 and 0; solid'), 'second run')
    check(number(text, 'first_broken_fs') == 100000.0, 'when the bond broke')
    check('P12-S13 in trajectory 1' in text, 'which bond broke')
    # Sites and jumps: what was done is known.
    check(number(text, 'sites') == 24, 'sites')
    check(abs(number(text, 'jumps') - hops) < 0.03 * hops, f'jumps: {number(text, "jumps")} of {hops}')
    check(abs(number(text[text.index(' density:'):], 'ions') - NLI) < 1e-9, 'sum of the density')
    check('rotation_seen: no' in text, 'rotation')
    # Ions that only keep out of each other's way: the Haven ratio is near 1, and its interval must not be nonsense.
    low, high = number(text, 'haven_ratio_low95'), number(text, 'haven_ratio_high95')
    check(0.3 < low < 1.5 and 0.7 < high < 4 and low < number(text, 'haven_ratio') < high, 'Haven ratio')
    cube = open(f'{d}/out/structure-800K/density.cube').read().split('\n')
    check(int(cube[2].split()[0]) == 20, 'atoms of the cube file')
    # --no-structure leaves all that out.
    run = subprocess.run([ALND, 'diffusion', f'{d}/a.extxyz', '--out', f'{d}/bare', '--no-structure'], capture_output=True, text=True)
    check(run.returncode == 0 and not os.path.exists(f'{d}/bare/structure-800K'), run.stderr)
    check('structure:' not in open(f'{d}/bare/diffusion.yaml').read(), '--no-structure')
