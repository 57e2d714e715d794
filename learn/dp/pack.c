// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/pack.h"

#include <limits.h>
#include <math.h>

#include "base/mem.h"

void dp_packed_destroy(struct dp_packed **p)
{
    if (!*p) return;
    al_free((*p)->count);
    al_free((*p)->at);
    al_free(*p);
    *p = NULL;
}

// image with d = (x_j - x_i) + image.box; false when it does not fit.
static bool image_of(const double d[3], const double xi[3], const double xj[3], const double inv[3][3],
                     signed char image[3])
{
    for (int k = 0; k < 3; k++) {
        double s = 0;
        for (int a = 0; a < 3; a++)
            s += (d[a] - (xj[a] - xi[a])) * inv[a][k];
        double n = round(s);
        if (!(fabs(n) <= SCHAR_MAX) || !(fabs(s - n) < 1e-4)) return false;
        image[k] = (signed char)n;
    }
    return true;
}

// inverse of box, so that s = v inv for v = s box; zero without a cell.
static void inverse(const double b[3][3], bool pbc, double inv[3][3])
{
    memset(inv, 0, 9 * sizeof(double));
    if (!pbc) return;
    double det = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int p = (i + 1) % 3, q = (i + 2) % 3, r = (j + 1) % 3, s = (j + 2) % 3;
            inv[j][i] = b[p][r] * b[q][s] - b[p][s] * b[q][r];
            if (!i) det += b[0][j] * inv[j][0];
        }
    for (int i = 0; i < 9; i++)
        inv[i / 3][i % 3] /= det;
}

static bool fill(const struct dp_layout *l, const double (*x)[3], const double inv[3][3], struct dp_packed *p)
{
    int n = 0, s = 0;
    for (int b = 0; b < l->nblock; b++)
        for (int t = 0; t < l->ntypes; t++)
            for (int c = 0; c < dp_block_size(l, b); c++) {
                const int *seg = dp_layout_seg(l, b, t) + c;
                if (seg[1] - seg[0] > USHRT_MAX) return false;
                p->count[s++] = (unsigned short)(seg[1] - seg[0]);
                const double *xi = x[l->order[l->block_first[b] + c]];
                for (int r = seg[0]; r < seg[1]; r++, n++) {
                    p->at[n].j = l->j[r];
                    if (!image_of(l->d[r], xi, x[l->j[r]], inv, p->at[n].image)) return false;
                }
            }
    return true;
}

enum al_err dp_layout_pack(const struct dp_layout *l, const double (*x)[3], const double box[3][3], bool pbc,
                           struct dp_packed **ret)
{
    AL_OWN(dp_packed) p = NULL;
    double inv[3][3];
    *ret = NULL;
    inverse(box, pbc, inv);
    AL_ALLOC(p, 1);
    p->n = l->nrow - l->nblock * l->ntypes;
    AL_ALLOC(p->count, (size_t)l->natoms * (size_t)l->ntypes);
    AL_ALLOC(p->at, p->n);
    p->bytes = sizeof *p + (size_t)l->natoms * (size_t)l->ntypes * sizeof *p->count + (size_t)p->n * sizeof *p->at;
    if (!fill(l, x, (const double(*)[3])inv, p)) return AL_ERR_OK;
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}

enum al_err dp_layout_unpack(struct dp_layout *l, const struct dp_config *c, int natoms, const int *types,
                             const double (*x)[3], const double box[3][3], const struct dp_packed *p)
{
    AL_TRY(dp_layout_start(l, c, natoms, types, (size_t)p->n));
    const struct dp_packed_neighbour *at = p->at;
    int row = 0, s = 0;
    for (int b = 0; b < l->nblock; b++)
        for (int t = 0; t < l->ntypes; t++) {
            int nc = dp_block_size(l, b), *seg = (int *)dp_layout_seg(l, b, t);
            for (int k = 0; k < nc; k++) {
                const double *xi = x[l->order[l->block_first[b] + k]];
                seg[k] = row;
                for (int end = row + p->count[s++]; row < end; row++, at++) {
                    const double *xj = x[at->j];
                    const signed char *q = at->image;
                    l->j[row] = at->j;
                    for (int a = 0; a < 3; a++)
                        l->d[row][a] =
                            (xj[a] - xi[a]) + (q[0] * box[0][a] + q[1] * box[1][a] + q[2] * box[2][a]);
                }
            }
            dp_layout_close(l, b, t, &row);
        }
    l->nrow = row;
    return AL_ERR_OK;
}
