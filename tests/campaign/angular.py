#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""angular.py MODEL.dp FRAMES.extxyz TEST.extxyz [--reach 5] [--up-to 900] [--like O=S]: what a potential's errors have to do with angles.

Its errors on labelled FRAMES that it was not trained on are fitted by a linear model of the environments within --reach Ang, and what that takes off the errors on TEST is
printed. The model knows of each atom i, for each element Z and radial function a, the moments M(l) = sum over the neighbours j of element Z of phi_a(r_ij) u_ij (x) .. (x) u_ij
(l times the direction) and has one coefficient for each contraction M(l) . M'(l) of two of them, by element of i: sums over pairs of neighbours of phi_a phi_b cos^l of the angle between
them (as the atomic cluster expansion of body order three, R. Drautz, Phys. Rev. B 99, 014104 (2019), eq. 24, without the traces taken out). l <= 1 is what the descriptor
se_e2_a is made of; if l = 2 and 3 take more off than l <= 1, then angles are missing in it. Ridge regression, rows weighted by 0.065 eV/Ang and 2 meV/atom.

Needs numpy and the Python module of alnd (PYTHONPATH, ALND_LIBRARY)."""
import argparse

import numpy as np

import alnd
from extxyz import frames, key

CENTRE = np.array([1.6, 2.0, 2.4, 3.0, 3.6, 4.2, 4.8])
WIDTH = np.array([0.25, 0.25, 0.3, 0.45, 0.5, 0.5, 0.5])
RADIAL, ORDER = len(CENTRE), 3
PART = [slice(0, 1), slice(1, 4), slice(4, 13), slice(13, 40)]  # components of the moments of order 0 .. 3


def radial(r, reach):
    """phi [n, RADIAL] and its derivative"""
    cut, slope = 0.5 * (np.cos(np.pi * r / reach) + 1), -0.5 * np.pi / reach * np.sin(np.pi * r / reach)
    g = np.exp(-(r[:, None] - CENTRE) ** 2 / (2 * WIDTH ** 2))
    return g * cut[:, None], -(r[:, None] - CENTRE) / WIDTH ** 2 * g * cut[:, None] + g * slope[:, None]


def directions(u, r):
    """Products of the components of u, order 0 to 3, and their derivatives by r u: [n, 40], [n, 40, 3]"""
    n = len(r)
    p = (np.eye(3) - u[:, :, None] * u[:, None, :]) / r[:, None, None]
    t = [np.ones((n, 1)), u, np.einsum('pi,pj->pij', u, u).reshape(n, 9), np.einsum('pi,pj,pk->pijk', u, u, u).reshape(n, 27)]
    d = [np.zeros((n, 1, 3)), p, (np.einsum('pim,pj->pijm', p, u) + np.einsum('pi,pjm->pijm', u, p)).reshape(n, 9, 3),
         (np.einsum('pim,pj,pk->pijkm', p, u, u) + np.einsum('pi,pjm,pk->pijkm', u, p, u)
          + np.einsum('pi,pj,pkm->pijkm', u, u, p)).reshape(n, 27, 3)]
    return np.concatenate(t, 1), np.concatenate(d, 1)


def pairs(cell, x, reach):
    """(i, j, vector from i to j) of all within reach"""
    inverse = np.linalg.inv(cell)
    x = x - np.floor(x @ inverse) @ cell
    n = np.ceil(reach * np.linalg.norm(inverse, axis=0)).astype(int)
    shift = np.array([s for s in np.ndindex(*(2 * n + 1))]) - n
    d = x[None, :, None, :] + (shift @ cell)[None, None] - x[:, None, None, :]
    r = np.sqrt((d ** 2).sum(-1))
    i, j, k = np.nonzero((r < reach) & (r > 0.1))
    return i, j, d[i, j, k], r[i, j, k]


def scatter(out, i, j, value):
    """What moves j one way moves i the other way."""
    np.add.at(out, j, value)
    np.subtract.at(out, i, value)


def features(cell, kind, x, nkinds, reach):
    """Of one frame: sums over atoms [n] and their negative derivatives by the positions [3 natoms, n]"""
    natoms, k = len(kind), nkinds * RADIAL
    i, j, d, r = pairs(cell, x, reach)
    u = d / r[:, None]
    phi, slope = radial(r, reach)
    t, dt = directions(u, r)
    one = slope[:, :, None, None] * u[:, None, None, :] * t[:, None, :, None] + phi[:, :, None, None] * dt[:, None]
    moment = np.zeros((natoms, nkinds, RADIAL, PART[-1].stop))
    np.add.at(moment, (i, kind[j]), phi[:, :, None] * t[:, None, :])
    moment = moment.reshape(natoms, k, -1)
    upper, energies, forces = np.triu_indices(k), [], []
    for part in PART:
        m = moment[:, :, part]
        product = np.einsum('nac,nbc->nab', m, m)
        change = np.einsum('pacx,pbc->pxab', one[:, :, part], m[i], optimize=True)
        for z in range(nkinds):
            total = np.zeros((natoms, 3, k, k))
            for y in range(nkinds):
                q = (kind[i] == z) & (kind[j] == y)
                block = np.zeros((natoms, 3, RADIAL, k))
                scatter(block, i[q], j[q], change[q])
                total[:, :, y * RADIAL:(y + 1) * RADIAL] += block
                total[:, :, :, y * RADIAL:(y + 1) * RADIAL] += block.transpose(0, 1, 3, 2)
            energies.append(product[kind == z].sum(0)[upper])
            forces.append(-total[:, :, upper[0], upper[1]].reshape(3 * natoms, -1))
    return np.concatenate(energies), np.concatenate(forces, 1)


def read(model, path, symbols, o):
    """Rows of the regression: features of energies (per atom) and forces, errors of both (eV/atom, eV/Ang), which composition"""
    rows, compositions = [], []
    for header, lines in frames(path):
        if not float(key(header, 'temperature') or np.inf) <= o.up_to:
            continue
        atoms = [line.split() for line in lines]
        names = [a[0] for a in atoms]
        x, f = (np.array([a[k:k + 3] for a in atoms], float) for k in (1, 4))
        if np.abs(f).max() > o.max_force:
            continue
        cell = np.array(key(header, 'Lattice').split(), float).reshape(3, 3)
        r = model.evaluate(x, symbols=names, cell=cell)
        e, force = features(cell, np.array([symbols.index(o.like.get(n, n)) for n in names]), x, len(symbols), o.reach)
        rows.append((e / len(names), force.astype(np.float32), (float(key(header, 'energy')) - float(r.energy)) / len(names), (f - np.asarray(r.forces)).ravel()))
        compositions.append(' '.join(sorted(names)))
    energy, force, de, df = zip(*rows)
    return np.array(energy), np.concatenate(force), np.array(de), np.concatenate(df), compositions


def rms(v):
    return np.sqrt((v ** 2).mean())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('model', 'frames', 'test'):
        p.add_argument(name)
    p.add_argument('--reach', type=float, default=5.0, help='Ang')
    p.add_argument('--up-to', type=float, default=900.0, help='K: of frames of hotter trajectories, or of none, nothing is fitted')
    p.add_argument('--max-force', type=float, default=10.0, help='eV/Ang on a component')
    p.add_argument('--ridge', type=float, nargs='+', default=[1e3, 1e4, 3e4])
    p.add_argument('--like', nargs='*', default=[], help='O=S: an element of which there are few counts as another')
    o = p.parse_args()
    o.like = dict(pair.split('=') for pair in o.like)
    found = {line.split()[0] for path in (o.frames, o.test) for _, lines in frames(path) for line in lines}
    symbols = sorted({o.like.get(n, n) for n in found})
    model = alnd.Model(o.model)
    e, f, de, df, made = read(model, o.frames, symbols, o)
    te, tf, tde, tdf, tmade = read(model, o.test, symbols, o)
    kinds = sorted(set(made + tmade))  # each composition has a constant of its own
    own, town = (np.array([[c == k for k in kinds] for c in m], float) for m in (made, tmade))
    scale = np.sqrt((f.astype(float) ** 2).mean(0)) + 1e-9
    e, te, f, tf = e / scale, te / scale, f / scale.astype(np.float32), tf / scale.astype(np.float32)
    order = np.repeat(np.arange(ORDER + 1), e.shape[1] // (ORDER + 1))
    ff, fy = (f.T @ f).astype(float) / 0.065 ** 2, f.T.astype(float) @ df / 0.065 ** 2
    print(f'{len(de)} frames, tested on {len(tde)}: {rms(tdf):.4f} eV/Ang, {1e3 * rms(tde):.2f} meV/atom without')
    for l in range(1, ORDER + 1):
        take = np.nonzero(order <= l)[0]
        x, n = np.column_stack([e[:, take], own]) / 0.002, len(take)
        for ridge in o.ridge:
            h, b = x.T @ x, x.T @ de / 0.002
            h[:n, :n] += ff[np.ix_(take, take)] + ridge * np.eye(n)
            b[:n] += fy[take]
            h[n:, n:] += 1e-3 * np.eye(len(kinds))
            w = np.linalg.solve(h, b)
            print(f'l <= {l}, {n} features, ridge {ridge:g}: {rms(tdf - tf[:, take] @ w[:n]):.4f} eV/Ang, '
                  f'{1e3 * rms(tde - np.column_stack([te[:, take], town]) @ w):.2f} meV/atom', flush=True)


if __name__ == '__main__':
    main()
