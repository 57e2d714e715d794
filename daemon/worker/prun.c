// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/prun.h"

#include <math.h>

enum al_err prun_read(const char *task, const struct al_node *facts, struct prun *ret)
{
    struct prun p = {
        .temperature = al_node_double(facts, "temperature", NAN),
        .temperature_error = al_node_double(facts, "temperature_error", NAN),
        .pressure = al_node_double(facts, "pressure_gpa", NAN),
        .drift = al_node_double(facts, "drift_ev_per_atom_ps", NAN),
        .volume = al_node_double(facts, "volume_ang3", NAN),
        .volume_error = al_node_double(facts, "volume_error_ang3", NAN),
        .expansion = al_node_double(facts, "expansion", NAN),
        .deviation_mean = al_node_double(facts, "deviation_mean", NAN),
        .deviation_max = al_node_double(facts, "deviation_max", NAN),
        .samples = al_node_int(facts, "deviation_samples", 0),
        .uncertain = al_node_int(facts, "uncertain", 0),
        .extrapolating = al_node_int(facts, "extrapolating", 0),
    };
    snprintf(p.task, sizeof p.task, "%s", task);
    snprintf(p.ended, sizeof p.ended, "%s", al_node_str(facts, "ended", ""));
    snprintf(p.drift_text, sizeof p.drift_text, "%s", al_node_str(facts, "drift_text", ""));
    *ret = p;
    return AL_ERR_OK;
}

static void write_known(FILE *out, const char *key, double value)
{
    if (!isnan(value)) al_yaml_double(out, 4, key, value);
}

static void write_one(FILE *out, const struct prun *p)
{
    fputs("      - task: ", out);
    al_yaml_quote(out, p->task);
    fputc('\n', out);
    al_yaml_str(out, 4, "ended", p->ended);
    write_known(out, "temperature_k", p->temperature);
    write_known(out, "temperature_error_k", p->temperature_error);
    write_known(out, "pressure_gpa", p->pressure);
    write_known(out, "volume_ang3", p->volume);
    write_known(out, "volume_error_ang3", p->volume_error);
    write_known(out, "volume_expansion", p->expansion);
    write_known(out, "energy_drift_ev_per_atom_ps", p->drift);
    if (p->drift_text[0]) al_yaml_str(out, 4, "energy_drift", p->drift_text);
    if (!p->samples) return;
    al_yaml_int(out, 4, "deviation_samples", p->samples);
    write_known(out, "force_deviation_mean_ev_per_ang", p->deviation_mean);
    write_known(out, "force_deviation_max_ev_per_ang", p->deviation_max);
    al_yaml_int(out, 4, "samples_above_trust_low", p->uncertain);
    al_yaml_int(out, 4, "samples_above_trust_high", p->extrapolating);
}

double prun_extrapolating(int n, const struct prun *p)
{
    long above = 0, all = 0;
    for (int i = 0; i < n; i++) {
        above += p[i].extrapolating;
        all += p[i].samples;
    }
    return all ? (double)above / (double)all : (double)NAN;
}

void prun_write(FILE *out, int n, const struct prun *p)
{
    if (!n) return;
    al_yaml_open(out, 2, "production");
    for (int i = 0; i < n; i++)
        write_one(out, &p[i]);
}
