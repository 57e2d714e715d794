// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Against ABINIT and Quantum ESPRESSO with the same pseudopotentials, cut-off and FFT grid
// (shared/data/dft_reference.json): energy within 0.1 meV/atom, forces within 1 meV/Ang, stress within 0.01
// GPa.
// The built-in GTH-PBE set at tight SCF: 30 microeV/atom, 5e-5 eV/Ang, 5e-4 GPa.
//   test_reference gamma | gth | gth25 | point | mesh | beta | hot
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "reference.h"

static struct comm *comm;

static struct reference *record(const char *id, const char *code, double ecut, char kpoints)
{
    struct reference *r = NULL;
    assert_int_equal(reference_read(id, code, ecut, kpoints, &r), AL_ERR_OK);
    return r;
}

static void run(struct dft_options *opt, struct al_frame *f, struct label_report *rep)
{
    struct labeler *l = NULL;
    assert_int_equal(dft_labeler_open(opt, comm, &l), AL_ERR_OK);
    enum al_err e = l->ops->label(l, f, rep);
    if (e != AL_ERR_OK) print_error("%s\n", al_err_message());
    assert_int_equal(e, AL_ERR_OK);
    labeler_destroy(&l);
}

static void within(const struct reference *r, const struct al_frame *f)
{
    struct comparison c;
    reference_compare(r, f, &c);
    print_message("%s %s %g Ha: dE %.4f meV/atom, dF %.2e eV/Ang, dS %.2e GPa\n", r->id, r->code, r->ecut,
                  c.energy, c.force, c.stress);
    assert_true(c.energy < 0.1);
    assert_true(c.force < 1e-3);
    assert_true(c.stress < 0.01);
}

static void compare(const char *id, const char *code, double ecut, char kpoints)
{
    struct reference *r = record(id, code, ecut, kpoints);
    struct dft_options opt;
    struct label_report rep;
    spms_options(spms_dir(), &opt);
    reference_options(r, &opt);
    run(&opt, r->f, &rep);
    within(r, r->f);
    if (strcmp(code, "abinit") == 0 && ecut == 25) { // the same frame by the other code
        struct reference *q = record(id, "qe", ecut, kpoints);
        within(q, r->f);
        reference_destroy(&q);
    }
    reference_destroy(&r);
}

static void compare_gth(const char *set, const char *code, double ecut)
{
    struct reference *r = NULL;
    struct dft_options opt;
    struct label_report rep;
    struct comparison c;
    assert_int_equal(reference_read_set(set, "gamma_r2", code, ecut, 'g', &r), AL_ERR_OK);
    gth_options(set, &opt);
    reference_options(r, &opt);
    opt.scf_tol = 1e-13;
    run(&opt, r->f, &rep);
    reference_compare(r, r->f, &c);
    print_message("%s %s %g Ha: dE %.4f meV/atom, dF %.2e eV/Ang, dS %.2e GPa\n", set, code, ecut, c.energy, c.force,
                  c.stress);
    assert_true(c.energy < 0.03);
    assert_true(c.force < 5e-5);
    assert_true(c.stress < 5e-4);
    reference_destroy(&r);
}

static void gth_frame(void **state)
{
    (void)state;
    compare_gth("gth", "abinit", 15);
    compare_gth("gthq1", "abinit", 15);
}

static void gth_frame_25(void **state)
{
    (void)state;
    compare_gth("gth", "abinit", 25);
    compare_gth("gth", "qe", 25);
    compare_gth("gthq1", "abinit", 25);
}

static void gamma_frame(void **state)
{
    (void)state;
    compare("gamma_r2", "abinit", 15, 'g');
    compare("gamma_r2", "abinit", 25, 'g');
}
static void beta_special_point(void **state)
{
    (void)state;
    compare("beta_r1", "qe", 25, 'p');
}
static void beta_mesh(void **state)
{
    (void)state;
    compare("beta_r1", "qe", 25, 'm');
}
static void beta_gamma_point(void **state)
{
    (void)state;
    compare("beta_r1", "qe", 25, 'g');
    compare("beta_O_r2", "qe", 25, 'g');
}

// Frames as hot molecular dynamics makes them: every atom of the (already distorted) reference frame moved by
// up to 0.3 Ang along each axis. The SCF must converge in a moderate number of steps.
static void hot_frames_converge(void **state)
{
    (void)state;
    static const double special[1][3] = {{0.25, 0.25, 0.25}};
    struct dft_options opt;
    spms_options(spms_dir(), &opt);
    opt.ecut = 10;
    opt.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 1, .k = special};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct reference *r = record("gamma_r2", "abinit", 15, 'g');
        struct label_report rep;
        struct al_rng rng;
        al_rng_stream(&rng, seed, "test-hot", 0, 0, 0);
        for (int i = 0; i < 3 * r->f->natoms; i++)
            r->f->pos[i / 3][i % 3] += 0.3 * (2 * al_rng_uniform(&rng) - 1);
        run(&opt, r->f, &rep);
        print_message("hot frame %d: %s, gap %.2f eV\n", (int)seed, rep.detail, rep.gap);
        assert_true(rep.scf_iterations <= 20);
        double largest = 0;
        for (int i = 0; i < 3 * r->f->natoms; i++)
            largest = fmax(largest, fabs(r->f->forces[i / 3][i % 3]));
        assert_true(largest > 3); // it is a hot frame
        reference_destroy(&r);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        struct CMUnitTest test;
    } all[] = {{"gamma", cmocka_unit_test(gamma_frame)},
               {"gth", cmocka_unit_test(gth_frame)},
               {"gth25", cmocka_unit_test(gth_frame_25)},
               {"point", cmocka_unit_test(beta_special_point)},
               {"mesh", cmocka_unit_test(beta_mesh)},
               {"beta", cmocka_unit_test(beta_gamma_point)},
               {"hot", cmocka_unit_test(hot_frames_converge)}};
    skip_without_data(true);
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&comm) != AL_ERR_OK) return 1;
    int rc = 2;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (argc == 2 && strcmp(argv[1], all[i].name) == 0) {
            const struct CMUnitTest one[] = {all[i].test};
            rc = cmocka_run_group_tests(one, NULL, NULL);
        }
    if (rc == 2) print_error("usage: test_reference gamma | gth | gth25 | point | mesh | beta | hot\n");
    comm_destroy(&comm);
    comm_finalize();
    return rc;
}
