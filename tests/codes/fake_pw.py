#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Stands in for pw.x where there is none: reads pw.in, prints what pw.x would print, for the potential of toy_potential.py.

FAKE (set by the launcher words env FAKE=..) says what goes wrong: unconverged, unconverged-once, cut, order, place, cell, nostress,
electrons, exit, error, diag-once, killed, hang, nan, nothing."""
import math
import os
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import toy_potential as toy  # noqa: E402

MODE = os.environ.get("FAKE", "")


def block(text, head, n):
    lines = text.split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(head))
    return [line.split() for line in lines[at + 1:at + 1 + n]]


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
    energy, force, strain = toy.model(cell, symbols, pos)
    order = toy.turned(MODE, symbols)
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
        volume = toy.volume(cell)
        print("          total   stress  (Ry/bohr**3)                   (kbar)     P=        0.00")
        for x in range(3):
            print("".join(f" {-strain[x][y] / volume:12.8f}" for y in range(3)) + "         0.00        0.00        0.00")
    print("\n\n   JOB DONE.")
    return 2 if MODE == "exit" else 0


sys.exit(main())
