// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The whole engine on made-up soft atoms (synthetic.h): forces and virial against differences of its own
// energy, k-points, determinism, failures. The core correction, several projectors per l and a general
// k-point take part.
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
#include "dft/davidson.h"
#include "synthetic.h"

static struct comm *comm;
static const double general_k[1][3] = {{0.13, -0.21, 0.37}};

static struct dft_options options(void)
{
    struct dft_options o;
    assert_int_equal(synthetic_options(&o), AL_ERR_OK);
    o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 1, .k = general_k};
    return o;
}

static struct al_frame *frame(int n)
{
    struct al_frame *f = NULL;
    assert_int_equal(synthetic_frame(n, &f), AL_ERR_OK);
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

static void keep_tolerance(void *ctx, const struct dft_scf_step *step)
{
    *(double *)ctx = step->diag_tol;
}

// However loose the threshold: the bands that make the label are solved in double precision.
static void the_last_step_is_double(void **state)
{
    (void)state;
    struct dft_options o;
    double last = 1;
    assert_int_equal(synthetic_options(&o), AL_ERR_OK);
    o.scf_tol = 1e-5;
    o.observe = keep_tolerance;
    o.ctx = &last;
    struct al_frame *f = frame(2);
    label(&o, f);
    assert_true(last <= davidson_single_from);
    al_frame_destroy(&f);
}

static double energy_displaced(const struct dft_options *o, int atom, int d, double h)
{
    struct al_frame *f = frame(2);
    f->pos[atom][d] += h;
    label(o, f);
    double e = f->energy;
    al_frame_destroy(&f);
    return e;
}

// Central differences with h = 0.01 Ang leave about h^2 E''' / 6 = 1e-4 eV/Ang of forces of 1 to 10 eV/Ang.
static void forces_are_minus_gradient(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame(2);
    label(&o, f);
    static const int which[3][2] = {{0, 0}, {1, 1}, {3, 2}};
    for (int i = 0; i < 3; i++) {
        int a = which[i][0], d = which[i][1];
        const double h = 0.01;
        double d1 = (energy_displaced(&o, a, d, h) - energy_displaced(&o, a, d, -h)) / (2 * h);
        double d2 = (energy_displaced(&o, a, d, 2 * h) - energy_displaced(&o, a, d, -2 * h)) / (4 * h);
        double fd = -(4 * d1 - d2) / 3; // Richardson: error of fourth order
        assert_true(fabs(fd) > 0.05);
        assert_true(fd != f->forces[a][d]);
        if (fabs(fd - f->forces[a][d]) > 2e-5)
            print_error("atom %d %d: force %.8f, difference %.8f\n", a, d, f->forces[a][d], fd);
        assert_true(fabs(fd - f->forces[a][d]) < 2e-5);
    }
    al_frame_destroy(&f);
}

static double energy_strained(struct dft_options o, int a, int b, double h)
{
    struct al_frame *f = frame(1);
    double cell[3][3];
    memcpy(cell, f->cell, sizeof cell);
    o.sphere_cell = (const double(*)[3])cell;
    for (int i = 0; i < 3; i++)
        f->cell[i][a] += h * cell[i][b];
    for (int i = 0; i < f->natoms; i++)
        f->pos[i][a] += h * f->pos[i][b];
    label(&o, f);
    double e = f->energy;
    al_frame_destroy(&f);
    return e;
}

// At a fixed set of plane waves and FFT grid the analytic strain derivative is exact.
static void virial_is_minus_strain_derivative(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame(1);
    o.fft_grid[0] = o.fft_grid[1] = o.fft_grid[2] = 18;
    label(&o, f);
    static const int which[3][2] = {{0, 0}, {2, 2}, {0, 1}};
    for (int i = 0; i < 3; i++) {
        int a = which[i][0], b = which[i][1];
        const double h = 0.002;
        double d1 = (energy_strained(o, a, b, h) - energy_strained(o, a, b, -h)) / (2 * h);
        double d2 = (energy_strained(o, a, b, 2 * h) - energy_strained(o, a, b, -2 * h)) / (4 * h);
        double fd = -(4 * d1 - d2) / 3;
        assert_true(fabs(fd) > 0.05);
        assert_true(fd != f->virial[a][b]);
        if (fabs(fd - f->virial[a][b]) > 1e-4)
            print_error("%d%d: virial %.8f, difference %.8f\n", a, b, f->virial[a][b], fd);
        assert_true(fabs(fd - f->virial[a][b]) < 1e-4);
    }
    al_frame_destroy(&f);
}

static void same_bits_twice(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame(1), *g = frame(1), *other = frame(2);
    struct labeler *l = NULL;
    struct label_report rep;
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, other, &rep), AL_ERR_OK); // leaves no trace
    assert_int_equal(l->ops->label(l, g, &rep), AL_ERR_OK);
    assert_memory_equal(&f->energy, &g->energy, sizeof f->energy);
    assert_memory_equal(f->forces, g->forces, sizeof *f->forces * (size_t)f->natoms);
    assert_memory_equal(f->virial, g->virial, sizeof f->virial);
    labeler_destroy(&l);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
    al_frame_destroy(&other);
}

// A mesh, its unreduced list, and two cells at the folded k-points are one crystal.
static void meshes_agree(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame(1), *g = frame(1), *sup = NULL;
    double all[8][3];
    for (int i = 0; i < 8; i++)
        for (int d = 0; d < 3; d++)
            all[i][d] = (i >> d) % 2 ? 0.25 : -0.25;
    o.fft_grid[0] = o.fft_grid[1] = o.fft_grid[2] = 18;
    o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_MESH, .mesh = {2, 2, 2}, .shift = {1, 1, 1}};
    assert_int_equal(label(&o, f).nkpt, 4);
    o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 8, .k = (const double(*)[3])all};
    assert_int_equal(label(&o, g).nkpt, 8);
    assert_true(fabs(f->energy - g->energy) < 1e-8);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(f->forces[i / 3][i % 3] - g->forces[i / 3][i % 3]) < 1e-5);
    // k_3 = +-1/4 of one cell is 1/2 of two; the same plane waves, the FFT grid twice as long
    assert_int_equal(al_frame_supercell(g, (int[3]){1, 1, 2}, &sup), AL_ERR_OK);
    o.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_MESH, .mesh = {2, 2, 1}, .shift = {1, 1, 1}};
    o.fft_grid[2] = 36;
    assert_int_equal(label(&o, sup).nkpt, 2);
    assert_true(fabs(sup->energy - 2 * g->energy) < 1e-6);
    for (int a = 0; a < 3; a++)
        assert_true(fabs(sup->virial[a][a] - 2 * g->virial[a][a]) < 1e-4);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
    al_frame_destroy(&sup);
}

static bool stop_at_once(void *ctx)
{
    return *(int *)ctx > 2;
}

static void count_steps(void *ctx, const struct dft_scf_step *s)
{
    *(int *)ctx = s->it;
}

static void failures_are_told(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame(1);
    struct labeler *l = NULL;
    struct label_report rep;
    int steps = 0;
    o.observe = count_steps;
    o.check_stop = stop_at_once;
    o.ctx = &steps;
    f->energy = 17;
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_STOPPED);
    assert_int_equal(steps, 3);
    labeler_destroy(&l);
    o.check_stop = NULL;
    o.max_scf = 2;
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_OK);
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_NOTCONV);
    assert_int_equal(rep.scf_iterations, 10); // two on each of five rungs
    assert_string_equal(rep.rung_name, "fresh");
    assert_true(rep.detail[0] != '\0');
    assert_true(f->energy == 17 && f->have == 0); // untouched
    f->z[0] = 14;
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
    f->z[0] = 12;
    memcpy(f->pos[0], f->pos[1], sizeof f->pos[0]);
    f->pos[0][0] += 0.3;
    assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
    labeler_destroy(&l);
    o.ecut = 0;
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_INPUT);
    o.ecut = 9;
    o.functional = "no_such";
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_INPUT);
    o.functional = "hyb_gga_xc_b3lyp";
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_UNSUPPORTED);
    assert_null(l);
    al_frame_destroy(&f);
}

static void other_functionals_run(void **state)
{
    (void)state;
    static const char *const names[] = {"LDA", "PBEsol", "PBE"};
    struct dft_options o = options();
    double e[3];
    o.scf_tol = 1e-9;
    for (int i = 0; i < 3; i++) {
        struct al_frame *f = frame(1);
        o.functional = names[i];
        label(&o, f);
        e[i] = f->energy;
        al_frame_destroy(&f);
    }
    assert_true(fabs(e[0] - e[1]) > 0.1 && fabs(e[1] - e[2]) > 0.1); // they are three functionals
    assert_true(fabs(e[0] - e[2]) < 0.1 * fabs(e[2]));
}

static void empty_bands_do_not_matter(void **state)
{
    (void)state;
    struct dft_options o = options();
    struct al_frame *f = frame(1), *g = frame(1);
    o.smearing = DFT_SMEARING_NONE;
    o.nextra = 0;
    assert_true(isnan(label(&o, f).gap));
    o.nextra = 5;
    assert_true(label(&o, g).gap > 0.5);
    assert_true(fabs(f->energy - g->energy) < 1e-9);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
}

static void fingerprint_follows_settings(void **state)
{
    (void)state;
    struct dft_options o = options();
    char a[65], b[65];
    struct labeler *l = NULL;
    o.smearing = DFT_SMEARING_NONE;
    assert_int_equal(dft_labeler_fingerprint(&o, a), AL_ERR_OK);
    assert_int_equal(dft_labeler_open(&o, comm, &l), AL_ERR_OK);
    assert_string_equal(a, l->ops->fingerprint(l));
    labeler_destroy(&l);
    static const struct dft_pseudo reversed[] = {{8, NULL}, {12, NULL}};
    o.pseudo = reversed; // order and observers are not physics
    o.observe = count_steps;
    assert_int_equal(dft_labeler_fingerprint(&o, b), AL_ERR_OK);
    assert_string_equal(a, b);
    // nor is the way to the end
    o.mix_beta = 0.3;
    o.mix_history = 20;
    o.nextra = 7;
    o.start = 3;
    o.no_rescue = true;
    o.max_scf = 7;
    o.smearing_width = 0.5; // without smearing
    assert_int_equal(dft_labeler_fingerprint(&o, b), AL_ERR_OK);
    assert_string_equal(a, b);
    struct dft_options other[5] = {o, o, o, o, o};
    other[0].ecut = 9.5;
    other[1].charge = 2;
    other[2].smearing = DFT_SMEARING_COLD;
    other[3].smearing = DFT_SMEARING_FERMI;
    other[4].smearing = DFT_SMEARING_FERMI;
    other[4].smearing_width = 0.01;
    char all[6][65];
    memcpy(all[5], a, sizeof a);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(dft_labeler_fingerprint(&other[i], all[i]), AL_ERR_OK);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(all[i], all[j]);
        assert_string_not_equal(all[i], all[5]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_step_is_double),
        cmocka_unit_test(forces_are_minus_gradient), cmocka_unit_test(virial_is_minus_strain_derivative),
        cmocka_unit_test(same_bits_twice),           cmocka_unit_test(meshes_agree),
        cmocka_unit_test(failures_are_told),         cmocka_unit_test(other_functionals_run),
        cmocka_unit_test(empty_bands_do_not_matter), cmocka_unit_test(fingerprint_follows_settings),
    };
    if (comm_world(&comm) != AL_ERR_OK) return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&comm);
    return rc;
}
