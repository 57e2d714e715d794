// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Microseconds per atom and evaluation of a model on a supercell of a structure:
//   bench_potential MODEL.dp STRUCTURE N0 N1 N2 [REPEATS]
// Atoms are moved by up to 0.05 Ang before each evaluation, as MD does.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "dp/potential.h"

static enum al_err bench(char **a, int repeats)
{
    AL_OWN(al_frame) unit = NULL;
    AL_OWN(al_frame) f = NULL;
    struct potential *p = NULL;
    int n[3] = {atoi(a[3]), atoi(a[4]), atoi(a[5])};
    AL_TRY(al_structure_read(a[2], &unit));
    AL_TRY(al_frame_supercell(unit, n, &f));
    AL_TRY(dp_potential_open(a[1], &p));
    struct al_rng rng;
    al_rng_stream(&rng, 1, "bench", 0, 0, 0);
    struct pot_result res = {.forces = f->forces};
    double best = 1e30, sum = 0;
    for (int k = 0; k < repeats; k++) {
        for (int i = 0; i < 3 * f->natoms; i++)
            (&f->pos[0][0])[i] += 0.02 * (al_rng_uniform(&rng) - 0.5);
        double t = al_clock();
        enum al_err e = p->ops->eval(p, f, &res);
        t = al_clock() - t;
        if (e != AL_ERR_OK) {
            potential_destroy(&p);
            return e;
        }
        if (t < best) best = t;
        sum += t;
    }
    printf("%d atoms: %.1f us/atom (mean), %.1f us/atom (best) of %d evaluations\n", f->natoms,
           1e6 * sum / repeats / f->natoms, 1e6 * best / f->natoms, repeats);
    potential_destroy(&p);
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: %s MODEL.dp STRUCTURE N0 N1 N2 [REPEATS]\n", argv[0]);
        return 2;
    }
    if (bench(argv, argc > 6 ? atoi(argv[6]) : 20) != AL_ERR_OK) {
        fprintf(stderr, "%s\n", al_err_message());
        return 1;
    }
    return 0;
}
