// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/gth.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/units.h"

enum { WORD = 64, NAMES = 6 };

struct words { // of a text, '#' to the end of the line left out
    const char *name, *at;
    int line;          // of the word last read
    bool new_line;     // it is the first of its line
    char word[WORD];
};

static bool next_word(struct words *w)
{
    w->new_line = w->at[0] && (w->line == 0);
    if (w->line == 0) w->line = 1;
    while (*w->at == '#' || isspace((unsigned char)*w->at)) {
        if (*w->at == '#') w->at += strcspn(w->at, "\n");
        if (*w->at == '\n') {
            w->line++;
            w->new_line = true;
        }
        if (*w->at) w->at++;
    }
    size_t n = strcspn(w->at, " \t\r\n#");
    snprintf(w->word, sizeof w->word, "%.*s", n < WORD ? (int)n : WORD - 1, w->at);
    w->at += n;
    return n > 0;
}

static bool is_header(const struct words *w)
{
    return w->new_line && isupper((unsigned char)w->word[0]) && al_element_z(w->word) > 0;
}

bool gth_is(const char *text)
{
    struct words w = {"", text, 0, false, ""};
    return next_word(&w) && is_header(&w) && next_word(&w) && !w.new_line && strncmp(w.word, "GTH", 3) == 0;
}

static enum al_err number(struct words *w, double *ret, const char *what)
{
    char *end;
    if (!next_word(w)) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: GTH file ends where %s is due", w->name, w->line, what);
    *ret = strtod(w->word, &end);
    if (end == w->word || *end || !isfinite(*ret))
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: GTH file: '%s' where %s is due", w->name, w->line, w->word, what);
    return AL_ERR_OK;
}

static enum al_err whole(struct words *w, int lo, int hi, int *ret, const char *what)
{
    double v;
    AL_TRY(number(w, &v, what));
    if (v != floor(v) || v < lo)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: GTH file: %s %g", w->name, w->line, what, v);
    if (v > hi) AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: GTH file: %s %g, at most %d", w->name, w->line, what, v, hi);
    *ret = (int)v;
    return AL_ERR_OK;
}

static enum al_err radius(struct words *w, double *ret, const char *what)
{
    AL_TRY(number(w, ret, what));
    if (!(*ret > 0)) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: GTH file: %s %g", w->name, w->line, what, *ret);
    return AL_ERR_OK;
}

// "NLCC n", then n lines "r_core number c": one Gaussian is read.
static enum al_err read_core(struct words *w, struct al_gth *g)
{
    int n, m;
    AL_TRY(whole(w, 1, 1, &n, "the number of core functions"));
    AL_TRY(radius(w, &g->core_r, "the core radius"));
    AL_TRY(whole(w, 1, 1, &m, "the number of core coefficients"));
    AL_TRY(number(w, &g->core_c, "the core coefficient"));
    return AL_ERR_OK;
}

// The entry behind its header line.
static enum al_err read_entry(struct words *w, struct al_gth *g)
{
    for (int l = 0; l < AL_GTH_L; l++) { // occupations: the rest of one line
        const char *eol = w->at + strspn(w->at, " \t\r");
        if (l > 0 && (*eol == '\n' || *eol == '#' || !*eol)) break;
        AL_TRY(whole(w, 0, 14, &g->occ[l], "the number of electrons"));
    }
    AL_TRY(radius(w, &g->rloc, "the radius of the local part"));
    if (w->new_line == false) AL_FAIL(AL_ERR_CORRUPT, "%s:%d: GTH file: electrons of more than s, p, d, f", w->name, w->line);
    AL_TRY(whole(w, 0, AL_GTH_LOCAL, &g->nc, "the number of local coefficients"));
    for (int i = 0; i < g->nc; i++)
        AL_TRY(number(w, &g->c[i], "a local coefficient"));
    struct words peek = *w;
    if (next_word(&peek) && strcmp(peek.word, "NLCC") == 0) {
        *w = peek;
        AL_TRY(read_core(w, g));
    }
    AL_TRY(whole(w, 0, AL_GTH_L, &g->nl, "the number of angular momenta"));
    for (int l = 0; l < g->nl; l++) {
        int n;
        AL_TRY(radius(w, &g->nl_part[l].r, "the radius of projectors"));
        AL_TRY(whole(w, 0, AL_GTH_PROJ, &n, "the number of projectors"));
        g->nl_part[l].n = n;
        for (int i = 0; i < n * (n + 1) / 2; i++)
            AL_TRY(number(w, &g->nl_part[l].h[i], "a coefficient of projectors"));
    }
    if (next_word(w) && !is_header(w))
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: GTH file: '%s' where the next element is due", w->name, w->line, w->word);
    return AL_ERR_OK;
}

static bool wanted(const char *name, const char *entry)
{
    const char *q = strrchr(name, '-');
    return !entry || strcmp(name, entry) == 0 || (entry[0] == 'q' && q && strcmp(q + 1, entry) == 0);
}

struct choice {
    struct words at; // behind the header
    char name[WORD];
    int z, n; // entries that fit
    char names[256];
};

// All headers of the file: names and aliases.
static void scan(struct words *w, int z, const char *entry, struct choice *ch)
{
    bool more = next_word(w);
    while (more) {
        if (!is_header(w)) {
            more = next_word(w);
            continue;
        }
        int this = al_element_z(w->word);
        struct words end = *w;
        char first[WORD] = "";
        bool fits = false;
        while ((more = next_word(w)) && !w->new_line) {
            if (!first[0]) memcpy(first, w->word, sizeof first);
            fits = fits || wanted(w->word, entry);
            end = *w;
        }
        if (z && this != z) continue;
        size_t n = strlen(ch->names);
        snprintf(ch->names + n, sizeof ch->names - n, "%s%s", n ? ", " : "", first);
        if (!fits) continue;
        ch->n++;
        ch->z = this;
        ch->at = end;
        memcpy(ch->name, first, sizeof first);
    }
}

enum al_err gth_parse(const char *name, const char *text, int z, const char *entry, struct al_gth *ret)
{
    struct words w = {name, text, 0, false, ""};
    struct choice ch = {0};
    scan(&w, z, entry, &ch);
    const char *of = z ? al_element_symbol(z) : "any element";
    if (!ch.names[0]) AL_FAIL(AL_ERR_NOTFOUND, "%s: no pseudopotential of %s", name, of);
    if (ch.n == 0)
        AL_FAIL(AL_ERR_NOTFOUND, "%s: no pseudopotential '%s' of %s; it has %s", name, entry, of, ch.names);
    if (ch.n > 1)
        AL_FAIL_HINT(AL_ERR_INPUT, "name one: FILE#GTH-PBE-q3", "%s: several pseudopotentials of %s: %s", name, of, ch.names);
    if (strlen(ch.name) >= sizeof ret->name)
        AL_FAIL(AL_ERR_CORRUPT, "%s:%d: GTH file: name %s is too long", name, ch.at.line, ch.name);
    struct al_gth g = {.z = ch.z};
    memcpy(g.name, ch.name, sizeof g.name);
    AL_TRY(read_entry(&ch.at, &g));
    *ret = g;
    return AL_ERR_OK;
}

void gth_functional(const struct al_gth *g, char *ret, size_t size)
{
    const char *from = strncmp(g->name, "GTH-", 4) == 0 ? g->name + 4 : "";
    if (strncmp(from, "NLCC-", 5) == 0) from += 5;
    size_t n = strcspn(from, "-");
    if (n == 4 && strncmp(from, "PADE", n) == 0) {
        from = "LDA";
        n = 3;
    }
    snprintf(ret, size, "%.*s", (int)n, from);
}

// 4 pi integral of r^(l + 2n) exp(-r^2/(2 a^2)) j_l(qr)/q^l r^2 dr
//   = (2 pi)^(3/2) a^(2l + 3) (2 a^2)^n n! L_n^(l + 1/2)(y) exp(-y),  y = (q a)^2/2
// (I. S. Gradshteyn and I. M. Ryzhik, 6.631), value and derivatives by q added to ret with factor f.
static void add_gaussian(int l, int n, double a, double f, double q, double ret[3])
{
    double y = 0.5 * q * q * a * a, al = l + 0.5;
    double fac = f * pow(2 * AL_PI, 1.5) * pow(a, 2 * l + 3) * exp(-y), p[3] = {0}; // polynomial, its derivatives
    // n! L_n(y) = sum_k (-1)^k n!/k! binomial(n + al, n - k) y^k
    for (int k = 0; k <= n; k++) {
        double c = k % 2 ? -1 : 1;
        for (int i = k + 1; i <= n; i++)
            c *= i * (al + i) / (i - k);
        p[0] += c * pow(y, k);
        if (k > 0) p[1] += c * k * pow(y, k - 1);
        if (k > 1) p[2] += c * k * (k - 1) * pow(y, k - 2);
    }
    fac *= pow(2 * a * a, n);
    double a2q = a * a * q, d1 = p[1] - p[0], d2 = p[2] - 2 * p[1] + p[0]; // by y
    ret[0] += fac * p[0];
    ret[1] += fac * a2q * d1;
    ret[2] += fac * (a * a * d1 + a2q * a2q * d2);
}

// 4 pi z (1 - exp(-y))/q^2: the erf potential with its Coulomb tail taken out.
static void add_erf(double z, double a, double q, double ret[3])
{
    double y = 0.5 * q * q * a * a, e[3] = {0}; // (1 - exp(-y))/y and derivatives
    if (y < 1) {
        double t = 1; // (-y)^k/(k + 1)!
        for (int k = 0; k < 20; k++) {
            e[0] += t;
            e[1] -= t * (k + 1) / (k + 2);
            e[2] += t * (k + 1) / (k + 3);
            t *= -y / (k + 2);
        }
    } else {
        e[0] = -expm1(-y) / y;
        e[1] = (exp(-y) - e[0]) / y;
        e[2] = (-exp(-y) - 2 * e[1]) / y;
    }
    double f = 2 * AL_PI * z * a * a, a2q = a * a * q;
    ret[0] += f * e[0];
    ret[1] += f * a2q * e[1];
    ret[2] += f * (a * a * e[1] + a2q * a2q * e[2]);
}

void gth_local(const struct al_gth *g, double q, double ret[3])
{
    memset(ret, 0, 3 * sizeof *ret);
    add_erf(al_gth_charge(g), g->rloc, q, ret);
    for (int i = 0; i < g->nc; i++)
        add_gaussian(0, i, g->rloc, g->c[i] * pow(g->rloc, -2 * i), q, ret);
}

// p_i = sqrt(2) r^(l + 2i - 2) exp(-r^2/(2 a^2)) / (a^(l + (4i - 1)/2) sqrt(Gamma(l + (4i - 1)/2)))
void gth_channel(const struct pseudo *p, int c, double q, double ret[3])
{
    int l = p->l[c];
    double a = p->gth->nl_part[l].r;
    memset(ret, 0, 3 * sizeof *ret);
    for (int i = 0; i < p->gth->nl_part[l].n; i++) {
        double x = l + 2 * i + 1.5;
        add_gaussian(l, i, a, p->mix[c][i] * sqrt(2 / tgamma(x)) * pow(a, -x), q, ret);
    }
}

void gth_core(const struct al_gth *g, double q, double ret[3])
{
    memset(ret, 0, 3 * sizeof *ret);
    add_gaussian(0, 0, g->core_r, g->core_c / (4 * AL_PI), q, ret);
}
