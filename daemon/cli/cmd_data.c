// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd data: what labelled data are, what is wrong with them, and conversion.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "cli/data_job.h"

const char cli_data_usage[] = "alnd data DATA... [OPTION]...\n"
                              "\n"
                              "  DATA: directory of deepmd systems (npy, mixed type), FILE.h5[#/group], FILE.extxyz\n"
                              "  --valid DATA...               frames that are in both are told\n"
                              "  --out FILE.extxyz | DIR       write DATA again, as extended XYZ or deepmd/npy\n"
                              "  --json";

struct wish {
    struct paths data, valid;
    const char *out;
    bool json;
};

static enum al_err parse(int argc, char **argv, struct wish *w)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            w->json = true;
        } else if (strcmp(argv[i], "--valid") == 0) {
            AL_TRY(paths_take(&w->valid, argc, argv, &i));
        } else if (strcmp(argv[i], "--out") == 0) {
            if (i + 1 == argc) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help data", "data: --out: its value is missing");
            w->out = argv[++i];
        } else if (argv[i][0] == '-' && argv[i][1]) {
            AL_FAIL_HINT(AL_ERR_INPUT, "alnd help data", "data: unknown option '%s'", argv[i]);
        } else {
            AL_TRY(paths_add(&w->data, argv[i]));
        }
    }
    if (!w->data.n) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help data", "data: no data are named");
    if (w->out && al_exists(w->out)) AL_FAIL(AL_ERR_INPUT, "%s is there already", w->out);
    return AL_ERR_OK;
}

static enum al_err run(const struct wish *w, int *ret)
{
    AL_OWN(al_node) answer = NULL;
    AL_TRY(data_ask(&w->data, &w->valid, w->out, &answer));
    if (w->json) {
        AL_TRY(cli_print_json(answer));
    } else {
        data_tell(answer, stdout);
        if (w->out) printf("written to %s\n", w->out);
    }
    const struct al_node *found = al_node_get(answer, "findings");
    *ret = found && found->nchild ? EXIT_FAILED : EXIT_OK;
    return AL_ERR_OK;
}

int cmd_data(int argc, char **argv)
{
    struct wish w = {0};
    int rc = EXIT_OK;
    enum al_err e = parse(argc, argv, &w);
    if (!e) e = run(&w, &rc);
    paths_free(&w.data);
    paths_free(&w.valid);
    return e ? cli_fail(e) : rc;
}
