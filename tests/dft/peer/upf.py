# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Writes a psp8 file as UPF 2, for Quantum ESPRESSO (and for our own UPF reader): same tables, other wrapping.

psp8 (ABINIT's documentation of the format): r beta_l(r) in Hartree units with the energies ekb, V_loc in Ha, core and
valence charge times 4 pi. UPF (its specification): Rydberg, PP_DIJ, core charge without 4 pi, valence 4 pi r^2 rho.
Beyond the tables V_loc is -Z/r and the charges are continued as exponentials or end.
"""
import glob
import math
import os
import sys


class Psp8:
    def __init__(self, path):
        lines = open(path).read().split("\n")
        self.title = lines[0].strip()
        self.z, self.zion = (float(x) for x in lines[1].split()[:2])
        _, self.pspxc, self.lmax, self.lloc, self.mmax = (int(x) for x in lines[2].split()[:5])
        self.core_charge = float(lines[3].split()[1])
        nproj = [int(x) for x in lines[4].split()[:5]]
        extension = int(lines[5].split()[0])
        at = 6
        if extension not in (0, 1):
            raise ValueError(f"{path}: extension switch {extension} (spin-orbit) not handled")
        self.beta = []  # (l, ekb, [r beta])
        for l in range(self.lmax + 1):
            if nproj[l] == 0:
                continue
            head = lines[at].split()
            assert int(head[0]) == l
            rows = [lines[at + 1 + i].split() for i in range(self.mmax)]
            for k in range(nproj[l]):
                self.beta.append((l, float(head[1 + k]), [float(r[2 + k]) for r in rows]))
            at += 1 + self.mmax
        assert int(lines[at].split()[0]) == self.lloc
        rows = [lines[at + 1 + i].split() for i in range(self.mmax)]
        self.r = [float(r[1]) for r in rows]
        self.vloc = [float(r[2]) for r in rows]
        at += 1 + self.mmax
        self.core = self.valence = None
        if self.core_charge > 0:
            self.core = [float(lines[at + i].split()[2]) / (4 * math.pi) for i in range(self.mmax)]
            at += self.mmax
        if extension == 1:
            self.valence = [float(lines[at + i].split()[2]) / (4 * math.pi) for i in range(self.mmax)]


def _field(name, values, **attributes):
    text = "".join(f' {k}="{v}"' for k, v in attributes.items())
    rows = [" ".join("%.14E" % x for x in values[i:i + 4]) for i in range(0, len(values), 4)]
    return f'<{name} type="real" size="{len(values)}" columns="4"{text}>\n' + "\n".join(rows) + f"\n</{name}>\n"


def _trapezoid(y, h):
    return h * (sum(y) - 0.5 * (y[0] + y[-1]))


def _atomic_density(p, r, h):
    """4 pi r^2 rho, continued by an exponential behind the table, normalised to the valence charge."""
    n = len(p.r)
    if not p.valence:
        q = [4 * math.pi * x * x * math.exp(-2 * x) for x in r]
    else:
        k, back = n - 1, 60
        tail = [p.valence[i] * p.r[i] ** 2 for i in (k - back, k)]
        slope = math.log(tail[0] / tail[1]) / (back * h) if tail[0] > tail[1] > 0 else 5.0
        q = [4 * math.pi * (p.r[i] ** 2 * p.valence[i] if i < n else tail[1] * math.exp(-slope * (r[i] - p.r[k])))
             for i in range(len(r))]
    total = _trapezoid(q, h)
    return [x * p.zion / total for x in q]


def write(psp8_path, symbol, out_path, functional="PBE"):
    p = Psp8(psp8_path)
    h = p.r[1] - p.r[0]
    m = max(len(p.r), int(round(10 / h)) + 1)
    m += 1 - m % 2  # Simpson's rule wants an odd number
    r = [h * i for i in range(m)]
    pad = [0.0] * (m - len(p.r))
    vloc = p.vloc + [-p.zion / x for x in r[len(p.r):]]
    nb = len(p.beta)
    cut = len(p.r) - 1 + len(p.r) % 2
    head = dict(generated="tests/dft/peer/upf.py", author="", date="", comment=p.title, element=symbol,
                pseudo_type="NC", relativistic="scalar", is_ultrasoft="F", is_paw="F", is_coulomb="F", has_so="F",
                has_wfc="F", has_gipaw="F", paw_as_gipaw="F", core_correction="T" if p.core else "F",
                functional=functional, z_valence="%.8f" % p.zion, total_psenergy="0.0", wfc_cutoff="0.0",
                rho_cutoff="0.0", l_max=p.lmax, l_max_rho="0", l_local="-3", mesh_size=m, number_of_wfc="0",
                number_of_proj=nb)
    t = '<UPF version="2.0.1">\n<PP_INFO>\nsame tables as ' + p.title + "\n</PP_INFO>\n<PP_HEADER"
    t += "".join(f' {k}="{v}"' for k, v in head.items()) + "/>\n"
    t += f'<PP_MESH dx="{h:g}" mesh="{m}" xmin="0" rmax="{r[-1]:g}" zmesh="{p.z:g}">\n'
    t += _field("PP_R", r) + _field("PP_RAB", [h] * m) + "</PP_MESH>\n"
    if p.core:
        t += _field("PP_NLCC", p.core + pad)
    t += _field("PP_LOCAL", [2 * v for v in vloc]) + "<PP_NONLOCAL>\n"
    for i, (l, _, b) in enumerate(p.beta):
        t += _field(f"PP_BETA.{i + 1}", b + pad, index=i + 1, angular_momentum=l, cutoff_radius_index=cut,
                    cutoff_radius="%g" % r[cut - 1])
    dij = [2 * p.beta[i][1] if i == j else 0.0 for i in range(nb) for j in range(nb)]
    t += _field("PP_DIJ", dij) + "</PP_NONLOCAL>\n<PP_PSWFC>\n</PP_PSWFC>\n"
    t += _field("PP_RHOATOM", _atomic_density(p, r, h)) + "</UPF>\n"
    open(out_path, "w").write(t)


def write_all(psp8_dir, symbols, out_dir="."):
    """OUT_DIR/SYMBOL.upf of each element; the first one that has no psp8 file, or None."""
    for s in symbols:
        source = glob.glob(os.path.join(psp8_dir, f"*_{s}_*.psp8"))
        if not source:
            return s
        write(source[0], s, os.path.join(out_dir, f"{s}.upf"))
    return None


if __name__ == "__main__":  # upf.py PSP8_DIR OUT_DIR SYMBOL...; exit 77: not all are there
    sys.exit(77 if write_all(sys.argv[1], sys.argv[3:], sys.argv[2]) else 0)
