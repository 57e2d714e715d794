// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// INCAR, POSCAR, KPOINTS, POTCAR of a single point. Atoms are sorted by species (atomic number), as POSCAR and POTCAR want them.
#include <math.h>
#include <string.h>
#include <strings.h>
#include <ctype.h>

#include "base/linalg.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/xcname.h"
#include "codes/parts.h"
#include "codes/vasp.h"

// vasp.at/wiki/GGA, METAGGA, LIBXC1 (from VASP 6.3, built with libxc).
enum al_err vasp_xc(const char *functional, struct vasp_xc *ret)
{
    static const struct {
        const char *name, *gga, *metagga, *lexch;
    } table[] = {{"PBE", "PE", NULL, "PE"},     {"PBEsol", "PS", NULL, "PE"},   {"revPBE", "RE", NULL, "PE"},
                 {"PZ", "CA", NULL, "CA"},      {"SCAN", NULL, "SCAN", "PE"},   {"R2SCAN", NULL, "R2SCAN", "PE"}};
    struct vasp_xc x = {.gga = "LIBXC"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(functional, table[i].name) == 0) {
            *ret = (struct vasp_xc){.gga = table[i].gga, .metagga = table[i].metagga, .lexch = table[i].lexch};
            return AL_ERR_OK;
        }
    const char *p = al_xc_libxc(functional);
    if (!strchr(p, '_')) AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "PBE, PBEsol, revPBE, PZ, SCAN, R2SCAN, or libxc's names", "VASP has no functional '%s'", functional);
    x.lexch = strncmp(p, "lda_", 4) == 0 ? "CA" : NULL;
    for (int i = 0; i < 2 && p; i++) {
        size_t n = strcspn(p, "+");
        if (n >= sizeof x.libxc[i]) AL_FAIL(AL_ERR_UNSUPPORTED, "functional '%.80s' is too long a name", functional);
        for (size_t k = 0; k < n; k++)
            x.libxc[i][k] = (char)toupper((unsigned char)p[k]);
        p = p[n] ? p + n + 1 : NULL;
    }
    *ret = x;
    return AL_ERR_OK;
}

static enum al_err read_potcar(const struct code_pseudo *p, struct vasp_potcar *ret)
{
    if (p->path[0] != '/' && strncmp(p->path, "GTH-", 4) == 0)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "label.pseudopotentials: the directory of your POTCARs, or a POTCAR for each element",
                     "VASP takes POTCAR files, not %s (%s)", p->path, al_element_symbol(p->z));
    AL_TRY(vasp_potcar_read(p->path, p->z, ret));
    return AL_ERR_OK;
}

static enum al_err check_potcar(const struct code_settings *s, const struct vasp_xc *xc, const struct vasp_potcar *p, const char *path)
{
    if (xc->lexch && strcasecmp(xc->lexch, p->lexch) != 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "PBE and its kin go with potpaw_PBE (LEXCH = PE), LDA with potpaw (LEXCH = CA)",
                     "%s was made with LEXCH = %s; label.functional %s needs %s", path, p->lexch, s->functional, xc->lexch);
    if (s->ecut < p->enmax - 1e-6)
        al_log(AL_LOG_WARN, "codes", "ev=low_cutoff engine=vasp element=%s cutoff_eV=%g potcar_ENMAX_eV=%g", al_element_symbol(p->z), s->ecut, p->enmax);
    return AL_ERR_OK;
}

enum al_err vasp_check(const struct code_settings *s)
{
    AL_OWN(vasp_incar) user = NULL;
    struct vasp_xc xc;
    if (!(s->ecut > 0)) AL_FAIL(AL_ERR_INPUT, "no cut-off for VASP");
    AL_TRY(vasp_xc(s->functional, &xc));
    if (s->smearing == CODE_COLD)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "choose gaussian or fermi", "label.smearing: VASP has no cold smearing (Methfessel-Paxton is another one)");
    if (s->smearing != CODE_FIXED && !(s->width > 0)) AL_FAIL(AL_ERR_INPUT, "label.smearing: a width is wanted");
    AL_TRY(vasp_incar_parse(s->user, s->user_path, &user));
    AL_TRY(vasp_incar_write(NULL, user, s, 0, 0, 0, NULL, NULL));
    for (int i = 0; i < s->npseudo; i++) {
        struct vasp_potcar p;
        AL_TRY(read_potcar(&s->pseudo[i], &p));
        enum al_err e = check_potcar(s, &xc, &p, s->pseudo[i].path);
        vasp_potcar_release(&p);
        AL_TRY(e);
    }
    return AL_ERR_OK;
}

enum al_err vasp_physics(const struct code_settings *s, char **ret_text)
{
    AL_OWN(vasp_incar) user = NULL;
    AL_AUTOFREE char *text = NULL;
    // what vasp_incar_write sets by itself: a change there is a change here
    static const char ours[] = "alnd-vasp 1: PREC=Accurate LREAL=F LASPH=T ISYM=0 EDIFF=1E-6|1E-8\n";
    AL_TRY(vasp_incar_parse(s->user, s->user_path, &user));
    AL_TRY(vasp_incar_physics(user, &text));
    size_t n = sizeof ours + strlen(text);
    char *all;
    AL_TRY(al_alloc(n, 1, &all));
    snprintf(all, n, "%s%s", ours, text);
    *ret_text = all;
    return AL_ERR_OK;
}

static enum al_err charge_of(const struct code_pseudo *pseudo, double *ret)
{
    struct vasp_potcar p;
    AL_TRY(read_potcar(pseudo, &p));
    *ret = p.zval;
    vasp_potcar_release(&p);
    return AL_ERR_OK;
}

double vasp_electrons(const struct code_settings *s, const struct al_frame *f)
{
    return code_count_electrons(s, f, charge_of);
}

struct kinds {
    int n, z[VASP_KINDS], count[VASP_KINDS];
};

static enum al_err sort_atoms(const struct al_frame *f, struct kinds *k, int *ret_order)
{
    int at = 0;
    k->n = 0;
    for (int z = 1; z <= AL_ZMAX; z++) {
        int first = at;
        for (int i = 0; i < f->natoms; i++)
            if (f->z[i] == z) ret_order[at++] = i;
        if (at == first) continue;
        if (k->n == VASP_KINDS) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d species", VASP_KINDS);
        k->z[k->n] = z;
        k->count[k->n++] = at - first;
    }
    return AL_ERR_OK;
}

static void write_poscar(FILE *out, const struct al_frame *f, const struct kinds *k, const int *order)
{
    fprintf(out, "alnd\n1.0\n");
    for (int i = 0; i < 3; i++)
        fprintf(out, " %21.16f %21.16f %21.16f\n", f->cell[i][0], f->cell[i][1], f->cell[i][2]);
    for (int i = 0; i < k->n; i++)
        fprintf(out, " %s", al_element_symbol(k->z[i]));
    fprintf(out, "\n");
    for (int i = 0; i < k->n; i++)
        fprintf(out, " %d", k->count[i]);
    fprintf(out, "\nCartesian\n");
    for (int i = 0; i < f->natoms; i++) {
        const double *p = f->pos[order[i]];
        fprintf(out, " %21.16f %21.16f %21.16f\n", p[0], p[1], p[2]);
    }
}

// "Gamma": point i of a direction with n is (i + shift)/n, which is what loop.yaml's mesh means.
static void write_kpoints(FILE *out, const struct code_settings *s)
{
    if (s->nkpoint > 0) {
        fprintf(out, "alnd\n%d\nReciprocal\n", s->nkpoint);
        for (int i = 0; i < s->nkpoint; i++)
            fprintf(out, " %.16f %.16f %.16f %.16g\n", s->kpoint[i][0], s->kpoint[i][1], s->kpoint[i][2], s->kpoint[i][3]);
        return;
    }
    fprintf(out, "alnd\n0\nGamma\n %d %d %d\n %.10g %.10g %.10g\n", s->mesh[0], s->mesh[1], s->mesh[2], s->shift[0], s->shift[1], s->shift[2]);
}

static enum al_err write_potcar(FILE *out, const struct code_settings *s, const struct kinds *k, double *ret_electrons)
{
    *ret_electrons = -s->charge;
    for (int i = 0; i < k->n; i++) {
        const struct code_pseudo *pseudo = code_pseudo_find(s, k->z[i]);
        struct vasp_potcar p;
        if (!pseudo) AL_FAIL(AL_ERR_INPUT, "no POTCAR for %s", al_element_symbol(k->z[i]));
        AL_TRY(read_potcar(pseudo, &p));
        *ret_electrons += k->count[i] * p.zval;
        fwrite(p.text, 1, p.n, out);
        if (p.n && p.text[p.n - 1] != '\n') fputc('\n', out);
        vasp_potcar_release(&p);
    }
    return AL_ERR_OK;
}

static enum al_err open_in(const char *dir, const char *name, struct al_outfile *ret)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/%s", dir, name));
    AL_TRY(al_outfile_open(path, ret));
    return AL_ERR_OK;
}

static enum al_err close_in(enum al_err e, struct al_outfile *f)
{
    if (!e) e = al_outfile_publish(f);
    if (e) al_outfile_drop(f);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err vasp_write(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order)
{
    static const char *const old[] = {"OUTCAR", "WAVECAR", "CHGCAR", "CHG", "CONTCAR", "vasprun.xml", "OSZICAR", NULL};
    AL_OWN(vasp_incar) user = NULL;
    struct al_outfile out;
    struct kinds k;
    double electrons = 0;
    if (al_det3((const double(*)[3])f->cell) <= 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "exchange two of the cell's vectors", "VASP needs a right-handed cell");
    AL_TRY(vasp_incar_parse(s->user, s->user_path, &user));
    AL_TRY(sort_atoms(f, &k, ret_order));
    // leftovers would start this run from where another one failed, and a stale OUTCAR would be read as the new one
    AL_TRY(code_remove(dir, old));
    AL_TRY(open_in(dir, "POTCAR", &out));
    AL_TRY(close_in(write_potcar(out.out, s, &k, &electrons), &out));
    AL_TRY(open_in(dir, "INCAR", &out));
    AL_TRY(close_in(vasp_incar_write(out.out, user, s, rung, electrons, k.n, k.z, k.count), &out));
    AL_TRY(open_in(dir, "POSCAR", &out));
    write_poscar(out.out, f, &k, ret_order);
    AL_TRY(close_in(AL_ERR_OK, &out));
    AL_TRY(open_in(dir, "KPOINTS", &out));
    write_kpoints(out.out, s);
    AL_TRY(close_in(AL_ERR_OK, &out));
    return AL_ERR_OK;
}
