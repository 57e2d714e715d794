#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Stands in for pw.x where there is none: reads pw.in, prints what pw.x would print, for a pair potential with repulsion.

FAKE (set by the launcher words env FAKE=..) says what goes wrong: unconverged, unconverged-once, cut, order, place, cell, nostress,
electrons, exit, error, diag-once, killed, hang, nan, nothing."""
import math
import os
import re
import signal
import sys
import time

BOHR, RY = 0.529177210903, 13.605693122994
MODE = os.environ.get("FAKE", "")


def block(text, head, n):
    lines = text.split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(head))
    return [line.split() for line in lines[at + 1:at + 1 + n]]


def model(cell, symbols, pos):
    """Sum over pairs and images of exp(-r^2 / 2) q q (Ry, bohr / 3); energy, forces, stress dE/dstrain."""
    weight = {"Li": 1.0, "P": 1.5, "S": 2.0}
    n, energy = len(pos), -10.0 * len(pos)
    force, strain = [[0.0] * 3 for _ in pos], [[0.0] * 3 for _ in range(3)]
    shifts = [[sum(k[d] * cell[d][x] for d in range(3)) for x in range(3)]
              for k in [(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]]
    for i in range(n):
        for j in range(n):
            for s in shifts:
                d = [(pos[j][x] + s[x] - pos[i][x]) / 3 for x in range(3)]
                r2 = sum(v * v for v in d)
                if r2 < 1e-12 or r2 > 60:
                    continue
                e = 0.5 * weight[symbols[i]] * weight[symbols[j]] * math.exp(-r2 / 2)
                energy += e
                for x in range(3):
                    force[i][x] -= 2 * e * d[x] / 3
                    for y in range(3):
                        strain[x][y] -= e * d[x] * d[y]
    return energy, force, strain


def main():
    if "-in" not in sys.argv:
        print("     Program PWSCF v.0.0fake starts\n")
        return 1
    text = open(sys.argv[sys.argv.index("-in") + 1]).read()
    print("\n     Program PWSCF v.0.0fake starts on  today\n")
    again = "mixing_beta = 0.3" in text or "mixing_beta = 0.2" in text
    if MODE == "nothing":
        return 0
    if MODE == "error" or (MODE == "diag-once" and "'cg'" not in text):
        what = "cdiaghg (1):\n      problems computing cholesky" if MODE != "error" else "read_namelists (1):\n      bad line in namelist &system"
        print(" " + "%" * 78 + "\n     Error in routine  " + what + "\n " + "%" * 78)
        return 1
    if MODE == "hang":
        sys.stdout.flush()
        time.sleep(300)
    nat = int(re.search(r"nat = (\d+)", text).group(1))
    cell = [[float(x) for x in row] for row in block(text, "CELL_PARAMETERS bohr", 3)]
    rows = block(text, "ATOMIC_POSITIONS bohr", nat)
    symbols, pos = [r[0] for r in rows], [[float(x) for x in r[1:4]] for r in rows]
    valence = {"Li": 3, "P": 5, "S": 6}
    electrons = sum(valence[s] for s in symbols) + (1 if MODE == "electrons" else 0)
    energy, force, strain = model(cell, symbols, pos)
    order = list(range(nat))
    if MODE == "order":
        k = next(i for i in range(nat) if symbols[i] != symbols[0])
        order[0], order[k] = k, 0
    if MODE == "place":  # two atoms of one element
        k = next(i for i in range(1, nat) if symbols[i] == symbols[0])
        order[0], order[k] = k, 0
    if MODE == "cell":
        cell[1][1] *= 1.01
    alat = math.sqrt(sum(x * x for x in cell[0]))
    print(f"     lattice parameter (alat)  = {alat:12.4f}  a.u.\n     number of atoms/cell      = {nat:12d}")
    print(f"     number of electrons       = {electrons:12.2f}\n")
    print(f"     celldm(1)= {alat:10.6f}  celldm(2)=   0.000000  celldm(3)=   0.000000\n")
    print("     crystal axes: (cart. coord. in units of alat)")
    for i in range(3):
        print(f"               a({i + 1}) = (" + "".join(f" {x / alat:10.6f}" for x in cell[i]) + " )  ")
    print("\n   Cartesian axes\n\n     site n.     atom                  positions (alat units)")
    for i, k in enumerate(order):
        print(f"     {i + 1:5d}           {symbols[k]:2s}  tau({i + 1:4d}) = (" + "".join(f" {x / alat:11.7f}" for x in pos[k]) + "  )")
    print("\n     number of k points=     1\n\n     Self-consistent Calculation\n")
    if MODE == "killed":
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    print("     End of self-consistent calculation\n")
    print(f"!    total energy              = {energy:17.8f} Ry\n")
    if MODE == "unconverged" or (MODE == "unconverged-once" and not again):
        print("     convergence NOT achieved after  80 iterations: stopping\n\n     JOB DONE.")
        return 0
    print("     convergence has been achieved in   7 iterations\n\n     Forces acting on atoms (cartesian axes, Ry/au):\n")
    for i, k in enumerate(order):
        f = [f"{x:14.8f}" for x in force[k]]
        if MODE == "nan" and i == 0:
            f[0] = "           NaN"
        print(f"     atom {i + 1:4d} type  1   force = " + "".join(f))
        if MODE == "cut" and i == nat // 2:
            return 0
    print("\n     Total force =     0.1     Total SCF correction =     0.000001\n\n")
    if MODE != "nostress":
        # pw.x: positive under compression
        volume = abs(sum(cell[0][i] * (cell[1][(i + 1) % 3] * cell[2][(i + 2) % 3] - cell[1][(i + 2) % 3] * cell[2][(i + 1) % 3])
                         for i in range(3)))
        print("          total   stress  (Ry/bohr**3)                   (kbar)     P=        0.00")
        for x in range(3):
            print("".join(f" {-strain[x][y] / volume:12.8f}" for y in range(3)) + "         0.00        0.00        0.00")
    print("\n\n   JOB DONE.")
    return 2 if MODE == "exit" else 0


sys.exit(main())
