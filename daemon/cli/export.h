// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside `alnd export` only: files that are written, not copied.
#ifndef AL_CLI_EXPORT_H
#define AL_CLI_EXPORT_H

#include "cli/cli.h"
#include "config/loop_config.h"

struct export
{
    char run[AL_PATH], dir[AL_PATH]; // from, to
    struct loop_config *config;
    int nmodels, nelements, z[CFG_MAX_LIST]; // type map
    bool zbl; // models with repulsion: graph.N.dp whole, graph.N.without_zbl.dp for deepmd-kit
    bool angular; // models with angles: dp_angular.py makes .pb files of them, dp convert-backend cannot
};

extern const char cli_pbfix[], cli_dp_angular[]; // texts of python/NAME.py, compiled in so that a hand-off is whole
// DIR/lammps: a data file and an input for each system; DIR/ase_md.py; DIR/convert.sh with DIR/pbfix.py and, where needed, DIR/dp_angular.py
enum al_err export_inputs(const struct export *x);
// DIR/README.md: what the models are, how good, how to use them
enum al_err export_card(const struct export *x, const struct view_task *models);

#endif
