# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Quantum ESPRESSO (pw.x) as a peer: input, run, results from its XML file (all digits)."""
import os
import re
import shutil
import xml.etree.ElementTree as ET

from common import BOHR, GPA, HARTREE, Failed, Result, fft_grid, kpoints, launcher, run, skip, without_sum
import upf

# its names of functionals; "pw" is Perdew-Wang 1992 with the constants as printed (A = 0.031091; libxc's lda_c_pw), where
# libxc's pw_mod, on which its PBE rests, has A = 0.0310907: 5 microeV for each electron at r_s = 1
XC = {"lda_x+lda_c_pw": "sla+pw", "PBE": None, "PBEsol": "sla+pw+psx+psc", "LDA": "sla+pw", "revPBE": "sla+pw+rpb+pbc"}
SMEARING = {"gaussian": "gaussian", "fermi-dirac": "fermi-dirac", "marzari-vanderbilt": "marzari-vanderbilt"}


def need():
    if not shutil.which("pw.x"):
        skip("no pw.x (apt-get install quantum-espresso)")


def input_text(frame, s, conv_thr=1e-12, mixing_beta=0.7, start="random", upf_names=None, disk="low"):
    grid = s.grid or fft_grid(frame, s.ecut)
    kinds = frame.kinds()
    names = upf_names or {k: k + ".UPF" for k in kinds}
    t = ["&control", "calculation='scf',prefix='x',pseudo_dir='.',outdir='./tmp',tprnfor=.true.,tstress=.true.,"
         f"disk_io='{disk}'", "/", "&system",
         f"ibrav=0,nat={len(frame.symbols)},ntyp={len(kinds)},ecutwfc={2 * s.ecut!r},nosym=.true.,noinv=.true.,"
         f"nr1={grid[0]},nr2={grid[1]},nr3={grid[2]},"]
    if s.smearing:
        t += [f"occupations='smearing',smearing='{SMEARING[s.smearing]}',degauss={2 * s.width!r},"]
        if s.nbands:
            t += [f"nbnd={s.nbands},"]
    else:
        t += ["occupations='fixed',"]
    if s.charge:
        t += [f"tot_charge={s.charge!r},"]
    if XC[s.xc]:
        t += [f"input_dft='{XC[s.xc]}',"]
    t += ["/", "&electrons", f"conv_thr={conv_thr:.3e},diagonalization='david',startingwfc='{start}',"
          f"mixing_beta={mixing_beta},electron_maxstep=200" + (",diago_thr_init=1d-4" if s.tight else ""), "/",
          "ATOMIC_SPECIES"]
    t += [f"{k} 1.0 {names[k]}" for k in kinds]
    t += ["CELL_PARAMETERS bohr"] + [" ".join("%.14f" % (x / BOHR) for x in row) for row in frame.cell]
    t += ["ATOMIC_POSITIONS bohr"]
    t += [k + " " + " ".join("%.14f" % (x / BOHR) for x in at) for k, at in zip(frame.symbols, frame.positions)]
    if s.gamma():
        t += ["K_POINTS gamma"]
    else:
        points = kpoints(s)
        t += ["K_POINTS crystal", str(len(points))]
        t += ["%.14f %.14f %.14f %.14f" % (*k, w) for k, w in points]
    return "\n".join(x for x in t if x) + "\n"


def parse(work):
    found = [os.path.join(work, "tmp", n) for n in ("x.xml", "x.save/data-file-schema.xml")]
    found = [p for p in found if os.path.exists(p)]
    if not found:
        raise Failed("pw.x wrote no XML file")
    out = ET.parse(found[0]).getroot().find("output")
    number = lambda path: float(out.find(path).text)
    forces = [float(x) for x in out.find("forces").text.split()]
    stress = [float(x) for x in out.find("stress").text.split()]
    grid = out.find("basis_set/fft_grid").attrib
    fermi, ts = out.find("band_structure/fermi_energy"), out.find("total_energy/demet")
    force_unit = HARTREE / BOHR
    return Result(
        energy=number("total_energy/etot") * HARTREE,
        forces=without_sum([[force_unit * v for v in forces[3 * i:3 * i + 3]] for i in range(len(forces) // 3)]),
        # its sign: pressure positive
        stress=[[-GPA * HARTREE / BOHR ** 3 * stress[3 * i + j] for j in range(3)] for i in range(3)],
        grid=[int(grid["nr1"]), int(grid["nr2"]), int(grid["nr3"])],
        iterations=int(number("convergence_info/scf_conv/n_scf_steps")),
        fermi=float(fermi.text) * HARTREE if fermi is not None else None,
        ts=float(ts.text) * HARTREE if ts is not None else None)


def parse_text(text, natoms):
    """What the standard output has (fewer digits), for timed runs that write no files."""
    unit = HARTREE / BOHR / 2
    energy = float(re.findall(r"^!\s+total energy\s+=\s+(-?[\d.]+)", text, re.M)[-1])
    rows = re.findall(r"atom\s+\d+ type\s+\d+\s+force =\s+(-?[\d.]+)\s+(-?[\d.]+)\s+(-?[\d.]+)", text)[:natoms]
    at = text.split("total   stress")[1].split("\n")[1:4]
    grid = re.search(r"FFT dimensions: \(\s*(\d+),\s*(\d+),\s*(\d+)\)", text)
    return Result(energy=energy * HARTREE / 2, forces=without_sum([[unit * float(v) for v in r] for r in rows]),
                  stress=[[-GPA * HARTREE / 2 / BOHR ** 3 * float(v) for v in row.split()[:3]] for row in at],
                  grid=[int(x) for x in grid.groups()],
                  iterations=int(re.search(r"convergence has been achieved in\s+(\d+)", text).group(1)))


def calculate(frame, s, work, ranks=1, limit=600, conv_thr=1e-12, upf_files=None, **more):
    """upf_files: symbol -> UPF file in place of the converted psp8."""
    for k in frame.kinds():
        target = os.path.join(work, k + ".UPF")
        if upf_files:
            shutil.copy(upf_files[k], target)
        elif not os.path.exists(target):
            upf.write(s.pseudo[k], k, target)
    shutil.rmtree(os.path.join(work, "tmp"), ignore_errors=True)
    open(os.path.join(work, "qe.in"), "w").write(input_text(frame, s, conv_thr, **more))
    text, seconds, rss = run(launcher(ranks) + ["pw.x", "-in", "qe.in"], work, "qe.out", limit)
    if "convergence has been achieved" not in text:
        raise Failed("pw.x did not converge:\n" + text[-2000:])
    r = parse(work) if more.get("disk", "low") == "low" else parse_text(text, len(frame.symbols))
    r.seconds, r.rss = seconds, rss
    return r
