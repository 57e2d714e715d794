// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Units of labels: see check.h for why this works.
#include <math.h>
#include <stdlib.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "train/check.h"
#include "train/dataset_impl.h"

enum { MIN_PAIRS = 4, MAX_LAG = 3 };
static const double MAX_STEP = 0.5;       // Ang, rms displacement between two frames of a pair
static const double MIN_FIT = 0.6;        // part of the variance of dE that the fit must explain
static const double FLUCTUATION = 0.47;   // std(V) / (d_nn sqrt(sum F^2 / 3))

double check_factor(double f)
{
    static const double known[] = {13.605693, 27.211386, 51.422067, 160.21766, 1602.1766};
    double best = 0, x = fabs(log(f)), near = 0.31; // 27.2 and 51.4 are 0.64 apart
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (fabs(x - log(known[i])) < near) {
            near = fabs(x - log(known[i]));
            best = known[i];
        }
    return best;
}

static const char *name_of(double factor)
{
    if (factor < 14) return "Ry";
    if (factor < 28) return "Ha";
    if (factor < 52) return "Ha/bohr";
    return factor < 200 ? "GPa" : "kbar";
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x, int n) // sorts x
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static double rms(const double *x, size_t n)
{
    double s = 0;
    for (size_t i = 0; i < n; i++)
        s += x[i] * x[i];
    return n ? sqrt(s / (double)n) : 0;
}

// ---- work against energy ---------------------------------------------------------------------------------

struct sums { // of the pairs of a set: dE against w (forces) and b (virial)
    int n;
    double ww, wb, bb, we, be, ee;
};

struct pair {
    double first, second; // work of the forces of either frame, half of it each
    double w, b, de, step; // w: both
};

// Half of the work that the forces of frame k do; that of its virial goes into p->b.
static double end_work(const struct dp_system *s, int k, const double (*ds)[3], const double strain[3][3], struct pair *p)
{
    double w = 0;
    size_t n = (size_t)s->natoms;
    const double(*h)[3] = (const double(*)[3])(s->box + 9 * (size_t)k);
    const double(*f)[3] = (const double(*)[3])(s->force + 3 * n * (size_t)k);
    const double *v = s->virial + 9 * (size_t)k;
    for (size_t i = 0; i < n; i++) {
        double u[3];
        memcpy(u, ds[i], sizeof u);
        if (s->pbc) al_vecmat3(ds[i], h, u);
        w -= 0.5 * (f[i][0] * u[0] + f[i][1] * u[1] + f[i][2] * u[2]);
        p->step += (u[0] * u[0] + u[1] * u[1] + u[2] * u[2]) / (2 * (double)n);
    }
    for (int a = 0; a < 9; a++)
        p->b -= 0.5 * v[a] * strain[a / 3][a % 3];
    return w;
}

// From frame k to frame m. ds: room for natoms.
static struct pair work(const struct dp_system *s, int k, int m, double (*ds)[3])
{
    struct pair p = {.de = s->energy[m] - s->energy[k]};
    size_t n = (size_t)s->natoms;
    const double(*x)[3] = (const double(*)[3])(s->coord + 3 * n * (size_t)k), (*y)[3] = (const double(*)[3])(s->coord + 3 * n * (size_t)m);
    const double(*g)[3] = (const double(*)[3])(s->box + 9 * (size_t)k), (*h)[3] = (const double(*)[3])(s->box + 9 * (size_t)m);
    double gi[3][3], hi[3][3], first[3][3] = {{0}}, second[3][3] = {{0}};
    if (s->pbc) {
        al_inv3(g, gi);
        al_inv3(h, hi);
        for (int a = 0; a < 3; a++) {
            al_vecmat3(gi[a], h, first[a]);  // 1 + strain seen from k
            al_vecmat3(hi[a], g, second[a]); // 1 - strain seen from m
            for (int b = 0; b < 3; b++) {
                first[a][b] -= a == b;
                second[a][b] = (a == b) - second[a][b];
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        double a[3], b[3];
        memcpy(a, x[i], sizeof a);
        memcpy(b, y[i], sizeof b);
        if (s->pbc) al_vecmat3(x[i], gi, a);
        if (s->pbc) al_vecmat3(y[i], hi, b);
        for (int c = 0; c < 3; c++)
            ds[i][c] = b[c] - a[c] - (s->pbc ? round(b[c] - a[c]) : 0);
    }
    p.first = end_work(s, k, (const double(*)[3])ds, (const double(*)[3])first, &p);
    p.second = end_work(s, m, (const double(*)[3])ds, (const double(*)[3])second, &p);
    p.w = p.first + p.second;
    p.step = sqrt(p.step);
    return p;
}

static bool same_cell(const struct dp_system *s, int k, int m)
{
    const double *g = s->box + 9 * (size_t)k, *h = s->box + 9 * (size_t)m;
    for (int a = 0; a < 9; a++)
        if (fabs(g[a] - h[a]) > 1e-6) return false;
    return true;
}

// ---- single frames ---------------------------------------------------------------------------------------

// One finding for all frames of a system that are off by the same factor, or nearly: single frames differ anyway, so the factor is that
// of their geometric mean.
static enum al_err tell_outliers(struct check *c, const struct dp_system *s, const char *what, const double *ratio, bool *mark)
{
    AL_AUTOFREE bool *same = NULL;
    AL_AUTOFREE bool *done = NULL;
    char frames[200];
    AL_ALLOC(same, s->nframes);
    AL_ALLOC(done, s->nframes);
    for (int i = 0; i < s->nframes; i++) {
        if (!ratio[i] || done[i]) continue;
        double mean = 0;
        int n = 0;
        for (int k = 0; k < s->nframes; k++) {
            same[k] = ratio[k] && !done[k] && fabs(log(ratio[k] / ratio[i])) < 0.7;
            done[k] |= same[k];
            mark[k] |= same[k];
            if (same[k]) mean += log(ratio[k]);
            n += same[k];
        }
        mean = exp(mean / n);
        double f = check_factor(mean);
        check_frames(same, s->nframes, frames, sizeof frames);
        if (f)
            AL_TRY(check_add(c, "units", false, s, "%s of frames %s: %.3g times those of the others; a factor of %.6g (%s) too %s?",
                             what, frames, mean, f, name_of(f), mean > 1 ? "large" : "small"));
        else
            AL_TRY(check_add(c, "outlier", false, s, "%s of frames %s: far from those of the others (%.3g times)", what, frames, mean));
    }
    return AL_ERR_OK;
}

// Energies of one composition differ by some tenths of an eV per atom.
static enum al_err energy_outliers(struct check *c, const struct dp_system *s, double *x, double *ratio, bool *mark)
{
    double n = s->natoms;
    for (int i = 0; i < s->nframes; i++)
        x[i] = s->energy[i] / n;
    double mid = median(x, s->nframes);
    for (int i = 0; i < s->nframes; i++)
        x[i] = fabs(s->energy[i] / n - mid);
    double limit = fmax(2, 20 * median(x, s->nframes));
    for (int i = 0; i < s->nframes; i++)
        ratio[i] = fabs(s->energy[i] / n - mid) > limit && mid != 0 ? fmax(s->energy[i] / n / mid, 1e-9) : 0;
    return tell_outliers(c, s, "energies", ratio, mark);
}

// Magnitudes of a vector label: ratio to the median where it is above `far` times it (or below 1/far).
static void magnitude_ratio(const double *label, size_t per, int n, double far, double *x, double *ratio)
{
    for (int i = 0; i < n; i++)
        x[i] = rms(label + per * (size_t)i, per);
    double mid = median(x, n);
    for (int i = 0; i < n; i++) {
        double r = mid > 0 ? rms(label + per * (size_t)i, per) / mid : 1;
        ratio[i] = r > far || (r > 0 && r < 1 / far) ? r : 0;
    }
}

// By which factor the forces of frame k are to be multiplied to fit the energies of the frames around it: 1 or a known one; 0 when it
// cannot be told. Frames with odd[] do not count as others.
static double fitting_factor(const struct dp_system *s, int k, const double *odd, double (*ds)[3])
{
    static const double known[] = {1, 13.605693, 27.211386, 51.422067, 160.21766, 1602.1766};
    enum { NKNOWN = sizeof known / sizeof *known };
    double left[2 * NKNOWN] = {0}, total = 0, best = 0, least = INFINITY;
    int n = 0;
    for (int m = k - MAX_LAG; m <= k + MAX_LAG; m++) {
        if (m < 0 || m >= s->nframes || m == k || odd[m]) continue;
        if (s->pbc && !same_cell(s, k, m) && !(s->have & AL_HAVE_VIRIAL)) continue;
        struct pair p = work(s, k, m, ds);
        if (!(p.step < MAX_STEP)) continue;
        n++;
        total += p.de * p.de;
        for (int i = 0; i < 2 * NKNOWN; i++) {
            double f = i < NKNOWN ? known[i] : 1 / known[i - NKNOWN], d = p.de - f * p.first - p.second - p.b;
            left[i] += d * d;
        }
    }
    for (int i = 0; i < 2 * NKNOWN; i++)
        if (left[i] < least) {
            least = left[i];
            best = i < NKNOWN ? known[i] : 1 / known[i - NKNOWN];
        }
    return n >= 2 && least < (1 - MIN_FIT) * total ? best : 0;
}

// Forces that are large or small without being wrong (a relaxed frame at the start of a trajectory) fit the energies around them.
static enum al_err force_outliers(struct check *c, const struct dp_system *s, double *x, double *ratio, bool *mark)
{
    AL_AUTOFREE double(*ds)[3] = NULL;
    AL_AUTOFREE double *odd = NULL;
    AL_ALLOC(ds, s->natoms);
    AL_ALLOC(odd, s->nframes);
    magnitude_ratio(s->force, 3 * (size_t)s->natoms, s->nframes, 9, x, ratio);
    for (int i = 0; i < s->nframes; i++)
        odd[i] = ratio[i] != 0 || mark[i];
    for (int i = 0; i < s->nframes; i++) {
        if (!ratio[i]) continue;
        double f = s->have & AL_HAVE_ENERGY ? fitting_factor(s, i, odd, ds) : 0;
        if (f == 1 || (!f && ratio[i] < 1)) ratio[i] = 0;
        else if (f) ratio[i] = 1 / f;
    }
    return tell_outliers(c, s, "forces", ratio, mark);
}

enum al_err check_outliers(struct check *c, const struct dp_system *s, bool *mark)
{
    enum { ENOUGH = 5 };
    AL_AUTOFREE double *x = NULL;
    AL_AUTOFREE double *ratio = NULL;
    if (s->nframes < ENOUGH) return AL_ERR_OK;
    AL_ALLOC(x, s->nframes);
    AL_ALLOC(ratio, s->nframes);
    if (s->have & AL_HAVE_ENERGY) AL_TRY(energy_outliers(c, s, x, ratio, mark));
    if (s->have & AL_HAVE_FORCES) AL_TRY(force_outliers(c, s, x, ratio, mark));
    if (s->have & AL_HAVE_VIRIAL) { // of cells that differ virials may well differ by a factor of ten
        magnitude_ratio(s->virial, 9, s->nframes, 40, x, ratio);
        for (int i = 0; i < s->nframes; i++)
            if (ratio[i] < 1) ratio[i] = 0;
        AL_TRY(tell_outliers(c, s, "virials", ratio, mark));
    }
    return AL_ERR_OK;
}

// ---- whole sets ------------------------------------------------------------------------------------------

static void add_pairs(const struct dp_system *s, int first, int n, int lag, const bool *mark, double (*ds)[3], struct sums *t)
{
    for (int k = first; k + lag < first + n; k++) {
        if (mark[k] || mark[k + lag]) continue;
        bool strained = s->pbc && !same_cell(s, k, k + lag);
        if (strained && !(s->have & AL_HAVE_VIRIAL)) continue;
        struct pair p = work(s, k, k + lag, ds);
        if (!(p.step < MAX_STEP) || (p.w == 0 && p.b == 0)) continue;
        if (!strained) p.b = 0;
        t->n++;
        t->ww += p.w * p.w;
        t->wb += p.w * p.b;
        t->bb += p.b * p.b;
        t->we += p.w * p.de;
        t->be += p.b * p.de;
        t->ee += p.de * p.de;
    }
}

struct slopes {
    double forces, virial; // NaN: not known
    double explained;      // part of sum dE^2
};

// A slope counts when it is known to five standard errors.
static struct slopes fit(const struct sums *t)
{
    struct slopes r = {(double)NAN, (double)NAN, 0};
    if (t->n < MIN_PAIRS || !(t->ee > 0)) return r;
    double det = t->ww * t->bb - t->wb * t->wb;
    bool two = t->bb > 0 && det > 1e-6 * t->ww * t->bb;
    double a = two ? (t->we * t->bb - t->be * t->wb) / det : t->we / t->ww, b = two ? (t->be * t->ww - t->we * t->wb) / det : 0;
    double left = fmax(t->ee - a * t->we - b * t->be, 0), noise = left / fmax(t->n - 1 - two, 1);
    r.explained = 1 - left / t->ee;
    if (a > 5 * sqrt(noise * (two ? t->bb / det : 1 / t->ww))) r.forces = a;
    if (two && b > 5 * sqrt(noise * t->ww / det)) r.virial = b;
    return r;
}

// ---- fluctuation of the virial ---------------------------------------------------------------------------

static double spread(const double *label, size_t per, int first, int n, const bool *mark)
{
    double total = 0;
    for (size_t i = 0; i < per; i++) {
        double sum = 0, square = 0;
        int m = 0;
        for (int k = first; k < first + n; k++) {
            if (mark[k]) continue;
            double x = label[per * (size_t)k + i];
            sum += x;
            square += x * x;
            m++;
        }
        if (m > 1) total += fmax(square / m - sum / m * (sum / m), 0);
    }
    return total;
}

// Of the virials against what forces let expect, 1 when all is well; NaN when it cannot be told.
static double fluctuation_of(const struct dp_system *s, int first, int n, const bool *mark, double d_nn)
{
    enum { ENOUGH = 5 };
    int used = 0;
    for (int k = first; k < first + n; k++)
        used += !mark[k];
    if (used < ENOUGH || !(s->have & AL_HAVE_VIRIAL) || !(s->have & AL_HAVE_FORCES)) return NAN;
    double v = sqrt(spread(s->virial, 9, first, n, mark) / 9);
    double f = d_nn * sqrt(spread(s->force, 3 * (size_t)s->natoms, first, n, mark) / 3);
    return f > 0 && v > 0 ? v / f / FLUCTUATION : (double)NAN;
}

// ---- verdict ---------------------------------------------------------------------------------------------

static const char *size_of(bool large)
{
    return large ? "large" : "small";
}

static enum al_err blame(struct check *c, const struct dp_system *s, const char *what, const char *frames, double factor, bool large,
                         const char *why, double measured)
{
    return check_add(c, "units", false, s, "%s of frames %s are a factor of %.6g (%s) too %s: %s %.3g times what belongs to them", what, frames,
                     factor, name_of(factor), size_of(large), why, measured);
}

// slope = energies' factor over that of the forces. At constant cell the virial's fluctuation against the forces' (NaN: not
// known) tells which of the two is off. *ret_forces: they are.
static enum al_err tell_forces(struct check *c, const struct dp_system *s, const struct slopes *r, double fluctuation, const char *frames,
                               bool *ret_forces)
{
    static const char why[] = "energy differences are, against the work of the forces,";
    double f = check_factor(r->forces);
    bool large = r->forces > 1;
    if (!f) {
        if (r->forces > 0.4 && r->forces < 2.5) return AL_ERR_OK;
        return check_add(c, "units", false, s, "energies and forces of frames %s do not belong together: energy differences are %.3g times the "
                         "work of the forces", frames, r->forces);
    }
    bool known = isfinite(r->virial) || isfinite(fluctuation) || f > 50;
    *ret_forces = isfinite(r->virial) ? check_factor(r->virial) != f : isfinite(fluctuation) ? check_factor(fluctuation) == f : f > 50;
    if (!known)
        return check_add(c, "units", false, s, "energies of frames %s are a factor of %.6g (%s) too %s, or the forces too %s: energy differences "
                         "are %.3g times their work", frames, f, name_of(f), size_of(large), size_of(!large), r->forces);
    return blame(c, s, *ret_forces ? "forces" : "energies", frames, f, *ret_forces ? !large : large, why, r->forces);
}

static enum al_err tell_virial(struct check *c, const struct dp_system *s, const struct slopes *r, double fluctuation, const char *frames)
{
    if (isfinite(r->virial)) {
        double v = check_factor(r->virial);
        bool energies = isfinite(r->forces) && check_factor(r->forces) == v && (r->forces < 1) == (r->virial < 1);
        if (!v || energies) return AL_ERR_OK;
        return blame(c, s, "virials", frames, v, r->virial < 1, "energy differences are, against their work,", r->virial);
    }
    if (!isfinite(fluctuation) || (fluctuation > 0.12 && fluctuation < 8)) return AL_ERR_OK;
    double v = check_factor(fluctuation);
    if (v) return blame(c, s, "virials", frames, v, fluctuation > 1, "against the forces they fluctuate by", fluctuation);
    return check_add(c, "units", false, s, "virials and forces of frames %s do not belong together: the virials fluctuate by %.3g times what "
                     "the forces let expect", frames, fluctuation);
}

static enum al_err check_set(struct check *c, const struct dp_system *s, int first, int n, const bool *mark, double d_nn,
                             double (*ds)[3])
{
    char frames[64];
    struct slopes r = {NAN, NAN, 0};
    snprintf(frames, sizeof frames, "%d-%d", first, first + n - 1);
    if (s->have & AL_HAVE_ENERGY && s->have & AL_HAVE_FORCES) {
        struct sums t = {0};
        for (int lag = 1; lag <= MAX_LAG && t.n < MIN_PAIRS; lag++)
            add_pairs(s, first, n, lag, mark, ds, &t);
        r = fit(&t);
    }
    if (r.explained < MIN_FIT) r.forces = r.virial = NAN;
    double fluctuation = fluctuation_of(s, first, n, mark, d_nn);
    bool forces = false;
    if (isfinite(r.forces)) AL_TRY(tell_forces(c, s, &r, fluctuation, frames, &forces));
    if (forces && !isfinite(r.virial)) return AL_ERR_OK;
    return tell_virial(c, s, &r, fluctuation, frames);
}

enum al_err check_units(struct check *c, const struct dp_system *s, const bool *mark, double d_nn)
{
    AL_AUTOFREE double(*ds)[3] = NULL;
    AL_ALLOC(ds, s->natoms);
    for (int q = 0, first = 0; q < s->nsets; first += s->set_frames[q++])
        AL_TRY(check_set(c, s, first, s->set_frames[q], mark, d_nn, ds));
    return AL_ERR_OK;
}
