// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb explore: NN-MD of one system at one temperature (and pressure) with the committee's first member; every stride steps the model
// deviation of the whole committee. Purpose test: a trajectory of its own (other random numbers) for held-out frames.
// A frame above the trust window ends the trajectory, and so does anything unphysical.
#include <stdlib.h>

#include "base/mem.h"
#include "worker/calibration.h"
#include "worker/nnmd.h"

struct explore {
    struct task *t;
    struct committee *committee;
    struct md_output *frames, *deviation;
    double trust_high;
    char place[64];       // "600K", "600K-5GPa"
    const char *pressure; // GPa, NULL where the configuration gives none
    const char *copies; // "2x1x1"
    double *f; // [natoms] deviation by atom
    struct {   // restored with a checkpoint
        long nframes;
    } memory;
};

static enum al_err write_frame(struct explore *x, const struct md_state *s, const struct deviation *d)
{
    AL_OWN(al_frame) f = NULL;
    char text[128];
    const struct task *t = x->t;
    AL_TRY(al_frame_copy(s->f, &f));
    f->have = 0;
    snprintf(text, sizeof text, "%s-%03d-%s%s-%ld", t->system, t->iteration, strcmp(t->purpose, "test") == 0 ? "test-" : "",
             x->place, s->step);
    AL_TRY(al_frame_info_set(f, "frame_id", text));
    AL_TRY(al_frame_info_set(f, "origin", t->id));
    AL_TRY(al_frame_info_set(f, "purpose", strcmp(t->purpose, "test") == 0 ? "test" : "train"));
    snprintf(text, sizeof text, "%g", t->temperature);
    AL_TRY(al_frame_info_set(f, "temperature", text));
    if (x->pressure) AL_TRY(al_frame_info_set(f, "pressure", x->pressure));
    if (strcmp(x->copies, "1x1x1") != 0) AL_TRY(al_frame_info_set(f, "supercell", x->copies));
    snprintf(text, sizeof text, "%.6f", d->max_f);
    AL_TRY(al_frame_info_set(f, "deviation", text));
    AL_TRY(md_output_take(x->frames, &f));
    x->memory.nframes++;
    return AL_ERR_OK;
}

static enum al_err on_frame(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end,
                            char reason[MD_TEXT])
{
    struct explore *x = ctx;
    struct deviation d = {.f = x->f};
    (void)th;
    FILE *out = x->deviation->out;
    if (s->step == 0) { // the starting structure itself is no news
        fputs("# step      max_devi_v  min_devi_v  avg_devi_v  max_devi_f  min_devi_f  avg_devi_f  devi_e\n", out);
        return AL_ERR_OK;
    }
    AL_TRY(committee_eval(x->committee, s->f, &d, NULL));
    fprintf(out, "%12ld%19.6e%19.6e%19.6e%19.6e%19.6e%19.6e%19.6e\n", s->step, d.max_v, d.min_v, d.avg_v, d.max_f, d.min_f,
            d.avg_f, d.e);
    AL_TRY(write_frame(x, s, &d));
    if (!(d.max_f < x->trust_high)) { // also true for NaN
        *ret_end = true;
        snprintf(reason, MD_TEXT, "force deviation %.3f eV/Ang is above the trust window (%.3f)", d.max_f, x->trust_high);
    }
    task_progress(x->t, s->step, (long)(x->t->cfg->explore.time / x->t->cfg->explore.timestep + 0.5),
                  "%s %s deviation %.3f eV/Ang", x->t->system, x->place, d.max_f);
    return AL_ERR_OK;
}

// "2x1x1"
static enum al_err read_copies(const struct task *t, const char *text, int ret[3])
{
    const char *at = text;
    for (int k = 0; k < 3; k++) {
        char *end;
        long n = strtol(at, &end, 10);
        if (end == at || n < 1 || n > 1000 || *end != (k < 2 ? 'x' : '\0')) AL_FAIL(AL_ERR_CORRUPT, "%s: supercell '%s'", t->id, text);
        ret[k] = (int)n;
        at = end + 1;
    }
    return AL_ERR_OK;
}

// Inputs: start (frames of the system's arrangements; the task's index takes them in turn), pressure in GPa where explore.pressures has some.
enum al_err verb_explore(struct task *t)
{
    const struct cfg_explore *c = &t->cfg->explore;
    int supercell[3];
    const uint64_t key[3] = {(uint64_t)t->iteration, (uint64_t)t->isystem, (uint64_t)(t->temperature * 1000)};
    struct explore x = {.t = t, .pressure = al_node_str(t->inputs, "pressure", NULL),
                        .copies = al_node_str(t->inputs, "supercell", "1x1x1")};
    char purpose[64];
    double pressure = 0;
    AL_OWN(nnmd) n = NULL;
    AL_OWN(md_output) frames = NULL;
    AL_OWN(md_output) deviation = NULL;
    AL_AUTOFREE double *f = NULL;
    AL_OWN(calibration_list) known = NULL;
    struct window w;
    AL_TRY(calibration_of_task(t, &known));
    AL_TRY(calibration_window(&t->cfg->select, known, t->system, t->temperature, &w));
    AL_TRY(read_copies(t, x.copies, supercell));
    if (x.pressure) AL_TRY(al_node_need_double(t->inputs, "pressure", &pressure));
    snprintf(x.place, sizeof x.place, "%gK", t->temperature);
    snprintf(purpose, sizeof purpose, "explore-%s", t->purpose);
    if (x.pressure) { // other random numbers at each pressure
        snprintf(x.place, sizeof x.place, "%gK-%gGPa", t->temperature, pressure);
        snprintf(purpose, sizeof purpose, "explore-%s-%gGPa", t->purpose, pressure);
    }
    AL_TRY(nnmd_open(t, c->precision, supercell, t->index, purpose, key, &n));
    n->thermostat = c->thermostat;
    n->cell = c->cell;
    n->pressure = pressure;
    AL_ALLOC(f, n->s->f->natoms);
    AL_TRY(nnmd_output(t, "frames.extxyz", &frames));
    AL_TRY(nnmd_output(t, "deviation.out", &deviation));
    x.trust_high = w.w.high;
    x.committee = n->committee;
    x.frames = frames;
    x.deviation = deviation;
    x.f = f;
    struct md_observer obs = {c->stride, &x, on_frame, &x.memory, sizeof x.memory};
    struct md_output *outputs[] = {frames, deviation};
    struct nnmd_run run = {.ensemble = c->ensemble, .engine = c->engine, .checkpoint = "checkpoint.bin", .time = c->time,
                           .timestep = c->timestep, .observer = &obs, .outputs = outputs, .noutputs = 2};
    struct md_result r;
    AL_TRY(nnmd_run(n, &run, &r));
    AL_TRY(task_artifact(t, frames->path));
    AL_TRY(task_artifact(t, deviation->path));
    AL_TRY(task_fact_int(t, "nframes", x.memory.nframes));
    AL_TRY(task_fact_int(t, "steps", r.steps));
    AL_TRY(task_fact_real(t, "trust_high", w.w.high));
    AL_TRY(overflow_facts(t, &n->overflow));
    AL_TRY(task_fact_text(t, "ended", r.end == MD_END_DONE ? "all steps done" : r.text));
    AL_TRY(nnmd_clean(n));
    return AL_ERR_OK;
}
