// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// iterations/III/evaluate/calibration.csv: deviation and true error of every frame that was labelled and not (yet) trained on, as
// evaluate found them, with the force error wanted. Exploration and selection of the next iteration make their windows of it
// (committee/window.h), and the certificate its figures.
#ifndef AL_WORKER_CALIBRATION_H
#define AL_WORKER_CALIBRATION_H

#include "committee/window.h"
#include "worker/task.h"

struct calibration_list {
    double target; // eV/Ang: converge.force_rmse when it was written
    int n;
    struct calibration *c; // [n]
};

void calibration_list_destroy(struct calibration_list **l);
enum al_err calibration_write(const char *path, const struct calibration_list *l);
enum al_err calibration_read(const char *path, struct calibration_list **ret);
// The one of the task's input `calibration`; without this input an empty list.
enum al_err calibration_of_task(const struct task *t, struct calibration_list **ret);
// The window by the section select: as given, or measured for trust: auto.
enum al_err calibration_window(const struct cfg_select *c, const struct calibration_list *l, const char *system, double temperature,
                               struct window *ret);

#endif
