// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "core/recover.h"

static void tell(const char *run, const struct recover_report *t)
{
    if (t->sound) {
        printf("the journal of %s is sound: there is nothing to recover\n", run);
        return;
    }
    printf("the journal of %s was rebuilt from its artefacts\n", run);
    printf("tasks       %d: %d finished, %d failed, %d to be gone on with\n", t->ntasks, t->ndone, t->nfailed, t->nopen);
    if (t->aside[0]) printf("old one     %s/%s\n", run, t->aside);
    printf("lost        the history of events and failures (alnd.log and the worker.log files have it as text)\n");
    printf("alnd start %s goes on\n", run);
}

int cmd_recover(int argc, char **argv)
{
    const char *arg;
    char run[AL_PATH], lock[AL_PATH];
    AL_OWN(rundir) r = NULL;
    struct recover_report report;
    int rc = cli_arguments(argc, argv, 1, &arg, NULL, NULL);
    if (rc) return rc;
    enum al_err e = rundir_locate(arg, run);
    if (!e) e = al_path(lock, "%s/alnd.lock", run);
    if (e) return cli_fail(e);
    if (!al_exists(lock)) {
        al_err_raise(AL_ERR_NOTFOUND, __FILE__, __LINE__, __func__, "%s is no run directory (it has no alnd.lock)", run);
        return cli_fail(AL_ERR_NOTFOUND);
    }
    e = rundir_read_copy(run, &r);
    if (e) {
        al_err_hint("RUN/inputs and RUN/loop.yaml must be as the run was started with them");
        return cli_fail(e);
    }
    e = rundir_lock(r);
    if (!e) e = recover_run(r, &report);
    if (e) return cli_fail(e);
    tell(run, &report);
    return EXIT_OK;
}
