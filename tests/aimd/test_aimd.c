// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// First-principles MD on made-up soft atoms (tests/dft/synthetic.h): what a frame that starts from earlier ones has in common with
// one from scratch, restarts bit for bit, momentum, reversibility, order of the energy error, a changing cell.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "dft/potential.h"
#include "md/integrators.h"
#include "md/md.h"
#include "scratch.h"
#include "synthetic.h"

static struct comm *comm;

static void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

static void assert_near_energy(double a, double b, double tol)
{
    if (!(fabs(a - b) < tol)) fail_msg("energies differ by %.2e eV", a - b);
}

#define OWN_POTENTIAL  __attribute__((cleanup(potential_destroy))) struct potential *
#define OWN_INTEGRATOR __attribute__((cleanup(integrator_destroy))) struct integrator *

static const double general_k[1][3] = {{0.13, -0.21, 0.37}};

static struct dft_options options(bool gamma, double tol)
{
    struct dft_options o;
    ok(synthetic_options(&o));
    o.scf_tol = tol;
    if (!gamma) o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 1, .k = general_k};
    return o;
}

static struct potential *open_dft(bool gamma, double tol)
{
    struct dft_options o = options(gamma, tol);
    struct potential *p = NULL;
    ok(dft_potential_open(&o, comm, &p));
    return p;
}

// Two atoms with velocities of a few hundred kelvin, total momentum zero.
static struct md_state *start(double temperature)
{
    AL_OWN(al_frame) f = NULL;
    struct md_state *s = NULL;
    struct al_rng r;
    al_rng_stream(&r, 3, "test-aimd", 0, 0, 0);
    ok(synthetic_frame(1, &f));
    ok(md_state_create(f, &r, &s));
    ok(md_velocities_draw(s, temperature, 3, true));
    return s;
}

static void steps(struct integrator *g, struct md_state *s, struct potential *p, double dt, int n)
{
    for (int i = 0; i < n; i++)
        ok(g->ops->step(g, s, p, dt));
}

static double largest_difference(const struct al_frame *a, const struct al_frame *b)
{
    double most = 0;
    for (int i = 0; i < 3 * a->natoms; i++)
        most = fmax(most, fabs(a->forces[i / 3][i % 3] - b->forces[i / 3][i % 3]));
    return most;
}

// At the labels' own threshold: energy within it (it is second order in the density), forces within what a label's own
// convergence leaves (estimated by a tight one), from less than half of the products H|psi> of a start from atoms at the threshold
// that a history asks for (0.001 of the labels').
static void agrees_with_labels(bool gamma)
{
    const double tol = 1e-9;
    struct dft_options normal = options(gamma, tol), tight = options(gamma, 1e-14);
    OWN_POTENTIAL p = open_dft(gamma, tol);
    OWN_INTEGRATOR g = NULL;
    AL_OWN(md_state) s = start(600);
    ok(md_nve_open(&g));
    ok(md_state_eval(s, p));
    steps(g, s, p, 0.5, 8);
    struct label_report scratch, exact;
    const struct label_report *warm = dft_potential_report(p);
    AL_OWN(al_frame) label = from_scratch(&normal, comm, s->f, &scratch);
    AL_OWN(al_frame) best = from_scratch(&tight, comm, s->f, &exact);
    double scatter = largest_difference(label, best), off = largest_difference(s->f, best);
    assert_true(s->f->energy != label->energy); // not the same calculation
    assert_true(fabs(s->f->energy - best->energy) < 10 * tol * 27.2 * s->f->natoms);
    if (!(off < 2e-4 && off < fmax(2 * scatter, 1e-5)))
        fail_msg("forces off by %.2e eV/Ang, those of a label by %.2e", off, scatter);
    struct dft_options equal = options(gamma, 1e-3 * tol);
    AL_OWN(al_frame) same = from_scratch(&equal, comm, s->f, &scratch);
    if (!(warm->applies < 0.5 * (double)scratch.applies))
        fail_msg("%ld H|psi> for %ld from scratch", warm->applies, scratch.applies);
    struct labeler *l = NULL;
    ok(dft_labeler_open(&normal, comm, &l));
    assert_string_equal(dft_potential_fingerprint(p), l->ops->fingerprint(l));
    labeler_destroy(&l);
}

static void test_agrees_with_labels(void **state)
{
    (void)state;
    agrees_with_labels(true);
    agrees_with_labels(false);
}

// Cell and plane waves change from frame to frame: the extrapolation still helps, the result is that of the frame.
static void test_changing_cell(void **state)
{
    (void)state;
    struct dft_options tight = options(true, 1e-14);
    OWN_POTENTIAL p = open_dft(true, 1e-12);
    AL_OWN(md_state) s = start(300);
    AL_OWN(al_frame) f = NULL;
    ok(al_frame_copy(s->f, &f));
    int npw[2] = {0};
    struct label_report scratch;
    for (int i = 0; i < 6; i++) {
        double a = 1 + 0.004 * i;
        for (int c = 0; c < 9; c++)
            s->f->cell[c / 3][c % 3] = a * f->cell[c / 3][c % 3];
        for (int c = 0; c < 6; c++)
            s->f->pos[c / 3][c % 3] = a * f->pos[c / 3][c % 3] + 0.002 * i * (c % 2);
        ok(md_state_eval(s, p));
        npw[i > 0] = dft_potential_report(p)->npw;
    }
    assert_true(npw[1] != npw[0]);
    AL_OWN(al_frame) best = from_scratch(&tight, comm, s->f, &scratch);
    assert_true(fabs(s->f->energy - best->energy) < 1e-7);
    assert_true(largest_difference(s->f, best) < 2e-5);
    struct dft_options equal = options(true, 1e-15); // what a history asks for
    AL_OWN(al_frame) same = from_scratch(&equal, comm, s->f, &scratch);
    long warm = dft_potential_report(p)->applies;
    if (!((double)warm < 0.8 * (double)scratch.applies)) fail_msg("%ld H|psi> for %ld from scratch; %s; %s", warm, scratch.applies,
       dft_potential_report(p)->detail, scratch.detail);
}

static bool stop_at(void *ctx)
{
    long *n = ctx;
    return (*n)-- == 0;
}

// 12 steps in one go, and stopped at 5: the same bits. Without the saved history: not the same bits, or the test says nothing.
static void test_restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-aimd-XXXXXX", file[AL_PATH];
    assert_non_null(mkdtemp(dir));
    ok(al_path(file, "%s/checkpoint", dir));
    struct al_frame *end[3] = {NULL};
    for (int k = 0; k < 3; k++) { // whole; stopped and resumed; the same without history
        struct md_result r = {0};
        for (int part = k ? 0 : 1; part < 2; part++) {
            OWN_POTENTIAL p = open_dft(true, 1e-10);
            OWN_INTEGRATOR g = NULL;
            AL_OWN(md_state) s = start(600);
            long n = part ? -1 : 5;
            ok(md_nve_open(&g));
            if (k == 2 && part) {
                char history[AL_PATH];
                ok(al_path(history, "%s.5.history.0", file));
                assert_int_equal(unlink(history), 0);
            }
            struct md_run_options o = {.nsteps = 12, .dt = 0.5, .removed_dof = 3, .checkpoint = k ? file : NULL,
                                       .checkpoint_interval = 1e9, .check_stop = stop_at, .stop_ctx = &n};
            assert_int_equal(md_run(&o, s, p, g, &r), part ? AL_ERR_OK : AL_ERR_STOPPED);
            if (part) ok(al_frame_copy(s->f, &end[k]));
        }
        assert_int_equal(r.resumed, k ? 5 : -1);
        assert_true(r.history_lost == (k == 2));
        if (k) unlink(file);
    }
    assert_memory_equal(end[0]->pos, end[1]->pos, 2 * sizeof *end[0]->pos);
    assert_memory_equal(end[0]->forces, end[1]->forces, 2 * sizeof *end[0]->forces);
    assert_true(end[0]->energy == end[1]->energy);
    assert_true(end[0]->energy != end[2]->energy);
    assert_near_energy(end[0]->energy, end[2]->energy, 1e-5);
    for (int k = 0; k < 3; k++)
        al_frame_destroy(&end[k]);
    ok(al_remove_tree(dir));
}

static void momentum(const struct md_state *s, double p[3])
{
    for (int a = 0; a < 3; a++) {
        p[a] = 0;
        for (int i = 0; i < s->f->natoms; i++)
            p[a] += s->mass[i] * s->f->vel[i][a];
    }
}

// Forces sum to zero, so momentum stays zero; velocities turned round lead back to the start.
static void test_momentum_and_reversibility(void **state)
{
    (void)state;
    OWN_POTENTIAL p = open_dft(true, 1e-13);
    OWN_INTEGRATOR g = NULL;
    AL_OWN(md_state) s = start(600);
    AL_OWN(al_frame) f = NULL;
    double m[3], moved = 0, back = 0;
    ok(al_frame_copy(s->f, &f));
    ok(md_nve_open(&g));
    ok(md_state_eval(s, p));
    steps(g, s, p, 1.0, 12);
    momentum(s, m);
    for (int i = 0; i < 6; i++)
        moved = fmax(moved, fabs(s->f->pos[i / 3][i % 3] - f->pos[i / 3][i % 3]));
    for (int a = 0; a < 3; a++)
        assert_true(fabs(m[a]) < 1e-12); // amu Ang/fs; each atom has 0.05
    for (int i = 0; i < 6; i++)
        s->f->vel[i / 3][i % 3] *= -1;
    steps(g, s, p, 1.0, 12);
    for (int i = 0; i < 6; i++)
        back = fmax(back, fabs(s->f->pos[i / 3][i % 3] - f->pos[i / 3][i % 3]));
    assert_true(moved > 0.03);
    if (!(back < 1e-6 * moved)) fail_msg("moved by %.2e Ang, missed the start by %.2e", moved, back);
}

static double energy_error(double dt)
{
    OWN_POTENTIAL p = open_dft(true, 1e-13);
    OWN_INTEGRATOR g = NULL;
    AL_OWN(md_state) s = start(300);
    double first, square = 0;
    int n = (int)(16 / dt);
    ok(md_nve_open(&g));
    ok(md_state_eval(s, p));
    first = g->ops->conserved(g, s);
    for (int i = 0; i < n; i++) {
        ok(g->ops->step(g, s, p, dt));
        double d = g->ops->conserved(g, s) - first;
        square += d * d / n;
    }
    return sqrt(square);
}

// Velocity Verlet: half the step, a quarter of the error.
static void test_second_order(void **state)
{
    (void)state;
    double ratio = energy_error(1.0) / energy_error(0.5);
    if (!(ratio > 3.6 && ratio < 4.4)) fail_msg("ratio of energy errors %.3f", ratio);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_labels),
        cmocka_unit_test(test_changing_cell),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_momentum_and_reversibility),
        cmocka_unit_test(test_second_order),
    };
    if (comm_init(&argc, &argv) || comm_world(&comm)) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&comm);
    comm_finalize();
    return rc;
}
