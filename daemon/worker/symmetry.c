// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/symmetry.h"

#include <spglib.h>

#include "base/linalg.h"
#include "base/mem.h"

enum al_err symmetry_sites(const struct al_frame *f, int z, double tolerance, int *ret_n, int *ret)
{
    AL_AUTOFREE double(*frac)[3] = NULL;
    double columns[3][3], inverse[3][3]; // spglib wants the cell vectors as columns
    AL_ALLOC(frac, f->natoms);
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            columns[b][a] = f->cell[a][b];
    al_inv3(f->cell, inverse);
    for (int i = 0; i < f->natoms; i++)
        al_vecmat3(f->pos[i], inverse, frac[i]);
    SpglibDataset *d = spg_get_dataset(columns, frac, f->z, f->natoms, tolerance);
    if (!d)
        AL_FAIL(AL_ERR_INPUT, "spglib finds no symmetry: %s", spg_get_error_message(spg_get_error_code()));
    int n = 0;
    for (int i = 0; i < f->natoms; i++)
        if (f->z[i] == z && d->equivalent_atoms[i] == i) ret[n++] = i;
    spg_free_dataset(d);
    *ret_n = n;
    return AL_ERR_OK;
}
