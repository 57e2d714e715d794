// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verbs that judge, on run directories made here: evaluate, the certificate, analyze.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "committee/committee.h"
#include "verbs.h"

// n held-out frames whose labels are the model's own numbers, off by `force` (eV/Ang, each component) and `energy` (eV/atom).
static void held_out_frames(struct al_frames *fs, struct committee *c, int n, const char *system, const char *kelvin, double force, double energy)
{
    for (int i = 0; i < n; i++) {
        AL_OWN(al_frame) f = NULL;
        struct deviation d = {0};
        assert_int_equal(al_structure_read("inputs/LPS.extxyz", &f), AL_ERR_OK);
        f->pos[0][0] += 0.01 * i;
        f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES;
        assert_int_equal(committee_eval(c, f, &d, NULL), AL_ERR_OK);
        const struct pot_result *m = committee_member(c, 0);
        f->energy = m->energy + energy * f->natoms;
        for (int a = 0; a < 3 * f->natoms; a++)
            f->forces[a / 3][a % 3] = m->forces[a / 3][a % 3] + force;
        assert_int_equal(al_frame_info_set(f, "system", system), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "temperature", kelvin), AL_ERR_OK);
        assert_int_equal(al_frames_push(fs, &f), AL_ERR_OK);
    }
}

// first.dp, of random numbers, as a committee of one.
static void open_first(struct committee **ret)
{
    const char *const model[] = {"first.dp"};
    random_model(model[0], 3);
    assert_int_equal(committee_open(model, 1, DP_WAY_DOUBLE, ret), AL_ERR_OK);
}

// Whether the limits are met with these lines of `converge`, after a selection with one candidate in ten.
static bool judged_below(const char *loop, const char *converge)
{
    AL_AUTOFREE char *text = NULL;
    assert_int_equal(al_mkdirs("iterations/000/select"), AL_ERR_OK);
    write_text("iterations/000/select/result.yaml", "facts: {accurate: 9, candidate: 1, failed: 0, candidate_fraction: 0.1}\n");
    write_text("iterations/000/select/selection.yaml", "windows: []\n");
    assert_true(asprintf(&text, "%sconverge: {force_rmse: 0.07 eV/Ang, energy_rmse: 2 meV/atom, candidate_fraction: 1, %s}\n", loop, converge) > 0);
    write_text("loop.yaml", text);
    AL_OWN(task) t = open_task("iterations/000/evaluate", "evaluate", "iteration: 0\ninputs:\n  models: [first.dp]\n  select: iterations/000/select\n");
    if (verb_evaluate(t)) fail_msg("%s", al_err_message());
    write_text("loop.yaml", loop);
    return fact(t, "below")[0] == '1';
}

// 12 frames of LPS 0.01 eV/Ang and 1 meV/atom off, one of LPSO 0.08 off, all at 300 K; one at 600 K 0.5 eV/Ang and 50 meV/atom off.
static void evaluate_judges_what_it_is_asked_to(void **state)
{
    (void)state;
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(committee) c = NULL;
    AL_AUTOFREE char *loop = NULL;
    AL_AUTOFREE char *errors = NULL;
    open_first(&c);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    held_out_frames(fs, c, 12, "LPS", "300", 0.01, 0.001);
    held_out_frames(fs, c, 1, "LPSO", "300", 0.08, 0.001);
    held_out_frames(fs, c, 1, "LPS", "600", 0.5, 0.05);
    assert_int_equal(al_mkdirs("iterations/000/gather"), AL_ERR_OK);
    assert_int_equal(al_xyz_write("iterations/000/gather/test.extxyz", fs), AL_ERR_OK);
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    assert_false(judged_below(loop, "patience: 1"));
    assert_false(judged_below(loop, "up_to: 300 K, each_system: true"));
    assert_true(judged_below(loop, "up_to: 300 K"));
    assert_int_equal(al_file_read("iterations/000/errors.yaml", 0, &errors, NULL), AL_ERR_OK);
    has(row_of(errors, "{set: test, group: all"), "frames: 14, energy_rmse: 0.013"); // sqrt((13 0.001^2 + 0.05^2)/14)
    has(row_of(errors, "{set: judged, group: all"), "frames: 13, energy_rmse: 0.001,"); // force: sqrt((12 0.01^2 + 0.08^2)/13)
    has(row_of(errors, "{set: judged, group: all"), "force_rmse: 0.0241"); // the test frames' would be 0.136
    has(row_of(errors, "temperature_limit"), ": 300");
    assert_null(strstr(errors, "train_left_out"));
}

// What training leaves out for its forces is none of training's errors.
static void evaluate_leaves_out_what_training_does(void **state)
{
    (void)state;
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(committee) c = NULL;
    AL_AUTOFREE char *loop = NULL;
    AL_AUTOFREE char *text = NULL;
    AL_AUTOFREE char *errors = NULL;
    open_first(&c);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    held_out_frames(fs, c, 3, "LPS", "300", 0.01, 0.001);
    held_out_frames(fs, c, 1, "LPS", "300", 20, 1);
    assert_int_equal(al_mkdirs("initial/gather"), AL_ERR_OK);
    assert_int_equal(al_xyz_write("initial/gather/train.extxyz", fs), AL_ERR_OK);
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    char *at = strstr(loop, "validation: 25 %");
    assert_non_null(at);
    assert_true(asprintf(&text, "%.*smax_force: 15 eV/Ang, %s", (int)(at - loop), loop, at) > 0);
    judged_below(text, "patience: 1");
    write_text("loop.yaml", loop);
    assert_int_equal(al_remove_tree("initial/gather"), AL_ERR_OK);
    assert_int_equal(al_file_read("iterations/000/errors.yaml", 0, &errors, NULL), AL_ERR_OK);
    has(row_of(errors, "{set: train, group: all"), "frames: 3, energy_rmse: 0.001,");
    has(row_of(errors, "train_left_out"), "{frames: 1, max_force: 15}");
}

static const char certified[] =
    "iteration: 0\ntable:\n"
    "  - {set: train, group: all, label: all, frames: 9, force_rmse: 0.01}\n"
    "  - {set: test, group: all, label: all, frames: 9, energy_rmse: 0.00123, force_rmse: 0.0456, force_rmse_low: 0.04, force_rmse_high: 0.05}\n"
    "  - {set: new, group: all, label: all, frames: 3, force_rmse: 0.0789}\n"
    "selection: {accurate: 7, candidate: 2, failed: 1, broken: 1, duplicates: 0, candidate_fraction: 0.3}\n"
    "converge: {force_rmse: 0.0456, force_limit: 0.07, below: 1}\n";

// Figures are copied or follow by hand from calibration.csv: 8 test frames of LPS with 64 atoms (its cell), error 0.2 at deviation
// 0.1, energies +1 and -1 meV/atom in turn; one with 128 atoms; two of LPSO, 3 and 5 meV/atom.
static void certificate_has_no_numbers_of_its_own(void **state)
{
    (void)state;
    char pairs[2048] = "# force_rmse wanted / eV/Ang: 0.1\n"
                       "frame_id,set,system,temperature_K,atoms,deviation_eV_per_Ang,max_force_error_eV_per_Ang,"
                       "force_rmse_eV_per_Ang,max_force_eV_per_Ang,energy_error_eV_per_atom\n";
    for (int i = 0; i < 8; i++)
        add(pairs, sizeof pairs, i % 2 ? "x,test,LPS,300,64,0.1,0.2,0.05,2,-0.001\n" : "x,test,LPS,300,64,0.1,0.2,0.05,2,0.001\n");
    add(pairs, sizeof pairs, "y,test,LPS,300,128,0.1,0.5,0.08,2,0\n"
                             "z,test,LPSO,300,32,0.1,0.2,0.05,2,0.003\nz,test,LPSO,300,32,0.1,0.2,0.05,2,0.005\n");
    assert_int_equal(al_mkdirs("iterations/000/evaluate"), AL_ERR_OK);
    assert_int_equal(al_mkdirs("models"), AL_ERR_OK);
    assert_int_equal(al_mkdirs("transport"), AL_ERR_OK);
    write_text("iterations/000/evaluate/calibration.csv", pairs);
    write_text("iterations/000/errors.yaml", certified);
    write_text("models/result.yaml", "facts: {converged: 1}\n");
    write_text("transport/LPS.yaml", "system: LPS\ntemperatures:\n  - {nominal_temperature_k: 600, runs: 2, runs_ended_early: 1, "
                                     "energy_drift_ev_per_atom_ps: 1.5e-07, force_deviation_mean_ev_per_ang: 0.034, extrapolating_fraction: 0.25}\n");
    write_text("transport/LPSO.yaml", "system: LPSO\ntemperatures: []\narrhenius: \"not determined\"\n");
    AL_AUTOFREE char *c = NULL;
    AL_OWN(task) cell = open_task("initial/LPS", "init", "system: LPS\ninputs:\n  structure: inputs/LPS.extxyz\n");
    AL_OWN(task) doped = open_task("initial/LPSO", "init", "system: LPSO\ninputs:\n  structure: inputs/LPSO.extxyz\n");
    assert_int_equal(verb_init(cell), AL_ERR_OK);
    assert_int_equal(verb_init(doped), AL_ERR_OK);
    AL_OWN(task) t = open_task("report", "report", "iteration: -1\ninputs:\n  errors: [iterations/000/errors.yaml]\n"
                                                   "  transport: [transport/LPS, transport/LPSO]\n");
    assert_int_equal(verb_report(t), AL_ERR_OK);
    assert_int_equal(al_file_read("comparison.yaml", 0, &c, NULL), AL_ERR_OK);
    has(row_of(c, "temperatures:"), "none at which both are seen to diffuse");
    has(row_of(c, "activation_energy:"), "not compared: the activation energy of LPS is not determined");
    al_free(c);
    c = NULL;
    assert_int_equal(al_file_read("certificate.yaml", 0, &c, NULL), AL_ERR_OK);
    has(row_of(c, "converged:"), "converged: true");
    has(row_of(c, "group: all"), "frames: 9, energy_rmse: 0.00123, force_rmse: 0.0456, force_rmse_low: 0.04, force_rmse_high: 0.05}");
    has(row_of(c, "{iteration: 0, frames: 3"), "force_rmse: 0.0789}");
    has(row_of(c, "error_per_deviation"), ": 2");       // 10 of 2, one of 5
    has(row_of(c, "coverage_within_factor_2"), ": 0.909"); // 10 of 11
    has(row_of(c, "{iteration: 0, accurate"), "broken: 1, duplicates: 0, candidate_fraction: 0.3}");
    has(row_of(c, "temperature: 600"), "runs: 2, runs_ended_early: 1, energy_drift_ev_per_atom_ps: 1.5e-07");
    has(row_of(c, "temperature: 600"), "extrapolating_fraction: 0.25}");
    has(row_of(c, "{system: LPSO, frames: 2"), "mean_ev_per_atom: 0.004, standard_error: 0.001}");
    has(row_of(c, "largest_between_systems"), ": 0.004");
    has(row_of(c, "label_noise"), "done: false, reason: converge.label_noise asks for no frame");
    has(row_of(c, "cells: training"), "atoms: 64, frames: 8, force_rmse: 0.05, energy_rmse: 0.001}");
    has(row_of(c, "cells: larger"), "atoms: 128, frames: 1, force_rmse: 0.08, energy_rmse: 0}");
}

// 8 Na walk through 4 S at rest and 4 Li that shake: production.mobile tells whose D it is, production.mobile_charge the conductivity.
static void analyze_follows_the_mobile_element(void **state)
{
    (void)state;
    enum { NA = 8, N = 16, FRAMES = 300 };
    double x[N][3] = {{0}};
    struct al_rng rng;
    al_rng_stream(&rng, 5, "walk", 0, 0, 0);
    assert_int_equal(al_mkdirs("production/LPS-300K-1"), AL_ERR_OK);
    write_text("production/LPS-300K-1/task.yaml", "temperature: 300\n");
    write_text("production/LPS-300K-1/result.yaml", "facts: {ended: all steps done, temperature: 310, temperature_error: 1, deviation_samples: 8, extrapolating: 2}\n");
    FILE *out = fopen("production/LPS-300K-1/traj.extxyz", "w");
    assert_non_null(out);
    for (int f = 0; f < FRAMES; f++) {
        fprintf(out, "%d\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 time=%d pbc=\"T T T\"\n", N, 50 * f);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++) {
                x[i][k] += i < NA ? 0.2 * al_rng_normal(&rng) : 0;
                double shake = i < NA + 4 ? 0 : 0.1 * al_rng_normal(&rng);
                fprintf(out, "%s%.6f%s", k ? " " : i < NA ? "Na " : i < NA + 4 ? "S " : "Li ", x[i][k] + shake + (k == 0 ? i / 4 : k == 1 ? i % 4 : 0) * 2.5, k == 2 ? "\n" : "");
            }
    }
    assert_int_equal(fclose(out), 0);
    AL_OWN(task) t = open_task("transport/LPS", "analyze", "system: LPS\ninputs:\n  produced: [production/LPS-300K-1]\n");
    AL_OWN(al_node) r = NULL;
    if (verb_analyze(t)) fail_msg("%s", al_err_message());
    assert_int_equal(al_yaml_read("transport/LPS.yaml", &r), AL_ERR_OK);
    const struct al_node *p = al_node_get(r, "temperatures")->child;
    assert_string_equal(al_node_str(r, "species", ""), "Na");
    assert_string_equal(al_node_str(r, "framework", ""), "Li, S");
    assert_int_equal(al_node_int(p, "mobile_ions", 0), NA);
    assert_string_equal(al_node_str(p, "extrapolating_fraction", ""), "0.25");
    assert_non_null(strstr(al_node_str(p, "extrapolation", ""), "above the trust window in 25 % of the samples"));
    assert_string_equal(al_node_str(p, "diffusive", ""), "true");
    double d = al_node_double(p, "d_cm2_per_s", 0), q = 2 * 1.602176634e-19;
    assert_true(d > 0.5 * 0.04 / 2 / 50 * 0.1 && d < 2 * 0.04 / 2 / 50 * 0.1); // step^2/(2 t), 1 Ang^2/fs = 0.1 cm^2/s
    double sigma = NA * q * q * d / (1000e-24 * 1.380649e-23 * 310);
    assert_true(fabs(al_node_double(p, "conductivity_nernst_einstein_s_per_cm", 0) / sigma - 1) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(evaluate_judges_what_it_is_asked_to), cmocka_unit_test(evaluate_leaves_out_what_training_does),
                                       cmocka_unit_test(certificate_has_no_numbers_of_its_own), cmocka_unit_test(analyze_follows_the_mobile_element)};
    return cmocka_run_group_tests(tests, make_run, remove_run);
}
