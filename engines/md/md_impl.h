// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Shared inside engines/md.
#ifndef AL_MD_IMPL_H
#define AL_MD_IMPL_H

#include "md/integrators.h"
#include "md/md.h"
#include "md/output.h"

enum { MD_IDENTITY = 80 };

void md_remove_momentum(struct md_state *s);
// v += F/m dt and x += v dt
void md_kick(struct md_state *s, double dt);
void md_drift(struct md_state *s, double dt);
// Stochastic velocity rescaling for dt, its heat booked in s->bath.
enum al_err md_velocities_rescale(const struct md_thermostat *o, struct md_state *s, double dt);
enum al_err md_thermostat_check(const char *name, const struct md_thermostat *t);

// Running least squares of the conserved energy and averages, one sample a step.
struct md_stats {
    long n;
    double start;          // conserved energy at step 0, eV
    double mean_t, mean_e; // ps; eV from start
    double s_tt, s_te, s_ee;
    double mean_temperature, s_temperature, mean_pressure, mean_epot;
};
void md_stats_add(struct md_stats *a, const struct md_thermo *t);
void md_stats_report(const struct md_stats *a, int natoms, struct md_result *r);

struct md_progress { // what a checkpoint holds besides state, outputs and memories
    struct md_stats stats;
    int end; // enum md_end
    char text[MD_TEXT];
};
enum al_err md_checkpoint_write(const struct md_run_options *o, const struct md_state *s,
                                const struct md_progress *p);
// Fills the state, progress and observers' memories, and starts the outputs at the recorded offsets. Nothing
// is changed unless the whole file is sound and belongs to this run.
enum al_err md_checkpoint_read(const struct md_run_options *o, struct md_state *s, struct md_progress *p);

#endif
