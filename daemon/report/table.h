// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Tables that workers write: CSV with a header, or columns apart by blanks with a header behind '#'. A file may be growing: rows
// that are not whole are left out.
#ifndef AL_REPORT_TABLE_H
#define AL_REPORT_TABLE_H

#include <stdbool.h>

#include "base/err.h"

struct table {
    int nrows, ncols;
    char **head; // [ncols]
    char **cell; // [nrows * ncols]
    char *text;
};

// *ret NULL when there is no such file. comma: CSV.
enum al_err table_read(const char *path, bool comma, struct table **ret);
void table_destroy(struct table **t);
int table_column(const struct table *t, const char *name); // -1: not there
double table_number(const struct table *t, int row, int column); // NaN: no number
const char *table_text(const struct table *t, int row, int column); // "" where the column is -1

#endif
