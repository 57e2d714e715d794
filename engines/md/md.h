// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Molecular dynamics: state, velocities, and the driver that runs any integrator with any potential,
// calls observers, watches for nonsense, writes checkpoints and goes on from them bit for bit.
// Units: Ang, fs, eV, amu, K; pressure GPa.
#ifndef AL_MD_MD_H
#define AL_MD_MD_H

#include <stdint.h>

#include "base/fsio.h"
#include "seam/integrator.h"
#include "seam/potential.h"

// --- state ---------------------------------------------------------------------------------------------

// A copy of the frame with standard masses, step 0; velocities as in the frame, else zero; rng as given
// (al_rng_stream) for velocities and thermostats.
enum al_err md_state_create(const struct al_frame *f, const struct al_rng *rng, struct md_state **ret);
void md_state_destroy(struct md_state **s);
// Energy, forces and virial of the present positions into s->f.
enum al_err md_state_eval(struct md_state *s, struct potential *p);
// Maxwell-Boltzmann velocities. removed_dof = 3: total momentum zero; 0: as drawn. exact: scaled to the
// temperature exactly (of 3N - removed_dof degrees of freedom).
enum al_err md_velocities_draw(struct md_state *s, double temperature, int removed_dof, bool exact);
// Before NVE after NVT: scales velocities so that the total energy is the mean one of the NVT run, epot (eV: its mean potential energy) and
// kT/2 for each degree of freedom. Else the NVE run keeps what energy its first frame happens to have, and its temperature is off by about
// T/sqrt(3N). The factor; 1 and nothing done where it would not be between 1/2 and 2.
double md_velocities_settle(struct md_state *s, double epot, double temperature, int removed_dof);
double md_kinetic_energy(const struct md_state *s);               // eV
double md_temperature(const struct md_state *s, int removed_dof); // K; 0 without degrees of freedom

struct md_thermo {
    long step;
    double time;                  // fs
    double temperature;           // K
    double epot, ekin, conserved; // eV
    double pressure;              // GPa, (2 Ekin + tr virial) / 3V; 0 when not periodic or no virial
    double volume;                // Ang^3; 0 when not periodic
};
void md_thermo_get(const struct md_state *s, const struct integrator *g, int removed_dof,
                   struct md_thermo *ret);

// --- driver --------------------------------------------------------------------------------------------

// Why a run ended. All but DONE are findings about the trajectory, not errors: md_run returns AL_ERR_OK.
#define MD_ENDS(X)                                                                                           \
    X(DONE, "all steps done")                                                                                \
    X(NOT_FINITE, "energy, forces or positions are not finite numbers")                                      \
    X(TOO_CLOSE, "two atoms came too close")                                                                 \
    X(TOO_HOT, "temperature ran away")                                                                       \
    X(ENERGY, "conserved energy ran away")                                                                   \
    X(VOLUME, "the cell ran away")                                                                           \
    X(OBSERVER, "an observer ended it")                                                                      \
    X(NOTCONV, "the potential did not converge")                                                             \
    X(GIVEN_UP, "it was not to go on")
#define MD_END_ENUM(name, text) MD_END_##name,
enum md_end { MD_ENDS(MD_END_ENUM) MD_END_COUNT };
#undef MD_END_ENUM
const char *md_end_name(enum md_end e); // "TOO_CLOSE"

enum { MD_TEXT = 192 };

struct md_result {
    enum md_end end;
    char text[MD_TEXT];    // "atoms 3 and 7 are 0.41 Ang apart (limit 0.80)"
    long steps;            // done and sane
    long resumed;          // step that this call went on from; -1 = fresh start
    bool history_lost;     // resumed without the potential's history: equal within its tolerance, not bit for bit
    long neighbour_builds; // of the distance check
    // Averages over every step of the whole run (restarts included), step 0 left out:
    long nsamples;
    double temperature, temperature_std; // K
    double pressure;                     // GPa
    double epot;                         // eV
    double drift;                        // slope of the conserved energy, eV/atom/ps, least squares
    double fluctuation;                  // rms of the conserved energy around that line, eV/atom
};

// Called at step 0 and every stride steps, after the sanity checks (never with a NaN) and before a
// checkpoint of the same step. All it writes goes through md_output; all it remembers lies in memory, which
// is saved in checkpoints and restored before the first call of a resumed run.
struct md_observer {
    long stride;
    void *ctx;
    // Set *ret_end = true and write a reason to end the run after this step.
    enum al_err (*observe)(void *ctx, const struct md_state *s, const struct md_thermo *t, bool *ret_end,
                           char reason[MD_TEXT]);
    void *memory; // plain bytes, no pointers; may be NULL
    size_t memory_size;
};

// What no sane trajectory does: conserved energy by the integrator's error alone, and a condensed phase to another volume.
#define MD_MAX_ENERGY_CHANGE 0.5 // eV/atom
#define MD_MAX_VOLUME_CHANGE 2.0

struct md_output; // md/output.h

struct md_run_options {
    long nsteps;                   // of the whole run: a resumed run stops at the same step
    double dt;                     // fs
    int removed_dof;               // 3, or 0 with an external field
    const char *checkpoint;        // file; NULL = none. When it exists the run goes on from it.
    double checkpoint_interval;    // s of wall time; 0 = after every step
    const char *give_up;           // not NULL: no step is tried any more; the run ends where the checkpoint is, for this reason
    const char *identity;          // of the inputs (task hash): a checkpoint of another is AL_ERR_CORRUPT
    double min_distance;           // Ang, 0 = not checked
    double max_temperature;        // K, 0 = not checked
    double max_energy_change;      // eV/atom, of the conserved energy from the start, 0 = not checked
    double max_volume_change;      // factor to the volume of the start, up or down, 0 = not checked
    bool (*check_stop)(void *ctx); // polled after every step; true: checkpoint, then AL_ERR_STOPPED
    void *stop_ctx;
    struct md_observer *observers;
    int nobservers;
    struct md_output **outputs; // files that observers write, in the same order at every start
    int noutputs;
};

// Runs to nsteps or to the first insane step. Fresh: evaluates forces, calls the observers at step 0.
// AL_ERR_STOPPED after check_stop (checkpoint written). AL_ERR_INPUT, AL_ERR_CORRUPT (checkpoint),
// AL_ERR_IO, or what the potential or an observer fails with; AL_ERR_UNPHYSICAL of the potential or the integrator is an end
// with NOT_FINITE, AL_ERR_NOTCONV one with NOTCONV. At an insane end the state keeps what it has: do not write it.
// A potential with a history (POT_HISTORY) has it saved beside each checkpoint (CHECKPOINT.STEP.history) and
// loaded again, so that its runs too go on bit for bit (s must be that of the start again: potentials arrange its atoms); where the history is missing (other number of
// ranks) the run goes on without (md_result.history_lost).
enum al_err md_history_path(const char *checkpoint, long step, char ret[AL_PATH]); // CHECKPOINT.STEP.history
enum al_err md_run(const struct md_run_options *o, struct md_state *s, struct potential *p,
                   struct integrator *g, struct md_result *ret);

#endif
