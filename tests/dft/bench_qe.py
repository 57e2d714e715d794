#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Times alnd's DFT engine and Quantum ESPRESSO in turn: whole processes, same frame, cut-off, FFT grid and k-points.

    bench_qe.py BENCH_LABEL [--sets spms,gth] [--frames gamma_r2,beta_r1] [--ecut 25,40] [--kpoints gamma,point]
                [--ranks 1,2] [--repeat N] [--all] [--abinit] [--qe-conv X|auto] [--tol X|auto] [--no-check]
    bench_qe.py BENCH_LABEL --sequence FRAMES.extxyz --ours-seconds X --set spms --ecut 25 --kpoints gamma

BENCH_LABEL is build/release/tests/dft/bench_label. Needs pw.x, mpirun, ../shared/data, the SPMS files; for the set gth
also numpy and scipy ($ALND_PEER_PYTHON or /opt/dpvenv/bin/python) for ../shared's converter. Without flags: SPMS, both
frames, 25 Ha, Gamma, 1 and 2 ranks; --all: the whole matrix of issue 4.

Accuracy: each code's forces against a tight run of the same code (ours 1e-13 Ha/atom, conv_thr 1e-12 Ry), kept in
build/bench_qe_cache.json by the hash of the input. conv_thr `auto` (default) is the loosest power of ten whose force
error is at most 5e-4 eV/Ang rms; tol is the engine's default, or `auto` the same way. With --no-check nothing is compared.

--sequence: Quantum ESPRESSO from scratch on each frame of a trajectory against the seconds per frame that ours took there
(alnd md dft prints them). Exit code 77: something is missing.
"""
import argparse
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "peer"))
import abinit
import ours
import qe
from common import SHARED, SOURCE, Failed, Frame, Settings, record_frame, reference_records, skip, spms

FORCE_LIMIT = 5e-4  # eV/Ang rms, of both
CACHE = os.path.join(SOURCE, "build/bench_qe_cache.json")


class Cache:
    def __init__(self, path):
        self.path = path
        self.data = json.load(open(path)) if os.path.exists(path) else {}

    def get(self, key, make):
        """Value by the text that determines it."""
        h = hashlib.sha256(key.encode()).hexdigest()
        if h not in self.data:
            self.data[h] = make()
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            with open(self.path + ".new", "w") as f:
                json.dump(self.data, f)
            os.replace(self.path + ".new", self.path)
        return self.data[h]


def rms(a, b):
    d = [x - y for u, v in zip(a, b) for x, y in zip(u, v)]
    return math.sqrt(sum(x * x for x in d) / len(d))


def gth_files(work):
    """UPF files for Quantum ESPRESSO by the converter of ../shared."""
    python = os.environ.get("ALND_PEER_PYTHON", "/opt/dpvenv/bin/python")
    if not shutil.which(python) or subprocess.run([python, "-c", "import numpy, scipy"], capture_output=True).returncode:
        skip("no python with numpy and scipy for the GTH files (ALND_PEER_PYTHON)")
    where = os.path.join(work, "gth")
    os.makedirs(where, exist_ok=True)
    subprocess.run([python, os.path.join(SHARED, "dft/tools/gth2upf.py")], cwd=where, check=True, capture_output=True)
    return {k: os.path.join(where, k + ".gth.UPF") for k in ("Li", "P", "S", "O")}


class Bench:
    def __init__(self, args, work):
        self.a, self.work = args, work
        self.cache = Cache(args.cache)
        self.upf = {"spms": None}

    def settings(self, frame, pseudo_set, ecut, kpoints):
        if pseudo_set == "gth" and "gth" not in self.upf:
            self.upf["gth"] = gth_files(self.work)
        return Settings(ecut=ecut, pseudo=spms(*frame.kinds()), points=[(0.25, 0.25, 0.25)] if kpoints == "point" else None)

    def ours(self, frame, s, pseudo_set, ranks, tol):
        more = ["set=gth"] if pseudo_set == "gth" else []
        if pseudo_set == "gth":
            s = Settings(**{**s.__dict__, "pseudo": {}})
        return ours.calculate(self.a.bench, frame, s, self.work, ranks=ranks, tol=tol, more=more, limit=self.a.limit)

    def qe(self, frame, s, pseudo_set, ranks, conv, tight=False):
        s = Settings(**{**s.__dict__, "tight": tight})
        start = "atomic+random" if pseudo_set == "gth" else "random"  # SPMS has no atomic orbitals
        return qe.calculate(frame, s, self.work, ranks=ranks, conv_thr=conv, upf_files=self.upf[pseudo_set], start=start,
                            disk="none", limit=self.a.limit)

    def key(self, *what):
        return json.dumps([str(w) if not isinstance(w, (Frame, Settings)) else w.__dict__ for w in what], sort_keys=True)

    def tight(self, code, frame, s, pseudo_set):
        make = {"ours": lambda: self.ours(frame, s, pseudo_set, 1, 1e-13).forces,
                "qe": lambda: self.qe(frame, s, pseudo_set, 1, 1e-12, tight=True).forces}
        return self.cache.get(self.key("tight", code, frame, s, pseudo_set), make[code])

    def loosest(self, code, frame, s, pseudo_set, series, run):
        """The first threshold of a falling series whose forces are good enough; [threshold, error]."""
        def search():
            for x in series:
                error = rms(run(x).forces, self.tight(code, frame, s, pseudo_set))
                if error <= FORCE_LIMIT:
                    return [x, error]
            raise Failed(f"{code}: no threshold of {series} gives forces to {FORCE_LIMIT} eV/Ang")
        return self.cache.get(self.key("loosest", code, frame, s, pseudo_set, series), search)

    def thresholds(self, frame, s, pseudo_set):
        conv, tol = self.a.qe_conv, self.a.tol
        if conv == "auto":
            conv = self.loosest("qe", frame, s, pseudo_set, [10.0 ** -n for n in range(3, 10)],
                                lambda x: self.qe(frame, s, pseudo_set, 1, x))[0]
        if tol == "auto":
            tol = self.loosest("ours", frame, s, pseudo_set, [10.0 ** -n for n in range(6, 12)],
                               lambda x: self.ours(frame, s, pseudo_set, 1, x))[0]
        return float(conv), float(tol)


HEAD = ("| set | frame | cut-off, Ha | k | ranks | alnd, s | QE, s | ratio | alnd SCF, H psi | QE SCF | memory of a rank, "
        "MiB, alnd / QE | force error rms, eV/Ang, alnd / QE (conv_thr, Ry) |{extra}")


def one(b, pseudo_set, name, frame, ecut, kpoints, ranks):
    s = b.settings(frame, pseudo_set, ecut, kpoints)
    conv, tol = b.thresholds(frame, s, pseudo_set)
    x = y = None
    for _ in range(b.a.repeat):  # in turn, so that both see the same machine
        u, v = b.ours(frame, s, pseudo_set, ranks, tol), b.qe(frame, s, pseudo_set, ranks, conv)
        x, y = min(x or u, u, key=lambda r: r.seconds), min(y or v, v, key=lambda r: r.seconds)
    errors = "-"
    if not b.a.no_check:
        e = [rms(r.forces, b.tight(c, frame, s, pseudo_set)) for r, c in ((x, "ours"), (y, "qe"))]
        errors = "%.1e / %.1e" % tuple(e) + (" TOO LARGE" if max(e) > FORCE_LIMIT else "")
    extra = ""
    if b.a.abinit and pseudo_set == "spms":
        z = abinit.calculate(frame, s, b.work, x.extra["bands"], ranks=ranks, limit=b.a.limit, tolvrs=1e-8)
        extra = f" {z.seconds:.1f} |"
    print(f"| {pseudo_set} | {name} | {ecut:g} | {kpoints} | {ranks} | {x.seconds:.1f} | {y.seconds:.1f} | "
          f"{x.seconds / y.seconds:.2f} | {x.iterations}, {x.extra.get('applies', '-')} | {y.iterations} | "
          f"{x.rss:.0f} / {y.rss:.0f} | {errors} ({conv:.0e}) |{extra}", flush=True)


def read_frames(path):
    lines = open(path).read().split("\n")
    at = 0
    while at < len(lines) and lines[at].strip():
        n = int(lines[at])
        numbers = [float(v) for v in lines[at + 1].split('Lattice="')[1].split('"')[0].split()]
        rows = [x.split() for x in lines[at + 2:at + 2 + n]]
        yield Frame([numbers[0:3], numbers[3:6], numbers[6:9]], [r[0] for r in rows],
                    [[float(v) for v in r[1:4]] for r in rows])
        at += 2 + n


def sequence(b, pseudo_set, ecut, kpoints):
    """Ours extrapolates along a trajectory (its seconds per frame are given), the peer starts afresh."""
    total = n = 0
    for frame in read_frames(b.a.sequence):
        s = b.settings(frame, pseudo_set, ecut, kpoints)
        conv, _ = b.thresholds(frame, s, pseudo_set) if n == 0 else (conv, 0)
        total += b.qe(frame, s, pseudo_set, int(b.a.ranks.split(",")[0]), conv).seconds
        n += 1
    print(f"| {pseudo_set} | {ecut:g} Ha, {kpoints} | {n} frames | alnd {b.a.ours_seconds:.2f} s | QE {total / n:.2f} s | "
          f"ratio {b.a.ours_seconds * n / total:.2f} | conv_thr {conv:.0e} Ry |")


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("bench")
    p.add_argument("--sets", default="spms")
    p.add_argument("--frames", default="gamma_r2,beta_r1")
    p.add_argument("--ecut", default="25")
    p.add_argument("--kpoints", default="gamma")
    p.add_argument("--ranks", default="1,2")
    p.add_argument("--repeat", type=int, default=1)
    p.add_argument("--all", action="store_true")
    p.add_argument("--abinit", action="store_true")
    p.add_argument("--qe-conv", default="auto")
    p.add_argument("--tol", default="1e-9")
    p.add_argument("--no-check", action="store_true")
    p.add_argument("--cache", default=CACHE)
    p.add_argument("--limit", type=int, default=1200, help="seconds of one run")
    p.add_argument("--sequence")
    p.add_argument("--ours-seconds", type=float)
    a = p.parse_args()
    if a.all:
        a.sets, a.ecut, a.kpoints, a.ranks = "spms,gth", "25,40", "gamma,point", "1,2"
    return a


def main():
    a = arguments()
    qe.need()
    if a.abinit:
        abinit.need()
    with tempfile.TemporaryDirectory() as work:
        b = Bench(a, work)
        if a.sequence:
            if not a.ours_seconds:
                sys.exit("--sequence needs --ours-seconds")
            sequence(b, a.sets, float(a.ecut), a.kpoints)
            return
        records = reference_records()
        head = HEAD.format(extra=" ABINIT, s |" if a.abinit else "")
        print(head + "\n" + "|---" * (head.count("|") - 1) + "|")
        for pseudo_set in a.sets.split(","):
            for name in a.frames.split(","):
                frame = record_frame([r for r in records if r["frame_id"] == name][0])
                for ecut in a.ecut.split(","):
                    for kpoints in a.kpoints.split(","):
                        for ranks in a.ranks.split(","):
                            one(b, pseudo_set, name, frame, float(ecut), kpoints, int(ranks))


if __name__ == "__main__":
    try:
        main()
    except Failed as e:
        sys.exit(f"failed: {e}")
