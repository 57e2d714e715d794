// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The real LAMMPS as a child process: its files written (write.c), its files read back while it works (read.c), the program found,
// tried and started (child.c). Who runs molecular dynamics with it: worker/lammps.c. LAMMPS' units are `metal` (ps, bar); here everything
// is in ours (Ang, fs, eV, K, GPa).
//
// Files in the directory of a run: start.data, in.lammps; log.lammps (a thermo row every thermo_every steps), dump.lammpstrj,
// STEP.restart, final.lammpstrj (the last frame of a run that came to its end), screen.out, model.dp (a link).
#ifndef AL_LAMMPS_LAMMPS_H
#define AL_LAMMPS_LAMMPS_H

#include <stdint.h>
#include <sys/types.h>

#include "base/frame.h"
#include "base/fsio.h"

// LAMMPS wants a along x and b in the xy plane: r_lammps = q r, q orthogonal. A left-handed cell is mirrored (det q = -1): the potential
// knows distances only, so the mirror image of its trajectory is a trajectory.
struct lmp_cell {
    double h[6];    // lx, xy, ly, xz, yz, lz, Ang
    double q[3][3];
};
enum al_err lmp_cell_of(const double cell[3][3], struct lmp_cell *ret);
void lmp_cell_back(const struct lmp_cell *c, double ret_cell[3][3]); // rows a, b, c as they were turned

struct lmp_job {
    const char *title;
    // nve | nvt | npt (Nose-Hoover chains for heat and cell, whatever the thermostat)
    // nvt: svr (nve + temp/csvr: stochastic velocity rescaling) | langevin (nve + langevin) | nhc (nvt)
    const char *ensemble, *thermostat;
    bool full;                // npt: all of the cell (tri), else iso
    double dt, temperature, tau, pressure, tau_p; // fs, K, fs, GPa, fs
    long nsteps, dump_every, thermo_every, restart_every;
    uint32_t seed;            // of temp/csvr and langevin, 1 to 900000000
    const struct al_frame *start; // with velocities
};
// start.data and in.lammps. from_step: goes on from from_step.restart; -1 = from start.data.
enum al_err lmp_write(const char *dir, const struct lmp_job *j, long from_step);

// A row of the log.
struct lmp_row {
    long step;
    double temperature, epot, ekin, conserved, pressure, volume; // K, eV, GPa, Ang^3; may be NaN or infinite
};

// Files that grow. Each call of next gives the next whole row or frame, or *ret_any = false where there is none yet.
struct lmp_reader;
enum al_err lmp_reader_open(const char *dir, const struct lmp_cell *cell, int natoms, struct lmp_reader **ret);
void lmp_reader_destroy(struct lmp_reader **r);
enum al_err lmp_next_row(struct lmp_reader *r, struct lmp_row *ret, bool *ret_any);
// Positions (unwrapped, turned back), velocities and cell of the next frame into f, which has natoms atoms.
enum al_err lmp_next_frame(struct lmp_reader *r, long *ret_step, struct al_frame *f, bool *ret_any);
enum al_err lmp_read_final(const char *dir, const struct lmp_cell *cell, long *ret_step, struct al_frame *f);
bool lmp_is_final(const char *dir);

// After a kill: the newest restart file that is surely whole (rows were written after it, or LAMMPS said so), its step, or -1. Log and dump
// are cut behind that step; all other restart files go.
enum al_err lmp_resume(const char *dir, long *ret_step);
enum al_err lmp_remove_restarts(const char *dir, long but); // -1: all
// The first line with ERROR of screen.out, "" without one; whether it says that the dynamics, not the set-up, went wrong.
bool lmp_error(const char *dir, char *ret, size_t n);

// --- the program ---------------------------------------------------------------------------------------

struct lmp_program {
    char runner[AL_PATH];       // alnd-lmp: lmp with our library in place of deepmd-kit's
    char environment[AL_PATH + 16]; // ALND_PYTHON=... or ALND_LMP=...: what it runs
};
// name: the key resources.lammps, a path or a name in PATH. AL_ERR_NOTFOUND with a hint. beside: the directory of alnd-lmp.
enum al_err lmp_find(const char *name, const char *beside, struct lmp_program *ret);
// Starts it: it has pair_style deepmd and fix temp/csvr, or AL_ERR_UNSUPPORTED with what it says. ret_version: its first line.
enum al_err lmp_probe(const struct lmp_program *p, char *ret_version, size_t n);
// lmp -in in.lammps in dir; it dies with this process.
enum al_err lmp_start(const struct lmp_program *p, const char *dir, pid_t *ret_pid);
// *ret_code: exit code, or -signal.
enum al_err lmp_poll(pid_t pid, bool *ret_ended, int *ret_code);
void lmp_kill(pid_t pid); // SIGKILL, and waits

#endif
