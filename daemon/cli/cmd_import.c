// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd import: what other people's programs have left, as training data.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/data_job.h"
#include "cli/import_job.h"
#include "core/query.h"

const char cli_import_usage[] = "alnd import FILE... --to DIR [OPTION]...\n"
                                "\n"
                                "  FILE: VASP OUTCAR, vasprun.xml, XDATCAR; Quantum ESPRESSO, ABINIT, CP2K output; extended XYZ; LAMMPS dump; DCD;\n"
                                "        deepmd data (npy, mixed type, FILE.h5[#/group]); a directory is searched for all of them (DP-GEN and\n"
                                "        DP-GEN 2 work directories: initial data and all iterations); \"a pattern*\"\n"
                                "  --to DIR                      new directory: deepmd/npy by composition, import.yaml; unlabelled.extxyz when there are such\n"
                                "  --format npy | extxyz         extxyz: all in DIR/labelled.extxyz\n"
                                "  --keep-unconverged            frames whose SCF did not converge, too\n"
                                "  --types Li,P,S                elements of LAMMPS types 1, 2, 3\n"
                                "  --json";

struct wish {
    struct paths files;
    const char *to, *types;
    bool extxyz, keep, json;
};

static enum al_err set_value(struct wish *w, const char *flag, const char *v)
{
    if (!v) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help import", "import: %s: its value is missing", flag);
    if (strcmp(flag, "--to") == 0) w->to = v;
    else if (strcmp(flag, "--types") == 0) w->types = v;
    else if (strcmp(v, "extxyz") == 0 || strcmp(v, "npy") == 0) w->extxyz = v[0] == 'e';
    else AL_FAIL_HINT(AL_ERR_INPUT, "alnd help import", "import: --format %s: npy or extxyz is wanted", v);
    return AL_ERR_OK;
}

static enum al_err parse(int argc, char **argv, struct wish *w)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--json") == 0) {
            w->json = true;
        } else if (strcmp(a, "--keep-unconverged") == 0) {
            w->keep = true;
        } else if (strcmp(a, "--to") == 0 || strcmp(a, "--types") == 0 || strcmp(a, "--format") == 0) {
            AL_TRY(set_value(w, a, argv[i + 1])); // argv[argc] is NULL
            i++;
        } else if (a[0] == '-' && a[1]) {
            AL_FAIL_HINT(AL_ERR_INPUT, "alnd help import", "import: unknown option '%s'", a);
        } else {
            AL_TRY(paths_add(&w->files, a));
        }
    }
    if (!w->files.n) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help import", "import: no files are named");
    if (!w->to) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help import", "import: --to DIR is missing");
    return AL_ERR_OK;
}

static enum al_err ask(const struct wish *w, struct al_node **ret)
{
    AL_AUTOFREE const char **argv = NULL;
    char worker[AL_PATH];
    int n = 0;
    AL_TRY(exec_find_worker(worker, sizeof worker));
    AL_ALLOC(argv, w->files.n + 10);
    argv[n++] = "import";
    argv[n++] = "--to";
    argv[n++] = w->to;
    if (w->extxyz) argv[n++] = "--extxyz";
    if (w->keep) argv[n++] = "--keep-unconverged";
    if (w->types) argv[n++] = "--types";
    if (w->types) argv[n++] = w->types;
    if (isatty(STDERR_FILENO)) argv[n++] = "--progress";
    for (int i = 0; i < w->files.n; i++)
        argv[n++] = w->files.p[i];
    return worker_ask(worker, argv, ret);
}

static enum al_err run(const struct wish *w, int *ret)
{
    AL_OWN(al_node) answer = NULL;
    AL_TRY(ask(w, &answer));
    if (w->json) {
        AL_TRY(cli_print_json(answer));
    } else {
        import_tell(answer, stdout);
        printf("written to %s\n", w->to);
    }
    *ret = import_flawed(answer) ? EXIT_FAILED : EXIT_OK;
    return AL_ERR_OK;
}

int cmd_import(int argc, char **argv)
{
    struct wish w = {0};
    int rc = EXIT_OK;
    enum al_err e = parse(argc, argv, &w);
    if (!e) e = run(&w, &rc);
    paths_free(&w.files);
    return e ? cli_fail(e) : rc;
}
