// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Functionals and pseudopotentials in ABINIT's words: ixc, psp8 and UPF files, the built-in GTH parameters as pspcod 10.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/gth.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/pseudofile.h"
#include "base/xcname.h"
#include "codes/abinit.h"
#include "codes/parts.h"

// libxc's numbers (https://libxc.gitlab.io/functionals): fixed for ever, as that project says.
static int libxc_number(const char *name, size_t n)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"lda_x", 1},          {"lda_c_vwn", 7},       {"lda_c_pz", 9},        {"lda_c_pw", 12},      {"lda_c_pw_mod", 13},
                 {"gga_x_pbe", 101},    {"gga_x_pbe_r", 102},   {"gga_x_b88", 106},     {"gga_x_pw91", 109},   {"gga_x_pbe_sol", 116},
                 {"gga_x_rpbe", 117},   {"gga_x_wc", 118},      {"gga_x_am05", 120},    {"gga_c_pbe", 130},    {"gga_c_lyp", 131},
                 {"gga_c_p86", 132},    {"gga_c_pbe_sol", 133}, {"gga_c_pw91", 134},    {"gga_c_am05", 135},   {"lda_xc_teter93", 20}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == n && strncmp(known[i].name, name, n) == 0) return known[i].number;
    return 0;
}

int abinit_ixc(const char *functional)
{
    const char *x = al_xc_libxc(functional), *c = strchr(x, '+');
    int first = libxc_number(x, strcspn(x, "+")), second = c ? libxc_number(c + 1, strlen(c + 1)) : 0;
    if (!first || (c && !second)) return 0;
    return -(1000 * first + second);
}

// Version 1: "3.0 Z valence".
static bool upf_charge(const char *line, double *ret)
{
    char *end;
    if (!strstr(line, "Z valence")) return false;
    *ret = strtod(line, &end);
    return end > line;
}

static bool has_end(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcasecmp(path + n - m, end) == 0;
}

static enum al_err search_upf(const char *path, struct al_lines *r, double *ret)
{
    bool end;
    for (;;) {
        AL_TRY(al_lines_next(r, &end));
        if (end) AL_FAIL(AL_ERR_INPUT, "%s: no valence charge in this UPF file", path);
        if (strstr(r->line, "<UPF version"))
            AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "take the psp8 file of the same pseudopotential (pseudo-dojo.org has both), or GTH-PBE",
                         "%s: ABINIT 9 reads UPF files of version 1 only", path);
        if (strstr(r->line, "Ultrasoft")) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: ABINIT reads norm-conserving UPF files only", path);
        if (upf_charge(r->line, ret)) return AL_ERR_OK;
    }
}

// psp8 and ABINIT's other forms: a title, then "zatom zion pspdat".
static enum al_err second_line(const char *path, int z, struct al_lines *r, double *ret)
{
    double v[2];
    char *end;
    AL_TRY(al_lines_need(r, "the title"));
    if (strstr(r->line, "<?xml") || strstr(r->line, "<paw_"))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "take a psp8 file", "%s: PAW and XML files are not taken", path);
    AL_TRY(al_lines_need(r, "zatom and zion"));
    const char *p = r->line;
    for (int k = 0; k < 2; k++) {
        v[k] = strtod(p, &end);
        if (end == p || !isfinite(v[k]))
            AL_FAIL_HINT(AL_ERR_INPUT, "psp8, norm-conserving UPF, or ABINIT's GTH form; GTH-PBE names the built-in ones",
                         "%s:2: zatom and zion are expected; not a pseudopotential that ABINIT reads", path);
        p = end;
    }
    if (fabs(v[0] - z) > 1e-6) AL_FAIL(AL_ERR_INPUT, "%s:2: a pseudopotential of Z = %g, not of %s", path, v[0], al_element_symbol(z));
    *ret = v[1];
    return AL_ERR_OK;
}

enum al_err abinit_pseudo_charge(const struct code_pseudo *p, double *ret_charge)
{
    double charge = 0;
    if (al_pseudo_is_builtin(p->path)) {
        const struct al_gth *g = al_gth_find(p->z, p->path);
        if (!g) AL_FAIL(AL_ERR_NOTFOUND, "no built-in pseudopotential %s of %s", p->path, al_element_symbol(p->z));
        if (g->core_c != 0) AL_FAIL(AL_ERR_UNSUPPORTED, "%s of %s has a core density, which ABINIT's form does not take", p->path, al_element_symbol(p->z));
        *ret_charge = al_gth_charge(g);
        return AL_ERR_OK;
    }
    struct al_lines r;
    AL_TRY(al_lines_open(p->path, &r));
    enum al_err e = has_end(p->path, ".upf") ? search_upf(p->path, &r, &charge) : second_line(p->path, p->z, &r, &charge);
    al_lines_close(&r);
    AL_TRY(e);
    if (!(charge > 0 && charge < 120)) AL_FAIL(AL_ERR_INPUT, "%s: a valence charge of %g", p->path, charge);
    *ret_charge = charge;
    return AL_ERR_OK;
}

// The row of coefficients i, i; i, i + 1 ... of an upper triangle of n rows that is stored by rows.
static const double *triangle_row(const double *h, int n, int i)
{
    for (int k = 0; k < i; k++)
        h += n - k;
    return h;
}

static void put_channel(FILE *out, const struct al_gth *g, int l)
{
    int n = g->nl_part[l].n;
    double r = g->nl_part[l].r;
    if (n == 0) { // ABINIT wants one; its strength is zero
        fprintf(out, "%.14g 1 0.0\n%s", r > 0 ? r : g->rloc, l ? "0.0\n" : "");
        return;
    }
    fprintf(out, "%.14g %d", r, n);
    for (int i = 0; i < n; i++) {
        const double *row = triangle_row(g->nl_part[l].h, n, i);
        for (int j = 0; j < n - i; j++)
            fprintf(out, " %.14g", row[j]);
        fputs("\n", out);
    }
    for (int i = 0; l > 0 && i < n; i++) { // spin-orbit
        for (int j = 0; j < n - i; j++)
            fputs(" 0.0", out);
        fputs("\n", out);
    }
}

// pspcod 10; pspxc 11: PBE.
static enum al_err put_gth(const struct al_gth *g, const char *path)
{
    struct al_outfile o;
    int nl = g->nl;
    while (nl > 0 && g->nl_part[nl - 1].n == 0)
        nl--;
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out, "%s %s (built into alnd)\n", al_element_symbol(g->z), g->name);
    fprintf(o.out, "%d %d 0 zatom zion pspdat\n", g->z, al_gth_charge(g));
    fprintf(o.out, "10 11 %d 0 2001 0 pspcod pspxc lmax lloc mmax r2well\n", nl > 1 ? nl - 1 : 0);
    fprintf(o.out, "%.14g %d", g->rloc, g->nc);
    for (int i = 0; i < g->nc; i++)
        fprintf(o.out, " %.14g", g->c[i]);
    fprintf(o.out, "\n%d\n", nl > 1 ? nl : 1);
    put_channel(o.out, g, 0);
    for (int l = 1; l < nl; l++)
        put_channel(o.out, g, l);
    return al_outfile_publish(&o);
}

enum al_err abinit_pseudo_put(const struct code_pseudo *p, const char *dir, char ret_name[64])
{
    char path[AL_PATH];
    if (al_pseudo_is_builtin(p->path)) {
        const struct al_gth *g = al_gth_find(p->z, p->path);
        if (!g) AL_FAIL(AL_ERR_NOTFOUND, "no built-in pseudopotential %s of %s", p->path, al_element_symbol(p->z));
        snprintf(ret_name, 64, "%s.gth", al_element_symbol(p->z));
        AL_TRY(al_path(path, "%s/%s", dir, ret_name));
        return put_gth(g, path);
    }
    snprintf(ret_name, 64, "%s.%s", al_element_symbol(p->z), has_end(p->path, ".upf") ? "upf" : "psp8");
    return code_link(dir, ret_name, p->path);
}
