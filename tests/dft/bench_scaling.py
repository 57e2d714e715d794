#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""How alnd's DFT engine grows: the tables of docs/scaling.md.

    bench_scaling.py BENCH_LABEL size  [--atoms 16,32,64,128,256] [--ranks 1,2] [--ecut 10]
    bench_scaling.py BENCH_LABEL bytes [--ranks 1,2,3,4,6,8,12,16] [--atoms 16] [--ecut 10] [--project 1000]
    bench_scaling.py BENCH_LABEL eigen [--nmax 2000]

Supercells of gamma-Li3PS4 (../shared/data/structures), atoms moved off their sites, SPMS, Gamma. size: seconds of the
last SCF step and memory of the largest rank, exponents by least squares over the sizes. bytes: what rank 0 sent in the
last SCF step, counted in the communicator (comm_bytes), next to the formula; with --project the same for many ranks.
eigen: ScaLAPACK against LAPACK on 2 ranks (bench_heevd, beside BENCH_LABEL). Exit code 77: something is missing.
"""
import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "peer"))
import ours
from common import ENV, SHARED, Frame, Settings, launcher, run, skip, spms
from bench_qe import read_frames

SHAPE = {16: (1, 1, 1), 32: (1, 1, 2), 64: (1, 2, 2), 128: (2, 2, 2), 256: (2, 2, 4), 512: (2, 4, 4)}


def supercell(atoms):
    path = os.path.join(SHARED, "structures/gamma.extxyz")
    if not os.path.exists(path):
        skip("no " + path)
    f = next(read_frames(path))
    n, r = SHAPE[atoms], random.Random(1)
    symbols, positions = [], []
    for i in range(n[0]):
        for j in range(n[1]):
            for k in range(n[2]):
                for s, x in zip(f.symbols, f.positions):
                    at = [x[d] + i * f.cell[0][d] + j * f.cell[1][d] + k * f.cell[2][d] for d in range(3)]
                    symbols.append(s)
                    positions.append([v + r.uniform(-0.05, 0.05) for v in at])
    return Frame([[n[a] * v for v in f.cell[a]] for a in range(3)], symbols, positions)


def steps(a, atoms, ranks, work, more=()):
    """JSON of bench_label at a loose threshold: a few SCF steps, the last of which counts."""
    f = supercell(atoms)
    path = os.path.join(work, f"{atoms}.extxyz")
    f.write(path)
    s = Settings(ecut=a.ecut, pseudo=spms(*f.kinds()))
    cmd = launcher(ranks) + [os.path.abspath(a.bench)] + ours.arguments(f, s, path, 1e-6) + list(more)
    text, _, _ = run(cmd, work, "scaling.out", a.limit)
    return json.loads([x for x in text.split("\n") if x.startswith("{")][-1])


def exponent(x, y):
    """Slope of log y against log x."""
    u, v = [math.log(t) for t in x], [math.log(t) for t in y]
    mu, mv = sum(u) / len(u), sum(v) / len(v)
    return sum((p - mu) * (q - mv) for p, q in zip(u, v)) / sum((p - mu) ** 2 for p in u)


def size(a, work):
    print("| atoms | ranks | plane waves | bands | H psi in the last step | its seconds | its ms for each H psi | MiB a rank |\n|---|---|---|---|---|---|---|---|")
    for ranks in a.ranks or [1, 2]:
        rows = []
        for atoms in a.atoms:
            j = steps(a, atoms, ranks, work)
            per = j["step_seconds"] / j["step_applies"]  # the number of products differs from step to step
            rows.append((atoms, per * atoms, j["mib"]))
            print(f"| {atoms} | {ranks} | {j['npw']} | {j['bands']} | {j['step_applies']:g} | {j['step_seconds']:.3f} | "
                  f"{1e3 * per:.2f} | {j['mib']} |", flush=True)
        if len(rows) > 1:
            at, t, m = zip(*rows)
            last = rows[-2:]
            print(f"\non {ranks}: time of a step with as many products for each band ~ atoms^{exponent(at, t):.2f}, memory ~ atoms^{exponent(at, m):.2f}; last two sizes: "
                  f"{exponent([r[0] for r in last], [r[1] for r in last]):.2f} and "
                  f"{exponent([r[0] for r in last], [r[2] for r in last]):.2f}\n")


def formula(p, npw, nb, nproj, nr, applies, dense, short):
    """Bytes that one of p ranks sends in an SCF step, real orbitals at Gamma (npw: half sphere).

    H|psi>: bands there and back (two exchanges of 16 npw / p bytes a band); projections <B|psi>, 8 nproj a band, summed.
    Density: occupied bands there, the grid summed. xc of a GGA, rank 0's part: a pair of fields to the slabs (16 nr), one
    grid gathered (8 nr), a slab of a pair to rank 1 (16 nr / p), the divergence summed on half of the density's 16 npw plane
    waves (2 x 8 x 16 npw). Overlaps of new vectors with the subspace:
    `dense` times bands for each H|psi>. A sum of n doubles sends 16 n (p - 1)/p, a gather of n doubles 8 n (p - 1)/p; sums of
    at most 1024 doubles, `short` of them for each H|psi>, 8 n (p - 1).
    """
    share = (p - 1) / p
    return {"bands": share * (32 * npw / p * applies + 16 * npw / p * nb), "projections": share * 16 * nproj * applies,
            "grids": share * (16 * nr + 24 * nr + 256 * npw) + 16 * nr / p, "overlaps": share * 16 * dense * nb * applies,
            "short": 8 * (p - 1) * short * applies}


def fit(rows, nproj):
    """dense and short from the first and the last row; the rows between are the check."""
    a, b = [], []
    for p, j, nr in (rows[0], rows[-1]):
        f = formula(p, j["npw"], j["bands"], nproj, nr, j["step_applies"], 1, 1)
        a.append([f["overlaps"], f["short"]])
        b.append(j["step_bytes"] - f["bands"] - f["projections"] - f["grids"])
    det = a[0][0] * a[1][1] - a[0][1] * a[1][0]
    return (b[0] * a[1][1] - a[0][1] * b[1]) / det, (a[0][0] * b[1] - b[0] * a[1][0]) / det


def count_projectors(atoms):
    return sum({"Li": 8, "P": 18, "S": 18}[s] for s in supercell(atoms).symbols)


def bytes_table(a, work):
    atoms = a.atoms[0]
    nproj = count_projectors(atoms)
    rows = []
    for p in a.ranks or [2, 3, 4, 6, 8, 12, 16]:
        j = steps(a, atoms, p, work, ["scalapack"])  # the way of large matrices
        rows.append((p, j, math.prod(j["fft"])))
    if rows[0][0] == 1:
        print(f"1 rank: {rows.pop(0)[1]['step_bytes']:g} bytes")
    dense, short = fit(rows, nproj)
    print("| ranks | H psi in the step | counted, MB a rank | formula, MB | ratio |\n|---|---|---|---|---|")
    for p, j, nr in rows:
        f = sum(formula(p, j["npw"], j["bands"], nproj, nr, j["step_applies"], dense, short).values())
        print(f"| {p} | {j['step_applies']:g} | {j['step_bytes'] / 1e6:.3f} | {f / 1e6:.3f} | {j['step_bytes'] / f:.3f} |")
    print(f"\n{atoms} atoms: {j['npw']} plane waves (half), {j['bands']} bands, {nproj} projectors, grid {j['fft']}; for each H psi "
          f"overlaps of {dense:.2f} bands' worth of vectors and {short:.1f} doubles in short sums (from the first and the last row)\n")
    if a.project:
        project(a, j, (dense, short), nproj, atoms)


def project(a, j, fitted, nproj, atoms):
    parts = ("bands", "projections", "grids", "overlaps", "short")
    print("| atoms | ranks | " + ", MB a rank | ".join(parts) + " | sum |" + "\n|---|---|---|---|---|---|---|---|")
    for size in (256, 1024, 4096):
        x = size / atoms
        for p in (16, 128, a.project):
            f = formula(p, j["npw"] * x, j["bands"] * x, nproj * x, math.prod(j["fft"]) * x, j["step_applies"] * x, *fitted)
            print(f"| {size} | {p} | " + " | ".join(f"{f[k] / 1e6:.1f}" for k in parts) + f" | {sum(f.values()) / 1e6:.1f} |")


def eigen(a):
    program = os.path.join(os.path.dirname(os.path.abspath(a.bench)), "bench_heevd")
    if not os.path.exists(program):
        skip("no " + program)
    sys.exit(subprocess.run(launcher(2) + [program, str(a.nmax)], env=ENV).returncode)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bench")
    p.add_argument("what", choices=("size", "bytes", "eigen"))
    numbers = lambda t: [int(x) for x in t.split(",")]
    p.add_argument("--atoms", type=numbers)
    p.add_argument("--ranks", type=numbers)
    p.add_argument("--ecut", type=float, default=10)
    p.add_argument("--project", type=int)
    p.add_argument("--nmax", type=int, default=2000)
    p.add_argument("--limit", type=int, default=1800)
    a = p.parse_args()
    if a.what == "eigen":
        eigen(a)
    a.atoms = a.atoms or ([16, 32, 64, 128, 256] if a.what == "size" else [16])
    with tempfile.TemporaryDirectory() as work:
        (size if a.what == "size" else bytes_table)(a, work)


if __name__ == "__main__":
    main()
