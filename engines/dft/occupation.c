// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/occupation.h"

#include <math.h>

#include "base/linalg.h"
#include "base/units.h"

double occupation_fill(enum dft_smearing kind, double x)
{
    const double y = x - sqrt(0.5);
    switch (kind) {
    case DFT_SMEARING_GAUSSIAN:
        return 0.5 * erfc(-x);
    case DFT_SMEARING_FERMI:
        return x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
    case DFT_SMEARING_COLD:
        return 0.5 * erfc(-y) + exp(-y * y) / sqrt(2 * AL_PI);
    default:
        return x > 0 ? 1 : x < 0 ? 0 : 0.5;
    }
}

double occupation_entropy(enum dft_smearing kind, double x)
{
    const double y = x - sqrt(0.5);
    switch (kind) {
    case DFT_SMEARING_GAUSSIAN:
        return -0.5 * exp(-x * x) / sqrt(AL_PI);
    case DFT_SMEARING_FERMI: { // f ln f + (1 - f) ln(1 - f), even in x, without cancellation
        double t = exp(-fabs(x));
        return -log1p(t) - fabs(x) * t / (1 + t);
    }
    case DFT_SMEARING_COLD:
        return y * exp(-y * y) / sqrt(2 * AL_PI);
    default:
        return 0;
    }
}

struct levels {
    enum dft_smearing kind;
    double width;
    int nk, nb;
    const double *weight, *e;
    double nelec;
};

static double excess(const struct levels *l, enum dft_smearing kind, double mu)
{
    double n = 0;
    for (int i = 0; i < l->nk; i++)
        for (int j = 0; j < l->nb; j++)
            n += 2 * l->weight[i] * occupation_fill(kind, (mu - l->e[i * l->nb + j]) / l->width);
    return n - l->nelec;
}

// Where excess crosses level between lo (below) and hi (above).
static double bisect(const struct levels *l, enum dft_smearing kind, double level, double lo, double hi)
{
    for (int it = 0; it < 200; it++) {
        double mid = 0.5 * (lo + hi);
        if (mid <= lo || mid >= hi) break;
        if (excess(l, kind, mid) < level)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

// The cold count is not monotonic: its root next to the Gaussian one, by steps outwards, is the branch that
// goes on as the width or the atoms change.
static double cold_level(const struct levels *l, double mu)
{
    const double step = 0.05 * l->width;
    double at = excess(l, DFT_SMEARING_COLD, mu);
    if (fabs(at) < 1e-12 * l->nelec) return mu; // in a gap
    for (int i = 1; i < 400; i++)
        for (int side = -1; side <= 1; side += 2) {
            double a = mu + side * (i - 1) * step, b = mu + side * i * step;
            double ea = excess(l, DFT_SMEARING_COLD, a), eb = excess(l, DFT_SMEARING_COLD, b);
            if ((ea < 0) == (eb < 0)) continue;
            return bisect(l, DFT_SMEARING_COLD, 0, ea < 0 ? a : b, ea < 0 ? b : a);
        }
    return mu; // the count's check refuses it
}

static double fermi_level(const struct levels *l)
{
    const enum dft_smearing kind = l->kind == DFT_SMEARING_COLD ? DFT_SMEARING_GAUSSIAN : l->kind;
    const double margin = (kind == DFT_SMEARING_FERMI ? 40 : 8) * l->width, tiny = 1e-12 * l->nelec;
    double lo = l->e[0], hi = l->e[0];
    for (int i = 1; i < l->nk * l->nb; i++) {
        lo = fmin(lo, l->e[i]);
        hi = fmax(hi, l->e[i]);
    }
    // both edges of the flat part that a gap leaves: the middle is the same however the search went
    double mu = 0.5 * (bisect(l, kind, -tiny, lo - margin, hi + margin) +
                       bisect(l, kind, tiny, lo - margin, hi + margin));
    return l->kind == DFT_SMEARING_COLD ? cold_level(l, mu) : mu;
}

enum al_err occupation_solve(enum dft_smearing kind, double width, int nk, int nb, const double *weight,
                             const double *e, double nelec, double *occ, struct occupied *ret)
{
    const struct levels l = {kind, width, nk, nb, weight, e, nelec};
    if (nelec > 2.0 * nb) AL_FAIL(AL_ERR_INPUT, "%g electrons in %d bands", nelec, nb);
    double mu = fermi_level(&l), ts = 0;
    if (!(fabs(excess(&l, kind, mu)) < 1e-9 * nelec))
        AL_FAIL(AL_ERR_UNPHYSICAL, "no Fermi level: the bands hold %g electrons too many",
                excess(&l, kind, mu));
    for (int i = 0; i < nk; i++)
        for (int j = 0; j < nb; j++) {
            double x = (mu - e[i * nb + j]) / width;
            occ[i * nb + j] = 2 * weight[i] * occupation_fill(kind, x);
            ts += 2 * weight[i] * width * occupation_entropy(kind, x);
        }
    *ret = (struct occupied){mu, ts};
    return AL_ERR_OK;
}

double occupation_zero_width(enum dft_smearing kind, double free_energy, double entropy)
{
    return kind == DFT_SMEARING_COLD ? free_energy : free_energy - 0.5 * entropy;
}

// Widths above the Fermi level where a state holds OCCUPATION_TRACE.
static double reach(enum dft_smearing kind)
{
    double lo = 0, hi = 40;
    while (hi - lo > 1e-6) {
        double x = 0.5 * (lo + hi);
        if (fabs(occupation_fill(kind, -x)) > OCCUPATION_TRACE) lo = x;
        else hi = x;
    }
    return hi;
}

int occupation_full(double nelec)
{
    return (int)ceil(0.5 * nelec - 1e-9);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

int occupation_bands_of_insulator(double nelec)
{
    const int full = occupation_full(nelec);
    return full + larger(full / 20, 2);
}

int occupation_bands(const struct dft_options *opt, double nelec, double volume)
{
    const int full = occupation_full(nelec);
    if (opt->nextra >= 0) return full + opt->nextra;
    if (opt->smearing == DFT_SMEARING_NONE) return occupation_bands_of_insulator(nelec);
    double fermi = 0.5 * pow(3 * AL_PI * AL_PI * nelec / volume, 2. / 3);
    double more = full * (pow(1 + reach(opt->smearing) * opt->smearing_width / fermi, 1.5) - 1);
    return full + larger((int)ceil(more), larger(full / 5, 4));
}
