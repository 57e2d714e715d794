// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A network that has lost its way in mid-training.
#include "train_fixture.h"

#include "train/trainer_impl.h"

static struct trainer *spoiled;
static int spoil_at;

// Asked after every step.
static bool spoil(void *ctx)
{
    (void)ctx;
    struct dp_model *m = spoiled->model;
    if (--spoil_at == 0)
        for (size_t i = 0; i < m->nparam; i++)
            m->param[i] *= 4;
    return false;
}

// Weights with which forces come to tenfold the labels and more, all of them finite: noticed, and the training goes back with half
// the rate.
static void lost_its_way(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(4, false, 900);
    struct train_options o = fixture_options(1100);
    struct fixture_warnings warnings = {0};
    o.warn = fixture_warn;
    o.ctx = &warnings;
    o.check_stop = spoil;
    spoil_at = 1050;
    MUST(trainer_create(&o, d, NULL, &spoiled));
    MUST(trainer_run(spoiled));
    assert_int_equal(warnings.n, 1);
    assert_int_equal(trainer_recoveries(spoiled), 1);
    assert_non_null(strstr(warnings.last, "eV/Ang where labels have"));
    trainer_destroy(&spoiled);
    dp_dataset_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lost_its_way)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
