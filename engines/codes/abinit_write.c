// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "codes/abinit.h"
#include "codes/kmesh.h"
#include "codes/parts.h"

enum { MAX_KINDS = 64 };

// Names whose values come from loop.yaml and the frame; the user's part may not have them.
static const char *const ours[] = {
    "ecut",   "ixc",    "kptopt", "ngkpt",  "shiftk",  "nshiftk", "nkpt",   "kpt",       "wtk",       "kptnrm",   "kptrlatt", "kptrlen", "occopt",
    "tsmear", "charge", "cellcharge", "toldfe", "tolvrs", "toldff", "tolrff", "tolwfr",  "nstep",     "natom",    "ntypat",   "znucl",   "typat",
    "acell",  "rprim",  "angdeg", "xcart",  "xred",    "xangst",  "natrd",  "structure", "pseudos",   "pp_dirpath", "nsym",   "symrel",  "tnons",
    "spgroup", "chkprim", "optforces", "optstress", "ionmov", "geoopt", "moldyn", "optcell", "ntime", "imgmov",   "nimage",   "optdriver", "ndtset",
    "jdtset", "udtset"};

// Algorithm, not physics: each rung's own go before the user's.
static const struct {
    const char *name, *value[ABINIT_RUNGS]; // NULL: ABINIT's default, or the user's
} ladder[] = {
    {"diemix", {NULL, "0.4", "0.6"}},
    {"npulayit", {NULL, "12", "12"}},
    {"nline", {NULL, "8", "8"}},
    {"nnsclo", {NULL, "2", "2"}},
    {"iprcel", {NULL, NULL, "45"}}, // the dielectric matrix, for what sloshes
};
enum { NLADDER = sizeof ladder / sizeof *ladder };

// Written where the user has nothing else.
static const char *const defaults[][2] = {{"chksymbreak", "0"}, {"prtwf", "0"},  {"prtden", "0"}, {"prteig", "0"},
                                          {"prtebands", "0"},   {"prtgsr", "0"}};
enum { NDEFAULTS = sizeof defaults / sizeof *defaults };

static enum al_err parse_user(const struct code_settings *s, struct abinit_keys **ret)
{
    AL_OWN(abinit_keys) k = NULL;
    AL_TRY(abinit_keys_parse(s->user ? s->user : "", s->user_path ? s->user_path : "template", &k));
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        const struct abinit_key *key = abinit_keys_find(k, ours[i]);
        if (key)
            AL_FAIL_HINT(AL_ERR_INPUT, "take it out of the template: it follows from the keys of label and from the frame", "%s:%d: '%s' is written by alnd",
                         s->user_path ? s->user_path : "template", key->line, key->name);
    }
    *ret = k;
    k = NULL;
    return AL_ERR_OK;
}

enum al_err abinit_check(const struct code_settings *s)
{
    AL_OWN(abinit_keys) k = NULL;
    double charge;
    if (!(s->ecut > 0)) AL_FAIL(AL_ERR_INPUT, "no cut-off for ABINIT");
    if (!abinit_ixc(s->functional))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "PBE, PBEsol, revPBE, LDA, PZ, or two of libxc's names joined by '+'",
                     "functional '%s' has no number (ixc) for ABINIT here", s->functional);
    if (s->smearing != CODE_FIXED && !(s->width > 0)) AL_FAIL(AL_ERR_INPUT, "smearing without a width");
    for (int i = 0; i < s->npseudo; i++)
        AL_TRY(abinit_pseudo_charge(&s->pseudo[i], &charge));
    return parse_user(s, &k);
}

double abinit_electrons(const struct code_settings *s, const struct al_frame *f)
{
    return code_count_electrons(s, f, abinit_pseudo_charge);
}

// ---- the parts of an input ------------------------------------------------------------------------------------

struct kinds {
    int n, z[MAX_KINDS];
    char file[MAX_KINDS][64];
    double electrons; // of the neutral cell
};

static int kind_of(const struct kinds *k, int z)
{
    for (int i = 0; i < k->n; i++)
        if (k->z[i] == z) return i + 1;
    return 0;
}

static enum al_err find_kinds(const struct code_settings *s, const struct al_frame *f, const char *dir, struct kinds *k)
{
    double charge[MAX_KINDS] = {0};
    k->n = 0;
    k->electrons = 0;
    for (int i = 0; i < f->natoms; i++) {
        int at = kind_of(k, f->z[i]);
        if (!at) {
            if (k->n == MAX_KINDS) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d elements", MAX_KINDS);
            const struct code_pseudo *p = code_pseudo_find(s, f->z[i]);
            if (!p) AL_FAIL(AL_ERR_INPUT, "no pseudopotential of %s", al_element_symbol(f->z[i]));
            AL_TRY(abinit_pseudo_charge(p, &charge[k->n]));
            AL_TRY(abinit_pseudo_put(p, dir, k->file[k->n]));
            k->z[k->n++] = f->z[i];
            at = k->n;
        }
        k->electrons += charge[at - 1];
    }
    return AL_ERR_OK;
}

// Half of the electrons; with smearing a fifth more and no less than four, as Quantum ESPRESSO has it.
static enum al_err count_bands(const struct code_settings *s, double electrons, int *ret)
{
    double pairs = 0.5 * (electrons - s->charge);
    if (!(pairs > 0)) AL_FAIL(AL_ERR_INPUT, "no electrons: charge %g of %g", s->charge, electrons);
    if (s->smearing == CODE_FIXED && fabs(pairs - round(pairs)) > 1e-9)
        AL_FAIL_HINT(AL_ERR_INPUT, "a smearing, or a charge", "%g electrons cannot fill whole bands", electrons - s->charge);
    double more = s->smearing == CODE_FIXED ? 0 : fmax(4, 0.2 * pairs);
    *ret = (int)ceil(pairs + more - 1e-9);
    return AL_ERR_OK;
}

static void put_settings(FILE *out, const struct code_settings *s, int rung)
{
    static const int occopt[] = {[CODE_FIXED] = 1, [CODE_GAUSSIAN] = 7, [CODE_FERMI] = 3, [CODE_COLD] = 4};
    fprintf(out, "ecut %.14g\nixc %d\n", s->ecut / AL_HARTREE_EV, abinit_ixc(s->functional));
    fprintf(out, "occopt %d\n", occopt[s->smearing]);
    if (s->smearing != CODE_FIXED) fprintf(out, "tsmear %.14g\n", s->width / AL_HARTREE_EV);
    if (s->charge != 0) fprintf(out, "charge %.14g\n", s->charge);
    fprintf(out, "tolvrs %s\nnstep %d\n", s->tight ? "1.0e-16" : "1.0e-11", (rung > 0 ? 2 : 1) * s->max_scf);
    fputs("optforces 1\noptstress 1\nnsym 1\nchkprim 0\n", out);
}

static enum al_err put_kpoints(FILE *out, const struct code_settings *s)
{
    AL_AUTOFREE double(*list)[4] = NULL;
    int n;
    AL_TRY(code_kpoints(s, &n, &list));
    fprintf(out, "kptopt 0\nnkpt %d\nkpt\n", n);
    for (int i = 0; i < n; i++)
        fprintf(out, " %.14f %.14f %.14f\n", list[i][0], list[i][1], list[i][2]);
    fputs("wtk\n", out);
    for (int i = 0; i < n; i++)
        fprintf(out, " %.14f\n", list[i][3]);
    return AL_ERR_OK;
}

static void put_frame(FILE *out, const struct al_frame *f, const struct kinds *k)
{
    fputs("acell 3*1.0\nrprim\n", out);
    for (int i = 0; i < 3; i++)
        fprintf(out, " %.14f %.14f %.14f\n", f->cell[i][0] / AL_BOHR_ANG, f->cell[i][1] / AL_BOHR_ANG, f->cell[i][2] / AL_BOHR_ANG);
    fprintf(out, "natom %d\nntypat %d\nznucl", f->natoms, k->n);
    for (int i = 0; i < k->n; i++)
        fprintf(out, " %d", k->z[i]);
    fputs("\ntypat", out);
    for (int i = 0; i < f->natoms; i++)
        fprintf(out, "%s%d", i % 40 ? " " : "\n ", kind_of(k, f->z[i]));
    fputs("\nxcart\n", out);
    for (int i = 0; i < f->natoms; i++)
        fprintf(out, " %.14f %.14f %.14f\n", f->pos[i][0] / AL_BOHR_ANG, f->pos[i][1] / AL_BOHR_ANG, f->pos[i][2] / AL_BOHR_ANG);
    fputs("pp_dirpath \".\"\npseudos \"", out);
    for (int i = 0; i < k->n; i++)
        fprintf(out, "%s%s", i ? ", " : "", k->file[i]);
    fputs("\"\n", out);
}

static bool of_rung(const char *name, int rung)
{
    for (int i = 0; i < NLADDER; i++)
        if (ladder[i].value[rung] && strcmp(ladder[i].name, name) == 0) return true;
    return false;
}

static void put_rest(FILE *out, const struct abinit_keys *user, int rung, int bands)
{
    if (!abinit_keys_find(user, "nband")) fprintf(out, "nband %d\n", bands);
    for (int i = 0; i < NDEFAULTS; i++)
        if (!abinit_keys_find(user, defaults[i][0])) fprintf(out, "%s %s\n", defaults[i][0], defaults[i][1]);
    for (int i = 0; i < NLADDER; i++)
        if (ladder[i].value[rung]) fprintf(out, "%s %s\n", ladder[i].name, ladder[i].value[rung]);
    if (user->n) fputs("# from the template\n", out);
    for (int i = 0; i < user->n; i++)
        if (!of_rung(user->key[i].name, rung)) fprintf(out, "%s %s\n", user->key[i].name, user->key[i].values);
}

enum al_err abinit_write(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order)
{
    static const char *const old[] = {"alnd.abo", "abinit.log", NULL};
    AL_OWN(abinit_keys) user = NULL;
    struct kinds k;
    struct al_outfile o;
    char path[AL_PATH];
    int bands;
    if (!f->pbc) AL_FAIL(AL_ERR_INPUT, "ABINIT needs a periodic cell");
    AL_TRY(parse_user(s, &user));
    AL_TRY(find_kinds(s, f, dir, &k));
    AL_TRY(count_bands(s, k.electrons, &bands));
    AL_TRY(code_remove(dir, old)); // ABINIT never writes over an output: it takes another name
    AL_TRY(al_path(path, "%s/alnd.abi", dir));
    AL_TRY(al_outfile_open(path, &o));
    put_settings(o.out, s, rung);
    enum al_err e = put_kpoints(o.out, s);
    if (e) {
        al_outfile_drop(&o);
        AL_TRY(e);
    }
    put_frame(o.out, f, &k);
    put_rest(o.out, user, rung, bands);
    AL_TRY(al_outfile_publish(&o));
    code_same_order(f, ret_order);
    return AL_ERR_OK;
}

// ---- what of the template is physics --------------------------------------------------------------------------

// Names that decide on speed, memory and files.
static bool is_neutral(const char *name)
{
    static const char *const words[] = {"autoparal", "paral_kgb", "paral_atom", "paral_rf", "max_ncpus", "bandpp", "timopt", "mem_test",
                                        "use_gpu_cuda", "gpu_option", "fftalg", "iomode", "nctime", "useylm_gpu", "slk_rankpp", "usefftw_wisdom"};
    if (strncmp(name, "prt", 3) == 0) return true;
    if (strncmp(name, "np", 2) == 0 && (strncmp(name + 2, "fft", 3) == 0 || strncmp(name + 2, "band", 4) == 0 || strncmp(name + 2, "kpt", 3) == 0 ||
                                        strncmp(name + 2, "_spkpt", 6) == 0 || strncmp(name + 2, "spinor", 6) == 0))
        return true;
    for (int i = 0; i < NLADDER; i++)
        if (strcmp(ladder[i].name, name) == 0) return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0) return true;
    return false;
}

// The other statements in their order, one a line.
enum al_err abinit_physics(const struct code_settings *s, char **ret_text)
{
    AL_OWN(abinit_keys) user = NULL;
    AL_AUTOFREE char *text = NULL;
    size_t n = 0;
    AL_TRY(parse_user(s, &user));
    for (int i = 0; i < user->n; i++)
        n += strlen(user->key[i].name) + strlen(user->key[i].values) + 2;
    AL_ALLOC(text, n + 1);
    char *at = text;
    for (int i = 0; i < user->n; i++)
        if (!is_neutral(user->key[i].name)) at += sprintf(at, "%s %s\n", user->key[i].name, user->key[i].values);
    *ret_text = text;
    text = NULL;
    return AL_ERR_OK;
}
