# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""What all peers share: units, frames, settings, k-points, FFT grids, running a program with a time limit.

Numbers inside are Hartree atomic units where a peer speaks them, eV, Angstrom and GPa in a Result.
"""
import dataclasses
import json
import math
import os
import re
import subprocess
import sys
import time

HARTREE = 27.211386245988  # eV, CODATA 2018, as engines/base/units.h
BOHR = 0.529177210903  # Angstrom
GPA = 160.2176634  # 1 eV/Ang^3

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
SHARED = os.path.join(SOURCE, "../shared/data")
ENV = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
           OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
Z = {"H": 1, "Li": 3, "C": 6, "N": 7, "O": 8, "F": 9, "Na": 11, "Mg": 12, "Al": 13, "Si": 14, "P": 15, "S": 16,
     "Cl": 17, "K": 19, "Ge": 32, "Br": 35, "Sn": 50, "I": 53}


def skip(why):
    print("skipped:", why)
    sys.exit(77)


class Failed(Exception):
    """A program ran and did not give a result."""


@dataclasses.dataclass
class Frame:
    cell: list  # rows, Angstrom
    symbols: list
    positions: list  # Cartesian, Angstrom

    def volume(self):
        a, b, c = self.cell
        return abs(a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) +
                   a[2] * (b[0] * c[1] - b[1] * c[0]))

    def kinds(self):
        return sorted(set(self.symbols), key=self.symbols.index)

    def write(self, path):
        with open(path, "w") as f:
            lattice = " ".join(repr(x) for row in self.cell for x in row)
            f.write(f'{len(self.symbols)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
            for s, x in zip(self.symbols, self.positions):
                f.write(s + " " + " ".join(repr(v) for v in x) + "\n")


def from_fractions(cell, atoms):
    """Frame of [(symbol, (f0, f1, f2))]."""
    pos = [[sum(f[i] * cell[i][d] for i in range(3)) for d in range(3)] for _, f in atoms]
    return Frame(cell, [s for s, _ in atoms], pos)


@dataclasses.dataclass
class Settings:
    ecut: float  # Ha
    pseudo: dict  # symbol -> psp8 file
    xc: str = "PBE"
    mesh: tuple = (1, 1, 1)
    shift: tuple = (0, 0, 0)  # half steps
    points: list = None  # fractions of the reciprocal vectors, equal weights; before mesh
    smearing: str = None  # gaussian, fermi-dirac, marzari-vanderbilt
    width: float = 0  # Ha
    charge: float = 0
    grid: list = None  # FFT lengths; None: fft_grid()
    tight: bool = True
    nbands: int = 0  # of the peers with smearing; 0: their choice

    def gamma(self):
        return not self.points and tuple(self.mesh) == (1, 1, 1) and tuple(self.shift) == (0, 0, 0)


@dataclasses.dataclass
class Result:
    energy: float  # eV; with smearing the free energy E - TS
    forces: list  # eV/Ang, sum removed
    stress: list  # 3x3, GPa, positive = stretched
    grid: list
    iterations: int
    seconds: float = 0
    rss: float = 0  # MiB of the largest process
    fermi: float = None  # eV
    ts: float = None  # -TS, eV
    extra: dict = dataclasses.field(default_factory=dict)


def smooth(n):
    """Smallest length from n on with factors 2, 3 and 5, which all codes take."""
    while True:
        m = n
        for p in (2, 3, 5):
            while m % p == 0:
                m //= p
        if m == 1:
            return n
        n += 1


def fft_grid(frame, ecut):
    """Lengths that hold the density's sphere |G|^2/2 <= 4 ecut: |m_i| <= Gmax |a_i| / 2 pi."""
    gmax = 2 * math.sqrt(2 * ecut)
    return [smooth(2 * int(gmax * math.sqrt(sum(x * x for x in a)) / BOHR / (2 * math.pi)) + 1) for a in frame.cell]


def kpoints(s):
    """[(fractions, weight)], k and -k merged, weights sum to 1."""
    if s.points:
        return [(tuple(k), 1 / len(s.points)) for k in s.points]
    merged = {}
    n, sh = s.mesh, s.shift
    for i in range(n[0]):
        for j in range(n[1]):
            for k in range(n[2]):
                twice = [2 * v + h for v, h in zip((i, j, k), sh)]  # k = twice / (2 n), exact in integers
                key = tuple(t % (2 * m) for t, m in zip(twice, n))
                minus = tuple(-t % (2 * m) for t, m in zip(twice, n))
                at = min(key, minus)
                merged[at] = merged.get(at, 0) + 1
    total = n[0] * n[1] * n[2]
    return [(tuple(t / (2 * m) for t, m in zip(k, n)), w / total) for k, w in sorted(merged.items())]


def without_sum(forces):
    mean = [sum(f[d] for f in forces) / len(forces) for d in range(3)]
    return [[f[d] - mean[d] for d in range(3)] for f in forces]


def run(cmd, cwd, out, limit):
    """(text of stdout and stderr, wall seconds, MiB of the largest process); Failed on an error or the limit."""
    path = os.path.join(cwd, out)
    start = time.monotonic()
    with open(path, "w") as f:
        p = subprocess.Popen(["timeout", str(limit)] + cmd, cwd=cwd, env=ENV, stdout=f, stderr=subprocess.STDOUT,
                             stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    text = open(path, errors="replace").read()
    if p.returncode == 124:
        raise Failed(f"{cmd[0]}: not done in {limit} s")
    if p.returncode != 0:
        raise Failed(f"{' '.join(cmd)} (exit {p.returncode}):\n{text[-3000:]}")
    return text, time.monotonic() - start, usage.ru_maxrss / 1024


def launcher(ranks):
    return [] if ranks == 1 else ["mpirun", "--oversubscribe", "-np", str(ranks)]


def spms_dir():
    """As tests/dft/reference.c looks for it."""
    tried = [os.path.join(base, "SPMS") for base in (os.environ.get("ALND_PSEUDO_DIR"), os.path.join(SOURCE, ".alnd/pseudo"))
             if base]
    for path in tried:
        if os.path.isdir(path):
            return path
    skip("no SPMS pseudopotentials in " + " or ".join(tried))


def spms(*symbols):
    """symbol -> psp8 file of the SPMS set, the first by name (dft_pseudo_find)."""
    found = {}
    for s in symbols:
        names = sorted(n for n in os.listdir(spms_dir()) if re.match(rf"{Z[s]:02d}_{s}_.*\.psp8$", n))
        if not names:
            skip(f"no SPMS pseudopotential of {s}")
        found[s] = os.path.join(spms_dir(), names[0])
    return found


def reference_records():
    path = os.path.join(SHARED, "dft_reference.json")
    if not os.path.exists(path):
        skip("no " + path)
    return json.load(open(path))


def record_frame(r):
    return Frame(r["cell"], r["species"], r["positions"])
