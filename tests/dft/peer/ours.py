# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""alnd's engine through tests/dft/bench_label.c: a frame in extended XYZ, settings as key=value, the answer as JSON."""
import json
import os

from common import GPA, Failed, Result, Z, fft_grid, launcher, run


def arguments(frame, s, frame_path, tol):
    grid = s.grid or fft_grid(frame, s.ecut)
    join = lambda v: ",".join(repr(x) for x in v)
    a = [frame_path, "json", f"ecut={s.ecut!r}", f"functional={s.xc}", f"grid={join(grid)}", f"tol={tol:g}"]
    if s.points:
        a += [f"kpt={join(k)}" for k in s.points]
    elif not s.gamma():
        a += [f"mesh={join(s.mesh)}", f"shift={join(s.shift)}"]
    a += [f"smearing={s.smearing}", f"width={s.width!r}"] if s.smearing else ["smearing=none"]
    if s.charge:
        a += [f"charge={s.charge!r}"]
    return a + [f"pseudo={Z[k]}:{os.path.abspath(p)}" for k, p in s.pseudo.items() if k in frame.symbols]


def calculate(bench, frame, s, work, ranks=1, limit=600, tol=1e-13, more=()):
    path = os.path.join(work, "frame.extxyz")
    frame.write(path)
    cmd = launcher(ranks) + [os.path.abspath(bench)] + arguments(frame, s, path, tol) + list(more)
    text, seconds, rss = run(cmd, work, "alnd.out", limit)
    lines = [x for x in text.split("\n") if x.startswith("{")]
    if not lines:
        raise Failed(f"no answer from {' '.join(cmd)}:\n{text[-2000:]}")
    j = json.loads(lines[-1])
    return Result(energy=j["energy"], forces=j["forces"], stress=[[GPA * x for x in row] for row in j["stress"]],
                  grid=j["fft"], iterations=j["scf"], seconds=seconds, rss=rss, fermi=j.get("fermi"), ts=j.get("ts"),
                  extra=j)
