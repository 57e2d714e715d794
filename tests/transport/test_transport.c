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
struct walk {
    int nli, nframes;
    double step[3];  // Ang, standard deviation of a step by axis
    double speed;    // Ang/frame, ballistic part, direction by ion
    double cage;     // Ang, vibration that leads nowhere
    double drift[3]; // Ang/frame of everything
    double wobble;   // Ang, random walk step of the whole crystal
};

static struct al_frames *make(const struct walk *w, uint64_t seed)
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
    struct tr_run run = {.frames = fs, .dt = dt};
    struct tr_options o = {.mobile_z = 3};
    struct tr_diffusion *d = NULL;
    ok(tr_diffusion_create(&run, 1, &o, &d));
    return d;
}

static const struct walk isotropic = {.nli = 16, .nframes = 1000, .step = {0.3, 0.3, 0.3}};

// D of a walk of Gaussian steps: sigma^2 / (2 dt) by axis. 300 walks: the 95 % interval must cover in 91 to
// 99.5 % (3 binomial standard errors below 95 % are 91.2 %; the interval is a little wide by design), and the
// standard error must be of the right size.
static void test_random_walk_coverage(void **state)
{
    (void)state;
    enum { TRIALS = 300 };
    double dt = 50.0, truth = TR_ANG2_FS_CM2_S * 0.3 * 0.3 / (2 * dt);
    int covered = 0, diffusive = 0;
    double sum = 0.0, sum2 = 0.0, stated = 0.0;
    for (int s = 0; s < TRIALS; s++) {
        AL_OWN(al_frames) fs = make(&isotropic, 100 + (uint64_t)s);
        struct tr_run run = {fs, dt};
        struct tr_options o = {.mobile_z = 3,
                               .max_lag = 0.12}; // the curve beyond the window does not matter here
        AL_OWN(tr_diffusion) d = NULL;
        ok(tr_diffusion_create(&run, 1, &o, &d));
        covered += d->d_low <= truth && truth <= d->d_high;
        diffusive += d->diffusive;
        sum += d->d / TRIALS;
        sum2 += d->d * d->d / TRIALS;
        stated += d->d_error * d->d_error / TRIALS;
    }
    double scatter = sqrt((sum2 - sum * sum) * TRIALS / (TRIALS - 1));
    print_message(
        "random walk: D %.4f of truth, scatter %.3f, stated error %.3f, covered %.3f, diffusive %.3f\n",
        sum / truth, scatter / truth, sqrt(stated) / truth, (double)covered / TRIALS,
        (double)diffusive / TRIALS);
    assert_near(sum, truth, 4 * scatter / sqrt(TRIALS));
    assert_in_range(covered, (int)(0.91 * TRIALS), (int)(0.995 * TRIALS));
    assert_in_range((int)(1000 * sqrt(stated) / scatter), 900, 1500);
    assert_true(diffusive > 0.9 * TRIALS);
}

static void test_anisotropic(void **state)
{
    (void)state;
    struct walk w = {.nli = 40, .nframes = 4000, .step = {0.1, 0.2, 0.4}};
    AL_OWN(al_frames) fs = make(&w, 1);
    AL_OWN(tr_diffusion) d = analyse(fs, 10.0);
    for (int k = 0; k < 3; k++) {
        double truth = TR_ANG2_FS_CM2_S * w.step[k] * w.step[k] / 20.0;
        assert_true(d->d_axis_error[k] < 0.15 * truth);
        assert_near(d->d_axis[k], truth, 4.6 * d->d_axis_error[k]); // t of 4 degrees of freedom, p = 0.01
    }
    assert_near(d->d, (d->d_axis[0] + d->d_axis[1] + d->d_axis[2]) / 3, 1e-12 * d->d);
    assert_int_equal(d->nions, 40);
    assert_int_equal(d->nframework, 4);
    for (int l = 0; l < d->msd->n; l++)
        assert_near(d->msd->total[l], d->msd->axis[l][0] + d->msd->axis[l][1] + d->msd->axis[l][2],
                    1e-12 * 1e4);
}

// Drift and random motion of the whole crystal leave no trace: exact to rounding.
static void test_framework_motion_removed(void **state)
{
    (void)state;
    struct walk still = {.nli = 8, .nframes = 300, .step = {0.2, 0.2, 0.2}};
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
    // Without a framework nothing is subtracted: the drift shows.
    int lag[] = {10};
    double one, two;
    ok(tr_msd_lags(b, 3, 3, 0, b->n, lag, 1, &one, NULL));
    for (int t = 0; t < b->n; t++)
        for (int i = 8; i < 12; i++)
            b->f[t]->z[i] = 3;
    ok(tr_msd_lags(b, 3, 3, 0, b->n, lag, 1, &two, NULL));
    assert_true(two > 3 * one);
}

// The centre of mass is weighted: a heavy atom that moves drags it by its share of mass.
static void test_mass_weight(void **state)
{
    (void)state;
    struct walk w = {.nli = 1, .nframes = 3};
    AL_OWN(al_frames) fs = make(&w, 3); // Li, S P S P
    fs->f[1]->pos[1][0] += 1.0;         // one S at frame 1
    double m = 2 * (al_element_mass(15) + al_element_mass(16)), share = al_element_mass(fs->f[0]->z[1]) / m;
    int lag[] = {1, 2};
    double msd[2], axis[2][3];
    ok(tr_msd_lags(fs, 3, 3, 0, 3, lag, 2, msd, axis));
    assert_near(msd[0], share * share, 1e-14); // there and back: (share^2 + share^2)/2
    assert_near(msd[1], 0.0, 1e-14);
    assert_near(axis[0][0], share * share, 1e-14);
}

static void test_msd_by_hand(void **state)
{
    (void)state;
    struct walk w = {.nli = 3, .nframes = 37, .step = {0.5, 0.1, 0.2}, .cage = 0.3};
    AL_OWN(al_frames) fs = make(&w, 4);
    int lag[] = {1, 2, 5, 17, 36};
    double msd[5], axis[5][3];
    ok(tr_msd_lags(fs, 3, 3, 0, 37, lag, 5, msd, axis));
    for (int l = 0; l < 5; l++) {
        double sum = 0.0;
        for (int t = 0; t + lag[l] < 37; t++)
            for (int i = 0; i < 3; i++)
                for (int k = 0; k < 3; k++) { // the framework stands still
                    double d = fs->f[t + lag[l]]->pos[i][k] - fs->f[t]->pos[i][k];
                    sum += d * d / (3.0 * (37 - lag[l]));
                }
        assert_near(msd[l], sum, 1e-12);
    }
    double part[1];
    ok(tr_msd_lags(fs, 3, 3, 10, 20, lag + 2, 1, part, NULL)); // a block
    assert_true(part[0] > 0.0 && part[0] != msd[2]);
    assert_int_equal(tr_msd_lags(fs, 3, 3, 10, 14, lag + 2, 1, part, NULL), AL_ERR_INPUT);
    assert_int_equal(tr_msd_lags(fs, 11, 3, 0, 37, lag, 1, part, NULL), AL_ERR_INPUT);
}

static void test_not_diffusive(void **state)
{
    (void)state;
    struct walk cage = {.nli = 16, .nframes = 800, .cage = 0.25};
    AL_OWN(al_frames) a = make(&cage, 5);
    AL_OWN(tr_diffusion) d = analyse(a, 50.0);
    assert_false(d->diffusive);
    assert_non_null(strstr(d->regime, "not diffusive"));
    assert_near(d->d, 0.0, 5 * d->d_error); // t of 4 degrees of freedom, p < 0.01
    assert_true(d->d_error > 0.0);
    assert_near(d->offset, 6 * 0.25 * 0.25, 0.02);
    assert_true(fabs(d->slope) < 0.05);

    struct walk fly = {.nli = 16, .nframes = 800, .speed = 0.02};
    AL_OWN(al_frames) b = make(&fly, 6);
    AL_OWN(tr_diffusion) e = analyse(b, 50.0);
    assert_false(e->diffusive);
    assert_near(e->slope, 2.0, 1e-6);

    struct walk frozen = {.nli = 4, .nframes = 200};
    AL_OWN(al_frames) c = make(&frozen, 7);
    AL_OWN(tr_diffusion) g = analyse(c, 50.0);
    assert_false(g->diffusive);
    assert_true(g->d == 0.0 && g->slope == 0.0);
}

// Cage and slow jumps: offset does not spoil D once the jumps win.
static void test_cage_and_walk(void **state)
{
    (void)state;
    struct walk w = {.nli = 48, .nframes = 4000, .step = {0.12, 0.12, 0.12}, .cage = 0.3};
    AL_OWN(al_frames) fs = make(&w, 8);
    AL_OWN(tr_diffusion) d = analyse(fs, 50.0);
    double truth = TR_ANG2_FS_CM2_S * 0.12 * 0.12 / 100.0;
    assert_true(d->diffusive);
    assert_near(d->d, truth, 4.6 * d->d_error);
    assert_true(d->d_error < 0.1 * truth);
}

static void test_replicas(void **state)
{
    (void)state;
    AL_OWN(al_frames) a = make(&isotropic, 20);
    AL_OWN(al_frames) b = make(&isotropic, 21);
    AL_OWN(al_frames) c = make(&isotropic, 22);
    struct tr_run runs[] = {{a, 50.0}, {b, 50.0}, {c, 50.0}};
    struct tr_options o = {.mobile_z = 3};
    AL_OWN(tr_diffusion) one = NULL;
    AL_OWN(tr_diffusion) three = NULL;
    ok(tr_diffusion_create(runs, 1, &o, &one));
    ok(tr_diffusion_create(runs, 3, &o, &three));
    assert_int_equal(three->nblocks, 15);
    assert_int_equal(three->nruns, 3);
    double mean = 0.0;
    for (int r = 0; r < 3; r++) {
        AL_OWN(tr_diffusion) d = analyse(runs[r].frames, 50.0);
        mean += d->d / 3;
    }
    assert_near(three->d, mean, 1e-12 * mean); // equal lengths: the mean curve gives the mean D
    assert_true(three->d_high - three->d_low < one->d_high - one->d_low);
    double truth = TR_ANG2_FS_CM2_S * 0.09 / 100.0;
    assert_true(three->d_low < truth && truth < three->d_high);
}

static void test_refused(void **state)
{
    (void)state;
    struct walk w = {.nli = 4, .nframes = 99, .step = {0.1, 0.1, 0.1}};
    AL_OWN(al_frames) fs = make(&w, 9);
    struct tr_run run[] = {{fs, 50.0}, {fs, 60.0}};
    struct tr_options o = {.mobile_z = 3};
    struct tr_diffusion *d = NULL;
    assert_int_equal(tr_diffusion_create(run, 1, &o, &d), AL_ERR_INPUT); // 19 frames a block
    o.nblocks = 4;
    assert_int_equal(tr_diffusion_create(run, 2, &o, &d), AL_ERR_INPUT); // other interval
    o.mobile_z = 11;
    assert_int_equal(tr_diffusion_create(run, 1, &o, &d), AL_ERR_INPUT); // no sodium
    o = (struct tr_options){.mobile_z = 3, .fit_from = 0.5, .fit_to = 0.2};
    assert_int_equal(tr_diffusion_create(run, 1, &o, &d), AL_ERR_INPUT);
    o = (struct tr_options){.mobile_z = 3, .nblocks = 4};
    fs->f[7]->pos[2][1] = NAN;
    assert_int_equal(tr_diffusion_create(run, 1, &o, &d), AL_ERR_CORRUPT);
    fs->f[7]->pos[2][1] = 0;
    fs->f[7]->z[2] = 11;
    assert_int_equal(tr_diffusion_create(run, 1, &o, &d), AL_ERR_INPUT);
    assert_null(d);
}

static void test_unwrap(void **state)
{
    (void)state;
    struct walk w = {.nli = 6, .nframes = 200, .step = {0.5, 0.5, 0.5}, .drift = {0.1, 0, -0.2}};
    AL_OWN(al_frames) a = make(&w, 10);
    AL_OWN(al_frames) b = make(&w, 10);
    double moved = 0.0;
    for (int t = 0; t < b->n; t++)
        for (int i = 0; i < b->f[t]->natoms; i++)
            for (int k = 0; k < 3; k++)
                b->f[t]->pos[i][k] -= 10.0 * floor(b->f[t]->pos[i][k] / 10.0);
    ok(tr_unwrap(b));
    for (int t = 0; t < b->n; t++)
        for (int i = 0; i < b->f[t]->natoms; i++)
            for (int k = 0; k < 3; k++) {
                double d = a->f[t]->pos[i][k] - b->f[t]->pos[i][k],
                       d0 = a->f[0]->pos[i][k] - b->f[0]->pos[i][k];
                assert_near(d, d0, 1e-9);
                moved = fmax(moved, fabs(b->f[t]->pos[i][k] - b->f[0]->pos[i][k]));
            }
    assert_true(moved > 12.0);
}

// Synthetic D(T) with Gaussian errors of 10 %: Ea and D(300 K) within their intervals in about 95 %.
static void test_arrhenius(void **state)
{
    (void)state;
    enum { TRIALS = 1000, N = 6 };
    double t[N] = {500, 600, 700, 800, 900, 1000}, d[N], e[N], ea = 0.31, d0 = 2.3e-3;
    int in_ea = 0, in_300 = 0;
    double truth = d0 * exp(-ea / (AL_KB_EV * 300)), mean = 0.0;
    struct al_rng r;
    al_rng_seed(&r, 5, 5);
    for (int s = 0; s < TRIALS; s++) {
        struct tr_arrhenius a;
        for (int i = 0; i < N; i++) {
            d[i] = d0 * exp(-ea / (AL_KB_EV * t[i]) + 0.1 * al_rng_normal(&r));
            e[i] = 0.1 * d[i];
        }
        ok(tr_arrhenius_fit(N, t, d, e, &a));
        double d300, low, high;
        tr_arrhenius_at(&a, 300.0, &d300, &low, &high);
        in_ea += fabs(a.ea - ea) < a.t95 * a.ea_error;
        in_300 += low < truth && truth < high;
        mean += a.ea / TRIALS;
    }
    print_message("Arrhenius: Ea covered %.3f, D(300 K) covered %.3f\n", in_ea / 1000.0, in_300 / 1000.0);
    assert_near(mean, ea, 0.001);
    // Inflation by chi^2 widens some intervals: 95 to 99 %; binomial 3 standard errors are 2 %.
    assert_in_range(in_ea, 930, 995);
    assert_in_range(in_300, 930, 995);
}

static void test_arrhenius_exact(void **state)
{
    (void)state;
    double t[] = {600, 900}, d[] = {1e-6, 2e-5}, e[] = {1e-7, 1e-6}, out, low, high;
    struct tr_arrhenius a;
    ok(tr_arrhenius_fit(2, t, d, e, &a));
    double x1 = 1 / (AL_KB_EV * 600), x2 = 1 / (AL_KB_EV * 900);
    assert_near(a.ea, log(20.0) / (x1 - x2), 1e-12);
    assert_near(a.ea_error, sqrt(0.01 + 0.0025) / (x1 - x2), 1e-12); // relative errors 10 % and 5 %
    tr_arrhenius_at(&a, 600.0, &out, &low, &high);
    assert_near(out, 1e-6, 1e-17);
    assert_near(log(high / low), 2 * 1.959964 * 0.1, 1e-6); // at a point with two points: that point's error
    double same[] = {600, 600}, bad[] = {1e-6, -1e-6};
    assert_int_equal(tr_arrhenius_fit(2, same, d, e, &a), AL_ERR_INPUT);
    assert_int_equal(tr_arrhenius_fit(2, t, bad, e, &a), AL_ERR_INPUT);
    assert_int_equal(tr_arrhenius_fit(1, t, d, e, &a), AL_ERR_INPUT);
}

static void test_small_formulas(void **state)
{
    (void)state;
    // sigma = n e^2 D/(V k T): 1e22 /cm^3, D = 1e-8 cm^2/s, 300 K:
    // 1e22 * (1.602176634e-19)^2 * 1e-8 / (1.380649e-23 * 300) = 6.1975e-4 S/cm.
    assert_near(tr_conductivity(1e-8, 10, 1000.0, 300.0, 1.0), 6.1975e-4, 1e-8);
    assert_near(tr_conductivity(1e-8, 10, 1000.0, 300.0, 2.0), 4 * 6.1975e-4, 4e-8);
    double t[] = {0, 1000, 2000, 3000}, e[] = {1, 1.5, 2, 2.5}, drift, error;
    ok(tr_energy_drift(4, t, e, 50, &drift, &error));
    assert_near(drift, 0.01, 1e-15); // 0.5 eV/ps over 50 atoms
    assert_near(error, 0.0, 1e-15);
    assert_int_equal(tr_energy_drift(1, t, e, 50, &drift, &error), AL_ERR_INPUT);
    assert_near(tr_student95(1), 12.706, 1e-3);
    assert_near(tr_student95(21), 2.079614, 1e-5);
    assert_near(tr_student95(100), 1.983972, 1e-5);
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
    struct walk cage = {.nli = 16, .nframes = 1000, .cage = 0.25};
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
    double t[] = {600, 700, 800, 900}, d[] = {1e-6, 3e-6, 8e-6, 2e-5}, e[] = {2e-7, 4e-7, 1e-6, 2e-6};
    bool yes[] = {false, true, true, true};
    struct tr_arrhenius fit;
    ok(tr_arrhenius_fit(3, t + 1, d + 1, e + 1, &fit));
    struct tr_arrhenius_series s = {
        .label = "Li3PS4", .n = 4, .temperature = t, .d = d, .d_error = e, .diffusive = yes, .fit = &fit};
    AL_AUTOFREE char *text = NULL;
    snprintf(path, sizeof path, "%s/arrhenius.svg", dir);
    ok(tr_plot_arrhenius(path, "Arrhenius", NULL, 1, &s));
    ok(al_file_read(path, 0, &text, NULL));
    assert_non_null(strstr(text, "Li3PS4: Ea = "));
    assert_int_equal(count(text, "<circle"), 4 + 2);
    AL_AUTOFREE char *csv = NULL;
    snprintf(path, sizeof path, "%s/msd.csv", dir);
    ok(tr_msd_write_csv(path, da));
    ok(al_file_read(path, 0, &csv, NULL));
    assert_int_equal(count(csv, "\n"), da->msd->n + 1);
    char yaml[4096] = "";
    FILE *out = fmemopen(yaml, sizeof yaml, "w");
    tr_diffusion_write_yaml(out, 1, da);
    fclose(out);
    assert_non_null(strstr(yaml, "  D_cm2_s: "));
    assert_non_null(strstr(yaml, "  ions: 16\n"));
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/alnd-test-tr-XXXXXX");
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msd_by_hand),
        cmocka_unit_test(test_mass_weight),
        cmocka_unit_test(test_framework_motion_removed),
        cmocka_unit_test(test_random_walk_coverage),
        cmocka_unit_test(test_anisotropic),
        cmocka_unit_test(test_not_diffusive),
        cmocka_unit_test(test_cage_and_walk),
        cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unwrap),
        cmocka_unit_test(test_arrhenius),
        cmocka_unit_test(test_arrhenius_exact),
        cmocka_unit_test(test_small_formulas),
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
