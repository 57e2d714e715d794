// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// GTH pseudopotentials in CP2K's form: an entry "Li GTH-PBE-q3 OTHER-NAMES", a line with the numbers of valence electrons of s, p, d, f,
// then the parameters. One entry is copied out of a file as it stands; the built-in ones are written.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/gth.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/pseudofile.h"
#include "codes/cp2k.h"

enum { MAX_ENTRY = 8192 };

static bool has_word(const char *line, const char *word)
{
    for (const char *p = line; *p;) {
        p += strspn(p, " \t");
        size_t n = strcspn(p, " \t");
        if (n && n == strlen(word) && strncmp(p, word, n) == 0) return true;
        p += n;
    }
    return false;
}

struct entry {
    int found;
    size_t n;
    char text[MAX_ENTRY]; // without its first line
};

static enum al_err scan(struct al_lines *r, const char *symbol, const char *name, struct entry *e)
{
    size_t n = strlen(symbol);
    bool end, inside = false;
    for (;;) {
        AL_TRY(al_lines_next(r, &end));
        if (end) return AL_ERR_OK;
        const char *line = r->line + strspn(r->line, " \t");
        if (isalpha((unsigned char)*line) && strncmp(line, "NLCC", 4) != 0) {
            inside = strncmp(line, symbol, n) == 0 && (line[n] == ' ' || line[n] == '\t') && (!name[0] || has_word(line + n, name));
            e->found += inside;
            continue;
        }
        if (!inside || *line == '#' || !*line || e->found > 1) continue;
        size_t m = strlen(line);
        if (e->n + m + 2 > sizeof e->text) AL_FAIL(AL_ERR_INPUT, "%s:%ld: an entry of that length is no pseudopotential", r->path, r->lineno);
        memcpy(e->text + e->n, line, m);
        e->text[e->n += m] = '\n';
        e->text[++e->n] = '\0';
    }
}

static enum al_err of_file(const struct al_pseudo_spec *spec, int z, struct entry *e)
{
    struct al_lines r;
    const char *symbol = al_element_symbol(z);
    AL_TRY(al_lines_open(spec->path, &r));
    enum al_err err = scan(&r, symbol, spec->entry, e);
    al_lines_close(&r);
    AL_TRY(err);
    if (!e->found || !e->n)
        AL_FAIL_HINT(AL_ERR_INPUT, "CP2K takes GTH parameters: GTH-PBE for the built-in ones, or FILE#ENTRY", "%s: no entry %s of %s", spec->path,
                     spec->entry[0] ? spec->entry : "", symbol);
    if (e->found > 1)
        AL_FAIL_HINT(AL_ERR_INPUT, "name one: FILE#ENTRY, e.g. GTH_POTENTIALS#GTH-PBE-q3", "%s: several entries of %s", spec->path, symbol);
    return AL_ERR_OK;
}

static enum al_err of_builtin(const struct al_gth *g, struct entry *e)
{
    FILE *out = fmemopen(e->text, sizeof e->text, "w");
    int nl = g->nl;
    if (!out) AL_FAIL(AL_ERR_NOMEM, "no memory for a pseudopotential");
    for (int l = 0; l < AL_GTH_L; l++)
        if (l == 0 || g->occ[l]) fprintf(out, "%d ", g->occ[l]);
    fprintf(out, "\n%.14g %d", g->rloc, g->nc);
    for (int i = 0; i < g->nc; i++)
        fprintf(out, " %.14g", g->c[i]);
    fprintf(out, "\n%d\n", nl);
    for (int l = 0; l < nl; l++) {
        const double *h = g->nl_part[l].h;
        int n = g->nl_part[l].n;
        fprintf(out, "%.14g %d", g->nl_part[l].r, n);
        for (int i = 0; i < n; i++, fputs(i < n ? "\n" : "", out))
            for (int j = i; j < n; j++)
                fprintf(out, " %.14g", *h++);
        fputs("\n", out);
    }
    e->n = (size_t)ftell(out);
    e->found = 1;
    if (fclose(out) != 0 || e->n + 1 >= sizeof e->text) AL_FAIL(AL_ERR_BUG, "a pseudopotential longer than its buffer");
    return AL_ERR_OK;
}

static enum al_err find(const struct code_pseudo *p, struct entry *e)
{
    struct al_pseudo_spec spec;
    e->found = 0;
    e->n = 0;
    AL_TRY(al_pseudo_parse(p->path, p->z, &spec));
    if (!spec.gth) return of_file(&spec, p->z, e);
    if (spec.gth->core_c != 0) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: core densities are not written for CP2K", spec.gth->name);
    return of_builtin(spec.gth, e);
}

static enum al_err charge_of(const struct code_pseudo *p, const struct entry *e, double *ret)
{
    const char *at = e->text, *stop = strchr(e->text, '\n');
    double sum = 0;
    while (stop && at < stop) { // the line may end in blanks
        char *end;
        long v = strtol(at, &end, 10);
        if (end == at || v < 0 || v > 100 || (*end && !isspace((unsigned char)*end)))
            AL_FAIL(AL_ERR_INPUT, "%s: numbers of valence electrons are expected for %s", p->path, al_element_symbol(p->z));
        sum += (double)v;
        at = end + strspn(end, " \t");
    }
    if (!(sum > 0)) AL_FAIL(AL_ERR_INPUT, "%s: no valence electrons of %s", p->path, al_element_symbol(p->z));
    *ret = sum;
    return AL_ERR_OK;
}

enum al_err cp2k_pseudo_charge(const struct code_pseudo *p, double *ret)
{
    AL_AUTOFREE struct entry *e = NULL;
    AL_ALLOC(e, 1);
    AL_TRY(find(p, e));
    return charge_of(p, e, ret);
}

enum al_err cp2k_pseudo_put(const struct code_settings *s, const char *path)
{
    AL_AUTOFREE struct entry *e = NULL;
    struct al_outfile o;
    AL_ALLOC(e, 1);
    AL_TRY(al_outfile_open(path, &o));
    for (int i = 0; i < s->npseudo; i++) {
        enum al_err err = find(&s->pseudo[i], e);
        if (err) {
            al_outfile_drop(&o);
            AL_TRY(err);
        }
        fprintf(o.out, "%s GTH-ALND\n%.*s", al_element_symbol(s->pseudo[i].z), (int)e->n, e->text);
    }
    return al_outfile_publish(&o);
}
