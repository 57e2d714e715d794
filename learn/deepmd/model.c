// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deepmd/deepmd.h"

// A frozen model is one protobuf message GraphDef {repeated NodeDef node = 1; ...}; messages that follow one another in a file are one
// message with the fields of all. This is: node {name: "model_type", op: "Const", attr {dtype: DT_STRING}, attr {value: tensor {dtype:
// DT_STRING, shape {}, string_val: "original_model"}}}.
static const unsigned char model_type[] = "\x0a\x41\x0a\x0amodel_type\x12\x05" "Const\x2a\x0b\x0a\x05" "dtype\x12\x02\x30\x07\x2a\x1f\x0a\x05"
                                          "value\x12\x16\x42\x14\x08\x07\x12\x00\x42\x0eoriginal_model";

enum al_err dpkit_make_start(const char *pb)
{
    FILE *f = fopen(pb, "ae");
    if (!f) AL_FAIL(al_err_from_errno(errno), "cannot write %s: %s", pb, strerror(errno));
    bool ok = fwrite(model_type, 1, sizeof model_type - 1, f) == sizeof model_type - 1;
    if (fclose(f) != 0 || !ok) AL_FAIL(al_err_from_errno(errno), "cannot write %s: %s", pb, strerror(errno));
    return AL_ERR_OK;
}

// TensorFlow names a checkpoint in the file `checkpoint` before its .meta is there: what is whole is what has all three.
static const char *const part[] = {".meta", ".index", ".data-00000-of-00001"};
enum { NPARTS = 3 };

static bool is_whole(const char *dir, long step)
{
    for (int i = 0; i < NPARTS; i++) {
        char path[AL_PATH];
        if (al_path(path, "%s/model.ckpt-%ld%s", dir, step, part[i]) != AL_ERR_OK || !al_exists(path)) return false;
    }
    return true;
}

// -1 when there is none.
static enum al_err newest(const char *dir, long *ret)
{
    static const char head[] = "model.ckpt-";
    long best = -1;
    DIR *d = opendir(dir);
    if (!d) AL_FAIL(al_err_from_errno(errno), "cannot read %s: %s", dir, strerror(errno));
    for (struct dirent *e; (e = readdir(d));) {
        char *end;
        if (strncmp(e->d_name, head, sizeof head - 1) != 0) continue;
        long step = strtol(e->d_name + sizeof head - 1, &end, 10);
        if (strcmp(end, part[0]) == 0 && step > best && is_whole(dir, step)) best = step;
    }
    closedir(d);
    *ret = best;
    return AL_ERR_OK;
}

enum al_err dpkit_checkpoint(const char *dir, long *ret_step)
{
    AL_TRY(newest(dir, ret_step));
    return AL_ERR_OK;
}

enum al_err dpkit_remove_checkpoint(const char *dir, long step)
{
    static const char all[] = "model.ckpt", last[] = "checkpoint";
    char one[64], path[AL_PATH];
    snprintf(one, sizeof one, "model.ckpt-%ld.", step);
    DIR *d = opendir(dir);
    if (!d) AL_FAIL(al_err_from_errno(errno), "cannot read %s: %s", dir, strerror(errno));
    enum al_err e = AL_ERR_OK;
    for (struct dirent *f; !e && (f = readdir(d));) {
        bool mine = step >= 0 ? strncmp(f->d_name, one, strlen(one)) == 0
                              : strncmp(f->d_name, all, sizeof all - 1) == 0 || strcmp(f->d_name, last) == 0;
        if (!mine) continue;
        e = al_path(path, "%s/%s", dir, f->d_name);
        if (!e) unlink(path);
    }
    closedir(d);
    AL_TRY(e);
    return AL_ERR_OK;
}
