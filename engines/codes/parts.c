// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "codes/parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct code_pseudo *code_pseudo_find(const struct code_settings *s, int z)
{
    for (int i = 0; i < s->npseudo; i++)
        if (s->pseudo[i].z == z) return &s->pseudo[i];
    return NULL;
}

double code_count_electrons(const struct code_settings *s, const struct al_frame *f, enum al_err (*charge)(const struct code_pseudo *p, double *ret))
{
    double known[AL_ZMAX + 1] = {0}, sum = -s->charge;
    for (int i = 0; i < f->natoms; i++) {
        double *c = &known[f->z[i]];
        const struct code_pseudo *p = *c > 0 ? NULL : code_pseudo_find(s, f->z[i]);
        if (p && charge(p, c)) {
            al_err_clear();
            return NAN;
        }
        sum += *c > 0 ? *c : (double)NAN;
    }
    return sum;
}

void code_same_order(const struct al_frame *f, int *ret_order)
{
    for (int i = 0; i < f->natoms; i++)
        ret_order[i] = i;
}

enum al_err code_link(const char *dir, const char *name, const char *file)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/%s", dir, name));
    char *real = realpath(file, NULL); // dir is not where a relative path begins
    if (!real) AL_FAIL(al_err_from_errno(errno), "cannot find %s: %s", file, strerror(errno));
    unlink(path);
    int rc = symlink(real, path), why = errno;
    free(real);
    if (rc != 0) AL_FAIL(al_err_from_errno(why), "cannot link %s: %s", path, strerror(why));
    return AL_ERR_OK;
}

enum al_err code_remove(const char *dir, const char *const *names)
{
    char path[AL_PATH];
    for (int i = 0; names[i]; i++) {
        AL_TRY(al_path(path, "%s/%s", dir, names[i]));
        if (al_exists(path)) AL_TRY(al_remove_tree(path));
    }
    return AL_ERR_OK;
}
