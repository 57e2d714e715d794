// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Pulay stress: the virial with it against differences of energies whose plane waves are chosen anew by the cut-off in every cell. Such energies
// jump by a little where waves enter, hence polynomials through many cells.
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
#include "reference.h"

static struct comm *comm;

static struct dft_options options(double ecut, bool pulay)
{
    struct dft_options o;
    spms_options(spms_dir(), &o);
    o.ecut = ecut;
    o.pulay = pulay;
    o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_MESH, .mesh = {2, 2, 2}, .shift = {1, 1, 1}};
    return o;
}

// Li2O (antifluorite, 4.62 Ang) whose cell vectors are stretched by e along x and by all along every axis.
static struct al_frame *lithia(double all, double e)
{
    static const double fraction[3][3] = {{0, 0, 0}, {0.25, 0.25, 0.25}, {0.75, 0.75, 0.75}};
    static const int z[3] = {8, 3, 3};
    const double half = 2.31 * (1 + all);
    struct al_frame *f = NULL;
    assert_int_equal(al_frame_create(3, &f), AL_ERR_OK);
    f->pbc = true;
    for (int i = 0; i < 3; i++)
        for (int d = 0; d < 3; d++)
            f->cell[i][d] = (i == d ? 0 : half) * (d == 0 ? 1 + e : 1);
    for (int i = 0; i < 3; i++) {
        f->z[i] = z[i];
        for (int d = 0; d < 3; d++)
            for (int k = 0; k < 3; k++)
                f->pos[i][d] += fraction[i][k] * f->cell[k][d];
    }
    return f;
}

static struct label_report label(const struct dft_options *o, struct al_frame *f)
{
    struct labeler *l = NULL;
    struct label_report rep;
    assert_int_equal(dft_labeler_open(o, comm, &l), AL_ERR_OK);
    enum al_err e = l->ops->label(l, f, &rep);
    if (e != AL_ERR_OK) print_error("%s\n", al_err_message());
    assert_int_equal(e, AL_ERR_OK);
    labeler_destroy(&l);
    return rep;
}

enum { CELLS = 15 };

// Slope at 0 of the cubic through energies of CELLS strains up to h, at the cut-off, by least squares.
static double slope(double ecut, bool uniaxial, double h)
{
    double s[7] = {0}, b1 = 0, b3 = 0;
    const struct dft_options o = options(ecut, false);
    for (int i = 0; i < CELLS; i++) {
        double x = h * (2.0 * i / (CELLS - 1) - 1);
        struct al_frame *f = uniaxial ? lithia(0, x) : lithia(x, 0);
        label(&o, f);
        for (int k = 0; k < 7; k++)
            s[k] += pow(x, k);
        b1 += x * f->energy;
        b3 += x * x * x * f->energy;
        al_frame_destroy(&f);
    }
    return (b1 * s[6] - b3 * s[4]) / (s[2] * s[6] - s[4] * s[4]); // odd powers of strains that lie evenly decouple from the even ones
}

static const double off = 0.1; // an estimate (pulay.c), and few waves in a shell of so small a cell

static void agree(double ecut, bool uniaxial)
{
    struct al_frame *f = lithia(0, 0), *g = lithia(0, 0);
    const struct dft_options plain = options(ecut, false), with = options(ecut, true);
    struct label_report rep = label(&plain, f);
    assert_true(isnan(rep.pulay));
    rep = label(&with, g);
    assert_true(memcmp(&f->energy, &g->energy, sizeof f->energy) == 0);
    double fixed = 0, waves = 0, mean = 0;
    for (int d = 0; d < (uniaxial ? 1 : 3); d++) {
        fixed += g->virial[d][d];
        waves += f->virial[d][d];
    }
    for (int d = 0; d < 3; d++)
        mean += (g->virial[d][d] - f->virial[d][d]) / (3 * al_frame_volume(f)) * AL_EV_A3_GPA;
    double by_energy = -slope(ecut, uniaxial, 0.04), pulay = by_energy - waves;
    if (fabs(fixed - by_energy) > off * fabs(pulay))
        print_error("%g Ha: virial %.4f eV at the cut-off, %.4f of the waves, %.4f by energies\n", ecut, fixed, waves, by_energy);
    assert_true(pulay > 0.4);
    assert_true(fabs(fixed - by_energy) < off * pulay);
    assert_true(fabs(rep.pulay - mean) < 1e-9 * mean);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
}

static void pressure_is_that_of_the_cutoff(void **state)
{
    (void)state;
    agree(35, false);
    agree(25, false);
    agree(30, false);
}

static void each_direction_has_its_own(void **state)
{
    (void)state;
    agree(25, true);
}

// Where the cut-off is enough there is nothing to correct.
static void it_vanishes_at_high_cutoff(void **state)
{
    (void)state;
    const struct dft_options o = options(60, true), low = options(30, true);
    struct al_frame *f = lithia(0, 0), *g = lithia(0, 0);
    double high = label(&o, f).pulay;
    assert_true(high >= 0 && high < 0.01 * label(&low, g).pulay);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
}

static void waves_of_another_cell_are_refused(void **state)
{
    (void)state;
    struct dft_options o = options(20, true);
    struct al_frame *f = lithia(0, 0);
    o.sphere_cell = (const double(*)[3])f->cell;
    struct labeler *l = NULL;
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_INPUT);
    al_err_clear();
    al_frame_destroy(&f);
}

int main(void)
{
    skip_without_data(false);
    if (comm_world(&comm) != AL_ERR_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pressure_is_that_of_the_cutoff),
        cmocka_unit_test(each_direction_has_its_own),
        cmocka_unit_test(it_vanishes_at_high_cutoff),
        cmocka_unit_test(waves_of_another_cell_are_refused),
    };
    int n = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&comm);
    return n;
}
