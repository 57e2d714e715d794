# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""What the programs that stand in for first-principles codes compute: pairs of atoms that repel each other, with exact derivatives."""
import itertools
import math

BOHR, RY = 0.529177210903, 13.605693122994
WEIGHT = {'Li': 1.0, 'P': 1.5, 'S': 2.0}


def pairs(cell, strength, pos, length, images):
    """Sum over pairs and images of exp(-r^2 / (2 length^2)) s s: energy, forces, dE/dstrain (the derivative with respect to strain, not over volume)."""
    n, energy = len(pos), 0.0
    force, strain = [[0.0] * 3 for _ in pos], [[0.0] * 3 for _ in range(3)]
    shifts = [[sum(k[d] * cell[d][x] for d in range(3)) for x in range(3)] for k in itertools.product(range(-images, images + 1), repeat=3)]
    for i in range(n):
        for j in range(n):
            for s in shifts:
                d = [(pos[j][x] + s[x] - pos[i][x]) / length for x in range(3)]
                r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
                if r2 < 1e-12 or r2 > 60:
                    continue
                e = 0.5 * strength[i] * strength[j] * math.exp(-r2 / 2)
                energy += e
                for x in range(3):
                    force[i][x] -= 2 * e * d[x] / length
                    for y in range(3):
                        strain[x][y] -= e * d[x] * d[y]
    return energy, force, strain


def model(cell, symbols, pos):
    """bohr in, Ry out."""
    energy, force, strain = pairs(cell, [WEIGHT[s] for s in symbols], pos, 3, 1)
    return energy - 10.0 * len(pos), force, strain


def volume(c):
    return abs(sum(c[0][i] * (c[1][(i + 1) % 3] * c[2][(i + 2) % 3] - c[1][(i + 2) % 3] * c[2][(i + 1) % 3]) for i in range(3)))


def turned(mode, symbols):
    """The order in which a program gives its atoms back: its own, but for the modes "order" (two elements change places) and "place" (two atoms of one)."""
    order = list(range(len(symbols)))
    if mode in ('order', 'place'):
        k = next(i for i in range(1, len(symbols)) if (symbols[i] == symbols[0]) == (mode == 'place'))
        order[0], order[k] = k, 0
    return order
