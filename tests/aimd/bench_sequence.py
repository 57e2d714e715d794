#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Frames that follow one another: seconds per frame of `alnd md dft` against Quantum ESPRESSO from scratch on the same frames.

    bench_sequence.py BIN_DIR [--sets spms,gth] [--structures gamma,beta] [--ecut 25] [--kpoints gamma,point] [--ranks 1]
                      [--steps 20] [--peer-frames 2] [--qe-conv 1e-6]

BIN_DIR: build/release/bin. For each choice NVE of a structure of configs/structures, 1 fs, velocities of 1200 K (600 K once half has gone
into potential energy); ours is the mean wall time of a step without the first frame, which is from scratch, Quantum ESPRESSO's that of
whole processes on the last frames. conv_thr: see bench_qe.py; 1e-6 Ry is the loosest for which any of its cases meets the force
error, so that the ratio is not in our favour. --peer-frames 0: ours alone. Exit code 77: something is missing."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [os.path.join(HERE, "../dft"), os.path.join(HERE, "../dft/peer")]
import bench_qe
import qe
from common import ENV, SOURCE, spms

NAMES = {"spms": "SPMS", "gth": "GTH-PBE"}
POINTS = {"gamma": "gamma", "point": "{points: [[0.25, 0.25, 0.25]]}"}


def ours(a, where, pseudo_set, structure, kpoints):
    """(seconds of a step, trajectory)"""
    with open(os.path.join(where, "c.yaml"), "w") as f:
        f.write(f"label: {{cutoff: {a.ecut} Ha, kpoints: {POINTS[kpoints]}, pseudopotentials: {NAMES[pseudo_set]}}}\n")
    out = os.path.join(where, f"{pseudo_set}-{structure}-{kpoints}")
    p = subprocess.run([os.path.join(a.bin, "alnd"), "md", "dft", os.path.join(SOURCE, "configs/structures", structure + ".extxyz"),
                        "--config", "c.yaml", "--ensemble", "nve", "--temperature", "1200 K", "--time", f"{a.steps} fs",
                        "--stride", "1", "--cores", str(a.ranks), "--ranks", str(a.ranks), "--out", out],
                       cwd=where, capture_output=True, text=True, env=dict(ENV, ALND_PSEUDO_DIR=a.pseudo))
    seconds = re.search(r", ([\d.e+-]+) s a step", p.stdout)
    if p.returncode or not seconds:
        sys.exit(f"alnd md: exit {p.returncode}\n{p.stdout}\n{p.stderr}")
    return float(seconds.group(1)), os.path.join(out, "trajectory.extxyz")


def labels(a, b, pseudo_set, trajectory, kpoints):
    """(seconds of a label without the first, force error of the last against a tight run from scratch, eV/Ang rms)"""
    more = ["set=gth"] if pseudo_set == "gth" else []
    if kpoints == "point":
        more += ["special"]
    p = subprocess.run([a.bench, trajectory, f"ecut={a.ecut}", "follow", "json", *more], capture_output=True, text=True, env=ENV, check=True)
    j = [json.loads(x) for x in p.stdout.split("\n") if x.startswith("{")]
    last = os.path.join(b.work, "last.extxyz")
    list(bench_qe.read_frames(trajectory))[-1].write(last)
    p = subprocess.run([a.bench, last, f"ecut={a.ecut}", "tol=1e-13", "json", *more], capture_output=True, text=True, env=ENV, check=True)
    tight = json.loads([x for x in p.stdout.split("\n") if x.startswith("{")][-1])
    return sum(x["seconds"] for x in j[1:]) / (len(j) - 1), bench_qe.rms(j[-1]["forces"], tight["forces"])


def peer(a, b, pseudo_set, trajectory, kpoints):
    frames = list(bench_qe.read_frames(trajectory))[-a.peer_frames:]
    total = 0
    for frame in frames:
        s = b.settings(frame, pseudo_set, a.ecut, kpoints)
        total += b.qe(frame, s, pseudo_set, a.ranks, a.qe_conv).seconds
    return total / len(frames)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bin")
    p.add_argument("--sets", default="spms,gth")
    p.add_argument("--structures", default="gamma,beta")
    p.add_argument("--ecut", type=float, default=25)
    p.add_argument("--kpoints", default="gamma,point")
    p.add_argument("--ranks", type=int, default=1)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--peer-frames", type=int, default=2)
    p.add_argument("--qe-conv", type=float, default=1e-6)
    p.add_argument("--labels", action="store_true", help="the trajectory's frames as labels, too (label.continue), with their force error")
    p.add_argument("--limit", type=int, default=1200, help="seconds of one run")
    p.add_argument("--cache", default=bench_qe.CACHE)
    a = p.parse_args()
    a.bin = os.path.abspath(a.bin)
    a.bench = os.path.join(os.path.dirname(a.bin), "tests/dft/bench_label")
    a.pseudo = os.path.dirname(os.path.dirname(spms("Li")["Li"]))
    if a.peer_frames:
        qe.need()
    print("| set | structure | k | ranks | alnd, s/frame | QE from scratch, s/frame | ratio |" +
          (" labels, s/frame | ratio | force error, eV/Ang rms |\n" + 10 * "|---" if a.labels else "\n" + 7 * "|---") + "|")
    with tempfile.TemporaryDirectory() as work:
        b = bench_qe.Bench(a, work)
        for pseudo_set in a.sets.split(","):
            for structure in a.structures.split(","):
                for kpoints in a.kpoints.split(","):
                    x, trajectory = ours(a, work, pseudo_set, structure, kpoints)
                    y = peer(a, b, pseudo_set, trajectory, kpoints) if a.peer_frames else 0
                    print(f"| {pseudo_set} | {structure} | {kpoints} | {a.ranks} | {x:.2f} |" +
                          (f" {y:.1f} | {x / y:.3f} |" if y else " - | - |"), end="", flush=True)
                    if a.labels:
                        z, error = labels(a, b, pseudo_set, trajectory, kpoints)
                        print(f" {z:.2f} |" + (f" {z / y:.3f} |" if y else " - |") + f" {error:.1e} |", end="")
                    print(flush=True)


if __name__ == "__main__":
    main()
