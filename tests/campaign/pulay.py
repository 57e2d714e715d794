#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Labels made before `label.pulay` existed: adds to their virials what the plane waves' fixed number took away. Energy over ln(cut-off) belongs to
the atoms near their nuclei, so that pulay * volume hardly depends on anything but the composition: its mean over labelled frames that have the key
`pulay` (MEASURED, same cut-off) is added to the diagonal of the virial of each frame of IN that lacks it.

    pulay.py MEASURED.extxyz IN.extxyz OUT.extxyz"""
import collections
import math
import re
import sys

from extxyz import frames, key

GPA = 160.2176634  # of 1 eV/Ang^3


def composition(atoms):
    return tuple(sorted(collections.Counter(a.split()[0] for a in atoms).items()))


def volume(head):
    c = [float(x) for x in key(head, 'Lattice').split()]
    return abs(c[0] * (c[4] * c[8] - c[5] * c[7]) - c[1] * (c[3] * c[8] - c[5] * c[6]) + c[2] * (c[3] * c[7] - c[4] * c[6]))


def measured(path):
    found = collections.defaultdict(list)
    for head, atoms in frames(path):
        pulay = key(head, 'pulay')
        if pulay:
            found[composition(atoms)].append(float(pulay) * volume(head) / GPA)
    for k, v in found.items():
        mean = sum(v) / len(v)
        print(f'{" ".join(s + str(n) for s, n in k)}: {mean:.4f} eV, scatter {math.sqrt(sum((x - mean) ** 2 for x in v) / len(v)):.4f}, {len(v)} frames', file=sys.stderr)
    return {k: sum(v) / len(v) for k, v in found.items()}


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    more = measured(sys.argv[1])
    changed = 0
    with open(sys.argv[3], 'w') as out:
        for head, atoms in frames(sys.argv[2]):
            if not key(head, 'pulay'):
                virial = key(head, 'virial')
                if not virial or composition(atoms) not in more:
                    sys.exit(f'{sys.argv[2]}: a frame without virial, or of a composition that {sys.argv[1]} lacks')
                w = more[composition(atoms)]
                v = [float(x) + (w if i % 4 == 0 else 0) for i, x in enumerate(virial.split())]
                for name, values in (('virial', v), ('stress', [-x / volume(head) for x in v])):
                    head = re.sub(f' {name}="[^"]*"', f' {name}="' + ' '.join(f'{x:.16g}' for x in values) + '"', head)
                head += f' pulay={w / volume(head) * GPA:.4f}'
                changed += 1
            out.write(f'{len(atoms)}\n{head}\n' + '\n'.join(atoms) + '\n')
    print(f'{sys.argv[3]}: {changed} frames changed', file=sys.stderr)


main()
