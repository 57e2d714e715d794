// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Diffusion on trajectories whose answer is known.
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
#include "base/rng.h"
#include "base/units.h"
#include "transport/plots.h"
#include "transport/tr_impl.h"
#include "walks.h"

#define assert_near(a, b, tol)                                                                               \
    do {                                                                                                     \
        double a_ = (a), b_ = (b), tol_ = (tol);                                                             \
        if (!(fabs(a_ - b_) <= tol_)) fail_msg("%.17g != %.17g (tolerance %g)", a_, b_, tol_);               \
    } while (0)

static char dir[64];

static void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

// What the walkers (Li) and the framework (S, P) do.
struct crystal {
    int nli, nframes;
    double step[3];  // Ang, standard deviation of a step by axis
    double speed;    // Ang/frame, ballistic part, direction by ion
    double cage;     // Ang, vibration that leads nowhere
    double drift[3]; // Ang/frame of everything
    double wobble;   // Ang, random walk step of the whole crystal
};

static struct al_frames *make(const struct crystal *w, uint64_t seed)
{
    struct al_frames *fs = NULL;
    struct al_rng r;
    al_rng_stream(&r, seed, "walk", 0, 0, 0);
    ok(al_frames_create(&fs));
    int n = w->nli + 4;
    AL_AUTOFREE double(*x)[3] = NULL, (*v)[3] = NULL;
    double shift[3] = {0};
    ok(al_alloc((size_t)n, sizeof *x, &x));
    ok(al_alloc((size_t)n, sizeof *v, &v));
    for (int i = 0; i < w->nli; i++)
        for (int k = 0; k < 3; k++)
            v[i][k] = w->speed * al_rng_normal(&r);
    for (int t = 0; t < w->nframes; t++) {
        struct al_frame *f = NULL;
        ok(al_frame_create(n, &f));
        for (int k = 0; k < 3; k++) {
            f->cell[k][k] = 10.0;
            shift[k] += w->drift[k] + w->wobble * al_rng_normal(&r);
        }
        for (int i = 0; i < n; i++) {
            f->z[i] = i < w->nli ? 3 : i % 2 ? 16 : 15;
            for (int k = 0; k < 3; k++) {
                if (i < w->nli && t > 0) x[i][k] += w->step[k] * al_rng_normal(&r) + v[i][k];
                f->pos[i][k] = i + x[i][k] + shift[k];
                if (i < w->nli && w->cage > 0.0) f->pos[i][k] += w->cage * al_rng_normal(&r);
            }
        }
        ok(al_frames_push(fs, &f));
    }
    return fs;
}

static struct tr_diffusion *analyse(const struct al_frames *fs, double dt)
{
    AL_OWN(tr_traj) t = NULL;
    struct tr_options o = {.mobile_z = 3};
    struct tr_diffusion *d = NULL;
    ok(tr_traj_of_frames(fs, dt, &t));
    ok(tr_diffusion_create((const struct tr_traj *const[]){t}, 1, &o, &d));
    return d;
}

static const struct crystal isotropic = {.nli = 16, .nframes = 1000, .step = {0.3, 0.3, 0.3}};

static void test_anisotropic(void **state)
{
    (void)state;
    struct crystal w = {.nli = 40, .nframes = 4000, .step = {0.1, 0.2, 0.4}};
    AL_OWN(al_frames) fs = make(&w, 1);
    AL_OWN(tr_diffusion) d = analyse(fs, 10.0);
    for (int k = 0; k < 3; k++) {
        double truth = TR_ANG2_FS_CM2_S * w.step[k] * w.step[k] / 20.0;
        assert_true(d->d_axis_error[k] > 0 && d->d_axis_error[k] < 0.15 * truth);
        assert_near(d->d_axis[k], truth, 2.7 * d->d_axis_error[k]); // t of 39 degrees of freedom, p = 0.01
    }
    assert_near(d->d, (d->d_axis[0] + d->d_axis[1] + d->d_axis[2]) / 3, 1e-12 * d->d);
    assert_int_equal(d->nions, 40);
    assert_int_equal(d->nframework, 4);
    assert_int_equal(d->msd->n, 2000);
    for (int l = 0; l < d->msd->n; l++)
        assert_near(d->msd->total[l], d->msd->axis[l][0] + d->msd->axis[l][1] + d->msd->axis[l][2], 1e-12 * 1e4);
}

static void without(int z, bool framework[AL_ZMAX + 1])
{
    for (int k = 1; k <= AL_ZMAX; k++)
        framework[k] = k != z;
    framework[0] = false;
}

static struct tr_traj *traj(const struct al_frames *fs, double dt)
{
    struct tr_traj *t = NULL;
    ok(tr_traj_of_frames(fs, dt, &t));
    return t;
}

// Drift and random motion of the whole crystal leave no trace: exact to rounding.
static void test_framework_motion_removed(void **state)
{
    (void)state;
    struct crystal still = {.nli = 8, .nframes = 300, .step = {0.2, 0.2, 0.2}};
    AL_OWN(al_frames) a = make(&still, 2);
    AL_OWN(al_frames) b = make(&still, 2);
    struct al_rng r;
    al_rng_seed(&r, 1, 1);
    double shift[3] = {0};
    for (int t = 0; t < b->n; t++)
        for (int k = 0; k < 3; k++) {
            shift[k] += 0.3 * (k - 1) + 0.5 * al_rng_normal(&r);
            for (int i = 0; i < b->f[t]->natoms; i++)
                b->f[t]->pos[i][k] += shift[k];
        }
    assert_true(fabs(shift[0]) > 10.0);
    AL_OWN(tr_diffusion) da = analyse(a, 20.0);
    AL_OWN(tr_diffusion) db = analyse(b, 20.0);
    assert_true(da->d > 0.0);
    assert_near(db->d, da->d, 1e-9 * da->d);
    assert_near(db->d_error, da->d_error, 1e-9 * da->d);
    // Relative to phosphorus alone it is the same here; without a framework nothing is subtracted and the drift shows.
    AL_OWN(tr_traj) t = traj(b, 20.0);
    bool framework[AL_ZMAX + 1] = {[15] = true};
    long lag[] = {10};
    double one[3], two[3];
    ok(tr_msd_direct(t, 3, framework, lag, 1, &one));
    assert_near(one[0] + one[1] + one[2], da->msd->total[9], 1e-9);
    framework[15] = false;
    ok(tr_msd_direct(t, 3, framework, lag, 1, &two));
    assert_true(two[0] + two[2] > 3 * (one[0] + one[2]));
}

// The centre of mass is weighted: a heavy atom that moves drags it by its share of mass.
static void test_mass_weight(void **state)
{
    (void)state;
    struct crystal w = {.nli = 1, .nframes = 3};
    AL_OWN(al_frames) fs = make(&w, 3); // Li, S P S P
    fs->f[1]->pos[1][0] += 1.0;         // one S at frame 1
    double m = 2 * (al_element_mass(15) + al_element_mass(16)), share = al_element_mass(fs->f[0]->z[1]) / m;
    AL_OWN(tr_traj) t = traj(fs, 1.0);
    bool framework[AL_ZMAX + 1];
    without(3, framework);
    long lag[] = {1, 2};
    double axis[2][3];
    ok(tr_msd_direct(t, 3, framework, lag, 2, axis));
    assert_near(axis[0][0], share * share, 1e-14); // there and back: (share^2 + share^2)/2
    assert_near(axis[1][0], 0.0, 1e-14);
    assert_near(axis[0][1], 0.0, 1e-14);
}

static void test_msd_by_hand(void **state)
{
    (void)state;
    struct crystal w = {.nli = 3, .nframes = 37, .step = {0.5, 0.1, 0.2}, .cage = 0.3};
    AL_OWN(al_frames) fs = make(&w, 4);
    AL_OWN(tr_traj) t = traj(fs, 1.0);
    bool framework[AL_ZMAX + 1];
    without(3, framework);
    long lag[] = {1, 2, 5, 17, 36};
    double axis[5][3];
    ok(tr_msd_direct(t, 3, framework, lag, 5, axis));
    for (int l = 0; l < 5; l++)
        for (int k = 0; k < 3; k++) { // the framework stands still
            double sum = 0.0;
            for (long f = 0; f + lag[l] < 37; f++)
                for (int i = 0; i < 3; i++) {
                    double d = fs->f[f + lag[l]]->pos[i][k] - fs->f[f]->pos[i][k];
                    sum += d * d / (3.0 * (double)(37 - lag[l]));
                }
            assert_near(axis[l][k], sum, 1e-12);
        }
    long bad[] = {37};
    assert_int_equal(tr_msd_direct(t, 3, framework, bad, 1, axis), AL_ERR_INPUT);
    assert_int_equal(tr_msd_direct(t, 11, framework, lag, 1, axis), AL_ERR_INPUT);
}

// The FFT against its plain twin at every lag, long drifts included; lengths that are and are not products of small primes.
static void test_msd_fft(void **state)
{
    (void)state;
    static const int frames[] = {2, 37, 257, 1000, 3001};
    for (size_t c = 0; c < sizeof frames / sizeof frames[0]; c++) {
        struct crystal w = {.nli = 5, .nframes = frames[c], .step = {0.5, 0.1, 0.2}, .cage = 0.3, .speed = 0.02};
        AL_OWN(al_frames) fs = make(&w, 14);
        AL_OWN(tr_traj) t = traj(fs, 1.0);
        bool framework[AL_ZMAX + 1];
        AL_AUTOFREE double(*fft)[3] = NULL, (*direct)[3] = NULL;
        AL_AUTOFREE long *lag = NULL;
        double largest = 0;
        without(3, framework);
        ok(al_alloc((size_t)t->n, sizeof *fft, &fft));
        ok(al_alloc((size_t)t->n, sizeof *direct, &direct));
        ok(al_alloc((size_t)t->n, sizeof *lag, &lag));
        for (long l = 0; l < t->n; l++)
            lag[l] = l;
        ok(tr_msd_fft(t, 3, framework, fft));
        ok(tr_msd_direct(t, 3, framework, lag, (int)t->n, direct));
        for (long l = 0; l < t->n; l++)
            for (int k = 0; k < 3; k++) {
                assert_near(fft[l][k], direct[l][k], 1e-10 * fmax(1, direct[l][k]));
                largest = fmax(largest, direct[l][k]);
            }
        assert_true(largest > 0.01);
    }
}

static void test_not_diffusive(void **state)
{
    (void)state;
    struct crystal cage = {.nli = 16, .nframes = 800, .cage = 0.25};
    AL_OWN(al_frames) a = make(&cage, 5);
    AL_OWN(tr_diffusion) d = analyse(a, 50.0);
    assert_false(d->diffusive);
    assert_non_null(strstr(d->regime, "no diffusion seen: D < "));
    assert_near(d->d, 0.0, 4 * d->d_error);
    // no jump in 16 ions x 40 ps: fewer than 3 in that time
    assert_true(d->d_limit >= TR_ANG2_FS_CM2_S * 3 * 9.0 / (6 * 16 * 800 * 50.0));
    assert_true(d->d_limit >= d->d_high && d->d_limit < 1e-6);
    assert_near(d->offset, 6 * 0.25 * 0.25, 0.02);
    assert_true(fabs(d->slope) < 0.05);

    struct crystal fly = {.nli = 16, .nframes = 800, .speed = 0.02};
    AL_OWN(al_frames) b = make(&fly, 6);
    AL_OWN(tr_diffusion) e = analyse(b, 50.0);
    assert_false(e->diffusive);
    assert_near(e->slope, 2.0, 1e-6);
    assert_true(isnan(e->d_limit));
    assert_non_null(strstr(e->regime, "faster than t"));

    struct crystal frozen = {.nli = 8, .nframes = 200};
    AL_OWN(al_frames) c = make(&frozen, 7);
    AL_OWN(tr_diffusion) g = analyse(c, 50.0);
    assert_false(g->diffusive);
    assert_true(g->d == 0.0 && g->slope == 0.0);
    assert_near(g->d_limit, TR_ANG2_FS_CM2_S * 3 * 9.0 / (6 * 8 * 200 * 50.0), 1e-20);
}

// One jump in the middle of a run: the MSD of all origins is a straight line through zero, and means nothing.
static void test_one_jump(void **state)
{
    (void)state;
    struct crystal w = {.nli = 24, .nframes = 1000};
    AL_OWN(al_frames) fs = make(&w, 15);
    for (int t = 500; t < 1000; t++)
        fs->f[t]->pos[3][1] += 3.0;
    AL_OWN(tr_diffusion) d = analyse(fs, 50.0);
    assert_near(d->slope, 1.0, 0.25);
    assert_false(d->diffusive);
    assert_non_null(strstr(d->regime, "too few events"));
    assert_true(d->d_limit > TR_ANG2_FS_CM2_S * 9.0 / (6 * 24 * 1000 * 50.0));
}

// Cage and slow jumps: the offset does not spoil D once the jumps win.
static void test_cage_and_walk(void **state)
{
    (void)state;
    struct crystal w = {.nli = 48, .nframes = 4000, .step = {0.12, 0.12, 0.12}, .cage = 0.3};
    AL_OWN(al_frames) fs = make(&w, 8);
    AL_OWN(tr_diffusion) d = analyse(fs, 50.0);
    double truth = TR_ANG2_FS_CM2_S * 0.12 * 0.12 / 100.0;
    assert_true(d->diffusive);
    assert_true(d->fit_from > 100);
    assert_near(d->d, truth, 2.7 * d->d_error);
    assert_true(d->d_error < 0.1 * truth);
    assert_near(d->offset, 6 * 0.09, 0.2);
}

// Ions that move in rigid groups of 6: the single ions' scatter is too small by sqrt 6, which the time blocks show.
static void test_ions_move_together(void **state)
{
    (void)state;
    enum { TRIALS = 20 };
    int seen = 0, covered = 0;
    double truth = TR_ANG2_FS_CM2_S * 0.3 * 0.3 / 100.0, ratio = 0;
    for (int s = 0; s < TRIALS; s++) {
        struct crystal w = {.nli = 48, .nframes = 3000, .step = {0.3, 0.3, 0.3}};
        AL_OWN(al_frames) fs = make(&w, 40 + (uint64_t)s);
        for (int t = 0; t < fs->n; t++)
            for (int i = 0; i < 48; i++)
                for (int k = 0; k < 3; k++)
                    if (i % 6) fs->f[t]->pos[i][k] = fs->f[t]->pos[i - i % 6][k] + i % 6;
        AL_OWN(tr_diffusion) d = analyse(fs, 50.0);
        seen += d->blocks_used;
        ratio += d->correlation / TRIALS;
        covered += d->d_low <= truth && truth <= d->d_high;
    }
    print_message("rigid groups of 6: variance of blocks over ions %.1f, seen in %d of %d, covered %d\n", ratio, seen, TRIALS, covered);
    assert_true(ratio > 3 && ratio < 10);
    assert_true(seen >= 14);
    assert_true(covered >= 15);
}

static void test_replicas(void **state)
{
    (void)state;
    struct tr_traj *t[3] = {NULL};
    for (int r = 0; r < 3; r++) {
        AL_OWN(al_frames) fs = make(&isotropic, 20 + (uint64_t)r);
        t[r] = traj(fs, 50.0);
    }
    struct tr_options o = {.mobile_z = 3};
    AL_OWN(tr_diffusion) one = NULL;
    AL_OWN(tr_diffusion) three = NULL;
    ok(tr_diffusion_create((const struct tr_traj *const *)t, 1, &o, &one));
    ok(tr_diffusion_create((const struct tr_traj *const *)t, 3, &o, &three));
    double mean = 0, (*axis)[3] = NULL;
    bool framework[AL_ZMAX + 1];
    without(3, framework);
    ok(al_alloc((size_t)t[0]->n, sizeof *axis, &axis));
    for (int r = 0; r < 3; r++) {
        ok(tr_msd_fft(t[r], 3, framework, axis));
        mean += (axis[50][0] + axis[50][1] + axis[50][2]) / 3;
        tr_traj_destroy(&t[r]);
    }
    al_free(axis);
    assert_near(three->msd->total[49], mean, 1e-12 * mean); // equal lengths: the mean curve
    assert_int_equal(three->nruns, 3);
    assert_int_equal((int)three->dof + 1, 48);
    assert_true(log(three->d_high / three->d_low) < log(one->d_high / one->d_low));
    double truth = TR_ANG2_FS_CM2_S * 0.09 / 100.0;
    assert_near(three->d, truth, 2.7 * three->d_error);
}

static void test_refused(void **state)
{
    (void)state;
    struct crystal w = {.nli = 8, .nframes = 99, .step = {0.1, 0.1, 0.1}};
    AL_OWN(al_frames) fs = make(&w, 9);
    AL_OWN(tr_traj) a = traj(fs, 50.0);
    AL_OWN(tr_traj) b = traj(fs, 60.0);
    const struct tr_traj *run[] = {a, b};
    struct tr_options o = {.mobile_z = 3};
    struct tr_diffusion *d = NULL;
    assert_int_equal(tr_diffusion_create(run, 2, &o, &d), AL_ERR_INPUT); // other interval
    a->n = TR_MIN_FRAMES - 1;
    assert_int_equal(tr_diffusion_create(run, 1, &o, &d), AL_ERR_INPUT); // too few
    for (long i = a->n; i < 99; i++)
        al_free(a->x[i]);
    fs->f[0]->natoms = 1;
    for (int i = 1; i < fs->n; i++)
        fs->f[i]->natoms = 1;
    AL_OWN(tr_traj) one = traj(fs, 50.0);
    for (int i = 0; i < fs->n; i++)
        fs->f[i]->natoms = 12;
    assert_int_equal(tr_diffusion_create((const struct tr_traj *const[]){one}, 1, &o, &d), AL_ERR_INPUT); // one ion
    o.mobile_z = 11;
    assert_int_equal(tr_diffusion_create(run + 1, 1, &o, &d), AL_ERR_INPUT); // no sodium
    o = (struct tr_options){.mobile_z = 3, .max_lag = 0.7};
    assert_int_equal(tr_diffusion_create(run + 1, 1, &o, &d), AL_ERR_INPUT);
    assert_null(d);
    struct tr_traj *c = NULL;
    fs->f[7]->pos[2][1] = NAN;
    assert_int_equal(tr_traj_of_frames(fs, 1, &c), AL_ERR_CORRUPT);
    fs->f[7]->pos[2][1] = 0;
    fs->f[7]->z[2] = 11;
    assert_int_equal(tr_traj_of_frames(fs, 1, &c), AL_ERR_INPUT);
    assert_null(c);
}

static void test_unwrap(void **state)
{
    (void)state;
    struct crystal w = {.nli = 6, .nframes = 200, .step = {0.5, 0.5, 0.5}, .drift = {0.1, 0, -0.2}};
    AL_OWN(al_frames) a = make(&w, 10);
    AL_OWN(al_frames) b = make(&w, 10);
    double moved = 0.0;
    for (int t = 0; t < b->n; t++) {
        b->f[t]->pbc = true;
        for (int i = 0; i < b->f[t]->natoms; i++)
            for (int k = 0; k < 3; k++)
                b->f[t]->pos[i][k] -= 10.0 * floor(b->f[t]->pos[i][k] / 10.0);
    }
    AL_OWN(tr_traj) u = traj(b, 1.0);
    for (int t = 0; t < b->n; t++)
        for (int i = 0; i < u->natoms; i++)
            for (int k = 0; k < 3; k++) {
                double d = a->f[t]->pos[i][k] - u->x[t][i][k], d0 = a->f[0]->pos[i][k] - u->x[0][i][k];
                assert_near(d, d0, 1e-9);
                moved = fmax(moved, fabs(u->x[t][i][k] - u->x[0][i][k]));
            }
    assert_true(moved > 12.0);
    assert_true(u->largest > 0.1 && u->largest < 0.5);
    assert_near(u->volume, 1000, 1e-9);
}

// A cell that breathes and shears: wrapped positions of a walk in fractional coordinates come back as the walk in the mean cell, and
// atoms that rest in a crystal rest, however often they cross the boundary.
static void test_unwrap_variable_cell(void **state)
{
    (void)state;
    struct crystal w = {.nli = 6, .nframes = 400, .step = {0.4, 0.4, 0.4}, .drift = {0.15, 0, 0}};
    AL_OWN(al_frames) a = make(&w, 11);
    AL_OWN(al_frames) b = make(&w, 11);
    struct al_rng r;
    al_rng_seed(&r, 3, 3);
    for (int t = 0; t < b->n; t++) {
        struct al_frame *f = b->f[t];
        f->pbc = true;
        f->cell[0][0] = 10 + 0.3 * al_rng_normal(&r);
        f->cell[1][0] = 0.5 * al_rng_normal(&r);
        f->cell[2][1] = 0.5 * al_rng_normal(&r);
        for (int i = 0; i < f->natoms; i++) {
            double u[3];
            for (int k = 0; k < 3; k++) {
                u[k] = f->pos[i][k] / 10;
                u[k] -= floor(u[k]);
            }
            for (int c = 0; c < 3; c++)
                f->pos[i][c] = u[0] * f->cell[0][c] + u[1] * f->cell[1][c] + u[2] * f->cell[2][c];
        }
    }
    AL_OWN(tr_traj) v = traj(b, 1.0);
    assert_true(v->variable);
    for (int t = 0; t < b->n; t++)
        for (int i = 0; i < v->natoms; i++)
            for (int c = 0; c < 3; c++) {
                double want = 0;
                for (int k = 0; k < 3; k++)
                    want += (a->f[t]->pos[i][k] - a->f[0]->pos[i][k]) / 10 * v->cell[k][c];
                assert_near(v->x[t][i][c] - v->x[0][i][c], want, 1e-8);
            }
    bool framework[AL_ZMAX + 1] = {false};
    without(3, framework);
    double axis[1][3];
    long lag[] = {100};
    ok(tr_msd_direct(v, 15, framework, lag, 1, axis)); // at rest relative to each other
    assert_near(axis[0][0] + axis[0][1] + axis[0][2], 0, 1e-12);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *c = text; (c = strstr(c, what)); c += strlen(what))
        n++;
    return n;
}

static void test_files(void **state)
{
    (void)state;
    struct crystal cage = {.nli = 16, .nframes = 1000, .cage = 0.25};
    AL_OWN(al_frames) a = make(&isotropic, 30);
    AL_OWN(al_frames) b = make(&cage, 31);
    AL_OWN(tr_diffusion) da = analyse(a, 50.0);
    AL_OWN(tr_diffusion) db = analyse(b, 50.0);
    struct tr_labelled runs[] = {{"Li3PS4 900 K", da}, {"Li3PS4 300 K", db}};
    char path[128];
    for (int loglog = 0; loglog < 2; loglog++) {
        AL_AUTOFREE char *text = NULL;
        snprintf(path, sizeof path, "%s/msd%d.svg", dir, loglog);
        ok(tr_plot_msd(path, "MSD of Li", "demonstration settings", loglog, 2, runs));
        ok(al_file_read(path, 0, &text, NULL));
        assert_non_null(strstr(text, "Li3PS4 900 K: D = ("));
        assert_non_null(strstr(text, "Li3PS4 300 K: no diffusion seen"));
        assert_int_equal(count(text, "stroke-dasharray"), 1); // one fit
        assert_null(strstr(text, "nan"));
        assert_non_null(strstr(text, "</svg>"));
    }
    double t[] = {600, 700, 800, 900, 1000}, d[] = {1e-6, 3e-6, 8e-6, 2e-5, 9e-5}, e[] = {2e-7, 4e-7, 1e-6, 2e-6, 2e-6};
    enum tr_mark mark[] = {TR_MARK_LIMIT, TR_MARK_FITTED, TR_MARK_FITTED, TR_MARK_FITTED, TR_MARK_MOLTEN};
    struct tr_arrhenius fit;
    ok(tr_arrhenius_fit(3, t + 1, d + 1, e + 1, &fit));
    struct tr_arrhenius_series s = {
        .label = "Li3PS4", .n = 5, .temperature = t, .d = d, .d_error = e, .mark = mark, .fit = &fit};
    AL_AUTOFREE char *text = NULL;
    snprintf(path, sizeof path, "%s/arrhenius.svg", dir);
    ok(tr_plot_arrhenius(path, "Arrhenius", NULL, 1, &s));
    ok(al_file_read(path, 0, &text, NULL));
    assert_non_null(strstr(text, "Li3PS4: Ea = "));
    assert_int_equal(count(text, "<circle"), 4 + 2); // and one each in the legend
    assert_int_equal(count(text, "height=\"6.4\""), 1 + 1);
    assert_non_null(strstr(text, "molten: not in the fit"));
    AL_AUTOFREE char *csv = NULL;
    snprintf(path, sizeof path, "%s/msd.csv", dir);
    ok(tr_msd_write_csv(path, da));
    ok(al_file_read(path, 0, &csv, NULL));
    assert_int_equal(count(csv, "\n"), da->msd->n + 1);
    char yaml[4096] = "";
    FILE *out = fmemopen(yaml, sizeof yaml, "w");
    tr_diffusion_write_yaml(out, 1, da);
    fclose(out);
    assert_non_null(strstr(yaml, "  loglog_slope: "));
    assert_non_null(strstr(yaml, "  mobile_ions: 16\n"));
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/alnd-test-tr-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msd_by_hand),
        cmocka_unit_test(test_mass_weight),
        cmocka_unit_test(test_framework_motion_removed),
        cmocka_unit_test(test_msd_fft),
        cmocka_unit_test(test_anisotropic),
        cmocka_unit_test(test_one_jump),
        cmocka_unit_test(test_ions_move_together),
        cmocka_unit_test(test_unwrap_variable_cell),
        cmocka_unit_test(test_not_diffusive),
        cmocka_unit_test(test_cage_and_walk),
        cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unwrap),
        cmocka_unit_test(test_files),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (getenv("ALND_TEST_KEEP")) {
        print_message("files kept in %s\n", dir);
        return failed;
    }
    enum al_err e = al_remove_tree(dir);
    return failed || e;
}
