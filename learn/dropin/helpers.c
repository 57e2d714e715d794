// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the plug-in asks of the library besides models.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <alnd.h>

#include "dropin/deepmd_c.h"

void DP_PrintSummary(const char *prefix) // on the first rank only; the log of LAMMPS does not get it
{
    printf("%salnd %s in place of deepmd-kit: .dp models, double precision, no TensorFlow\n", prefix ? prefix : "",
           alnd_version());
    fflush(stdout);
}

// The whole file, a NUL behind it; NULL with errno.
static char *read_file(const char *path, int *ret_n)
{
    char *text = NULL;
    FILE *in = fopen(path, "rb");
    if (!in) return NULL;
    long n = fseek(in, 0, SEEK_END) ? -1 : ftell(in);
    if (n > INT_MAX - 1) errno = EFBIG;
    if (n >= 0 && n < INT_MAX && fseek(in, 0, SEEK_SET) == 0) text = malloc((size_t)n + 1);
    if (text && fread(text, 1, (size_t)n, in) != (size_t)n) {
        if (!ferror(in)) errno = EIO;
        free(text);
        text = NULL;
    }
    if (text) {
        text[n] = '\0';
        *ret_n = (int)n;
    }
    int err = errno;
    fclose(in);
    errno = err;
    return text;
}

const char *DP_ReadFileToChar2(const char *path, int *size)
{
    char *text = read_file(path, size);
    if (text) return text;
    const char *why = strerror(errno);
    size_t room = strlen(path) + strlen(why) + 32;
    text = malloc(room);
    *size = text ? -snprintf(text, room, "alnd: cannot read %s: %s", path, why) : -1;
    return text;
}

void DP_DeleteChar(const char *s)
{
    free((void *)s);
}

void DP_SelectByType(const int natoms, const int *atype, const int nghost, const int nsel_type, const int *sel_type,
                     int *fwd_map, int *nreal, int *bkw_map, int *nghost_real)
{
    *nreal = *nghost_real = 0;
    for (int i = 0; i < natoms; i++) {
        bool selected = false;
        for (int s = 0; s < nsel_type; s++)
            selected |= atype[i] == sel_type[s];
        fwd_map[i] = selected ? *nreal : -1;
        if (!selected) continue;
        bkw_map[(*nreal)++] = i;
        *nghost_real += i >= natoms - nghost;
    }
}

void DP_SelectMapInt(const int *in, const int *fwd_map, const int stride, const int nall1, const int nall2, int *out)
{
    for (int i = 0; i < nall1; i++)
        if (fwd_map[i] >= 0 && fwd_map[i] < nall2)
            memcpy(out + (size_t)fwd_map[i] * (size_t)stride, in + (size_t)i * (size_t)stride,
                   (size_t)stride * sizeof *in);
}
