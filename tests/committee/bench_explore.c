// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the deviation costs in exploration: microseconds of processor time per atom and step of MD with the first model alone, and with the
// deviation of all models every STRIDE steps:
//   bench_explore STRUCTURE N0 N1 N2 STRIDE STEPS MODEL.dp ...
// Atoms move by up to 0.005 Ang a step. The two are timed in turn, 5 times; the medians are printed.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "committee/committee.h"

static double seconds(void) // of the processor: others may use it, too
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum al_err steps(struct committee *c, struct al_frame *f, struct al_rng *rng, long n, long stride, double *ret)
{
    struct potential *p = committee_leader(c);
    struct pot_result res = {.forces = f->forces};
    struct deviation d = {0};
    double start = seconds();
    for (long k = 0; k < n; k++) {
        for (int i = 0; i < 3 * f->natoms; i++)
            (&f->pos[0][0])[i] += 0.01 * (al_rng_uniform(rng) - 0.5);
        AL_TRY(p->ops->eval(p, f, &res));
        if (stride && k % stride == 0) AL_TRY(committee_eval(c, f, &d, NULL));
    }
    *ret = 1e6 * (seconds() - start) / (double)n / f->natoms;
    return AL_ERR_OK;
}

static enum al_err bench(char **a, int nmodels)
{
    enum { TIMES = 5 };
    AL_OWN(al_frame) unit = NULL;
    AL_OWN(al_frame) f = NULL;
    AL_OWN(committee) c = NULL;
    int n[3] = {atoi(a[2]), atoi(a[3]), atoi(a[4])};
    double alone[TIMES], with[TIMES];
    struct al_rng rng;
    al_rng_stream(&rng, 1, "bench", 0, 0, 0);
    AL_TRY(al_structure_read(a[1], &unit));
    AL_TRY(al_frame_supercell(unit, n, &f));
    AL_TRY(committee_open((const char *const *)(a + 7), nmodels, DP_WAY_MIXED, &c));
    for (int k = 0; k < TIMES; k++) {
        AL_TRY(steps(c, f, &rng, atol(a[6]), 0, &alone[k]));
        AL_TRY(steps(c, f, &rng, atol(a[6]), atol(a[5]), &with[k]));
    }
    qsort(alone, TIMES, sizeof *alone, by_size);
    qsort(with, TIMES, sizeof *with, by_size);
    printf("%d atoms, %d models: one model %.2f, deviation every %s steps %.2f us/atom/step, ratio %.3f\n", f->natoms,
           nmodels, alone[TIMES / 2], a[5], with[TIMES / 2], with[TIMES / 2] / alone[TIMES / 2]);
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    if (argc < 8) {
        fprintf(stderr, "usage: %s STRUCTURE N0 N1 N2 STRIDE STEPS MODEL.dp ...\n", argv[0]);
        return 2;
    }
    if (bench(argv, argc - 7) != AL_ERR_OK) {
        fprintf(stderr, "%s\n", al_err_message());
        return 1;
    }
    return 0;
}
