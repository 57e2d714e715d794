// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The rescue ladder on made-up cells that fail with the settings given and need one rung after the other, against
// the same cells at settings that converge; what cannot be rescued is refused with the reason.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "dft/occupation.h"
#include "dft/rescue.h"
#include "synthetic.h"

static struct comm *comm;
static const double general_k[1][3] = {{0.13, -0.21, 0.37}};

static struct dft_options options(void)
{
    struct dft_options o;
    assert_int_equal(synthetic_options(&o), AL_ERR_OK);
    o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 1, .k = general_k};
    o.scf_tol = 1e-10;
    o.smearing = DFT_SMEARING_NONE;
    return o;
}

// The four-atom cell, its lengths times size: from an insulator to ions whose shells open.
static struct al_frame *frame(double size)
{
    struct al_frame *f = NULL;
    assert_int_equal(synthetic_frame(2, &f), AL_ERR_OK);
    for (int i = 0; i < 9; i++)
        f->cell[i / 3][i % 3] *= size;
    for (int i = 0; i < 3 * f->natoms; i++)
        f->pos[i / 3][i % 3] *= size;
    return f;
}

static enum al_err label(const struct dft_options *o, struct al_frame *f, struct label_report *rep)
{
    struct labeler *l = NULL;
    assert_int_equal(dft_labeler_open(o, comm, &l), AL_ERR_OK);
    enum al_err e = l->ops->label(l, f, rep);
    labeler_destroy(&l);
    return e;
}

// bad fails at its own settings and is rescued at rung; the label is that of settings that converge at once.
static void needs(const struct dft_options *bad, double size, enum rescue_rung rung)
{
    struct al_frame *f = frame(size), *g = frame(size);
    struct dft_options o = options(), alone = *bad;
    struct label_report rep;
    alone.no_rescue = true;
    o.smearing = bad->smearing;
    o.smearing_width = bad->smearing_width;
    enum al_err e = label(&alone, f, &rep);
    assert_true(e == AL_ERR_NOTCONV || e == AL_ERR_UNPHYSICAL);
    assert_true(f->have == 0 && rep.rung == 0);
    e = label(bad, f, &rep);
    if (e != AL_ERR_OK || rep.rung != (int)rung) print_error("%s: %s\n", rep.rung_name, rep.detail);
    assert_int_equal(e, AL_ERR_OK);
    assert_int_equal(rep.rung, rung);
    assert_string_equal(rep.rung_name, rescue_name(rung));
    assert_non_null(strstr(rep.detail, rescue_name(rung)));
    assert_int_equal(label(&o, g, &rep), AL_ERR_OK);
    assert_int_equal(rep.rung, 0);
    assert_true(fabs(f->energy - g->energy) < 4 * 1e-9 * AL_HARTREE_EV); // ten times scf_tol
    double worst = 0;
    for (int i = 0; i < 3 * f->natoms; i++)
        worst = fmax(worst, fabs(f->forces[i / 3][i % 3] - g->forces[i / 3][i % 3]));
    if (!(worst < 1e-3)) print_error("forces differ by %.1e eV/Ang\n", worst);
    assert_true(worst < 1e-3);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
}

// Full undamped steps without history slosh charge between the ions.
static void mixing(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.mix_beta = 1;
    o.mix_kerker = 0;
    o.mix_history = 1;
    o.max_scf = 30;
    needs(&o, 1, RESCUE_MIXING);
}

// A gap of 0.02 eV, 23 steps alone: the smeared state is near enough to end within the steps allowed.
static void smearing(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.max_scf = 20;
    needs(&o, 1.29, RESCUE_SMEARING);
}

// Bands so loose that the density never settles, ten and a hundred times too loose.
static void solver(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.diag_scale = 80;
    needs(&o, 1, RESCUE_SOLVER);
}

static void fresh(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.diag_scale = 800;
    needs(&o, 1, RESCUE_FRESH);
}

// No closed-shell state: refused, whatever the rung, unless smearing is asked for.
static void metal_is_refused(void **state)
{
    (void)state;
    struct al_frame *f = frame(1.35);
    struct dft_options o = options();
    struct label_report rep;
    assert_int_equal(label(&o, f, &rep), AL_ERR_NOTCONV);
    assert_true(f->have == 0);
    assert_int_equal(rep.rung, RESCUE_SMEARING); // the last: others cannot help
    assert_non_null(strstr(rep.detail, "no closed-shell state"));
    o.smearing = DFT_SMEARING_FERMI;
    o.smearing_width = 0.01;
    assert_int_equal(label(&o, f, &rep), AL_ERR_OK);
    assert_true(rep.rung == 0 && rep.energies.smearing < -1e-3);
    al_frame_destroy(&f);
}

// Our own choice of bands begins with an insulator's; the metal's highest one is seen to hold electrons, and the label is that of many bands.
static void metal_gets_more_bands(void **state)
{
    (void)state;
    struct al_frame *f = frame(1.34), *g = frame(1.34);
    struct dft_options o = options();
    struct label_report few, many;
    o.smearing = DFT_SMEARING_GAUSSIAN;
    o.smearing_width = 0.002;
    assert_int_equal(label(&o, f, &few), AL_ERR_OK);
    assert_true(few.rung == 0 && few.metallic);
    assert_true(few.nbands > occupation_bands_of_insulator(16));
    o.nextra = 2 * few.nbands;
    assert_int_equal(label(&o, g, &many), AL_ERR_OK);
    if (!(fabs(f->energy - g->energy) < 1e-5)) print_error("%.2e eV\n", f->energy - g->energy);
    assert_true(fabs(f->energy - g->energy) < 1e-5);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
}

// With a narrow smearing too: the wide state is the way to it.
static void narrow_smearing(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.smearing = DFT_SMEARING_GAUSSIAN;
    o.smearing_width = 0.0005;
    o.max_scf = 30;
    needs(&o, 1.38, RESCUE_SMEARING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixing), cmocka_unit_test(smearing),         cmocka_unit_test(solver),
        cmocka_unit_test(fresh),  cmocka_unit_test(metal_is_refused),
        cmocka_unit_test(metal_gets_more_bands), cmocka_unit_test(narrow_smearing),
    };
    if (comm_world(&comm) != AL_ERR_OK) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&comm);
    return rc;
}
