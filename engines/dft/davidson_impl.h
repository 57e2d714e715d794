// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Loops of davidson.c over one orbital in one precision; included once for each, with REAL, SQRT and FN(name) defined.

// |hx - e x|^2 over this rank's rows.
static double FN(residual2)(int n, const void *vx, const void *vhx, double e)
{
    const REAL *x = vx, *hx = vhx;
    double sum = 0;
    for (int i = 0; i < 2 * n; i++) {
        double r = (double)hx[i] - e * (double)x[i];
        sum += r * r;
    }
    return sum;
}

// Diagonal of H - e, kept away from zero smoothly as in Quantum ESPRESSO (P. Giannozzi et al., JPCM 21,
// 395502, 2009).
static REAL FN(damping)(const struct ham *h, REAL shift, int i)
{
    REAL y = 3 * ((REAL)(0.5 * h->k->q2[i] + h->diag[i]) + shift); // 3: fewest steps for Li3PS4
    return 2 / (1 + y + SQRT(1 + (y - 1) * (y - 1)));
}

static void FN(precondition)(const struct ham *h, const void *vx, const void *vhx, double e, void *vt)
{
    const REAL *x = vx, *hx = vhx, shift = (REAL)(h->vmean - e), f = (REAL)e;
    REAL *t = vt;
    for (int i = 0; i < h->k->nloc; i++) {
        REAL w = FN(damping)(h, shift, i);
        t[2 * i] = w * (hx[2 * i] - f * x[2 * i]);
        t[2 * i + 1] = w * (hx[2 * i + 1] - f * x[2 * i + 1]);
    }
}
