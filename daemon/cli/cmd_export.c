// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd export: the hand-off of a finished training. DIR gets models/, data/, errors/, transport/,
// structures/, the model card README.md, and inputs for LAMMPS and ASE (export_inputs.c), all as real files.
// It is built beside DIR and renamed at the end, so that DIR exists whole or not at all.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/export.h"
#include "core/journal.h"
#include "core/rundir.h"

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

// Regular files and directories; links are followed, so that the copy does not depend on the run directory.
static enum al_err copy_tree(const char *from, const char *to)
{
    AL_TRY(al_mkdirs(to));
    DIR *d = opendir(from);
    if (!d) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", from, strerror(errno));
    enum al_err e = AL_ERR_OK;
    for (struct dirent *ent; !e && (ent = readdir(d));) {
        char a[AL_PATH], b[AL_PATH];
        if (ent->d_name[0] == '.') continue;
        e = al_path(a, "%s/%s", from, ent->d_name);
        if (!e) e = al_path(b, "%s/%s", to, ent->d_name);
        if (!e) e = is_dir(a) ? copy_tree(a, b) : al_file_copy(a, b);
    }
    closedir(d);
    AL_TRY(e);
    return AL_ERR_OK;
}

// The artefacts of a task under their own paths (models/..., transport/SYSTEM/...).
static enum al_err copy_artifacts(const struct export *x, const struct view_task *t)
{
    char from[AL_PATH], to[AL_PATH], parent[AL_PATH];
    for (int i = 0; i < t->nartifacts; i++) {
        AL_TRY(al_path(from, "%s/%s", x->run, t->artifact[i].path));
        AL_TRY(al_path(to, "%s/%s", x->dir, t->artifact[i].path));
        AL_TRY(al_path(parent, "%.*s", (int)(strrchr(to, '/') - to), to));
        AL_TRY(al_mkdirs(parent));
        if (is_dir(from))
            AL_TRY(copy_tree(from, to));
        else
            AL_TRY(al_file_copy(from, to));
    }
    return AL_ERR_OK;
}

static enum al_err copy_errors(const struct export *x)
{
    char from[AL_PATH], to[AL_PATH];
    AL_TRY(al_path(to, "%s/errors", x->dir));
    AL_TRY(al_mkdirs(to));
    for (int i = 0;; i++) {
        AL_TRY(al_path(from, "%s/iterations/%03d/errors.yaml", x->run, i));
        if (!al_exists(from)) return AL_ERR_OK;
        AL_TRY(al_path(to, "%s/errors/%03d.yaml", x->dir, i));
        AL_TRY(al_file_copy(from, to));
    }
}

static enum al_err copy_structures(const struct export *x)
{
    char from[AL_PATH], to[AL_PATH];
    AL_TRY(al_path(to, "%s/structures", x->dir));
    AL_TRY(al_mkdirs(to));
    for (int i = 0; i < x->config->nsystems; i++) {
        const char *name = x->config->system[i].name;
        AL_TRY(al_path(from, "%s/initial/%s/base.extxyz", x->run, name));
        AL_TRY(al_path(to, "%s/structures/%s.extxyz", x->dir, name));
        AL_TRY(al_file_copy(from, to));
    }
    return AL_ERR_OK;
}

static enum al_err fill(struct export *x, const struct view *v)
{
    char from[AL_PATH], to[AL_PATH];
    const struct view_task *models = view_find(v, "models");
    if (!models || models->state != TASK_DONE)
        AL_FAIL_HINT(AL_ERR_NOTFOUND,
                     "models are published when the loop has converged or used its iterations",
                     "%s has no published models yet", x->run);
    AL_TRY(copy_artifacts(x, models));
    for (int i = 0; i < models->nartifacts; i++) {
        size_t n = strlen(models->artifact[i].path);
        bool model = n > 3 && strcmp(models->artifact[i].path + n - 3, ".dp") == 0;
        x->nmodels += model && !strstr(models->artifact[i].path, ".without_zbl.");
    }
    x->zbl = x->config->train.zbl_outer > 0;
    x->angular = x->config->train.rcut_angular > 0;
    AL_TRY(al_path(from, "%s/data", x->run));
    AL_TRY(al_path(to, "%s/data", x->dir));
    AL_TRY(copy_tree(from, to));
    AL_TRY(copy_errors(x));
    AL_TRY(copy_structures(x));
    for (int i = 0; i < v->ntasks; i++)
        if (strcmp(v->task[i].verb, "analyze") == 0 && v->task[i].state == TASK_DONE)
            AL_TRY(copy_artifacts(x, &v->task[i]));
    static const char *const reported[] = {"certificate.yaml", "comparison.yaml"}; // they come with the report, at the end
    for (int i = 0; i < 2; i++) {
        AL_TRY(al_path(from, "%s/%s", x->run, reported[i]));
        AL_TRY(al_path(to, "%s/%s", x->dir, reported[i]));
        if (al_exists(from)) AL_TRY(al_file_copy(from, to));
    }
    AL_TRY(rundir_config(x->run, from));
    AL_TRY(al_path(to, "%s/loop.yaml", x->dir));
    AL_TRY(al_file_copy(from, to));
    AL_TRY(export_inputs(x));
    AL_TRY(export_card(x, models));
    return AL_ERR_OK;
}

static enum al_err open_run(struct export *x, struct view *v)
{
    AL_OWN(journal) j = NULL;
    struct plan_env env;
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/alnd.db", x->run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(journal_load(j, v));
    AL_TRY(rundir_look(x->run, j, &x->config, &env));
    AL_TRY(loop_config_elements(x->config, &x->nelements, x->z));
    return AL_ERR_OK;
}

// rename() replaces an empty directory and refuses any other.
static enum al_err publish(const char *tmp, const char *dir)
{
    char parent[AL_PATH];
    if (rename(tmp, dir) != 0) {
        int err = errno;
        if (err == ENOTEMPTY || err == EEXIST || err == ENOTDIR)
            AL_FAIL_HINT(AL_ERR_INPUT, "name a new directory", "%s exists and is not an empty directory",
                         dir);
        AL_FAIL(al_err_from_errno(err), "cannot make %s: %s", dir, strerror(err));
    }
    AL_TRY(al_path(parent, "%s", dir));
    char *slash = strrchr(parent, '/');
    if (slash == parent)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    AL_TRY(al_fsync_dir(slash ? parent : "."));
    return AL_ERR_OK;
}

static enum al_err run_export(struct export *x, const char *run, const char *dir)
{
    AL_OWN(view) v = NULL;
    char target[AL_PATH];
    AL_TRY(rundir_find(run, x->run));
    AL_TRY(al_path(target, "%s", dir));
    for (size_t n = strlen(target); n > 1 && target[n - 1] == '/';)
        target[--n] = '\0';
    struct stat st;
    if (stat(target, &st) == 0) { // told at once, not after copying
        DIR *d = opendir(target);
        int n = 0;
        while (d && readdir(d))
            n++;
        if (d) closedir(d);
        if (n != 2)
            AL_FAIL_HINT(AL_ERR_INPUT, "name a new directory", "%s exists and is not an empty directory",
                         target);
    }
    AL_TRY(view_create(&v));
    AL_TRY(open_run(x, v));
    AL_TRY(al_path(x->dir, "%s.tmp%ld", target, (long)getpid()));
    enum al_err e = fill(x, v);
    if (!e) e = publish(x->dir, target);
    if (e) {
        char message[AL_ERR_TEXT], hint[AL_ERR_TEXT];
        snprintf(message, sizeof message, "%s", al_err_message());
        snprintf(hint, sizeof hint, "%s", al_err_hint_text());
        (void)!al_remove_tree(x->dir);
        AL_FAIL_HINT(e, hint, "%s", message);
    }
    return AL_ERR_OK;
}

int cmd_export(int argc, char **argv)
{
    const char *arg[2];
    AL_AUTOFREE struct export *x = NULL;
    int rc = cli_arguments(argc, argv, 2, arg, NULL, NULL);
    if (rc) return rc;
    enum al_err e = al_alloc(1, sizeof *x, &x);
    if (!e) e = run_export(x, arg[0], arg[1]);
    if (!e) {
        printf("%d models, data, errors, transport and inputs for LAMMPS and ASE are in %s; README.md there "
               "explains them\n",
               x->nmodels, arg[1]);
        if (x->config->demonstration) cli_demonstration();
    }
    if (x) loop_config_destroy(&x->config);
    return e ? cli_fail(e) : EXIT_OK;
}
