// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// INCAR: "KEY = VALUE", several on a line with ';', comments behind '#' and '!', a line goes on behind '\'. The user's template and what
// follows from loop.yaml become one file.
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "codes/vasp.h"

enum kind { FIXED, DEFAULT, RUNG }; // FIXED: the user's may not differ; DEFAULT: the user's goes first; RUNG: on rung 0 the user's, then ours

struct tag {
    const char *name;
    char value[96]; // "": not written, but the user may not have it otherwise
    enum kind kind;
    const char *key; // of loop.yaml
};

enum { MAX_TAGS = 48 };
struct tags {
    struct tag t[MAX_TAGS];
    int n;
};

// Would make the result something else than a label of the frame.
static const struct {
    const char *name, *why; // name* : all that start so
} refused[] = {
    {"ML_*", "a label is computed, not learned"},
    {"MDALGO", "a label does not move atoms"},
    {"KSPACING", "k-points are label.kpoints"},
    {"KGAMMA", "k-points are label.kpoints"},
    {"PSTRESS", "it adds P V to energies and takes P from stresses"},
    {"LEPSILON", "linear response is not part of a label"},
    {"LCALCEPS", "linear response is not part of a label"},
    {"IMAGES", "one frame is one run"},
    {"VCAIMAGES", "one frame is one run"},
    {"VCA", "mixed species have no labels"},
    {"SCALEE", "it scales energies and forces"},
    {"IALGO", "use ALGO, which the ladder can replace"},
    {"LIBXC1", "the functional is label.functional"},
    {"LIBXC2", "the functional is label.functional"},
};

// Values for each atom or each kind: POSCAR's order is alnd's own, so they are given by element, "MAGMOM = Fe:5 O:0.6".
static const struct {
    const char *name, *otherwise;
    bool per_atom;
} by_element[] = {{"MAGMOM", "0", true}, {"LDAUL", "-1", false}, {"LDAUU", "0", false}, {"LDAUJ", "0", false}, {"RWIGS", NULL, false}};

// How it is computed and what is written: not part of a label's fingerprint.
static const char *const not_physics[] = {
    "NCORE", "NPAR", "KPAR", "NSIM", "LPLANE", "LSCALU", "LSCALAPACK", "LSCAAWARE", "LASYNC", "NCORE_IN_IMAGE1", "NBLK", "MAXMEM", "NWRITE", "SYSTEM",
    "LORBIT", "LVTOT", "LVHAR", "LELF", "LAECHG", "LH5", "ALGO", "AMIX", "BMIX", "AMIX_MAG", "BMIX_MAG", "AMIN", "MAXMIX", "WC", "IMIX", "INIMIX",
    "MIXPRE", "NELMIN", "NELMDL", "NELM", "TIME", "LDIAG", "WEIMIN", "EBREAK", "DEPER", "LWAVE", "LCHARG"};

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

// --- the user's template --------------------------------------------------------------------------------

void vasp_incar_destroy(struct vasp_incar **kp)
{
    struct vasp_incar *k = *kp;
    *kp = NULL;
    if (!k) return;
    for (int i = 0; i < k->n; i++) {
        al_free(k->key[i].name);
        al_free(k->key[i].value);
    }
    al_free(k->key);
    al_free(k);
}

static const struct vasp_key *find(const struct vasp_incar *k, const char *name)
{
    for (int i = 0; k && i < k->n; i++)
        if (strcmp(k->key[i].name, name) == 0) return &k->key[i];
    return NULL;
}

// Without blanks at the ends, inner ones made one.
static void tidy(char *s)
{
    char *to = s;
    for (const char *p = s + strspn(s, " \t\r"); *p; p++) {
        bool blank = *p == ' ' || *p == '\t' || *p == '\r';
        if (!blank) *to++ = *p;
        else if (to > s && to[-1] != ' ') *to++ = ' ';
    }
    if (to > s && to[-1] == ' ') to--;
    *to = '\0';
}

static enum al_err add_statement(struct vasp_incar *k, char *s, int line)
{
    tidy(s);
    if (!*s) return AL_ERR_OK;
    char *eq = strchr(s, '=');
    if (strpbrk(s, "{}") || (strchr(s, '"') && strchr(strchr(s, '"') + 1, '"') == NULL))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "write each KEY = VALUE on a line of its own", "%s:%d: groups in braces and values of several lines", k->path, line);
    if (!eq || eq == s) AL_FAIL(AL_ERR_INPUT, "%s:%d: 'KEY = VALUE' is expected, not '%.40s'", k->path, line, s);
    *eq = '\0';
    tidy(s);
    tidy(eq + 1);
    for (char *p = s; *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '_') AL_FAIL(AL_ERR_INPUT, "%s:%d: '%.40s' is no key of INCAR", k->path, line, s);
        *p = (char)toupper((unsigned char)*p);
    }
    if (!eq[1]) AL_FAIL(AL_ERR_INPUT, "%s:%d: %s has no value", k->path, line, s);
    const struct vasp_key *old = find(k, s);
    if (old) AL_FAIL(AL_ERR_INPUT, "%s:%d: %s stands here and in line %d: VASP would take the first", k->path, line, s, old->line);
    AL_GROW(k->key, k->n, k->n + 1);
    k->key[k->n++].line = line;
    AL_TRY(al_strdup(s, &k->key[k->n - 1].name));
    AL_TRY(al_strdup(eq + 1, &k->key[k->n - 1].value));
    return AL_ERR_OK;
}

static enum al_err parse_all(struct vasp_incar *k, char *text)
{
    int line = 1;
    for (char *p = text; *p;) {
        int start = line;
        char *to = p, *from = p;
        for (;;) { // one line, with those that it goes on in
            size_t n = strcspn(from, "\n"), m = n;
            for (size_t i = 0; i < n; i++)
                if (from[i] == '#' || from[i] == '!') m = m < i ? m : i;
            while (m == n && m > 0 && (from[m - 1] == '\r' || from[m - 1] == ' '))
                m--;
            bool more = m > 0 && from[m - 1] == '\\';
            memmove(to, from, more ? m - 1 : m);
            to += more ? m - 1 : m;
            if (more) *to++ = ' ';
            line += from[n] == '\n';
            from += n + (from[n] == '\n');
            if (!more || !*from) break;
        }
        char *next = from;
        bool end = !*next;
        *to = '\0';
        char *save = NULL;
        for (char *s = strtok_r(p, ";", &save); s; s = strtok_r(NULL, ";", &save))
            AL_TRY(add_statement(k, s, start));
        if (end) break;
        p = next;
    }
    return AL_ERR_OK;
}

enum al_err vasp_incar_parse(const char *text, const char *path, struct vasp_incar **ret)
{
    AL_OWN(vasp_incar) k = NULL;
    AL_AUTOFREE char *copy = NULL;
    AL_ALLOC(k, 1);
    k->path = path ? path : "INCAR template";
    AL_ALLOC(copy, strlen(text ? text : "") + 2);
    memcpy(copy, text ? text : "", strlen(text ? text : ""));
    AL_TRY(parse_all(k, copy));
    *ret = k;
    k = NULL;
    return AL_ERR_OK;
}

// --- ours -----------------------------------------------------------------------------------------------

[[gnu::format(printf, 5, 6)]] static void set(struct tags *t, const char *name, enum kind kind, const char *key, const char *fmt, ...)
{
    struct tag *g = &t->t[t->n++];
    *g = (struct tag){.name = name, .kind = kind, .key = key};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(g->value, sizeof g->value, fmt, ap);
    va_end(ap);
}

// Same solution, other ways to it. NELM: more steps where steps are small.
static void set_ladder(struct tags *t, const struct code_settings *s, int rung)
{
    static const char key[] = "label.max_scf";
    set(t, "NELM", FIXED, key, "%d", rung < 2 ? s->max_scf : 2 * s->max_scf);
    if (rung == 0) set(t, "ALGO", DEFAULT, "", "Normal");
    if (rung == 1) set(t, "ALGO", RUNG, "", "All");
    if (rung == 2) {
        set(t, "ALGO", RUNG, "", "Normal");
        set(t, "AMIX", RUNG, "", "0.1");
        set(t, "BMIX", RUNG, "", "0.0001");
        set(t, "AMIX_MAG", RUNG, "", "0.2");
        set(t, "BMIX_MAG", RUNG, "", "0.0001");
    }
    if (rung == 3) {
        set(t, "ALGO", RUNG, "", "Damped");
        set(t, "TIME", RUNG, "", "0.1");
    }
}

static enum al_err make_tags(const struct code_settings *s, int rung, double nelect, bool metagga, struct tags *t)
{
    struct vasp_xc xc;
    AL_TRY(vasp_xc(s->functional, &xc));
    set(t, "SYSTEM", DEFAULT, "", "alnd");
    set(t, "ISTART", FIXED, "", "0");
    set(t, "ICHARG", FIXED, "", "2");
    set(t, "ENCUT", FIXED, "label.cutoff", "%.10g", s->ecut);
    set(t, "PREC", DEFAULT, "", "Accurate");
    set(t, "LREAL", DEFAULT, "", ".FALSE.");
    set(t, "LASPH", DEFAULT, "", ".TRUE.");
    if (xc.metagga) set(t, "METAGGA", FIXED, "label.functional", "%s", xc.metagga);
    else if (!metagga) set(t, "GGA", FIXED, "label.functional", "%s", xc.gga);
    for (int i = 0; i < 2 && xc.libxc[i][0]; i++)
        set(t, i ? "LIBXC2" : "LIBXC1", FIXED, "label.functional", "%s", xc.libxc[i]);
    set(t, "ISMEAR", FIXED, "label.smearing", "%d", s->smearing == CODE_FERMI ? -1 : 0);
    set(t, "SIGMA", FIXED, "label.smearing", "%.10g", s->smearing == CODE_FIXED ? 0.01 : s->width);
    set(t, "EDIFF", FIXED, "label.convergence", "%s", s->tight ? "1E-8" : "1E-6");
    if (s->charge != 0) set(t, "NELECT", FIXED, "label.charge", "%.10g", nelect);
    else set(t, "NELECT", FIXED, "label.charge", "%s", "");
    set(t, "ISYM", FIXED, "", "0");
    set(t, "NSW", FIXED, "", "0");
    set(t, "IBRION", FIXED, "", "-1");
    set(t, "ISIF", FIXED, "", "2");
    set(t, "LWAVE", FIXED, "", ".FALSE.");
    set(t, "LCHARG", FIXED, "", ".FALSE.");
    set_ladder(t, s, rung);
    return AL_ERR_OK;
}

// "T", ".TRUE.", ".true." are one; numbers by value; words without case.
static bool same(const char *a, const char *b)
{
    char *ea, *eb;
    double x = strtod(a, &ea), y = strtod(b, &eb);
    if (ea > a && eb > b && !*ea && !*eb) return fabs(x - y) <= 1e-9 * fabs(y);
    if (toupper((unsigned char)a[a[0] == '.']) == toupper((unsigned char)b[b[0] == '.']) && strchr("TF", toupper((unsigned char)b[b[0] == '.'])) &&
        (b[0] == '.' || !b[1]))
        return true;
    return strcasecmp(a, b) == 0;
}

static enum al_err check_refused(const struct vasp_incar *u, const struct vasp_key *k)
{
    for (int i = 0; i < COUNT(refused); i++) {
        size_t n = strlen(refused[i].name);
        bool prefix = refused[i].name[n - 1] == '*';
        if (prefix ? strncmp(k->name, refused[i].name, n - 1) == 0 : strcmp(k->name, refused[i].name) == 0)
            AL_FAIL_HINT(AL_ERR_INPUT, refused[i].why, "%s:%d: %s cannot be in the template", u->path, k->line, k->name);
    }
    return AL_ERR_OK;
}

// The user's key stands against ours: *ret_drop, ours is the one that counts; *ret_ours: ours is not written.
static enum al_err meet(const struct vasp_incar *u, const struct vasp_key *k, const struct tag *t, bool *ret_drop, bool *ret_ours)
{
    *ret_drop = *ret_ours = false;
    if (t->kind == DEFAULT) *ret_ours = true;
    if (t->kind != DEFAULT) *ret_drop = true;
    if (t->kind != FIXED || same(k->value, t->value)) return AL_ERR_OK;
    char hint[128];
    if (t->key[0]) snprintf(hint, sizeof hint, "take it out of the template: it follows from %s", t->key);
    else snprintf(hint, sizeof hint, "take it out of the template: a label needs this value");
    if (!t->value[0]) AL_FAIL_HINT(AL_ERR_INPUT, hint, "%s:%d: %s = %.40s contradicts loop.yaml", u->path, k->line, k->name, k->value);
    AL_FAIL_HINT(AL_ERR_INPUT, hint, "%s:%d: %s = %.40s contradicts alnd's %s = %s", u->path, k->line, k->name, k->value, t->name, t->value);
}

// "Fe:5 O:0.6" -> "4*5 8*0.6" in POSCAR's order. out NULL: only looked at.
static enum al_err write_by_element(FILE *out, const struct vasp_incar *u, const struct vasp_key *k, int which, int nkinds, const int *z, const int *n)
{
    double value[AL_ZMAX + 1];
    bool given[AL_ZMAX + 1] = {false};
    AL_AUTOFREE char *copy = NULL;
    char *save = NULL;
    AL_TRY(al_strdup(k->value, &copy));
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *colon = strchr(w, ':'), *end = NULL;
        int el = 0;
        if (colon) {
            *colon = '\0';
            el = al_element_z(w);
            value[el] = strtod(colon + 1, &end);
        }
        if (!el || end == colon + 1 || *end || !isfinite(value[el]))
            AL_FAIL_HINT(AL_ERR_INPUT, "alnd sorts atoms by species, so values go by element: MAGMOM = Fe:5 O:0.6", "%s:%d: %s: '%.40s' is not ELEMENT:VALUE",
                         u->path, k->line, k->name, w);
        given[el] = true;
    }
    if (!nkinds) return AL_ERR_OK;
    fprintf(out, "%s =", k->name);
    for (int i = 0; i < nkinds; i++) {
        if (!given[z[i]] && !by_element[which].otherwise)
            AL_FAIL(AL_ERR_INPUT, "%s:%d: %s has no value for %s", u->path, k->line, k->name, al_element_symbol(z[i]));
        if (by_element[which].per_atom) fprintf(out, " %d*", n[i]);
        else fprintf(out, " ");
        if (given[z[i]]) fprintf(out, "%.10g", value[z[i]]);
        else fprintf(out, "%s", by_element[which].otherwise);
    }
    fprintf(out, "\n");
    return AL_ERR_OK;
}

static enum al_err write_user_key(FILE *out, const struct vasp_incar *u, const struct vasp_key *k, int nkinds, const int *z, const int *n)
{
    for (int i = 0; i < COUNT(by_element); i++)
        if (strcmp(k->name, by_element[i].name) == 0) {
            AL_TRY(write_by_element(out, u, k, i, nkinds, z, n));
            return AL_ERR_OK;
        }
    if (nkinds) fprintf(out, "%s = %s\n", k->name, k->value);
    return AL_ERR_OK;
}

enum al_err vasp_incar_write(FILE *out, const struct vasp_incar *user, const struct code_settings *s, int rung, double nelect, int nkinds,
                             const int *kind_z, const int *kind_n)
{
    struct tags t = {.n = 0};
    bool hidden[MAX_TAGS] = {false};
    AL_AUTOFREE bool *drop = NULL;
    AL_ALLOC(drop, user->n + 1);
    AL_TRY(make_tags(s, rung, nelect, find(user, "METAGGA"), &t));
    for (int i = 0; i < user->n; i++) {
        const struct vasp_key *k = &user->key[i];
        const struct tag *g = NULL;
        for (int j = 0; j < t.n; j++)
            if (strcmp(t.t[j].name, k->name) == 0) {
                bool ours;
                g = &t.t[j];
                AL_TRY(meet(user, k, g, &drop[i], &ours));
                hidden[j] = ours;
            }
        if (!g) AL_TRY(check_refused(user, k));
    }
    for (int j = 0; j < t.n && nkinds; j++)
        if (!hidden[j] && t.t[j].value[0]) fprintf(out, "%s = %s\n", t.t[j].name, t.t[j].value);
    for (int i = 0; i < user->n; i++)
        if (!drop[i]) AL_TRY(write_user_key(out, user, &user->key[i], nkinds, kind_z, kind_n));
    return AL_ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct vasp_key *const *)a)->name, (*(const struct vasp_key *const *)b)->name);
}

enum al_err vasp_incar_physics(const struct vasp_incar *user, char **ret)
{
    AL_AUTOFREE const struct vasp_key **k = NULL;
    AL_AUTOFREE char *text = NULL;
    size_t n = 1, at = 0;
    AL_ALLOC(k, user->n + 1);
    for (int i = 0; i < user->n; i++) {
        k[i] = &user->key[i];
        n += strlen(k[i]->name) + strlen(k[i]->value) + 2;
    }
    qsort(k, (size_t)user->n, sizeof *k, by_name);
    AL_ALLOC(text, n);
    for (int i = 0; i < user->n; i++) {
        bool skip = false;
        for (int j = 0; j < COUNT(not_physics); j++)
            skip |= strcmp(k[i]->name, not_physics[j]) == 0;
        if (!skip) at += (size_t)snprintf(text + at, n - at, "%s=%s\n", k[i]->name, k[i]->value);
    }
    *ret = text;
    text = NULL;
    return AL_ERR_OK;
}
