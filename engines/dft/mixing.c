// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/mixing.h"

#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

enum { HISTORY_MAX = 32 };

enum al_err mixer_create(const struct basis *b, int history, double beta, double kerker, struct mixer **ret)
{
    AL_OWN(mixer) m = NULL;
    if (history < 1 || history > HISTORY_MAX)
        AL_FAIL(AL_ERR_INPUT, "mixing history %d is not 1 to 32", history);
    AL_ALLOC(m, 1);
    m->b = b;
    m->history = history;
    m->beta = beta;
    m->kerker = kerker;
    AL_ALLOC(m->in, history);
    AL_ALLOC(m->res, history);
    for (int i = 0; i < history; i++) {
        AL_ALLOC(m->in[i], b->ng);
        AL_ALLOC(m->res[i], b->ng);
    }
    AL_ALLOC(m->last_in, b->ng);
    AL_ALLOC(m->last_res, b->ng);
    *ret = m;
    m = NULL;
    return AL_ERR_OK;
}

void mixer_destroy(struct mixer **p)
{
    struct mixer *m = *p;
    if (!m) return;
    for (int i = 0; i < m->history; i++) {
        if (m->in) al_free(m->in[i]);
        if (m->res) al_free(m->res[i]);
    }
    al_free(m->in);
    al_free(m->res);
    al_free(m->last_in);
    al_free(m->last_res);
    al_free(m);
    *p = NULL;
}

static double dot(const struct basis *b, const double complex *x, const double complex *y)
{
    double s = 0;
    for (int i = 0; i < b->ng; i++)
        if (b->g2[i] > 0) s += (creal(x[i]) * creal(y[i]) + cimag(x[i]) * cimag(y[i])) / b->g2[i];
    return 2 * AL_PI * b->volume * s;
}

double mixer_distance(const struct basis *b, const double complex *x, const double complex *y)
{
    double s = 0;
    for (int i = 0; i < b->ng; i++) {
        double complex d = x[i] - y[i];
        if (b->g2[i] > 0) s += creal(d * conj(d)) / b->g2[i];
    }
    return 2 * AL_PI * b->volume * s;
}

// gamma: least squares of |res - sum_i gamma_i dres_i|.
static enum al_err solve(const struct mixer *m, int n, const double complex *res, double *gamma)
{
    double a[HISTORY_MAX * HISTORY_MAX];
    for (int i = 0; i < n; i++) {
        gamma[i] = dot(m->b, m->res[i], res);
        for (int j = 0; j <= i; j++)
            a[i * n + j] = a[j * n + i] = dot(m->b, m->res[i], m->res[j]);
    }
    for (int i = 0; i < n; i++) // an unused slot must not make the matrix singular
        if (!(a[i * n + i] > 0)) a[i * n + i] = 1;
    double scale[HISTORY_MAX];
    for (int i = 0; i < n; i++)
        scale[i] = 1 / __builtin_sqrt(a[i * n + i]);
    for (int i = 0; i < n; i++) {
        gamma[i] *= scale[i];
        for (int j = 0; j < n; j++)
            a[i * n + j] *= scale[i] * scale[j];
    }
    AL_TRY(al_dgelsd(n, n, 1, a, n, gamma, n, 1e-10));
    for (int i = 0; i < n; i++)
        gamma[i] *= scale[i];
    return AL_ERR_OK;
}

enum al_err mixer_step(struct mixer *m, double complex *rho_in, const double complex *rho_out)
{
    const struct basis *b = m->b;
    double gamma[HISTORY_MAX] = {0};
    const int slot = m->n > 0 ? (m->n - 1) % m->history : 0;
    AL_AUTOFREE double complex *res = NULL;
    AL_ALLOC(res, b->ng);
    for (int i = 0; i < b->ng; i++)
        res[i] = rho_out[i] - rho_in[i];
    int n = m->n < m->history ? m->n : m->history;
    if (m->n > 0) {
        for (int i = 0; i < b->ng; i++) {
            m->in[slot][i] = rho_in[i] - m->last_in[i];
            m->res[slot][i] = res[i] - m->last_res[i];
        }
        AL_TRY(solve(m, n, res, gamma));
    }
    memcpy(m->last_in, rho_in, (size_t)b->ng * sizeof *rho_in);
    memcpy(m->last_res, res, (size_t)b->ng * sizeof *res);
    m->n++;
    for (int j = 0; j < n; j++)
        for (int i = 0; i < b->ng; i++) {
            rho_in[i] -= gamma[j] * m->in[j][i];
            res[i] -= gamma[j] * m->res[j][i];
        }
    const double q2 = m->kerker * m->kerker;
    for (int i = 0; i < b->ng; i++)
        if (b->g2[i] > 0) rho_in[i] += m->beta * b->g2[i] / (b->g2[i] + q2) * res[i];
    return AL_ERR_OK;
}
