// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The fast evaluation against the plain one: every set of kernels that this machine has, double and mixed precision, and
// inputs outside the tables. Tolerances are those of the task: 1e-8 in double; 1e-6 eV/atom and 1e-4 eV/Ang in mixed
// precision (virial: 1e-4 eV/atom).
#include "dp_fixture.h"

#include <pthread.h>

#include "dp/engine.h"
#include "dp/eval.h"
#include "dp/table.h"

static const int LIPSO[] = {3, 15, 16, 8};
static const char *const SETS[] = {"avx512", "avx2", "plain"};

struct scene {
    struct dp_model *m;
    struct al_frame *f;
    int types[256];
    struct al_neigh *list;
    struct dp_layout *layout;
};

static void build(struct scene *s)
{
    MUST(al_neigh_update(s->list, s->f->natoms, (const double(*)[3])s->f->pos, s->f->cell, s->f->pbc));
    MUST(dp_layout_build(s->layout, &s->m->c, s->f->natoms, s->types, s->list));
}

static struct scene scene(struct dp_model *m, int natoms, double edge, double dmin, uint64_t seed)
{
    struct scene s = {.m = m, .f = fixture_frame(natoms, LIPSO, m->c.ntypes, edge, dmin, seed)};
    for (int i = 0; i < natoms; i++)
        s.types[i] = i % m->c.ntypes;
    MUST(al_neigh_create(dp_cut_of(&m->c).rc, 0.5, &s.list));
    MUST(dp_layout_create(&s.layout));
    build(&s);
    return s;
}

static void scene_free(struct scene *s)
{
    al_neigh_destroy(&s->list);
    dp_layout_destroy(&s->layout);
    al_frame_destroy(&s->f);
    dp_model_destroy(&s->m);
}

struct result {
    struct pot_result r;
    double force[256][3], atomic[256];
};

static void plain(const struct scene *s, struct result *out)
{
    struct dp_eval *ev = NULL;
    out->r = (struct pot_result){.forces = out->force, .atomic_energy = out->atomic};
    MUST(dp_eval_create(s->m, &ev));
    MUST(dp_eval_run(ev, s->layout, &out->r));
    dp_eval_destroy(&ev);
}

static void near(const char *what, int n, const double *a, const double *b, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance)) fail_msg("%s[%d]: %.12g, plain %.12g", what, i, a[i], b[i]);
}

static void compare(const struct scene *s, enum dp_precision p, const struct result *a, const struct result *b)
{
    int n = s->f->natoms;
    double e = p == DP_MIXED ? 1e-6 : 1e-8, f = p == DP_MIXED ? 1e-4 : 1e-8;
    near("energy", 1, &a->r.energy, &b->r.energy, n * e);
    near("force", 3 * n, &a->force[0][0], &b->force[0][0], f);
    near("virial", 9, &a->r.virial[0][0], &b->r.virial[0][0], n * f);
    near("atomic energy", n, a->atomic, b->atomic, p == DP_MIXED ? 1e-5 : 1e-8);
}

// Returns how many inputs were outside the tables.
static long check(const struct scene *s)
{
    static struct result want, have;
    long outside = -1;
    int nsets = 0;
    plain(s, &want);
    for (int p = 0; p < 2; p++)
        for (int k = 0; k < 3; k++) {
            struct dp_compressed *c = NULL;
            if (dp_compressed_create(s->m, (enum dp_precision)p, SETS[k], &c) != AL_ERR_OK) continue;
            assert_string_equal(dp_compressed_kernels(c), SETS[k]);
            for (int twice = 0; twice < 2; twice++) {
                have.r = (struct pot_result){.forces = have.force, .atomic_energy = have.atomic};
                MUST(dp_compressed_run(c, s->layout, NULL, &have.r));
                compare(s, (enum dp_precision)p, &have, &want);
            }
            long n = dp_compressed_outside(c);
            if (outside >= 0) assert_int_equal(n, outside);
            outside = n;
            dp_compressed_destroy(&c);
            nsets++;
        }
    assert_true(nsets >= 2); // "plain" runs everywhere
    return outside;
}

static void all_kernels(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 4; seed++) {
        struct scene s = scene(fixture_model(NULL, seed), 90, 11.0, 1.6, seed);
        assert_int_equal(check(&s), 0);
        scene_free(&s);
    }
}

// Two-sided nets, time steps in the embedding, sizes that are no multiple of any vector; more neighbours than slots; one
// block more than a group; harmonics of nearer rows and of all.
static void forms(void **state)
{
    (void)state;
    struct dp_config c = {.ntypes = 2,
                          .type_map = {"Li", "P"},
                          .rcut = 5.1, // not a float32 number
                          .rcut_smth = 0.3,
                          .sel = {9, 40},
                          .nneuron = 3,
                          .neuron = {5, 10, 37},
                          .axis_neuron = 7,
                          .resnet_dt = true,
                          .nfit = 2,
                          .fit = {33, 33}};
    for (int form = 0; form < 6; form++) {
        c.type_one_side = form == 2;
        c.rcut_angular = form < 3 ? 0 : form == 3 ? 3.9 : 5.1;
        c.neuron_angular = form < 3 ? 0 : form == 3 ? 7 : form == 4 ? 9 : 20;
        c.fit_resnet_dt = form == 1;
        c.neuron[2] = form ? 20 : 37;
        struct scene s = scene(fixture_model(&c, 7 + (uint64_t)form), 160, 13.0, 1.5, 3);
        check(&s);
        scene_free(&s);
    }
}

static void isolated(void **state) // no neighbours at all, not periodic
{
    (void)state;
    struct scene s = scene(fixture_model(NULL, 4), 4, 40.0, 6.0, 5);
    s.f->pbc = false;
    build(&s);
    assert_int_equal(check(&s), 0);
    scene_free(&s);
}

static void outside_tables(void **state)
{
    (void)state;
    struct scene s = scene(fixture_angular(5), 40, 9.0, 1.6, 6);
    s.m->min_nbor_dist = 1.5; // tables from 1.275 Ang on
    assert_int_equal(check(&s), 0);
    for (int a = 0; a < 3; a++)
        s.f->pos[7][a] = s.f->pos[2][a] + (a == 0 ? 0.95 : 0.1);
    build(&s);
    assert_true(check(&s) >= 4); // two atoms, two runs
    scene_free(&s);
}

// Forces are the derivative of this evaluation's own energy, in mixed precision within the rounding of float.
static void differences(void **state)
{
    (void)state;
    struct scene s = scene(fixture_angular(8), 60, 10.0, 1.6, 8);
    static struct result r;
    for (int p = 0; p < 2; p++) {
        struct dp_compressed *c = NULL;
        double step = p == DP_MIXED ? 0.02 : 1e-3;
        MUST(dp_compressed_create(s.m, (enum dp_precision)p, NULL, &c));
        for (int i = 0; i < 12; i++) {
            double e[4], *x = &s.f->pos[5 * i][i % 3], x0 = *x;
            for (int k = 0; k < 4; k++) {
                *x = x0 + (k < 2 ? k - 2 : k - 1) * step;
                build(&s);
                r.r = (struct pot_result){0};
                MUST(dp_compressed_run(c, s.layout, NULL, &r.r));
                e[k] = r.r.energy;
            }
            *x = x0;
            build(&s);
            r.r = (struct pot_result){.forces = r.force};
            MUST(dp_compressed_run(c, s.layout, NULL, &r.r));
            double f = (e[3] - e[0] + 8 * (e[1] - e[2])) / (12 * step);
            near("force", 1, &f, &r.force[5 * i][i % 3], p == DP_MIXED ? 1e-3 : 1e-7);
        }
        dp_compressed_destroy(&c);
    }
    scene_free(&s);
}

static void shared_environment(void **state) // one layout and geometry for two models: the same bits
{
    (void)state;
    struct scene s = scene(fixture_model(NULL, 11), 50, 9.5, 1.6, 9);
    static struct result a, b;
    struct dp_env env = {0};
    struct dp_compressed *c = NULL;
    MUST(dp_compressed_create(s.m, DP_MIXED, NULL, &c));
    MUST(dp_env_compute(&env, &s.m->c, s.layout, 2));
    a.r = (struct pot_result){.forces = a.force};
    b.r = (struct pot_result){.forces = b.force};
    MUST(dp_compressed_run(c, s.layout, NULL, &a.r));
    MUST(dp_compressed_run(c, s.layout, &env, &b.r));
    assert_memory_equal(a.force, b.force, sizeof a.force);
    assert_true(a.r.energy == b.r.energy);
    dp_compressed_destroy(&c);
    dp_env_free(&env);
    scene_free(&s);
}

// Any number of threads, more than there are groups too: the same numbers, and the same bits each time.
static void threads(void **state)
{
    (void)state;
    static struct result want, have, again;
    struct scene s = scene(fixture_angular(13), 240, 13.5, 1.4, 10);
    long outside[2] = {-1, -1};
    s.m->min_nbor_dist = 3.0; // hundreds of inputs outside the tables: more than the room that a thread has for them at first
    plain(&s, &want);
    for (int p = 0; p < 2; p++)
        for (int n = 1; n < 20; n += n < 3 ? 1 : 8) {
            struct dp_compressed *c = NULL;
            MUST(dp_compressed_create(s.m, (enum dp_precision)p, NULL, &c));
            dp_compressed_threads(c, n);
            have.r = (struct pot_result){.forces = have.force, .atomic_energy = have.atomic};
            MUST(dp_compressed_run(c, s.layout, NULL, &have.r));
            compare(&s, (enum dp_precision)p, &have, &want);
            if (n == 1) outside[p] = dp_compressed_outside(c);
            assert_int_equal(dp_compressed_outside(c), outside[p]);
            for (int k = 0; k < 2; k++) {
                again.r = (struct pot_result){.forces = again.force, .atomic_energy = again.atomic};
                MUST(dp_compressed_run(c, s.layout, NULL, &again.r));
                assert_memory_equal(have.force, again.force, sizeof have.force);
                assert_memory_equal(have.r.virial, again.r.virial, sizeof have.r.virial);
                assert_true(have.r.energy == again.r.energy);
            }
            dp_compressed_destroy(&c);
        }
    if (!(outside[0] > 300 && outside[0] == outside[1])) fail_msg("%ld and %ld inputs outside", outside[0], outside[1]);
    scene_free(&s);
}

struct runner {
    struct dp_compressed *c;
    const struct scene *s;
    struct result r;
    enum al_err e;
};

static void *run_often(void *ctx)
{
    struct runner *x = ctx;
    for (int k = 0; k < 40 && !x->e; k++) {
        x->r.r = (struct pot_result){.forces = x->r.force, .atomic_energy = x->r.atomic};
        x->e = dp_compressed_run(x->c, x->s->layout, NULL, &x->r.r);
    }
    return NULL;
}

// Twins at the same time in threads, with rows outside the tables for some of them: the bits of one alone.
static void twins(void **state)
{
    (void)state;
    static struct runner x[4];
    struct scene far = scene(fixture_angular(5), 60, 10.0, 1.6, 6), close = scene(fixture_angular(5), 60, 10.0, 1.6, 6);
    far.m->min_nbor_dist = close.m->min_nbor_dist = 1.5;
    for (int a = 0; a < 3; a++)
        close.f->pos[7][a] = close.f->pos[2][a] + (a == 0 ? 0.95 : 0.1);
    build(&close);
    for (int p = 0; p < 2; p++) {
        static struct result want[2];
        struct dp_compressed *c = NULL, *alone = NULL;
        pthread_t thread[4];
        MUST(dp_compressed_create(far.m, (enum dp_precision)p, NULL, &alone));
        for (int k = 0; k < 2; k++) {
            want[k].r = (struct pot_result){.forces = want[k].force, .atomic_energy = want[k].atomic};
            MUST(dp_compressed_run(alone, k ? close.layout : far.layout, NULL, &want[k].r));
        }
        assert_true(dp_compressed_outside(alone) >= 2);
        dp_compressed_destroy(&alone);
        MUST(dp_compressed_create(far.m, (enum dp_precision)p, NULL, &c));
        for (int first = 0; first < 2; first++) { // the second time twins of one that has a table of its own by then
            for (int k = 0; k < 4; k++) {
                x[k] = (struct runner){.c = c, .s = k % 2 ? &far : &close};
                if (k) MUST(dp_compressed_twin(c, &x[k].c));
            }
            for (int k = 0; k < 4; k++)
                assert_int_equal(pthread_create(&thread[k], NULL, run_often, &x[k]), 0);
            for (int k = 0; k < 4; k++)
                assert_int_equal(pthread_join(thread[k], NULL), 0);
            for (int k = 0; k < 4; k++) {
                const struct result *w = &want[k % 2 ? 0 : 1];
                MUST(x[k].e);
                assert_true(x[k].r.r.energy == w->r.energy);
                assert_memory_equal(x[k].r.force, w->force, 60 * sizeof *w->force);
                assert_memory_equal(x[k].r.r.virial, w->r.virial, sizeof w->r.virial);
                assert_true((dp_compressed_outside(x[k].c) > 0) == (k % 2 == 0));
                if (k) dp_compressed_destroy(&x[k].c);
            }
        }
        dp_compressed_destroy(&c);
    }
    scene_free(&far);
    scene_free(&close);
}

// A net as steep as training at a high rate makes them still gets a table, as good as it says.
static void steep_tables(void **state)
{
    (void)state;
    struct dp_model *m = fixture_model(NULL, 12);
    int ntables = 0, nlarge = 0;
    for (double factor = 2; factor < 2000; factor *= 2) {
        struct dp_net *net = &m->emb[0];
        struct dp_table t;
        for (int j = 0; j < net->layer[0].nout; j++)
            net->layer[0].w[j] *= 2;
        MUST(dp_table_build(net, -1, 10, 3, 1e-6, &t));
        assert_true(t.nint <= DP_TABLE_STEEP && (t.up == 10) == (t.nint > 0));
        if (t.nint) assert_true(t.error <= 1e-6 || (t.error <= 1e-6 * DP_TABLE_SLACK && t.nint > DP_TABLE_MOST / 2));
        ntables += t.nint > 0;
        nlarge += t.nint > DP_TABLE_MOST;
        dp_table_free(&t);
    }
    assert_true(ntables >= 2 && ntables < 10 && nlarge >= 1); // and there is an end
    dp_model_destroy(&m);
}

// Between the nodes, at points that the builder did not look at.
static void tables(void **state)
{
    (void)state;
    struct dp_model *m = fixture_model(NULL, 12);
    double y[64], y1[64], y2[64], work[192];
    for (int degree = 3; degree <= 5; degree += 2)
        for (int e = 0; e < m->nemb; e++) {
            double lo, up, tolerance = degree == 3 ? 1e-6 : 1e-10;
            struct dp_table t;
            dp_table_range(m, e, &lo, &up);
            MUST(dp_table_build(&m->emb[e], lo, up, degree, tolerance, &t));
            assert_true(t.up == up && t.nint > 0 && t.error <= tolerance);
            for (double x = lo + 0.0123; x < up; x += 0.0777) {
                double u = (x - lo) * t.per_unit, at = u - floor(u);
                const double *c = t.c + (size_t)u * (size_t)((degree + 1) * t.m1);
                dp_net_curve(&m->emb[e], x, y, y1, y2, work);
                for (int a = 0; a < t.m1; a++) {
                    double v = 0, s = 0;
                    for (int q = degree; q >= 0; q--) {
                        s = s * at + v;
                        v = v * at + c[q * t.m1 + a];
                    }
                    s *= t.per_unit;
                    near("value", 1, &v, &y[a], 10 * tolerance);
                    near("slope", 1, &s, &y1[a], 10 * tolerance);
                }
            }
            dp_table_free(&t);
        }
    dp_model_destroy(&m);
}

// Cut-offs are rounded to float32 (a compiler once left that out).
static void rounded_cut_off(void **state)
{
    (void)state;
    struct dp_config c;
    dp_config_default(&c);
    c.rcut = 5.1;
    c.rcut_smth = 0.3;
    struct dp_cut cut = dp_cut_of(&c);
    assert_true(cut.rc == 5.099999904632568359375);
    assert_true(cut.rs == 0.300000011920928955078125);
    assert_true(cut.den == 4.799999713897705078125);
}

static void refused(void **state)
{
    (void)state;
    struct dp_model *m = fixture_model(NULL, 13);
    struct dp_compressed *c = NULL;
    enum dp_way way;
    assert_int_equal(dp_compressed_create(m, DP_MIXED, "sse9", &c), AL_ERR_UNSUPPORTED);
    assert_null(c);
    assert_int_equal(dp_way_of("single", &way), AL_ERR_INPUT);
    dp_model_destroy(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kernels),  cmocka_unit_test(forms),       cmocka_unit_test(isolated),
        cmocka_unit_test(outside_tables), cmocka_unit_test(differences), cmocka_unit_test(shared_environment), cmocka_unit_test(threads),
        cmocka_unit_test(twins),        cmocka_unit_test(tables),      cmocka_unit_test(steep_tables),
        cmocka_unit_test(rounded_cut_off), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
