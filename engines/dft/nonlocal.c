// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Separable nonlocal pseudopotential (L. Kleinman and D. M. Bylander, PRL 48, 1425, 1982; ONCV: no
// off-diagonal terms):
//   B_p(q) = g_c(|q|) S_lm(q) exp(-i q.tau) / sqrt(volume),  q = k + G,  E = sum_jp occ_j d_p |<B_p|c_j>|^2.
// The factor (-i)^l is left out: it cancels in every product. Projectors are ordered by atom, channel, m.
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
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
    for (int j = 0; j < k->nloc; j++)
        e[j] = p0 * dft_phase(s, i, k->mill[k->p0 + j]);
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
            int p = first_projector(s, i), np = pseudo_nproj(psp);
            atom_phase(s, k, i, e);
            for (int j = 0; j < np; j++)
                for (size_t g = 0; g < nl; g++)
                    n->b[(size_t)(p + j) * nl + g] = f[(size_t)j * nl + g] * e[g];
            for (int c = 0, j = 0; c < psp->nchan; c++)
                for (int m = 0; m < 2 * psp->l[c] + 1; m++, j++) {
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
    al_free(*n);
    *n = NULL;
}

enum al_err nonlocal_project(const struct nonlocal *n, int nb, const double complex *c, double complex *p)
{
    if (n->nproj == 0) return AL_ERR_OK;
    int nl = n->k->nloc;
    al_zgemm('C', 'N', n->nproj, nb, nl, 1, n->b, nl, c, nl, 0, p, n->nproj);
    return comm_sum_z(n->s->b->comm, p, (size_t)n->nproj * (size_t)nb);
}

enum al_err nonlocal_apply(const struct nonlocal *n, int nb, const double complex *c, double complex *p,
                           double complex *hc)
{
    if (n->nproj == 0) return AL_ERR_OK;
    AL_TRY(nonlocal_project(n, nb, c, p));
    for (int j = 0; j < nb; j++)
        for (int i = 0; i < n->nproj; i++)
            p[(size_t)j * (size_t)n->nproj + (size_t)i] *= n->d[i];
    int nl = n->k->nloc;
    al_zgemm('N', 'N', nl, nb, n->nproj, 1, n->b, nl, p, n->nproj, 1, hc, nl);
    return AL_ERR_OK;
}

double nonlocal_energy(const struct nonlocal *n, int nb, const double *occ, const double complex *p)
{
    double e = 0;
    for (int j = 0; j < nb; j++)
        for (int i = 0; i < n->nproj; i++) {
            double complex z = p[(size_t)j * (size_t)n->nproj + (size_t)i];
            e += occ[j] * n->d[i] * creal(z * conj(z));
        }
    return e;
}

enum al_err nonlocal_force(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                           const double complex *p, double (*f)[3])
{
    const int nl = n->k->nloc;
    AL_AUTOFREE double complex *qc = NULL, *dp = NULL;
    AL_ALLOC(qc, (size_t)nb * (size_t)nl);
    AL_ALLOC(dp, (size_t)nb * (size_t)n->nproj);
    for (int a = 0; a < 3; a++) {
        for (int j = 0; j < nb; j++)
            for (int g = 0; g < nl; g++)
                qc[(size_t)j * (size_t)nl + (size_t)g] =
                    n->k->q[g][a] * c[(size_t)j * (size_t)nl + (size_t)g];
        // d<B|c>/dtau = i <B|q c>
        al_zgemm('C', 'N', n->nproj, nb, nl, CMPLX(0, 1), n->b, nl, qc, nl, 0, dp, n->nproj);
        for (int j = 0; j < nb; j++)
            for (int i = 0; i < n->nproj; i++) {
                size_t ij = (size_t)j * (size_t)n->nproj + (size_t)i;
                f[n->atom[i]][a] -= 2 * occ[j] * n->d[i] * creal(conj(p[ij]) * dp[ij]);
            }
    }
    return AL_ERR_OK;
}

// One atom: strain[a][b] += 2 occ d Re(conj(p) dp) with dB/dstrain_ab = -q_b dB/dq_a (phases do not change).
static void atom_strain(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                        const double complex *p, int first, int np, const double (*df)[3],
                        const double complex *e, double complex *db, double complex *dp, double (*strain)[3])
{
    const struct kbasis *k = n->k;
    const size_t nl = (size_t)k->nloc;
    for (int a = 0; a < 3; a++)
        for (int b = a; b < 3; b++) {
            for (size_t j = 0; j < (size_t)np; j++)
                for (size_t g = 0; g < nl; g++)
                    db[j * nl + g] =
                        -0.5 * (k->q[g][b] * df[j * nl + g][a] + k->q[g][a] * df[j * nl + g][b]) * e[g];
            al_zgemm('C', 'N', np, nb, (int)nl, 1, db, (int)nl, c, (int)nl, 0, dp, np);
            double sum = 0;
            for (int j = 0; j < nb; j++)
                for (int i = 0; i < np; i++)
                    sum += 2 * occ[j] * n->d[first + i] *
                           creal(conj(p[(size_t)j * (size_t)n->nproj + (size_t)(first + i)]) *
                                 dp[(size_t)j * (size_t)np + (size_t)i]);
            strain[a][b] += sum;
            if (a != b) strain[b][a] += sum;
        }
}

enum al_err nonlocal_strain(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                            const double complex *p, double (*strain)[3])
{
    const struct dft_system *s = n->s;
    const size_t nl = (size_t)n->k->nloc, most = (size_t)most_projectors(s);
    AL_AUTOFREE double(*df)[3] = NULL;
    AL_AUTOFREE double complex *e = NULL, *db = NULL, *dp = NULL;
    AL_ALLOC(df, most * nl);
    AL_ALLOC(e, nl);
    AL_ALLOC(db, most * nl);
    AL_ALLOC(dp, most * (size_t)nb);
    for (int t = 0; t < s->nkinds; t++) {
        kind_forms(s->ff[t], n->k, 1 / sqrt(s->b->volume), NULL, df);
        for (int i = 0; i < s->natoms; i++) {
            if (s->kind[i] != t) continue;
            atom_phase(s, n->k, i, e);
            atom_strain(n, nb, occ, c, p, first_projector(s, i), pseudo_nproj(s->ff[t]->psp), df, e, db, dp,
                        strain);
        }
    }
    if (s->b->comm->rank != 0) return AL_ERR_OK;
    double energy = nonlocal_energy(n, nb, occ, p); // |B|^2 ~ 1/volume
    for (int a = 0; a < 3; a++)
        strain[a][a] -= energy;
    return AL_ERR_OK;
}
