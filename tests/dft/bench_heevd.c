// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Eigenvectors of a dense matrix: LAPACK on every rank (replicated) against ScaLAPACK on all of them, the choice that
// dft/subspace.c makes:
//   mpirun -np 2 bench_heevd [NMAX]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "comm/dmat.h"

enum { BLOCK = 32 };

// Hermitian, as full columns; elements of width 1 (real) or 2.
static void fill(int n, bool real, double *a)
{
    const size_t width = real ? 1 : 2;
    struct al_rng r;
    al_rng_seed(&r, 11, (uint64_t)n);
    for (size_t j = 0; j < (size_t)n; j++)
        for (size_t i = 0; i <= j; i++)
            for (size_t c = 0; c < width; c++) {
                double v = i == j && c == 1 ? 0 : al_rng_uniform(&r) - 0.5;
                a[(j * (size_t)n + i) * width + c] = v;
                a[(i * (size_t)n + j) * width + c] = c == 1 ? -v : v;
            }
}

struct times {
    double lapack, scalapack, worst; // s, s, largest difference of eigenvalues
};

static enum al_err lapack(struct comm *c, int n, bool real, const double *a, double *w, double *ret)
{
    AL_AUTOFREE double *z = NULL;
    const size_t size = (size_t)n * (size_t)n * (real ? 1 : 2);
    AL_ALLOC(z, size);
    for (size_t i = 0; i < size; i++)
        z[i] = a[i];
    comm_barrier(c);
    double start = al_clock();
    AL_TRY(real ? al_dsyevd(n, z, n, w) : al_zheevd(n, (double complex *)z, n, w));
    comm_barrier(c);
    *ret = al_clock() - start;
    return AL_ERR_OK;
}

static enum al_err scalapack(struct comm *c, int n, bool real, const double *a, double *w, double *ret)
{
    AL_OWN(dgrid) g = NULL;
    AL_OWN(dmat) h = NULL;
    AL_OWN(dmat) z = NULL;
    AL_TRY(dgrid_create(c, BLOCK, 0, &g));
    AL_TRY(dmat_create(g, n, real, &h));
    AL_TRY(dmat_create(g, n, real, &z));
    dmat_put(h, n, 0, n, a, n);
    comm_barrier(c);
    double start = al_clock();
    AL_TRY(dmat_heevd(h, n, w, z));
    comm_barrier(c);
    *ret = al_clock() - start;
    return AL_ERR_OK;
}

static enum al_err measure(struct comm *c, int n, bool real, struct times *ret)
{
    AL_AUTOFREE double *a = NULL;
    AL_AUTOFREE double *w = NULL;
    AL_AUTOFREE double *v = NULL;
    const int repeat = n <= 200 ? 10 : n <= 600 ? 3 : 1;
    AL_ALLOC(a, (size_t)n * (size_t)n * (real ? 1 : 2));
    AL_ALLOC(w, n);
    AL_ALLOC(v, n);
    fill(n, real, a);
    *ret = (struct times){INFINITY, INFINITY, 0};
    for (int i = 0; i < repeat; i++) { // in turn; the best of each
        double t;
        AL_TRY(lapack(c, n, real, a, w, &t));
        ret->lapack = fmin(ret->lapack, t);
        AL_TRY(scalapack(c, n, real, a, v, &t));
        ret->scalapack = fmin(ret->scalapack, t);
    }
    for (int i = 0; i < n; i++)
        ret->worst = fmax(ret->worst, fabs(w[i] - v[i]));
    if (!(ret->worst < 1e-9 * n)) AL_FAIL(AL_ERR_UNPHYSICAL, "n %d: eigenvalues differ by %g", n, ret->worst);
    return AL_ERR_OK;
}

static enum al_err bench(struct comm *c, int most)
{
    static const int sizes[] = {50, 100, 150, 200, 300, 400, 600, 800, 1000, 1400, 2000, 3000};
    if (c->rank == 0)
        printf("| n | ranks | real: LAPACK, ms | ScaLAPACK, ms | complex: LAPACK, ms | ScaLAPACK, ms |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && sizes[i] <= most; i++) {
        struct times t[2];
        for (int k = 0; k < 2; k++)
            AL_TRY(measure(c, sizes[i], k == 0, &t[k]));
        if (c->rank == 0)
            printf("| %d | %d | %.2f | %.2f | %.2f | %.2f |\n", sizes[i], c->size, 1e3 * t[0].lapack,
                   1e3 * t[0].scalapack, 1e3 * t[1].lapack, 1e3 * t[1].scalapack);
        fflush(stdout);
    }
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    struct comm *c = NULL;
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&c) != AL_ERR_OK) return 1;
    enum al_err e = bench(c, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 2000);
    if (e != AL_ERR_OK) fprintf(stderr, "%s\n", al_err_message());
    comm_destroy(&c);
    comm_finalize();
    return e == AL_ERR_OK ? 0 : 1;
}
