// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "committee/novelty.h"

#include <math.h>

#include "base/mem.h"

static const double alike = 1e-6; // spread of rounding errors, by the mean's length

typedef double v8d __attribute__((vector_size(64), aligned(8)));

int env_width(int width)
{
    int eights = (width + 7) / 8 * 8;
    return eights < ENV_WIDTH ? eights : ENV_WIDTH;
}

enum al_err env_project(int width, int n, const double *in, double *out)
{
    int w = env_width(width);
    if (width <= ENV_WIDTH) { // padded with zeros
        memset(out, 0, (size_t)n * (size_t)w * sizeof *out);
        for (int a = 0; a < n; a++)
            memcpy(out + (size_t)a * (size_t)w, in + (size_t)a * (size_t)width, (size_t)width * sizeof *out);
        return AL_ERR_OK;
    }
    AL_AUTOFREE double *p = NULL; // [width][w]
    struct al_rng rng;
    AL_ALLOC(p, (size_t)width * (size_t)w);
    al_rng_stream(&rng, 0, "projection", (uint64_t)width, (uint64_t)w, 0);
    for (int i = 0; i < width * w; i++)
        p[i] = al_rng_normal(&rng) / sqrt(w);
    for (int a = 0; a < n; a++) {
        double *y = out + (size_t)a * (size_t)w;
        memset(y, 0, (size_t)w * sizeof *y);
        for (int k = 0; k < width; k++) {
            double x = in[(size_t)a * (size_t)width + (size_t)k];
            for (int c = 0; c < w; c++)
                y[c] += x * p[k * w + c];
        }
    }
    return AL_ERR_OK;
}

// Root mean square distance from the mean of the environments of element z; where they are all alike (a perfect crystal), the length of
// that mean; 0 without any.
static enum al_err spread(int width, int n, const struct env_frame f[], int z, double *ret)
{
    AL_AUTOFREE double *mean = NULL;
    AL_ALLOC(mean, width);
    double sum = 0;
    long count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n; i++)
            for (int a = 0; a < f[i].natoms; a++) {
                const double *x = f[i].x + (size_t)a * (size_t)width;
                if (f[i].z[a] != z) continue;
                count += !pass;
                for (int c = 0; c < width; c++) {
                    if (pass) sum += (x[c] - mean[c]) * (x[c] - mean[c]);
                    else mean[c] += x[c];
                }
            }
        for (int c = 0; c < width && !pass && count; c++)
            mean[c] /= (double)count;
    }
    double size = 0, s = count ? sqrt(sum / (double)count) : 0;
    for (int c = 0; c < width; c++)
        size += mean[c] * mean[c];
    *ret = s > alike * sqrt(size) ? s : sqrt(size);
    return AL_ERR_OK;
}

static void divide(int width, int n, struct env_frame f[], int z, double by)
{
    for (int i = 0; i < n; i++)
        for (int a = 0; a < f[i].natoms; a++)
            for (int c = 0; c < width && f[i].z[a] == z; c++)
                f[i].x[(size_t)a * (size_t)width + (size_t)c] /= by;
}

enum al_err env_scale(int width, int nknown, struct env_frame known[], int n, struct env_frame pool[])
{
    for (int z = 1; z <= AL_ZMAX; z++) {
        double s;
        AL_TRY(spread(width, nknown, known, z, &s));
        if (!(s > 0)) continue;
        divide(width, nknown, known, z, s);
        divide(width, n, pool, z, s);
    }
    return AL_ERR_OK;
}

struct novelty {
    int width, n;
    const struct env_frame *pool;
    double **nearest; // [n][natoms] squared distances
    double *room;
    int **whose, *whose_room; // [n][natoms] to which of the nlearned frames
    int nlearned;
};

void novelty_destroy(struct novelty **vp)
{
    struct novelty *v = *vp;
    *vp = NULL;
    if (!v) return;
    al_free(v->nearest);
    al_free(v->room);
    al_free(v->whose);
    al_free(v->whose_room);
    al_free(v);
}

enum al_err novelty_create(int width, int n, const struct env_frame *pool, struct novelty **ret)
{
    AL_OWN(novelty) v = NULL;
    size_t atoms = 0;
    if (width % 8) AL_FAIL(AL_ERR_BUG, "environments of %d numbers, no multiple of 8", width);
    for (int i = 0; i < n; i++)
        atoms += (size_t)pool[i].natoms;
    AL_ALLOC(v, 1);
    AL_ALLOC(v->nearest, n);
    AL_ALLOC(v->room, atoms);
    AL_ALLOC(v->whose, n);
    AL_ALLOC(v->whose_room, atoms);
    for (size_t a = 0; a < atoms; a++) {
        v->room[a] = INFINITY;
        v->whose_room[a] = -1;
    }
    size_t at = 0;
    for (int i = 0; i < n; at += (size_t)pool[i].natoms, i++) {
        v->nearest[i] = v->room + at;
        v->whose[i] = v->whose_room + at;
    }
    v->width = width;
    v->n = n;
    v->pool = pool;
    *ret = v;
    v = NULL;
    return AL_ERR_OK;
}

// width: a multiple of 8.
static double squared(int width, const double *x, const double *y)
{
    v8d sum = {0};
    for (int c = 0; c < width; c += 8) {
        v8d a, b;
        memcpy(&a, x + c, sizeof a);
        memcpy(&b, y + c, sizeof b);
        sum += (a - b) * (a - b);
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

void novelty_learn(struct novelty *v, const struct env_frame *known)
{
    size_t w = (size_t)v->width;
    for (int i = 0; i < v->n; i++) {
        const struct env_frame *f = &v->pool[i];
        for (int a = 0; a < f->natoms; a++)
            for (int b = 0; b < known->natoms; b++) {
                if (known->z[b] != f->z[a]) continue;
                double d = squared(v->width, f->x + (size_t)a * w, known->x + (size_t)b * w);
                if (!(d < v->nearest[i][a])) continue;
                v->nearest[i][a] = d;
                v->whose[i][a] = v->nlearned;
            }
    }
    v->nlearned++;
}

enum al_err novelty_nearest(const struct novelty *v, int i, int *ret)
{
    AL_AUTOFREE int *count = NULL;
    AL_ALLOC(count, v->nlearned + 1);
    *ret = -1;
    for (int a = 0; a < v->pool[i].natoms; a++) {
        int k = v->whose[i][a];
        if (k < 0) continue;
        count[k]++;
        if (*ret < 0 || count[k] > count[*ret] || (count[k] == count[*ret] && k < *ret)) *ret = k;
    }
    return AL_ERR_OK;
}

struct distance novelty_distance(const struct novelty *v, int i)
{
    struct distance d = {0, 0};
    int natoms = v->pool[i].natoms;
    for (int a = 0; a < natoms; a++) {
        d.rms += v->nearest[i][a] / natoms;
        d.max = fmax(d.max, v->nearest[i][a]);
    }
    return (struct distance){sqrt(d.rms), sqrt(d.max)};
}

enum al_err novelty_choose(struct novelty *v, const bool allowed[], const int order[], int want, double duplicate,
                           int ret_index[], int *ret_n, struct distance ret_at[])
{
    AL_AUTOFREE bool *left = NULL;
    AL_ALLOC(left, v->n);
    memcpy(left, allowed, (size_t)v->n * sizeof *left);
    int n = 0;
    for (int step = 0; step < v->n && n < want; step++) {
        int best = order ? order[step] : -1;
        struct distance far = {-1, -1};
        for (int i = 0; i < v->n && !order; i++) {
            if (!left[i]) continue;
            struct distance d = novelty_distance(v, i);
            if (d.max < duplicate) left[i] = false; // it can only come nearer
            if (left[i] && d.rms > far.rms) {
                far = d;
                best = i;
            }
        }
        if (best < 0) break;
        if (order) far = novelty_distance(v, best);
        if (!left[best] || far.max < duplicate) continue;
        left[best] = false;
        ret_at[best] = far;
        ret_index[n++] = best;
        novelty_learn(v, &v->pool[best]);
    }
    for (int i = 0; i < v->n; i++) {
        bool chosen = false;
        for (int k = 0; k < n; k++)
            chosen |= ret_index[k] == i;
        if (!chosen) ret_at[i] = novelty_distance(v, i);
    }
    *ret_n = n;
    return AL_ERR_OK;
}
