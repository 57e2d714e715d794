// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/plan_cost.h"

#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/taskfile.h"

#define ATOM_BYTES  64.0 // of a line of a trajectory: symbol and three numbers of 17 digits
#define DCD_BYTES   12.0 // three single-precision numbers
#define LABEL_BYTES 130.0 // of an atom in labelled.extxyz; deepmd/npy adds 48
#define NPY_BYTES   48.0

// Where the operations of an SCF of this kind are summed; "": a label as usual.
static double *sum_of(struct plan_cost *c, const char *kind)
{
    if (strcmp(kind, "supercell") == 0) return c->large;
    if (strcmp(kind, "noise") == 0) return c->tight;
    if (strcmp(kind, "aimd") == 0) return c->aimd;
    return c->flops;
}

static enum al_err take_answer(const struct rundir *r, const struct al_node *answer, struct plan_cost *c)
{
    const struct al_node *list = al_node_get(answer, "frames");
    c->nsystems = r->config->nsystems;
    AL_TRY(al_node_need_double(answer, "limit", &c->limit));
    for (const struct al_node *n = list ? list->child : NULL; n; n = n->next) {
        const char *name, *kind = al_node_str(n, "kind", "");
        double bytes, flops;
        long natoms;
        AL_TRY(al_node_need_str(n, "system", &name));
        AL_TRY(al_node_need_double(n, "bytes", &bytes));
        AL_TRY(al_node_need_double(n, "flops", &flops));
        AL_TRY(al_node_need_int(n, "natoms", &natoms));
        for (int s = 0; s < c->nsystems; s++) {
            if (strcmp(r->config->system[s].name, name) != 0) continue;
            sum_of(c, kind)[s] += flops;
            c->narr[s] += !kind[0];
            if (!kind[0]) c->natoms[s] = (int)natoms;
        }
        c->narrangements += !kind[0];
        c->bytes = fmax(c->bytes, bytes * c->ranks);
    }
    for (int s = 0; s < c->nsystems; s++) {
        if (!c->narr[s]) AL_FAIL(AL_ERR_CORRUPT, "the worker's estimate leaves out the system %s", r->config->system[s].name);
        c->flops[s] /= c->narr[s];
        c->large[s] /= c->narr[s];
        c->tight[s] /= c->narr[s];
        c->aimd[s] /= c->narr[s];
    }
    return AL_ERR_OK;
}

static double fact(const struct task_result *t, const char *key)
{
    for (int i = 0; i < t->nfacts; i++)
        if (strcmp(t->fact[i].key, key) == 0) return strtod(t->fact[i].value, NULL);
    return 0;
}

// Label tasks that the run directory has finished.
static enum al_err measured_in(const struct rundir *r, struct plan_cost *c)
{
    static const char *const patterns[] = {"initial/*/label/*", "iterations/*/label/*"};
    double seconds = 0, flops = 0;
    for (int k = 0; k < 2; k++) {
        char pattern[AL_PATH];
        glob_t g = {0};
        AL_TRY(al_path(pattern, "%s/%s/result.yaml", r->path, patterns[k]));
        if (glob(pattern, 0, NULL, &g) == 0)
            for (size_t i = 0; i < g.gl_pathc; i++) {
                AL_OWN(task_result) t = NULL;
                char id[AL_PATH];
                snprintf(id, sizeof id, "%s", g.gl_pathv[i] + strlen(r->path) + 1);
                *strrchr(id, '/') = '\0';
                if (task_result_read(r->path, id, &t) != AL_ERR_OK || !(fact(t, "flops") > 0)) continue;
                seconds += c->ranks * fact(t, "seconds");
                flops += fact(t, "flops");
                c->nmeasured++;
            }
        globfree(&g);
    }
    if (!(seconds > 0)) return AL_ERR_OK;
    c->rate = flops / seconds;
    snprintf(c->rate_from, sizeof c->rate_from, "measured on %d label tasks of %s", c->nmeasured, r->path);
    return AL_ERR_OK;
}

static enum al_err find_rate(const struct rundir *r, const struct converge_verdict *v, struct plan_cost *c)
{
    c->rate = PLAN_RATE;
    snprintf(c->rate_from, sizeof c->rate_from, "a priori, right within a factor of three");
    if (v->found && v->core_seconds > 0 && v->flops > 0) {
        c->rate = v->flops / v->core_seconds;
        snprintf(c->rate_from, sizeof c->rate_from, "measured by %s", v->path);
    }
    AL_TRY(measured_in(r, c));
    return AL_ERR_OK;
}

static struct plan_stage *add_stage(struct plan_cost *c, const char *name, long least, long most)
{
    struct plan_stage *s = &c->stage[c->nstages++];
    *s = (struct plan_stage){.name = name, .least = least, .most = most};
    return s;
}

// Frames of each system into a stage of labelling; times[2]: how often, least and most.
static void add_labels(struct plan_cost *c, const struct loop_config *cfg, const char *name, const double *frames, const int times[2])
{
    long tasks = 0;
    double n = 0, hours = 0;
    for (int s = 0; s < c->nsystems; s++) {
        tasks += (long)ceil(frames[s] / cfg->resources.label_batch);
        n += frames[s];
        hours += frames[s] * c->flops[s] / c->rate / 3600;
    }
    struct plan_stage *st = add_stage(c, name, times[0] * tasks, times[1] * tasks);
    for (int k = 0; k < 2; k++) {
        st->frames[k] = times[k] * n;
        st->hours[k] = times[k] * hours;
    }
}

// First-principles MD: every step is an SCF, from an extrapolated start; counted as a whole one, which is the most. With settings of
// its own the frames that it gives are labelled besides.
static void add_aimd(struct plan_cost *c, const struct loop_config *cfg)
{
    const struct cfg_aimd *a = &cfg->initial.aimd;
    int runs = a->temperatures.n * (a->pressures.n > 1 ? a->pressures.n : 1);
    if (!runs) return;
    double steps = ceil(a->time / a->timestep), sampled = floor(a->time / a->timestep / a->stride);
    struct plan_stage *st = add_stage(c, "initial: DFT MD", c->nsystems * runs, c->nsystems * runs);
    for (int s = 0; s < c->nsystems; s++)
        for (int k = 0; k < 2; k++) {
            bool own = c->aimd[s] > 0;
            double flops = own ? steps * c->aimd[s] + sampled * c->flops[s] : steps * c->flops[s];
            st->frames[k] += runs * (own ? steps + sampled : steps);
            st->hours[k] += runs * flops / c->rate / 3600;
        }
}

static int explore_points(const struct loop_config *cfg)
{
    return cfg->explore.temperatures.n * (cfg->explore.pressures.n ? cfg->explore.pressures.n : 1);
}

// Of the test trajectories those in the cells of test.supercell: the last of explore.temperatures and every second below it (plan_measure.c).
static double large_share(const struct loop_config *cfg)
{
    const int *n = cfg->test.supercell, temperatures = cfg->explore.temperatures.n, large = (temperatures + 1) / 2;
    return n[0] * n[1] * n[2] > 1 && temperatures ? (double)large / temperatures : 0;
}

// What test frames in larger cells take more than the others, in the stage that labels them.
static void add_large(struct plan_cost *c, const struct loop_config *cfg)
{
    struct plan_stage *st = &c->stage[c->nstages - 1];
    for (int s = 0; s < c->nsystems; s++)
        for (int k = 0; k < 2 && c->large[s] > 0; k++)
            st->hours[k] += c->iterations[k] * cfg->test.frames * large_share(cfg) * (c->large[s] - c->flops[s]) / c->rate / 3600;
}

// A task for each of the frames that are labelled again, at most as many as the last iteration has test frames of.
static void add_noise(struct plan_cost *c, const struct loop_config *cfg)
{
    int have = cfg->test.frames * c->nsystems, n = cfg->converge.label_noise < have ? cfg->converge.label_noise : have;
    if (!n) return;
    struct plan_stage *st = add_stage(c, "label noise", n, n);
    for (int k = 0; k < 2; k++) {
        st->frames[k] = n;
        for (int s = 0; s < c->nsystems; s++)
            st->hours[k] += n * c->tight[s] / c->nsystems / c->rate / 3600;
    }
}

// Of an iteration and system, at most.
static int selected_frames(const struct loop_config *cfg)
{
    return cfg->select.max_frames + cfg->select.random_frames + cfg->test.frames;
}

static void add_stages(const struct loop_config *cfg, struct plan_cost *c)
{
    double initial[CFG_MAX_SYSTEMS] = {0}, selected[CFG_MAX_SYSTEMS] = {0};
    const int once[2] = {1, 1}, *it = c->iterations, ns = c->nsystems;
    int explore = 2 * ns * explore_points(cfg);
    int volumes = ns * cfg->production.temperatures.n, produce = volumes * cfg->production.replicas;
    for (int s = 0; s < ns; s++) {
        initial[s] = c->narr[s] * cfg->initial.frames;
        selected[s] = selected_frames(cfg);
    }
    add_stage(c, "initial: structures", ns, ns);
    add_labels(c, cfg, "initial: label", initial, once);
    add_aimd(c, cfg);
    add_stage(c, "initial: gather", 1, 1);
    add_stage(c, "train", (long)it[0] * cfg->train.committee, (long)it[1] * cfg->train.committee);
    add_stage(c, "explore", (long)it[0] * explore, (long)it[1] * explore);
    add_stage(c, "select", it[0], it[1]);
    add_labels(c, cfg, "label", selected, it);
    add_large(c, cfg);
    add_stage(c, "gather and evaluate", 2L * it[0], 2L * it[1]);
    add_stage(c, "publish", 1, 1);
    if (strcmp(cfg->production.volume, "npt") == 0) add_stage(c, "volume", volumes, volumes);
    add_stage(c, "produce", produce, produce);
    add_noise(c, cfg);
    add_stage(c, "analyze and report", ns + 1, ns + 1);
    c->total.name = "total";
    for (int i = 0; i < c->nstages; i++) {
        const struct plan_stage *s = &c->stage[i];
        c->total.least += s->least;
        c->total.most += s->most;
        for (int k = 0; k < 2; k++) {
            c->total.frames[k] += s->frames[k];
            c->total.hours[k] += s->hours[k];
        }
    }
}

static void add_disk(const struct loop_config *cfg, struct plan_cost *c)
{
    const int *n = cfg->production.supercell;
    double steps = cfg->production.time / cfg->production.timestep / cfg->production.stride;
    double steps_explore = cfg->explore.time / cfg->explore.timestep / cfg->explore.stride;
    for (int s = 0; s < c->nsystems; s++) {
        double atoms = c->natoms[s], big = atoms * n[0] * n[1] * n[2];
        double labels = c->narr[s] * cfg->initial.frames + (double)c->iterations[1] * selected_frames(cfg);
        c->disk += labels * atoms * (LABEL_BYTES + NPY_BYTES);
        c->disk += steps * big * (strcmp(cfg->production.format, "dcd") == 0 ? DCD_BYTES : ATOM_BYTES) * cfg->production.temperatures.n * cfg->production.replicas;
        double more = large_share(cfg) * (cfg->test.supercell[0] * cfg->test.supercell[1] * cfg->test.supercell[2] - 1); // of test frames
        c->disk += c->iterations[1] * cfg->test.frames * more * atoms * (LABEL_BYTES + NPY_BYTES);
        c->disk += (2.0 + more) * c->iterations[1] * steps_explore * atoms * ATOM_BYTES * explore_points(cfg);
    }
}

enum al_err plan_cost_make(const struct rundir *r, const struct al_node *answer, const struct converge_verdict *v,
                           struct plan_cost *ret)
{
    const struct loop_config *cfg = r->config;
    struct plan_cost c = {.ranks = cfg->resources.label.ranks};
    int least = cfg->converge.patience > cfg->converge.min_iterations ? cfg->converge.patience : cfg->converge.min_iterations;
    c.iterations[1] = cfg->converge.max_iterations;
    c.iterations[0] = least < c.iterations[1] ? least : c.iterations[1];
    AL_TRY(take_answer(r, answer, &c));
    AL_TRY(find_rate(r, v, &c));
    add_stages(cfg, &c);
    add_disk(cfg, &c);
    *ret = c;
    return AL_ERR_OK;
}
