// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb aimd: first-principles trajectories of a system for the initial data, whose frames are labels. With settings of its own
// (initial.aimd.cutoff, kpoints) the trajectory only finds the frames, sampled.extxyz, and the same task labels them with those of
// label; sampled.yaml says that the first part is over, and what it told.
#include <math.h>

#include "base/mem.h"
#include "comm/comm.h"
#include "worker/mdrun.h"

struct initial {
    struct task *t;
    const char *label; // "600K-1GPa"
    double pressure;
    bool npt;
};

static enum al_err decorate(void *ctx, struct al_frame *f, const struct md_state *s)
{
    const struct initial *x = ctx;
    char text[160];
    snprintf(text, sizeof text, "%s-aimd-%s-%ld", x->t->system, x->label, s->step);
    AL_TRY(al_frame_info_set(f, "frame_id", text));
    AL_TRY(al_frame_info_set(f, "origin", "aimd"));
    AL_TRY(al_frame_info_set(f, "purpose", "train"));
    snprintf(text, sizeof text, "%g", x->t->temperature);
    AL_TRY(al_frame_info_set(f, "temperature", text));
    snprintf(text, sizeof text, "%g", x->pressure);
    AL_TRY(al_frame_info_set(f, "pressure", x->npt ? text : NULL));
    return AL_ERR_OK;
}

static enum al_err run_md(struct initial *x, const struct al_frame *start, const char *frames, const char *thermo, struct mdrun_result *ret)
{
    struct task *t = x->t;
    const struct cfg_aimd *a = &t->cfg->initial.aimd;
    char checkpoint[AL_PATH];
    AL_TRY(task_path(t, checkpoint, "checkpoint.bin"));
    struct mdrun_settings m = {
        .potential = t->cfg->label.engine,
        .start = start,
        .ensemble = x->npt ? "npt" : "nvt",
        .temperature = t->temperature,
        .velocities = 2 * t->temperature, // half of it goes into the potential energy of the relaxed structure
        .pressure = x->pressure,
        .time = a->time,
        .timestep = a->timestep,
        .tau = a->tau,
        .tau_p = a->tau_p,
        .stride = a->stride,
        .first = (long)ceil(a->equilibration / a->timestep - 1e-9),
        .identity = t->identity,
        .trajectory = frames,
        .thermo = thermo,
        .checkpoint = checkpoint,
        .stream = {(uint64_t)t->isystem, (uint64_t)t->index},
        .purpose = "aimd",
        .labels = true,
    };
    if (m.first < 1) m.first = 1; // the starting structure itself is no news
    AL_TRY(mdrun(t, &m, decorate, x, ret));
    return AL_ERR_OK;
}

bool aimd_settings(const struct loop_config *c, struct cfg_label *l)
{
    const struct cfg_aimd *a = &c->initial.aimd;
    if (a->cutoff > 0) l->cutoff = a->cutoff;
    if (a->own_kpoints) l->kpoints = a->kpoints;
    for (int k = 0; k < 3 && a->cutoff > 0; k++)
        l->fft_grid[k] = 0;
    return a->cutoff > 0 || a->own_kpoints;
}

static enum al_err run_cheap(struct initial *x, const struct al_frame *start, const char *frames, const char *thermo)
{
    struct cfg_label *l = &x->t->cfg->label;
    const struct cfg_label kept = *l;
    struct mdrun_result r;
    (void)aimd_settings(x->t->cfg, l);
    enum al_err e = run_md(x, start, frames, thermo, &r);
    *l = kept;
    AL_TRY(e);
    if (!x->t->quiet) AL_TRY(mdrun_facts(x->t, "sampled", &r));
    return AL_ERR_OK;
}

// Whether the trajectory of this very task is there already; its facts then.
static enum al_err take_note(const struct initial *x, const char *note, bool *ret_sampled)
{
    AL_OWN(al_node) n = NULL;
    *ret_sampled = false;
    if (!al_exists(note)) return AL_ERR_OK;
    AL_TRY(al_yaml_read(note, &n));
    *ret_sampled = strcmp(al_node_str(n, "identity", ""), x->t->identity) == 0;
    for (const struct al_node *k = n->child; k && *ret_sampled; k = k->next)
        if (strcmp(k->key, "identity") != 0) AL_TRY(task_fact_text(x->t, k->key, k->text));
    return AL_ERR_OK;
}

// Facts of the trajectory, in a file as long as its frames are being labelled.
static enum al_err write_note(const struct initial *x, const char *note)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open(note, &o));
    al_yaml_str(o.out, 0, "identity", x->t->identity);
    for (int i = 0; i < x->t->nfacts; i++)
        al_yaml_str(o.out, 0, x->t->fact[i].key, x->t->fact[i].value);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static enum al_err sample_and_label(struct initial *x, const struct al_frame *start, const char *thermo)
{
    struct task *t = x->t;
    char frames[AL_PATH], note[AL_PATH];
    AL_OWN(comm) world = NULL;
    AL_OWN(al_frames) in = NULL;
    bool sampled;
    AL_TRY(comm_world(&world));
    AL_TRY(task_path(t, frames, "sampled.extxyz"));
    AL_TRY(task_path(t, note, "sampled.yaml"));
    AL_TRY_ALL(world, take_note(x, note, &sampled));
    if (!sampled) AL_TRY(run_cheap(x, start, frames, thermo));
    AL_TRY_ALL(world, sampled || t->quiet ? AL_ERR_OK : write_note(x, note));
    AL_TRY_ALL(world, al_xyz_read(frames, &in));
    if (in->n) AL_TRY(label_frames(t, in, 0, in->n));
    return AL_ERR_OK;
}

static enum al_err run_labels(struct initial *x, const struct al_frame *start, const char *thermo)
{
    struct mdrun_result r;
    char labelled[AL_PATH];
    AL_TRY(task_path(x->t, labelled, "labelled.extxyz"));
    AL_TRY(run_md(x, start, labelled, thermo, &r));
    if (x->t->quiet) return AL_ERR_OK;
    AL_TRY(mdrun_facts(x->t, "nframes", &r));
    AL_TRY(task_artifact(x->t, labelled));
    return AL_ERR_OK;
}

// Inputs: start (frames of the system's arrangements; the task's index takes them in turn), place ("600K-1GPa"), pressure in
// GPa for npt.
enum al_err verb_aimd(struct task *t)
{
    const char *start, *pressure = NULL;
    struct initial x = {.t = t};
    struct cfg_label own = t->cfg->label;
    char thermo[AL_PATH];
    AL_OWN(al_frames) base = NULL;
    AL_TRY(task_input(t, "start", &start));
    AL_TRY(task_input(t, "place", &x.label));
    pressure = al_node_str(t->inputs, "pressure", NULL);
    if (pressure) {
        x.npt = true;
        AL_TRY(al_node_need_double(t->inputs, "pressure", &x.pressure));
    }
    AL_TRY(al_xyz_read(start, &base));
    if (!base->n) AL_FAIL(AL_ERR_CORRUPT, "%s has no frame", start);
    const struct al_frame *f = base->f[t->index % base->n];
    AL_TRY(task_path(t, thermo, "thermo.csv"));
    AL_TRY(aimd_settings(t->cfg, &own) ? sample_and_label(&x, f, thermo) : run_labels(&x, f, thermo));
    if (!t->quiet) AL_TRY(task_artifact(t, thermo));
    return AL_ERR_OK;
}
