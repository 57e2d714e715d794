#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The tables of docs/validation.md, as Markdown on standard output.

    validation_table.py BENCH_LABEL records [--sets spms,gth,gthq1] [--tol 1e-13]
    validation_table.py BENCH_LABEL peers [--cases si_eos,...]

records: every record of ../shared/data/dft_reference.json by ABINIT or Quantum ESPRESSO, computed afresh with the same
pseudopotentials, cut-off, grid and k-points. peers: peer/compare.py, all cases, ABINIT and Quantum ESPRESSO run here.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "peer"))
import cases
from common import ENV, reference_records

ROW = re.compile(r"([\d.]+) s, \d+ MiB, (\d+) SCF.*dE ([\d.]+) meV/atom, dF ([\d.e+-]+) .*dS ([\d.e+-]+) GPa")


def kind(r):
    k = r.get("kpoints")
    return "g" if not k else "p" if "point" in k else "m"


def k_text(r):
    k = r.get("kpoints")
    if not k:
        return "Gamma"
    return "(%g,%g,%g)" % tuple(k["point"]) if "point" in k else "%dx%dx%d shifted by %d%d%d" % (*k["mesh"], *k["shift"])


def records(a):
    print("| set | frame | code | cut-off, k | energy, microeV/atom | force, max, eV/Ang | stress, max, GPa | SCF | s |\n"
          "|---|---|---|---|---|---|---|---|---|")
    seen, bad = set(), 0
    for r in reference_records():
        key = (r["pseudo_set"], r["frame_id"], r["code"], r["ecut_Ha"], kind(r))
        if r["code"] not in ("abinit", "qe") or r["pseudo_set"] not in a.sets.split(",") or key in seen:
            continue
        seen.add(key)
        out = subprocess.run([a.bench, key[1], key[2], str(key[3]), key[4], f"set={key[0]}", f"tol={a.tol}"], env=ENV,
                             capture_output=True, text=True)
        m = ROW.search(out.stdout)
        if out.returncode or not m:
            sys.exit(f"{key}: {out.stdout[-500:]}{out.stderr[-500:]}")
        seconds, scf, e, f, s = m.groups()
        bad += not (1e3 * float(e) <= 30 and float(f) <= (5e-5 if key[4] == "g" else 2e-4) and float(s) <= 5e-4)
        print(f"| {key[0]} | {key[1]} | {key[2]} | {key[3]:g} Ha, {k_text(r)} | {1e3 * float(e):.1f} | {f} | {s} | {scf} | "
              f"{float(seconds):.1f} |", flush=True)
    return 1 if bad else 0


LABELS = {"si_eos": "Si, ", "li2s_eos": "Li2S, ", "kpoints": "Li2O, ", "functionals": "Li2O, ", "upf": "UPF: ",
          "metal": "Al4, ", "charged": "", "reference_frame": "gamma_r2, "}


def peers(a):
    worst = 0
    print("| case | peer | energy, microeV/atom | force, max, eV/Ang | stress, max, GPa | Fermi level, eV | -TS, microeV/atom | "
          "SCF, ours / peer |\n|---|---|---|---|---|---|---|---|")
    fits = []
    with tempfile.TemporaryDirectory() as work:
        for case in a.cases.split(","):
            path = os.path.join(work, case + ".json")
            rc = subprocess.run([sys.executable, os.path.join(HERE, "peer/compare.py"), a.bench, case, "--json", path],
                                capture_output=True, text=True)
            worst = max(worst, rc.returncode)
            if not os.path.exists(path):
                sys.exit(f"{case}: {rc.stdout[-1500:]}")
            for r in json.load(open(path)):
                d = r["diff"]
                print("| {}{} | {} | {:+.1f} | {:.1e} | {:.1e} | {} | {} | {} / {} |".format(
                    LABELS[case], r["label"], r["peer"], 1e6 * d["energy"], d["force"], d["stress"],
                    "%+.0e" % d["fermi"] if "fermi" in d else "", "%+.2f" % (1e6 * d["ts"]) if "ts" in d else "", *r["scf"]),
                    flush=True)
                if "eos" in r:
                    fits.append((LABELS[case][:-2], r["peer"], *r["eos"]))
    print("\n| equation of state | peer | V0, Ang^3: ours, peer | B0, GPa: ours, peer |\n|---|---|---|---|")
    for name, peer, v1, b1, v2, b2 in fits:
        print(f"| {name} | {peer} | {v1:.4f}, {v2:.4f} | {b1:.3f}, {b2:.3f} |")
    return worst


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bench")
    p.add_argument("what", choices=("records", "peers"))
    p.add_argument("--sets", default="spms,gth,gthq1")
    p.add_argument("--tol", default="1e-13")
    p.add_argument("--cases", default=",".join(cases.ALL))
    a = p.parse_args()
    a.bench = os.path.abspath(a.bench)
    sys.exit(records(a) if a.what == "records" else peers(a))


if __name__ == "__main__":
    main()
