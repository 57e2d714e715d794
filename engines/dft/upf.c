// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The files are nearly XML: PP_INFO may hold anything, so a scanner of our own looks for the few elements that are
// wanted.
#include "dft/upf.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/mem.h"
#include "base/units.h"

static const double r_max = 10; // bohr

struct tag {
    const char *name, *body; // of a start tag: "PP_R", what follows '>'
    size_t len;
    int line;
};

struct reader {
    const char *file, *at;
    int line, mesh, nproj, kkbeta;
    double *r, *rab, *local, *core, *rho, *d; // as in the file
    double *beta[PSP_CHANNELS];
    int l[PSP_CHANNELS];
    double zval;
    char functional[64];
    int z;
    bool header, closed;
};

static void reader_drop(struct reader *u)
{
    double *all[] = {u->r, u->rab, u->local, u->core, u->rho, u->d};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        al_free(all[i]);
    for (int i = 0; i < PSP_CHANNELS; i++)
        al_free(u->beta[i]);
}

static void advance(struct reader *u, const char *to)
{
    for (; u->at < to; u->at++)
        u->line += *u->at == '\n';
}

// To behind the next occurrence of mark; false at the end of the text.
static bool skip_past(struct reader *u, const char *mark)
{
    const char *p = strstr(u->at, mark);
    advance(u, p ? p + strlen(mark) : u->at + strlen(u->at));
    return p;
}

static bool is(const struct tag *t, const char *name)
{
    return t->len == strlen(name) && strncmp(t->name, name, t->len) == 0;
}

// The next start tag; false at </UPF> or at the end of the text.
static bool next_tag(struct reader *u, struct tag *t)
{
    while (skip_past(u, "<")) {
        if (strncmp(u->at, "!--", 3) == 0) {
            skip_past(u, "-->");
        } else if (strncmp(u->at, "/UPF", 4) == 0) {
            u->closed = true;
            return false;
        } else if (isalpha((unsigned char)*u->at)) {
            *t = (struct tag){.name = u->at, .len = strcspn(u->at, " \t\r\n/>"), .line = u->line};
            if (is(t, "PP_INFO")) {
                skip_past(u, "</PP_INFO>");
                continue;
            }
            char quote = 0; // '>' inside of an attribute does not end the tag
            const char *p = u->at;
            for (; *p && (quote || *p != '>'); p++)
                if (quote ? *p == quote : *p == '"' || *p == '\'') quote = quote ? 0 : *p;
            t->body = *p ? p + 1 : p;
            advance(u, t->body);
            return true;
        }
    }
    return false;
}

// Value of an attribute, cut to size; false when absent.
static bool attribute(const struct tag *t, const char *key, char *ret, size_t size)
{
    size_t n = strlen(key);
    for (const char *p = t->name + t->len; p < t->body;) {
        p += strspn(p, " \t\r\n/>");
        size_t len = strcspn(p, "= \t\r\n>");
        const char *eq = p + len + strspn(p + len, " \t\r\n");
        if (p >= t->body || *eq != '=') return false;
        const char *open = eq + 1 + strspn(eq + 1, " \t\r\n");
        if (*open != '"' && *open != '\'') return false;
        const char *close = strchr(open + 1, *open);
        if (!close || close >= t->body) return false;
        if (len == n && strncmp(p, key, n) == 0) {
            const char *from = open + 1, *to = close;
            while (from < to && isspace((unsigned char)*from))
                from++;
            while (to > from && isspace((unsigned char)to[-1]))
                to--;
            snprintf(ret, size, "%.*s", (int)(to - from), from);
            return true;
        }
        p = close + 1;
    }
    return false;
}

static enum al_err to_number(const struct reader *u, int line, const char *text, size_t n, double *ret)
{
    char buf[64], *end;
    snprintf(buf, sizeof buf, "%.*s", (int)(n < sizeof buf ? n : sizeof buf - 1), text);
    for (char *p = buf; *p; p++)
        if (*p == 'D' || *p == 'd') *p = 'e'; // Fortran
    *ret = strtod(buf, &end);
    if (n == 0 || n >= sizeof buf || *end || !isfinite(*ret))
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: '%s' is not a number", u->file, line, buf);
    return AL_ERR_OK;
}

static enum al_err need_number(const struct reader *u, const struct tag *t, const char *key, double *ret)
{
    char v[64];
    if (!attribute(t, key, v, sizeof v))
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: %.*s has no %s", u->file, t->line, (int)t->len, t->name, key);
    AL_TRY(to_number(u, t->line, v, strlen(v), ret));
    return AL_ERR_OK;
}

static bool flag(const struct tag *t, const char *key)
{
    char v[16];
    if (!attribute(t, key, v, sizeof v)) return false;
    return strchr("Tt", v[0]) || strncasecmp(v, ".t", 2) == 0;
}

static enum al_err refuse_kinds(const struct reader *u, const struct tag *t)
{
    static const char *const flags[][2] = {{"is_paw", "PAW data set"},
                                           {"is_ultrasoft", "ultrasoft pseudopotential"},
                                           {"has_so", "fully relativistic pseudopotential (spin-orbit)"},
                                           {"is_coulomb", "bare Coulomb potential"}};
    char type[16] = "NC";
    attribute(t, "pseudo_type", type, sizeof type);
    const char *why = NULL;
    if (strcmp(type, "US") == 0 || strcmp(type, "USPP") == 0) why = flags[1][1];
    else if (strcmp(type, "PAW") == 0) why = flags[0][1];
    else if (strcmp(type, "NC") != 0 && strcmp(type, "SL") != 0) why = type;
    for (size_t i = 0; !why && i < sizeof flags / sizeof *flags; i++)
        if (flag(t, flags[i][0])) why = flags[i][1];
    if (why)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "norm-conserving, scalar relativistic files are read", "%s:%d: %s", u->file, t->line,
                     why);
    return AL_ERR_OK;
}

static enum al_err read_header(struct reader *u, const struct tag *t)
{
    char symbol[16] = "";
    double mesh, nproj;
    if (u->header) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: a second PP_HEADER", u->file, t->line); // tables have the sizes of the first
    AL_TRY(refuse_kinds(u, t));
    attribute(t, "element", symbol, sizeof symbol);
    attribute(t, "functional", u->functional, sizeof u->functional);
    u->z = al_element_z(symbol);
    if (!u->z) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: element '%s'", u->file, t->line, symbol);
    AL_TRY(need_number(u, t, "z_valence", &u->zval));
    AL_TRY(need_number(u, t, "mesh_size", &mesh));
    AL_TRY(need_number(u, t, "number_of_proj", &nproj));
    if (!(mesh >= 20 && mesh <= 1e6) || mesh != floor(mesh) || !(nproj >= 0) || nproj != floor(nproj))
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: mesh of %g points, %g projectors", u->file, t->line, mesh, nproj);
    if (nproj > PSP_CHANNELS)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: %g projectors, at most %d", u->file, t->line, nproj, PSP_CHANNELS);
    u->mesh = (int)mesh;
    u->nproj = (int)nproj;
    u->header = true;
    return AL_ERR_OK;
}

// Exactly n numbers up to the closing tag. A table of another length than the mesh is refused.
static enum al_err read_table(struct reader *u, const struct tag *t, int n, double **ret)
{
    if (!u->header) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: %.*s before PP_HEADER", u->file, t->line, (int)t->len, t->name);
    if (*ret) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: a second %.*s", u->file, t->line, (int)t->len, t->name);
    AL_ALLOC(*ret, n);
    for (int i = 0;; i++) {
        advance(u, u->at + strspn(u->at, " \t\r\n"));
        size_t len = strcspn(u->at, " \t\r\n<");
        if (len == 0) {
            if (*u->at && i == n) return AL_ERR_OK;
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: %.*s ends after %d of %d numbers", u->file, u->line, (int)t->len, t->name,
                    i, n);
        }
        if (i == n)
            AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: %.*s has more than %d numbers", u->file, u->line, (int)t->len, t->name, n);
        AL_TRY(to_number(u, u->line, u->at, len, &(*ret)[i]));
        u->at += len;
    }
}

static enum al_err read_beta(struct reader *u, const struct tag *t)
{
    char *end;
    long i = strtol(t->name + 8, &end, 10);
    double l, kk = 0;
    if (i < 1 || i > u->nproj || end != t->name + t->len)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: %.*s of %d projectors", u->file, t->line, (int)t->len, t->name, u->nproj);
    AL_TRY(need_number(u, t, "angular_momentum", &l));
    if (!(l >= 0) || l != floor(l) || l > PSP_LMAX)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: projector of l = %g, at most %d", u->file, t->line, l, PSP_LMAX);
    char v[16];
    if (attribute(t, "cutoff_radius_index", v, sizeof v)) AL_TRY(need_number(u, t, "cutoff_radius_index", &kk));
    if (kk > u->kkbeta && kk <= u->mesh) u->kkbeta = (int)kk;
    u->l[i - 1] = (int)l;
    AL_TRY(read_table(u, t, u->mesh, &u->beta[i - 1]));
    return AL_ERR_OK;
}

static enum al_err read_tag(struct reader *u, const struct tag *t)
{
    char version[16] = "1";
    if (is(t, "UPF")) {
        attribute(t, "version", version, sizeof version);
        if (strncmp(version, "2.", 2) != 0)
            AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "Quantum ESPRESSO's upfconv makes UPF 2 of it", "%s:%d: UPF version %s", u->file,
                         t->line, version);
    } else if (is(t, "PP_HEADER")) {
        AL_TRY(read_header(u, t));
    } else if (is(t, "PP_R")) {
        AL_TRY(read_table(u, t, u->mesh, &u->r));
    } else if (is(t, "PP_RAB")) {
        AL_TRY(read_table(u, t, u->mesh, &u->rab));
    } else if (is(t, "PP_NLCC")) {
        AL_TRY(read_table(u, t, u->mesh, &u->core));
    } else if (is(t, "PP_LOCAL")) {
        AL_TRY(read_table(u, t, u->mesh, &u->local));
    } else if (is(t, "PP_RHOATOM")) {
        AL_TRY(read_table(u, t, u->mesh, &u->rho));
    } else if (is(t, "PP_DIJ") && u->nproj > 0) {
        AL_TRY(read_table(u, t, u->nproj * u->nproj, &u->d));
    } else if (t->len > 8 && strncmp(t->name, "PP_BETA.", 8) == 0) {
        AL_TRY(read_beta(u, t));
    }
    return AL_ERR_OK;
}

static enum al_err complete(const struct reader *u)
{
    if (!u->closed) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: cut off, no </UPF>", u->file, u->line);
    const char *missing = !u->header ? "PP_HEADER" : !u->r ? "PP_R" : !u->rab ? "PP_RAB" : !u->local ? "PP_LOCAL" : NULL;
    if (u->nproj > 0 && !u->d) missing = "PP_DIJ";
    for (int i = 0; i < u->nproj; i++)
        if (!u->beta[i]) missing = "a PP_BETA";
    if (missing) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: UPF file: %s is missing", u->file, u->line, missing);
    for (int i = 0; i < u->nproj; i++)
        for (int j = 0; j < u->nproj; j++) {
            double a = u->d[i * u->nproj + j], b = u->d[j * u->nproj + i];
            if (fabs(a - b) > 1e-8 * (1 + fabs(a)) || (a != 0 && u->l[i] != u->l[j]))
                AL_FAIL(AL_ERR_CORRUPT, "%s: UPF file: PP_DIJ is not symmetric or mixes angular momenta (%d, %d)", u->file,
                        i + 1, j + 1);
        }
    return AL_ERR_OK;
}

static enum al_err add_projectors(const struct reader *u, struct pseudo *p)
{
    for (int l = 0; l <= PSP_LMAX; l++) {
        double *f[PSP_CHANNELS], d[PSP_CHANNELS * PSP_CHANNELS];
        int at[PSP_CHANNELS], n = 0;
        for (int i = 0; i < u->nproj; i++)
            if (u->l[i] == l) at[n++] = i;
        for (int i = 0; i < n; i++) {
            f[i] = u->beta[at[i]];
            for (int k = u->kkbeta ? u->kkbeta : u->mesh; k < u->mesh; k++)
                f[i][k] = 0;
            for (int j = 0; j < n; j++)
                d[i * n + j] = u->d[at[i] * u->nproj + at[j]] / 2;
        }
        if (n > 0) AL_TRY(pseudo_add_channels(p, l, n, f, d));
    }
    return AL_ERR_OK;
}

static enum al_err convert(const struct reader *u, struct pseudo *p)
{
    int m = u->mesh;
    while (m > 20 && u->r[m - 2] > r_max)
        m--;
    p->z = u->z;
    p->zion = u->zval;
    memcpy(p->functional, u->functional, sizeof p->functional);
    AL_TRY_MSG(pseudo_set_mesh(p, m, u->r, u->rab), "%s", u->file);
    AL_ALLOC(p->vloc, m);
    if (u->core) AL_ALLOC(p->core, m);
    if (u->rho) AL_ALLOC(p->valence, m);
    for (int i = 0; i < m; i++) {
        double r2 = u->r[i] * u->r[i];
        p->vloc[i] = u->local[i] / 2;
        if (u->core) p->core[i] = 4 * AL_PI * u->core[i];
        if (u->rho && r2 > 0) p->valence[i] = u->rho[i] / r2; // times r^2 in every integral
    }
    AL_TRY_MSG(add_projectors(u, p), "%s", u->file);
    return AL_ERR_OK;
}

static enum al_err parse(struct reader *u, struct pseudo *p)
{
    struct tag t;
    while (next_tag(u, &t))
        AL_TRY(read_tag(u, &t));
    AL_TRY(complete(u));
    AL_TRY(convert(u, p));
    return AL_ERR_OK;
}

enum al_err upf_parse(const char *name, const char *text, struct pseudo **ret)
{
    AL_OWN(pseudo) p = NULL;
    AL_ALLOC(p, 1);
    struct reader u = {.file = name, .at = text, .line = 1};
    enum al_err e = parse(&u, p);
    reader_drop(&u);
    AL_TRY(e);
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}
