#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""squeeze.py IN.extxyz OUT.extxyz [DISTANCE ..] [--at P] [--pair S] [--reach 2.6]: two atoms of one element (--pair) that are bound to the same atom (--at, nearer than
--reach Ang) pushed together on their spheres around it, to each DISTANCE (Ang; 1.75 2.0 2.25 2.6), in one frame of each system (600 or 900 K) and distance, where it leaves them
most room. MD hardly ever comes there, so no label would; in 200 ps of 256 atoms it did, and a potential without labels there has a hole in it
(docs/campaign.md). `alnd label` labels them."""
import argparse
import math
import sys

from extxyz import frames, key


def sub(a, b):
    return [x - y for x, y in zip(a, b)]


def norm(a):
    return math.sqrt(sum(x * x for x in a))


def nearest(lattice, d):
    """d with the lattice vectors (right-angled cells) that make it shortest"""
    return [x - round(x / lattice[k][k]) * lattice[k][k] for k, x in enumerate(d)]


def squeeze(lattice, atoms, p, a, b, want):
    """Atoms a and b turned by the same angle in their plane with p, until they are `want` apart."""
    atoms = list(atoms)
    u, v = (nearest(lattice, sub(atoms[i][1], atoms[p][1])) for i in (a, b))
    ru, rv = norm(u), norm(v)
    now = math.acos(sum(x * y for x, y in zip(u, v)) / (ru * rv))
    turn = (now - math.acos((ru * ru + rv * rv - want * want) / (2 * ru * rv))) / 2
    for i, x, y in ((a, u, v), (b, v, u)):
        e = [k / norm(x) for k in x]
        side = sub(y, [k * sum(m * n for m, n in zip(y, e)) for k in e])
        f = [k / norm(side) for k in side]
        new = [norm(x) * (math.cos(turn) * c + math.sin(turn) * s) for c, s in zip(e, f)]
        atoms[i] = (atoms[i][0], [c + d for c, d in zip(atoms[p][1], new)])
    return atoms


def clearance(lattice, atoms, p, a, b):
    """Of a and b to all atoms but each other and their P"""
    return min(norm(nearest(lattice, sub(atoms[i][1], x[1]))) for i in (a, b) for k, x in enumerate(atoms) if k not in (p, a, b))


def candidates(lattice, atoms, at, pair, reach, want):
    for p in (i for i, x in enumerate(atoms) if x[0] == at):
        bound = [i for i, x in enumerate(atoms) if x[0] == pair and norm(nearest(lattice, sub(x[1], atoms[p][1]))) < reach]
        for a in bound:
            for b in (i for i in bound if i > a):
                moved = squeeze(lattice, atoms, p, a, b, want)
                yield clearance(lattice, moved, p, a, b), moved


def main():
    o = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    o.add_argument('source')
    o.add_argument('out')
    o.add_argument('distances', nargs='*', type=float, default=[1.75, 2.0, 2.25, 2.6])
    o.add_argument('--at', default='P')
    o.add_argument('--pair', default='S')
    o.add_argument('--reach', type=float, default=2.6)
    o = o.parse_args()
    distances = o.distances
    pool = {}
    for header, lines in frames(o.source):
        if key(header, 'temperature') in ('600', '900'):
            atoms = [(r[0], [float(x) for x in r[1:4]]) for r in (line.split() for line in lines)]
            pool.setdefault(key(header, 'system'), []).append((header, atoms))
    with open(o.out, 'w', encoding='utf-8') as f:
        for system, known in sorted(pool.items()):
            for k, d in enumerate(distances):
                best = None
                for header, atoms in known[k::len(distances)]:
                    cell = [float(x) for x in key(header, 'Lattice').split()]
                    lattice = [cell[0:3], cell[3:6], cell[6:9]]
                    if any(abs(lattice[i][j]) > 1e-9 for i in range(3) for j in range(3) if i != j):
                        sys.exit('squeeze.py: right-angled cells only')
                    for free, moved in candidates(lattice, atoms, o.at, o.pair, o.reach, d):
                        if not best or free > best[0]:
                            best = (free, cell, moved)
                if not best:
                    continue  # nothing of this system has such a pair
                _, cell, atoms = best
                f.write(f'{len(atoms)}\nLattice="{" ".join(repr(x) for x in cell)}" Properties=species:S:1:pos:R:3 pbc="T T T" system={system} '
                        f'frame_id={system}-squeezed-{o.at}-{o.pair}-{d:g} origin=squeezed\n')
                f.writelines(f'{z} {x[0]!r} {x[1]!r} {x[2]!r}\n' for z, x in atoms)


if __name__ == '__main__':
    main()
