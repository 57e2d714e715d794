// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/traj.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/fsio.h"
#include "base/mem.h"

static const struct al_traj_format *const formats[] = {&al_traj_dcd, &al_traj_lammps, &al_traj_xyz, &al_traj_xdatcar};
enum { NFORMATS = sizeof formats / sizeof formats[0], HEAD = 4096 };

struct al_traj {
    const struct al_traj_format *format;
    void *reader;
    char path[AL_PATH];
    long size; // bytes
};

void al_traj_destroy(struct al_traj **t)
{
    if (!*t) return;
    if ((*t)->reader) (*t)->format->close((*t)->reader);
    al_free(*t);
    *t = NULL;
}

static enum al_err read_head(const char *path, char head[HEAD + 1], size_t *ret_n, long *ret_size)
{
    struct stat st;
    if (stat(path, &st) != 0) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) AL_FAIL(AL_ERR_INPUT, "%s is not a file", path);
    FILE *in = fopen(path, "rbe");
    if (!in) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    *ret_n = fread(head, 1, HEAD, in);
    fclose(in);
    head[*ret_n] = '\0';
    *ret_size = (long)st.st_size;
    return AL_ERR_OK;
}

enum al_err al_traj_open(const char *path, const struct al_traj_options *o, struct al_traj **ret)
{
    static const struct al_traj_options none = {0};
    char head[HEAD + 1];
    size_t n = 0;
    AL_OWN(al_traj) t = NULL;
    AL_ALLOC(t, 1);
    AL_TRY(al_path(t->path, "%s", path));
    AL_TRY(read_head(path, head, &n, &t->size));
    if (!n) AL_FAIL(AL_ERR_INPUT, "%s is empty", path);
    for (int i = 0; i < NFORMATS && !t->format; i++)
        if (formats[i]->is(path, head, n)) t->format = formats[i];
    if (!t->format)
        AL_FAIL_HINT(AL_ERR_INPUT, "extended XYZ, a LAMMPS text dump, an XDATCAR or a DCD is wanted", "%s:1: the format of this file is not known", path);
    AL_TRY(t->format->open(t->path, o ? o : &none, &t->reader));
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}

const char *al_traj_format_name(const struct al_traj *t)
{
    return t->format->name;
}

enum al_err al_traj_next(struct al_traj *t, struct al_frame **ret, struct al_traj_step *ret_step)
{
    AL_TRY(t->format->next(t->reader, ret, ret_step));
    return AL_ERR_OK;
}

double al_traj_progress(const struct al_traj *t)
{
    double share = t->size > 0 ? (double)t->format->tell(t->reader) / (double)t->size : 0;
    return share < 1 ? share : 1;
}
