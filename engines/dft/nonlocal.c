// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Separable nonlocal pseudopotential (L. Kleinman and D. M. Bylander, PRL 48, 1425, 1982; ONCV: no
// off-diagonal terms):
//   B_p(q) = g_c(|q|) S_lm(q) exp(-i q.tau) / sqrt(volume),  q = k + G,  E = sum_jp occ_j d_p |<B_p|c_j>|^2.
// A factor (-i)^l cancels in every product and is left out, but for real orbitals (kbasis.gamma), where with it
// the projectors are real functions, too, held like the orbitals. Projectors are ordered by atom, channel, m.
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/blocks.h"
#include "dft/terms.h"

// Real form factors of one kind: f [np][nloc] and, when df is not NULL, gradients df [np][nloc][3].
static void kind_forms(const struct formfac *ff, const struct kbasis *k, double norm, double *f,
                       double (*df)[3])
{
    const size_t n = (size_t)k->nloc;
    for (size_t i = 0; i < n; i++) {
        double q = sqrt(k->q2[i]), inv = q > 0 ? 1 / q : 0;
        size_t p = 0;
        for (int c = 0; c < ff->psp->nchan; c++) {
            double g, dg, s[7], ds[7][3];
            int l = ff->psp->l[c];
            qtable_eval(&ff->beta[c], q, &g, &dg);
            solid_harmonics(l, k->q[i], s, ds);
            for (int m = 0; m < 2 * l + 1; m++, p++) {
                if (f) f[p * n + i] = norm * g * s[m];
                for (int a = 0; df && a < 3; a++)
                    df[p * n + i][a] = norm * (dg * k->q[i][a] * inv * s[m] + g * ds[m][a]);
            }
        }
    }
}

static void atom_phase(const struct dft_system *s, const struct kbasis *k, int i, double complex *e)
{
    double x = -2 * AL_PI * al_dot3(k->k, s->tau[i]);
    double complex p0 = CMPLX(cos(x), sin(x));
    dft_phases(s, i, k->nloc, (const int(*)[3])(k->mill + k->p0), e);
    for (int j = 0; j < k->nloc; j++)
        e[j] *= p0;
}

// f e (-i)^l for real orbitals in their basis (factor sqrt 2), f e for others; f NULL: 1.
static void times_phase(const struct kbasis *k, int l, const double *f, const double complex *e,
                        double complex *b)
{
    static const double unit_re[4] = {1, 0, -1, 0}, unit_im[4] = {0, -1, 0, 1};
    const size_t n = (size_t)k->nloc;
    const double re = k->gamma ? sqrt(2) * unit_re[l % 4] : 1, im = k->gamma ? sqrt(2) * unit_im[l % 4] : 0;
    for (size_t i = 0; i < n; i++) {
        double w = f ? f[i] : 1, x = creal(e[i]), y = cimag(e[i]);
        b[i] = CMPLX(w * (re * x - im * y), w * (re * y + im * x));
    }
    if (k->gamma && k->p0 == 0) b[0] = l == 0 ? (f ? f[0] : 1) : 0;
}

static int most_projectors(const struct dft_system *s)
{
    int most = 0;
    for (int t = 0; t < s->nkinds; t++)
        if (pseudo_nproj(s->ff[t]->psp) > most) most = pseudo_nproj(s->ff[t]->psp);
    return most;
}

static int first_projector(const struct dft_system *s, int atom)
{
    int n = 0;
    for (int i = 0; i < atom; i++)
        n += pseudo_nproj(s->ff[s->kind[i]]->psp);
    return n;
}

static enum al_err fill(struct nonlocal *n)
{
    const struct dft_system *s = n->s;
    const struct kbasis *k = n->k;
    const size_t nl = (size_t)k->nloc;
    AL_AUTOFREE double *f = NULL;
    AL_AUTOFREE double complex *e = NULL;
    AL_ALLOC(f, (size_t)most_projectors(s) * nl);
    AL_ALLOC(e, nl);
    for (int t = 0; t < s->nkinds; t++) {
        const struct pseudo *psp = s->ff[t]->psp;
        kind_forms(s->ff[t], k, 1 / sqrt(s->b->volume), f, NULL);
        for (int i = 0; i < s->natoms; i++) {
            if (s->kind[i] != t) continue;
            int p = first_projector(s, i);
            atom_phase(s, k, i, e);
            for (int c = 0, j = 0; c < psp->nchan; c++)
                for (int m = 0; m < 2 * psp->l[c] + 1; m++, j++) {
                    times_phase(k, psp->l[c], f + (size_t)j * nl, e, n->b + (size_t)(p + j) * nl);
                    n->d[p + j] = psp->ekb[c];
                    n->atom[p + j] = i;
                }
        }
    }
    return AL_ERR_OK;
}

enum al_err nonlocal_create(const struct dft_system *s, const struct kbasis *k, struct nonlocal **ret)
{
    AL_OWN(nonlocal) n = NULL;
    AL_ALLOC(n, 1);
    n->s = s;
    n->k = k;
    n->nproj = first_projector(s, s->natoms);
    AL_ALLOC(n->d, n->nproj);
    AL_ALLOC(n->atom, n->nproj);
    AL_ALLOC(n->b, (size_t)n->nproj * (size_t)k->nloc);
    AL_TRY(fill(n));
    *ret = n;
    n = NULL;
    return AL_ERR_OK;
}

void nonlocal_destroy(struct nonlocal **n)
{
    if (!*n) return;
    al_free((*n)->d);
    al_free((*n)->atom);
    al_free((*n)->b);
    al_free((*n)->bs);
    al_free((*n)->ps);
    al_free(*n);
    *n = NULL;
}

enum al_err nonlocal_project(const struct nonlocal *n, int nb, const double complex *c, double *p)
{
    if (n->nproj == 0) return AL_ERR_OK;
    block_dot(n->k->gamma, n->k->nloc, n->nproj, nb, n->b, c, p, n->nproj);
    return block_sum(n->k->comm, n->k->gamma, p, (size_t)n->nproj * (size_t)nb);
}

enum al_err nonlocal_apply(const struct nonlocal *n, int nb, const double complex *c, double *p,
                           double complex *hc)
{
    if (n->nproj == 0) return AL_ERR_OK;
    AL_TRY(nonlocal_project(n, nb, c, p));
    const size_t width = block_width(n->k->gamma);
    for (size_t j = 0; j < (size_t)nb; j++)
        for (size_t i = 0; i < (size_t)n->nproj; i++)
            for (size_t x = 0; x < width; x++)
                p[(j * (size_t)n->nproj + i) * width + x] *= n->d[i];
    block_combine(n->k->gamma, n->k->nloc, n->nproj, nb, 1, n->b, p, n->nproj, 1, hc);
    return AL_ERR_OK;
}

static enum al_err make_single(struct nonlocal *n)
{
    if (n->ps) return AL_ERR_OK;
    const size_t nl = (size_t)n->k->nloc, np = (size_t)n->nproj;
    if (!n->bs) AL_ALLOC(n->bs, np * nl);
    block_narrow(np * nl, n->b, n->bs);
    AL_ALLOC(n->ps, 2 * NONLOCAL_PANEL * np);
    return AL_ERR_OK;
}

enum al_err nonlocal_apply_single(struct nonlocal *n, int nb, const float complex *c, double *p, float complex *hc)
{
    if (n->nproj == 0) return AL_ERR_OK;
    AL_TRY(make_single(n));
    const bool real = n->k->gamma;
    const int nl = n->k->nloc;
    const size_t width = block_width(real), np = (size_t)n->nproj;
    for (int j0 = 0; j0 < nb; j0 += NONLOCAL_PANEL) {
        const int nj = nb - j0 < NONLOCAL_PANEL ? nb - j0 : NONLOCAL_PANEL;
        const size_t at = (size_t)j0 * (size_t)nl;
        double *pj = p + (size_t)j0 * np * width;
        block_dot_single(real, nl, n->nproj, nj, n->bs, c + at, n->ps, n->nproj);
        for (size_t i = 0; i < (size_t)nj * np * width; i++)
            pj[i] = (double)n->ps[i];
        AL_TRY(block_sum(n->k->comm, real, pj, (size_t)nj * np));
        for (size_t i = 0; i < (size_t)nj * np * width; i++)
            n->ps[i] = (float)(pj[i] *= n->d[i / width % np]);
        block_combine_single(real, nl, n->nproj, nj, 1, n->bs, n->ps, n->nproj, 1, hc + at);
    }
    return AL_ERR_OK;
}

double nonlocal_energy(const struct nonlocal *n, int nb, const double *occ, const double *p)
{
    const size_t width = block_width(n->k->gamma);
    double e = 0;
    for (size_t j = 0; j < (size_t)nb; j++)
        for (size_t i = 0; i < (size_t)n->nproj; i++)
            for (size_t x = 0; x < width; x++) {
                double z = p[(j * (size_t)n->nproj + i) * width + x];
                e += occ[j] * n->d[i] * z * z;
            }
    return e;
}

// dE = Re sum_pG conj(dB_p) y_p for any change of the projectors: y_p = sum_j 2 occ_j d_p conj(p_jp) c_j, for
// np projectors from first on. z: scratch [np][nb].
static void weighted_orbitals(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                              const double *p, int first, int np, double *z, double complex *y)
{
    const size_t width = block_width(n->k->gamma);
    for (size_t i = 0; i < (size_t)np; i++)
        for (size_t j = 0; j < (size_t)nb; j++) {
            const double *from = p + (j * (size_t)n->nproj + (size_t)first + i) * width;
            double *to = z + (i * (size_t)nb + j) * width, w = 2 * occ[j] * n->d[(size_t)first + i];
            to[0] = w * from[0];
            if (width == 2) to[1] = -w * from[1];
        }
    block_combine(n->k->gamma, n->k->nloc, nb, np, 1, c, z, nb, 0, y);
}

enum al_err nonlocal_force(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                           const double *p, double (*f)[3])
{
    const struct dft_system *s = n->s;
    const size_t nl = (size_t)n->k->nloc;
    AL_AUTOFREE double *z = NULL, *im = NULL;
    AL_AUTOFREE double complex *y = NULL;
    AL_ALLOC(z, 2 * (size_t)most_projectors(s) * (size_t)nb);
    AL_ALLOC(y, (size_t)most_projectors(s) * nl);
    AL_ALLOC(im, nl);
    for (int i = 0, first = 0; i < s->natoms; i++) {
        int np = pseudo_nproj(s->ff[s->kind[i]]->psp);
        weighted_orbitals(n, nb, occ, c, p, first, np, z, y);
        memset(im, 0, nl * sizeof *im);
        for (size_t j = 0; j < (size_t)np; j++) {
            const double complex *b = n->b + ((size_t)first + j) * nl, *yj = y + j * nl;
            for (size_t g = 0; g < nl; g++)
                im[g] += creal(b[g]) * cimag(yj[g]) - cimag(b[g]) * creal(yj[g]);
        }
        double sum[3] = {0};
        for (size_t g = 0; g < nl; g++) // dB/dtau = -i q B
            for (int a = 0; a < 3; a++)
                sum[a] += n->k->q[g][a] * im[g];
        for (int a = 0; a < 3; a++)
            f[i][a] += sum[a];
        first += np;
    }
    return AL_ERR_OK;
}

// One atom: strain[a][b] += Re sum conj(dB) y with dB/dstrain_ab = -q_b dB/dq_a (phases do not change). t: scratch
// [nloc], d: scratch [nloc][3].
static void atom_strain(const struct kbasis *k, const struct pseudo *psp, const double (*df)[3],
                        const double complex *e, const double complex *y, double complex *t, double (*d)[3],
                        double (*strain)[3])
{
    const size_t nl = (size_t)k->nloc;
    memset(d, 0, nl * sizeof *d);
    for (int c = 0; c < psp->nchan; c++)
        for (int m = 0; m < 2 * psp->l[c] + 1; m++, y += nl, df += nl) {
            times_phase(k, psp->l[c], NULL, e, t);
            for (size_t g = 0; g < nl; g++) {
                double r = creal(t[g]) * creal(y[g]) + cimag(t[g]) * cimag(y[g]);
                for (int a = 0; a < 3; a++)
                    d[g][a] += r * df[g][a];
            }
        }
    for (int a = 0; a < 3; a++)
        for (int b = a; b < 3; b++) {
            double sum = 0;
            for (size_t g = 0; g < nl; g++)
                sum -= 0.5 * (k->q[g][b] * d[g][a] + k->q[g][a] * d[g][b]);
            strain[a][b] += sum;
            if (a != b) strain[b][a] += sum;
        }
}

enum al_err nonlocal_strain(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                            const double *p, double (*strain)[3])
{
    const struct dft_system *s = n->s;
    const size_t nl = (size_t)n->k->nloc, most = (size_t)most_projectors(s);
    AL_AUTOFREE double(*df)[3] = NULL;
    AL_AUTOFREE double(*d)[3] = NULL;
    AL_AUTOFREE double *z = NULL;
    AL_AUTOFREE double complex *e = NULL, *t = NULL, *y = NULL;
    AL_ALLOC(df, most * nl);
    AL_ALLOC(d, nl);
    AL_ALLOC(z, 2 * most * (size_t)nb);
    AL_ALLOC(e, nl);
    AL_ALLOC(t, nl);
    AL_ALLOC(y, most * nl);
    for (int k = 0; k < s->nkinds; k++) {
        const struct pseudo *psp = s->ff[k]->psp;
        kind_forms(s->ff[k], n->k, 1 / sqrt(s->b->volume), NULL, df);
        for (int i = 0; i < s->natoms; i++) {
            if (s->kind[i] != k) continue;
            weighted_orbitals(n, nb, occ, c, p, first_projector(s, i), pseudo_nproj(psp), z, y);
            atom_phase(s, n->k, i, e);
            atom_strain(n->k, psp, (const double(*)[3])df, e, y, t, d, strain);
        }
    }
    if (n->k->comm->rank != 0) return AL_ERR_OK;
    double energy = nonlocal_energy(n, nb, occ, p); // |B|^2 ~ 1/volume
    for (int a = 0; a < 3; a++)
        strain[a][a] -= energy;
    return AL_ERR_OK;
}
