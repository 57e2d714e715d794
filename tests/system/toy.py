# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Labelled frames without first principles: clusters of eight atoms held by a Morse potential."""
import math
import random


def frame(rng, z, side=20.0, spread=0.12):
    """A cube of 8 atoms (neighbours 2.5 Ang) shaken, with Morse energy, forces and virial."""
    x = [[2.5 * (i >> a & 1) + rng.gauss(0, spread) + 5 for a in range(3)] for i in range(8)]
    e, f, v = 0.0, [[0.0] * 3 for _ in range(8)], [[0.0] * 3 for _ in range(3)]
    for i in range(8):
        for j in range(i):
            d = [x[j][a] - x[i][a] for a in range(3)]
            r = math.sqrt(sum(c * c for c in d))
            q = math.exp(-1.2 * (r - 2.5))
            e += 0.4 * (q * q - 2 * q)
            g = 0.4 * -1.2 * 2 * (q * q - q) / r  # dE/dr / r
            for a in range(3):
                f[i][a] += g * d[a]
                f[j][a] -= g * d[a]
                for b in range(3):
                    v[a][b] -= g * d[a] * d[b]
    return {'z': z, 'x': x, 'cell': side, 'e': e - 100 * len(z), 'f': f, 'v': v}


def frames(n, seed=1, z=('Li', 'S', 'S', 'Li', 'S', 'Li', 'Li', 'S'), spread=0.12):
    rng = random.Random(seed)
    return [frame(rng, z, spread=spread) for _ in range(n)]


def extxyz(fs, energy=True, forces=True, virial=True, more=lambda i: ''):
    text = ''
    for i, f in enumerate(fs):
        s = f['cell']
        text += f'8\nLattice="{s} 0 0 0 {s} 0 0 0 {s}" Properties=species:S:1:pos:R:3{":forces:R:3" if forces else ""} pbc="T T T"'
        if energy:
            text += f' energy={f["e"]!r}'
        if virial:
            text += ' stress="' + ' '.join(repr(-f['v'][a][b] / s ** 3) for a in range(3) for b in range(3)) + '"'
        text += more(i) + '\n'
        for k in range(8):
            text += f['z'][k] + ' ' + ' '.join(repr(c) for c in f['x'][k] + (f['f'][k] if forces else [])) + '\n'
    return text
