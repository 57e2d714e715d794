// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// CP2K (Quickstep) as a labeler's program.
#include <string.h>

#include "base/lines.h"
#include "codes/cp2k.h"

static const char *const arguments[] = {"-i", "alnd.inp", NULL};
static const char *const rungs[CP2K_RUNGS] = {"default", "cautious", "very cautious"};
static const char *const probe[] = {"--version", NULL};

struct sign {
    bool scf, ended, iterated;
    char abort[250], last[200];
};

// The box of an abort: "*  ... *" lines, the text between them and the place in the source; what is text has letters.
static void add_abort(struct sign *s, const char *line)
{
    size_t n = strlen(s->abort), k;
    line += strspn(line, " *|\\/_#");
    for (k = strlen(line); k > 0 && strchr(" *", line[k - 1]);)
        k--;
    if (k > 3 && n < 160) snprintf(s->abort + n, sizeof s->abort - n, "%s%.*s", n ? " " : "", (int)(k < 80 ? k : 80), line);
}

static enum al_err read_signs(struct al_lines *r, struct sign *s)
{
    bool end;
    int box = 0;
    for (;;) {
        AL_TRY(al_lines_next(r, &end));
        if (end) return AL_ERR_OK;
        const char *line = r->line + strspn(r->line, " ");
        if (strncmp(line, "*   ___", 7) == 0 && !s->abort[0]) box = 9;
        if (box > 0 && strncmp(line, "*", 1) == 0) {
            const char *tag = strstr(line, "[ABORT]");
            add_abort(s, tag ? tag + 7 : line);
            box--;
        }
        if (strstr(line, "SCF run NOT converged")) s->scf = true;
        if (strstr(line, "SCF run converged")) s->scf = false;
        if (strstr(line, "SCF WAVEFUNCTION OPTIMIZATION")) s->iterated = true;
        if (strstr(line, "PROGRAM ENDED")) s->ended = true;
        if (*line && !s->abort[0]) snprintf(s->last, sizeof s->last, "%.150s", line);
    }
}

static int cp2k_failure(const char *dir, int now, char *ret_why, size_t n)
{
    struct sign s = {0};
    struct al_lines r;
    char path[AL_PATH];
    int next = now + 1 < CP2K_RUNGS ? now + 1 : -1;
    if (al_path(path, "%s/cp2k.out", dir) == AL_ERR_OK && al_lines_open(path, &r) == AL_ERR_OK) {
        if (read_signs(&r, &s)) snprintf(s.last, sizeof s.last, "(cp2k.out is no text)");
        al_lines_close(&r);
    }
    al_err_clear(); // a file that is not there says nothing
    if (s.abort[0]) {
        snprintf(ret_why, n, "CP2K stopped: %s", s.abort);
        return s.iterated ? next : -1; // before the first SCF it is the input
    }
    if (s.scf) {
        snprintf(ret_why, n, "CP2K: SCF run NOT converged");
        return next;
    }
    if (s.ended) snprintf(ret_why, n, "CP2K ended in order, but its output gave no label");
    else snprintf(ret_why, n, "CP2K ended early; its last line: %s", s.last[0] ? s.last : "(nothing)");
    return -1;
}

const struct code_ops code_ops_cp2k = {
    .name = "cp2k",
    .program = "cp2k.psmp",
    .format = &code_cp2k,
    .args = arguments,
    .output = "cp2k.out",
    .screen = "cp2k.out",
    .nrung = CP2K_RUNGS,
    .rung = rungs,
    .check = cp2k_check,
    .write = cp2k_write,
    .failure = cp2k_failure,
    .physics = cp2k_physics,
    .probe = probe,
    .version = "CP2K version",
    .electrons = cp2k_electrons,
};
