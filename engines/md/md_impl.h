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
// Thermostats for dt, their heat booked in s->bath: stochastic velocity rescaling, Ornstein-Uhlenbeck (Langevin), and a
// Nose-Hoover chain. kt: eV, that of this step.
enum al_err md_velocities_rescale(const struct md_thermostat *o, double kt, struct md_state *s, double dt);
void md_ornstein_uhlenbeck(const struct md_thermostat *o, double kt, struct md_state *s, double dt);
void md_chain_move(const struct md_thermostat *o, double kt, struct md_state *s, double dt);
double md_chain_energy(const struct md_thermostat *o, const struct md_state *s); // kinetic, eV
// In npt: what is to be done for a step of dt before and after the rest.
void md_heat_before(enum md_heat kind, const struct md_thermostat *o, double kt, struct md_state *s, double dt);
enum al_err md_heat_after(enum md_heat kind, const struct md_thermostat *o, double kt, struct md_state *s, double dt);
enum al_err md_thermostat_check(const char *name, const struct md_thermostat *t);
enum al_err md_barostat_check(const char *name, const struct md_barostat *o);
enum al_err md_barostat_state(const struct md_state *s); // periodic, with virial
// Of the middle of the step that begins now: kT in eV, pressure in eV/Ang^3.
double md_step_kt(const struct md_thermostat *o, const struct md_state *s, double dt);
double md_step_pressure(const struct md_barostat *o, const struct md_state *s, double dt);

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
    double volume; // at step 0, Ang^3
    int end; // enum md_end
    char text[MD_TEXT];
};
enum al_err md_checkpoint_write(const struct md_run_options *o, const struct md_state *s,
                                const struct md_progress *p);
// Fills the state, progress and observers' memories, and starts the outputs at the recorded offsets. Nothing
// is changed unless the whole file is sound and belongs to this run.
enum al_err md_checkpoint_read(const struct md_run_options *o, struct md_state *s, struct md_progress *p);

#endif
