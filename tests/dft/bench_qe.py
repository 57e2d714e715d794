#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Times alnd's DFT engine and Quantum ESPRESSO in turn on the reference frames at 25 Ha (SPMS, PBE).

    bench_qe.py BENCH_LABEL [--ranks 1,2] [--frames gamma_r2,beta_r1] [--repeat 1] [--ecut 25] [--kpoint]

BENCH_LABEL is build/tests/dft/bench_label. Needs numpy, pw.x, mpirun, ../shared/data and the SPMS files
(.alnd/pseudo/SPMS or $ALND_PSEUDO_DIR/SPMS). QE runs at Gamma with its real-orbital path, or with --kpoint
(and ours too) at the complex point (1/4,1/4,1/4). Both converge the density to about 5e-9 Ha per cell.
Prints a Markdown table: wall seconds, peak memory of one rank, SCF steps. Exit code 77: something is missing.
"""
import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
SHARED = os.path.join(SOURCE, "../shared/data")
MASS = {"Li": 6.94, "O": 15.999, "P": 30.974, "S": 32.06}
ENV = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
           OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def record(frame, ecut):
    for r in json.load(open(os.path.join(SHARED, "dft_reference.json"))):
        if r["frame_id"] == frame and r["pseudo_set"] == "spms" and r["ecut_Ha"] == ecut and "kpoints" not in r:
            return r
    skip(f"no record of {frame} at {ecut} Ha")


def make_upf(work):
    base = os.environ.get("ALND_PSEUDO_DIR", os.path.join(SOURCE, ".alnd/pseudo"))
    spms = os.path.join(base, "SPMS")
    if not os.path.isdir(spms):
        skip(f"no {spms}")
    for f in os.listdir(spms):
        if re.match(r"(03_Li|08_O|15_P|16_S)_", f):
            shutil.copy(os.path.join(spms, f), work)
    subprocess.run([sys.executable, os.path.join(SHARED, "dft/tools/psp8toupf.py")], cwd=work, check=True,
                   stdout=subprocess.DEVNULL)


def qe_input(r, kpoint):
    kinds = sorted(set(r["species"]), key=r["species"].index)
    n = r["fft_grid"]
    t = ["&control", "calculation='scf',prefix='x',pseudo_dir='.',outdir='./tmp',tprnfor=.true.,tstress=.true.,"
         "disk_io='none'", "/", "&system",
         f"ibrav=0,nat={len(r['species'])},ntyp={len(kinds)},ecutwfc={2 * r['ecut_Ha']},occupations='fixed',"
         f"nosym=.true.,noinv=.true.,nr1={n[0]},nr2={n[1]},nr3={n[2]}", "/", "&electrons",
         "conv_thr=1.0d-8,diagonalization='david',startingwfc='random'", "/", "ATOMIC_SPECIES"]
    t += [f"{k} {MASS[k]} {k}.spms.UPF" for k in kinds]
    t += ["CELL_PARAMETERS angstrom"] + ["%.10f %.10f %.10f" % tuple(a) for a in r["cell"]]
    t += ["ATOMIC_POSITIONS angstrom"]
    t += ["%s %.10f %.10f %.10f" % (s, *x) for s, x in zip(r["species"], r["positions"])]
    if kpoint:
        inv = reciprocal(r["cell"])
        k = [sum(0.25 * inv[i][d] for i in range(3)) for d in range(3)]
        alat = sum(x * x for x in r["cell"][0]) ** 0.5
        t += ["K_POINTS tpiba", "1", "%.12f %.12f %.12f 1.0" % tuple(alat * x for x in k)]
    else:
        t += ["K_POINTS gamma"]
    return "\n".join(t) + "\n"


def reciprocal(a):  # rows, without 2 pi
    def cross(u, v):
        return [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
    vol = sum(x * y for x, y in zip(a[0], cross(a[1], a[2])))
    return [[x / vol for x in cross(a[(i + 1) % 3], a[(i + 2) % 3])] for i in range(3)]


def timed(cmd, cwd, out):
    start = time.monotonic()
    with open(os.path.join(cwd, out), "w") as f:
        p = subprocess.Popen(cmd, cwd=cwd, env=ENV, stdout=f, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(p.pid, 0)
    p.returncode = status
    text = open(os.path.join(cwd, out)).read()
    if status != 0:
        sys.exit(f"{' '.join(cmd)} failed:\n{text[-2000:]}")
    return time.monotonic() - start, usage.ru_maxrss / 1024, text


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bench")
    p.add_argument("--ranks", default="1,2")
    p.add_argument("--frames", default="gamma_r2,beta_r1")
    p.add_argument("--repeat", type=int, default=1)
    p.add_argument("--ecut", type=float, default=25)
    p.add_argument("--kpoint", action="store_true")
    a = p.parse_args()
    if not importlib.util.find_spec("numpy"):
        skip("no numpy for the psp8 to UPF converter")
    if not shutil.which("pw.x"):
        skip("no pw.x")
    if not os.path.isdir(SHARED):
        skip("no " + SHARED)
    print("| frame | ranks | alnd s | QE s | ratio | alnd MiB/rank | QE MiB/rank | alnd SCF | QE SCF | dE meV/atom |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        make_upf(work)
        for frame in a.frames.split(","):
            r = record(frame, a.ecut)
            natoms = len(r["species"])
            open(os.path.join(work, "qe.in"), "w").write(qe_input(r, a.kpoint))
            for n in a.ranks.split(","):
                run = [] if n == "1" else ["mpirun", "--oversubscribe", "-np", n]
                best = [(1e9, 0, ""), (1e9, 0, "")]
                ours = run + [os.path.abspath(a.bench), frame, r["code"], str(a.ecut), "g", f"tol={5e-9 / natoms:g}"]
                ours += ["special"] if a.kpoint else []
                for _ in range(a.repeat):  # in turn, so that both see the same machine
                    best[0] = min(best[0], timed(ours, work, "alnd.out"))
                    best[1] = min(best[1], timed(run + ["pw.x", "-in", "qe.in"], work, "qe.out"))
                (ta, ma, oa), (tq, mq, oq) = best
                sa = re.search(r"(\d+) SCF", oa).group(1)
                sq = re.search(r"convergence has been achieved in\s+(\d+)", oq).group(1)
                ea = float(re.search(r"E (-?[\d.]+) eV", oa).group(1))
                eq = float(re.findall(r"!\s+total energy\s+=\s+(-?[\d.]+)", oq)[-1]) * 13.605693122994
                print(f"| {frame} | {n} | {ta:.1f} | {tq:.1f} | {ta / tq:.2f} | {ma:.0f} | {mq:.0f} | {sa} | {sq} | "
                      f"{1e3 * abs(ea - eq) / natoms:.4f} |", flush=True)


if __name__ == "__main__":
    main()
