// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// VASP as a labeler. Never run by its makers: the formats are the documented ones (docs/engines.md says what was tested and how).
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "base/mem.h"
#include "codes/vasp.h"

// Rungs: 0 as asked for (ALGO Normal), 1 ALGO All, 2 gentle mixing, 3 ALGO Damped. The first sign that stands in a line is taken.
static const struct vasp_sign signs[] = {
    {"internal error in subroutine", "internal error (symmetry or k-points)", -1},
    {"VERY BAD NEWS", "VERY BAD NEWS", -1},
    {"ZBRENT: fatal error", "ZBRENT: fatal error", -1},
    {"Sub-Space-Matrix is not hermitian", "Sub-Space-Matrix is not hermitian", 1},
    {"EDDDAV: Call to ZHEGV failed", "EDDDAV: Call to ZHEGV failed", 1},
    {"Error EDDDAV", "Error EDDDAV", 1},
    {"EDDRMM: call to ZHEGV", "EDDRMM: call to ZHEGV failed", 1},
    {"Error EDDRMM", "Error EDDRMM", 1},
    {"EDWAV: internal error", "EDWAV: gradient is not orthogonal", 1},
    {"WARNING in EDDRMM", "WARNING in EDDRMM", 1},
    {"LAPACK: Routine ZPOTRF failed", "ZPOTRF failed: orbitals are linearly dependent, or atoms too close", 1},
    {"BRMIX: very serious problems", "BRMIX: the density lost electrons", 2},
    {"aborting loop EDIFF was not reached", "EDIFF was not reached", 1},
    {"TOO FEW BANDS", "TOO FEW BANDS: raise NBANDS in the template", -1},
    {"highest band is occupied", "the highest band is occupied: raise NBANDS in the template", -1},
    {"Your highest band is occupied", "the highest band is occupied: raise NBANDS in the template", -1},
    {"REAL_OPTLAY", "REAL_OPTLAY: real-space projectors; use LREAL = .FALSE.", -1},
    {"ERROR RSPHER", "RSPHER: real-space projectors; use LREAL = .FALSE.", -1},
    {"PSMAXN for non-local potential too small", "PSMAXN too small: the cut-off is too high for this POTCAR", -1},
    {"The distance between some ions is very small", "atoms are very close", -1},
    {"distance between some ions is very small", "atoms are very close", -1},
    {"hard stop encountered", "stopped by a STOPCAR", -1},
    {"soft stop encountered", "stopped by a STOPCAR", -1},
    {"insufficient virtual memory", "out of memory", -1},
    {"LOOP+ INTERRUPTED", "interrupted", -1},
};

const struct vasp_sign *vasp_sign_of(const char *line)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strstr(line, signs[i].text)) return &signs[i];
    return NULL;
}

struct finding {
    const struct vasp_sign *sign; // the first
    char last[160];               // line that says something
    long iterations;              // electronic
    bool reached, timing;
};

// Errors of reading are no findings: the file may be cut anywhere or be no text.
static void look(const char *dir, const char *name, struct finding *f)
{
    char path[AL_PATH];
    struct al_lines r;
    bool end;
    if (al_path(path, "%s/%s", dir, name) || al_lines_open(path, &r)) return;
    while (!al_lines_next(&r, &end) && !end) {
        const char *p = r.line + strspn(r.line, " \t|*-=");
        const struct vasp_sign *s = vasp_sign_of(r.line);
        // what cannot be helped outweighs what can
        if (s && (!f->sign || (s->rung < 0 && f->sign->rung >= 0))) f->sign = s;
        if (*p) snprintf(f->last, sizeof f->last, "%.150s", p);
        f->iterations += strstr(r.line, "- Iteration ") != NULL;
        f->reached |= strstr(r.line, "aborting loop because EDIFF is reached") != NULL;
        f->timing |= strstr(r.line, "General timing and accounting") != NULL;
    }
    al_lines_close(&r);
}

int vasp_failure(const char *dir, int now, char *ret_why, size_t n)
{
    struct finding out = {0}, screen = {0};
    look(dir, "OUTCAR", &out);
    look(dir, "vasp.out", &screen);
    const struct vasp_sign *s = screen.sign && (!out.sign || screen.sign->rung < 0) ? screen.sign : out.sign;
    al_err_clear();
    if (out.timing && !out.reached) { // to its end, without having converged
        snprintf(ret_why, n, "the SCF did not reach EDIFF in %ld steps%s%s", out.iterations, s ? "; " : "", s ? s->why : "");
        return now + 1 < VASP_RUNGS ? now + 1 : -1;
    }
    if (s) {
        snprintf(ret_why, n, "%s", s->why);
        if (s->rung < 0 || now + 1 >= VASP_RUNGS) return -1;
        return s->rung > now ? s->rung : now + 1;
    }
    const char *last = screen.last[0] ? screen.last : out.last;
    snprintf(ret_why, n, "VASP ended%s%s%s", out.iterations ? " in the middle" : " before its first step", last[0] ? "; its last words: " : "", last);
    return -1;
}

static const char *const no_args[] = {NULL};
static const char *const rungs[] = {"default", "algo-all", "gentle-mixing", "algo-damped"};
static const char *const scratch[] = {"WAVECAR", "CHG", "CHGCAR", "PROCAR", "DOSCAR", "EIGENVAL", "XDATCAR", "vasprun.xml", "vaspout.h5", "POTCAR", NULL};

const struct code_ops code_ops_vasp = {
    .name = "vasp",
    .program = "vasp_std",
    .format = &code_vasp_outcar,
    .args = no_args,
    .output = "OUTCAR",
    .screen = "vasp.out",
    .nrung = VASP_RUNGS,
    .rung = rungs,
    .check = vasp_check,
    .write = vasp_write,
    .failure = vasp_failure,
    .physics = vasp_physics,
    .scratch = scratch,
    .electrons = vasp_electrons,
};
