// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/density.h"

#include <math.h>

#include "base/cube.h"
#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/yaml.h"

static const double default_spacing = 0.2, default_smooth = 0.25, smooth_reach = 4.0, max_points = 1e8;

static size_t grid_size(const int n[3])
{
    return (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
}

static enum al_err set_up(const struct tr_reference *ref, const struct tr_density_options *o, struct tr_density *d)
{
    double spacing = o->spacing > 0.0 ? o->spacing : default_spacing, points = 1.0;
    d->smooth = o->smooth > 0.0 ? o->smooth : o->smooth < 0.0 ? 0.0 : default_smooth;
    for (int q = 0; q < 3; q++)
        points *= fmax(1.0, ceil(sqrt(al_dot3(ref->cell[q], ref->cell[q])) / spacing));
    if (!(points <= max_points)) AL_FAIL(AL_ERR_INPUT, "a spacing of %g Ang makes a grid of %.3g points", spacing, points);
    for (int q = 0; q < 3; q++)
        d->n[q] = (int)fmax(1.0, ceil(sqrt(al_dot3(ref->cell[q], ref->cell[q])) / spacing));
    AL_ALLOC(d->rho, grid_size(d->n));
    d->voxel = fabs(al_det3(ref->cell)) / (double)grid_size(d->n);
    d->nions = ref->nions;
    return AL_ERR_OK;
}

static int wrap(int i, int n)
{
    i %= n;
    return i < 0 ? i + n : i;
}

static size_t point_at(const int n[3], const double s[3])
{
    int i[3];
    for (int q = 0; q < 3; q++) {
        double f = s[q] - floor(s[q]);
        i[q] = wrap((int)floor(f * n[q] + 0.5), n[q]);
    }
    return (size_t)i[0] + (size_t)n[0] * ((size_t)i[1] + (size_t)n[1] * (size_t)i[2]);
}

static void count(const struct tr_reference *ref, struct tr_density *d)
{
    double s[3];
    for (int k = 0; k < ref->nruns; k++) {
        d->nframes += ref->run[k].n;
        for (int t = 0; t < ref->run[k].n; t++)
            for (int i = 0; i < ref->nions; i++) {
                tr_reference_frac(ref, k, t, ref->ion[i], s);
                d->rho[point_at(d->n, s)] += 1.0;
            }
    }
    for (size_t p = 0; p < grid_size(d->n); p++)
        d->rho[p] /= (double)d->nframes * d->voxel;
}

struct kernel { // weights of the grid offsets within reach
    int n, (*step)[3];
    double *w;
};

static enum al_err make_kernel(const double cell[3][3], const int n[3], double sigma, struct kernel *k)
{
    int reach[3], cap = 1;
    double h[3], total = 0.0;
    tr_cell_heights(cell, h);
    for (int q = 0; q < 3; q++) {
        reach[q] = (int)ceil(smooth_reach * sigma / h[q] * n[q]);
        cap *= 2 * reach[q] + 1;
    }
    AL_ALLOC(k->step, cap);
    AL_ALLOC(k->w, cap);
    for (int a = -reach[0]; a <= reach[0]; a++)
        for (int b = -reach[1]; b <= reach[1]; b++)
            for (int c = -reach[2]; c <= reach[2]; c++) {
                double s[3] = {(double)a / n[0], (double)b / n[1], (double)c / n[2]}, x[3];
                al_vecmat3(s, cell, x);
                double r2 = al_dot3(x, x);
                if (r2 > pow(smooth_reach * sigma, 2)) continue;
                k->step[k->n][0] = a;
                k->step[k->n][1] = b;
                k->step[k->n][2] = c;
                k->w[k->n] = exp(-0.5 * r2 / (sigma * sigma));
                total += k->w[k->n++];
            }
    for (int i = 0; i < k->n; i++)
        k->w[i] /= total;
    return AL_ERR_OK;
}

// Spreads every occupied point; most of a grid is empty, and the sum stays what it is.
static void spread(const struct kernel *k, const int n[3], const double *from, double *to)
{
    for (int c = 0; c < n[2]; c++)
        for (int b = 0; b < n[1]; b++)
            for (int a = 0; a < n[0]; a++) {
                double v = from[(size_t)a + (size_t)n[0] * ((size_t)b + (size_t)n[1] * (size_t)c)];
                if (v == 0.0) continue;
                for (int i = 0; i < k->n; i++) {
                    size_t p = (size_t)wrap(a + k->step[i][0], n[0]) +
                               (size_t)n[0] * ((size_t)wrap(b + k->step[i][1], n[1]) +
                                               (size_t)n[1] * (size_t)wrap(c + k->step[i][2], n[2]));
                    to[p] += v * k->w[i];
                }
            }
}

static enum al_err smooth(const struct tr_reference *ref, struct tr_density *d)
{
    struct kernel k = {0};
    double *to = NULL;
    if (!(d->smooth > 0.0)) return AL_ERR_OK;
    enum al_err e = make_kernel(ref->cell, d->n, d->smooth, &k);
    if (e == AL_ERR_OK) e = al_alloc(grid_size(d->n), sizeof *to, &to);
    if (e == AL_ERR_OK) {
        spread(&k, d->n, d->rho, to);
        al_free(d->rho);
        d->rho = to;
    }
    al_free(k.step);
    al_free(k.w);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err mean_lattice(const struct tr_reference *ref, struct tr_density *d)
{
    AL_TRY(al_frame_create(ref->nframework, &d->lattice));
    d->lattice->pbc = true;
    memcpy(d->lattice->cell, ref->cell, sizeof ref->cell);
    for (int i = 0; i < ref->nframework; i++) {
        double s[3] = {0}, first[3], at[3];
        d->lattice->z[i] = ref->z[ref->frame[i]];
        for (int k = 0; k < ref->nruns; k++) {
            tr_reference_frac(ref, k, 0, ref->frame[i], first);
            for (int t = 0; t < ref->run[k].n; t++) {
                tr_reference_frac(ref, k, t, ref->frame[i], at);
                for (int q = 0; q < 3; q++) // a replica may have begun in another image
                    s[q] += (at[q] - floor(first[q])) / (double)d->nframes;
            }
        }
        al_vecmat3(s, ref->cell, d->lattice->pos[i]);
    }
    return AL_ERR_OK;
}

enum al_err tr_density_create(const struct tr_traj *const *runs, int nruns, const struct tr_density_options *o, struct tr_density **ret)
{
    AL_OWN(tr_reference) ref = NULL;
    AL_OWN(tr_density) d = NULL;
    AL_TRY(tr_reference_create(runs, nruns, &o->species, &ref));
    AL_TRY(tr_reference_need_ions(ref, &o->species));
    AL_ALLOC(d, 1);
    AL_TRY(set_up(ref, o, d));
    count(ref, d);
    AL_TRY(smooth(ref, d));
    AL_TRY(mean_lattice(ref, d));
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

void tr_density_destroy(struct tr_density **dp)
{
    struct tr_density *d = *dp;
    *dp = NULL;
    if (!d) return;
    al_free(d->rho);
    al_frame_destroy(&d->lattice);
    al_free(d);
}

double tr_density_sum(const struct tr_density *d)
{
    double sum = 0.0;
    for (size_t p = 0; p < grid_size(d->n); p++)
        sum += d->rho[p];
    return sum * d->voxel;
}

enum al_err tr_density_write_cube(const char *path, const struct tr_density *d)
{
    char title[160];
    snprintf(title, sizeof title, "probability density of %d mobile ions, 1/Ang^3, mean of %ld frames, Gaussian of %g Ang",
             d->nions, d->nframes, d->smooth);
    return al_cube_write(path, title, d->lattice, d->n, d->rho);
}

void tr_density_write_yaml(FILE *out, int depth, const struct tr_density *d)
{
    double max = 0.0;
    for (size_t p = 0; p < grid_size(d->n); p++)
        max = fmax(max, d->rho[p]);
    fprintf(out, "%*sgrid: [%d, %d, %d]\n", 2 * depth, "", d->n[0], d->n[1], d->n[2]);
    al_yaml_double(out, depth, "smoothing_ang", d->smooth);
    al_yaml_int(out, depth, "frames", d->nframes);
    al_yaml_double(out, depth, "ions", tr_density_sum(d));
    al_yaml_double(out, depth, "highest_per_ang3", max);
    al_yaml_double(out, depth, "mean_per_ang3", d->nions / (d->voxel * (double)grid_size(d->n)));
}
