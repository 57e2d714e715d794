#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""label.engine: command for the tests: fake_label.py [MODE] frame.extxyz labelled.extxyz, with the model of toy_potential.py. Nothing but
Python's own library: a user would take ASE."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from toy_potential import BOHR, RY, model  # noqa: E402


def main():
    mode, source, target = ([""] + sys.argv[1:])[-3:]
    lines = open(source).read().split("\n")
    n = int(lines[0])
    cell = [float(x) / BOHR for x in re.search(r'Lattice="([^"]+)"', lines[1]).group(1).split()]
    cell = [cell[0:3], cell[3:6], cell[6:9]]
    rows = [line.split() for line in lines[2:2 + n]]
    symbols, pos = [r[0] for r in rows], [[float(x) / BOHR for x in r[1:4]] for r in rows]
    energy, force, strain = model(cell, symbols, pos)
    if mode == "fail":
        sys.exit("no licence for today")
    if mode == "order":
        symbols[0], symbols[-1] = symbols[-1], symbols[0]
    virial = "" if mode == "nostress" else ' virial="%s"' % " ".join("%.12f" % (-RY * strain[x][y]) for x in range(3) for y in range(3))
    converged = " converged=F" if mode == "unconverged" else ""
    with open(target, "w") as out:
        out.write(f'{n}\n{re.search("Lattice=[^P]+", lines[1]).group(0)} Properties=species:S:1:pos:R:3:forces:R:3 energy={energy * RY:.12f}{virial}'
                  f'{converged} pbc="T T T"\n')
        for s, p, f in zip(symbols, rows, force):
            out.write(s + " " + " ".join(p[1:4]) + " " + " ".join("%.12f" % (x * RY / BOHR) for x in f) + "\n")


main()
