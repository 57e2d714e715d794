// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inputs that must be refused before the first SCF step, with a message that names what is wrong.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "synthetic.h"

static struct comm *comm;
static int steps;

static void count(void *ctx, const struct dft_scf_step *s)
{
    (void)ctx;
    (void)s;
    steps++;
}

static struct dft_options options(void)
{
    struct dft_options o;
    assert_int_equal(synthetic_options(&o), AL_ERR_OK);
    o.ecut = 9;
    o.scf_tol = 1e-6;
    o.observe = count;
    return o;
}

static struct al_frame *frame(void)
{
    struct al_frame *f = NULL;
    assert_int_equal(synthetic_frame(1, &f), AL_ERR_OK);
    return f;
}

static void says(const char *word)
{
    if (!strstr(al_err_message(), word)) print_error("'%s' does not say '%s'\n", al_err_message(), word);
    assert_non_null(strstr(al_err_message(), word));
}

// The frame is refused with this error and word; it stays as it was and no SCF step is made.
static void refuse_frame(const struct dft_options *o, struct al_frame *f, enum al_err expect, const char *word)
{
    struct labeler *l = NULL;
    struct label_report rep;
    steps = 0;
    assert_int_equal(dft_labeler_open(o, comm, &l), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, f, &rep), expect);
    says(word);
    assert_int_equal(steps, 0);
    assert_int_equal(f->have, 0);
    assert_non_null(strstr(rep.detail, word)); // what the user sees of a frame in quarantine
    labeler_destroy(&l);
    al_frame_destroy(&f);
}

static void good_frame_is_taken(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame();
    struct labeler *l = NULL;
    struct label_report rep;
    steps = 0;
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_OK);
    assert_true(steps > 2 && isfinite(f->energy));
    labeler_destroy(&l);
    al_frame_destroy(&f);
}

static void numbers_that_are_none(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame();
    f->pos[1][2] = NAN;
    refuse_frame(&o, f, AL_ERR_INPUT, "atom 2");
    f = frame();
    f->pos[0][0] = INFINITY;
    refuse_frame(&o, f, AL_ERR_INPUT, "atom 1");
    f = frame();
    f->cell[1][1] = NAN;
    refuse_frame(&o, f, AL_ERR_INPUT, "cell");
}

static void cells_that_are_none(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame();
    memcpy(f->cell[1], f->cell[0], sizeof f->cell[0]); // flat
    refuse_frame(&o, f, AL_ERR_INPUT, "cell");
    f = frame();
    f->pbc = false;
    refuse_frame(&o, f, AL_ERR_INPUT, "periodic");
}

static void atoms_on_each_other(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame();
    memcpy(f->pos[0], f->pos[1], sizeof f->pos[0]);
    refuse_frame(&o, f, AL_ERR_INPUT, "atoms 1 and 2 are at the same place");
    f = frame(); // through the boundary
    for (int d = 0; d < 3; d++)
        f->pos[0][d] = f->pos[1][d] + f->cell[0][d] + (d == 1 ? 0.2 : 0);
    refuse_frame(&o, f, AL_ERR_INPUT, "atoms 1 (Mg) and 2 (O) are 0.200 Ang apart");
}

static void element_without_pseudopotential(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame();
    f->z[1] = 79;
    refuse_frame(&o, f, AL_ERR_INPUT, "Au");
}

// Without smearing there is no state of closed shells: refused at once, with the way out.
static void odd_number_of_electrons(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.charge = 1;
    o.smearing = DFT_SMEARING_NONE;
    refuse_frame(&o, frame(), AL_ERR_UNSUPPORTED, "valence electrons");
    assert_non_null(strstr(al_err_hint_text(), "label.smearing"));
}

static void cut_off_too_low_for_the_bands(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.ecut = 1;
    o.nextra = 60;
    refuse_frame(&o, frame(), AL_ERR_INPUT, "cut-off too low");
}

static void refuse_options(const struct dft_options *o, enum al_err expect, const char *word)
{
    struct labeler *l = NULL;
    assert_int_equal(dft_labeler_open(o, comm, &l), expect);
    assert_null(l);
    says(word);
}

static void options_out_of_range(void **state)
{
    (void)state;
    struct dft_options o = options();
    o.ecut = NAN;
    refuse_options(&o, AL_ERR_INPUT, "cut-off");
    o.ecut = 9;
    o.scf_tol = NAN;
    refuse_options(&o, AL_ERR_INPUT, "tolerance");
    o.scf_tol = 1e-6;
    o.functional = "PBF";
    refuse_options(&o, AL_ERR_INPUT, "PBF");
}

static void pseudopotentials_missing_or_broken(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct dft_pseudo p[2] = {{12, NULL}, {14, NULL}};
    o.pseudo = p;
    refuse_options(&o, AL_ERR_NOTFOUND, "Si");
    p[1].path = "/nowhere/14_Si.psp8";
    refuse_options(&o, AL_ERR_NOTFOUND, "/nowhere/14_Si.psp8");

    AL_AUTOFREE char *text = NULL;
    char path[AL_PATH];
    assert_int_equal(synthetic_psp8(8, &text), AL_ERR_OK);
    assert_int_equal(al_path(path, "%s/broken.psp8", o.pseudo_dir), AL_ERR_OK);
    p[1] = (struct dft_pseudo){8, path};
    const size_t n = strlen(text);
    assert_int_equal(al_file_write(path, text, n / 2), AL_ERR_OK); // cut off
    refuse_options(&o, AL_ERR_CORRUPT, "broken.psp8");
    char *row = strstr(text, "\n2 1.0000000000000000e-02 ");
    assert_non_null(row);
    row[strlen("\n2 1.0000000000000000e-02 ")] = '?'; // a bad number
    assert_int_equal(al_file_write(path, text, n), AL_ERR_OK);
    refuse_options(&o, AL_ERR_CORRUPT, "broken.psp8");
    assert_int_equal(al_file_write(path, "no such format\n", 15), AL_ERR_OK);
    refuse_options(&o, AL_ERR_UNSUPPORTED, "broken.psp8");

    AL_AUTOFREE char *other = NULL; // a good file of another element
    assert_int_equal(synthetic_psp8(12, &other), AL_ERR_OK);
    assert_int_equal(al_file_write(path, other, strlen(other)), AL_ERR_OK);
    refuse_options(&o, AL_ERR_INPUT, "Mg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_frame_is_taken),
        cmocka_unit_test(numbers_that_are_none),
        cmocka_unit_test(cells_that_are_none),
        cmocka_unit_test(atoms_on_each_other),
        cmocka_unit_test(element_without_pseudopotential),
        cmocka_unit_test(odd_number_of_electrons),
        cmocka_unit_test(cut_off_too_low_for_the_bands),
        cmocka_unit_test(options_out_of_range),
        cmocka_unit_test(pseudopotentials_missing_or_broken),
    };
    if (comm_self(&comm) != AL_ERR_OK) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&comm);
    return rc;
}
