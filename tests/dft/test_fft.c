// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Identities: transforms, plane waves, special functions, k-point meshes. No stored data.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <complex.h>
#include <fftw3.h>

#include <cmocka.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/units.h"
#include "dft/kpoints.h"
#include "dft/terms.h"
#include "dft/vfft.h"

static struct comm *comm;
static const double cell[3][3] = {{9.1, 0.3, -0.4}, {0.5, 8.0, 0.2}, {-0.3, 0.6, 7.2}}; // bohr
static const double ecut = 6;

static struct basis *make_basis(void)
{
    static const int grid[3] = {0};
    struct basis *b = NULL;
    assert_int_equal(basis_create(comm, ecut, cell, NULL, grid, &b), AL_ERR_OK);
    return b;
}

static void lengths_have_small_factors(void **state)
{
    (void)state;
    assert_int_equal(fft_length(1), 1);
    assert_int_equal(fft_length(11), 12);
    assert_int_equal(fft_length(65), 70);
    assert_int_equal(fft_length(121), 125);
    assert_int_equal(fft_length(97), 98);
}

static double complex random_z(struct al_rng *r)
{
    double re = al_rng_uniform(r) - 0.5, im = al_rng_uniform(r) - 0.5;
    return CMPLX(re, im);
}

// A real field: f(-G) = conj f(G). The sphere is listed symmetrically, so entry ng-1-i is -G of entry i.
static void random_field(const struct basis *b, struct al_rng *r, double complex *f)
{
    for (int i = 0; i <= b->ng / 2; i++) {
        f[i] = random_z(r);
        f[b->ng - 1 - i] = conj(f[i]);
    }
    f[b->ng / 2] = creal(f[b->ng / 2]);
    assert_true(b->g2[b->ng / 2] == 0);
}

static void density_round_trip_and_parseval(void **state)
{
    (void)state;
    struct basis *b = make_basis();
    struct al_rng r;
    al_rng_seed(&r, 1, 1);
    double complex *f = NULL, *g = NULL;
    double *x = NULL, sum_g = 0, sum_r = 0;
    assert_int_equal(al_alloc((size_t)b->ng, sizeof *f, &f), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)b->ng, sizeof *g, &g), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)b->nr, sizeof *x, &x), AL_ERR_OK);
    random_field(b, &r, f);
    basis_to_r(b, f, x);
    basis_to_g(b, x, g);
    for (int i = 0; i < b->ng; i++) {
        assert_true(cabs(f[i] - g[i]) < 1e-13);
        sum_g += creal(f[i] * conj(f[i]));
    }
    for (int i = 0; i < b->nr; i++)
        sum_r += x[i] * x[i] / b->nr;
    assert_true(sum_g > 1 && fabs(sum_g - sum_r) < 1e-11 * sum_g);
    // one plane wave: f(r) = cos(G.r) at grid point (1, 2, 3), by the definition of the layout
    memset(f, 0, (size_t)b->ng * sizeof *f);
    f[3] = f[b->ng - 4] = 0.5;
    basis_to_r(b, f, x);
    double arg = 0;
    for (int d = 0; d < 3; d++)
        arg += 2 * AL_PI * b->mill[3][d] * (d + 1) / b->n[d];
    assert_true(fabs(x[1 + b->n[0] * (2 + b->n[1] * 3)] - cos(arg)) < 1e-13);
    al_free(f);
    al_free(g);
    al_free(x);
    basis_destroy(&b);
}

// The stick transform against the whole grid: v psi and |psi|^2.
static void stick_transform_matches_full_grid(void **state)
{
    (void)state;
    struct basis *b = make_basis();
    struct kbasis *k = NULL;
    struct al_rng r;
    al_rng_seed(&r, 2, 1);
    const double kp[3] = {0.3, -0.2, 0.45};
    assert_int_equal(kbasis_create(b, comm, kp, 1, true, &k), AL_ERR_OK);
    double complex *c = NULL, *out = NULL, *w = b->fft->work;
    double *v = NULL, *rho = NULL;
    assert_int_equal(al_alloc((size_t)k->npw, sizeof *c, &c), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)k->npw, sizeof *out, &out), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)b->nr, sizeof *v, &v), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)b->nr, sizeof *rho, &rho), AL_ERR_OK);
    for (int i = 0; i < k->npw; i++)
        c[i] = random_z(&r);
    for (int i = 0; i < b->nr; i++)
        v[i] = al_rng_uniform(&r) - 0.5;
    int *at = NULL;
    assert_int_equal(al_alloc((size_t)k->npw, sizeof *at, &at), AL_ERR_OK);
    memset(w, 0, (size_t)b->nr * sizeof *w);
    for (int i = 0; i < k->npw; i++) {
        int m[3];
        for (int d = 0; d < 3; d++)
            m[d] = (k->mill[i][d] + b->n[d]) % b->n[d];
        at[i] = m[0] + b->n[0] * (m[1] + b->n[1] * m[2]);
        w[at[i]] = c[i];
    }
    fft3_to_r(b->fft);
    for (int pass = 0; pass < 2; pass++) { // the second time round nothing may be left over from the first
        wfft_put(k->fft, c, NULL, 0, k->npw);
        wfft_apply(k->fft, v);
        wfft_get(k->fft, out, NULL, 0, k->npw);
    }
    wfft_put(k->fft, c, NULL, 0, k->npw);
    wfft_density(k->fft, 0.5, 0, rho);
    for (int i = 0; i < b->nr; i++) {
        assert_true(fabs(rho[i] - 0.5 * creal(w[i] * conj(w[i]))) < 1e-9);
        w[i] *= v[i];
    }
    fft3_to_g(b->fft);
    double size = 0;
    for (int i = 0; i < k->npw; i++) {
        assert_true(cabs(out[i] - w[at[i]] / b->nr) < 1e-12);
        size += cabs(out[i]);
    }
    assert_true(size > 1);
    al_free(c);
    al_free(out);
    al_free(v);
    al_free(rho);
    al_free(at);
    kbasis_destroy(&k);
    basis_destroy(&b);
}

// All lanes against FFTW: largest difference over largest value. in place and with strides.
static double against_fftw(int n, bool single, bool to_r, size_t stride, bool in_place, struct al_rng *r)
{
    enum { MAX = 16 };
    const int lanes = single ? VFFT_LANES_S : VFFT_LANES_D;
    const size_t row = stride * 2 * (size_t)lanes, total = (size_t)n * row;
    struct vfft *v = NULL;
    double complex *x = NULL;
    double *a[2] = {NULL}, worst = 0, size = 0;
    float *b[2] = {NULL};
    assert_int_equal(vfft_create(n, single, &v), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)n * MAX, sizeof *x, &x), AL_ERR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(al_alloc(total, sizeof *a[i], &a[i]), AL_ERR_OK);
        assert_int_equal(al_alloc(total, sizeof *b[i], &b[i]), AL_ERR_OK);
    }
    for (int k = 0; k < n; k++)
        for (int l = 0; l < lanes; l++) {
            const size_t at = (size_t)k * row + (size_t)l;
            const double complex z = random_z(r);
            b[0][at] = (float)creal(z);
            b[0][at + (size_t)lanes] = (float)cimag(z);
            a[0][at] = single ? (double)b[0][at] : creal(z);
            a[0][at + (size_t)lanes] = single ? (double)b[0][at + (size_t)lanes] : cimag(z);
            x[l * n + k] = CMPLX(a[0][at], a[0][at + (size_t)lanes]);
        }
    const int to = in_place ? 0 : 1;
    if (single)
        vfft_run_s(v, to_r, b[0], row, b[to], row);
    else
        vfft_run_d(v, to_r, a[0], row, a[to], row);
    for (int l = 0; l < lanes; l++) {
        fftw_plan p = fftw_plan_dft_1d(n, x + l * n, x + l * n, to_r ? FFTW_BACKWARD : FFTW_FORWARD, FFTW_ESTIMATE);
        fftw_execute(p);
        fftw_destroy_plan(p);
        for (int k = 0; k < n; k++) {
            const size_t at = (size_t)k * row + (size_t)l, im = at + (size_t)lanes;
            const double complex y = single ? CMPLX((double)b[to][at], (double)b[to][im]) : CMPLX(a[to][at], a[to][im]);
            worst = fmax(worst, cabs(y - x[l * n + k]));
            size = fmax(size, cabs(x[l * n + k]));
        }
    }
    for (int i = 0; i < 2; i++) {
        al_free(a[i]);
        al_free(b[i]);
    }
    al_free(x);
    vfft_destroy(&v);
    assert_true(size > 0);
    return worst / size;
}

static void vectors_of_transforms_equal_fftw(void **state)
{
    (void)state;
    struct al_rng r;
    al_rng_seed(&r, 3, 1);
    int lengths = 0;
    for (int n = 1; n <= 200; n++) {
        if (fft_length(n) != n && n % 11 != 0 && n != 13 && n != 169) continue; // and some that have no code
        lengths++;
        for (int way = 0; way < 4; way++) {
            assert_true(against_fftw(n, false, way % 2, way < 2 ? 1 : 3, way > 1, &r) < 1e-13);
            assert_true(against_fftw(n, true, way % 2, way < 2 ? 1 : 3, way > 1, &r) < 1e-6);
        }
    }
    assert_true(lengths > 60);
}

static void spheres_are_complete(void **state)
{
    (void)state;
    struct basis *b = make_basis();
    // number of plane waves near volume / (6 pi^2) (2 E)^(3/2)
    double expect = b->volume * pow(2 * 4 * ecut, 1.5) / (6 * AL_PI * AL_PI);
    assert_true(fabs(b->ng - expect) < 0.03 * expect);
    for (int i = 0; i < b->ng; i++) {
        assert_true(b->g2[i] <= 8 * ecut + 1e-9);
        double q[3];
        for (int d = 0; d < 3; d++)
            q[d] = al_dot3(b->g[i], b->a[d]) / (2 * AL_PI) - b->mill[i][d]; // a.b = 2 pi delta
        assert_true(al_dot3(q, q) < 1e-20);
    }
    basis_destroy(&b);
    static const int small[3] = {8, 0, 0};
    assert_int_equal(basis_create(comm, ecut, cell, NULL, small, &b), AL_ERR_INPUT);
    assert_null(b);
}

static void solid_harmonics_are_orthonormal(void **state)
{
    (void)state;
    const double q[3] = {0.7, -1.1, 0.4}, q2 = al_dot3(q, q), h = 1e-5;
    for (int l = 0; l <= 3; l++) {
        double s[7], ds[7][3], p[7], m[7], dummy[7][3], sum = 0;
        solid_harmonics(l, q, s, ds);
        for (int i = 0; i < 2 * l + 1; i++)
            sum += s[i] * s[i];
        assert_true(fabs(sum - (2 * l + 1) / (4 * AL_PI) * pow(q2, l)) < 1e-13); // addition theorem
        for (int d = 0; d < 3; d++) {
            double a[3] = {q[0], q[1], q[2]}, b[3] = {q[0], q[1], q[2]};
            a[d] += h;
            b[d] -= h;
            solid_harmonics(l, a, p, dummy);
            solid_harmonics(l, b, m, dummy);
            for (int i = 0; i < 2 * l + 1; i++)
                assert_true(fabs((p[i] - m[i]) / (2 * h) - ds[i][d]) < 1e-9);
        }
    }
}

static struct kpoint_set *points(struct dft_kpoints spec, const double c[3][3])
{
    struct kpoint_set *s = NULL;
    assert_int_equal(kpoint_set_create(&spec, c, &s), AL_ERR_OK);
    double sum = 0;
    for (int i = 0; i < s->n; i++)
        sum += s->weight[i];
    assert_true(fabs(sum - 1) < 1e-14);
    return s;
}

static void meshes_are_reduced(void **state)
{
    (void)state;
    struct kpoint_set *s =
        points((struct dft_kpoints){.kind = DFT_KPOINTS_MESH, .mesh = {1, 2, 2}, .shift = {0, 1, 1}}, cell);
    assert_int_equal(s->n, 2); // (0, 1/4, +-1/4) and their twins
    assert_true(fabs(s->k[0][1]) == 0.25 && s->weight[0] == 0.5);
    kpoint_set_destroy(&s);
    s = points((struct dft_kpoints){.kind = DFT_KPOINTS_MESH, .mesh = {3, 1, 1}}, cell);
    assert_int_equal(s->n, 2); // 0 and 1/3
    kpoint_set_destroy(&s);
    s = points((struct dft_kpoints){.kind = DFT_KPOINTS_MESH, .mesh = {2, 1, 1}}, cell);
    assert_int_equal(s->n, 2); // 0 and 1/2, each its own twin
    kpoint_set_destroy(&s);
    // the examples of DESIGN 3: 1 x 2 x 2 for beta, 2 x 2 x 2 for gamma
    static const double beta[3][3] = {{12.8, 0, 0}, {0, 8.2, 0}, {0, 0, 6.1}},
                        gamma[3][3] = {{7.66, 0, 0}, {0, 6.48, 0}, {0, 0, 6.28}};
    struct dft_kpoints spacing = {.kind = DFT_KPOINTS_SPACING, .spacing = 0.52};
    s = points(spacing, beta);
    assert_int_equal(s->n, 2);
    assert_true(s->k[0][0] == 0 && fabs(s->k[0][1]) == 0.25 && fabs(s->k[0][2]) == 0.25);
    kpoint_set_destroy(&s);
    s = points(spacing, gamma);
    assert_int_equal(s->n, 4);
    kpoint_set_destroy(&s);
    struct dft_kpoints bad = {.kind = DFT_KPOINTS_MESH, .mesh = {2, 0, 1}};
    assert_int_equal(kpoint_set_create(&bad, cell, &s), AL_ERR_INPUT);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_have_small_factors),
        cmocka_unit_test(density_round_trip_and_parseval),
        cmocka_unit_test(stick_transform_matches_full_grid),
        cmocka_unit_test(vectors_of_transforms_equal_fftw),
        cmocka_unit_test(spheres_are_complete),
        cmocka_unit_test(solid_harmonics_are_orthonormal),
        cmocka_unit_test(meshes_are_reduced),
    };
    if (comm_self(&comm) != AL_ERR_OK) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&comm);
    return rc;
}
