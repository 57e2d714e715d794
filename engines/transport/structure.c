// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/structure.h"

#include <math.h>
#include <stdint.h>

#include "base/linalg.h"
#include "base/mem.h"

// The same number of each element, and mobile ions and framework in the same places.
static bool same_atoms(const struct tr_traj *a, const struct tr_traj *b, const struct tr_species *s)
{
    int count[AL_ZMAX + 1] = {0};
    if (a->natoms != b->natoms) return false;
    for (int i = 0; i < a->natoms; i++) {
        if (a->z[i] != b->z[i] && !(tr_in_framework(s, a->z[i]) && tr_in_framework(s, b->z[i]))) return false;
        count[a->z[i]]++;
        count[b->z[i]]--;
    }
    for (int z = 0; z <= AL_ZMAX; z++)
        if (count[z]) return false;
    return true;
}

static enum al_err check_run(const struct tr_traj *run, const struct tr_traj *first, const struct tr_species *s, int number)
{
    if (run->n < 1 || run->n > INT32_MAX / 4) AL_FAIL(AL_ERR_INPUT, "trajectory %d: %ld frames", number, run->n);
    if (!(run->dt > 0.0) || fabs(run->dt - first->dt) > 1e-6 * first->dt)
        AL_FAIL(AL_ERR_INPUT, "trajectory %d: %g fs between frames, trajectory 0: %g fs", number, run->dt, first->dt);
    if (!same_atoms(run, first, s))
        AL_FAIL(AL_ERR_INPUT, "trajectory %d has other atoms than the first one", number);
    if (!run->pbc) AL_FAIL(AL_ERR_INPUT, "trajectory %d has no cell", number);
    return AL_ERR_OK;
}

static enum al_err select_atoms(const struct tr_species *s, struct tr_reference *r)
{
    AL_ALLOC(r->ion, r->natoms);
    AL_ALLOC(r->frame, r->natoms);
    for (int i = 0; i < r->natoms; i++) {
        if (r->z[i] == s->mobile_z) r->ion[r->nions++] = i;
        if (tr_in_framework(s, r->z[i])) r->frame[r->nframework++] = i;
    }
    return AL_ERR_OK;
}

static void fractional(const struct tr_reference_run *u, int t, int atom, double s[3])
{
    al_vecmat3(u->traj->x[t][atom], u->inv, s);
}

// Mean over the framework of s(t) - s(0), by mass.
static void drift(const struct tr_reference *r, const struct tr_reference_run *u, int t, double ret[3])
{
    double total = 0.0;
    ret[0] = ret[1] = ret[2] = 0.0;
    for (int k = 0; k < r->nframework; k++) {
        double s[3], s0[3], m = al_element_mass(u->traj->z[r->frame[k]]);
        fractional(u, t, r->frame[k], s);
        fractional(u, 0, r->frame[k], s0);
        total += m;
        for (int q = 0; q < 3; q++)
            ret[q] += m * (s[q] - s0[q]);
    }
    for (int q = 0; q < 3 && total > 0.0; q++)
        ret[q] /= total;
}

// How far the framework of a replica's first frame lies from that of run 0, nearest images.
static void offset(const struct tr_reference *r, const struct tr_reference_run *u, double ret[3])
{
    double total = 0.0;
    ret[0] = ret[1] = ret[2] = 0.0;
    for (int k = 0; k < r->nframework; k++) {
        double s[3], s0[3], m = al_element_mass(u->traj->z[r->frame[k]]);
        fractional(u, 0, r->frame[k], s);
        fractional(&r->run[0], 0, r->frame[k], s0);
        total += m;
        for (int q = 0; q < 3; q++) {
            double d = s[q] - s0[q];
            ret[q] += m * (d - round(d));
        }
    }
    for (int q = 0; q < 3 && total > 0.0; q++)
        ret[q] /= total;
}

static enum al_err prepare_run(struct tr_reference *r, const struct tr_traj *run, struct tr_reference_run *u)
{
    double start[3];
    u->traj = run;
    u->n = (int)run->n;
    al_inv3(run->cell, u->inv);
    AL_ALLOC(u->shift, u->n);
    offset(r, u, start);
    for (int t = 0; t < u->n; t++) {
        drift(r, u, t, u->shift[t]);
        for (int q = 0; q < 3; q++)
            u->shift[t][q] += start[q];
    }
    return AL_ERR_OK;
}

static void mean_cell(struct tr_reference *r, const struct tr_traj *const *runs)
{
    double total = 0.0;
    for (int k = 0; k < r->nruns; k++)
        total += (double)runs[k]->n;
    for (int k = 0; k < r->nruns; k++)
        for (int a = 0; a < 9; a++)
            r->cell[a / 3][a % 3] += runs[k]->cell[a / 3][a % 3] * ((double)runs[k]->n / total);
}

enum al_err tr_reference_create(const struct tr_traj *const *runs, int nruns, const struct tr_species *s,
                                struct tr_reference **ret)
{
    if (nruns < 1) AL_FAIL(AL_ERR_INPUT, "no trajectory");
    for (int k = 0; k < nruns; k++)
        AL_TRY(check_run(runs[k], runs[0], s, k));
    AL_OWN(tr_reference) r = NULL;
    AL_ALLOC(r, 1);
    r->natoms = runs[0]->natoms;
    r->z = runs[0]->z;
    r->dt = runs[0]->dt;
    AL_TRY(select_atoms(s, r));
    AL_ALLOC(r->run, nruns);
    r->nruns = nruns;
    for (int k = 0; k < nruns; k++)
        AL_TRY(prepare_run(r, runs[k], &r->run[k]));
    mean_cell(r, runs);
    al_inv3(r->cell, r->inv);
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

void tr_reference_destroy(struct tr_reference **rp)
{
    struct tr_reference *r = *rp;
    *rp = NULL;
    if (!r) return;
    for (int k = 0; k < r->nruns; k++)
        al_free(r->run[k].shift);
    al_free(r->run);
    al_free(r->ion);
    al_free(r->frame);
    al_free(r);
}

enum al_err tr_reference_need_ions(const struct tr_reference *r, const struct tr_species *s)
{
    if (r->nions == 0) AL_FAIL(AL_ERR_INPUT, "no %s in the trajectory", al_element_symbol(s->mobile_z));
    return AL_ERR_OK;
}

void tr_reference_frac(const struct tr_reference *r, int run, int t, int atom, double ret_s[3])
{
    const struct tr_reference_run *u = &r->run[run];
    fractional(u, t, atom, ret_s);
    for (int q = 0; q < 3; q++)
        ret_s[q] -= u->shift[t][q];
}

void tr_reference_pos(const struct tr_reference *r, int run, int t, int atom, double ret_x[3])
{
    double s[3];
    tr_reference_frac(r, run, t, atom, s);
    al_vecmat3(s, r->cell, ret_x);
}

void tr_reference_instant(const struct tr_reference *r, int run, int t, int atom, double ret_x[3])
{
    const struct tr_reference_run *u = &r->run[run];
    double s[3];
    if (!u->traj->variable) {
        memcpy(ret_x, u->traj->x[t][atom], 3 * sizeof *ret_x);
        return;
    }
    fractional(u, t, atom, s);
    al_vecmat3(s, u->traj->cells[t], ret_x);
}

enum al_err tr_reference_track(const struct tr_reference *r, int run, const int *atom, int n, double **ret_x)
{
    AL_AUTOFREE double *x = NULL;
    size_t frames = (size_t)r->run[run].n;
    AL_ALLOC(x, 3 * (size_t)n * frames);
    for (size_t t = 0; t < frames; t++)
        for (int i = 0; i < n; i++) {
            double p[3];
            tr_reference_pos(r, run, (int)t, atom[i], p);
            for (int q = 0; q < 3; q++)
                x[(size_t)(3 * i + q) * frames + t] = p[q];
        }
    *ret_x = x;
    x = NULL;
    return AL_ERR_OK;
}

int tr_reference_shortest(const struct tr_reference *r)
{
    int n = r->run[0].n;
    for (int k = 1; k < r->nruns; k++)
        if (r->run[k].n < n) n = r->run[k].n;
    return n;
}

void tr_cell_heights(const double cell[3][3], double ret[3])
{
    for (int a = 0; a < 3; a++) {
        double n[3];
        al_cross3(cell[(a + 1) % 3], cell[(a + 2) % 3], n);
        ret[a] = fabs(al_det3(cell)) / sqrt(al_dot3(n, n));
    }
}

int tr_log_lags(int longest, int per_decade, int max, int *ret_lag)
{
    int n = 0;
    for (int k = 0; n < max; k++) {
        double v = round(pow(10.0, (double)k / per_decade));
        if (v >= longest) break;
        if (n == 0 || (int)v > ret_lag[n - 1]) ret_lag[n++] = (int)v;
    }
    if (longest >= 1 && n < max) ret_lag[n++] = longest;
    return n;
}

void tr_mean_error(int n, const double *v, double *ret_mean, double *ret_error)
{
    double mean = 0.0, s = 0.0;
    for (int i = 0; i < n; i++)
        mean += v[i] / n;
    for (int i = 0; i < n; i++)
        s += (v[i] - mean) * (v[i] - mean);
    if (ret_mean) *ret_mean = mean;
    if (ret_error) *ret_error = n > 1 ? sqrt(s / ((double)n * (n - 1))) : 0.0;
}
