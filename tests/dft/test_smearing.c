// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Smearing and charge: occupation functions against their own integrals, Fermi levels, and the engine's forces and
// virial of a made-up metal and of charged cells against differences of its energy; a charged ion against the
// Madelung term of its images.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "dft/occupation.h"
#include "synthetic.h"

static struct comm *comm;
static const double points[2][3] = {{0.03, -0.05, 0.07}, {0.4, 0.45, -0.4}};
static const double general[1][3] = {{0.13, -0.21, 0.37}}; // where the cell has a gap
static const enum dft_smearing kinds[] = {DFT_SMEARING_GAUSSIAN, DFT_SMEARING_FERMI, DFT_SMEARING_COLD};

// The entropy's integral is that of y times the derivative of the filling: midpoint sums from -40 on.
static void entropy_belongs_to_filling(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        const double h = 1e-3, low = -40;
        double sum = 0;
        assert_true(occupation_fill(kinds[k], low) < 1e-15);
        assert_true(fabs(occupation_fill(kinds[k], 40) - 1) < 1e-15);
        for (int i = 0; i < 43000; i++) {
            double y = low + (i + 0.5) * h;
            sum += y * (occupation_fill(kinds[k], y + h / 2) - occupation_fill(kinds[k], y - h / 2));
            if (i % 1000 != 999) continue;
            assert_true(fabs(sum - occupation_entropy(kinds[k], y + h / 2)) < 1e-6);
        }
        assert_true(occupation_entropy(kinds[k], 0.1) < -0.1); // and it is there
    }
}

static void fermi_levels_hold_the_electrons(void **state)
{
    (void)state;
    const double e[10] = {-1, -0.5, -0.5, 0.1, 0.2, -0.9, -0.45, -0.4, 0.3, 0.4}, weight[2] = {0.7, 0.3};
    double occ[10];
    struct occupied o;
    for (int k = 0; k < 3; k++)
        for (int n = 1; n < 19; n++) {
            double sum = 0;
            assert_int_equal(occupation_solve(kinds[k], 0.05, 2, 5, weight, e, 0.5 * n, occ, &o), AL_ERR_OK);
            for (int i = 0; i < 10; i++)
                sum += occ[i];
            assert_true(fabs(sum - 0.5 * n) < 1e-9);
        }
    // three filled bands: the level lies in the gap, whatever the width
    for (int k = 0; k < 3; k++) {
        assert_int_equal(occupation_solve(kinds[k], 1e-3, 2, 5, weight, e, 6, occ, &o), AL_ERR_OK);
        assert_true(o.fermi > -0.4 + 0.02 && o.fermi < 0.1 - 0.02);
        assert_true(fabs(o.entropy) < 1e-12 && fabs(occ[2] - 1.4) < 1e-12 && occ[3] < 1e-12);
    }
    assert_int_equal(occupation_solve(DFT_SMEARING_FERMI, 0.05, 2, 5, weight, e, 11, occ, &o), AL_ERR_INPUT);
    struct dft_options b = {.smearing = DFT_SMEARING_NONE, .nextra = -1};
    assert_int_equal(occupation_bands(&b, 8, 300), 6);
    b.smearing = DFT_SMEARING_COLD;
    b.smearing_width = 1e-5;
    assert_int_equal(occupation_bands(&b, 7, 300), 8);
    assert_int_equal(occupation_bands(&b, 100, 3000), 60);
    b.nextra = 1;
    assert_int_equal(occupation_bands(&b, 100, 3000), 51);
}

static struct dft_options options(enum dft_smearing kind, double width)
{
    struct dft_options o;
    assert_int_equal(synthetic_options(&o), AL_ERR_OK);
    o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 2, .k = points};
    o.smearing = kind;
    o.smearing_width = width;
    return o;
}

// The two-atom cell, made metallic by two cations.
static struct al_frame *frame(bool metal)
{
    struct al_frame *f = NULL;
    assert_int_equal(synthetic_frame(1, &f), AL_ERR_OK);
    if (metal) f->z[1] = 12;
    return f;
}

static struct label_report label(const struct dft_options *o, struct al_frame *f)
{
    struct label_report rep;
    enum al_err e = synthetic_label(o, comm, f, &rep);
    if (e != AL_ERR_OK) print_error("%s\n", al_err_message());
    assert_int_equal(e, AL_ERR_OK);
    return rep;
}

// Energy with atom 1 moved along x, or (strained) strain component xz, plane waves fixed.
static double energy_at(struct dft_options o, bool metal, bool strained, double h)
{
    struct al_frame *f = frame(metal);
    double cell[3][3], pos[2][3];
    memcpy(cell, f->cell, sizeof cell);
    memcpy(pos, f->pos, sizeof pos);
    if (strained) {
        o.sphere_cell = (const double(*)[3])cell;
        for (int i = 0; i < 3; i++)
            f->cell[i][0] += h * cell[i][0];
        for (int i = 0; i < 2; i++)
            f->pos[i][0] += h * pos[i][0];
    } else {
        f->pos[1][0] += h;
    }
    label(&o, f);
    double e = f->energy;
    al_frame_destroy(&f);
    return e;
}

static double difference(const struct dft_options *o, bool metal, bool strained, double h)
{
    double d1 = energy_at(*o, metal, strained, h) - energy_at(*o, metal, strained, -h);
    double d2 = energy_at(*o, metal, strained, 2 * h) - energy_at(*o, metal, strained, -2 * h);
    return (8 * d1 - d2) / (12 * h);
}

static void derivatives(struct dft_options o, bool metal, struct label_report *rep)
{
    struct al_frame *f = frame(metal);
    o.fft_grid[0] = o.fft_grid[1] = o.fft_grid[2] = 18;
    *rep = label(&o, f);
    double force = -difference(&o, metal, false, 0.01), virial = -difference(&o, metal, true, 0.002);
    if (!(fabs(force - f->forces[1][0]) < 2e-5) || !(fabs(virial - f->virial[0][0]) < 1e-4))
        print_error("force %.8f, difference %.8f; virial %.8f, difference %.8f\n", f->forces[1][0], force,
                    f->virial[0][0], virial);
    assert_true(fabs(force) > 0.05 && force != f->forces[1][0]);
    assert_true(fabs(virial) > 0.05 && virial != f->virial[0][0]);
    assert_true(fabs(force - f->forces[1][0]) < 2e-5);
    assert_true(fabs(virial - f->virial[0][0]) < 1e-4);
    const struct label_energies *e = &rep->energies;
    double sum = e->kinetic + e->nonlocal + e->local + e->hartree + e->xc + e->ewald + e->smearing;
    assert_true(fabs(sum - e->total) < 1e-9 && e->total == f->energy);
    assert_true(rep->electron_error < 1e-10 && rep->band_residual < 1e-5);
    al_frame_destroy(&f);
}

static void metal_of(enum dft_smearing kind)
{
    struct label_report rep;
    struct dft_options o = options(kind, 0.03);
    o.nextra = 10;
    derivatives(o, true, &rep);
    assert_true(rep.metallic && rep.rung == 0);
    assert_true(fabs(rep.energies.smearing) > 1e-3); // the entropy takes part
    double twice = 2 * (rep.energies.zero_width - rep.energies.total);
    assert_true(fabs(twice + (kind == DFT_SMEARING_COLD ? 0 : rep.energies.smearing)) < 1e-9);
}

static void gaussian_metal(void **state)
{
    (void)state;
    metal_of(DFT_SMEARING_GAUSSIAN);
}
static void fermi_metal(void **state)
{
    (void)state;
    metal_of(DFT_SMEARING_FERMI);
}
static void cold_metal(void **state)
{
    (void)state;
    metal_of(DFT_SMEARING_COLD);
}

static void charged_insulator(void **state)
{
    (void)state;
    struct label_report rep;
    struct dft_options o = options(DFT_SMEARING_NONE, 0);
    o.charge = 6; // one band
    derivatives(o, false, &rep);
    assert_true(!rep.metallic && rep.energies.smearing == 0);
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

// Free electrons: 40 of them in a cell of 17, 20 and 23.5 bohr at a general point, where levels are not degenerate. The bands of our own choice reach to where nothing is
// left, without being twice as many as that takes.
static void bands_reach_the_tail(void **state)
{
    (void)state;
    enum { CUT = 9 };
    const double side[3] = {17, 20, 23.5}, nelec = 40;
    static double e[(2 * CUT + 1) * (2 * CUT + 1) * (2 * CUT + 1)], occ[(2 * CUT + 1) * (2 * CUT + 1) * (2 * CUT + 1)];
    int n = 0;
    for (int i = -CUT; i <= CUT; i++)
        for (int j = -CUT; j <= CUT; j++)
            for (int k = -CUT; k <= CUT; k++)
                e[n++] = 2 * AL_PI * AL_PI *
                         (pow((i + 0.13) / side[0], 2) + pow((j - 0.21) / side[1], 2) + pow((k + 0.37) / side[2], 2));
    qsort(e, (size_t)n, sizeof *e, ascending);
    for (int k = 0; k < 3; k++)
        for (int w = 0; w < 3; w++) {
            const double width[3] = {0.004, 0.01, 0.03}, weight = 1;
            struct dft_options o = {.smearing = kinds[k], .smearing_width = width[w], .nextra = -1};
            struct occupied level;
            assert_int_equal(occupation_solve(kinds[k], width[w], 1, n, &weight, e, nelec, occ, &level), AL_ERR_OK);
            int nb = occupation_bands(&o, nelec, side[0] * side[1] * side[2]), last = n;
            while (fabs(occ[last - 1]) < 2 * OCCUPATION_TRACE)
                last--;
            if (nb < last || nb > 2 * last) print_error("width %g: %d bands, %d hold electrons\n", width[w], nb, last);
            assert_true(nb >= 0.9 * last && nb < 2 * last);
        }
}

// The made-up metal at 0.03 Ha with as many bands as we choose: converged at the first rung, and to what more bands give.
static void own_bands_are_enough(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct dft_options o = options(kinds[k], 0.03);
        struct al_frame *f = frame(true), *g = frame(true);
        struct label_report a = label(&o, f);
        assert_int_equal(a.rung, 0);
        o.nextra = 2 * a.nbands;
        struct label_report b = label(&o, g);
        assert_true(b.nbands > a.nbands);
        if (!(fabs(f->energy - g->energy) < 1e-5)) print_error("%d bands: %.2e eV\n", a.nbands, f->energy - g->energy);
        assert_true(fabs(f->energy - g->energy) < 1e-5);
        al_frame_destroy(&f);
        al_frame_destroy(&g);
    }
}

static void odd_electrons(void **state)
{
    (void)state;
    struct label_report rep;
    struct dft_options o = options(DFT_SMEARING_GAUSSIAN, 0.02);
    o.charge = 1;
    derivatives(o, false, &rep);
    assert_true(rep.metallic && fabs(rep.energies.smearing) > 1e-3);
    struct labeler *l = NULL;
    struct al_frame *f = frame(false);
    o.smearing = DFT_SMEARING_NONE;
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_UNSUPPORTED);
    labeler_destroy(&l);
    al_frame_destroy(&f);
}

// An insulator does not notice a small width, and the smearing's empty bands do not change its energy.
static void insulator_with_smearing(void **state)
{
    (void)state;
    struct al_frame *f = frame(false), *g = frame(false);
    struct dft_options o = options(DFT_SMEARING_NONE, 0), s = options(DFT_SMEARING_FERMI, 0.002);
    o.kpoints.k = s.kpoints.k = general;
    o.kpoints.n = s.kpoints.n = 1;
    // Forces differ by what is left of the density's error: at most 9.5e-6 eV/Ang at 1e-12 Ha/atom, 1.6e-6 at 1e-14, 5e-8 at 1e-16; ten
    // times tighter bands alone change nothing.
    o.scf_tol = s.scf_tol = 1e-16;
    struct label_report a = label(&o, f), b = label(&s, g);
    assert_true(a.gap > 0.5 && fabs(a.gap - b.gap) < 1e-4 && !b.metallic);
    assert_true(fabs(f->energy - g->energy) < 1e-8);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(f->forces[i / 3][i % 3] - g->forces[i / 3][i % 3]) < 1e-6);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
}

// One anion with q electrons taken out in cubes of side L: E = E0 - 2.8372974794806 q^2/(2 L) + c/L^3 (G. Makov
// and M. C. Payne, PRB 51, 4014, 1995). Three sides give E0 and c; the factor of 1/L is what is tested.
static void images_of_an_ion(void **state)
{
    (void)state;
    const double side[4] = {7, 8, 9, 10}, q = 4;
    double e[4], x[4];
    for (int i = 0; i < 4; i++) {
        struct al_frame *f = NULL;
        struct dft_options o;
        assert_int_equal(synthetic_options(&o), AL_ERR_OK);
        assert_int_equal(al_frame_create(1, &f), AL_ERR_OK);
        f->pbc = true;
        f->z[0] = 8;
        for (int d = 0; d < 3; d++)
            f->cell[d][d] = side[i] * AL_BOHR_ANG;
        o.charge = q;
        o.ecut = 30;
        o.scf_tol = 1e-11;
        label(&o, f);
        e[i] = f->energy / AL_HARTREE_EV;
        x[i] = 1 / side[i];
        al_frame_destroy(&f);
    }
    // E = E0 + m x + c x^3 through the last three
    double d1 = (e[2] - e[1]) / (x[2] - x[1]), d2 = (e[3] - e[2]) / (x[3] - x[2]);
    double s1 = x[2] * x[2] + x[2] * x[1] + x[1] * x[1], s2 = x[3] * x[3] + x[3] * x[2] + x[2] * x[2];
    double c = (d2 - d1) / (s2 - s1), m = d1 - c * s1, want = -0.5 * 2.8372974794806 * q * q;
    if (!(fabs(m - want) < 5e-3 * fabs(want))) print_error("factor of 1/L %.5f, wanted %.5f\n", m, want);
    assert_true(fabs(m - want) < 5e-3 * fabs(want));
    double e0 = e[3] - m * x[3] - c * x[3] * x[3] * x[3]; // and it foretells the smallest cube
    assert_true(fabs(e0 + m * x[0] + c * x[0] * x[0] * x[0] - e[0]) < 2e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropy_belongs_to_filling), cmocka_unit_test(fermi_levels_hold_the_electrons),
        cmocka_unit_test(gaussian_metal),             cmocka_unit_test(fermi_metal),
        cmocka_unit_test(cold_metal),                 cmocka_unit_test(charged_insulator),
        cmocka_unit_test(odd_electrons),              cmocka_unit_test(insulator_with_smearing),
        cmocka_unit_test(images_of_an_ion),           cmocka_unit_test(bands_reach_the_tail),
        cmocka_unit_test(own_bands_are_enough),
    };
    if (comm_world(&comm) != AL_ERR_OK) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&comm);
    return rc;
}
