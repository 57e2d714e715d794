// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Errors of a committee on labelled frames, kept frame by frame so that they can be summed over any group.
#ifndef AL_WORKER_ERRORS_H
#define AL_WORKER_ERRORS_H

#include "worker/calibration.h"
#include "worker/task.h"

// ERRORS_JUDGED: those of ERRORS_TEST that are not hotter than converge.up_to; nothing is added to it.
enum error_set { ERRORS_TRAIN, ERRORS_VALID, ERRORS_TEST, ERRORS_NEW, ERRORS_JUDGED, ERRORS_SETS };

struct error_row {          // root mean squares; NaN when there is no frame
    int frames;
    double energy, force, virial;           // eV/atom, eV/Ang (components), eV/atom
    double energy_low, energy_high;         // 95 % interval, bootstrap over frames
    double force_low, force_high;
};

struct errors;
enum al_err errors_create(const char *const *models, int n, struct task *t, struct errors **ret);
void errors_destroy(struct errors **x);
// From now on errors_add writes label and model of each test and new frame to these (the caller's): one row a frame, one row an atom.
void errors_parity(struct errors *x, FILE *energies, FILE *forces);
// A labelled frame (energy and forces needed; virial where present): errors of member 0, deviation of all.
// Frames of ERRORS_TRAIN that training leaves out (train.max_force) are none of its errors; they are counted.
enum al_err errors_add(struct errors *x, enum error_set set, const struct al_frame *f);
// All frames of an extended XYZ file; one that is not there has none.
enum al_err errors_add_file(struct errors *x, enum error_set set, const char *path);
// group: all | system | temperature | element; label names which ("all", "Li3PS4", "600", "Li"). Energy and
// virial do not go by element (NaN).
enum al_err errors_row(const struct errors *x, enum error_set set, const char *group, const char *label, uint64_t seed,
                       struct error_row *ret);
// The `table` (before it train_left_out, where there is any) and `calibration` of errors.yaml. Calibration: test and new frames in nbins equally filled bins of deviation.
enum al_err errors_write_table(FILE *out, const struct errors *x, const struct loop_config *cfg);
enum al_err errors_write_calibration(FILE *out, const struct errors *x, int nbins);
// Deviation and error of each test and new frame; target: the force error wanted, eV/Ang.
enum al_err errors_calibration(const struct errors *x, double target, struct calibration_list **ret);

#endif
