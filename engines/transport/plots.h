// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The two plots of a diffusion analysis as SVG files. note: a line under the title (e.g. that the settings
// are a demonstration); NULL = none.
#ifndef AL_TRANSPORT_PLOTS_H
#define AL_TRANSPORT_PLOTS_H

#include "transport/arrhenius.h"
#include "transport/msd.h"

struct tr_labelled {
    const char *label; // "Li3PS4 900 K"
    const struct tr_diffusion *d;
};
// MSD against lag with error bars, and the Einstein fit (dashed, over its window) where the regime is
// diffusive. The legend gives D, or says that there is no diffusion to be seen. loglog: both axes
// logarithmic.
enum al_err tr_plot_msd(const char *path, const char *title, const char *note, bool loglog, int n,
                        const struct tr_labelled *runs);

enum tr_mark { TR_MARK_FITTED, TR_MARK_MOLTEN, TR_MARK_LIMIT, TR_MARKS }; // in the fit; molten, not in it: squares; an upper limit: open

struct tr_arrhenius_series {
    const char *label; // "Li3PS4"
    int n;
    const double *temperature, *d, *d_error; // [n] K, cm^2/s
    const enum tr_mark *mark;                // [n]; NULL: all fitted
    const struct tr_arrhenius *fit;          // NULL = no line
};
// D (log) against 1000/T, with fit lines down to 300 K and Ea in the legend.
enum al_err tr_plot_arrhenius(const char *path, const char *title, const char *note, int n,
                              const struct tr_arrhenius_series *series);

#endif
