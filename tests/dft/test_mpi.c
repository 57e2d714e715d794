// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The same numbers on any number of ranks: sums in rank order, block-cyclic matrices against LAPACK, and the
// engine on all ranks against itself on one (1e-9 eV, eV/Ang at tight convergence), with ScaLAPACK and with
// its LAPACK twin, real orbitals and complex ones.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/units.h"
#include "comm/dmat.h"
#include "dft/subspace.h"
#include "synthetic.h"

static struct comm *world, *self;

static void sums_are_in_rank_order(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 7, 1024, 1025, 50001};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        double *x = NULL;
        assert_int_equal(al_alloc(n, sizeof *x, &x), AL_ERR_OK);
        for (size_t i = 0; i < n; i++)
            x[i] = 1.0 / (1 + (double)i + 3.7 * world->rank);
        assert_int_equal(comm_sum_d(world, x, n), AL_ERR_OK);
        for (size_t i = 0; i < n; i++) {
            double s = 1.0 / (1 + (double)i);
            for (int r = 1; r < world->size; r++)
                s += 1.0 / (1 + (double)i + 3.7 * r);
            assert_memory_equal(&s, &x[i], sizeof s);
        }
        al_free(x);
    }
}

static void errors_reach_all_ranks(void **state)
{
    (void)state;
    enum al_err mine = world->rank == world->size - 1 ? AL_ERR_NOTCONV : AL_ERR_OK;
    assert_int_equal(comm_agree(world, mine), AL_ERR_NOTCONV);
    assert_int_equal(comm_agree(world, AL_ERR_OK), AL_ERR_OK);
    struct comm *half = NULL;
    assert_int_equal(comm_split(world, world->rank % 2, world->rank, &half), AL_ERR_OK);
    assert_int_equal(half->size, world->rank % 2 ? world->size / 2 : (world->size + 1) / 2);
    comm_destroy(&half);
}

enum { N = 83 };

// Random Hermitian; shift makes it positive definite.
static void matrix(double complex *a, double shift)
{
    struct al_rng r;
    al_rng_seed(&r, 3, 1);
    for (int j = 0; j < N; j++)
        for (int i = 0; i <= j; i++) {
            double re = al_rng_uniform(&r) - 0.5, im = i == j ? 0 : al_rng_uniform(&r) - 0.5;
            a[j * N + i] = CMPLX(re + (i == j) * shift, im);
            a[i * N + j] = conj(a[j * N + i]);
        }
}

static void block_cyclic_matches_lapack(void **state)
{
    (void)state;
    if (world->size == 1) return; // nothing is distributed
    static double complex a[N * N], z[N * N], l[N * N];
    double w[N], wl[N], pivot;
    struct dgrid *g = NULL;
    struct dmat *m = NULL, *v = NULL;
    assert_int_equal(dgrid_create(world, 8, 0, &g), AL_ERR_OK);
    assert_int_equal(dmat_create(g, N + 10, false, &m), AL_ERR_OK);
    assert_int_equal(dmat_create(g, N + 10, false, &v), AL_ERR_OK);
    matrix(a, 0);
    dmat_put(m, N, 0, N, a, N);
    assert_int_equal(dmat_get(m, N, 5, 40, z), AL_ERR_OK);
    for (int i = 0; i < 40 * N; i++)
        assert_true(z[i] == a[5 * N + i]);
    assert_int_equal(dmat_heevd(m, N, w, v), AL_ERR_OK);
    assert_int_equal(dmat_get(v, N, 0, N, z), AL_ERR_OK);
    memcpy(l, a, sizeof l);
    assert_int_equal(al_zheevd(N, l, N, wl), AL_ERR_OK);
    al_zgemm('N', 'N', N, N, N, 1, a, N, z, N, 0, l, N);
    for (int j = 0; j < N; j++) {
        assert_true(fabs(w[j] - wl[j]) < 1e-12);
        for (int i = 0; i < N; i++)
            assert_true(cabs(l[j * N + i] - w[j] * z[j * N + i]) < 1e-12); // a z = w z
    }
    matrix(a, 20);
    dmat_put(m, N, 0, N, a, N);
    assert_int_equal(dmat_inverse_cholesky(m, N, &pivot), AL_ERR_OK);
    assert_int_equal(dmat_get(m, N, 0, N, z), AL_ERR_OK);
    al_zgemm('N', 'N', N, N, N, 1, a, N, z, N, 0, l, N); // U^-H a U^-1 = 1
    al_zgemm('C', 'N', N, N, N, 1, z, N, l, N, 0, a, N);
    for (int i = 0; i < N * N; i++)
        assert_true(cabs(a[i] - (i % (N + 1) == 0)) < 1e-12);
    matrix(a, -20);
    dmat_put(m, N, 0, N, a, N);
    assert_int_equal(dmat_inverse_cholesky(m, N, &pivot), AL_ERR_UNPHYSICAL);
    dmat_destroy(&m);
    dmat_destroy(&v);
    dgrid_destroy(&g);
}

// The same with real matrices.
static void real_block_cyclic_matches_lapack(void **state)
{
    (void)state;
    if (world->size == 1) return;
    static double complex h[N * N];
    static double a[N * N], z[N * N], l[N * N];
    double w[N], wl[N], pivot;
    struct dgrid *g = NULL;
    struct dmat *m = NULL, *v = NULL;
    assert_int_equal(dgrid_create(world, 8, 0, &g), AL_ERR_OK);
    assert_int_equal(dmat_create(g, N + 10, true, &m), AL_ERR_OK);
    assert_int_equal(dmat_create(g, N + 10, true, &v), AL_ERR_OK);
    matrix(h, 0);
    for (int i = 0; i < N * N; i++)
        l[i] = a[i] = creal(h[i]);
    for (int n = 1; n <= N; n += n < 30 ? 7 : n < N - 3 ? 9 : 1) { // some ranks own nothing or one column
        dmat_put(m, n, 0, n, a, N);
        assert_int_equal(dmat_heevd(m, n, w, v), AL_ERR_OK);
        double sum = 0, trace = 0;
        for (int i = 0; i < n; i++) {
            sum += w[i];
            trace += a[i * N + i];
        }
        assert_true(fabs(sum - trace) < 1e-11);
    }
    assert_int_equal(dmat_get(v, N, 0, N, z), AL_ERR_OK);
    assert_int_equal(al_dsyevd(N, l, N, wl), AL_ERR_OK);
    al_dgemm('N', 'N', N, N, N, 1, a, N, z, N, 0, l, N);
    for (int j = 0; j < N; j++) {
        assert_true(fabs(w[j] - wl[j]) < 1e-12);
        for (int i = 0; i < N; i++)
            assert_true(fabs(l[j * N + i] - w[j] * z[j * N + i]) < 1e-12); // a z = w z
    }
    for (int i = 0; i < N; i++)
        a[i * N + i] += 20;
    dmat_put(m, N, 0, N, a, N);
    assert_int_equal(dmat_inverse_cholesky(m, N, &pivot), AL_ERR_OK);
    assert_int_equal(dmat_get(m, N, 0, N, z), AL_ERR_OK);
    double most = 0;
    for (int i = 0; i < N; i++)
        most = fmax(most, z[i * N + i]);
    assert_true(fabs(pivot * most - 1) < 1e-12);
    al_dgemm('N', 'N', N, N, N, 1, a, N, z, N, 0, l, N); // U^-T a U^-1 = 1
    al_dgemm('T', 'N', N, N, N, 1, z, N, l, N, 0, a, N);
    for (int i = 0; i < N * N; i++)
        assert_true(fabs(a[i] - (i % (N + 1) == 0)) < 1e-12);
    dmat_destroy(&m);
    dmat_destroy(&v);
    dgrid_destroy(&g);
}

// Sizes around the block length: some ranks own nothing or one column.
static void every_size_can_be_solved(void **state)
{
    (void)state;
    if (world->size == 1) return;
    static double complex a[N * N];
    struct dgrid *g = NULL;
    struct dmat *m = NULL, *v = NULL;
    double w[N], sum = 0, trace = 0;
    assert_int_equal(dgrid_create(world, 32, 0, &g), AL_ERR_OK);
    assert_int_equal(dmat_create(g, N, false, &m), AL_ERR_OK);
    assert_int_equal(dmat_create(g, N, false, &v), AL_ERR_OK);
    matrix(a, 0);
    for (int n = 1; n <= N; n += n < 30 ? 7 : 1) {
        dmat_put(m, n, 0, n, a, N);
        assert_int_equal(dmat_heevd(m, n, w, v), AL_ERR_OK);
        sum = trace = 0;
        for (int i = 0; i < n; i++) {
            sum += w[i];
            trace += creal(a[i * N + i]);
        }
        assert_true(fabs(sum - trace) < 1e-11);
    }
    dmat_destroy(&m);
    dmat_destroy(&v);
    dgrid_destroy(&g);
}

// Below and above the size from which matrices are distributed: the choice, and the same eigenvalues and vectors.
static void dense_by_size(bool real)
{
    enum { MOST = 420, NLOC = 3 };
    const int from = real ? 800 : 300; // 2 x 400 and 2 x 150: docs/scaling.md
    for (int nmax = from - 1; nmax <= from; nmax++) {
        struct subspace *s = NULL;
        static double complex v[MOST * NLOC], x[3][MOST * NLOC];
        static double e[3][MOST], d[MOST];
        const int n = nmax / 2, nb = 40;
        for (int i = 0; i < n; i++)
            d[i] = fmod(0.618033988749895 * i, 1) + 0.001 * i;
        for (int i = 0; i < n * NLOC; i++)
            v[i] = CMPLX(cos(i + world->rank), sin(3 * i));
        for (enum dft_dense k = DFT_DENSE_AUTO; k <= DFT_DENSE_SCALAPACK; k++) {
            assert_int_equal(subspace_create(world, nmax, real, k, 0, &s), AL_ERR_OK);
            subspace_set_diagonal(s, n, d);
            assert_int_equal(subspace_solve(s, n, nb, e[k]), AL_ERR_OK);
            assert_int_equal(subspace_rotate(s, NLOC, n, nb, v, x[k]), AL_ERR_OK);
            bool large = k == DFT_DENSE_SCALAPACK || (k == DFT_DENSE_AUTO && nmax == from);
            assert_int_equal(s->dist, world->size > 1 && large);
            subspace_destroy(&s);
        }
        for (int k = 1; k < 3; k++)
            for (int j = 0; j < nb; j++) {
                assert_true(fabs(e[k][j] - e[0][j]) < 1e-13);
                for (int i = 0; i < NLOC; i++) // vectors of a diagonal matrix, up to their sign
                    assert_true(fabs(cabs(x[k][j * NLOC + i]) - cabs(x[0][j * NLOC + i])) < 1e-12);
            }
    }
}

static void matrices_are_distributed_from_the_measured_size(void **state)
{
    (void)state;
    dense_by_size(true);
    dense_by_size(false);
}

enum kind { REAL, COMPLEX_GAMMA, COMPLEX };

static struct al_frame *labelled(struct comm *c, enum dft_dense dense, int rows, enum kind kind)
{
    static const double k[2][3] = {{0.13, -0.21, 0.37}, {0.4, 0.25, -0.1}};
    struct dft_options o;
    struct al_frame *f = NULL;
    struct labeler *l = NULL;
    struct label_report rep;
    assert_int_equal(synthetic_options(&o), AL_ERR_OK);
    if (kind == COMPLEX) o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 2, .k = k};
    o.complex_gamma = kind == COMPLEX_GAMMA;
    o.dense = dense;
    o.dense_rows = rows;
    o.scf_tol = 1e-22; // at 1e-14 forces of 1 and of 2 ranks differ by 2e-7 (single precision on the way), energies by 1e-12
    assert_int_equal(synthetic_frame(2, &f), AL_ERR_OK);
    assert_int_equal(dft_labeler_open(&o, c, &l), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_OK);
    labeler_destroy(&l);
    return f;
}

// tol: eV, eV/Ang, eV
static void compare(const struct al_frame *f, const struct al_frame *one, double tol)
{
    assert_true(fabs(f->energy - one->energy) < tol);
    for (int i = 0; i < 3 * f->natoms; i++)
        assert_true(fabs(f->forces[i / 3][i % 3] - one->forces[i / 3][i % 3]) < tol);
    for (int i = 0; i < 9; i++)
        assert_true(fabs(f->virial[i / 3][i % 3] - one->virial[i / 3][i % 3]) < tol);
}

static void same_label(enum kind kind)
{
    struct al_frame *one = labelled(self, DFT_DENSE_AUTO, 0, kind);
    for (int rows = 0; rows <= world->size; rows++) { // 0: LAPACK; else every grid of ScaLAPACK
        if (rows > 0 && world->size % rows != 0) continue;
        struct al_frame *f = labelled(world, rows > 0 ? DFT_DENSE_SCALAPACK : DFT_DENSE_LAPACK, rows, kind);
        compare(f, one, 1e-9);
        double e = f->energy; // every rank has rank 0's bits
        comm_bcast(world, &e, sizeof e, 0);
        assert_memory_equal(&e, &f->energy, sizeof e);
        al_frame_destroy(&f);
    }
    if (kind == REAL) { // and the same as with complex orbitals
        struct al_frame *f = labelled(world, DFT_DENSE_AUTO, 0, COMPLEX_GAMMA);
        compare(f, one, 1e-9);
        al_frame_destroy(&f);
    }
    al_frame_destroy(&one);
}

static void same_label_on_all_ranks(void **state)
{
    (void)state;
    same_label(COMPLEX);
}

static void same_label_on_all_ranks_at_gamma(void **state)
{
    (void)state;
    same_label(REAL);
}

// 2 n (p - 1)/p doubles of a long sum leave each rank; the counter knows.
static void bytes_are_counted(void **state)
{
    (void)state;
    enum { LONG = 12 * 1000 };
    static double x[LONG];
    long long before = comm_bytes(world), p = world->size;
    assert_int_equal(comm_sum_d(world, x, LONG), AL_ERR_OK);
    assert_int_equal(comm_bytes(world) - before, 8 * 2 * LONG * (p - 1) / p);
    before = comm_bytes(world);
    comm_bcast(world, x, 100, 0);
    assert_int_equal(comm_bytes(world) - before, world->rank == 0 ? 100 * (p - 1) : 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_in_rank_order),      cmocka_unit_test(errors_reach_all_ranks),
        cmocka_unit_test(block_cyclic_matches_lapack), cmocka_unit_test(every_size_can_be_solved),
        cmocka_unit_test(same_label_on_all_ranks),     cmocka_unit_test(same_label_on_all_ranks_at_gamma),
        cmocka_unit_test(bytes_are_counted),           cmocka_unit_test(real_block_cyclic_matches_lapack),
        cmocka_unit_test(matrices_are_distributed_from_the_measured_size),
    };
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&world) != AL_ERR_OK ||
        comm_self(&self) != AL_ERR_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed = comm_max_i(world, failed);
    comm_destroy(&world);
    comm_destroy(&self);
    comm_finalize();
    return failed != 0;
}
