// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/sphere.h"

#include <string.h>

#include "base/mem.h"

static int order(const int a[3], const int b[3])
{
    for (int d = 0; d < 3; d++)
        if (a[d] != b[d]) return a[d] < b[d] ? -1 : 1;
    return 0;
}

void sphere_match(int nold, const int (*old)[3], int nnew, const int (*mill)[3], int *from)
{
    for (int i = 0, j = 0; i < nnew; i++) {
        while (j < nold && order(old[j], mill[i]) < 0)
            j++;
        from[i] = j < nold && order(old[j], mill[i]) == 0 ? j : -1;
    }
}

enum al_err sphere_move_bands(struct sphere_rows old, const struct kbasis *k, const int *from, int nb,
                              const double complex *x, double complex *y)
{
    const int size = k->comm->size;
    AL_AUTOFREE double complex *full = NULL;
    AL_AUTOFREE int *split = NULL;
    AL_ALLOC(full, old.npw);
    AL_ALLOC(split, 2 * size);
    int *n = split, *at = split + size;
    for (int r = 0; r < size; r++) {
        at[r] = comm_first(old.npw, size, r);
        n[r] = comm_first(old.npw, size, r + 1) - at[r];
    }
    for (int j = 0; j < nb; j++) {
        double complex *yj = y + (size_t)j * (size_t)k->nloc;
        memcpy(full + old.p0, x + (size_t)j * (size_t)old.nloc, (size_t)old.nloc * sizeof *full);
        comm_allgatherv_z(k->comm, full, n, at);
        for (int i = 0; i < k->nloc; i++)
            yj[i] = from[k->p0 + i] >= 0 ? full[from[k->p0 + i]] : 0;
    }
    return AL_ERR_OK;
}
