// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "md/output.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"

enum al_err md_output_create(const char *path, struct md_output **ret)
{
    AL_OWN(md_output) o = NULL;
    AL_ALLOC(o, 1);
    AL_TRY(al_strdup(path, &o->path));
    *ret = o;
    o = NULL;
    return AL_ERR_OK;
}

void md_output_destroy(struct md_output **o)
{
    if (!*o) return;
    if ((*o)->out) fclose((*o)->out);
    al_free((*o)->path);
    al_free(*o);
    *o = NULL;
}

static enum al_err sync_parent(const char *path)
{
    char dir[AL_PATH];
    AL_TRY(al_path(dir, "%s", path));
    char *slash = strrchr(dir, '/');
    if (!slash)
        strcpy(dir, ".");
    else if (slash == dir)
        dir[1] = '\0';
    else
        *slash = '\0';
    AL_TRY(al_fsync_dir(dir));
    return AL_ERR_OK;
}

enum al_err md_output_start(struct md_output *o, long offset)
{
    if (o->out) {
        fclose(o->out);
        o->out = NULL;
    }
    int fd = open(o->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int err = errno;
        if (fd >= 0) close(fd);
        AL_FAIL(al_err_from_errno(err), "cannot open %s: %s", o->path, strerror(err));
    }
    if (st.st_size < offset) {
        close(fd);
        AL_FAIL(AL_ERR_CORRUPT, "%s is shorter than the %ld bytes that its checkpoint says", o->path, offset);
    }
    if (ftruncate(fd, offset) != 0 || lseek(fd, offset, SEEK_SET) != offset || !(o->out = fdopen(fd, "w"))) {
        int err = errno;
        close(fd);
        AL_FAIL(al_err_from_errno(err), "cannot cut %s to %ld bytes: %s", o->path, offset, strerror(err));
    }
    AL_TRY(sync_parent(o->path));
    return AL_ERR_OK;
}

enum al_err md_output_sync(struct md_output *o, long *ret_offset)
{
    if (fflush(o->out) != 0 || ferror(o->out) || fsync(fileno(o->out)) != 0)
        AL_FAIL(al_err_from_errno(errno), "cannot write %s: %s", o->path, strerror(errno));
    if (ret_offset) *ret_offset = ftell(o->out);
    return AL_ERR_OK;
}

static const char thermo_header[] =
    "step,time/fs,temperature/K,epot/eV,ekin/eV,conserved/eV,pressure/GPa,volume/Ang^3\n";

enum al_err md_output_thermo(struct md_output *o, const struct md_thermo *t)
{
    if (ftell(o->out) == 0) fputs(thermo_header, o->out);
    fprintf(o->out, "%ld,%.10g,%.8g,%.15g,%.15g,%.15g,%.8g,%.12g\n", t->step, t->time, t->temperature,
            t->epot, t->ekin, t->conserved, t->pressure, t->volume);
    if (ferror(o->out)) AL_FAIL(al_err_from_errno(errno), "cannot write %s", o->path);
    return AL_ERR_OK;
}

static bool parse_thermo(const char *line, struct md_thermo *t)
{
    double *v[] = {&t->time, &t->temperature, &t->epot, &t->ekin, &t->conserved, &t->pressure, &t->volume};
    char *end;
    t->step = strtol(line, &end, 10);
    for (int i = 0; i < 7; i++) {
        if (end == line || *end != ',') return false;
        line = end + 1;
        *v[i] = strtod(line, &end);
        if (!isfinite(*v[i])) return false;
    }
    return end != line && *end == '\n';
}

enum al_err md_thermo_read(const char *path, struct md_thermo **ret, int *ret_n)
{
    AL_AUTOFREE char *text = NULL;
    AL_AUTOFREE struct md_thermo *t = NULL;
    AL_TRY(al_file_read(path, 0, &text, NULL));
    if (strncmp(text, thermo_header, sizeof thermo_header - 1) != 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s is not a thermo log", path);
    int n = 0, lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    AL_ALLOC(t, lines);
    for (const char *line = text + sizeof thermo_header - 1; *line; line = strchr(line, '\n') + 1) {
        if (!strchr(line, '\n') || !parse_thermo(line, &t[n]))
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: not a line of a thermo log", path, n + 2);
        n++;
    }
    *ret = t;
    t = NULL;
    *ret_n = n;
    return AL_ERR_OK;
}

enum al_err md_output_frame(struct md_output *o, const struct md_state *s, bool velocities)
{
    enum { MAX_INFO = 32 };
    char key_step[] = "step", key_time[] = "time", step[32], time[32];
    snprintf(step, sizeof step, "%ld", s->step);
    snprintf(time, sizeof time, "%.10g", s->time);
    struct al_info info[MAX_INFO] = {{key_step, step}, {key_time, time}};
    struct al_frame f = *s->f; // a view: only the fields that are wanted in the file
    int n = 2;
    for (int i = 0; i < s->f->ninfo && n < MAX_INFO; i++)
        if (strcmp(s->f->info[i].key, key_step) != 0 && strcmp(s->f->info[i].key, key_time) != 0)
            info[n++] = s->f->info[i];
    f.have = (s->f->have & AL_HAVE_ENERGY) | (velocities ? AL_HAVE_VELOCITIES : 0U);
    f.info = info;
    f.ninfo = n;
    AL_TRY_MSG(al_xyz_write_frame(o->out, &f), "writing %s", o->path);
    return AL_ERR_OK;
}
