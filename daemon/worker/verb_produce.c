// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb produce: NVT equilibration, then NVE, of one system at one temperature, in the cell that verb volume found where it ran. The
// committee's first member moves the atoms; the model deviation of all members is watched on the way.
#include <math.h>

#include "base/mem.h"
#include "base/units.h"
#include "worker/calibration.h"
#include "worker/nnmd.h"
#include "worker/series.h"

enum { DEVIATION_EVERY = 10 /* frames of the trajectory */, APART = 10 /* samples in a row */ };
static const double apart = 4; // times trust.high
static const double drift_limit = 0.01; // of the temperature, over the run

struct produce {
    struct task *t;
    struct nnmd *n;
    struct md_output *traj, *thermo, *deviation;
    struct trust_window window; // given, or measured (trust: auto)
    const char *stage;
    long nsteps;
    struct { // restored with a checkpoint: of the second half of NVT
        long n;
        double epot;
    } settled;
    struct { // restored with a checkpoint
        long frames, samples, above_low, above_high; // samples outside the trust window
        long apart;                                  // samples in a row far outside
        double sum, max;
    } memory;
};

// Every DEVIATION_EVERY-th frame: how far the members are apart where production goes. A run that stays far outside the window has fallen into a
// hole of the potential (atoms in each other that none of the training frames had): it ends, and is not used.
static enum al_err sample_deviation(struct produce *x, const struct md_state *s, bool *ret_end, char reason[MD_TEXT])
{
    struct deviation d = {0};
    FILE *out = x->deviation->out;
    AL_TRY(nnmd_deviation(x->n, &d));
    if (!x->memory.samples) fputs("# step      max_devi_v  min_devi_v  avg_devi_v  max_devi_f  min_devi_f  avg_devi_f  devi_e\n", out);
    fprintf(out, "%12ld%19.6e%19.6e%19.6e%19.6e%19.6e%19.6e%19.6e\n", s->step, d.max_v, d.min_v, d.avg_v, d.max_f, d.min_f, d.avg_f,
            d.e);
    x->memory.sum += d.max_f;
    x->memory.samples++;
    x->memory.above_low += !(d.max_f < x->window.low);
    x->memory.above_high += !(d.max_f < x->window.high);
    if (d.max_f > x->memory.max) x->memory.max = d.max_f;
    x->memory.apart = d.max_f < apart * x->window.high ? 0 : x->memory.apart + 1;
    if (x->memory.apart < APART) return AL_ERR_OK;
    *ret_end = true;
    snprintf(reason, MD_TEXT, "the members are %.3g eV/Ang apart (trust.high %.3g), and so in %d samples in a row: nothing like this was trained on", d.max_f,
             x->window.high, APART);
    return AL_ERR_OK;
}

static enum al_err on_frame(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end,
                            char reason[MD_TEXT])
{
    struct produce *x = ctx;
    if (x->memory.frames % DEVIATION_EVERY == 0) AL_TRY(sample_deviation(x, s, ret_end, reason));
    x->memory.frames++;
    AL_TRY(md_output_frame(x->traj, s, false));
    AL_TRY(md_output_thermo(x->thermo, th));
    task_progress(x->t, s->step, x->nsteps, "%s %g K %s T %.0f K", x->t->system, x->t->temperature, x->stage, th->temperature);
    return AL_ERR_OK;
}

static enum al_err on_equilibration(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end,
                                    char reason[MD_TEXT])
{
    struct produce *x = ctx;
    (void)ret_end;
    (void)reason;
    if (2 * s->step >= x->nsteps) {
        x->settled.epot += th->epot;
        x->settled.n++;
    }
    task_progress(x->t, s->step, x->nsteps, "%s %g K %s T %.0f K", x->t->system, x->t->temperature, x->stage, th->temperature);
    return AL_ERR_OK;
}

// NVT, and velocities for NVE that keep its mean energy, so that the temperature of NVE is the one asked for.
static enum al_err equilibrate(struct produce *x, struct nnmd *n, struct md_result *ret)
{
    const struct cfg_production *c = &x->t->cfg->production;
    struct md_observer obs = {c->stride, x, on_equilibration, &x->settled, sizeof x->settled};
    struct nnmd_run run = {.ensemble = "nvt", .engine = c->engine, .checkpoint = "equilibration.bin", .time = c->equilibration,
                           .timestep = c->timestep, .observer = &obs};
    x->stage = "NVT";
    x->nsteps = nnmd_steps(&run);
    AL_TRY(nnmd_run(n, &run, ret));
    if (ret->end == MD_END_DONE && x->settled.n)
        AL_TRY(task_fact_real(x->t, "velocity_factor", md_velocities_settle(n->s, x->settled.epot / (double)x->settled.n, x->t->temperature, 3)));
    return AL_ERR_OK;
}

static enum al_err run_nve(struct produce *x, struct nnmd *n, struct md_result *ret)
{
    const struct cfg_production *c = &x->t->cfg->production;
    struct md_observer obs = {c->stride, x, on_frame, &x->memory, sizeof x->memory};
    struct md_output *outputs[] = {x->traj, x->thermo, x->deviation};
    struct nnmd_run run = {.ensemble = "nve", .engine = c->engine, .checkpoint = "checkpoint.bin", .time = c->time,
                           .timestep = c->timestep, .observer = &obs, .outputs = outputs, .noutputs = 3};
    x->stage = "NVE";
    x->nsteps = nnmd_steps(&run);
    n->s->step = 0; // production counts from here
    n->s->time = 0;
    n->s->bath = 0;
    AL_TRY(nnmd_run(n, &run, ret));
    return AL_ERR_OK;
}

// The temperature is that of every step; its error comes from the rows of thermo.out.
static enum al_err temperature_facts(struct task *t, const struct produce *x, const struct md_result *r)
{
    AL_AUTOFREE struct md_thermo *th = NULL;
    AL_AUTOFREE double *temperature = NULL;
    struct series s;
    int n;
    AL_TRY(md_thermo_read(x->thermo->path, &th, &n));
    AL_ALLOC(temperature, n + 1);
    for (int i = 1; i < n; i++) // not that of step 0
        temperature[i - 1] = th[i].temperature;
    AL_TRY(series_of(n > 1 ? n - 1 : 0, temperature, &s));
    AL_TRY(task_fact_real(t, "temperature", r->temperature));
    AL_TRY(task_fact_real(t, "temperature_error", s.error));
    AL_TRY(task_fact_real(t, "temperature_std", r->temperature_std));
    return AL_ERR_OK;
}

// Whether total energy kept: what the drift does to the temperature by the end, were all of it to become heat of harmonic motion.
static enum al_err drift_facts(struct task *t, const struct md_result *r)
{
    double ps = 1e-3 * t->cfg->production.timestep * (double)r->steps;
    double kelvin = fabs(r->drift) * ps / (3 * AL_KB_EV), share = kelvin / t->temperature;
    char text[160];
    bool small = share < drift_limit; // not for NaN
    snprintf(text, sizeof text, "%s: by the end worth %.2g K, %.2g %% of %g K (limit %g %%)", small ? "small" : "NOT small", kelvin,
             100 * share, t->temperature, 100 * drift_limit);
    AL_TRY(task_fact_real(t, "drift_ev_per_atom_ps", r->drift));
    AL_TRY(task_fact_int(t, "drift_small", small));
    AL_TRY(task_fact_text(t, "drift_text", text));
    AL_TRY(task_fact_real(t, "fluctuation_ev_per_atom", r->fluctuation));
    return AL_ERR_OK;
}

static enum al_err deviation_facts(struct task *t, const struct produce *x)
{
    const double n = (double)x->memory.samples;
    AL_TRY(task_fact_int(t, "deviation_samples", x->memory.samples));
    AL_TRY(task_fact_real(t, "deviation_mean", n > 0 ? x->memory.sum / n : (double)NAN));
    AL_TRY(task_fact_real(t, "deviation_max", x->memory.max));
    AL_TRY(task_fact_real(t, "trust_low", x->window.low));
    AL_TRY(task_fact_real(t, "trust_high", x->window.high));
    AL_TRY(task_fact_int(t, "extrapolating", x->memory.above_high)); // samples above the window
    AL_TRY(task_fact_int(t, "uncertain", x->memory.above_low));      // above its lower end, those included
    return AL_ERR_OK;
}

static enum al_err facts(struct task *t, const struct produce *x, const struct md_result *r)
{
    char ended[MD_TEXT + 64];
    snprintf(ended, sizeof ended, "%s: %s after %ld steps", x->stage, r->text, r->steps);
    if (x->memory.frames) { // what is said here is of production, not of what goes before it
        AL_TRY(temperature_facts(t, x, r));
        AL_TRY(drift_facts(t, r));
        AL_TRY(task_fact_real(t, "pressure_gpa", r->pressure));
        AL_TRY(deviation_facts(t, x));
    }
    AL_TRY(task_fact_int(t, "frames", x->memory.frames));
    AL_TRY(task_fact_int(t, "steps", r->steps));
    if (r->history_lost) AL_TRY(task_fact_int(t, "history_lost", 1));
    AL_TRY(task_fact_text(t, "ended", r->end == MD_END_DONE ? "all steps done" : ended));
    return AL_ERR_OK;
}

// The cell of volume.yaml where the task has one. A volume run that came to no end is one of production, too.
static enum al_err take_volume(struct task *t, struct nnmd *n, struct md_result *ret)
{
    static const char *const keys[] = {"volume_ang3", "volume_error_ang3", "volume_start_ang3", "expansion"};
    AL_OWN(al_node) v = NULL;
    const struct al_node *input = al_node_get(t->inputs, "volume");
    double scale, x;
    if (!input) {
        AL_TRY(task_fact_real(t, keys[0], al_frame_volume(n->s->f)));
        return AL_ERR_OK;
    }
    AL_TRY(al_yaml_read(input->text, &v));
    if (!al_node_get(v, "scale")) {
        ret->end = MD_END_OBSERVER;
        ret->steps = al_node_int(v, "steps", 0);
        snprintf(ret->text, MD_TEXT, "%s", al_node_str(v, "ended", ""));
        return AL_ERR_OK;
    }
    AL_TRY(al_node_need_double(v, "scale", &scale));
    nnmd_scale(n, scale);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        AL_TRY(al_node_need_double(v, keys[i], &x));
        AL_TRY(task_fact_real(t, keys[i], x));
    }
    return AL_ERR_OK;
}

// Equilibration, then production. A potential that does not hold the system is a finding, which the analysis reports; the other runs go
// on. Then *ret_traj is false: there are no frames.
static enum al_err run_all(struct produce *x, struct nnmd *n, struct md_result *r, bool *ret_traj)
{
    x->stage = "NPT";
    AL_TRY(take_volume(x->t, n, r));
    if (r->end == MD_END_DONE) AL_TRY(equilibrate(x, n, r));
    *ret_traj = r->end == MD_END_DONE;
    if (*ret_traj) AL_TRY(run_nve(x, n, r));
    return AL_ERR_OK;
}

static enum al_err open_trajectory(const struct task *t, const struct nnmd *n, struct md_output **ret)
{
    const struct cfg_production *c = &t->cfg->production;
    const struct al_frame *f = n->s->f;
    char path[AL_PATH];
    if (strcmp(c->format, "extxyz") == 0) {
        AL_TRY(nnmd_output(t, "traj.extxyz", ret));
        return AL_ERR_OK;
    }
    struct al_dcd_spec spec = {f->natoms, f->pbc, c->timestep, 0, c->stride};
    AL_TRY(task_path(t, path, "traj.dcd"));
    AL_TRY(md_output_create_dcd(path, &spec, ret));
    AL_TRY(md_output_topology(path, f));
    return AL_ERR_OK;
}

static enum al_err find_window(const struct task *t, struct trust_window *ret)
{
    AL_OWN(calibration_list) known = NULL;
    struct window w;
    AL_TRY(calibration_of_task(t, &known));
    AL_TRY(calibration_window(&t->cfg->select, known, t->system, t->temperature, &w));
    *ret = w.w;
    return AL_ERR_OK;
}

enum al_err verb_produce(struct task *t)
{
    const uint64_t key[3] = {(uint64_t)t->isystem, (uint64_t)(t->temperature * 1000), (uint64_t)t->index};
    AL_OWN(nnmd) n = NULL;
    AL_OWN(md_output) traj = NULL;
    AL_OWN(md_output) thermo = NULL;
    AL_OWN(md_output) deviation = NULL;
    // replicas go through the arrangements in turn
    AL_TRY(nnmd_open(t, t->cfg->production.precision, t->cfg->production.supercell, t->index, "produce", key, &n));
    if (n->world->rank != 0) return nnmd_serve(n);
    AL_TRY(open_trajectory(t, n, &traj));
    AL_TRY(nnmd_output(t, "thermo.out", &thermo));
    AL_TRY(nnmd_output(t, "deviation.out", &deviation));
    struct produce x = {.t = t, .n = n, .traj = traj, .thermo = thermo, .deviation = deviation};
    struct md_output *const outputs[] = {traj, thermo, deviation};
    struct md_result r = {0};
    bool any;
    AL_TRY(find_window(t, &x.window));
    AL_TRY(run_all(&x, n, &r, &any));
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (!any) AL_TRY(al_file_write(outputs[i]->path, "", 0));
        AL_TRY(task_artifact(t, outputs[i]->path));
    }
    if (traj->is_dcd) {
        char path[AL_PATH];
        AL_TRY(task_path(t, path, AL_DCD_TOPOLOGY));
        AL_TRY(task_artifact(t, path));
    }
    AL_TRY(facts(t, &x, &r));
    AL_TRY(overflow_facts(t, &n->overflow));
    AL_TRY(nnmd_clean(n));
    return AL_ERR_OK;
}
