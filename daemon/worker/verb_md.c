// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb md: one trajectory by hand (`alnd md`), its files in the directory where the worker runs.
#include <math.h>

#include "base/mem.h"
#include "base/units.h"
#include "worker/mdrun.h"

static enum al_err read_settings(const struct al_node *n, struct mdrun_settings *m, const char **ret_structure)
{
    AL_TRY(al_node_need_str(n, "potential", &m->potential));
    AL_TRY(al_node_need_str(n, "structure", ret_structure));
    AL_TRY(al_node_need_str(n, "ensemble", &m->ensemble));
    AL_TRY(al_node_need_str(n, "identity", &m->identity));
    AL_TRY(al_node_need_double(n, "temperature", &m->temperature));
    AL_TRY(al_node_need_double(n, "pressure", &m->pressure));
    AL_TRY(al_node_need_double(n, "time", &m->time));
    AL_TRY(al_node_need_double(n, "timestep", &m->timestep));
    AL_TRY(al_node_need_double(n, "thermostat_time", &m->tau));
    AL_TRY(al_node_need_double(n, "barostat_time", &m->tau_p));
    AL_TRY(al_node_need_int(n, "stride", &m->stride));
    m->thermostat = al_node_str(n, "thermostat", NULL);
    m->cell = al_node_str(n, "cell", NULL);
    m->temperature_end = al_node_double(n, "temperature_end", m->temperature);
    m->pressure_end = al_node_double(n, "pressure_end", m->pressure);
    m->ramp = m->temperature_end != m->temperature || m->pressure_end != m->pressure;
    return AL_ERR_OK;
}

static enum al_err write_summary(const char *path, const struct mdrun_settings *m, const struct mdrun_result *r)
{
    const struct md_result *d = &r->md;
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    al_yaml_str(o.out, 0, "potential", m->potential);
    al_yaml_str(o.out, 0, "ensemble", m->ensemble);
    if (strcmp(m->ensemble, "nve") != 0) al_yaml_str(o.out, 0, "thermostat", m->thermostat ? m->thermostat : "svr");
    if (strcmp(m->ensemble, "npt") == 0) al_yaml_str(o.out, 0, "cell", m->cell ? m->cell : "isotropic");
    al_yaml_str(o.out, 0, "ended", d->end == MD_END_DONE ? "all steps done" : d->text);
    al_yaml_int(o.out, 0, "steps", d->steps);
    al_yaml_double(o.out, 0, "timestep_fs", m->timestep);
    al_yaml_int(o.out, 0, "frames", r->frames);
    fputs("# means over all steps after the first\n", o.out);
    al_yaml_double(o.out, 0, "temperature_K", d->temperature);
    al_yaml_double(o.out, 0, "temperature_std_K", d->temperature_std);
    al_yaml_double(o.out, 0, "pressure_GPa", d->pressure);
    al_yaml_double(o.out, 0, "epot_eV", d->epot);
    al_yaml_double(o.out, 0, "volume_Ang3", r->volume);
    al_yaml_double(o.out, 0, "volume_std_Ang3", r->volume_std);
    fputs("# conserved energy: slope of a least-squares line, rms around it\n", o.out);
    al_yaml_double(o.out, 0, "drift_eV_per_atom_ps", d->drift);
    al_yaml_double(o.out, 0, "drift_microHa_per_atom_ps", d->drift / AL_HARTREE_EV * 1e6);
    al_yaml_double(o.out, 0, "fluctuation_eV_per_atom", d->fluctuation);
    fputs("# steps at which an atom had more neighbours than the model's sel\n", o.out);
    al_yaml_int(o.out, 0, "sel_overflow_steps", r->overflow.steps);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

enum { NPATHS = 5 };

struct replica {
    char path[NPATHS][AL_PATH]; // trajectory.extxyz, trajectory.dcd, thermo.csv, checkpoint.bin, summary.yaml
};

// Replica k of n in a directory of its own; a single run here.
static enum al_err place(const char *format, int k, int n, struct replica *r, struct mdrun_settings *m)
{
    static const char *const names[NPATHS] = {"trajectory.extxyz", "trajectory.dcd", "thermo.csv", "checkpoint.bin", "summary.yaml"};
    char dir[32] = "";
    if (n > 1) {
        snprintf(dir, sizeof dir, "replica-%d", k);
        AL_TRY(al_mkdirs(dir));
        strcat(dir, "/");
    }
    for (int i = 0; i < NPATHS; i++)
        AL_TRY(al_path(r->path[i], "%s%s", dir, names[i]));
    m->trajectory = strcmp(format, "dcd") == 0 ? NULL : r->path[0];
    m->dcd = strcmp(format, "extxyz") == 0 ? NULL : r->path[1];
    m->thermo = r->path[2];
    m->checkpoint = r->path[3];
    m->replica = (uint64_t)k;
    return AL_ERR_OK;
}

static enum al_err finish(struct task *t, const struct replica *p, const struct mdrun_settings *m, const struct mdrun_result *r)
{
    AL_TRY(write_summary(p->path[4], m, r));
    if (m->trajectory) AL_TRY(task_artifact(t, m->trajectory));
    if (m->dcd) AL_TRY(task_artifact(t, m->dcd));
    AL_TRY(task_artifact(t, m->thermo));
    AL_TRY(task_artifact(t, p->path[4]));
    return AL_ERR_OK;
}

// Means over the replicas; steps, frames and the end are those of the first that ended before its time.
static void mean(int n, const struct mdrun_result r[], struct mdrun_result *ret)
{
    int worst = 0;
    for (int k = n - 1; k >= 0; k--)
        if (r[k].md.end != MD_END_DONE) worst = k;
    *ret = r[worst];
    struct md_result *d = &ret->md;
    d->temperature = d->pressure = d->epot = d->drift = ret->volume = ret->seconds_per_step = 0;
    double square_t = 0, square_v = 0, square_e = 0, first = INFINITY, last = 0;
    ret->ran = 0;
    for (int k = 0; k < n; k++) {
        d->temperature += r[k].md.temperature / n;
        d->pressure += r[k].md.pressure / n;
        d->epot += r[k].md.epot / n;
        d->drift += r[k].md.drift / n;
        ret->volume += r[k].volume / n;
        ret->seconds_per_step += r[k].seconds_per_step / n;
        square_t += r[k].md.temperature_std * r[k].md.temperature_std / n;
        square_v += r[k].volume_std * r[k].volume_std / n;
        square_e += r[k].md.fluctuation * r[k].md.fluctuation / n;
        if (!r[k].ran) continue;
        ret->ran += r[k].ran;
        first = fmin(first, r[k].started);
        last = fmax(last, r[k].ended);
    }
    d->temperature_std = sqrt(square_t);
    ret->volume_std = sqrt(square_v);
    d->fluctuation = sqrt(square_e);
    if (n > 1 && ret->ran > 0 && ret->seconds_per_step > 0) // of all together
        ret->ns_per_day = (double)ret->ran / (last - first) * ret->ns_per_day * ret->seconds_per_step;
}

enum al_err verb_md(struct task *t)
{
    const char *file, *structure;
    AL_OWN(al_node) node = NULL;
    AL_OWN(al_frame) start = NULL;
    AL_AUTOFREE struct replica *p = NULL;
    AL_AUTOFREE struct mdrun_settings *m = NULL;
    AL_AUTOFREE struct mdrun_result *r = NULL;
    struct mdrun_settings one = {.purpose = "md"};
    struct mdrun_result all;
    long n;
    AL_TRY(task_input(t, "run", &file));
    AL_TRY(al_yaml_read(file, &node));
    AL_TRY(read_settings(node, &one, &structure));
    AL_TRY(al_node_need_int(node, "replicas", &n));
    AL_TRY(al_structure_read(structure, &start));
    one.start = start;
    one.velocities = one.temperature;
    AL_ALLOC(p, n);
    AL_ALLOC(m, n);
    AL_ALLOC(r, n);
    for (int k = 0; k < n; k++) {
        m[k] = one;
        AL_TRY(place(al_node_str(node, "format", "extxyz"), k, (int)n, &p[k], &m[k]));
    }
    AL_TRY(mdrun_all(t, (int)n, m, NULL, NULL, r));
    if (t->quiet) return AL_ERR_OK;
    for (int k = 0; k < n; k++)
        AL_TRY(finish(t, &p[k], &m[k], &r[k]));
    mean((int)n, r, &all);
    AL_TRY(mdrun_facts(t, "nframes", &all));
    AL_TRY(task_fact_real(t, "seconds_per_step", all.seconds_per_step));
    AL_TRY(task_fact_real(t, "ns_per_day", all.ns_per_day));
    return AL_ERR_OK;
}
