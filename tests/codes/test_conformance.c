// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What every labeler promises (seam/labeler.h), the same for all: ours, and those of other people's programs with a stand-in for the
// program. A new one is a line in `labelers`.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "comm/comm.h"
#include "dft/dft.h"
#include "samples.h"

static struct comm *world;
static char dir[AL_PATH];

static enum al_err open_dft(double scale, struct labeler **ret)
{
    static const struct dft_pseudo pseudo[] = {{3, "GTH-PBE-q1"}, {15, "GTH-PBE-q5"}, {16, "GTH-PBE-q6"}};
    struct dft_options o;
    dft_options_init(&o);
    o.ecut = 5 * scale;
    o.functional = "PBE";
    o.pseudo = pseudo;
    o.npseudo = 3;
    o.min_distance = 0.5;
    AL_TRY(dft_labeler_open(&o, world, ret));
    return AL_ERR_OK;
}

static enum al_err open_qe(double scale, struct labeler **ret)
{
    struct code_options o = sample_qe(dir, "");
    o.settings.ecut *= scale;
    AL_TRY(code_labeler_open(&o, ret));
    return AL_ERR_OK;
}

static enum al_err open_command(double scale, struct labeler **ret)
{
    struct code_options o = sample_command(dir, "");
    o.settings.ecut *= scale;
    AL_TRY(code_labeler_open(&o, ret));
    return AL_ERR_OK;
}

static const struct {
    const char *name;
    enum al_err (*open)(double scale, struct labeler **ret); // scale: of the cut-off
    bool pseudopotentials;
    double digits; // of energies, eV; forces and stress have them per Ang and 10 times less
} labelers[] = {
    {"dft", open_dft, true, 1e-5},
    {"qe", open_qe, true, 3e-7},
    {"command", open_command, false, 1e-9},
};
enum { NLABELERS = sizeof labelers / sizeof labelers[0] };

static struct labeler *open_it(int i, double scale)
{
    struct labeler *l = NULL;
    enum al_err e = labelers[i].open(scale, &l);
    if (e) fail_msg("%s: %s", labelers[i].name, al_err_message());
    return l;
}

static struct al_frame *labelled(struct labeler *l, struct al_frame *f, struct label_report *rep)
{
    enum al_err e = l->ops->label(l, f, rep);
    if (e) fail_msg("%s", al_err_message());
    assert_int_equal(f->have & (AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL), AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL);
    return f;
}

// All fields, the same again, symmetric virial, the report filled in, atoms in our order whatever that is.
static void test_labels(void **state)
{
    static const int turn[SAMPLE_ATOMS] = {4, 0, 3, 1, 2};
    (void)state;
    for (int i = 0; i < NLABELERS; i++) {
        struct labeler *l = open_it(i, 1);
        struct label_report rep, again;
        struct al_frame *f = labelled(l, sample_frame(), &rep), *g = labelled(l, sample_frame(), &again), *h = sample_frame();
        assert_true(isfinite(f->energy) && f->energy == rep.energies.total);
        assert_true(f->energy == g->energy);
        assert_memory_equal(f->forces, g->forces, sizeof(double[SAMPLE_ATOMS][3]));
        assert_memory_equal(f->virial, g->virial, sizeof f->virial);
        for (int a = 0; a < 9; a++)
            assert_true(f->virial[a / 3][a % 3] == f->virial[a % 3][a / 3]);
        assert_true(rep.seconds > 0 && rep.rung == 0 && rep.rung_name && rep.rung_name[0] && rep.detail[0]);
        assert_true(sqrt(rep.residual_force[0] * rep.residual_force[0]) < 0.1);
        for (int k = 0; k < SAMPLE_ATOMS; k++) {
            h->z[k] = f->z[turn[k]];
            memcpy(h->pos[k], f->pos[turn[k]], sizeof h->pos[k]);
        }
        labelled(l, h, &again);
        assert_true(fabs(h->energy - f->energy) < 100 * labelers[i].digits);
        for (int k = 0; k < 3 * SAMPLE_ATOMS; k++)
            assert_true(fabs(h->forces[k / 3][k % 3] - f->forces[turn[k / 3]][k % 3]) < 1000 * labelers[i].digits);
        al_frame_destroy(&f);
        al_frame_destroy(&g);
        al_frame_destroy(&h);
        labeler_destroy(&l);
    }
}

static double energy_at(struct labeler *l, int atom, int d, double step, double strain)
{
    struct label_report rep;
    struct al_frame *f = sample_frame();
    f->pos[atom][d] += step;
    for (int i = 0; i < 3; i++)
        f->cell[i][d] *= 1 + strain;
    for (int i = 0; i < f->natoms; i++)
        f->pos[i][d] *= 1 + strain;
    double e = labelled(l, f, &rep)->energy;
    al_frame_destroy(&f);
    return e;
}

// Forces and virial are the energy's derivatives, with our signs.
static void test_derivatives(void **state)
{
    const double step = 0.02, strain = 0.004;
    (void)state;
    for (int i = 0; i < NLABELERS; i++) {
        struct labeler *l = open_it(i, 1);
        struct label_report rep;
        struct al_frame *f = labelled(l, sample_frame(), &rep);
        double force = -(energy_at(l, 3, 1, step, 0) - energy_at(l, 3, 1, -step, 0)) / (2 * step);
        if (fabs(force - f->forces[3][1]) > 0.01 * (1 + fabs(force))) fail_msg("%s: force %g, by differences %g", labelers[i].name, f->forces[3][1], force);
        // ours is the derivative at a fixed set of plane waves, which tests/dft looks at
        if (strcmp(labelers[i].name, "dft") != 0) {
            double virial = -(energy_at(l, 0, 2, 0, strain) - energy_at(l, 0, 2, 0, -strain)) / (2 * strain);
            if (fabs(virial - f->virial[2][2]) > 0.01 * (1 + fabs(virial)))
                fail_msg("%s: virial %g, by differences %g", labelers[i].name, f->virial[2][2], virial);
        }
        al_frame_destroy(&f);
        labeler_destroy(&l);
    }
}

// The frame stays as it was, and the labeler goes on working.
static void test_refusals(void **state)
{
    (void)state;
    for (int i = 0; i < NLABELERS; i++) {
        struct labeler *l = open_it(i, 1);
        struct label_report rep;
        struct al_frame *f = sample_frame();
        memcpy(f->pos[1], f->pos[0], sizeof f->pos[0]);
        assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
        assert_int_equal(f->have, 0);
        assert_true(rep.detail[0] != '\0');
        al_frame_destroy(&f);
        f = sample_frame();
        f->pbc = false;
        assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
        al_frame_destroy(&f);
        f = sample_frame();
        f->z[2] = 92;
        if (labelers[i].pseudopotentials) assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
        assert_int_equal(f->have, 0);
        al_frame_destroy(&f);
        f = labelled(l, sample_frame(), &rep);
        al_frame_destroy(&f);
        labeler_destroy(&l);
    }
}

static void test_fingerprints(void **state)
{
    char all[2 * NLABELERS][65];
    (void)state;
    for (int i = 0; i < NLABELERS; i++)
        for (int k = 0; k < 2; k++) {
            struct labeler *l = open_it(i, k ? 1.2 : 1), *again = open_it(i, k ? 1.2 : 1);
            const char *print = l->ops->fingerprint(l);
            assert_int_equal(strlen(print), 64);
            assert_int_equal(strspn(print, "0123456789abcdef"), 64);
            assert_string_equal(print, again->ops->fingerprint(again));
            snprintf(all[2 * i + k], sizeof all[0], "%s", print);
            labeler_destroy(&l);
            labeler_destroy(&again);
        }
    for (int i = 0; i < 2 * NLABELERS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(all[i], all[k]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels), cmocka_unit_test(test_derivatives), cmocka_unit_test(test_refusals), cmocka_unit_test(test_fingerprints),
    };
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&world) != AL_ERR_OK) return 1;
    sample_directory("codes_conformance", dir);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&world);
    comm_finalize();
    return failed;
}
