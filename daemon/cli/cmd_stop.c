// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "core/control.h"
#include "core/rundir.h"

// Asks, then waits until the daemon has let go of the run: afterwards start and export find it at rest.
int cmd_stop(int argc, char **argv)
{
    const char *arg;
    char run[AL_PATH];
    AL_AUTOFREE char *request = NULL, *answer = NULL;
    int rc = cli_arguments(argc, argv, 1, &arg, NULL, NULL);
    if (rc) return rc;
    enum al_err e = rundir_find(arg, run);
    if (!e) e = json_request("stop", NULL, &request);
    if (e) return cli_fail(e);
    e = control_ask(run, request, &answer);
    if (e == AL_ERR_NOTFOUND) {
        printf("no alnd works on %s\n", run);
        return EXIT_OK;
    }
    if (e) return cli_fail(e);
    struct timespec wait = {.tv_nsec = 100000000};
    printf("stopping; the running tasks save their state\n");
    fflush(stdout);
    while (rundir_holder(run))
        nanosleep(&wait, NULL);
    printf("stopped; alnd start %s goes on\n", run);
    return EXIT_OK;
}
