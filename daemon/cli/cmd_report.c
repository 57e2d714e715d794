// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd report: the page of a run, finished or going on, as one file; its numbers as CSV beside it.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/web.h"
#include "core/rundir.h"
#include "report/report.h"

const char cli_report_usage[] = "alnd report RUN [--out FILE.html]\n"
                                "       FILE.html (NAME-report.html in this directory when not given) holds everything and needs no network;\n"
                                "       FILE-csv/ beside it holds every plot's numbers.";

static int parse(int argc, char **argv, const char **ret_arg, const char **ret_out)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--out") == 0 && i + 1 < argc) *ret_out = argv[++i];
        else if (argv[i][0] == '-' || *ret_arg) return cli_usage("usage: %s", cli_report_usage);
        else *ret_arg = argv[i];
    }
    return *ret_arg ? EXIT_OK : cli_usage("usage: %s", cli_report_usage);
}

// Absolute, because the page is written from within the run directory.
static enum al_err target(const char *run, const char *out, char ret_html[AL_PATH], char ret_csv[AL_PATH])
{
    AL_AUTOFREE struct status *s = NULL;
    char here[AL_PATH], given[AL_PATH];
    if (!getcwd(here, sizeof here)) AL_FAIL(al_err_from_errno(errno), "cannot tell the current directory: %s", strerror(errno));
    AL_ALLOC(s, 1);
    AL_TRY(status_read(run, s));
    if (out) AL_TRY(al_path(given, "%s", out));
    else AL_TRY(al_path(given, "%s-report.html", s->name));
    if (given[0] == '/') AL_TRY(al_path(ret_html, "%s", given));
    else AL_TRY(al_path(ret_html, "%s/%s", here, given));
    size_t n = strlen(ret_html);
    if (n > 5 && strcmp(ret_html + n - 5, ".html") == 0) n -= 5;
    AL_TRY(al_path(ret_csv, "%.*s-csv", (int)n, ret_html));
    return AL_ERR_OK;
}

static enum al_err write_report(const char *arg, const char *out)
{
    char run[AL_PATH], html[AL_PATH], csv[AL_PATH], own[AL_PATH];
    struct al_outfile o;
    AL_TRY(rundir_find(arg, run));
    AL_TRY(target(run, out, html, csv));
    AL_TRY(al_path(own, "%s/report.html", run));
    if (strcmp(own, html) == 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "give another --out", "%s is the run's own, and its checksum is in the journal", html);
    if (chdir(run) != 0) AL_FAIL(al_err_from_errno(errno), "cannot enter %s: %s", run, strerror(errno));
    AL_TRY(al_outfile_open(html, &o));
    enum al_err e = web_page(o.out, run, csv, false);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    printf("report      %s\nnumbers     %s/\n", html, csv);
    return AL_ERR_OK;
}

int cmd_report(int argc, char **argv)
{
    const char *arg = NULL, *out = NULL;
    int rc = parse(argc, argv, &arg, &out);
    if (rc) return rc;
    enum al_err e = write_report(arg, out);
    return e ? cli_fail(e) : EXIT_OK;
}
