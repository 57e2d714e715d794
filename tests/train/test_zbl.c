// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Training of a model with ZBL repulsion: what the networks learn, the errors that are reported, warm start and resumption.
#include "train_fixture.h"

#include "base/fsio.h"
#include "train/trainer_impl.h"

static const struct dp_zbl_range RANGE = {0.8, 1.6};

static struct dp_model *teacher(bool zbl)
{
    struct dp_model *plain = fixture_model(NULL, 77);
    struct dp_config c = plain->c;
    dp_model_destroy(&plain);
    if (zbl) c.zbl = RANGE;
    return fixture_model(&c, 77);
}

// Frames with pairs down to 1.05 Ang, labelled by the teacher with or without repulsion.
static struct dp_dataset *data(bool zbl, int nframes, uint64_t seed)
{
    struct dp_model *m = teacher(zbl);
    struct dp_dataset *d = fixture_labelled(m, nframes, true, 6.5, 1.05, seed);
    dp_model_destroy(&m);
    return d;
}

static double worst(size_t n, const double *a, const double *b)
{
    double w = 0;
    for (size_t i = 0; i < n; i++)
        w = fmax(w, fabs(a[i] - b[i]));
    return w;
}

static struct train_options options(bool zbl, long steps)
{
    struct train_options o = fixture_options(steps);
    if (zbl) o.model.zbl = RANGE;
    return o;
}

// The trainer's labels are those that the teacher's networks alone give.
static void labels(void **state)
{
    (void)state;
    struct dp_dataset *with = data(true, 6, 40), *without = data(false, 6, 40);
    struct train_options o = options(true, 10);
    struct trainer *t = NULL;
    MUST(trainer_create(&o, with, with, &t));
    assert_int_equal(t->train->nsys, without->nsys);
    for (int s = 0; s < without->nsys; s++) {
        const struct dp_system *a = &t->train->sys[s], *b = &without->sys[s], *v = &t->valid->sys[s], *full = &with->sys[s];
        size_t nf = (size_t)b->nframes, n = nf * 3 * (size_t)b->natoms;
        assert_true(worst(nf, a->energy, b->energy) < 1e-10 && worst(n, a->force, b->force) < 1e-10 &&
                    worst(9 * nf, a->virial, b->virial) < 1e-10 && worst(n, v->force, b->force) < 1e-10);
        assert_true(worst(nf, full->energy, b->energy) > 0.5 && worst(n, full->force, b->force) > 3 &&
                    worst(9 * nf, full->virial, b->virial) > 3);
    }
    // and so is the energy bias: that of the networks' energies
    struct train_options plain = options(false, 10);
    struct trainer *u = NULL;
    MUST(trainer_create(&plain, without, NULL, &u));
    assert_true(worst(4, trainer_model(t)->bias, trainer_model(u)->bias) < 1e-8);
    trainer_destroy(&t);
    trainer_destroy(&u);
    dp_dataset_destroy(&with);
    dp_dataset_destroy(&without);
}

static void first_row(void *ctx, const struct train_progress *p)
{
    if (p->step == 0) *(struct train_progress *)ctx = *p;
}

// Errors of lcurve.out are those of networks and repulsion together against the labels as given.
static void errors(void **state)
{
    (void)state;
    struct dp_dataset *d = data(true, 5, 60);
    struct train_options o = options(true, 1);
    struct train_progress p = {.step = -1};
    struct train_rmse r;
    struct trainer *t = NULL;
    o.path = GRADIENT_PLAIN;
    o.valid_batches = 0;
    o.observe = first_row;
    o.ctx = &p;
    MUST(trainer_create(&o, d, d, &t));
    assert_true(trainer_model(t)->c.zbl.outer == RANGE.outer);
    MUST(train_rmse(trainer_model(t), d, 1, -1, &r));
    MUST(trainer_run(t));
    assert_int_equal(p.step, 0);
    // frames of 12 and of 9 atoms: validation weighs them by atoms as the sum over components does
    if (!(r.f > 0.05)) fail_msg("force error %g", r.f);
    assert_true(fabs(p.val_rmse_f - r.f) < 1e-9 * r.f);
    trainer_destroy(&t);
    dp_dataset_destroy(&d);
}

static double learned(bool zbl, enum gradient_path path, const struct dp_dataset *d, const struct dp_dataset *v, double *before)
{
    struct train_options o = options(zbl, 300);
    struct trainer *t = NULL;
    struct train_rmse r;
    o.path = path;
    o.lr_start = 5e-3;
    MUST(trainer_create(&o, d, NULL, &t));
    MUST(train_rmse(trainer_model(t), v, 1, -1, &r));
    if (before) *before = r.f;
    MUST(trainer_run(t));
    MUST(train_rmse(trainer_model(t), v, 1, -1, &r));
    trainer_destroy(&t);
    return r.f;
}

// On frames with close pairs, networks next to a repulsion learn what networks alone do not in the same steps.
static void learns(void **state)
{
    (void)state;
    struct dp_dataset *d = data(true, 40, 100), *v = data(true, 10, 900);
    double before, with = learned(true, GRADIENT_DOUBLE, d, v, &before), without = learned(false, GRADIENT_DOUBLE, d, v, NULL);
    double mixed = learned(true, GRADIENT_MIXED, d, v, NULL);
    print_message("force error on other frames %.3f -> %.3f (mixed %.3f) eV/Ang with repulsion, %.3f without\n", before, with,
                  mixed, without);
    assert_true(with < 0.7 * before && mixed < 0.7 * before && with < 0.3 * without);
    dp_dataset_destroy(&d);
    dp_dataset_destroy(&v);
}

// A repulsion below all distances of the data changes nothing.
static void out_of_reach(void **state)
{
    (void)state;
    struct dp_dataset *d = data(true, 6, 40);
    struct trainer *t[2] = {0};
    for (int k = 0; k < 2; k++) {
        struct train_options o = options(false, 20);
        if (k) o.model.zbl = (struct dp_zbl_range){0.5, 1.04};
        MUST(trainer_create(&o, d, NULL, &t[k]));
        MUST(trainer_run(t[k]));
    }
    const struct dp_model *a = trainer_model(t[0]), *b = trainer_model(t[1]);
    assert_true(a->nparam == b->nparam && b->c.zbl.outer == 1.04);
    assert_memory_equal(a->param, b->param, a->nparam * sizeof *a->param);
    trainer_destroy(&t[0]);
    trainer_destroy(&t[1]);
    dp_dataset_destroy(&d);
}

// A model of a file keeps its own repulsion; another one is refused.
static void warm(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-zbl-XXXXXX", path[AL_PATH];
    struct dp_dataset *d = data(true, 4, 20);
    struct dp_model *m = teacher(true);
    struct trainer *t = NULL;
    struct train_rmse r;
    assert_non_null(mkdtemp(dir));
    MUST(al_path(path, "%s/m.dp", dir));
    MUST(dp_model_write(path, m));
    for (int k = 0; k < 2; k++) {
        struct train_options o = options(k, 1);
        o.init = path;
        MUST(trainer_create(&o, d, NULL, &t));
        MUST(train_rmse(trainer_model(t), d, 1, -1, &r));
        assert_true(trainer_model(t)->c.zbl.inner == 0.8 && r.f < 1e-10 && r.e < 1e-10 && r.v < 1e-10);
        MUST(trainer_run(t)); // at the bottom of the loss: nothing moves
        MUST(train_rmse(trainer_model(t), d, 1, -1, &r));
        trainer_destroy(&t);
    }
    struct train_options o = options(true, 1);
    o.init = path;
    o.model.zbl.outer = 1.5;
    assert_int_equal(trainer_create(&o, d, NULL, &t), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "1.5"));
    MUST(dp_model_write_networks(path, m));
    o = options(false, 1);
    o.init = path;
    assert_int_equal(trainer_create(&o, d, NULL, &t), AL_ERR_INPUT);
    MUST(al_remove_tree(dir));
    dp_model_destroy(&m);
    dp_dataset_destroy(&d);
}

// A checkpoint belongs to its repulsion.
static void checkpoints(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-zbl-XXXXXX";
    struct dp_dataset *d = data(false, 4, 20);
    struct trainer *t = NULL;
    struct train_options o = options(true, 5);
    assert_non_null(mkdtemp(dir));
    o.dir = dir;
    o.checkpoint_seconds = 0;
    MUST(trainer_create(&o, d, NULL, &t));
    MUST(trainer_run(t));
    trainer_destroy(&t);
    MUST(trainer_create(&o, d, NULL, &t));
    assert_int_equal(trainer_step(t), 5);
    trainer_destroy(&t);
    o.model.zbl.inner = 0.7;
    assert_int_equal(trainer_create(&o, d, NULL, &t), AL_ERR_CORRUPT);
    MUST(al_remove_tree(dir));
    dp_dataset_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels), cmocka_unit_test(errors), cmocka_unit_test(learns),
                                       cmocka_unit_test(out_of_reach),
                                       cmocka_unit_test(warm), cmocka_unit_test(checkpoints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
