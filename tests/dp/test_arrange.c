// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Frames whose atoms come in a random order, evaluated and run in the potential's own: the same as the crystal that they were shuffled from, in
// the caller's order; restarts bit for bit; messages with the caller's numbers; the committee.
#include "dp_fixture.h"

#include <unistd.h>

#include "base/fsio.h"
#include "committee/committee.h"
#include "dp/arrange.h"
#include "dp/potential.h"
#include "md/integrators.h"
#include "md/md.h"

static const int LIST[] = {3, 15, 16, 8};
static const double RC = 4.5; // of the fixture's models

// A skew crystal of copies of an 8-atom cell of 5 Ang, somewhat out of place and outside its cell; and the same with atom k as number to[k].
static struct al_frame *crystal(int n0, int n1, int n2)
{
    const int n[3] = {n0, n1, n2};
    struct al_frame *unit = fixture_frame(8, LIST, 4, 5, 1.6, 3), *f = NULL;
    struct al_rng r;
    MUST(al_frame_supercell(unit, n, &f));
    al_frame_destroy(&unit);
    al_rng_stream(&r, 7, "arrange", 0, 0, 0);
    for (int i = 0; i < f->natoms; i++)
        for (int c = 0; c < 3; c++)
            f->pos[i][c] += 0.2 * (al_rng_uniform(&r) - 0.5) + (i % 5 ? 0 : f->cell[i % 3][c]);
    return f;
}

static struct al_frame *shuffled(const struct al_frame *f, int *to)
{
    struct al_frame *g = NULL;
    struct al_rng r;
    MUST(al_frame_copy(f, &g));
    al_rng_stream(&r, 8, "arrange", 0, 0, 0);
    for (int i = 0; i < f->natoms; i++)
        to[i] = i;
    for (int i = f->natoms - 1; i > 0; i--) {
        int k = (int)(al_rng_uniform(&r) * (i + 1)), t = to[i];
        to[i] = to[k];
        to[k] = t;
    }
    for (int i = 0; i < f->natoms; i++) {
        g->z[to[i]] = f->z[i];
        memcpy(g->pos[to[i]], f->pos[i], sizeof f->pos[i]);
        if (f->vel) memcpy(g->vel[to[i]], f->vel[i], sizeof f->vel[i]);
    }
    return g;
}

static void orders(void **state)
{
    (void)state;
    for (int pbc = 0; pbc < 2; pbc++) {
        struct al_frame *f = crystal(5, 4, 6);
        int *to = NULL, *order = NULL, *seen = NULL;
        MUST(al_alloc((size_t)f->natoms, sizeof *to, &to));
        MUST(al_alloc((size_t)f->natoms, sizeof *order, &order));
        MUST(al_alloc((size_t)f->natoms, sizeof *seen, &seen));
        struct al_frame *g = shuffled(f, to), *h = NULL;
        f->pbc = g->pbc = pbc;
        if (pbc) assert_false(dp_scattered(f, RC)); // images do not count as distance
        assert_true(dp_scattered(g, RC));
        MUST(dp_arrange(g, RC, order));
        MUST(al_frame_copy(g, &h));
        for (int i = 0; i < g->natoms; i++) {
            assert_int_equal(seen[order[i]]++, 0);
            memcpy(h->pos[i], g->pos[order[i]], sizeof g->pos[0]);
        }
        if (pbc) assert_false(dp_scattered(h, RC));
        g->pos[3][1] = (double)NAN; // the evaluation's to refuse
        assert_false(dp_scattered(g, RC));
        al_free(to);
        al_free(order);
        al_free(seen);
        al_frame_destroy(&f);
        al_frame_destroy(&g);
        al_frame_destroy(&h);
    }
    struct al_frame *small = fixture_frame(1, LIST, 1, 9, 0, 1);
    assert_false(dp_scattered(small, RC));
    al_frame_destroy(&small);
}

struct answer {
    struct pot_result r;
    double (*forces)[3], *energies;
};

static void ask(struct potential *p, const struct al_frame *f, struct answer *a)
{
    MUST(al_alloc((size_t)f->natoms, sizeof *a->forces, &a->forces));
    MUST(al_alloc((size_t)f->natoms, sizeof *a->energies, &a->energies));
    a->r = (struct pot_result){.forces = a->forces, .atomic_energy = a->energies};
    MUST(p->ops->eval(p, f, &a->r));
}

static void answer_free(struct answer *a)
{
    al_free(a->forces);
    al_free(a->energies);
}

// How far b (atom to[k]) is from a (atom k), relative to the largest force, and energies in eV.
static double off(const struct answer *a, const struct answer *b, const int *to, int n)
{
    double most = 0, big = 0;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) {
            most = fmax(most, fabs(a->forces[i][c] - b->forces[to ? to[i] : i][c]));
            big = fmax(big, fabs(a->forces[i][c]));
        }
    most /= big;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(a->energies[i] - b->energies[to ? to[i] : i]));
    for (int k = 0; k < 9; k++)
        most = fmax(most, fabs(a->r.virial[k / 3][k % 3] - b->r.virial[k / 3][k % 3]) / n);
    return fmax(most, fabs(a->r.energy - b->r.energy) / n);
}

static bool same_bits(const struct answer *a, const struct answer *b, int n)
{
    return memcmp(a->forces, b->forces, (size_t)n * sizeof *a->forces) == 0 && a->r.energy == b->r.energy &&
           memcmp(a->r.virial, b->r.virial, sizeof a->r.virial) == 0 &&
           memcmp(a->energies, b->energies, (size_t)n * sizeof *a->energies) == 0;
}

static void evaluations(void **state)
{
    (void)state;
    static const double limit[] = {1e-13, 1e-13, 2e-6}; // mixed: sums of floats in another order
    struct dp_model *m = fixture_model(NULL, 5);
    struct al_frame *f = crystal(5, 4, 6);
    int *to = NULL, n = f->natoms;
    MUST(al_alloc((size_t)n, sizeof *to, &to));
    struct al_frame *g = shuffled(f, to);
    for (int way = 0; way < 3; way++)
        for (int threads = 1; threads < 3; threads++) {
            struct potential *p = NULL;
            struct answer natural = {0}, kept = {0}, plain = {0}, sorted = {0}, again = {0}, back = {0};
            const struct dp_layout *l = NULL;
            MUST(dp_potential_from_model(m, (enum dp_way)way, &p));
            dp_potential_threads(p, threads);
            ask(p, f, &natural);
            MUST(p->ops->arrange(p, f)); // whose order is good: nothing changes
            ask(p, f, &kept);
            assert_true(same_bits(&natural, &kept, n));
            ask(p, g, &plain);
            MUST(p->ops->arrange(p, g));
            ask(p, g, &sorted);
            MUST(dp_potential_layout(p, g, &l));
            assert_non_null(l->number);
            assert_false(same_bits(&plain, &sorted, n)); // it is another order of sums
            assert_true(off(&natural, &sorted, to, n) < limit[way]);
            assert_true(off(&plain, &sorted, NULL, n) < limit[way]);
            MUST(p->ops->arrange(p, g));
            ask(p, g, &again);
            assert_true(same_bits(&sorted, &again, n));
            // The last evaluation is known by the caller's frame, and no longer after the order has changed.
            struct pot_result r = {.forces = again.forces};
            memset(again.forces, 0, (size_t)n * sizeof *again.forces);
            assert_true(dp_potential_recall(p, g, &r, &l) && l->number);
            assert_true(same_bits(&sorted, &again, n) && r.energy == sorted.r.energy);
            MUST(p->ops->arrange(p, NULL));
            assert_false(dp_potential_recall(p, g, &r, &l));
            ask(p, g, &back);
            assert_true(same_bits(&plain, &back, n));
            struct answer *all[] = {&natural, &kept, &plain, &sorted, &again, &back};
            for (int k = 0; k < 6; k++)
                answer_free(all[k]);
            potential_destroy(&p);
        }
    al_free(to);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
    dp_model_destroy(&m);
}

// With an order of its own it says the same.
static void words(void **state)
{
    (void)state;
    struct dp_model *m = fixture_model(NULL, 5);
    struct al_frame *f = crystal(5, 4, 6);
    int *to = NULL;
    MUST(al_alloc((size_t)f->natoms, sizeof *to, &to));
    struct al_frame *g = shuffled(f, to);
    struct potential *p = NULL;
    MUST(dp_potential_from_model(m, DP_WAY_DOUBLE, &p));
    for (int kind = 0; kind < 4; kind++) {
        static const enum al_err want[] = {AL_ERR_INPUT, AL_ERR_UNPHYSICAL, AL_ERR_UNPHYSICAL, AL_ERR_UNPHYSICAL};
        char text[2][AL_ERR_TEXT];
        struct al_frame *bad = NULL;
        MUST(al_frame_copy(g, &bad));
        if (kind == 0) bad->z[700] = bad->z[70] = 79;
        if (kind == 1) memcpy(bad->pos[300], bad->pos[5], sizeof bad->pos[5]);
        if (kind == 2) bad->pos[123][2] = (double)NAN;
        if (kind == 3) bad->pos[321][2] = 1e300;
        for (int own = 0; own < 2; own++) {
            struct pot_result r = {.forces = bad->forces};
            MUST(p->ops->arrange(p, own ? g : NULL));
            assert_int_equal(p->ops->eval(p, bad, &r), want[kind]);
            snprintf(text[own], sizeof text[own], "%s", al_err_message());
        }
        assert_string_equal(text[0], text[1]);
        al_frame_destroy(&bad);
    }
    al_free(to);
    potential_destroy(&p);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
    dp_model_destroy(&m);
}

// --- MD ---------------------------------------------------------------------------------------------------

static bool stop_at(void *ctx)
{
    return (*(long *)ctx)-- == 0;
}

enum { STEPS = 40 };

struct watch {
    struct committee *c;
    double deviation; // sum over the run
};

static enum al_err observe(void *ctx, const struct md_state *s, const struct md_thermo *t, bool *ret_end, char reason[MD_TEXT])
{
    struct watch *w = ctx;
    struct deviation d = {0};
    (void)t;
    (void)ret_end;
    (void)reason;
    AL_TRY(committee_eval(w->c, s->f, &d, NULL));
    w->deviation += d.max_f;
    return AL_ERR_OK;
}

// Hot, so that atoms leave their boxes. file NULL: to the end; else up to a checkpoint after `until` steps, or from there.
static struct al_frame *run(struct watch *w, const struct al_frame *first, const char *file, long until)
{
    struct md_state *s = NULL;
    struct integrator *g = NULL;
    struct al_frame *end = NULL;
    struct md_result r;
    struct al_rng rng;
    const bool more = file && al_exists(file);
    struct md_observer watch = {.stride = 10, .ctx = w, .observe = observe, .memory = &w->deviation, .memory_size = sizeof w->deviation};
    struct md_run_options o = {.nsteps = STEPS, .dt = 2, .removed_dof = 3, .checkpoint = file, .checkpoint_interval = 1e9,
                               .check_stop = stop_at, .stop_ctx = &until, .observers = &watch, .nobservers = 1};
    al_rng_stream(&rng, 4, "arrange", 0, 0, 0);
    MUST(md_state_create(first, &rng, &s));
    MUST(md_nve_open(&g));
    w->deviation = 0;
    enum al_err e = md_run(&o, s, committee_leader(w->c), g, &r);
    if (e != (file && !more ? AL_ERR_STOPPED : AL_ERR_OK)) fail_msg("%s", al_err_message());
    if (!e) assert_true(r.end == MD_END_DONE && r.resumed == (more ? STEPS / 2 : -1));
    MUST(al_frame_copy(s->f, &end));
    md_state_destroy(&s);
    integrator_destroy(&g);
    return end;
}

static struct committee *pair(void)
{
    struct committee *c = NULL;
    struct potential *p[2] = {NULL};
    for (int k = 0; k < 2; k++) {
        struct dp_model *m = fixture_model(NULL, 5 + (uint64_t)k);
        for (int t = 0; t < m->c.ntypes; t++) { // forces that move atoms
            m->out_std[t] *= 30;
            m->bias[t] /= 30;
        }
        MUST(dp_potential_from_model(m, DP_WAY_DOUBLE, &p[k]));
        dp_model_destroy(&m);
    }
    MUST(committee_from_potentials(p, 2, &c));
    return c;
}

static double apart(const struct al_frame *a, const struct al_frame *b, const int *to)
{
    double most = 0;
    for (int i = 0; i < a->natoms; i++)
        for (int k = 0; k < 3; k++)
            most = fmax(most, fabs(a->pos[i][k] - b->pos[to ? to[i] : i][k]));
    return most;
}

// The crystal and its shuffled copy go the same way, and the copy goes on bit for bit from a checkpoint.
static void trajectories(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-arrange-XXXXXX", file[AL_PATH];
    assert_non_null(mkdtemp(dir));
    MUST(al_path(file, "%s/checkpoint", dir));
    struct al_frame *f = crystal(5, 4, 6);
    struct al_rng r;
    int *to = NULL, n = f->natoms;
    MUST(al_alloc((size_t)n, sizeof *to, &to));
    al_rng_stream(&r, 9, "arrange", 0, 0, 0);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 3; k++)
            f->vel[i][k] = 0.06 * (al_rng_uniform(&r) - 0.5); // of thousands of K
    f->have |= AL_HAVE_VELOCITIES;
    struct al_frame *g = shuffled(f, to), *end[4], *last = NULL;
    struct watch w[4] = {{NULL}};
    for (int k = 0; k < 4; k++) { // crystal, copy, copy stopped, copy resumed by a new process
        w[k].c = pair();
        end[k] = run(&w[k], k ? g : f, k >= 2 ? file : NULL, k == 2 ? STEPS / 2 : -1);
    }
    MUST(al_frame_copy(end[1], &last));
    double moved = apart(g, end[1], NULL), off_path = apart(end[0], end[1], to);
    assert_true(moved > 1);
    // Rounding grows: one atom 1e-14 Ang off at the start (the last bit of these positions) is 1e-11 off at the end.
    if (!(off_path < 1e-8)) fail_msg("shuffled: off by %g Ang after %d steps", off_path, STEPS);
    assert_true(w[0].deviation > 0.1 && fabs(w[0].deviation - w[1].deviation) < 1e-8 * w[0].deviation);
    assert_memory_equal(end[1]->pos, end[3]->pos, (size_t)n * sizeof *end[1]->pos);
    assert_memory_equal(end[1]->forces, end[3]->forces, (size_t)n * sizeof *end[1]->forces);
    assert_true(end[1]->energy == end[3]->energy && w[1].deviation == w[3].deviation);
    // It was the order of the start, with the last bits of which that of the end does not agree; and it is given up after the run.
    struct potential *p = committee_leader(w[1].c);
    for (int k = 0; k < 4; k++) { // as the run left it, none, of the end, of the start
        struct pot_result res = {.forces = end[k]->forces};
        if (k) MUST(p->ops->arrange(p, k == 1 ? NULL : k == 2 ? last : g));
        MUST(p->ops->eval(p, last, &res));
    }
    size_t size = (size_t)n * sizeof *last->forces;
    assert_memory_equal(end[0]->forces, end[1]->forces, size);
    assert_memory_equal(end[3]->forces, last->forces, size);
    assert_memory_not_equal(end[1]->forces, last->forces, size);
    assert_memory_not_equal(end[2]->forces, last->forces, size);
    al_frame_destroy(&last);
    for (int k = 0; k < 4; k++) {
        al_frame_destroy(&end[k]);
        committee_destroy(&w[k].c);
    }
    al_free(to);
    al_frame_destroy(&f);
    al_frame_destroy(&g);
    MUST(al_remove_tree(dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(orders), cmocka_unit_test(evaluations), cmocka_unit_test(words),
                                       cmocka_unit_test(trajectories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
