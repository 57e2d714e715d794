// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Coverage of the whole procedure, window search included: on walks of known D the 95 % interval of D contains it in 93 to 97 % of the trials
// in which D is stated, and the limit where it is refused is wrong in less than 1 % of all trials. test_coverage [TRIALS [FIRST [COUNT]]]; prints the table of
// docs/validation.md.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "transport/msd.h"
#include "walks.h"

static const struct walk walks[] = {
    {.name = "cage and jumps", .nions = 2, .nframes = 4000, .cage = 0.3, .memory = 0.5, .rate = 0.02, .jump = 3},
    {.name = "cage and jumps", .nions = 4, .nframes = 4000, .cage = 0.3, .memory = 0.5, .rate = 0.02, .jump = 3},
    {.name = "steps", .nions = 12, .nframes = 1000, .step = 0.3},
    {.name = "steps", .nions = 24, .nframes = 2000, .step = 0.3},
    {.name = "steps", .nions = 100, .nframes = 1000, .step = 0.3},
    {.name = "cage and jumps", .nions = 12, .nframes = 4000, .cage = 0.3, .memory = 0.5, .rate = 0.02, .jump = 3},
    {.name = "cage and jumps", .nions = 24, .nframes = 2000, .cage = 0.3, .memory = 0.5, .rate = 0.02, .jump = 3},
    {.name = "cage and jumps", .nions = 48, .nframes = 2000, .cage = 0.3, .memory = 0.8, .rate = 0.02, .jump = 3},
    {.name = "cage and jumps", .nions = 100, .nframes = 1000, .cage = 0.3, .memory = 0.5, .rate = 0.05, .jump = 3},
    {.name = "cage and rare jumps", .nions = 48, .nframes = 2000, .cage = 0.25, .memory = 0.5, .rate = 0.003, .jump = 3},
    {.name = "cage and jumps, half go back", .nions = 12, .nframes = 4000, .cage = 0.3, .memory = 0.5, .rate = 0.06, .jump = 3, .back = 0.5},
    {.name = "cage and jumps, half go back", .nions = 48, .nframes = 2000, .cage = 0.3, .memory = 0.5, .rate = 0.06, .jump = 3, .back = 0.5},
};
enum { NWALKS = sizeof walks / sizeof walks[0] };
static const struct walk still[] = { // D = 0
    {.name = "cage alone", .nions = 24, .nframes = 1000, .cage = 0.3, .memory = 0.9},
    {.name = "to and fro between two sites", .nions = 24, .nframes = 2000, .cage = 0.3, .memory = 0.5, .rate = 0.05, .jump = 3, .back = 1},
    {.name = "to and fro, 20 times in a run", .nions = 24, .nframes = 2000, .cage = 0.3, .memory = 0.5, .rate = 0.01, .jump = 3, .back = 1},
};
enum { NSTILL = sizeof still / sizeof still[0] };
static int trials = 100;

static void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

static void test_walk(void **state)
{
    const struct walk *w = *state;
    double truth = walk_d(w), bias = 0, width = 0, z2 = 0, from = 0;
    int covered = 0, stated = 0, bounded = 0, below = 0;
    for (int s = 0; s < trials; s++) {
        AL_OWN(tr_traj) t = NULL;
        AL_OWN(tr_diffusion) d = NULL;
        struct tr_options o = {.mobile_z = 3, .fit_only = true};
        ok(walk_create(w, 1000 + (uint64_t)s, &t));
        ok(tr_diffusion_create((const struct tr_traj *const[]){t}, 1, &o, &d));
        if (!d->diffusive) {
            bounded += d->d_limit > truth;
            continue;
        }
        stated++;
        covered += d->d_low <= truth && truth <= d->d_high;
        below += d->d_high < truth;
        bias += log(d->d / truth);
        width += d->d_error / d->d;
        z2 += pow(log(d->d / truth) * d->d / d->d_error, 2);
        from += d->fit_from / WALK_DT;
    }
    print_message("| %s | %d | %ld | %d | %.1f | %.1f + %.1f | %+.3f | %.3f | %.2f | %.1f | %d of %d |\n", w->name, w->nions, w->nframes, stated,
                  100.0 * covered / stated, 100.0 * below / stated, 100.0 * (stated - covered - below) / stated, bias / stated, width / stated, sqrt(z2 / stated), from / stated,
                  bounded, trials - stated);
    // 93 to 97 % of 1000 trials; of fewer, three binomial standard errors around it
    double slack = trials >= 1000 ? 0 : 3 * sqrt(0.95 * 0.05 / trials) - 0.02;
    assert_true(stated > trials / 2);
    assert_true((double)covered / stated >= 0.93 - slack);
    assert_true((double)covered / stated <= 0.97 + slack);
    assert_true(trials - stated - bounded <= 0.01 * trials); // limits that are wrong, of all trials
}

// Nothing diffuses: D is not stated, and the limit falls with what was seen.
static void test_still(void **state)
{
    const struct walk *w = *state;
    int stated = 0;
    double limit = 0;
    for (int s = 0; s < trials; s++) {
        AL_OWN(tr_traj) t = NULL;
        AL_OWN(tr_diffusion) d = NULL;
        struct tr_options o = {.mobile_z = 3, .fit_only = true};
        ok(walk_create(w, 1000 + (uint64_t)s, &t));
        ok(tr_diffusion_create((const struct tr_traj *const[]){t}, 1, &o, &d));
        stated += d->diffusive;
        if (!d->diffusive) limit += d->d_limit / trials;
    }
    print_message("| %s | %d | %ld | %d of %d | %.1e |\n", w->name, w->nions, w->nframes, stated, trials, limit);
    assert_true(stated <= 0.01 * trials);
    assert_true(limit > 0);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[NWALKS + NSTILL];
    int first = 0, n = 0;
    if (argc > 1) trials = atoi(argv[1]);
    if (argc > 2) first = atoi(argv[2]);
    int last = argc > 3 ? first + atoi(argv[3]) : NWALKS + NSTILL;
    for (int i = first; i < last && i < NWALKS + NSTILL; i++) {
        const struct walk *w = i < NWALKS ? &walks[i] : &still[i - NWALKS];
        tests[n++] = (struct CMUnitTest){.name = w->name, .test_func = i < NWALKS ? test_walk : test_still, .initial_state = (void *)w};
    }
    print_message("| walk | ions | frames | D stated in | 95 %% covers, %% | below + above | ln(D/true), mean | error/D, mean | rms of ln(D/true)/error | window from, frames | limit right |\n");
    return _cmocka_run_group_tests("coverage", tests, (size_t)n, NULL, NULL);
}
