// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// CIF, what structure databases write: cell lengths and angles, one loop of atom sites in fractional coordinates,
// symmetry operations as x,y,z expressions (loop of _symmetry_equiv_pos_as_xyz or _space_group_symop_operation_xyz;
// none = P1). Images of a site closer than 0.05 Ang are one atom. Partial occupancy is refused: alnd needs an ordered
// structure. S. R. Hall, F. H. Allen, I. D. Brown, Acta Cryst. A47, 655 (1991).
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/frame.h"
#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

enum { MAX_TOKENS = 200000, MAX_OPS = 192, MAX_TAGS = 64, MAX_IMAGES = 1000000 };

struct token {
    char *text;
    int line;
    bool quoted;
};

struct cif {
    const char *path;
    struct token *tok;
    int ntok;
};

struct symop {
    double r[3][3], t[3];
};

// Words, quoted strings and ;-text blocks; the buffer is cut up in place.
static enum al_err tokenize(struct cif *c, char *p)
{
    int line = 1;
    bool at_start = true;
    while (*p) {
        if (*p == '\n') {
            line++;
            p++;
            at_start = true;
            continue;
        }
        if (isspace((unsigned char)*p)) {
            p++;
            at_start = false;
            continue;
        }
        if (*p == '#') {
            p += strcspn(p, "\n");
            continue;
        }
        if (c->ntok == MAX_TOKENS) AL_FAIL(AL_ERR_INPUT, "%s:%d: file is too long", c->path, line);
        struct token *t = &c->tok[c->ntok++];
        t->line = line;
        char *end;
        if (*p == ';' && at_start) {
            t->quoted = true;
            t->text = ++p;
            end = strstr(p, "\n;");
            if (!end) AL_FAIL(AL_ERR_INPUT, "%s:%d: text block is not closed", c->path, line);
            for (char *q = p; q <= end; q++)
                line += *q == '\n';
            p = end + 2;
        } else if (*p == '\'' || *p == '"') {
            char quote = *p;
            t->quoted = true;
            t->text = ++p;
            // a quote ends the string only before white space
            for (end = p; *end && *end != '\n'; end++)
                if (*end == quote && (end[1] == '\0' || isspace((unsigned char)end[1]))) break;
            if (*end != quote) AL_FAIL(AL_ERR_INPUT, "%s:%d: quote is not closed", c->path, line);
            p = end + 1;
        } else {
            t->text = p;
            end = p + strcspn(p, " \t\r\n");
            p = end;
            if (*end == '\n') line++;
            at_start = *end == '\n';
            if (*p) p++;
        }
        *end = '\0';
    }
    return AL_ERR_OK;
}

static bool is_word(const struct token *t, const char *word)
{
    return !t->quoted && strcasecmp(t->text, word) == 0;
}

static bool is_tag(const struct token *t)
{
    return !t->quoted && t->text[0] == '_';
}

static bool ends_values(const struct token *t)
{
    return is_tag(t) || is_word(t, "loop_") || (!t->quoted && strncasecmp(t->text, "data_", 5) == 0);
}

// "1.234(5)" with its standard uncertainty
static enum al_err number(const struct cif *c, const struct token *t, double *ret)
{
    char *end;
    double v = strtod(t->text, &end);
    if (end == t->text || (*end && *end != '(') || !isfinite(v))
        AL_FAIL(AL_ERR_INPUT, "%s:%d: '%.40s' is not a number", c->path, t->line, t->text);
    *ret = v;
    return AL_ERR_OK;
}

static enum al_err tag_number(const struct cif *c, const char *tag, double *ret)
{
    for (int i = 0; i + 1 < c->ntok; i++)
        if (is_word(&c->tok[i], tag)) {
            AL_TRY(number(c, &c->tok[i + 1], ret));
            return AL_ERR_OK;
        }
    AL_FAIL(AL_ERR_INPUT, "%s: %s is missing", c->path, tag);
}

struct loop {
    const char *tag[MAX_TAGS];
    int ntag, first, nrow; // first = token index of the first value
};

static bool find_loop(const struct cif *c, const char *tag, struct loop *ret)
{
    for (int i = 0; i < c->ntok; i++) {
        if (!is_word(&c->tok[i], "loop_")) continue;
        struct loop l = {0};
        bool has = false;
        int k = i + 1;
        for (; k < c->ntok && is_tag(&c->tok[k]) && l.ntag < MAX_TAGS; k++) {
            l.tag[l.ntag++] = c->tok[k].text;
            has |= is_word(&c->tok[k], tag);
        }
        if (!has) continue;
        l.first = k;
        while (k < c->ntok && !ends_values(&c->tok[k]))
            k++;
        l.nrow = (k - l.first) / l.ntag;
        *ret = l;
        return true;
    }
    return false;
}

static int column(const struct loop *l, const char *tag)
{
    for (int k = 0; k < l->ntag; k++)
        if (strcasecmp(l->tag[k], tag) == 0) return k;
    return -1;
}

// "-x+1/2, y, z+0.5"
static enum al_err parse_symop(const struct cif *c, const struct token *t, struct symop *ret)
{
    struct symop s = {0};
    const char *p = t->text;
    for (int row = 0; row < 3; row++) {
        double sign = 1;
        for (; *p && *p != ','; ) {
            char ch = (char)tolower((unsigned char)*p);
            if (ch >= 'x' && ch <= 'z') {
                s.r[row][ch - 'x'] += sign;
                sign = 1;
                p++;
            } else if (ch == '+' || ch == '-') {
                sign = ch == '-' ? -1 : 1;
                p++;
            } else if (isdigit((unsigned char)ch) || ch == '.') {
                char *end;
                double v = strtod(p, &end);
                if (end == p) break; // a point alone
                p = end;
                if (*p == '/') {
                    double d = strtod(p + 1, &end);
                    if (end == p + 1 || d == 0) break;
                    v /= d;
                    p = end;
                }
                s.t[row] += sign * v;
                sign = 1;
            } else if (isspace((unsigned char)ch)) {
                p++;
            } else {
                break;
            }
        }
        if (*p != (row < 2 ? ',' : '\0'))
            AL_FAIL(AL_ERR_INPUT, "%s:%d: '%.60s' is not a symmetry operation", c->path, t->line, t->text);
        if (*p) p++;
    }
    *ret = s;
    return AL_ERR_OK;
}

static enum al_err read_symops(const struct cif *c, struct symop op[MAX_OPS], int *ret_n)
{
    static const char *const tags[] = {"_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"};
    struct loop l;
    for (int i = 0; i < 2; i++) {
        if (!find_loop(c, tags[i], &l)) continue;
        int col = column(&l, tags[i]);
        if (l.nrow > MAX_OPS) AL_FAIL(AL_ERR_INPUT, "%s: more than %d symmetry operations", c->path, MAX_OPS);
        for (int r = 0; r < l.nrow; r++)
            AL_TRY(parse_symop(c, &c->tok[l.first + r * l.ntag + col], &op[r]));
        *ret_n = l.nrow;
        if (l.nrow) return AL_ERR_OK;
    }
    op[0] = (struct symop){.r = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    *ret_n = 1;
    return AL_ERR_OK;
}

static enum al_err read_cell(const struct cif *c, double cell[3][3])
{
    double a, b, cc, al, be, ga;
    AL_TRY(tag_number(c, "_cell_length_a", &a));
    AL_TRY(tag_number(c, "_cell_length_b", &b));
    AL_TRY(tag_number(c, "_cell_length_c", &cc));
    AL_TRY(tag_number(c, "_cell_angle_alpha", &al));
    AL_TRY(tag_number(c, "_cell_angle_beta", &be));
    AL_TRY(tag_number(c, "_cell_angle_gamma", &ga));
    // right angles exactly, so that an orthorhombic cell has zeros
    double ca = al == 90 ? 0 : cos(al * AL_PI / 180), cb = be == 90 ? 0 : cos(be * AL_PI / 180);
    double cg = ga == 90 ? 0 : cos(ga * AL_PI / 180), sg = ga == 90 ? 1 : sin(ga * AL_PI / 180);
    double cy = (ca - cb * cg) / sg, cz2 = 1 - cb * cb - cy * cy;
    if (!(a > 0 && b > 0 && cc > 0 && sg > 0 && cz2 > 0)) AL_FAIL(AL_ERR_INPUT, "%s: the cell has no volume", c->path);
    double m[3][3] = {{a, 0, 0}, {b * cg, b * sg, 0}, {cc * cb, cc * cy, cc * sqrt(cz2)}};
    memcpy(cell, m, sizeof m);
    return AL_ERR_OK;
}

static bool same_site(const double cell[3][3], const double a[3], const double b[3])
{
    double d[3], v[3];
    for (int k = 0; k < 3; k++) {
        d[k] = a[k] - b[k];
        d[k] -= round(d[k]);
    }
    al_vecmat3(d, cell, v);
    return al_dot3(v, v) < 0.05 * 0.05;
}

static enum al_err site_element(const struct cif *c, const struct token *t, int *ret_z)
{
    char s[3] = "";
    s[0] = (char)toupper((unsigned char)t->text[0]);
    if (s[0] && islower((unsigned char)t->text[1])) s[1] = t->text[1];
    if (s[1] && !al_element_z(s)) s[1] = '\0'; // "Sa1" style labels
    if (!(*ret_z = al_element_z(s)))
        AL_FAIL(AL_ERR_INPUT, "%s:%d: no element in '%.40s'", c->path, t->line, t->text);
    return AL_ERR_OK;
}

static enum al_err add_site(const struct cif *c, const struct loop *l, int row, const struct symop *op, int nop,
                            const double cell[3][3], double (*frac)[3], int *z, int *n)
{
    static const char *const axis[3] = {"_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z"};
    const struct token *tok = &c->tok[l->first + row * l->ntag];
    int symbol = column(l, "_atom_site_type_symbol"), label = column(l, "_atom_site_label");
    int occupancy = column(l, "_atom_site_occupancy"), element;
    double x[3], occ;
    if (symbol < 0 && label < 0) AL_FAIL(AL_ERR_INPUT, "%s: atom sites have neither symbol nor label", c->path);
    AL_TRY(site_element(c, &tok[symbol >= 0 ? symbol : label], &element));
    for (int k = 0; k < 3; k++) {
        int col = column(l, axis[k]);
        if (col < 0) AL_FAIL(AL_ERR_INPUT, "%s: %s is missing", c->path, axis[k]);
        AL_TRY(number(c, &tok[col], &x[k]));
    }
    if (occupancy >= 0 && isdigit((unsigned char)tok[occupancy].text[0])) {
        AL_TRY(number(c, &tok[occupancy], &occ));
        if (occ < 0.999)
            AL_FAIL_HINT(AL_ERR_INPUT, "choose an ordered model of the structure", "%s:%d: site with occupancy %g",
                         c->path, tok->line, occ);
    }
    int first = *n;
    for (int o = 0; o < nop; o++) {
        double f[3];
        for (int r = 0; r < 3; r++) {
            f[r] = op[o].t[r] + al_dot3(op[o].r[r], x);
            f[r] -= floor(f[r]);
        }
        bool seen = false;
        for (int i = first; i < *n && !seen; i++)
            seen = same_site(cell, frac[i], f);
        if (seen) continue;
        memcpy(frac[*n], f, sizeof f);
        z[(*n)++] = element;
    }
    return AL_ERR_OK;
}

static enum al_err build(const struct cif *c, struct al_frame **ret)
{
    double cell[3][3];
    struct symop op[MAX_OPS];
    int nop, n = 0;
    struct loop sites;
    AL_TRY(read_cell(c, cell));
    AL_TRY(read_symops(c, op, &nop));
    if (!find_loop(c, "_atom_site_fract_x", &sites) || !sites.nrow)
        AL_FAIL(AL_ERR_INPUT, "%s: no atom sites with fractional coordinates", c->path);
    if (sites.nrow > MAX_IMAGES / nop) AL_FAIL(AL_ERR_INPUT, "%s: %d sites times %d symmetry operations are too many atoms", c->path, sites.nrow, nop);
    AL_AUTOFREE double(*frac)[3] = NULL;
    AL_AUTOFREE int *z = NULL;
    AL_ALLOC(frac, sites.nrow * nop);
    AL_ALLOC(z, sites.nrow * nop);
    for (int row = 0; row < sites.nrow; row++)
        AL_TRY(add_site(c, &sites, row, op, nop, cell, frac, z, &n));
    AL_OWN(al_frame) f = NULL;
    AL_TRY(al_frame_create(n, &f));
    memcpy(f->cell, cell, sizeof cell);
    memcpy(f->z, z, (size_t)n * sizeof *z);
    for (int i = 0; i < n; i++)
        al_vecmat3(frac[i], cell, f->pos[i]);
    AL_TRY(al_frame_finite(f, c->path));
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

enum al_err al_cif_read(const char *path, struct al_frame **ret)
{
    AL_AUTOFREE char *data = NULL;
    size_t n;
    AL_TRY(al_file_read(path, (size_t)16 << 20, &data, &n));
    AL_AUTOFREE struct token *tok = NULL;
    AL_ALLOC(tok, n / 2 + 1 < MAX_TOKENS ? n / 2 + 1 : MAX_TOKENS); // a token is a character and a blank at least
    struct cif c = {.path = path, .tok = tok};
    AL_TRY(tokenize(&c, data));
    AL_TRY(build(&c, ret));
    return AL_ERR_OK;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n >= m && strcasecmp(path + n - m, suffix) == 0;
}

enum al_err al_structure_read(const char *path, struct al_frame **ret)
{
    if (has_suffix(path, ".cif")) {
        AL_TRY(al_cif_read(path, ret));
    } else if (has_suffix(path, "xyz")) {
        AL_OWN(al_frames) fs = NULL;
        AL_TRY(al_xyz_read(path, &fs));
        if (!fs->n) AL_FAIL(AL_ERR_INPUT, "%s: no frame in the file", path);
        *ret = fs->f[0];
        fs->f[0] = NULL;
    } else {
        AL_TRY(al_poscar_read(path, ret));
    }
    return AL_ERR_OK;
}
