// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A plot of the page: drawn as SVG, its numbers as CSV behind a link (a data: URI, from which the page's script reads them too)
// and as a file.
#ifndef AL_REPORT_FIGURE_H
#define AL_REPORT_FIGURE_H

#include "base/svg.h"
#include "report/page.h"

enum { FIGURE_SERIES = 256 };

struct figure {
    struct al_plot plot; // title, axes; series are added
    struct al_plot_series series[FIGURE_SERIES];
    char *name[FIGURE_SERIES]; // in the CSV; each one once
    double *data[FIGURE_SERIES];
    int n;
};

enum al_err figure_create(struct figure **ret);
void figure_destroy(struct figure **f);
// Copies [n] x, y and error (or NULL). In the legend when `legend`. color: palette number from 1. Nothing is added when no point is finite.
[[gnu::format(printf, 9, 10)]] enum al_err figure_add(struct figure *f, bool legend, int color, unsigned style, int n, const double *x,
                                                      const double *y, const double *error, const char *fmt, ...);
// Writes it when it has a series. id: of the element, and the CSV's name. said: one line below the plot, or NULL.
enum al_err figure_write(const struct page *pg, const char *id, const struct figure *f, const char *said);

#endif
