// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/import.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/yaml.h"
#include "train/dataset_impl.h"
#include "worker/data.h"

enum { FORMULA = 256 };

enum al_err import_create(const struct import_options *o, struct import **ret)
{
    AL_OWN(import) im = NULL;
    AL_ALLOC(im, 1);
    im->o = *o;
    AL_TRY(al_frames_create(&im->frames));
    AL_TRY(al_frames_create(&im->bare));
    *ret = im;
    im = NULL;
    return AL_ERR_OK;
}

void import_destroy(struct import **ip)
{
    struct import *im = *ip;
    *ip = NULL;
    if (!im) return;
    for (int i = 0; i < im->nsources; i++)
        al_free(im->source[i].path);
    al_free(im->source);
    al_frames_destroy(&im->frames);
    al_frames_destroy(&im->bare);
    al_free(im->of);
    dp_dataset_destroy(&im->data);
    check_destroy(&im->check);
    al_free(im);
}

// ---- sets by composition ---------------------------------------------------------------------------------

// Whether frame i is of system s, as dp_dataset_add_frames sees it.
static bool belongs(const struct dp_system *s, const struct al_frame *f)
{
    return s->have == (f->have & DP_LABELS) && s->natoms == f->natoms && s->pbc == f->pbc &&
           memcmp(s->z, f->z, (size_t)f->natoms * sizeof *f->z) == 0;
}

static bool same_atoms(const struct al_frame *a, const struct al_frame *b)
{
    return a->natoms == b->natoms && memcmp(a->z, b->z, (size_t)a->natoms * sizeof *a->z) == 0;
}

// All frames as a data set; ret_at [frames]: each one's number in it, system by system.
static enum al_err group(const struct import *im, struct dp_dataset **ret, int *ret_at)
{
    AL_OWN(dp_dataset) d = NULL;
    AL_AUTOFREE bool *done = NULL;
    AL_AUTOFREE struct al_frame **same = NULL;
    AL_AUTOFREE int *system = NULL, *frame = NULL;
    int n = im->frames->n;
    struct al_frame **f = im->frames->f;
    AL_TRY(dp_dataset_create(&d));
    AL_ALLOC(done, n);
    AL_ALLOC(same, n);
    AL_ALLOC(system, n);
    AL_ALLOC(frame, n);
    for (int i = 0; i < n; i++) {
        if (done[i]) continue;
        char name[FORMULA];
        int first = d->nsys;
        struct al_frames part = {.f = same}; // borrowed frames
        for (int k = i; k < n; k++)
            if (!done[k] && same_atoms(f[i], f[k])) {
                done[k] = true;
                same[part.n++] = f[k];
                system[k] = -1;
            }
        al_frame_formula(f[i], name, sizeof name);
        AL_TRY(dp_dataset_add_frames(d, name, &part));
        AL_AUTOFREE int *count = NULL;
        AL_ALLOC(count, d->nsys - first);
        for (int k = i; k < n; k++) {
            if (system[k] >= 0 || !done[k] || !same_atoms(f[i], f[k])) continue;
            int s = first;
            while (s < d->nsys && !belongs(&d->sys[s], f[k]))
                s++;
            system[k] = s;
            frame[k] = count[s - first]++;
        }
    }
    AL_AUTOFREE int *start = NULL;
    AL_ALLOC(start, d->nsys + 1);
    for (int s = 0; s < d->nsys; s++)
        start[s + 1] = start[s] + d->sys[s].nframes;
    for (int i = 0; i < n; i++)
        ret_at[i] = start[system[i]] + frame[i];
    *ret = d;
    d = NULL;
    return AL_ERR_OK;
}

// Frames that are marked with any of `marks` go; counted at their sources.
static void leave_out(struct import *im, const struct check *c, const int *at)
{
    int kept = 0;
    for (int i = 0; i < im->frames->n; i++) {
        unsigned m = c->mark[at[i]];
        struct import_source *s = &im->source[im->of[i]];
        if (m & CHECK_OVERLAP) s->refused++;
        else if (m & CHECK_DUPLICATE) s->duplicates++;
        if (m & (CHECK_OVERLAP | CHECK_DUPLICATE)) {
            if (m & CHECK_OVERLAP && !s->note[0]) snprintf(s->note, sizeof s->note, "atoms in one place, or nearly: %.300s", al_frame_info(im->frames->f[i], "source"));
            im->ntwice += !(m & CHECK_OVERLAP);
            al_frame_destroy(&im->frames->f[i]);
            continue;
        }
        im->frames->f[kept] = im->frames->f[i];
        im->of[kept++] = im->of[i];
    }
    im->frames->n = kept;
}

static enum al_err look(struct import *im, struct dp_dataset **ret_d, struct check **ret_c, int *at)
{
    AL_OWN(dp_dataset) d = NULL;
    AL_TRY(group(im, &d, at));
    AL_TRY(dataset_check(d, NULL, ret_c));
    *ret_d = d;
    d = NULL;
    return AL_ERR_OK;
}

enum al_err import_check(struct import *im)
{
    AL_OWN(dp_dataset) all = NULL;
    AL_OWN(check) found = NULL;
    AL_AUTOFREE int *at = NULL;
    AL_ALLOC(at, im->frames->n);
    AL_TRY(look(im, &all, &found, at));
    leave_out(im, found, at);
    AL_TRY(look(im, &im->data, &im->check, at)); // numbers of frames in the findings are those of what is written
    for (int i = 0; i < im->frames->n; i++) {
        struct import_source *s = &im->source[im->of[i]];
        unsigned m = im->check->mark[at[i]];
        s->taken++;
        s->contradictions += (m & CHECK_CONTRADICTION) != 0;
        s->close += (m & CHECK_CLOSE) != 0;
        s->outliers += (m & CHECK_OUTLIER) != 0;
    }
    return AL_ERR_OK;
}

// ---- what is said ----------------------------------------------------------------------------------------

static void tell_text(FILE *out, const char *key, const char *text)
{
    if (!text[0]) return;
    fprintf(out, ", %s: ", key);
    al_yaml_quote(out, text);
}

static void tell_source(FILE *out, const struct import_source *s)
{
    const char *sep = "";
    fputs("  - {path: ", out);
    al_yaml_quote(out, s->path);
    fprintf(out, ", format: %s", s->format);
    if (s->skipped[0]) {
        tell_text(out, "skipped", s->skipped);
        fputs("}\n", out);
        return;
    }
    fprintf(out, ", frames: %ld, taken: %ld, unlabelled: %ld, unconverged: %ld, duplicates: %ld, refused: %ld, contradictions: %ld, close: %ld, "
                 "outliers: %ld, cut_short: %s, atoms: [%d, %d], elements: [", s->frames, s->taken, s->unlabelled, s->unconverged, s->duplicates,
            s->refused, s->contradictions, s->close, s->outliers, s->cut ? "true" : "false", s->atoms_min, s->atoms_max);
    for (int z = 1; z <= AL_ZMAX; z++)
        if (s->elements[z]) {
            fprintf(out, "%s%s", sep, al_element_symbol(z));
            sep = ", ";
        }
    fputc(']', out);
    tell_text(out, "energy", s->energy);
    tell_text(out, "note", s->note);
    tell_text(out, "error", s->error);
    fputs("}\n", out);
}

enum al_err import_tell(const struct import *im, FILE *out)
{
    fprintf(out, "unlabelled: %d\nkeep_unconverged: %s\nsources:\n", im->bare->n, im->o.keep_unconverged ? "true" : "false");
    for (int i = 0; i < im->nsources; i++)
        tell_source(out, &im->source[i]);
    return data_describe(out, im->data, NULL, im->check);
}

// ---- written ---------------------------------------------------------------------------------------------

static enum al_err refuse_full(const char *dir)
{
    struct stat st;
    if (lstat(dir, &st) != 0) return AL_ERR_OK;
    DIR *d = S_ISDIR(st.st_mode) ? opendir(dir) : NULL;
    bool empty = d != NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        empty &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (d) closedir(d);
    if (empty) return AL_ERR_OK;
    AL_FAIL(AL_ERR_INPUT, "%s is there already, and not an empty directory", dir);
}

static enum al_err write_report(const struct import *im, const char *dir)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/import.yaml", dir));
    AL_TRY(al_outfile_open(path, &o));
    enum al_err e = import_tell(im, o.out);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static enum al_err write_all(const struct import *im, const char *dir)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/labelled.extxyz", dir));
    if (im->o.extxyz) AL_TRY(al_xyz_write(path, im->frames));
    else AL_TRY(dp_dataset_write_npy(im->data, dir));
    AL_TRY(al_path(path, "%s/unlabelled.extxyz", dir));
    if (im->bare->n) AL_TRY(al_xyz_write(path, im->bare));
    AL_TRY(write_report(im, dir));
    return AL_ERR_OK;
}

static enum al_err publish(const char *tmp, const char *dir)
{
    char parent[AL_PATH];
    AL_TRY(al_path(parent, "%s", dir));
    char *slash = strrchr(parent, '/');
    if (slash) *(slash == parent ? slash + 1 : slash) = '\0';
    AL_TRY(al_fsync_dir(tmp));
    if (rename(tmp, dir) != 0) AL_FAIL(al_err_from_errno(errno), "cannot rename %s to %s: %s", tmp, dir, strerror(errno));
    return al_fsync_dir(slash ? parent : ".");
}

enum al_err import_write(const struct import *im, const char *to)
{
    char dir[AL_PATH], tmp[AL_PATH], lockfile[AL_PATH];
    int lock = -1;
    AL_TRY(al_path(dir, "%s", to));
    for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
        dir[n - 1] = '\0';
    AL_TRY(refuse_full(dir));
    AL_TRY(al_path(tmp, "%s.part", dir));
    AL_TRY(al_path(lockfile, "%s.part.lock", dir));
    enum al_err e = al_mkdirs(tmp); // and what is above it
    if (!e) e = al_lock_take(lockfile, &lock);
    if (!e) e = al_remove_tree(tmp); // of an import that was killed
    if (!e) e = al_mkdirs(tmp);
    if (!e) e = write_all(im, tmp);
    if (!e) e = publish(tmp, dir);
    if (lock >= 0) {
        if (e) {
            char why[AL_ERR_TEXT];
            snprintf(why, sizeof why, "%s", al_err_message());
            if (al_remove_tree(tmp) != AL_ERR_OK) al_err_raise(e, __FILE__, __LINE__, __func__, "%s", why);
        }
        unlink(lockfile);
        al_lock_release(&lock);
    }
    if (e == AL_ERR_BUSY) AL_FAIL(AL_ERR_BUSY, "another alnd import writes to %s", dir);
    AL_TRY(e);
    return AL_ERR_OK;
}

// ---- the question ----------------------------------------------------------------------------------------

static enum al_err parse_types(const char *text, struct al_traj_options *o)
{
    char buf[512], *save = NULL;
    snprintf(buf, sizeof buf, "%s", text);
    for (char *w = strtok_r(buf, " ,", &save); w; w = strtok_r(NULL, " ,", &save)) {
        int z = al_element_z(w);
        if (!z || o->ntypes == AL_TRAJ_TYPES) AL_FAIL(AL_ERR_INPUT, "--types %s: a list of elements is wanted, Li,P,S", text);
        o->type_z[o->ntypes++] = z;
    }
    return AL_ERR_OK;
}

static enum al_err nothing_to_write(const struct import *im)
{
    const struct import_source *bad = NULL;
    long frames = 0, unconverged = 0;
    for (int i = 0; i < im->nsources; i++) {
        if (im->source[i].error[0] && !bad) bad = &im->source[i];
        frames += im->source[i].frames;
        unconverged += im->source[i].unconverged;
    }
    if (bad) AL_FAIL(AL_ERR_INPUT, "nothing could be imported: %s", bad->error);
    if (frames && frames == unconverged)
        AL_FAIL(AL_ERR_INPUT, "nothing to import: none of the %ld frames is converged (--keep-unconverged takes them all the same)", frames);
    AL_FAIL(AL_ERR_INPUT, "nothing to import: %d files or sets with %ld frames, of which none can be taken", im->nsources, frames);
}

enum al_err import_print(int argc, char **argv, FILE *out)
{
    struct import_options o = {0};
    const char *to = NULL;
    AL_OWN(import) im = NULL;
    int i = 2;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--to") == 0 && i + 1 < argc) to = argv[++i];
        else if (strcmp(argv[i], "--types") == 0 && i + 1 < argc) AL_TRY(parse_types(argv[++i], &o.traj));
        else if (strcmp(argv[i], "--extxyz") == 0) o.extxyz = true;
        else if (strcmp(argv[i], "--keep-unconverged") == 0) o.keep_unconverged = true;
        else if (strcmp(argv[i], "--progress") == 0) o.progress = true;
        else break;
    }
    if (!to || i == argc) AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker import --to DIR [--extxyz] [--keep-unconverged] [--types LIST] PATH...");
    AL_TRY(refuse_full(to));
    AL_TRY(import_create(&o, &im));
    for (; i < argc; i++)
        AL_TRY(import_find(im, argv[i]));
    AL_TRY(import_read(im));
    AL_TRY(import_check(im));
    if (!im->frames->n && !im->bare->n) AL_TRY(nothing_to_write(im));
    AL_TRY(import_write(im, to));
    AL_TRY(import_tell(im, out));
    return AL_ERR_OK;
}
