// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The parts of the page, each from the files of a few verbs.
#ifndef AL_REPORT_PAGE_H
#define AL_REPORT_PAGE_H

#include "report/report.h"

struct page {
    FILE *out;
    const struct loop_config *cfg;
    const struct report_extra *x;
    const char *csv_dir, *note; // note: what a demonstration says with every result
    int nerrors, ntransport;
    struct al_node **errors;    // [nerrors] errors.yaml by iteration
    struct al_node **transport; // [ntransport] transport/SYSTEM.yaml
};

void html_text(FILE *out, const char *text);
// "<h2 id=ID>TITLE</h2>" in a section of its own, which page_end closes.
void page_begin(const struct page *pg, const char *id, const char *title);
void page_end(const struct page *pg);
// A table's cell: the number, or a dash where there is none.
[[gnu::format(printf, 3, 0)]] void page_cell(const struct page *pg, double v, const char *format);
struct page_number {
    char text[32];
};
// A number within a sentence: as formatted, or "not known".
[[gnu::format(printf, 1, 0)]] struct page_number page_number(const char *format, double v);
int page_color(const struct page *pg, const char *system); // palette number of a composition, the same everywhere

enum al_err page_overview(const struct page *pg);
enum al_err page_convergence(const struct page *pg);
enum al_err page_parity(const struct page *pg);
enum al_err page_learning(const struct page *pg);
enum al_err page_exploration(const struct page *pg); // deviations, calibration
enum al_err page_transport(const struct page *pg);
enum al_err page_structures(const struct page *pg);
enum al_err page_costs(const struct page *pg);
enum al_err page_failures(const struct page *pg);

#endif
