// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What there is to import below a path.
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/yaml.h"
#include "worker/import.h"

enum { HEAD = 16384, MAX_DEPTH = 12 };
static const char known[] = "known are: VASP (OUTCAR, vasprun.xml, XDATCAR), Quantum ESPRESSO (pw.x output), ABINIT (.abo), CP2K (output), "
                            "extended XYZ, LAMMPS text dumps, DCD, deepmd data (npy, mixed type, HDF5), DP-GEN directories";

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum al_err add(struct import *im, const char *path, const struct import_source *like)
{
    AL_GROW(im->source, im->nsources, im->nsources + 1);
    struct import_source *s = &im->source[im->nsources];
    *s = *like;
    AL_TRY(al_strdup(path, &s->path));
    im->nsources++;
    return AL_ERR_OK;
}

// ---- one file --------------------------------------------------------------------------------------------

static enum al_err read_head(const char *path, char head[HEAD + 1], size_t *ret_n)
{
    FILE *in;
    AL_TRY(al_file_stream(path, &in));
    *ret_n = fread(head, 1, HEAD, in);
    fclose(in);
    head[*ret_n] = '\0';
    return AL_ERR_OK;
}

static void take(struct import_source *s, enum import_kind kind, const char *format)
{
    s->kind = kind;
    snprintf(s->format, sizeof s->format, "%s", format);
}

// *ret_is: its format is known.
static enum al_err identify(const char *path, struct import_source *s, bool *ret_is)
{
    static const struct al_traj_format *const trajectories[] = {&al_traj_dcd, &al_traj_lammps, &al_traj_xdatcar, &al_traj_xyz};
    char head[HEAD + 1];
    size_t n;
    *ret_is = true;
    if (ends_with(path, ".h5") || ends_with(path, ".hdf5")) {
        take(s, IMPORT_DATASET, "deepmd/hdf5");
        return AL_ERR_OK;
    }
    if (ends_with(path, ".extxyz") || ends_with(path, ".xyz")) {
        take(s, IMPORT_XYZ, "extxyz");
        return AL_ERR_OK;
    }
    AL_TRY(read_head(path, head, &n));
    for (int i = 0; code_formats[i]; i++)
        if (code_formats[i]->is(path, head, n)) {
            take(s, IMPORT_CODE, code_formats[i]->name);
            s->code = code_formats[i];
            return AL_ERR_OK;
        }
    for (size_t i = 0; i < sizeof trajectories / sizeof *trajectories; i++)
        if (trajectories[i]->is(path, head, n)) {
            bool xyz = trajectories[i] == &al_traj_xyz;
            if (xyz && !s->named) break; // a text that begins with a number
            take(s, xyz ? IMPORT_XYZ : IMPORT_TRAJECTORY, trajectories[i]->name);
            return AL_ERR_OK;
        }
    *ret_is = false;
    return AL_ERR_OK;
}

// ---- a directory -----------------------------------------------------------------------------------------

// Files that are never data, not to be opened: a work directory may hold 10^5 of them.
static bool worthless(const char *name)
{
    static const char *const start[] = {"POTCAR", "POSCAR", "CONTCAR", "INCAR", "KPOINTS", "WAVECAR", "CHG", "PROCAR", "EIGENVAL", "DOSCAR",
                                        "IBZKPT", "PCDAT", "LOCPOT", "ML_", "REPORT", "vaspout.h5"};
    static const char *const end[] = {".npy", ".raw", ".dp", ".pb", ".pt", ".pth", ".png", ".svg", ".pdf", ".py", ".sh", ".json", ".yaml",
                                      ".upf", ".UPF", ".psp8", ".cube", ".wfc", ".dat", ".gz", ".bz2", ".xz", ".zip", ".nc", ".wfn", ".hamr"};
    for (size_t i = 0; i < sizeof start / sizeof *start; i++)
        if (strncmp(name, start[i], strlen(start[i])) == 0) return true;
    for (size_t i = 0; i < sizeof end / sizeof *end; i++)
        if (ends_with(name, end[i])) return true;
    return false;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

struct listing {
    struct dirent **e;
    int n;
};

static void listing_free(struct listing *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->e[i]);
    free(l->e);
    *l = (struct listing){0};
}

static enum al_err list(const char *dir, struct listing *ret)
{
    ret->n = scandir(dir, &ret->e, visible, by_name);
    if (ret->n >= 0) return AL_ERR_OK;
    *ret = (struct listing){0};
    AL_FAIL(al_err_from_errno(errno), "cannot read directory %s: %s", dir, strerror(errno));
}

// Outputs of one run that say the same, with the names that VASP gives them; the first of these that is there and whole is read.
static int rank_of(const struct import_source *s)
{
    static const char *const name[] = {"vasprun.xml", "OUTCAR", "XDATCAR"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name_of(s->path), name[i]) == 0) return i + 1;
    return 0;
}

// first: the sources of this directory.
static void skip_twins(struct import *im, int first)
{
    int best = 0;
    for (int i = first; i < im->nsources; i++) {
        int r = rank_of(&im->source[i]);
        if (r && (!best || r < rank_of(&im->source[best - 1]))) best = i + 1;
    }
    for (int i = first; i < im->nsources; i++) {
        struct import_source *s = &im->source[i];
        s->twin = best && rank_of(s) > rank_of(&im->source[best - 1]) ? best : 0;
        if (s->twin)
            snprintf(s->skipped, sizeof s->skipped, "of the same run as %.80s, which is taken", name_of(im->source[best - 1].path));
        else if (s->kind == IMPORT_TRAJECTORY)
            snprintf(s->skipped, sizeof s->skipped, "a trajectory without labels: name the file if its frames are wanted");
    }
}

static enum al_err found_file(struct import *im, const char *path)
{
    struct import_source s = {0};
    struct stat st;
    bool is;
    if (worthless(name_of(path)) || stat(path, &st) != 0 || !S_ISREG(st.st_mode) || !st.st_size) return AL_ERR_OK;
    if (identify(path, &s, &is) != AL_ERR_OK || !is) return AL_ERR_OK; // not readable for us: no data of ours
    return add(im, path, &s);
}

static enum al_err search(struct import *im, const char *dir, int depth);

static enum al_err search_entries(struct import *im, const char *dir, const struct listing *l, int depth)
{
    char path[AL_PATH];
    int first = im->nsources;
    for (int i = 0; i < l->n; i++) {
        AL_TRY(al_path(path, "%s/%s", dir, l->e[i]->d_name));
        if (!is_directory(path)) AL_TRY(found_file(im, path));
    }
    skip_twins(im, first);
    for (int i = 0; i < l->n; i++) {
        struct stat st; // links to directories are not followed: they lead in circles
        AL_TRY(al_path(path, "%s/%s", dir, l->e[i]->d_name));
        if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) AL_TRY(search(im, path, depth + 1));
    }
    return AL_ERR_OK;
}

// ---- DP-GEN ----------------------------------------------------------------------------------------------

static bool is_iteration(const char *name, const char *start)
{
    size_t n = strlen(start);
    return strncmp(name, start, n) == 0 && strlen(name) >= n + 6 && strspn(name + n, "0123456789") == strlen(name + n);
}

static enum al_err below(struct import *im, int depth, const char *dir, const char *a, const char *b)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/%s%s%s", dir, a, b[0] ? "/" : "", b));
    if (is_directory(path)) AL_TRY(search(im, path, depth + 1));
    return AL_ERR_OK;
}

// "init_data_sys" of param.json (JSON is YAML), relative to init_data_prefix.
static enum al_err parameters(struct import *im, const char *dir, const char *file, int depth, bool *ret_found)
{
    char path[AL_PATH];
    AL_OWN(al_node) p = NULL;
    AL_TRY(al_path(path, "%s/%s", dir, file));
    if (al_yaml_read(path, &p) != AL_ERR_OK || p->kind != AL_NODE_MAP) return AL_ERR_OK;
    const struct al_node *l = al_node_get(p, "init_data_sys");
    const char *prefix = al_node_str(p, "init_data_prefix", "");
    if (!l || l->kind != AL_NODE_LIST) return AL_ERR_OK;
    for (const struct al_node *s = l->child; s; s = s->next) {
        if (s->kind != AL_NODE_SCALAR) continue;
        const char *from = s->text[0] == '/' || prefix[0] == '/' ? "" : dir;
        AL_TRY(al_path(path, "%s%s%s%s%s", from, from[0] ? "/" : "", s->text[0] == '/' ? "" : prefix, s->text[0] == '/' || !prefix[0] ? "" : "/",
                       s->text));
        if (is_directory(path)) {
            AL_TRY(search(im, path, depth + 1));
        } else {
            struct import_source missing = {.kind = IMPORT_DATASET, .format = "deepmd/npy"};
            snprintf(missing.skipped, sizeof missing.skipped, "named as init_data_sys in %.80s, but it is not there", file);
            AL_TRY(add(im, path, &missing));
        }
    }
    *ret_found = true;
    return AL_ERR_OK;
}

static enum al_err dpgen_initial(struct import *im, const char *dir, const struct listing *l, int depth)
{
    bool found = false;
    for (int i = 0; i < l->n && !found; i++)
        if (ends_with(l->e[i]->d_name, ".json")) AL_TRY(parameters(im, dir, l->e[i]->d_name, depth, &found));
    if (!found) AL_TRY(below(im, depth, dir, "iter.000000/00.train", "data.init"));
    return AL_ERR_OK;
}

// iter.NNNNNN/02.fp/data.*; of an iteration whose data have not been collected yet the outputs in 02.fp/task.*.
static enum al_err dpgen_iteration(struct import *im, const char *dir, const char *name, int depth)
{
    char fp[AL_PATH];
    struct listing l = {0};
    AL_TRY(al_path(fp, "%s/%s/02.fp", dir, name));
    if (!is_directory(fp)) return AL_ERR_OK;
    AL_TRY(list(fp, &l));
    enum al_err e = AL_ERR_OK;
    bool collected = false;
    for (int i = 0; i < l.n && !e; i++)
        if (strncmp(l.e[i]->d_name, "data.", 5) == 0) {
            e = below(im, depth, fp, l.e[i]->d_name, "");
            collected = true;
        }
    for (int i = 0; i < l.n && !e && !collected; i++)
        if (strncmp(l.e[i]->d_name, "task.", 5) == 0) e = below(im, depth, fp, l.e[i]->d_name, "");
    listing_free(&l);
    AL_TRY(e);
    return AL_ERR_OK;
}

// What `dpgen2 download` leaves: iter-NNNNNN/collect-data/outputs, or prep-run-fp/outputs where nothing was collected; the first
// iteration's training inputs hold the initial data.
static enum al_err dpgen2_iteration(struct import *im, const char *dir, const char *name, bool first, int depth)
{
    char step[AL_PATH];
    struct listing l = {0};
    int before;
    AL_TRY(al_path(step, "%s/%s", dir, name));
    AL_TRY(list(step, &l));
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < l.n && !e && first; i++)
        if (strncmp(l.e[i]->d_name, "prep-run-", 9) == 0 && strstr(l.e[i]->d_name, "train")) e = below(im, depth, step, l.e[i]->d_name, "inputs");
    before = im->nsources;
    if (!e) e = below(im, depth, step, "collect-data", "outputs");
    if (!e && im->nsources == before) e = below(im, depth, step, "prep-run-fp", "outputs");
    listing_free(&l);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err work_directory(struct import *im, const char *dir, const struct listing *l, int depth, bool *ret_is)
{
    bool first = true;
    *ret_is = false;
    for (int i = 0; i < l->n; i++) {
        const char *name = l->e[i]->d_name;
        if (is_iteration(name, "iter.")) {
            if (first) AL_TRY(dpgen_initial(im, dir, l, depth));
            AL_TRY(dpgen_iteration(im, dir, name, depth));
        } else if (is_iteration(name, "iter-")) {
            AL_TRY(dpgen2_iteration(im, dir, name, first, depth));
        } else {
            continue;
        }
        first = false;
        *ret_is = true;
    }
    return AL_ERR_OK;
}

static enum al_err search(struct import *im, const char *dir, int depth)
{
    char path[AL_PATH];
    struct listing l = {0};
    if (depth > MAX_DEPTH) return AL_ERR_OK;
    AL_TRY(al_path(path, "%s/type.raw", dir));
    if (al_exists(path)) {
        struct import_source s = {0};
        take(&s, IMPORT_DATASET, "deepmd/npy");
        return add(im, dir, &s);
    }
    bool is = false;
    AL_TRY(list(dir, &l));
    enum al_err e = work_directory(im, dir, &l, depth, &is);
    if (!e && !is) e = search_entries(im, dir, &l, depth);
    listing_free(&l);
    AL_TRY(e);
    return AL_ERR_OK;
}

// ---- what the user names ---------------------------------------------------------------------------------

// An XDATCAR has no labels; where the outputs of its run are beside it, they have them, and the positions too.
static enum al_err add_beside(struct import *im, const char *path, const struct import_source *s)
{
    static const char *const beside[] = {"vasprun.xml", "OUTCAR"};
    char other[AL_PATH];
    int first = im->nsources;
    for (int i = 0; i < 2; i++) {
        AL_TRY(al_path(other, "%.*s%s", (int)(name_of(path) - path), path, beside[i]));
        AL_TRY(found_file(im, other));
    }
    AL_TRY(add(im, path, s));
    if (im->nsources > first + 1) skip_twins(im, first);
    return AL_ERR_OK;
}

static enum al_err add_file(struct import *im, const char *path)
{
    struct import_source s = {.named = true};
    bool is;
    AL_TRY(identify(path, &s, &is));
    if (!is) AL_FAIL(AL_ERR_INPUT, "%.200s: the format of this file is not known; %s", path, known);
    return strcmp(name_of(path), "XDATCAR") == 0 ? add_beside(im, path, &s) : add(im, path, &s);
}

static enum al_err add_directory(struct import *im, const char *path)
{
    int before = im->nsources, wanted = 0;
    AL_TRY(search(im, path, 0));
    for (int i = before; i < im->nsources; i++)
        wanted += !im->source[i].skipped[0];
    if (im->nsources == before) AL_FAIL(AL_ERR_INPUT, "%.200s: nothing in it that could be imported; %s", path, known);
    if (!wanted)
        AL_FAIL(AL_ERR_INPUT, "%s: nothing in it that could be imported; %s: %s", path, im->source[before].path, im->source[before].skipped);
    return AL_ERR_OK;
}

static enum al_err add_one(struct import *im, const char *path)
{
    char file[AL_PATH];
    if (is_directory(path)) return add_directory(im, path);
    AL_TRY(al_path(file, "%.*s", (int)(al_exists(path) ? strlen(path) : strcspn(path, "#")), path));
    if (!al_exists(file)) AL_FAIL(AL_ERR_NOTFOUND, "%s: no such file or directory", path);
    if (strlen(file) == strlen(path)) return add_file(im, path);
    struct import_source s = {.named = true};
    take(&s, IMPORT_DATASET, "deepmd/hdf5");
    return add(im, path, &s);
}

enum al_err import_find(struct import *im, const char *path)
{
    glob_t g;
    enum al_err e = AL_ERR_OK;
    if (al_exists(path) || !strpbrk(path, "*?[")) return add_one(im, path);
    if (glob(path, 0, NULL, &g) != 0) AL_FAIL(AL_ERR_NOTFOUND, "%s: no file fits this pattern", path);
    for (size_t i = 0; i < g.gl_pathc && !e; i++)
        e = add_one(im, g.gl_pathv[i]);
    globfree(&g);
    AL_TRY(e);
    return AL_ERR_OK;
}
