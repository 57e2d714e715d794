// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/cube.h"

#include <string.h>

#include "base/fsio.h"
#include "base/units.h"

enum { VALUES_A_LINE = 6 };

static void write_head(FILE *out, const char *title, const struct al_frame *f, const int n[3])
{
    fprintf(out, "%.*s\n", (int)strcspn(title, "\n"), title);
    fputs("OUTER LOOP: X, MIDDLE LOOP: Y, INNER LOOP: Z\n", out); // ASE and others look for these words
    fprintf(out, "%5d %12.6f %12.6f %12.6f\n", f->natoms, 0.0, 0.0, 0.0);
    for (int a = 0; a < 3; a++) {
        fprintf(out, "%5d", n[a]);
        for (int d = 0; d < 3; d++)
            fprintf(out, " %17.12f", f->cell[a][d] / AL_BOHR_ANG / n[a]);
        fputc('\n', out);
    }
    for (int i = 0; i < f->natoms; i++) {
        fprintf(out, "%5d %12.6f", f->z[i], (double)f->z[i]);
        for (int d = 0; d < 3; d++)
            fprintf(out, " %17.12f", f->pos[i][d] / AL_BOHR_ANG);
        fputc('\n', out);
    }
}

enum al_err al_cube_write(const char *path, const char *title, const struct al_frame *f, const int n[3], const double *field)
{
    struct al_outfile o;
    if (!f->pbc) AL_FAIL(AL_ERR_INPUT, "%s: a cube file of a frame without a cell", path);
    AL_TRY(al_outfile_open(path, &o));
    write_head(o.out, title, f, n);
    for (int i0 = 0; i0 < n[0]; i0++)
        for (int i1 = 0; i1 < n[1]; i1++) // each row of the last axis starts a new line
            for (int i2 = 0; i2 < n[2]; i2++) {
                size_t at = (size_t)i0 + (size_t)n[0] * ((size_t)i1 + (size_t)n[1] * (size_t)i2);
                bool last = i2 == n[2] - 1 || i2 % VALUES_A_LINE == VALUES_A_LINE - 1;
                fprintf(o.out, " %13.6E%s", field[at], last ? "\n" : "");
            }
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}
