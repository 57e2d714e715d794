# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""The comparisons: name -> list of (label, frame, settings), small enough for a minute or two with every code.

Cells with O or F have 45 Ha: below, ABINIT's model core charge of these elements on the FFT grid (both ways of
nc_xccc_gspace) leaves the Fourier sum that Quantum ESPRESSO and ours take, by 30 meV/atom at 22 Ha, 4 microeV at 45 Ha.
"""
import copy

from common import Settings, from_fractions, record_frame, reference_records, spms


def _fcc(a, atoms):
    h = a / 2
    return from_fractions([[0.0, h, h], [h, 0.0, h], [h, h, 0.0]], atoms)


def _volumes(a0, atoms, settings):
    out = []
    for scale in (0.94, 0.97, 1.0, 1.03, 1.06):  # of the volume
        a = a0 * scale ** (1 / 3)
        s = copy.copy(settings)
        # the grid of the largest cell for all: no step in the energies
        s.grid = [36, 36, 36]
        out.append((f"V/V0 = {scale:.2f}", _fcc(a, atoms), s))
    return out


def si_eos():
    s = Settings(ecut=20.0, pseudo=spms("Si"), mesh=(4, 4, 4), shift=(1, 1, 1))
    return _volumes(5.47, [("Si", (0.0, 0.0, 0.0)), ("Si", (0.25, 0.25, 0.25))], s)


def li2s_eos():
    s = Settings(ecut=20.0, pseudo=spms("Li", "S"), mesh=(3, 3, 3), shift=(1, 1, 1))
    return _volumes(5.71, [("S", (0.0, 0.0, 0.0)), ("Li", (0.25, 0.25, 0.25)), ("Li", (0.75, 0.75, 0.75))], s)


def _triclinic(atoms=None):
    """Antifluorite sheared, atoms off their sites: no symmetry but the lattice's own."""
    cell = [[0.1, 2.3, 2.5], [2.4, -0.15, 2.2], [2.35, 2.45, 0.2]]
    return from_fractions(cell, atoms or [("O", (0.02, 0.0, -0.01)), ("Li", (0.26, 0.23, 0.27)),
                                          ("Li", (0.74, 0.77, 0.75))])


def kpoints():
    """Low symmetry: no point of the meshes maps to another but by time reversal."""
    pseudo = spms("Li", "O")
    f = _triclinic()
    s = lambda **k: Settings(ecut=45.0, pseudo=pseudo, **k)
    return [("mesh 2x2x1, shifted by 1 0 1", f, s(mesh=(2, 2, 1), shift=(1, 0, 1))),
            ("mesh 3x2x2, not shifted", f, s(mesh=(3, 2, 2))),
            ("one general point", f, s(points=[(0.11, -0.23, 0.37)])),
            ("Gamma", f, s())]


def functionals():
    pseudo = spms("Li", "O")
    f = _triclinic()
    return [(xc, f, Settings(ecut=45.0, pseudo=pseudo, xc=xc, mesh=(2, 2, 1), shift=(1, 1, 0)))
            for xc in ("PBE", "PBEsol", "LDA", "lda_x+lda_c_pw", "revPBE")]


def metal():
    """Aluminium, four atoms moved off the sites of a slightly sheared fcc cell."""
    cell = [[4.06, 0.03, 0.0], [0.0, 4.02, 0.02], [0.05, 0.0, 4.05]]
    atoms = [("Al", (0.02, 0.0, -0.01)), ("Al", (0.51, 0.48, 0.0)), ("Al", (0.49, 0.0, 0.52)), ("Al", (0.0, 0.5, 0.5))]
    f = from_fractions(cell, atoms)
    pseudo = spms("Al")
    return [(f"{kind}, {width} Ha", f,
             Settings(ecut=12.0, pseudo=pseudo, mesh=(2, 2, 2), shift=(1, 1, 1), smearing=kind, width=width))
            for kind, width in (("gaussian", 0.01), ("fermi-dirac", 0.005), ("marzari-vanderbilt", 0.01))]


def upf():
    """Ours reads UPF 2 here, ABINIT psp8: the same tables."""
    return [(name, frame, s) for name, (_, frame, s) in (("Si", si_eos()[2]), ("Li2S", li2s_eos()[2]),
                                                         ("Li2O", functionals()[0]))]


def charged():
    """Closed shells (Li+ and O2-, two Li+ and F-) that are not neutral; a uniform background charge."""
    o = _triclinic([("O", (0.02, 0.0, -0.01)), ("Li", (0.26, 0.23, 0.27))])
    f = _triclinic([("F", (0.02, 0.0, -0.01)), ("Li", (0.26, 0.23, 0.27)), ("Li", (0.74, 0.77, 0.75))])
    pseudo = spms("Li", "O", "F")
    s = lambda q: Settings(ecut=45.0, pseudo=pseudo, mesh=(2, 1, 1), shift=(1, 0, 0), charge=q, xc="lda_x+lda_c_pw")
    return [("LiO, charge -1", o, s(-1.0)), ("Li2F, charge +1", f, s(1.0))]


def reference_frame():
    """The 16-atom frame of the reference data, at a cut-off that is quick for all, at Gamma and a special point."""
    r = [x for x in reference_records() if x["frame_id"] == "gamma_r2" and x["pseudo_set"] == "spms"][0]
    pseudo = spms("Li", "P", "S")
    return [("Gamma", record_frame(r), Settings(ecut=15.0, pseudo=pseudo)),
            ("(1/4,1/4,1/4)", record_frame(r), Settings(ecut=15.0, pseudo=pseudo, points=[(0.25, 0.25, 0.25)]))]


ALL = {f.__name__: f for f in (si_eos, li2s_eos, kpoints, functionals, upf, metal, charged, reference_frame)}
