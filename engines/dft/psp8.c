// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/psp8.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct reader {
    const char *name, *at;
    int line;
    double h; // spacing: r_i = i h
};

// Numbers of the next line, at most max; text after them is ignored. -1 at the end of the file.
static int next_numbers(struct reader *rd, double *v, int max)
{
    if (!*rd->at) return -1;
    char buf[512];
    size_t n = 0;
    while (*rd->at && *rd->at != '\n') {
        char c = *rd->at++;
        if (n + 1 < sizeof buf) buf[n++] = c == 'D' || c == 'd' ? 'e' : c; // Fortran exponents
    }
    if (*rd->at == '\n') rd->at++;
    buf[n] = '\0';
    rd->line++;
    int k = 0;
    char *p = buf;
    while (k < max) {
        char *end;
        double x = strtod(p, &end);
        if (end == p) break;
        v[k++] = x;
        p = end;
    }
    return k;
}

static enum al_err need(struct reader *rd, double *v, int min, int max, const char *what)
{
    int k = next_numbers(rd, v, max);
    if (k < min) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: psp8 file: expected %s", rd->name, rd->line, what);
    for (int i = 0; i < k; i++)
        if (!isfinite(v[i]))
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: psp8 file: not a finite number", rd->name, rd->line);
    return AL_ERR_OK;
}

// mmax lines "i r f1 f2 ..."; columns into dst[0..ncol).
static enum al_err read_columns(struct reader *rd, struct pseudo *p, int ncol, double **dst, const char *what)
{
    double v[2 + PSP_CHANNELS];
    for (int i = 0; i < p->mmax; i++) {
        AL_TRY(need(rd, v, 2 + ncol, 2 + ncol, what));
        if (v[0] != i + 1)
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: psp8 file: line %d of %s, found %g", rd->name, rd->line, i + 1,
                    what, v[0]);
        if (i == 1 && rd->h == 0) rd->h = v[1];
        if (fabs(v[1] - i * rd->h) > 1e-6 * (1 + v[1]))
            AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: psp8 file: radial grid is not uniform from 0", rd->name,
                    rd->line);
        for (int c = 0; c < ncol; c++)
            dst[c][i] = v[2 + c];
    }
    return AL_ERR_OK;
}

static enum al_err read_projectors(struct reader *rd, struct pseudo *p, int l, int nproj)
{
    double v[1 + PSP_CHANNELS], *dst[PSP_CHANNELS];
    AL_TRY(need(rd, v, 1 + nproj, 1 + nproj, "l and projector energies"));
    if (v[0] != l)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: psp8 file: projectors of l = %g where %d is due", rd->name, rd->line,
                v[0], l);
    if (l > PSP_LMAX || p->nchan + nproj > PSP_CHANNELS)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: psp8 file: too many projectors or l > 3", rd->name, rd->line);
    for (int i = 0; i < nproj; i++) {
        int c = p->nchan++;
        p->l[c] = l;
        p->ekb[c] = v[1 + i];
        AL_ALLOC(p->beta[c], p->mmax);
        dst[i] = p->beta[c];
    }
    return read_columns(rd, p, nproj, dst, "projectors");
}

static enum al_err read_vloc(struct reader *rd, struct pseudo *p, int lloc)
{
    double v[1];
    AL_TRY(need(rd, v, 1, 1, "l of the local potential"));
    if (v[0] != lloc)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: psp8 file: local potential of l = %d is due", rd->name, rd->line,
                lloc);
    AL_ALLOC(p->vloc, p->mmax);
    return read_columns(rd, p, 1, &p->vloc, "the local potential");
}

struct header {
    int lmax, lloc, nproj[PSP_LMAX + 2], extension;
    double fchrg;
};

static enum al_err read_header(struct reader *rd, struct pseudo *p, struct header *h)
{
    double v[8];
    if (next_numbers(rd, v, 0) < 0) AL_FAIL(AL_ERR_CORRUPT, "%s: empty file", rd->name);
    AL_TRY(need(rd, v, 2, 3, "zatom, zion"));
    if (!(v[0] >= 1 && v[0] <= 118)) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: zatom %g", rd->name, rd->line, v[0]);
    p->z = (int)lround(v[0]);
    p->zion = v[1];
    if (p->z < 1 || p->z > 118 || p->zion <= 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: zatom %g, zion %g", rd->name, rd->line, v[0], v[1]);
    AL_TRY(need(rd, v, 5, 6, "pspcod, pspxc, lmax, lloc, mmax"));
    for (int i = 0; i < 4; i++)
        if (fabs(v[i]) > 1e9) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: pspcod, pspxc, lmax, lloc: %g", rd->name, rd->line, v[i]);
    if ((int)v[0] != 8) AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: pspcod %g is not 8", rd->name, rd->line, v[0]);
    h->lmax = (int)v[2];
    h->lloc = (int)v[3];
    snprintf(p->functional, sizeof p->functional, "ixc %d", (int)v[1]);
    if (h->lmax < 0 || h->lmax > PSP_LMAX || v[4] < 20 || v[4] > 100000)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: lmax %g, mmax %g", rd->name, rd->line, v[2], v[4]);
    p->mmax = (int)v[4];
    AL_TRY(need(rd, v, 2, 3, "rchrg, fchrg"));
    h->fchrg = v[1];
    AL_TRY(need(rd, v, h->lmax + 1, 5, "nproj"));
    for (int l = 0; l <= h->lmax; l++) {
        if (v[l] < 0 || v[l] > 6) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: nproj %g", rd->name, rd->line, v[l]);
        h->nproj[l] = (int)v[l];
    }
    AL_TRY(need(rd, v, 1, 2, "extension_switch"));
    if (v[0] < 0 || v[0] > 1)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: psp8 with spin-orbit (extension_switch %g)", rd->name, rd->line, v[0]);
    h->extension = (int)v[0];
    return AL_ERR_OK;
}

bool psp8_is(const char *text)
{
    double v[2];
    struct reader rd = {"", text, 0, 0};
    return next_numbers(&rd, v, 0) >= 0 && next_numbers(&rd, v, 2) == 2 && next_numbers(&rd, v, 2) == 2;
}

// The mesh is known only after the first table: written at the end.
static enum al_err set_mesh(struct pseudo *p, const struct reader *rd)
{
    AL_AUTOFREE double *r = NULL;
    AL_ALLOC(r, p->mmax);
    for (int i = 0; i < p->mmax; i++)
        r[i] = i * rd->h;
    AL_TRY_MSG(pseudo_set_mesh(p, p->mmax, r, NULL), "%s", rd->name);
    return AL_ERR_OK;
}

enum al_err psp8_parse(const char *name, const char *text, struct pseudo **ret)
{
    AL_OWN(pseudo) p = NULL;
    AL_ALLOC(p, 1);
    struct reader rd = {name, text, 0, 0};
    struct header h = {0};
    AL_TRY(read_header(&rd, p, &h));
    for (int l = 0; l <= h.lmax; l++) {
        if (l == h.lloc)
            AL_TRY(read_vloc(&rd, p, l));
        else if (h.nproj[l] > 0)
            AL_TRY(read_projectors(&rd, p, l, h.nproj[l]));
    }
    if (h.lloc > h.lmax) AL_TRY(read_vloc(&rd, p, h.lloc));
    if (!p->vloc) AL_FAIL(AL_ERR_CORRUPT, "%s: psp8 file: no local potential (lloc %d)", name, h.lloc);
    if (h.fchrg > 0) {
        AL_ALLOC(p->core, p->mmax);
        AL_TRY(read_columns(&rd, p, 1, &p->core, "the model core charge"));
    }
    if (h.extension == 1) {
        AL_ALLOC(p->valence, p->mmax);
        AL_TRY(read_columns(&rd, p, 1, &p->valence, "the valence charge"));
    }
    AL_TRY(set_mesh(p, &rd));
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}
