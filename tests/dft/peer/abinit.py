# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""ABINIT as a peer. It reads psp8 files itself; PBE and others come from libxc, with libxc's constants, as ours do."""
import os
import re
import shutil

from common import BOHR, GPA, HARTREE, Z, Failed, Result, fft_grid, kpoints, launcher, run, skip, without_sum

# -XXXYYY: libxc's numbers of exchange and correlation; own: ABINIT's code, with the constants as printed
XC = {"PBE": -101130, "PBEsol": -116133, "LDA": -1013, "lda_x+lda_c_pw": -1012, "revPBE": -102130, "PBE own": 11, "LDA own": 7}
# its cold smearings (occopt 4 and 5) are the cubic forms of Marzari's thesis, not the published one (PRL 82, 3296, 1999)
SMEARING = {"gaussian": 7, "fermi-dirac": 3}


def need():
    if not shutil.which("abinit"):
        skip("no abinit (apt-get install abinit)")


def input_text(frame, s, nbands, xc=None, tolvrs=1e-16):
    grid = s.grid or fft_grid(frame, s.ecut)
    kinds = frame.kinds()
    points = kpoints(s)
    t = [f"ecut {s.ecut!r}", f"ixc {XC[xc or s.xc]}", f"ngfft {grid[0]} {grid[1]} {grid[2]}", "nsym 1", "nsppol 1",
         f"nband {nbands}", "nstep 100", f"tolvrs {tolvrs:.1e}", "iscf 7", "optforces 1", "optstress 1", "chksymbreak 0",
         "chkprim 0", "prtwf 0", "prtden 0", "prteig 0", "prtebands 0", "prtgsr 0", "kptopt 0", f"nkpt {len(points)}",
         "kpt " + "\n    ".join("%.14f %.14f %.14f" % k for k, _ in points),
         "wtk " + "\n    ".join("%.14f" % w for _, w in points), "istwfk " + ("2" if s.gamma() else f"{len(points)}*1")]
    t += [f"occopt {SMEARING[s.smearing]}", f"tsmear {s.width!r}"] if s.smearing else ["occopt 1"]
    if s.charge:
        t += [f"charge {s.charge!r}"]
    t += ["acell 3*1.0", "rprim"] + [" ".join("%.14f" % (x / BOHR) for x in row) for row in frame.cell]
    t += [f"natom {len(frame.symbols)}", f"ntypat {len(kinds)}", "znucl " + " ".join(str(Z[k]) for k in kinds),
          "typat " + " ".join(str(kinds.index(k) + 1) for k in frame.symbols), "xcart"]
    t += [" ".join("%.14f" % (x / BOHR) for x in at) for at in frame.positions]
    names = [os.path.basename(s.pseudo[k]) for k in kinds]
    t += ['pp_dirpath "."', 'pseudos "' + ", ".join(names) + '"']
    return "\n".join(t) + "\n"


def _tensor(text):
    at = re.search(r"cartesian_stress_tensor: # hartree/bohr\^3\n- \[(.*)\]\n- \[(.*)\]\n- \[(.*)\]", text)
    return [[float(x) for x in at.group(i + 1).split(",")] for i in range(3)]


def _sigma(text):
    """Stress with its nine digits: 'sigma(1 1)=  1.77E-04'."""
    found = re.findall(r"sigma\((\d) (\d)\)=\s*([-+.\dE]+)", text)
    t = [[0.0] * 3 for _ in range(3)]
    for i, j, v in found[:6]:
        t[int(i) - 1][int(j) - 1] = t[int(j) - 1][int(i) - 1] = float(v)
    return t


def parse(text):
    if "Calculation completed" not in text or re.search(r"scprqt:\s+WARNING", text):
        raise Failed("abinit did not converge:\n" + text[-2000:])
    energy = float(re.findall(r"^ +etotal\s+([-+.\dE]+)", text, re.M)[-1])
    block = text.split("cartesian forces (hartree/bohr) at end:")[1].split("frms")[0]
    forces = [[float(x) for x in row.split()[1:4]] for row in block.strip().split("\n")]
    grid = re.search(r"^ +ngfft\s+(\d+)\s+(\d+)\s+(\d+)", text, re.M)
    fermi = re.findall(r"fermie\s*:\s*([-+.\dE]+)", text)
    ts = re.findall(r"'-kT\*entropy'\s*:\s*([-+.\dE]+)", text)
    unit = HARTREE / BOHR
    return Result(energy=energy * HARTREE, forces=without_sum([[unit * v for v in f] for f in forces]),
                  stress=[[GPA * HARTREE / BOHR ** 3 * v for v in row] for row in _sigma(text)],
                  grid=[int(x) for x in grid.groups()], iterations=len(re.findall(r"^ ETOT", text, re.M)),
                  fermi=float(fermi[-1]) * HARTREE if fermi else None, ts=float(ts[-1]) * HARTREE if ts else None)


def _sum_alpha_per_volume(text, s, frame):
    """sum_I alpha_I / V in eV, of V_loc at G = 0; ABINIT prints its product with the ions' charge."""
    product = float(re.search(r"([-+.\dE]+) +ecore\*ucvol", text).group(1))
    zion = sum(float(open(s.pseudo[k]).read().split("\n")[1].split()[1]) for k in frame.symbols)
    return product / zion / (frame.volume() / BOHR ** 3) * HARTREE


def _same_zero(r, text, s, frame):
    """As Quantum ESPRESSO and ours have it: V_loc(G = 0) is part of the potential.

    So the Fermi level moves by sum alpha / V, and the alpha Z energy is N/V sum alpha with the number N of electrons (J. Ihm,
    A. Zunger, M. L. Cohen, J. Phys. C 12, 4409, 1979), where ABINIT has the charge of the ions: for charged cells another
    energy and pressure.
    """
    alpha = _sum_alpha_per_volume(text, s, frame)
    if r.fermi is not None:
        r.fermi += alpha
    r.energy -= s.charge * alpha
    for i in range(3):
        r.stress[i][i] += GPA * s.charge * alpha / frame.volume()


def calculate(frame, s, work, nbands, ranks=1, limit=600, xc=None, tolvrs=1e-16):
    for k in frame.kinds():
        shutil.copy(s.pseudo[k], work)
    for n in os.listdir(work):
        if n.startswith("a.abo"):
            os.remove(os.path.join(work, n))
    open(os.path.join(work, "a.abi"), "w").write(input_text(frame, s, nbands, xc, tolvrs))
    _, seconds, rss = run(launcher(ranks) + ["abinit", "a.abi"], work, "abinit.out", limit)
    text = open(os.path.join(work, "a.abo")).read()
    r = parse(text)
    _same_zero(r, text, s, frame)
    r.seconds, r.rss = seconds, rss
    return r
