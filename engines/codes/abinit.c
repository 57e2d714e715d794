// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// ABINIT (9 or later) as a labeler's program.
#include <string.h>

#include "base/lines.h"
#include "codes/abinit.h"

static const char *const arguments[] = {"alnd.abi", NULL};
static const char *const probe[] = {"--version", NULL};
static const char *const scratch[] = {"alndo_DDB", "alndo_OUT.nc", "alndo_WFK", "alndo_DEN", "alndo_EIG", NULL};
static const char *const rungs[ABINIT_RUNGS] = {"default", "cautious mixing", "dielectric matrix"};

struct sign {
    bool scf, error, cycles, done; // not converged in nstep; "--- !ERROR" or "!BUG"; an SCF had begun; "Calculation completed"
    char message[200], last[200];
};

// The message of a document "--- !ERROR": the lines behind "message: |".
static void add_message(struct sign *s, const char *line)
{
    size_t n = strlen(s->message);
    line += strspn(line, " ");
    if (*line) snprintf(s->message + n, sizeof s->message - n, "%s%s", n ? " " : "", line);
}

static enum al_err read_signs(struct al_lines *r, struct sign *s)
{
    bool end, document = false, message = false;
    for (;;) {
        AL_TRY(al_lines_next(r, &end));
        if (end) return AL_ERR_OK;
        const char *line = r->line + strspn(r->line, " ");
        if (strncmp(line, "--- !ERROR", 10) == 0 || strncmp(line, "--- !BUG", 8) == 0) {
            document = !s->error; // the first one only: every rank has its own
            s->error = true;
        } else if (strncmp(line, "...", 3) == 0) {
            document = message = false;
        } else if (document && message) {
            add_message(s, line);
        } else if (document && strncmp(line, "message:", 8) == 0) {
            message = true;
        }
        if (strstr(line, "was not enough SCF cycles to converge")) s->scf = true;
        if (strncmp(line, "ETOT", 4) == 0) s->cycles = true;
        if (strncmp(line, "Calculation completed", 21) == 0) s->done = true;
        if (*line && !s->error) snprintf(s->last, sizeof s->last, "%.150s", line);
    }
}

static void read_file(const char *dir, const char *name, struct sign *s)
{
    char path[AL_PATH];
    struct al_lines r;
    if (al_path(path, "%s/%s", dir, name) == AL_ERR_OK && al_lines_open(path, &r) == AL_ERR_OK) {
        if (read_signs(&r, s)) snprintf(s->last, sizeof s->last, "(%s is no text)", name);
        al_lines_close(&r);
    }
    al_err_clear(); // a file that is not there says nothing
}

static int abinit_failure(const char *dir, int now, char *ret_why, size_t n)
{
    struct sign s = {0};
    int next = now + 1 < ABINIT_RUNGS ? now + 1 : -1;
    read_file(dir, "alnd.abo", &s);
    read_file(dir, "abinit.log", &s);
    if (s.error) {
        snprintf(ret_why, n, "ABINIT stopped: %s", s.message[0] ? s.message : "no message");
        return s.cycles ? next : -1; // before the first SCF step it is the input
    }
    if (s.scf) {
        snprintf(ret_why, n, "ABINIT did not converge within nstep");
        return next;
    }
    if (s.done) snprintf(ret_why, n, "ABINIT ended in order, but its output gave no label");
    else snprintf(ret_why, n, "ABINIT ended early; its last line: %s", s.last[0] ? s.last : "(nothing)");
    return -1;
}

const struct code_ops code_ops_abinit = {
    .name = "abinit",
    .program = "abinit",
    .format = &code_abinit,
    .args = arguments,
    .output = "alnd.abo",
    .screen = "abinit.log",
    .nrung = ABINIT_RUNGS,
    .rung = rungs,
    .check = abinit_check,
    .write = abinit_write,
    .failure = abinit_failure,
    .physics = abinit_physics,
    .probe = probe,
    .version = "",
    .scratch = scratch,
    .electrons = abinit_electrons,
};
