// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the verbs analyze (production runs of a campaign) and diffusion (anybody's trajectories) share: the runs of one temperature, D,
// the fit over temperatures, conductivity, files.
#ifndef AL_WORKER_TRANSPORT_H
#define AL_WORKER_TRANSPORT_H

#include "transport/arrhenius.h"
#include "transport/msd.h"
#include "transport/plots.h"
#include "worker/structure.h"
#include "worker/task.h"

enum { TRANSPORT_RUNS = 64, TRANSPORT_POINTS = 64, TRANSPORT_TEXT = 512 };

struct transport_point { // the runs of one system at one temperature
    char label[64];                        // "600 K", for files and plots
    double temperature, volume;            // K (mean that the runs had; NaN: not known), Ang^3 (0: no cell)
    struct tr_traj *run[TRANSPORT_RUNS];   // owned
    int nruns, natoms;                     // natoms: of a run, all elements
    struct tr_diffusion *d;                // NULL: nothing can be said, why
    char why[AL_ERR_TEXT];
    struct structure *structure;           // NULL: not wanted
    bool in_fit;                           // transport_fit has taken it
};

struct transport {
    struct tr_options options;
    double charge;                         // e, of a mobile ion
    const char *title, *note;              // of plots; note may be NULL
    struct transport_point *p;             // [n]
    int n;
    struct tr_arrhenius fit;               // over the diffusive points of one phase
    bool fitted;
    char left_out[TRANSPORT_TEXT];         // "900 K, 1000 K": diffusive, but molten; empty: none
    bool liquid;                           // all that diffuses is molten, and the fit is over that
    char why[TRANSPORT_TEXT + 160];        // not fitted
};

// "600K" of "600 K", for the names of files; of the size of label.
void transport_file_label(const struct transport_point *p, char ret[64]);
// The structure of every point that has runs (structure.h), files into PREFIXstructure-LABEL/. After transport_diffuse.
enum al_err transport_structure(struct transport *t, struct task *task, const char *prefix);
void transport_point_clear(struct transport_point *p);
// D of a point; AL_ERR_INPUT of the analysis (too few frames) is kept in why and is no failure.
enum al_err transport_diffuse(const struct transport *t, struct transport_point *p);
// Over the points that diffuse and whose framework has not melted (as transport_structure has found): a slope across the melting point is
// no activation energy of either phase. A liquid, in which all that diffuses is molten, is fitted as one.
void transport_fit(struct transport *t);
// Keys at this depth; nothing where the point has no D but the reason.
void transport_write_point(FILE *out, int depth, const struct transport *t, const struct transport_point *p);
// "arrhenius:" with its numbers, or why there is none.
void transport_write_fit(FILE *out, const struct transport *t);
// PREFIXmsd-LABEL.csv, PREFIXelements-LABEL.csv, PREFIXmsd.svg, PREFIXmsd-loglog.svg, PREFIXarrhenius.svg; the plots are artefacts of the task.
enum al_err transport_files(const struct transport *t, struct task *task, const char *prefix);
// "P, S"
void transport_framework_text(const struct transport *t, char *ret, size_t n);

#endif
