// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Microseconds of processor time per atom and evaluation of a model on a supercell of a structure, in turn plain, in double and in mixed
// precision, and how far the last two are from plain; with THREADS wall time, which is what they are for:
//   bench_potential MODEL.dp STRUCTURE N0 N1 N2 [REPEATS [WAY|all [THREADS]]]
// Atoms are moved by up to 0.01 Ang before each evaluation, as MD does. WAY: this one only (for profiles).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "dp/potential.h"

enum { WAYS = 3 };
static const char *const names[] = {"plain", "double", "mixed"};

static clockid_t timer = CLOCK_PROCESS_CPUTIME_ID; // others may use the processor, too

static double seconds(void)
{
    struct timespec t;
    clock_gettime(timer, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum al_err once(struct potential *p, const struct al_frame *f, struct pot_result *res, double *t)
{
    double start = seconds();
    AL_TRY(p->ops->eval(p, f, res));
    *t = seconds() - start;
    return AL_ERR_OK;
}

static enum al_err bench(char **a, int repeats, const char *only, int threads, struct potential **p)
{
    AL_OWN(al_frame) unit = NULL;
    AL_OWN(al_frame) f = NULL;
    int n[3] = {atoi(a[3]), atoi(a[4]), atoi(a[5])};
    struct pot_result res[WAYS] = {0};
    double best[WAYS], sum[WAYS] = {0}, off_e[WAYS] = {0}, off_f[WAYS] = {0};
    AL_TRY(al_structure_read(a[2], &unit));
    AL_TRY(al_frame_supercell(unit, n, &f));
    for (int w = 0; w < WAYS; w++) {
        best[w] = 1e30;
        AL_TRY(al_alloc((size_t)f->natoms, sizeof *res[w].forces, &res[w].forces));
        if (only && strcmp(only, names[w]) != 0) continue;
        AL_TRY(dp_potential_open(a[1], (enum dp_way)w, &p[w]));
        if (threads) dp_potential_threads(p[w], threads);
    }
    struct al_rng rng;
    al_rng_stream(&rng, 1, "bench", 0, 0, 0);
    for (int k = 0; k < repeats; k++) {
        for (int i = 0; i < 3 * f->natoms; i++)
            (&f->pos[0][0])[i] += 0.02 * (al_rng_uniform(&rng) - 0.5);
        for (int w = 0; w < WAYS; w++) {
            double t;
            if (!p[w]) continue;
            AL_TRY(once(p[w], f, &res[w], &t));
            best[w] = fmin(best[w], t);
            sum[w] += t;
            off_e[w] = fmax(off_e[w], fabs(res[w].energy - res[0].energy) / f->natoms);
            for (int i = 0; i < 3 * f->natoms; i++)
                off_f[w] = fmax(off_f[w], fabs((&res[w].forces[0][0])[i] - (&res[0].forces[0][0])[i]));
        }
    }
    for (int w = 0; w < WAYS; w++) {
        if (!p[w]) continue;
        printf("%d atoms, %s: %.1f us/atom (mean), %.1f us/atom (best) of %d evaluations", f->natoms, names[w],
               1e6 * sum[w] / repeats / f->natoms, 1e6 * best[w] / f->natoms, repeats);
        if (w && !only)
            printf("; from plain at most %.1e eV/atom, %.1e eV/Ang; %ld inputs outside the tables", off_e[w], off_f[w],
                   dp_potential_outside(p[w]));
        printf("\n");
    }
    for (int w = 0; w < WAYS; w++)
        al_free(res[w].forces);
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    struct potential *p[WAYS] = {0};
    if (argc < 6) {
        fprintf(stderr, "usage: %s MODEL.dp STRUCTURE N0 N1 N2 [REPEATS [WAY|all [THREADS]]]\n", argv[0]);
        return 2;
    }
    int threads = argc > 8 ? atoi(argv[8]) : 0;
    if (threads) timer = CLOCK_MONOTONIC;
    enum al_err e = bench(argv, argc > 6 ? atoi(argv[6]) : 20, argc > 7 && strcmp(argv[7], "all") ? argv[7] : NULL, threads, p);
    for (int w = 0; w < WAYS; w++)
        potential_destroy(&p[w]);
    if (e != AL_ERR_OK) {
        fprintf(stderr, "%s\n", al_err_message());
        return 1;
    }
    return 0;
}
