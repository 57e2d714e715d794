// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/atom.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/gth.h"
#include "dft/xc_func.h"

enum { BASIS = 15, NL = PSP_LMAX + 1, STEPS = 80 };
// exponents, 1/bohr^2: from the tail of an alkali atom to the projectors of fluorine
static const double softest = 0.015, ratio = 1.8;
static const double first_radius = 1e-4, last_radius = 25; // bohr
static const double dependent = 1e-9; // eigenvalues of the overlap below this are left out
static const double share = 0.4;      // of the new density in each step
static const double enough = 1e-4;    // electrons moved by a step

struct shell { // all functions of one l
    double u[BASIS][ATOM_MESH];
    double x[BASIS * BASIS]; // columns: orthonormal combinations
    double h0[BASIS * BASIS];
    int n; // of combinations
};

struct solver {
    const struct pseudo *p;
    struct atom *a;
    struct xc_func *func;
    struct shell *shell; // [nl]
    int nl;
    double vloc[ATOM_MESH], core[ATOM_MESH], v[ATOM_MESH], next[ATOM_MESH];
    double e[NL][BASIS], f[NL][BASIS]; // levels, electrons in them
    double c[NL][BASIS * BASIS];
};

static double table_at(const struct pseudo *p, const double *f, double r, double beyond)
{
    int lo = 0, hi = p->mmax - 1;
    if (r >= p->r[hi]) return beyond;
    if (r <= p->r[0]) return f[0];
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (p->r[mid] <= r) lo = mid;
        else hi = mid;
    }
    double t = (r - p->r[lo]) / (p->r[hi] - p->r[lo]);
    return (1 - t) * f[lo] + t * f[hi];
}

static double gth_polynomial(const struct al_gth *g, double r)
{
    double x2 = r / g->rloc * (r / g->rloc), s = 0;
    for (int i = g->nc - 1; i >= 0; i--)
        s = s * x2 + g->c[i];
    return s * exp(-0.5 * x2);
}

static void set_ion(struct solver *s)
{
    const struct pseudo *p = s->p;
    const struct al_gth *g = p->gth;
    for (int i = 0; i < ATOM_MESH; i++) {
        double r = s->a->r[i];
        if (g) {
            s->vloc[i] = -p->zion / r * erf(r / (sqrt(2) * g->rloc)) + gth_polynomial(g, r);
            s->core[i] = g->core_c != 0 ? g->core_c * exp(-0.5 * r * r / (g->core_r * g->core_r)) : 0;
        } else {
            s->vloc[i] = table_at(p, p->vloc, r, -p->zion / r);
            s->core[i] = p->core ? table_at(p, p->core, r, 0) : 0;
        }
    }
}

// r times projector c (base/gth.h).
static double projector(const struct pseudo *p, int c, double r)
{
    if (!p->gth) return table_at(p, p->beta[c], r, 0);
    const int l = p->l[c];
    const double a = p->gth->nl_part[l].r;
    double s = 0;
    for (int i = 0; i < p->gth->nl_part[l].n; i++) {
        double x = l + 2 * i + 1.5;
        s += p->mix[c][i] * sqrt(2 / tgamma(x)) * pow(a, -x) * pow(r, l + 2 * i);
    }
    return r * s * exp(-0.5 * r * r / (a * a));
}

static void functions(const struct atom *a, int l, struct shell *sh, double (*du)[ATOM_MESH])
{
    for (int k = 0; k < BASIS; k++) {
        double z = softest * pow(ratio, k), norm = 0;
        for (int i = 0; i < ATOM_MESH; i++) {
            double r = a->r[i], u = pow(r, l + 1) * exp(-z * r * r);
            sh->u[k][i] = u;
            du[k][i] = ((l + 1) / r - 2 * z * r) * u;
            norm += a->w[i] * u * u;
        }
        for (int i = 0; i < ATOM_MESH; i++) {
            sh->u[k][i] /= sqrt(norm);
            du[k][i] /= sqrt(norm);
        }
    }
}

// Kinetic energy and projectors between the functions of one l, overlap to its inverse root.
static enum al_err make_shell(struct solver *s, int l)
{
    const struct atom *a = s->a;
    struct shell *sh = &s->shell[l];
    AL_AUTOFREE double(*du)[ATOM_MESH] = NULL;
    double o[BASIS * BASIS], b[PSP_CHANNELS][BASIS] = {{0}}, e[BASIS];
    AL_ALLOC(du, BASIS);
    functions(a, l, sh, du);
    for (int c = 0; c < s->p->nchan; c++)
        for (int i = 0; s->p->l[c] == l && i < ATOM_MESH; i++) {
            double x = a->w[i] * projector(s->p, c, a->r[i]);
            for (int k = 0; k < BASIS; k++)
                b[c][k] += x * sh->u[k][i];
        }
    for (int j = 0; j < BASIS; j++)
        for (int k = 0; k < BASIS; k++) {
            double overlap = 0, t = 0, nl = 0;
            for (int i = 0; i < ATOM_MESH; i++) {
                double uu = a->w[i] * sh->u[j][i] * sh->u[k][i];
                overlap += uu;
                t += 0.5 * (a->w[i] * du[j][i] * du[k][i] + l * (l + 1) / (a->r[i] * a->r[i]) * uu);
            }
            for (int c = 0; c < s->p->nchan; c++)
                nl += s->p->ekb[c] * b[c][j] * b[c][k];
            o[j * BASIS + k] = overlap;
            sh->h0[j * BASIS + k] = t + nl;
        }
    AL_TRY(al_dsyevd(BASIS, o, BASIS, e));
    sh->n = 0;
    for (int j = 0; j < BASIS; j++) {
        if (e[j] < dependent) continue;
        for (int k = 0; k < BASIS; k++)
            sh->x[sh->n * BASIS + k] = o[j * BASIS + k] / sqrt(e[j]);
        sh->n++;
    }
    return AL_ERR_OK;
}

// Levels and functions of one l in the potential s->v.
static enum al_err solve_shell(struct solver *s, int l)
{
    struct shell *sh = &s->shell[l];
    double h[BASIS * BASIS], t[BASIS * BASIS], hx[BASIS * BASIS];
    AL_AUTOFREE double *vu = NULL;
    AL_ALLOC(vu, BASIS * ATOM_MESH);
    for (int k = 0; k < BASIS; k++)
        for (int i = 0; i < ATOM_MESH; i++)
            vu[k * ATOM_MESH + i] = s->a->w[i] * s->v[i] * sh->u[k][i];
    memcpy(h, sh->h0, sizeof h);
    al_dgemm('T', 'N', BASIS, BASIS, ATOM_MESH, 1, sh->u[0], ATOM_MESH, vu, ATOM_MESH, 1, h, BASIS);
    al_dgemm('N', 'N', BASIS, sh->n, BASIS, 1, h, BASIS, sh->x, BASIS, 0, t, BASIS);
    al_dgemm('T', 'N', sh->n, sh->n, BASIS, 1, sh->x, BASIS, t, BASIS, 0, hx, sh->n);
    AL_TRY(al_dsyevd(sh->n, hx, sh->n, s->e[l]));
    al_dgemm('N', 'N', BASIS, sh->n, sh->n, 1, sh->x, BASIS, hx, sh->n, 0, s->c[l], BASIS);
    return AL_ERR_OK;
}

// GTH entries say how many electrons of each l they hold; for tables the lowest levels are filled.
static void occupy(struct solver *s)
{
    memset(s->f, 0, sizeof s->f);
    double left = s->p->zion;
    for (int l = 0; s->p->gth && l < s->nl; l++) {
        double of_l = s->p->gth->occ[l];
        for (int n = 0; of_l > 0 && n < s->shell[l].n; n++) {
            s->f[l][n] = fmin(of_l, 2 * (2 * l + 1));
            of_l -= s->f[l][n];
        }
    }
    while (!s->p->gth && left > 1e-12) {
        int at = -1, nth = 0;
        for (int l = 0; l < s->nl; l++)
            for (int n = 0; n < s->shell[l].n; n++)
                if (s->f[l][n] == 0 && (at < 0 || s->e[l][n] < s->e[at][nth])) {
                    at = l;
                    nth = n;
                }
        s->f[at][nth] = fmin(left, 2 * (2 * at + 1));
        left -= s->f[at][nth];
    }
}

static void add_density(const struct solver *s, double *rho)
{
    for (int l = 0; l < s->nl; l++)
        for (int n = 0; n < s->shell[l].n; n++)
            for (int i = 0; s->f[l][n] > 0 && i < ATOM_MESH; i++) {
                double u = 0;
                for (int k = 0; k < BASIS; k++)
                    u += s->c[l][n * BASIS + k] * s->shell[l].u[k][i];
                rho[i] += s->f[l][n] * u * u;
            }
}

static enum al_err potential(struct solver *s)
{
    const struct atom *a = s->a;
    double n[ATOM_MESH], exc[ATOM_MESH], vxc[ATOM_MESH], inside = 0, outside = 0;
    for (int i = 0; i < ATOM_MESH; i++) {
        n[i] = (a->rho[i] / (a->r[i] * a->r[i]) + s->core[i]) / (4 * AL_PI);
        outside += a->w[i] * a->rho[i] / a->r[i];
    }
    xc_func_eval(s->func, ATOM_MESH, n, NULL, exc, vxc, NULL);
    for (int i = 0; i < ATOM_MESH; i++) { // half of a shell's charge lies inside of it
        double q = a->w[i] * a->rho[i];
        inside += 0.5 * q;
        outside -= 0.5 * q / a->r[i];
        s->v[i] = s->vloc[i] + vxc[i] + inside / a->r[i] + outside;
        inside += 0.5 * q;
        outside -= 0.5 * q / a->r[i];
    }
    return AL_ERR_OK;
}

static enum al_err step(struct solver *s, bool first)
{
    struct atom *a = s->a;
    AL_TRY(potential(s));
    for (int l = 0; l < s->nl; l++)
        AL_TRY(solve_shell(s, l));
    occupy(s);
    memset(s->next, 0, sizeof s->next);
    add_density(s, s->next);
    a->change = 0;
    for (int i = 0; i < ATOM_MESH; i++) {
        a->change += a->w[i] * fabs(s->next[i] - a->rho[i]);
        a->rho[i] += (first ? 1 : share) * (s->next[i] - a->rho[i]);
    }
    a->steps++;
    return AL_ERR_OK;
}

// A Gaussian of one bohr; any start does.
static void guess(struct solver *s)
{
    for (int i = 0; i < ATOM_MESH; i++) {
        double r = s->a->r[i];
        s->a->rho[i] = s->p->zion * sqrt(2 / AL_PI) * r * r * exp(-0.5 * r * r);
    }
}

static int shells(const struct pseudo *p)
{
    int n = 2;
    for (int l = 0; p->gth && l < AL_GTH_L; l++)
        if (p->gth->occ[l] > 0 && l + 1 > n) n = l + 1;
    for (int c = 0; !p->gth && c < p->nchan; c++)
        if (p->l[c] + 1 > n) n = p->l[c] + 1;
    return n < NL ? n : NL;
}

static enum al_err solve(struct solver *s)
{
    AL_ALLOC(s->shell, s->nl);
    AL_TRY(xc_func_create("LDA", &s->func));
    set_ion(s);
    for (int l = 0; l < s->nl; l++)
        AL_TRY(make_shell(s, l));
    guess(s);
    do
        AL_TRY(step(s, s->a->steps == 0));
    while (s->a->steps < STEPS && s->a->change > enough);
    for (int l = 0; l < NL; l++)
        s->a->level[l] = l < s->nl ? s->e[l][0] : (double)NAN;
    return AL_ERR_OK;
}

enum al_err atom_solve(const struct pseudo *p, struct atom *ret)
{
    AL_AUTOFREE struct solver *s = NULL;
    const double h = log(last_radius / first_radius) / (ATOM_MESH - 1);
    AL_ALLOC(s, 1);
    *ret = (struct atom){0};
    for (int i = 0; i < ATOM_MESH; i++) {
        ret->r[i] = first_radius * exp(i * h);
        ret->w[i] = h * ret->r[i];
    }
    s->p = p;
    s->a = ret;
    s->nl = shells(p);
    enum al_err e = solve(s);
    al_free(s->shell);
    xc_func_destroy(&s->func);
    AL_TRY(e);
    return AL_ERR_OK;
}
