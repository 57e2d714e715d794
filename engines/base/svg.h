// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Line and scatter plots as SVG: axes with ticks, labels with units, legend, error bars, logarithmic axes.
// Deterministic: the same data give the same bytes.
#ifndef AL_BASE_SVG_H
#define AL_BASE_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

enum al_plot_style { AL_PLOT_LINE = 1, AL_PLOT_POINTS = 2, AL_PLOT_DASHED = 4, AL_PLOT_OPEN = 8, AL_PLOT_SQUARE = 16 };

struct al_plot_series {
    const char *label; // in the legend; NULL = not there
    int n;
    const double *x, *y; // [n]; points that are not finite (or not > 0 on a log axis) are left out
    const double *error; // [n] half length of the y error bar, or NULL
    unsigned style;      // enum al_plot_style; 0 = line
    int color;           // 0 = by position in the list, else palette number from 1
};

struct al_plot {
    const char *title, *note;    // note: smaller, below the title; may be NULL
    const char *id;              // of this picture among several in one document; NULL: it is alone
    const char *xlabel, *ylabel; // with units: "lag / ps"
    bool xlog, ylog;
    bool xzero, yzero; // linear axis starts at 0 when all data are >= 0
    double xmin, xmax; // both 0 = from the data
    double ymin, ymax;
    int width, height; // px; 0 = 640 x 440
    const struct al_plot_series *series;
    int nseries;
};

enum al_err al_svg_write(FILE *out, const struct al_plot *p);
enum al_err al_svg_plot(const char *path, const struct al_plot *p); // durable

#endif
