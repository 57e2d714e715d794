# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
"""Birch-Murnaghan equation of state (F. Birch, Phys. Rev. 71, 809, 1947): E is a cubic in x = V^(-2/3)."""
from common import GPA


def _solve(a, b):
    n = len(b)
    m = [row[:] + [v] for row, v in zip(a, b)]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[p] = m[p], m[i]
        for r in range(n):
            if r != i:
                f = m[r][i] / m[i][i]
                m[r] = [u - f * v for u, v in zip(m[r], m[i])]
    return [m[i][n] / m[i][i] for i in range(n)]


def fit(volumes, energies):
    """(V0 in Ang^3, B0 in GPa) from Ang^3 and eV, least squares."""
    x = [v ** (-2 / 3) for v in volumes]
    mid, scale = sum(x) / len(x), max(x) - min(x)
    e0 = energies[len(energies) // 2]
    u = [(v - mid) / scale for v in x]
    moments = [[sum(t ** (i + j) for t in u) for j in range(4)] for i in range(4)]
    c = _solve(moments, [sum(t ** i * (e - e0) for t, e in zip(u, energies)) for i in range(4)])
    first = lambda t: c[1] + 2 * c[2] * t + 3 * c[3] * t * t
    second = lambda t: 2 * c[2] + 6 * c[3] * t
    t = 0.0
    for _ in range(100):  # Newton from the middle
        t -= first(t) / second(t)
    x0 = mid + scale * t
    v0 = x0 ** -1.5
    # at the minimum d2E/dV2 = E''(x) (dx/dV)^2, dx/dV = -2/3 V^(-5/3)
    b0 = v0 * second(t) / scale ** 2 * (2 / 3 * v0 ** (-5 / 3)) ** 2
    return v0, b0 * GPA
