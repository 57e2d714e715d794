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
#include "md/writer.h"

enum al_err md_output_create(const char *path, struct md_output **ret)
{
    AL_OWN(md_output) o = NULL;
    AL_ALLOC(o, 1);
    AL_TRY(al_strdup(path, &o->path));
    *ret = o;
    o = NULL;
    return AL_ERR_OK;
}

enum al_err md_output_create_dcd(const char *path, const struct al_dcd_spec *spec, struct md_output **ret)
{
    AL_TRY(md_output_create(path, ret));
    (*ret)->dcd = *spec;
    (*ret)->is_dcd = true;
    return AL_ERR_OK;
}

// What was written so far still goes to the file.
static void close_output(struct md_output *o)
{
    if (o->out) fclose(o->out);
    o->out = NULL;
    md_writer_destroy(&o->writer);
}

void md_output_destroy(struct md_output **o)
{
    if (!*o) return;
    close_output(*o);
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

static enum al_err open_at(const char *path, long offset, FILE **ret)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int err = errno;
        if (fd >= 0) close(fd);
        AL_FAIL(al_err_from_errno(err), "cannot open %s: %s", path, strerror(err));
    }
    if (st.st_size < offset) {
        close(fd);
        AL_FAIL(AL_ERR_CORRUPT, "%s is shorter than the %ld bytes that its checkpoint says", path, offset);
    }
    if (ftruncate(fd, offset) != 0 || lseek(fd, offset, SEEK_SET) != offset || !(*ret = fdopen(fd, "w"))) {
        int err = errno;
        close(fd);
        AL_FAIL(al_err_from_errno(err), "cannot cut %s to %ld bytes: %s", path, offset, strerror(err));
    }
    return AL_ERR_OK;
}

static ssize_t on_write(void *cookie, const char *data, size_t n)
{
    struct md_output *o = cookie;
    return md_writer_bytes(o->writer, data, n) == AL_ERR_OK ? (ssize_t)n : 0;
}

enum al_err md_output_start(struct md_output *o, long offset)
{
    enum { BUFFER = 1 << 16 };
    FILE *file = NULL;
    close_output(o);
    AL_TRY(open_at(o->path, offset, &file));
    AL_TRY(md_writer_create(o->path, &file, o->is_dcd ? &o->dcd : NULL, &o->writer));
    o->out = fopencookie(o, "w", (cookie_io_functions_t){.write = on_write});
    if (!o->out) AL_FAIL(al_err_from_errno(errno), "%s: %s", o->path, strerror(errno));
    setvbuf(o->out, NULL, _IOFBF, BUFFER);
    o->begun = offset > 0;
    AL_TRY(sync_parent(o->path));
    return AL_ERR_OK;
}

enum al_err md_output_sync(struct md_output *o, long *ret_offset)
{
    fflush(o->out); // what fails, fails in the writer
    AL_TRY(md_writer_sync(o->writer, ret_offset));
    if (ferror(o->out)) AL_FAIL(AL_ERR_IO, "cannot write %s", o->path);
    return AL_ERR_OK;
}

enum al_err md_output_take(struct md_output *o, struct al_frame **f)
{
    if (fflush(o->out) != 0) AL_TRY(md_writer_check(o->writer));
    AL_TRY(md_writer_frame(o->writer, f));
    o->begun = true;
    return AL_ERR_OK;
}

static const char thermo_header[] =
    "step,time/fs,temperature/K,epot/eV,ekin/eV,conserved/eV,pressure/GPa,volume/Ang^3\n";

enum al_err md_output_thermo(struct md_output *o, const struct md_thermo *t)
{
    if (!o->begun) fputs(thermo_header, o->out);
    o->begun = true;
    fprintf(o->out, "%ld,%.10g,%.8g,%.15g,%.15g,%.15g,%.8g,%.12g\n", t->step, t->time, t->temperature,
            t->epot, t->ekin, t->conserved, t->pressure, t->volume);
    AL_TRY(md_writer_check(o->writer));
    if (ferror(o->out)) AL_FAIL(AL_ERR_IO, "cannot write %s", o->path);
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
    char text[32];
    AL_OWN(al_frame) f = NULL;
    AL_TRY(al_frame_copy(s->f, &f));
    f->have = (s->f->have & AL_HAVE_ENERGY) | (velocities ? AL_HAVE_VELOCITIES : 0U);
    snprintf(text, sizeof text, "%ld", s->step);
    AL_TRY(al_frame_info_set(f, "step", text));
    snprintf(text, sizeof text, "%.10g", s->time);
    AL_TRY(al_frame_info_set(f, "time", text));
    AL_TRY(md_output_take(o, &f));
    return AL_ERR_OK;
}

enum al_err md_output_topology(const char *trajectory, const struct al_frame *f)
{
    char path[AL_PATH];
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(al_frame) copy = NULL;
    const char *slash = strrchr(trajectory, '/');
    AL_TRY(al_path(path, "%.*s" AL_DCD_TOPOLOGY, slash ? (int)(slash + 1 - trajectory) : 0, trajectory));
    AL_TRY(al_frames_create(&fs));
    AL_TRY(al_frame_copy(f, &copy));
    copy->have = 0;
    AL_TRY(al_frames_push(fs, &copy));
    AL_TRY(al_xyz_write(path, fs));
    return AL_ERR_OK;
}
