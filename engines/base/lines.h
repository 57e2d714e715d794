// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Text files line by line, for readers whose messages name file and line.
#ifndef AL_BASE_LINES_H
#define AL_BASE_LINES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

struct al_lines {
    const char *path; // of the caller
    FILE *in;
    char *line;       // the current one without its end
    size_t size;
    long lineno;
    bool again;       // the current line is returned once more
};

enum al_err al_lines_open(const char *path, struct al_lines *ret);
void al_lines_close(struct al_lines *r);
// AL_ERR_INPUT: not text, or a line of more than 1 MiB.
enum al_err al_lines_next(struct al_lines *r, bool *ret_end);
// The same where the file may not end: "file ends before WHAT".
enum al_err al_lines_need(struct al_lines *r, const char *what);
// n numbers from *p on, separated by blanks; *p is moved behind them.
enum al_err al_lines_numbers(const struct al_lines *r, const char *what, const char **p, int n, double *ret);

#endif
