// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Training benchmark, run by hand:
//   bench_train TRAIN_DIR VALID_DIR full|small mixed|double|plain STEPS SECONDS [LR_START LR_STOP [SEED]]
//               [KEY=VALUE ...]
// keys: optimiser (adam, soap), schedule (cosine), batch, force (limit of the force's prefactor), patience, valid (frames
// of a validation row), from (a .dp file), dir (to keep the model in)
// full: the network of shared/bench/deepmd_train.json; small: the one for the 3-minute run. Prints the
// learning curve with wall time, seconds per step, and the force errors on all of VALID_DIR. Stops after
// SECONDS. bench_train peak: what the core does in matrix products.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "dp/eval.h"
#include "dp/panel.h"
#include "train/env.h"
#include "train/nodes.h"
#include "train/train.h"

static double t0, limit, force_rmse;

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void observe(void *ctx, const struct train_progress *p)
{
    (void)ctx;
    printf("%7ld %7.1f s  lr %.1e  train e %.5f f %.4f v %.5f  valid e %.5f f %.4f v %.5f\n", p->step,
           al_clock() - t0, p->lr, p->rmse_e, p->rmse_f, p->rmse_v, p->val_rmse_e, p->val_rmse_f, p->val_rmse_v);
    fflush(stdout);
}

static bool check_stop(void *ctx)
{
    (void)ctx;
    return al_clock() - t0 > limit;
}

static void options(struct train_options *o, char **a, int n)
{
    bool full = !strcmp(a[3], "full");
    train_options_default(o);
    o->path = !strcmp(a[4], "mixed") ? GRADIENT_MIXED : !strcmp(a[4], "double") ? GRADIENT_DOUBLE : GRADIENT_PLAIN;
    o->steps = atol(a[5]);
    o->lr_start = n > 7 && !strchr(a[7], '=') ? atof(a[7]) : 1e-3;
    o->lr_stop = n > 8 && !strchr(a[8], '=') ? atof(a[8]) : 1e-6;
    o->decay_steps = 100; // the default, 5000, is for runs of 1e6 steps
    o->pref_v[0] = 0.02;
    o->pref_v[1] = 1;
    o->report_every = full ? 200 : 500;
    o->valid_batches = full ? 2 : 20;
    o->seed = n > 9 && !strchr(a[9], '=') ? (uint64_t)atol(a[9]) : 1;
    for (int i = 7; i < n; i++) {
        const char *v = strchr(a[i], '=');
        if (!v) continue;
        if (!strncmp(a[i], "optimiser=", 10) && !optimiser_find(v + 1, &o->optimiser)) exit(2);
        if (!strcmp(a[i], "schedule=cosine")) o->schedule = SCHEDULE_COSINE;
        if (!strncmp(a[i], "batch=", 6)) o->batch = atoi(v + 1);
        if (!strncmp(a[i], "force=", 6)) o->pref_f[1] = atof(v + 1);
        if (!strncmp(a[i], "patience=", 9)) o->patience = atoi(v + 1);
        if (!strncmp(a[i], "valid=", 6)) o->valid_batches = atoi(v + 1);
        if (!strncmp(a[i], "from=", 5)) o->init = v + 1;
        if (!strncmp(a[i], "dir=", 4)) o->dir = v + 1;
    }
    o->observe = observe;
    o->check_stop = check_stop;
    struct dp_config *c = &o->model;
    const int big[] = {25, 50, 100}, small[] = {10, 20, 40};
    memcpy(c->neuron, full ? big : small, sizeof big);
    c->axis_neuron = full ? 16 : 8;
    for (int i = 0; i < 3; i++)
        c->fit[i] = full ? 120 : 60;
    if (full) {
        const char *names[] = {"Li", "P", "S", "O"};
        const int sel[] = {48, 20, 60, 20};
        c->ntypes = 4;
        for (int t = 0; t < 4; t++) {
            snprintf(c->type_map[t], DP_TYPE_NAME, "%s", names[t]);
            c->sel[t] = sel[t];
        }
    }
}

// What the fast paths change in forces and energies: against the potential, rms over the first frames of each system.
static enum al_err path_errors(const struct dp_model *m, const struct dp_dataset *d)
{
    AL_OWN(env_cache) env = NULL;
    AL_OWN(dp_eval) ev = NULL;
    AL_TRY(env_cache_create(&m->c, d, 0, &env));
    AL_TRY(dp_eval_create(m, &ev));
    for (enum gradient_path path = GRADIENT_MIXED; path <= GRADIENT_DOUBLE; path++) {
        AL_OWN(gradient) g = NULL;
        double f2 = 0, e2 = 0;
        int n = 0;
        AL_TRY(gradient_create(m, path, &g));
        for (int s = 0; s < d->nsys; s++) {
            AL_AUTOFREE double(*force)[3] = NULL;
            AL_ALLOC(force, d->sys[s].natoms);
            for (int k = 0; k < d->sys[s].nframes && k < 10; k++, n++) {
                const struct dp_layout *l;
                struct pot_result r = {.forces = force};
                struct frame_loss loss;
                AL_TRY(env_cache_get(env, s, k, 0, &l));
                AL_TRY(dp_eval_run(ev, l, &r));
                struct frame_label label = {true, r.energy, &force[0][0], NULL};
                AL_TRY(gradient_frame(g, l, &label, &(struct loss_weights){1, 1, 1}, 1, NULL, &loss));
                f2 += loss.df2;
                e2 += loss.de2 / l->natoms / l->natoms;
            }
        }
        printf("%s path against the potential: force %.2e eV/Ang, energy %.2e eV/atom (rms)\n",
               path == GRADIENT_MIXED ? "mixed" : "double", sqrt(f2 / n), sqrt(e2 / n));
    }
    return AL_ERR_OK;
}

// Different grid nodes of all nets in a frame: each interval that holds a row, and its right end.
static enum al_err count_nodes(const struct dp_model *m, const struct dp_layout *l, double *ret)
{
    struct dp_rows rows = {0};
    AL_AUTOFREE int *interval = NULL;
    AL_AUTOFREE double *x = NULL;
    AL_ALLOC(interval, l->nrow);
    AL_ALLOC(x, l->nrow);
    AL_TRY(dp_rows_reserve(&rows, dp_groups(dp_config_sizes(&m->c)), (size_t)l->nrow));
    dp_rows_compute(&rows, m, l);
    for (int e = 0; e < m->nemb; e++) {
        struct nodes nodes = {0};
        bool ok;
        int n = 0;
        for (int b = 0; b < l->nblock; b++)
            for (int t = 0; t < l->ntypes; t++) {
                const int *seg = dp_layout_seg(l, b, t);
                if (dp_model_emb_index(m, l->block_type[b], t) != e) continue;
                for (int r = seg[0]; r < seg[dp_block_size(l, b) + 1]; r++)
                    x[n++] = rows.x[r];
            }
        AL_TRY(nodes_choose(&nodes, n, x, interval, &ok));
        *ret += nodes.n;
        nodes_free(&nodes);
    }
    dp_rows_free(&rows);
    return AL_ERR_OK;
}

// Floating-point operations of a step of one frame (an FMA is two), by formula, for the mean frame; both fast paths.
static enum al_err arithmetic(const struct dp_model *m, const struct dp_dataset *d)
{
    AL_OWN(env_cache) env = NULL;
    double atoms = 0, rows = 0, nodes = 0, frames = 0;
    AL_TRY(env_cache_create(&m->c, d, 0, &env));
    for (int s = 0; s < d->nsys; s++)
        for (int k = 0; k < d->sys[s].nframes; k += 10, frames++) {
            const struct dp_layout *l;
            AL_TRY(env_cache_get(env, s, k, 0, &l));
            atoms += l->natoms;
            rows += l->nrow - l->nblock * l->ntypes + l->natoms * l->ntypes;
            AL_TRY(count_nodes(m, l, &nodes));
        }
    atoms /= frames;
    rows /= frames;
    nodes /= frames;
    double m1 = m->c.neuron[m->c.nneuron - 1], m2 = m->c.axis_neuron, net = 0, hidden = 0;
    const struct dp_net *e = &m->emb[0], *f = &m->fit[0];
    for (int l = 1; l < e->nlayers; l++) // y, y'; their adjoints to x, x' and to w
        net += 6.0 * e->layer[l].nin * e->layer[l].nout;
    for (int l = 1; l < f->nlayers; l++) // the same and dE/dx
        hidden += 7.0 * f->layer[l].nin * f->layer[l].nout;
    double mega[] = {2e-6 * atoms * 6 * f->layer[0].nin * f->layer[0].nout, 2e-6 * atoms * hidden, 2e-6 * nodes * net,
                     2e-6 * rows * m1 * (7 + 15 + 14 + 20), 2e-6 * atoms * 36 * m1 * m2, 12e-6 * (double)m->nparam};
    double sum = 0;
    for (int i = 0; i < 6; i++)
        sum += mega[i];
    printf("arithmetic of a step, MFLOP: first fitting layer %.0f, other fitting layers %.0f, embedding nets %.0f, "
           "rows %.0f, descriptors %.0f, Adam %.0f; sum %.0f (%.0f atoms, %.0f rows, %.0f nodes)\n",
           mega[0], mega[1], mega[2], mega[3], mega[4], mega[5], sum, atoms, rows, nodes);
    return AL_ERR_OK;
}

static enum al_err peak(void)
{
    enum { N = 480, TIMES = 20 };
    static double a[N * N], b[N * N], c[N * N];
    static float fa[N * N], fb[N * N], fc[N * N];
    double best[3] = {1e9, 1e9, 1e9}, flop = 2.0 * N * N * N;
    for (int i = 0; i < N * N; i++)
        a[i] = fa[i] = 1.0f / (float)(i + 1);
    dp_panel_pack_d(N, N, a, N, NULL, b);
    dp_panel_pack_s(N, N, a, N, NULL, fb);
    for (int k = 0; k < 3 * TIMES; k++) {
        double start = cpu();
        if (k % 3 == 0)
            al_dgemm_row('N', 'N', N, N, N, 1, a, N, b, N, 0, c, N);
        else if (k % 3 == 1)
            dp_panel_mul_d(N, N, N, a, N, b, c, N);
        else
            dp_panel_mul_s(N, N, N, fa, N, fb, fc, N);
        double s = cpu() - start;
        if (s < best[k % 3]) best[k % 3] = s;
    }
    printf("peak, GF/s: OpenBLAS double %.1f, panels double %.1f, panels float %.1f\n", flop / best[0] / 1e9,
           flop / best[1] / 1e9, flop / best[2] / 1e9);
    return AL_ERR_OK;
}

static enum al_err bench(char **a, int n)
{
    AL_OWN(dp_dataset) train = NULL;
    AL_OWN(dp_dataset) valid = NULL;
    AL_OWN(trainer) t = NULL;
    const char *tr[] = {a[1]}, *va[] = {a[2]};
    struct train_options o;
    options(&o, a, n);
    limit = atof(a[6]);
    t0 = al_clock();
    AL_TRY(dp_dataset_read(tr, 1, &train));
    AL_TRY(dp_dataset_read(va, 1, &valid));
    AL_TRY(trainer_create(&o, train, valid, &t));
    double start = al_clock(), cpu0 = cpu();
    printf("set up in %.2f s, %zu parameters, sel", start - t0, trainer_model(t)->nparam);
    for (int k = 0; k < trainer_model(t)->c.ntypes; k++)
        printf(" %d", trainer_model(t)->c.sel[k]);
    printf("\n");
    enum al_err e = trainer_run(t);
    if (e != AL_ERR_STOPPED) AL_TRY(e);
    double end = al_clock(), steps = (double)trainer_step(t);
    printf("%.0f steps in %.1f s: %.5f s a step, %.5f s of processor time (with validation rows)\n", steps,
           end - start, (end - start) / steps, (cpu() - cpu0) / steps);
    for (int s = -1; s < valid->nsys; s++) {
        struct train_rmse r;
        AL_TRY(train_rmse(trainer_model(t), valid, 1, s, &r));
        if (s < 0) force_rmse = r.f;
        printf("%-16s energy %.5f eV/atom, force %.4f eV/Ang, virial %.5f eV/atom\n",
               s < 0 ? "all" : valid->sys[s].name, r.e, r.f, r.v);
    }
    AL_TRY(arithmetic(trainer_model(t), train));
    return path_errors(trainer_model(t), valid);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "peak")) return peak() != AL_ERR_OK;
    if (argc < 7) {
        fprintf(stderr, "usage: %s TRAIN VALID full|small mixed|double|plain STEPS SECONDS [LR_START LR_STOP [SEED]]\n",
                argv[0]);
        return 2;
    }
    enum al_err e = bench(argv, argc);
    if (e != AL_ERR_OK) {
        fprintf(stderr, "%s\n", al_err_message());
        return e == AL_ERR_NOTFOUND ? 77 : 1;
    }
    return strcmp(argv[3], "small") == 0 && !(force_rmse < 0.5);
}
