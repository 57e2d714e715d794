// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// DCD (base/dcd.h) as one of the formats of base/traj.h: elements come from the topology beside the file.
#include <sys/stat.h>

#include "base/dcd.h"
#include "base/mem.h"
#include "base/traj.h"

struct reader {
    struct al_dcd *d;
    long read, size; // frames; bytes of the file
};

static bool dcd_is(const char *path, const char *head, size_t n)
{
    (void)path;
    return al_dcd_is(head, n);
}

static enum al_err dcd_open(const char *path, const struct al_traj_options *o, void **ret)
{
    struct stat st;
    AL_AUTOFREE struct reader *r = NULL;
    (void)o;
    AL_ALLOC(r, 1);
    AL_TRY(al_dcd_open(path, NULL, &r->d));
    r->size = stat(path, &st) == 0 ? (long)st.st_size : 0;
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

static enum al_err dcd_next(void *reader, struct al_frame **ret, struct al_traj_step *ret_step)
{
    struct reader *r = reader;
    struct al_frame *f = NULL;
    double time = 0;
    AL_TRY(al_dcd_next(r->d, &f, &time));
    *ret_step = (struct al_traj_step){.time = time}; // wrapped or not: not known
    r->read += f != NULL;
    *ret = f;
    return AL_ERR_OK;
}

static long dcd_tell(void *reader)
{
    const struct reader *r = reader;
    long n = al_dcd_frames(r->d);
    return n > 0 ? (long)((double)r->size * (double)r->read / (double)n) : 0;
}

static void dcd_close(void *reader)
{
    struct reader *r = reader;
    al_dcd_destroy(&r->d);
    al_free(r);
}

const struct al_traj_format al_traj_dcd = {"DCD", dcd_is, dcd_open, dcd_next, dcd_tell, dcd_close};
