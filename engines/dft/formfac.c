// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/formfac.h"

#include <math.h>

#include "base/frame.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/atom.h"
#include "dft/gth.h"

enum { NJ = PSP_LMAX + 3 };

static const double table_dq = 0.025;

void qtable_eval(const struct qtable *t, double q, double *ret_f, double *ret_df)
{
    int i = (int)(q / t->dq);
    if (i > t->n - 2) {
        *ret_f = *ret_df = 0;
        return;
    }
    double h = t->dq, s = q / h - i, f0 = t->f[i][0], d0 = h * t->f[i][1], e0 = 0.5 * h * h * t->f[i][2];
    double d1 = h * t->f[i + 1][1], e1 = 0.5 * h * h * t->f[i + 1][2];
    // what a parabola from the left misses at the right
    double a = t->f[i + 1][0] - f0 - d0 - e0, b = d1 - d0 - 2 * e0, c = e1 - e0;
    double c3 = 10 * a - 4 * b + c, c4 = -15 * a + 7 * b - 2 * c, c5 = 6 * a - 3 * b + c;
    *ret_f = f0 + s * (d0 + s * (e0 + s * (c3 + s * (c4 + s * c5))));
    *ret_df = (d0 + s * (2 * e0 + s * (3 * c3 + s * (4 * c4 + s * 5 * c5)))) / h;
}

static enum al_err qtable_alloc(struct qtable *t, int n)
{
    AL_ALLOC(t->f, n);
    t->n = n;
    t->dq = table_dq;
    return AL_ERR_OK;
}

// J_0 .. J_(NJ-1) at x_i = q r_i of an ascending mesh, each [m]; the angle steps by q, so that sines and cosines
// come from a rotation, and the compiler vectorises over the mesh.
struct mesh_bessel {
    int m;
    const double *r;
    double *all;               // owner of what follows
    double *s, *c, *ds, *dc;   // sin and cos of q r, of dq r
    double *j[NJ];
};

static void mesh_bessel_drop(struct mesh_bessel *b)
{
    al_free(b->all);
}

static enum al_err mesh_bessel_make(int n, const double *r, struct mesh_bessel *b)
{
    size_t m = ((size_t)n + 7) / 8 * 8;
    *b = (struct mesh_bessel){.m = n, .r = r};
    AL_ALLOC(b->all, (4 + NJ) * m);
    double **at[] = {&b->s, &b->c, &b->ds, &b->dc};
    for (int k = 0; k < 4; k++)
        *at[k] = b->all + (size_t)k * m;
    for (int l = 0; l < NJ; l++)
        b->j[l] = b->all + (size_t)(4 + l) * m;
    for (int i = 0; i < n; i++) {
        b->ds[i] = sin(table_dq * r[i]);
        b->dc[i] = cos(table_dq * r[i]);
        b->c[i] = 1;
    }
    return AL_ERR_OK;
}

// x < 2: series for the two highest, J_(l-1) = (2l + 1) J_l - x^2 J_(l+1) downwards, which is stable.
static void small_arguments(const struct mesh_bessel *b, double q, int n)
{
    static const double lead[2] = {1. / 945, 1. / 10395}; // 1/(2l + 1)!! of l = 4, 5
    _Static_assert(NJ == 6, "J_0 to J_5 are written out");
    for (int i = 0; i < n; i++) {
        double x2 = q * b->r[i] * (q * b->r[i]), y = -0.5 * x2, s4 = 1, s5 = 1;
        for (int k = 9; k > 0; k--) { // nested: 1 + y/(1 (2l+3)) (1 + y/(2 (2l+5)) (...))
            s4 = 1 + s4 * y / (k * (2 * 4 + 2 * k + 1));
            s5 = 1 + s5 * y / (k * (2 * 5 + 2 * k + 1));
        }
        double j5 = lead[1] * s5, j4 = lead[0] * s4, j3 = 9 * j4 - x2 * j5, j2 = 7 * j3 - x2 * j4, j1 = 5 * j2 - x2 * j3;
        b->j[5][i] = j5;
        b->j[4][i] = j4;
        b->j[3][i] = j3;
        b->j[2][i] = j2;
        b->j[1][i] = j1;
        b->j[0][i] = 3 * j1 - x2 * j2;
    }
}

static void large_arguments(const struct mesh_bessel *b, double q, int n)
{
    for (int i = n; i < b->m; i++) {
        double x = q * b->r[i], ix2 = 1 / (x * x), j0 = b->s[i] / x, j1 = (j0 - b->c[i]) * ix2;
        double j2 = (3 * j1 - j0) * ix2, j3 = (5 * j2 - j1) * ix2, j4 = (7 * j3 - j2) * ix2;
        b->j[0][i] = j0;
        b->j[1][i] = j1;
        b->j[2][i] = j2;
        b->j[3][i] = j3;
        b->j[4][i] = j4;
        b->j[5][i] = (9 * j4 - j3) * ix2;
    }
}

// For iq = 0, 1, 2, ... in turn.
static void mesh_bessel_at(const struct mesh_bessel *b, int iq)
{
    double q = iq * table_dq;
    int n = 0;
    for (int i = 0; iq > 0 && i < b->m; i++) {
        double s = b->s[i] * b->dc[i] + b->c[i] * b->ds[i], c = b->c[i] * b->dc[i] - b->s[i] * b->ds[i];
        b->s[i] = s;
        b->c[i] = c;
    }
    while (n < b->m && q * b->r[n] < 2)
        n++;
    small_arguments(b, q, n);
    large_arguments(b, q, n);
}

// One radial function u(r): value = int u r^(l+1) J_l(qr) dr, derivatives -q int u r^(l+3) J_(l+1) and
// int u r^(l+3) (q^2 r^2 J_(l+2) - J_(l+1)).
struct integrand {
    struct qtable *t;
    double *u; // [3][points of the mesh] u r^(l+1) with weights, times r^2, times r^4
    int l;
};

struct integrands { // on one mesh
    struct mesh_bessel b;
    int n;
    struct integrand of[PSP_CHANNELS + 3];
};

static void integrands_drop(struct integrands *in)
{
    for (int k = 0; k < in->n; k++)
        al_free(in->of[k].u);
    mesh_bessel_drop(&in->b);
}

// The next integral, into t; u r^(l+1) with weights is the caller's to write.
static enum al_err add(struct integrands *in, struct qtable *t, int nq, int l, double **ret_u)
{
    struct integrand *g = &in->of[in->n];
    AL_TRY(qtable_alloc(t, nq));
    AL_ALLOC(g->u, 3 * (size_t)in->b.m);
    g->t = t;
    g->l = l;
    in->n++;
    *ret_u = g->u;
    return AL_ERR_OK;
}

static enum al_err add_table(const struct pseudo *p, struct integrands *in, struct qtable *t, int nq, int l,
                             const double *f, char kind)
{
    double *u;
    AL_TRY(add(in, t, nq, l, &u));
    for (int i = 0; i < p->mmax; i++) {
        double r = p->r[i], x = p->w[i];
        switch (kind) {
        case 'b':
            x *= 4 * AL_PI * f[i] * pow(r, l + 1);
            break; // f = r beta
        case 'v':
            x *= 4 * AL_PI * (r * f[i] + p->zion) * r;
            break; // f = V
        default:
            x *= f[i] * r * r;
            break; // f = 4 pi rho
        }
        u[i] = x;
    }
    return AL_ERR_OK;
}

static void integrate_at(const struct integrands *in, int iq)
{
    const struct mesh_bessel *b = &in->b;
    double q = iq * table_dq;
    mesh_bessel_at(b, iq);
    for (int k = 0; k < in->n; k++) {
        const struct integrand *g = &in->of[k];
        double d = al_ddot(b->m, g->u + b->m, b->j[g->l + 1]);
        g->t->f[iq][0] = al_ddot(b->m, g->u, b->j[g->l]);
        g->t->f[iq][1] = -q * d;
        g->t->f[iq][2] = q * q * al_ddot(b->m, g->u + 2 * b->m, b->j[g->l + 2]) - d;
    }
}

static void integrate(const struct integrands *in, int nq)
{
    const struct mesh_bessel *b = &in->b;
    for (int k = 0; k < in->n; k++)
        for (int i = 0; i < b->m; i++) {
            double *u = in->of[k].u + i, r = b->r[i];
            u[b->m] = u[0] * r * r;
            u[2 * b->m] = u[0] * r * r * r * r;
        }
    for (int iq = 0; iq < nq; iq++)
        integrate_at(in, iq);
}

// The density that the SCF starts from where the file has none: that of the spherical atom.
static enum al_err atomic_valence(struct formfac *f, int nq)
{
    AL_AUTOFREE struct atom *a = NULL;
    __attribute__((cleanup(integrands_drop))) struct integrands in = {0};
    double *u;
    AL_ALLOC(a, 1);
    AL_TRY_MSG(atom_solve(f->psp, a), "atom of %s", al_element_symbol(f->psp->z));
    AL_TRY(mesh_bessel_make(ATOM_MESH, a->r, &in.b));
    AL_TRY(add(&in, &f->valence, nq, 0, &u));
    for (int i = 0; i < ATOM_MESH; i++)
        u[i] = a->w[i] * a->rho[i];
    integrate(&in, nq);
    return AL_ERR_OK;
}

static enum al_err from_tables(struct formfac *f, int nq)
{
    const struct pseudo *p = f->psp;
    __attribute__((cleanup(integrands_drop))) struct integrands in = {0};
    AL_TRY(mesh_bessel_make(p->mmax, p->r, &in.b));
    for (int c = 0; c < p->nchan; c++)
        AL_TRY(add_table(p, &in, &f->beta[c], nq, p->l[c], p->beta[c], 'b'));
    AL_TRY(add_table(p, &in, &f->local, nq, 0, p->vloc, 'v'));
    if (p->core) AL_TRY(add_table(p, &in, &f->core, nq, 0, p->core, 'r'));
    if (p->valence) AL_TRY(add_table(p, &in, &f->valence, nq, 0, p->valence, 'r'));
    else AL_TRY(atomic_valence(f, nq));
    integrate(&in, nq);
    return AL_ERR_OK;
}

static enum al_err from_gaussians(struct formfac *f, int nq)
{
    const struct pseudo *p = f->psp;
    for (int c = 0; c < p->nchan; c++)
        AL_TRY(qtable_alloc(&f->beta[c], nq));
    AL_TRY(qtable_alloc(&f->local, nq));
    AL_TRY(atomic_valence(f, nq));
    if (p->gth->core_c != 0) AL_TRY(qtable_alloc(&f->core, nq));
    for (int i = 0; i < nq; i++) {
        double q = i * table_dq;
        for (int c = 0; c < p->nchan; c++)
            gth_channel(p, c, q, f->beta[c].f[i]);
        gth_local(p->gth, q, f->local.f[i]);
        if (f->core.n) gth_core(p->gth, q, f->core.f[i]);
    }
    return AL_ERR_OK;
}

enum al_err formfac_create(const struct pseudo *p, double qmax, struct formfac **ret)
{
    AL_OWN(formfac) f = NULL;
    AL_ALLOC(f, 1);
    f->psp = p;
    int nq = (int)(qmax / table_dq) + 3;
    if (p->gth) AL_TRY(from_gaussians(f, nq));
    else AL_TRY(from_tables(f, nq));
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
