// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Each energy term alone: forces and strain derivatives against differences of that term's energy, potentials
// and H|psi> against differences of the energy, Ewald against its splitting and a known lattice sum.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/units.h"
#include "dft/blocks.h"
#include "dft/ham.h"
#include "dft/xc_func.h"
#include "synthetic.h"

static struct comm *comm;
static const double ecut = 6;
enum { NB = 3 };
static const double occ[NB] = {2.0, 1.3, 0.7};
static const double points[2][3] = {{0}, {0.2, -0.35, 0.1}};
enum orbitals { REAL, COMPLEX_GAMMA, COMPLEX }; // the first two at k = 0

// One arrangement with everything the terms need.
struct scene {
    struct synthetic_system x;
    struct kbasis *k;
    struct nonlocal *nl;
    struct xc_term *xc;
    double complex *c;   // [NB][nloc] the same random coefficients in every scene
    double *p;           // [NB][nproj]
    double complex *rho; // [ng] electrons per cell fixed: rho volume is the same in every scene
    double complex *field, *vloc, *core; // [ng]
    double *v;                           // [nr]
};

static struct xc_func *func;

// Random numbers; the imaginary part of real orbitals at G = 0 is 0.
static void random_orbitals(const struct kbasis *k, int seed, double complex *c)
{
    struct al_rng r;
    al_rng_seed(&r, (uint64_t)seed, 7);
    for (int i = 0; i < NB * k->nloc; i++) {
        c[i] = CMPLX(al_rng_uniform(&r) - 0.5, al_rng_uniform(&r) - 0.5) / 10;
        if (k->gamma && i % k->nloc == 0) c[i] = creal(c[i]);
    }
}

static void make_scene(struct scene *t, enum orbitals kind, const double strain[3][3], int atom, const double d[3])
{
    memset(t, 0, sizeof *t);
    assert_int_equal(synthetic_system(comm, ecut, strain, atom, d, &t->x), AL_ERR_OK);
    const struct dft_system *s = t->x.s;
    struct basis *b = s->b;
    assert_int_equal(kbasis_create(b, comm, points[kind == COMPLEX], 1, kind == REAL, &t->k), AL_ERR_OK);
    assert_int_equal(nonlocal_create(s, t->k, &t->nl), AL_ERR_OK);
    assert_int_equal(xc_term_create(func, b, &t->xc), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)(NB * t->k->nloc), sizeof *t->c, &t->c), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)(2 * NB * t->nl->nproj), sizeof *t->p, &t->p), AL_ERR_OK);
    double complex **fields[] = {&t->rho, &t->field, &t->vloc, &t->core};
    for (int i = 0; i < 4; i++)
        assert_int_equal(al_alloc((size_t)b->ng, sizeof **fields[i], fields[i]), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)b->nr, sizeof *t->v, &t->v), AL_ERR_OK);
    struct al_rng r;
    al_rng_seed(&r, 5, 7);
    random_orbitals(t->k, 11, t->c);
    // a smooth positive density and a random real field
    for (int i = 0; i <= b->ng / 2; i++) {
        double m2 = 0;
        for (int a = 0; a < 3; a++)
            m2 += b->mill[i][a] * b->mill[i][a];
        t->rho[i] =
            8 / b->volume * 0.25 * exp(-0.3 * m2) * CMPLX(al_rng_uniform(&r) - 0.5, al_rng_uniform(&r) - 0.5);
        t->field[i] = CMPLX(al_rng_uniform(&r) - 0.5, al_rng_uniform(&r) - 0.5);
        t->rho[b->ng - 1 - i] = conj(t->rho[i]);
        t->field[b->ng - 1 - i] = conj(t->field[i]);
    }
    t->rho[b->ng / 2] = 8 / b->volume;
    t->field[b->ng / 2] = 0.3;
    assert_int_equal(superpose(s, FORM_LOCAL, t->vloc), AL_ERR_OK);
    assert_int_equal(superpose(s, FORM_CORE, t->core), AL_ERR_OK);
    assert_int_equal(nonlocal_project(t->nl, NB, t->c, t->p), AL_ERR_OK);
}

static void drop_scene(struct scene *t)
{
    void *all[] = {t->c, t->p, t->rho, t->field, t->vloc, t->core, t->v};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        al_free(all[i]);
    xc_term_destroy(&t->xc);
    nonlocal_destroy(&t->nl);
    kbasis_destroy(&t->k);
    synthetic_system_drop(&t->x);
}

enum term { T_EWALD, T_HARTREE, T_LOCAL, T_ALPHA_Z, T_XC, T_KINETIC, T_NONLOCAL };

// The mean density alone: with it the local energy is N/V sum alpha_I, the alpha Z term.
static void keep_mean(struct scene *t)
{
    for (int i = 0; i < t->x.s->b->ng; i++)
        if (t->x.s->b->g2[i] > 0) t->rho[i] = 0;
}

static double energy(enum term term, struct scene *t)
{
    double e = 0;
    switch (term) {
    case T_EWALD:
        assert_int_equal(ewald(t->x.s, 0, &e, NULL, NULL), AL_ERR_OK);
        break;
    case T_HARTREE:
        e = hartree_energy(t->x.s->b, t->rho);
        break;
    case T_LOCAL:
        e = local_energy(t->x.s->b, t->rho, t->vloc);
        break;
    case T_ALPHA_Z:
        keep_mean(t);
        e = local_energy(t->x.s->b, t->rho, t->vloc);
        break;
    case T_XC:
        assert_int_equal(xc_potential(t->xc, t->rho, t->core, NULL, &e, t->v, NULL), AL_ERR_OK);
        break;
    case T_KINETIC:
        e = kinetic_energy(t->k, NB, occ, t->c);
        break;
    case T_NONLOCAL:
        e = nonlocal_energy(t->nl, NB, occ, t->p);
        break;
    }
    return e;
}

static void analytic(enum term term, struct scene *t, double (*f)[3], double (*s)[3])
{
    const struct dft_system *sys = t->x.s;
    double e;
    switch (term) {
    case T_EWALD:
        assert_int_equal(ewald(sys, 0, &e, f, s), AL_ERR_OK);
        break;
    case T_HARTREE:
        hartree_strain(sys->b, t->rho, s);
        break;
    case T_LOCAL:
        assert_int_equal(superpose_force(sys, FORM_LOCAL, t->rho, f), AL_ERR_OK);
        assert_int_equal(local_strain(sys, t->rho, t->vloc, s), AL_ERR_OK);
        break;
    case T_ALPHA_Z:
        keep_mean(t);
        assert_int_equal(local_strain(sys, t->rho, t->vloc, s), AL_ERR_OK);
        break;
    case T_XC:
        e = energy(T_XC, t);
        assert_int_equal(xc_strain(t->xc, e, t->v, s), AL_ERR_OK);
        basis_to_g(sys->b, t->v, t->field);
        assert_int_equal(superpose_force(sys, FORM_CORE, t->field, f), AL_ERR_OK);
        assert_int_equal(superpose_strain(sys, FORM_CORE, t->field, s), AL_ERR_OK);
        break;
    case T_KINETIC:
        kinetic_strain(t->k, NB, occ, t->c, s);
        break;
    case T_NONLOCAL:
        assert_int_equal(nonlocal_force(t->nl, NB, occ, t->c, t->p, f), AL_ERR_OK);
        assert_int_equal(nonlocal_strain(t->nl, NB, occ, t->c, t->p, s), AL_ERR_OK);
        break;
    }
}

static double energy_at(enum term term, enum orbitals kind, const double strain[3][3], int atom, const double d[3])
{
    struct scene t;
    make_scene(&t, kind, strain, atom, d);
    double e = energy(term, &t);
    drop_scene(&t);
    return e;
}

// Fourth-order difference along a displacement (strain NULL) or a strain component.
static double difference(enum term term, enum orbitals kind, bool strained, int i, int a, double h)
{
    double e[4];
    for (int n = 0; n < 4; n++) {
        const double x = (n < 2 ? 1 : 2) * (n % 2 ? -h : h);
        double d[3] = {0}, s[3][3] = {{0}};
        if (strained)
            s[i][a] = x;
        else
            d[a] = x;
        e[n] = energy_at(term, kind, strained ? (const double(*)[3])s : NULL, strained ? -1 : i, d);
    }
    return (8 * (e[0] - e[1]) - (e[2] - e[3])) / (12 * h);
}

static void close_to(const char *what, double got, double fd, double tol)
{
    if (!(fabs(got - fd) < tol * (1 + fabs(fd))))
        print_error("%s: analytic %.10f, difference %.10f\n", what, got, fd);
    assert_true(fabs(got - fd) < tol * (1 + fabs(fd)));
    assert_true(fabs(fd) > 1e-5); // something was tested
    assert_true(got != fd);
}

// Differences of fourth order with steps of 0.01 leave less than 1e-6 of these energies; interpolated form
// factors 1e-6.
static void check(enum term term, enum orbitals kind, bool has_force)
{
    struct scene t;
    double f[2][3] = {{0}}, s[3][3] = {{0}};
    make_scene(&t, kind, NULL, -1, NULL);
    analytic(term, &t, f, s);
    drop_scene(&t);
    for (int i = 0; i < 2 && has_force; i++)
        close_to("force", f[i][i], -difference(term, kind, false, i, i, 0.01), 2e-6);
    static const int which[3][2] = {{0, 0}, {1, 2}, {2, 0}};
    for (int i = 0; i < 3; i++)
        close_to("strain", s[which[i][0]][which[i][1]],
                 difference(term, kind, true, which[i][0], which[i][1], 0.004), 5e-6);
}

// d and f are on the first atom only.
static void check_nonlocal(enum orbitals kind, int l)
{
    if (l < 2) {
        check(T_NONLOCAL, kind, true);
        return;
    }
    struct scene t;
    double f[2][3] = {{0}}, s[3][3] = {{0}};
    make_scene(&t, kind, NULL, -1, NULL);
    analytic(T_NONLOCAL, &t, f, s);
    drop_scene(&t);
    for (int a = 0; a < 3; a++) {
        close_to("force", f[0][a], -difference(T_NONLOCAL, kind, false, 0, a, 0.01), 2e-6);
        close_to("strain", s[a][(a + 1) % 3], difference(T_NONLOCAL, kind, true, a, (a + 1) % 3, 0.004), 5e-6);
    }
}

static void ewald_derivatives(void **state)
{
    (void)state;
    check(T_EWALD, COMPLEX, true);
}
static void hartree_derivatives(void **state)
{
    (void)state;
    check(T_HARTREE, COMPLEX, false);
}
static void local_derivatives(void **state)
{
    (void)state;
    check(T_LOCAL, COMPLEX, true);
}
// Its strain is diagonal: E goes as 1/V.
static void alpha_z_derivative(void **state)
{
    (void)state;
    struct scene t;
    double f[2][3] = {{0}}, s[3][3] = {{0}};
    make_scene(&t, COMPLEX, NULL, -1, NULL);
    analytic(T_ALPHA_Z, &t, f, s);
    double e = energy(T_ALPHA_Z, &t);
    drop_scene(&t);
    for (int a = 0; a < 3; a++) {
        close_to("alpha Z", s[a][a], difference(T_ALPHA_Z, COMPLEX, true, a, a, 0.004), 1e-8);
        assert_true(fabs(s[a][a] + e) < 1e-12 * fabs(e));
        assert_true(fabs(s[a][(a + 1) % 3]) < 1e-12);
    }
}

static void other_functional(const char *name)
{
    xc_func_destroy(&func);
    assert_int_equal(xc_func_create(name, &func), AL_ERR_OK);
}

// With the model core: its force is all the force there is, and its form factors have a strain of their own.
// Without gradients (LDA) and with three forms of them.
static void xc_derivatives(void **state)
{
    (void)state;
    static const char *const names[] = {"LDA", "PBEsol", "gga_x_pbe_r+gga_c_pbe", "PBE"};
    double strain[4];
    for (int i = 0; i < 4; i++) {
        other_functional(names[i]);
        check(T_XC, COMPLEX, true);
        struct scene t;
        double f[2][3] = {{0}}, s[3][3] = {{0}}, core[3][3] = {{0}};
        make_scene(&t, COMPLEX, NULL, -1, NULL);
        analytic(T_XC, &t, f, s);
        assert_int_equal(superpose_strain(t.x.s, FORM_CORE, t.field, core), AL_ERR_OK); // field: vxc(G)
        assert_true(fabs(core[1][2]) > 1e-3 && fabs(core[0][0]) > 1e-1);
        strain[i] = s[1][2];
        drop_scene(&t);
    }
    for (int i = 0; i < 3; i++) // the gradient is in it
        assert_true(fabs(strain[i] - strain[3]) > 1e-5);
}
static void kinetic_derivatives(void **state)
{
    (void)state;
    check(T_KINETIC, REAL, false);
    check(T_KINETIC, COMPLEX, false);
}
// All channels, then s, p, d and f alone.
static void nonlocal_derivatives(void **state)
{
    (void)state;
    for (int l = -1; l <= 3; l++) {
        synthetic_channel(l);
        check_nonlocal(REAL, l);
        check_nonlocal(COMPLEX_GAMMA, l);
        check_nonlocal(COMPLEX, l);
    }
    synthetic_channel(-1);
}

static void ewald_does_not_depend_on_splitting(void **state)
{
    (void)state;
    struct scene t;
    double e[3], eta[3] = {0.25, 0.4, 0.7}, s[3][3][3] = {{{0}}}, f[3][2][3] = {{{0}}};
    make_scene(&t, COMPLEX, NULL, -1, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ewald(t.x.s, eta[i], &e[i], f[i], s[i]), AL_ERR_OK);
    for (int i = 1; i < 3; i++) {
        assert_true(fabs(e[i] - e[0]) < 1e-11 * fabs(e[0]));
        assert_true(fabs(f[i][0][1] - f[0][0][1]) < 1e-11);
        assert_true(fabs(s[i][0][2] - s[0][0][2]) < 1e-11);
    }
    drop_scene(&t);
}

// Simple cubic lattice of charge Z in a background: E = -1.418648739740... Z^2 / L (R. A. Coldwell-Horsfall
// and A. A. Maradudin, J. Math. Phys. 1, 395, 1960).
static void ewald_lattice_sum(void **state)
{
    (void)state;
    struct scene t;
    make_scene(&t, COMPLEX, NULL, -1, NULL);
    static const double cube[3][3] = {{5, 0, 0}, {0, 5, 0}, {0, 0, 5}}, at[1][3] = {{0.3, 1, 2}};
    static const int grid[3] = {0}, kind[1] = {1};
    struct basis *b = NULL;
    struct dft_system *s = NULL;
    double e;
    assert_int_equal(basis_create(comm, 2, cube, NULL, grid, &b), AL_ERR_OK);
    assert_int_equal(dft_system_create(&b, 1, kind, at, 2, t.x.s->ff, &s), AL_ERR_OK);
    assert_int_equal(ewald(s, 0, &e, NULL, NULL), AL_ERR_OK);
    assert_true(fabs(e + 0.5 * 2.8372974794806 * 36 / 5) < 1e-10);
    dft_system_destroy(&s);
    drop_scene(&t);
}

// dE along a random field equals int v field: Hartree and xc.
static void potentials_are_derivatives(void **state)
{
    (void)state;
    struct scene t;
    make_scene(&t, COMPLEX, NULL, -1, NULL);
    struct basis *b = t.x.s->b;
    double e[2][2], h = 1e-5, vxc, vh = 0, exc;
    for (int n = 0; n < 2; n++) {
        double x = n ? -h : h;
        for (int i = 0; i < b->ng; i++)
            t.rho[i] += x * t.field[i] * exp(-0.2 * b->g2[i]);
        assert_int_equal(xc_potential(t.xc, t.rho, t.core, NULL, &e[0][n], t.v, NULL), AL_ERR_OK);
        e[1][n] = hartree_energy(b, t.rho);
        for (int i = 0; i < b->ng; i++)
            t.rho[i] -= x * t.field[i] * exp(-0.2 * b->g2[i]);
    }
    assert_int_equal(xc_potential(t.xc, t.rho, t.core, NULL, &exc, t.v, NULL), AL_ERR_OK);
    double complex *g = t.vloc;
    basis_to_g(b, t.v, g);
    vxc = 0;
    for (int i = 0; i < b->ng; i++)
        vxc += b->volume * creal(conj(g[i]) * t.field[i]) * exp(-0.2 * b->g2[i]);
    memset(g, 0, (size_t)b->ng * sizeof *g);
    hartree_potential(b, t.rho, g);
    for (int i = 0; i < b->ng; i++)
        vh += b->volume * creal(conj(g[i]) * t.field[i]) * exp(-0.2 * b->g2[i]);
    close_to("vxc", vxc, (e[0][0] - e[0][1]) / (2 * h), 1e-6);
    close_to("vh", vh, (e[1][0] - e[1][1]) / (2 * h), 1e-6);
    drop_scene(&t);
}

// <a|b> in the arithmetic of the orbitals.
static double complex dot(const struct kbasis *k, const double complex *a, const double complex *b)
{
    double complex z = 0;
    for (int i = 0; i < k->nloc; i++)
        z += conj(a[i]) * b[i];
    return k->gamma ? creal(z) : z;
}

static double orbital_energy(struct scene *t, struct ham *h, double *rho)
{
    const struct basis *b = t->x.s->b;
    double w[NB];
    memset(rho, 0, (size_t)b->nr * sizeof *rho);
    for (int j = 0; j < NB; j++)
        w[j] = occ[j] / b->volume;
    ham_density(h, NB, w, t->c, rho);
    assert_int_equal(nonlocal_project(t->nl, NB, t->c, t->p), AL_ERR_OK);
    double e = kinetic_energy(t->k, NB, occ, t->c) + nonlocal_energy(t->nl, NB, occ, t->p);
    for (int i = 0; i < b->nr; i++)
        e += t->v[i] * rho[i] * b->volume / b->nr;
    return e;
}

// E(psi) = kinetic + nonlocal + int v |psi|^2: dE = 2 Re <dpsi|H psi>, and H is Hermitian.
static void hamiltonian_of(enum orbitals kind)
{
    struct scene t;
    make_scene(&t, kind, NULL, -1, NULL);
    struct basis *b = t.x.s->b;
    const size_t n = (size_t)t.k->nloc;
    struct ham *h = NULL;
    double complex *hc = NULL, *d = NULL;
    double *rho = NULL;
    basis_to_r(b, t.field, t.v);
    assert_int_equal(ham_create(t.x.s, t.k, t.v, NB, &h), AL_ERR_OK);
    assert_int_equal(al_alloc(NB * n, sizeof *hc, &hc), AL_ERR_OK);
    assert_int_equal(al_alloc(NB * n, sizeof *d, &d), AL_ERR_OK);
    assert_int_equal(al_alloc((size_t)b->nr, sizeof *rho, &rho), AL_ERR_OK);
    assert_int_equal(ham_apply(h, NB, t.c, hc), AL_ERR_OK);
    random_orbitals(t.k, 9, d);
    double along = 0, e[2], step = 1e-4;
    for (size_t j = 0; j < NB; j++)
        along += 2 * occ[j] * creal(dot(t.k, d + j * n, hc + j * n));
    for (int m = 0; m < 2; m++) {
        double x = m ? -step : step;
        for (size_t i = 0; i < NB * n; i++)
            t.c[i] += x * d[i];
        e[m] = orbital_energy(&t, h, rho);
        for (size_t i = 0; i < NB * n; i++)
            t.c[i] -= x * d[i];
    }
    close_to("H psi", along, (e[0] - e[1]) / (2 * step), 1e-8); // E is quadratic: no step error
    double complex ab = dot(t.k, t.c, hc + n), ba = dot(t.k, t.c + n, hc);
    assert_true(cabs(ab - conj(ba)) < 1e-11 && cabs(ab) > 1e-3);
    for (size_t j = 0; j < NB && t.k->gamma; j++)
        assert_true(cimag(hc[j * n]) == 0); // real orbitals stay real
    al_free(hc);
    al_free(d);
    al_free(rho);
    ham_destroy(&h);
    drop_scene(&t);
}

static void hamiltonian_is_the_derivative(void **state)
{
    (void)state;
    for (enum orbitals kind = REAL; kind <= COMPLEX; kind++)
        hamiltonian_of(kind);
}

// H psi in single precision is H psi to its rounding, and not the same numbers.
static void single_precision_agrees(void **state)
{
    (void)state;
    for (enum orbitals kind = REAL; kind <= COMPLEX; kind++) {
        struct scene t;
        struct ham *h = NULL;
        double complex *hc[2] = {NULL, NULL};
        float complex *cs[2] = {NULL, NULL};
        make_scene(&t, kind, NULL, -1, NULL);
        const size_t n = (size_t)t.k->nloc;
        basis_to_r(t.x.s->b, t.field, t.v);
        assert_int_equal(ham_create(t.x.s, t.k, t.v, NB, &h), AL_ERR_OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(al_alloc(NB * n, sizeof *hc[i], &hc[i]), AL_ERR_OK);
            assert_int_equal(al_alloc(NB * n, sizeof *cs[i], &cs[i]), AL_ERR_OK);
        }
        block_narrow(NB * n, t.c, cs[0]);
        assert_int_equal(ham_apply(h, NB, t.c, hc[0]), AL_ERR_OK);
        assert_int_equal(ham_apply_single(h, NB, cs[0], cs[1]), AL_ERR_OK);
        block_widen(NB * n, cs[1], hc[1]);
        double size = 0, diff = 0;
        for (size_t i = 0; i < NB * n; i++) {
            double complex d = hc[1][i] - hc[0][i];
            size += creal(hc[0][i] * conj(hc[0][i]));
            diff += creal(d * conj(d));
            assert_true(!t.k->gamma || i % n != 0 || cimag(hc[1][i]) == 0); // real orbitals stay real
        }
        assert_true(sqrt(diff / size) < 1e-6 && diff > 0);
        for (int i = 0; i < 2; i++) {
            al_free(hc[i]);
            al_free(cs[i]);
        }
        ham_destroy(&h);
        drop_scene(&t);
    }
}

// Everything that reads orbitals, in one array: kinetic and nonlocal energy, force, strain, density.
static int read_orbitals(struct scene *t, double *out)
{
    const struct basis *b = t->x.s->b;
    const double w[NB] = {0.7, 0.2, 0.4};
    struct ham *h = NULL;
    double(*force)[3] = (double(*)[3])(out + 2), (*strain)[3] = (double(*)[3])(out + 8);
    assert_int_equal(nonlocal_project(t->nl, NB, t->c, t->p), AL_ERR_OK);
    out[0] = kinetic_energy(t->k, NB, occ, t->c);
    out[1] = nonlocal_energy(t->nl, NB, occ, t->p);
    analytic(T_NONLOCAL, t, force, strain);
    analytic(T_KINETIC, t, NULL, strain + 3);
    assert_int_equal(ham_create(t->x.s, t->k, t->v, NB, &h), AL_ERR_OK);
    ham_density(h, NB, w, t->c, out + 26);
    ham_destroy(&h);
    return 26 + b->nr;
}

// c of half the sphere written out as complex orbitals on all of it.
static void expand(const struct kbasis *half, const double complex *c, const struct kbasis *full, double complex *z)
{
    const int last = full->npw - 1; // the full sphere is ordered from -G to G
    for (int j = 0; j < NB; j++)
        for (int i = 0; i < half->npw; i++) {
            double complex x = c[j * half->npw + i] * (i == 0 ? 1 : sqrt(0.5));
            int at = last / 2 + i;
            assert_memory_equal(half->mill[i], full->mill[at], sizeof half->mill[i]);
            z[j * full->npw + at] = x;
            z[j * full->npw + last - at] = i == 0 ? x : conj(x);
        }
}

// Real orbitals and the same ones as complex numbers: every term and H psi.
static void real_orbitals_equal_complex_ones(void **state)
{
    (void)state;
    struct scene t[2];
    double complex *hc[2] = {NULL, NULL}, *wide = NULL;
    double *out[2] = {NULL, NULL};
    int n = 0;
    make_scene(&t[0], REAL, NULL, -1, NULL);
    make_scene(&t[1], COMPLEX_GAMMA, NULL, -1, NULL);
    assert_true(t[0].k->gamma && !t[1].k->gamma && 2 * t[0].k->npw - 1 == t[1].k->npw);
    expand(t[0].k, t[0].c, t[1].k, t[1].c);
    for (int i = 0; i < 2; i++) {
        struct ham *h = NULL;
        basis_to_r(t[i].x.s->b, t[i].field, t[i].v);
        assert_int_equal(al_alloc((size_t)(26 + t[i].x.s->b->nr), sizeof(double), &out[i]), AL_ERR_OK);
        n = read_orbitals(&t[i], out[i]);
        assert_int_equal(al_alloc((size_t)(NB * t[i].k->npw), sizeof *hc[i], &hc[i]), AL_ERR_OK);
        assert_int_equal(ham_create(t[i].x.s, t[i].k, t[i].v, NB, &h), AL_ERR_OK);
        assert_int_equal(ham_apply(h, NB, t[i].c, hc[i]), AL_ERR_OK);
        ham_destroy(&h);
    }
    for (int i = 0; i < n; i++)
        assert_true(fabs(out[0][i] - out[1][i]) < 1e-11 * (1 + fabs(out[1][i])));
    for (int i = 0; i < 26; i++)
        assert_true(fabs(out[0][i]) > 1e-6); // none is trivial
    assert_int_equal(al_alloc((size_t)(NB * t[1].k->npw), sizeof *wide, &wide), AL_ERR_OK);
    expand(t[0].k, hc[0], t[1].k, wide);
    for (int i = 0; i < NB * t[1].k->npw; i++)
        assert_true(cabs(wide[i] - hc[1][i]) < 1e-12);
    assert_true(cabs(wide[0]) > 1e-4);
    for (int i = 0; i < 2; i++) {
        al_free(out[i]);
        al_free(hc[i]);
        drop_scene(&t[i]);
    }
    al_free(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ewald_derivatives),          cmocka_unit_test(hartree_derivatives),
        cmocka_unit_test(local_derivatives),          cmocka_unit_test(xc_derivatives),
        cmocka_unit_test(alpha_z_derivative),
        cmocka_unit_test(kinetic_derivatives),        cmocka_unit_test(nonlocal_derivatives),
        cmocka_unit_test(ewald_lattice_sum),          cmocka_unit_test(ewald_does_not_depend_on_splitting),
        cmocka_unit_test(potentials_are_derivatives), cmocka_unit_test(hamiltonian_is_the_derivative),
        cmocka_unit_test(single_precision_agrees),    cmocka_unit_test(real_orbitals_equal_complex_ones),
    };
    if (comm_self(&comm) != AL_ERR_OK || xc_func_create("PBE", &func) != AL_ERR_OK) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    xc_func_destroy(&func);
    comm_destroy(&comm);
    return rc;
}
