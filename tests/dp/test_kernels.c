// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The kernels against their plain twins: matrix products against BLAS for all remainders of the tiles, tanh
// against libm, descriptor sums against loops.
#include "dp_fixture.h"

#include "base/linalg.h"
#include "dp/desc.h"
#include "dp/gemm.h"
#include "dp/panel.h"

enum { MAX = 70 };

static void random_array(struct al_rng *r, double *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] = al_rng_normal(r);
}

static void near_array(const double *a, const double *b, size_t n, double tol)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tol)) fail_msg("element %zu: %.17g instead of %.17g", i, a[i], b[i]);
}

static void products(void **state)
{
    (void)state;
    static double a[MAX * MAX], b[MAX * MAX], c[MAX * MAX], d[MAX * MAX];
    struct al_rng r;
    al_rng_stream(&r, 1, "gemm", 0, 0, 0);
    random_array(&r, a, MAX * MAX);
    random_array(&r, b, MAX * MAX);
    for (int trial = 0; trial < 600; trial++) {
        int m = 1 + (int)al_rng_below(&r, MAX), n = 1 + (int)al_rng_below(&r, MAX),
            k = 1 + (int)al_rng_below(&r, MAX);
        bool add = trial % 2;
        size_t mn = (size_t)(m * n);
        random_array(&r, c, mn);
        memcpy(d, c, mn * sizeof *c);
        switch (trial % 3) {
        case 0:
            dp_gemm_nn(m, n, k, a, b, add, c);
            al_dgemm_row('N', 'N', m, n, k, 1, a, k, b, n, add, d, n);
            break;
        case 1:
            dp_gemm_tn(m, n, k, a, b, add, c);
            al_dgemm_row('T', 'N', m, n, k, 1, a, m, b, n, add, d, n);
            break;
        default:
            dp_gemm_nt(m, n, k, a, b, add, c);
            al_dgemm_row('N', 'T', m, n, k, 1, a, k, b, k, add, d, n);
        }
        near_array(c, d, mn, 1e-12); // sums of at most 70 products of order 1
    }
}

static void
large_transposed(void **state) // beyond the room for the transposed copy, as in the first fitting layer
{
    (void)state;
    enum { M = 40, N = 320, K = 90 };
    static double a[M * K], b[N * K], c[M * N], d[M * N];
    struct al_rng r;
    al_rng_stream(&r, 2, "gemm", 0, 0, 0);
    random_array(&r, a, M * K);
    random_array(&r, b, N * K);
    dp_gemm_nt(M, N, K, a, b, false, c);
    al_dgemm_row('N', 'T', M, N, K, 1, a, K, b, K, 0, d, N);
    near_array(c, d, M * N, 1e-12);
}

// Packed products in both precisions for all remainders of tiles and panels, with permuted rows of the packed factor.
static void panels(void **state)
{
    (void)state;
    enum { WIDE = MAX + 16, DEEP = 600 }; // deep enough for sums in two stretches
    static double a[MAX * DEEP], b[DEEP * MAX], bt[MAX * DEEP], c[MAX * WIDE], d[MAX * MAX], e[MAX * MAX];
    static float fa[MAX * DEEP], fb[DEEP * WIDE], fc[MAX * WIDE];
    static double bp[DEEP * WIDE], fd[MAX * MAX];
    struct al_rng r;
    al_rng_stream(&r, 3, "panel", 0, 0, 0);
    for (int trial = 0; trial < 200; trial++) {
        int m = 1 + (int)al_rng_below(&r, MAX), n = 1 + (int)al_rng_below(&r, MAX), place[DEEP], rows[MAX];
        int k = 1 + (int)al_rng_below(&r, trial % 8 ? MAX : DEEP);
        size_t ldc = dp_panel_width_s((size_t)n), mn = (size_t)(m * n);
        random_array(&r, a, (size_t)(m * k));
        for (int i = 0; i < m * k; i++)
            fa[i] = (float)a[i];
        for (int i = 0; i < k; i++)
            place[i] = k - 1 - i;
        for (int i = 0; i < m; i++)
            rows[i] = (i + 1) % m;
        // b stands permuted, bt is its transpose
        random_array(&r, b, (size_t)(k * n));
        for (int i = 0; i < k; i++)
            for (int j = 0; j < n; j++)
                bt[j * k + i] = b[place[i] * n + j];
        al_dgemm_row('N', 'T', m, n, k, 1, a, k, bt, k, 0, d, n);
        for (int way = 0; way < 2; way++) { // columns of bt in order are its rows as packed
            if (way) {
                dp_panel_pack_t_d(k, n, bt, (size_t)k, NULL, bp);
                dp_panel_pack_t_s(k, n, bt, (size_t)k, NULL, fb);
            } else {
                dp_panel_pack_d(k, n, b, (size_t)n, place, bp);
                dp_panel_pack_s(k, n, b, (size_t)n, place, fb);
            }
            dp_panel_mul_d(m, n, k, a, (size_t)k, bp, c, ldc);
            dp_panel_mul_s(m, n, k, fa, (size_t)k, fb, fc, ldc);
            for (int i = 0; i < m; i++)
                for (int j = 0; j < n; j++) {
                    near_array(&c[i * (int)ldc + j], &d[i * n + j], 1, 1e-11);
                    double single = (double)fc[i * (int)ldc + j];
                    near_array(&single, &d[i * n + j], 1, 2e-4);
                }
        }
        // c += a^T b with a as [k][m]
        random_array(&r, e, mn);
        memcpy(fd, e, mn * sizeof *e);
        memcpy(d, e, mn * sizeof *e);
        dp_panel_add_d(m, n, k, a, (size_t)m, bp, rows, e, (size_t)n);
        dp_panel_add_s(m, n, k, fa, (size_t)m, fb, rows, fd, (size_t)n);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++)
                for (int q = 0; q < k; q++)
                    d[rows[i] * n + j] += a[q * m + i] * bt[j * k + q];
        near_array(e, d, mn, 1e-11);
        near_array(fd, d, mn, 2e-4);
    }
}

static void hyperbolic_tangent(void **state)
{
    (void)state;
    enum { N = 20003 };
    static double x[N], y[N];
    struct al_rng r;
    al_rng_stream(&r, 3, "tanh", 0, 0, 0);
    for (int i = 0; i < N; i++)
        x[i] = y[i] = (al_rng_uniform(&r) - 0.5) * pow(10, 4 * al_rng_uniform(&r) - 2);
    x[0] = y[0] = 0;
    x[1] = y[1] = 800;
    x[2] = y[2] = -800;
    x[3] = y[3] = 1e-300;
    dp_tanh(y, N);
    for (int i = 0; i < N; i++)
        if (!(fabs(y[i] - tanh(x[i])) <= 5e-16 * fabs(tanh(x[i]))))
            fail_msg("tanh(%.17g) = %.17g, libm %.17g", x[i], y[i], tanh(x[i]));
    double place[7] = {x[9], x[9], x[9], x[9], x[9], x[9], x[9]}; // vector body or remainder: same bits
    dp_tanh(place, 7);
    for (int i = 0; i < 7; i++)
        assert_memory_equal(&place[i], &y[9], sizeof y[9]);
    double nan = (double)NAN;
    dp_tanh(&nan, 1);
    assert_true(isnan(nan));
}

static void descriptor_sums(void **state)
{
    (void)state;
    enum { N = 19, M1 = 13, M2 = 5 };
    struct al_rng r;
    al_rng_stream(&r, 4, "desc", 0, 0, 0);
    double G[N * M1], D[M1 * M2], gG[N * M1] = {0}, gGt[N * M1] = {0};
    v4d R[N], Rt[N], A[M1] = {0}, gA[M1], out[N], back[M1] = {0};
    random_array(&r, G, N * M1);
    random_array(&r, (double *)R, 4 * N);
    random_array(&r, (double *)Rt, 4 * N);
    random_array(&r, (double *)gA, 4 * M1);
    dp_accumulate(N, M1, R, G, A);
    dp_project(N, M1, G, gA, out);
    dp_spread(N, M1, R, Rt, Rt, gA, A, gG, gGt);
    dp_descriptor((struct dp_sizes){M1, M2, 0}, A, D);
    dp_descriptor_back((struct dp_sizes){M1, M2, 0}, A, D, back);
    for (int a = 0; a < M1; a++)
        for (int c = 0; c < 4; c++) {
            double s = 0, g = 0;
            for (int k = 0; k < N; k++)
                s += R[k][c] * G[k * M1 + a];
            assert_true(fabs(s - A[a][c]) < 1e-12);
            for (int b = 0; b < M2; b++)
                g += D[a * M2 + b] * A[b][c];
            for (int b = 0; a < M2 && b < M1; b++)
                g += D[b * M2 + a] * A[b][c];
            assert_true(fabs(g - back[a][c]) < 1e-10 * (1 + fabs(g)));
        }
    for (int k = 0; k < N; k++)
        for (int a = 0; a < M1; a++) {
            double s = 0, t = 0, p = 0;
            for (int c = 0; c < 4; c++) {
                s += R[k][c] * gA[a][c] + Rt[k][c] * A[a][c];
                t += Rt[k][0] * R[k][c] * A[a][c];
                p += A[a][c] * A[1][c];
            }
            assert_true(fabs(s - gG[k * M1 + a]) < 1e-12 * (1 + fabs(s)));
            assert_true(fabs(t - gGt[k * M1 + a]) < 1e-12 * (1 + fabs(t)));
            assert_true(fabs(p - D[a * M2 + 1]) < 1e-12 * (1 + fabs(p)));
        }
    for (int k = 0; k < N; k++) {
        double s = 0;
        for (int a = 0; a < M1; a++)
            s += G[k * M1 + a] * gA[a][2];
        assert_true(fabs(s - out[k][2]) < 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(large_transposed),
        cmocka_unit_test(panels),
        cmocka_unit_test(hyperbolic_tangent),
        cmocka_unit_test(descriptor_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
