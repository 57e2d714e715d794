// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/formfac.h"

#include <math.h>

#include "base/mem.h"
#include "base/units.h"

enum { NJ = PSP_LMAX + 2 };

static const double table_dq = 0.01; // interpolation error < 1e-9 of a form factor that spans 2 bohr

void bessel_scaled(int lmax, double x, double *ret)
{
    if (x < 2) { // series: J_l = sum_k (-x^2/2)^k / (k! (2l + 2k + 1)!!)
        double y = -0.5 * x * x, lead = 1;
        for (int l = 0; l <= lmax; l++) {
            lead /= 2 * l + 1;
            double term = lead, s = term;
            for (int k = 1; k < 16; k++) {
                term *= y / (k * (2 * l + 2 * k + 1));
                s += term;
            }
            ret[l] = s;
        }
        return;
    }
    // J_(l+1) = ((2l + 1) J_l - J_(l-1)) / x^2
    double ix2 = 1 / (x * x);
    ret[0] = sin(x) / x;
    if (lmax > 0) ret[1] = (ret[0] - cos(x)) * ix2;
    for (int l = 1; l < lmax; l++)
        ret[l + 1] = ((2 * l + 1) * ret[l] - ret[l - 1]) * ix2;
}

void qtable_eval(const struct qtable *t, double q, double *ret_f, double *ret_df)
{
    int i = (int)(q / t->dq);
    if (i > t->n - 2) {
        *ret_f = *ret_df = 0;
        return;
    }
    double h = t->dq, s = q / h - i, f0 = t->f[i][0], f1 = t->f[i + 1][0], d0 = h * t->f[i][1],
           d1 = h * t->f[i + 1][1];
    double c2 = 3 * (f1 - f0) - 2 * d0 - d1, c3 = 2 * (f0 - f1) + d0 + d1;
    *ret_f = f0 + s * (d0 + s * (c2 + s * c3));
    *ret_df = (d0 + s * (2 * c2 + 3 * s * c3)) / h;
}

static enum al_err qtable_alloc(struct qtable *t, int n)
{
    AL_ALLOC(t->f, n);
    t->n = n;
    t->dq = table_dq;
    return AL_ERR_OK;
}

// One radial function u(r): value = pref int u r^(l+1) J_l(qr) dr.
struct integrand {
    struct qtable *t;
    double *u; // [mmax] u r^(l+1), integration weights and prefactor included
    int l;
};

static enum al_err add(const struct psp8 *p, struct integrand *in, int *n, struct qtable *t, int nq, int l,
                       const double *f, int kind)
{
    static const double gregory[5] = {95. / 288, 317. / 240, 23. / 30, 793. / 720, 157. / 160};
    double *u = NULL;
    AL_TRY(qtable_alloc(t, nq));
    AL_ALLOC(u, p->mmax);
    for (int i = 0; i < p->mmax; i++) {
        double r = i * p->h, w = p->h;
        if (i < 5) w *= gregory[i];
        if (p->mmax - 1 - i < 5) w *= gregory[p->mmax - 1 - i];
        switch (kind) {
        case 'b':
            u[i] = 4 * AL_PI * w * f[i] * pow(r, l + 1);
            break; // f = r beta
        case 'v':
            u[i] = 4 * AL_PI * w * (r * f[i] + p->zion) * r;
            break; // f = V
        default:
            u[i] = w * f[i] * r * r;
            break; // f = 4 pi rho
        }
    }
    in[(*n)++] = (struct integrand){t, u, l};
    return AL_ERR_OK;
}

static void integrate(const struct psp8 *p, const struct integrand *in, int n, int iq)
{
    double q = iq * table_dq, s[PSP_CHANNELS + 3] = {0}, d[PSP_CHANNELS + 3] = {0}, j[NJ];
    for (int i = 0; i < p->mmax; i++) {
        double r = i * p->h;
        bessel_scaled(NJ - 1, q * r, j);
        for (int k = 0; k < n; k++) {
            s[k] += in[k].u[i] * j[in[k].l];
            d[k] -= in[k].u[i] * q * r * r * j[in[k].l + 1];
        }
    }
    for (int k = 0; k < n; k++) {
        in[k].t->f[iq][0] = s[k];
        in[k].t->f[iq][1] = d[k];
    }
}

enum al_err formfac_create(const struct psp8 *p, double qmax, struct formfac **ret)
{
    AL_OWN(formfac) f = NULL;
    AL_ALLOC(f, 1);
    f->psp = p;
    int nq = (int)(qmax / table_dq) + 3, n = 0;
    struct integrand in[PSP_CHANNELS + 3];
    enum al_err e = AL_ERR_OK;
    for (int c = 0; c < p->nchan && e == AL_ERR_OK; c++)
        e = add(p, in, &n, &f->beta[c], nq, p->l[c], p->beta[c], 'b');
    if (e == AL_ERR_OK) e = add(p, in, &n, &f->local, nq, 0, p->vloc, 'v');
    if (e == AL_ERR_OK && p->core) e = add(p, in, &n, &f->core, nq, 0, p->core, 'r');
    if (e == AL_ERR_OK && p->valence) e = add(p, in, &n, &f->valence, nq, 0, p->valence, 'r');
    if (e == AL_ERR_OK)
        for (int iq = 0; iq < nq; iq++)
            integrate(p, in, n, iq);
    for (int k = 0; k < n; k++)
        al_free(in[k].u);
    AL_TRY(e);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

void formfac_destroy(struct formfac **f)
{
    if (!*f) return;
    for (int c = 0; c < PSP_CHANNELS; c++)
        al_free((*f)->beta[c].f);
    al_free((*f)->local.f);
    al_free((*f)->core.f);
    al_free((*f)->valence.f);
    al_free(*f);
    *f = NULL;
}
