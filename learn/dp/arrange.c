// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/arrange.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/linalg.h"
#include "base/mem.h"

// Cells copied one after another, and elements one after another in such a crystal, have their atoms a fraction of the cut-off apart;
// numbers drawn at random are half the edge of the cell apart.
static const double far_apart = 1.5; // cut-offs
enum { BITS = 20 };                  // of a box number along one axis

bool dp_scattered(const struct al_frame *f, double rc)
{
    double sum = 0, inv[3][3] = {0};
    if (f->pbc) {
        if (!(al_frame_volume(f) > 0)) return false;
        al_inv3(f->cell, inv);
    }
    for (int i = 1; i < f->natoms; i++) {
        double d[3], s[3], image[3];
        for (int c = 0; c < 3; c++)
            d[c] = f->pos[i][c] - f->pos[i - 1][c];
        al_vecmat3(d, inv, s);
        for (int c = 0; c < 3; c++)
            s[c] = round(s[c]);
        al_vecmat3(s, f->cell, image);
        for (int c = 0; f->pbc && c < 3; c++)
            d[c] -= image[c];
        sum += sqrt(al_dot3(d, d));
    }
    return isfinite(sum) && sum > far_apart * rc * (f->natoms - 1);
}

struct place {
    uint64_t key;
    int z, atom;
};

// Elements first: the centres of a block and the neighbours in a segment are of one type each, and stand together so.
static int by_key(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    if (p->z != q->z) return p->z < q->z ? -1 : 1;
    if (p->key != q->key) return p->key < q->key ? -1 : 1;
    return p->atom < q->atom ? -1 : p->atom > q->atom;
}

// The bits of box, those of the three axes alternating.
static uint64_t z_order(const double box[3])
{
    uint64_t key = 0;
    for (int c = 0; c < 3; c++) {
        uint64_t v = (uint64_t)fmin(fmax(box[c], 0), (1 << BITS) - 1);
        for (int b = 0; b < BITS; b++)
            key |= (v >> b & 1) << (3 * b + c);
    }
    return key;
}

enum al_err dp_arrange(const struct al_frame *f, double rc, int *ret)
{
    AL_AUTOFREE struct place *at = NULL;
    double inv[3][3] = {0}, lo[3] = {0}, n[3];
    AL_ALLOC(at, f->natoms);
    if (f->pbc) al_inv3(f->cell, inv);
    for (int c = 0; c < 3; c++) { // boxes along an axis of the cell: its height is 1/|column of the inverse|
        double column[3] = {inv[0][c], inv[1][c], inv[2][c]};
        n[c] = f->pbc ? fmax(1, floor(2 / (rc * sqrt(al_dot3(column, column))))) : 0;
        for (int i = 0; i < f->natoms; i++)
            lo[c] = i ? fmin(lo[c], f->pos[i][c]) : f->pos[i][c];
    }
    for (int i = 0; i < f->natoms; i++) {
        double s[3], box[3];
        al_vecmat3(f->pos[i], inv, s);
        for (int c = 0; c < 3; c++)
            box[c] = f->pbc ? (s[c] - floor(s[c])) * n[c] : (f->pos[i][c] - lo[c]) / (rc / 2);
        at[i] = (struct place){z_order(box), f->z[i], i};
    }
    qsort(at, (size_t)f->natoms, sizeof *at, by_key);
    for (int i = 0; i < f->natoms; i++)
        ret[i] = at[i].atom;
    return AL_ERR_OK;
}
