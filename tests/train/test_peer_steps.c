// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// From the same .dp file with the same batches in the same order: our weights after 100 steps (plain path) equal those
// of deepmd-kit (TensorFlow) to 1e-7, relative to the largest of their array. Needs deepmd-kit: ALND_PEER_PYTHON or
// /opt/dpvenv/bin/python.
#include "train_fixture.h"

#include <unistd.h>

#include "base/fsio.h"
#include "train/trainer_impl.h"

enum { STEPS = 100, BATCH = 2 };
static const char *python = "/opt/dpvenv/bin/python";
static char dir[] = "/tmp/alnd-steps-XXXXXX";

static const char *at(const char *name)
{
    static char buf[4][256];
    static int k;
    k = (k + 1) % 4;
    snprintf(buf[k], sizeof buf[k], "%s/%s", dir, name);
    return buf[k];
}

static void write_systems(const struct dp_dataset *d)
{
    for (int s = 0; s < d->nsys; s++) {
        char name[16];
        struct al_frames *fs = NULL;
        snprintf(name, sizeof name, "sys%d", s);
        MUST(al_remove_tree(at(name)));
        MUST(al_frames_create(&fs));
        for (int k = 0; k < d->sys[s].nframes; k++) {
            struct al_frame *f = NULL;
            MUST(dp_system_frame(&d->sys[s], k, &f));
            MUST(al_frames_push(fs, &f));
        }
        MUST(dp_dataset_append_set(at(name), (const struct al_frame *const *)fs->f, fs->n, NULL, 0, NULL, NULL));
        al_frames_destroy(&fs);
    }
}

static void our_steps(struct dp_model *m, const struct dp_dataset *d, const struct train_options *o)
{
    struct env_cache *env = NULL;
    struct gradient *g = NULL;
    struct adam a;
    AL_AUTOFREE double *grad = NULL;
    MUST(al_alloc(m->nparam, sizeof *grad, &grad));
    MUST(env_cache_create(&m->c, d, 1 << 20, &env));
    MUST(gradient_create(m, GRADIENT_PLAIN, &g));
    MUST(adam_create(m->nparam, &a));
    for (int k = 0; k < STEPS; k++) {
        int s = k % d->nsys, first = k / d->nsys * BATCH % d->sys[s].nframes;
        struct gradient_frame in[BATCH];
        struct frame_loss loss[BATCH];
        struct loss_weights w = train_prefactors(o, k);
        for (int b = 0; b < BATCH; b++) {
            in[b].weight = 1;
            in[b].label = train_label(&d->sys[s], first + b);
            MUST(env_cache_get(env, s, first + b, b, &in[b].layout));
        }
        memset(grad, 0, m->nparam * sizeof *grad);
        MUST(gradient_batch(g, BATCH, in, &w, 1.0 / BATCH, grad, loss));
        adam_update(&a, k + 1, train_learning_rate(o, k), grad, m->param);
    }
    adam_free(&a);
    gradient_destroy(&g);
    env_cache_destroy(&env);
}

static void their_steps(const struct train_options *o, int nsys)
{
    char command[4096];
    snprintf(command, sizeof command,
             "TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= %s %s/deepmd_steps.py %s "
             "'{\"steps\":%d,\"batch\":%d,\"systems\":%d,\"decay_steps\":%ld,\"lr\":[%.17g,%.17g],"
             "\"pref\":{\"e\":[%.17g,%.17g],\"f\":[%.17g,%.17g],\"v\":[%.17g,%.17g]}}' > %s/log 2>&1",
             python, ALND_TEST_DIR, dir, STEPS, BATCH, nsys, o->decay_steps, o->lr_start, o->lr_stop, o->pref_e[0],
             o->pref_e[1], o->pref_f[0], o->pref_f[1], o->pref_v[0], o->pref_v[1], dir);
    if (system(command)) {
        char *log = NULL;
        if (al_file_read(at("log"), 0, &log, NULL) == AL_ERR_OK) print_message("%s\n", log);
        al_free(log);
        fail_msg("failed: %s", command);
    }
}

// Largest difference over the largest element, of one array of parameters; *moved: how far training moved it.
static double difference(const double *ours, const double *theirs, const double *before, int n, double *moved)
{
    double d = 0, m = 0, top = 0;
    for (int i = 0; i < n; i++) {
        d = fmax(d, fabs(ours[i] - theirs[i]));
        m = fmax(m, fabs(before[i] - theirs[i]));
        top = fmax(top, fabs(theirs[i]));
    }
    *moved = m / top;
    return d / top;
}

static double compare_net(const struct dp_net *a, const struct dp_net *b, const struct dp_net *start)
{
    double worst = 0, moved = 0, m;
    for (int l = 0; l < a->nlayers; l++) {
        const struct dp_layer *p = &a->layer[l], *q = &b->layer[l], *s = &start->layer[l];
        worst = fmax(worst, difference(p->w, q->w, s->w, p->nin * p->nout, &m));
        moved = fmax(moved, m);
        worst = fmax(worst, difference(p->b, q->b, s->b, p->nout, &m));
        assert_true(!p->idt == !q->idt);
        if (p->idt) worst = fmax(worst, difference(p->idt, q->idt, s->idt, p->nout, &m));
    }
    assert_true(moved > 1e-3);
    return worst;
}

static void same_steps(const struct train_options *o)
{
    struct dp_dataset *d = fixture_data(12, true, 700); // 8 frames of 12 atoms, 4 of 9
    struct trainer *t = NULL;
    struct dp_model *ours = NULL, *theirs = NULL;
    double worst = 0;
    MUST(trainer_create(o, d, NULL, &t)); // sel, statistics, first weights
    const struct dp_model *start = trainer_model(t);
    MUST(dp_model_copy(start, &ours));
    write_systems(d);
    MUST(dp_model_write(at("m0.dp"), start));
    their_steps(o, d->nsys);
    our_steps(ours, d, o);
    MUST(dp_model_read(at("m1.dp"), &theirs));
    assert_int_equal(ours->nparam, theirs->nparam);
    for (int k = 0; k < ours->c.ntypes; k++)
        for (int c = 0; c < 4; c++) {
            assert_true(fabs(ours->davg[k][c] - theirs->davg[k][c]) < 1e-14);
            assert_true(fabs(ours->dstd[k][c] - theirs->dstd[k][c]) < 1e-14);
        }
    for (int k = 0; k < ours->nemb; k++)
        worst = fmax(worst, compare_net(&ours->emb[k], &theirs->emb[k], &start->emb[k]));
    for (int k = 0; k < ours->c.ntypes; k++)
        worst = fmax(worst, compare_net(&ours->fit[k], &theirs->fit[k], &start->fit[k]));
    print_message("weights after %d steps: largest relative difference %.1e\n", STEPS, worst);
    assert_true(worst < 1e-7);
    dp_model_destroy(&ours);
    dp_model_destroy(&theirs);
    trainer_destroy(&t);
    dp_dataset_destroy(&d);
}

static void one_sided(void **state)
{
    (void)state;
    struct train_options o = fixture_options(STEPS);
    o.pref_v[0] = 0.02;
    same_steps(&o);
}

// (Embedding nets with resnet_dt cannot be compared: --init-frz-model of 3.2.0 does not find their idt.)
static void two_sided(void **state)
{
    (void)state;
    struct train_options o = fixture_options(STEPS);
    o.model.type_one_side = false;
    same_steps(&o);
}

int main(void)
{
    char command[1024];
    if (getenv("ALND_PEER_PYTHON")) python = getenv("ALND_PEER_PYTHON");
    snprintf(command, sizeof command, "%s -c 'import deepmd, tensorflow' >/dev/null 2>&1", python);
    if (system(command)) {
        printf("skipped: no %s with deepmd-kit and TensorFlow (set ALND_PEER_PYTHON)\n", python);
        return 77;
    }
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_sided), cmocka_unit_test(two_sided)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (!rc) MUST(al_remove_tree(dir));
    return rc;
}
