// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/kpoints.h"

#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

static double wrap(double x)
{
    x -= ceil(x - 0.5 - 1e-12); // into (-1/2, 1/2]
    return fabs(x) < 1e-14 ? 0 : x;
}

static enum al_err room(struct kpoint_set *s, int n)
{
    AL_ALLOC(s->k, n);
    AL_ALLOC(s->weight, n);
    return AL_ERR_OK;
}

// Adds k or raises the weight of its time-reversed twin.
static void add(struct kpoint_set *s, const double k[3])
{
    for (int i = 0; i < s->n; i++) {
        bool twin = true;
        for (int d = 0; d < 3; d++)
            twin = twin && fabs(wrap(s->k[i][d] + k[d])) < 1e-9;
        if (twin) {
            s->weight[i] += 1;
            return;
        }
    }
    memcpy(s->k[s->n], k, sizeof s->k[0]);
    s->weight[s->n++] = 1;
}

static enum al_err make_mesh(struct kpoint_set *s, const int n[3], const int shift[3])
{
    for (int d = 0; d < 3; d++)
        if (n[d] < 1 || n[d] > 100 || shift[d] < 0 || shift[d] > 1)
            AL_FAIL(AL_ERR_INPUT, "k-point mesh %d %d %d shift %d %d %d: lengths 1 to 100, shifts 0 or 1",
                    n[0], n[1], n[2], shift[0], shift[1], shift[2]);
    AL_TRY(room(s, n[0] * n[1] * n[2]));
    for (int i = 0; i < n[0]; i++)
        for (int j = 0; j < n[1]; j++)
            for (int l = 0; l < n[2]; l++)
                add(s, (double[3]){wrap((i + 0.5 * shift[0]) / n[0]), wrap((j + 0.5 * shift[1]) / n[1]),
                                   wrap((l + 0.5 * shift[2]) / n[2])});
    return AL_ERR_OK;
}

static enum al_err make_spacing(struct kpoint_set *s, double spacing, const double cell[3][3])
{
    int n[3], shift[3];
    double inv[3][3];
    if (!(spacing > 0.01)) AL_FAIL(AL_ERR_INPUT, "k-point spacing %g 1/Ang is not above 0.01", spacing);
    al_inv3(cell, inv);
    for (int d = 0; d < 3; d++) {
        double b = 2 * AL_PI * sqrt(inv[0][d] * inv[0][d] + inv[1][d] * inv[1][d] + inv[2][d] * inv[2][d]);
        n[d] = (int)ceil(b / spacing - 1e-9);
        if (n[d] < 1) n[d] = 1;
        shift[d] = n[d] > 1;
    }
    return make_mesh(s, n, shift);
}

static enum al_err make_list(struct kpoint_set *s, const struct dft_kpoints *spec)
{
    if (spec->n < 1) AL_FAIL(AL_ERR_INPUT, "empty list of k-points");
    AL_TRY(room(s, spec->n));
    s->n = spec->n;
    for (int i = 0; i < s->n; i++) {
        s->weight[i] = spec->weight ? spec->weight[i] : 1;
        if (!(s->weight[i] > 0)) AL_FAIL(AL_ERR_INPUT, "weight %g of k-point %d", s->weight[i], i + 1);
        for (int d = 0; d < 3; d++) {
            if (!isfinite(spec->k[i][d])) AL_FAIL(AL_ERR_INPUT, "k-point %d is not finite", i + 1);
            s->k[i][d] = wrap(spec->k[i][d]);
        }
    }
    return AL_ERR_OK;
}

enum al_err kpoint_set_create(const struct dft_kpoints *spec, const double cell[3][3],
                              struct kpoint_set **ret)
{
    AL_OWN(kpoint_set) s = NULL;
    AL_ALLOC(s, 1);
    switch (spec->kind) {
    case DFT_KPOINTS_GAMMA:
        AL_TRY(make_mesh(s, (int[3]){1, 1, 1}, (int[3]){0, 0, 0}));
        break;
    case DFT_KPOINTS_LIST:
        AL_TRY(make_list(s, spec));
        break;
    case DFT_KPOINTS_MESH:
        AL_TRY(make_mesh(s, spec->mesh, spec->shift));
        break;
    case DFT_KPOINTS_SPACING:
        AL_TRY(make_spacing(s, spec->spacing, cell));
        break;
    default:
        AL_FAIL(AL_ERR_INPUT, "unknown kind of k-points %d", (int)spec->kind);
    }
    double sum = 0;
    for (int i = 0; i < s->n; i++)
        sum += s->weight[i];
    for (int i = 0; i < s->n; i++)
        s->weight[i] /= sum;
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void kpoint_set_destroy(struct kpoint_set **s)
{
    if (!*s) return;
    al_free((*s)->k);
    al_free((*s)->weight);
    al_free(*s);
    *s = NULL;
}
