// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// CP2K's input: the user's own file (basis sets, &QS, &SCF, van der Waals, ...) with what loop.yaml and the frame say put into it.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/xcname.h"
#include "codes/cp2k.h"
#include "codes/kmesh.h"
#include "codes/parts.h"

static const char *name_of(const struct code_settings *s)
{
    return s->user_path ? s->user_path : "template";
}

// ---- what the user's file must have, and must not have --------------------------------------------------------

static enum al_err no_conflicts(const struct code_settings *s, struct cp2k_node *root)
{
    static const char *const ours[][2] = {
        {"FORCE_EVAL", "STRESS_TENSOR"}, {"FORCE_EVAL/PRINT", "FORCES"},   {"FORCE_EVAL/PRINT", "STRESS_TENSOR"}, {"FORCE_EVAL/DFT", "CHARGE"},
        {"FORCE_EVAL/DFT", "KPOINTS"},   {"FORCE_EVAL/DFT/SCF", "EPS_SCF"}, {"FORCE_EVAL/DFT/SCF", "MAX_SCF"},    {"FORCE_EVAL/DFT/SCF", "SMEAR"},
        {"FORCE_EVAL/DFT/MGRID", "CUTOFF"}, {"FORCE_EVAL/DFT/XC", "XC_FUNCTIONAL"}, {"FORCE_EVAL/SUBSYS", "CELL"}, {"FORCE_EVAL/SUBSYS", "COORD"},
        {"FORCE_EVAL/SUBSYS", "TOPOLOGY"}};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        const struct cp2k_node *n = cp2k_find(cp2k_section(root, ours[i][0]), ours[i][1], NULL);
        if (n)
            AL_FAIL_HINT(AL_ERR_INPUT, "take it out of the template: it follows from the keys of label and from the frame", "%s:%d: %s/%s is written by alnd",
                         name_of(s), n->line, ours[i][0], ours[i][1]);
    }
    const struct cp2k_node *eval = cp2k_section(root, "FORCE_EVAL"), *method = cp2k_find(eval, "METHOD", NULL);
    for (const struct cp2k_node *n = eval ? eval->next : NULL; n; n = n->next)
        if (strcmp(n->name, "FORCE_EVAL") == 0) AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: a second &FORCE_EVAL", name_of(s), n->line);
    if (method && strcasecmp(method->value, "QS") != 0 && strcasecmp(method->value, "QUICKSTEP") != 0)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s:%d: METHOD %s: Quickstep is written for", name_of(s), method->line, method->value);
    return AL_ERR_OK;
}

static bool has_basis(const struct cp2k_node *kind)
{
    return cp2k_find(kind, "BASIS_SET", NULL) || cp2k_find(kind, "ORBITAL_BASIS_SET", NULL) || cp2k_find(kind, "ORB_BASIS", NULL);
}

static enum al_err check_kind(const struct code_settings *s, struct cp2k_node *root, int z, bool pseudo)
{
    const char *symbol = al_element_symbol(z);
    const struct cp2k_node *kind = cp2k_find(cp2k_section(root, "FORCE_EVAL/SUBSYS"), "KIND", symbol);
    if (!kind || !has_basis(kind))
        AL_FAIL_HINT(AL_ERR_INPUT, "&FORCE_EVAL &SUBSYS &KIND X, BASIS_SET DZVP-MOLOPT-SR-GTH, &END, each on its own line; alnd does not choose a basis",
                     "%s: no &KIND %s with a BASIS_SET", name_of(s), symbol);
    const struct cp2k_node *potential = cp2k_find(kind, "POTENTIAL", NULL);
    if (pseudo && potential)
        AL_FAIL_HINT(AL_ERR_INPUT, "take one of the two away", "%s:%d: POTENTIAL of %s, and label.pseudopotentials", name_of(s), potential->line, symbol);
    if (!pseudo && !potential)
        AL_FAIL_HINT(AL_ERR_INPUT, "label.pseudopotentials: GTH-PBE, or POTENTIAL in &KIND", "%s: no pseudopotential of %s", name_of(s), symbol);
    return AL_ERR_OK;
}

static bool is_off(const struct cp2k_node *section)
{
    const char *v = section->value;
    return strncasecmp(v, "OFF", 3) == 0 || strncasecmp(v, ".FALSE.", 7) == 0 || strcasecmp(v, "F") == 0 || strcasecmp(v, "FALSE") == 0;
}

static bool by_ot(const struct code_settings *s, struct cp2k_node *root)
{
    const struct cp2k_node *scf = cp2k_section(root, "FORCE_EVAL/DFT/SCF"), *ot = cp2k_find(scf, "OT", NULL);
    if (ot && !is_off(ot)) return true;
    const struct cp2k_node *diag = cp2k_find(scf, "DIAGONALIZATION", NULL);
    return !(diag && !is_off(diag)) && !ot && s->smearing == CODE_FIXED && code_is_gamma(s);
}

static enum al_err parse_user(const struct code_settings *s, struct cp2k_node **ret)
{
    AL_OWN(cp2k_node) root = NULL;
    AL_TRY(cp2k_tree_parse(s->user ? s->user : "", name_of(s), &root));
    AL_TRY(no_conflicts(s, root));
    const struct cp2k_node *file = cp2k_find(cp2k_section(root, "FORCE_EVAL/DFT"), "POTENTIAL_FILE_NAME", NULL);
    if (s->npseudo && file)
        AL_FAIL_HINT(AL_ERR_INPUT, "take one of the two away", "%s:%d: POTENTIAL_FILE_NAME, and label.pseudopotentials", name_of(s), file->line);
    if (by_ot(s, root) && s->smearing != CODE_FIXED)
        AL_FAIL_HINT(AL_ERR_INPUT, "&DIAGONALIZATION instead of &OT", "%s: OT has no smearing", name_of(s));
    *ret = root;
    root = NULL;
    return AL_ERR_OK;
}

static const char *native_xc(const char *functional)
{
    static const char *const known[][2] = {{"PBE", "ORIG"}, {"PBEsol", "PBESOL"}, {"revPBE", "REVPBE"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(functional, known[i][0]) == 0) return known[i][1];
    return NULL;
}

enum al_err cp2k_check(const struct code_settings *s)
{
    AL_OWN(cp2k_node) root = NULL;
    double charge;
    if (!(s->ecut > 0)) AL_FAIL(AL_ERR_INPUT, "no cut-off for CP2K");
    AL_TRY(al_xc_check(s->functional));
    if (s->smearing == CODE_GAUSSIAN || s->smearing == CODE_COLD)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "label.smearing: none, or {kind: fermi, width: 0.05 eV}", "CP2K smears by Fermi-Dirac only (label.smearing)");
    if (s->smearing != CODE_FIXED && !(s->width > 0)) AL_FAIL(AL_ERR_INPUT, "smearing without a width");
    if (fabs(s->charge - round(s->charge)) > 1e-9) AL_FAIL(AL_ERR_UNSUPPORTED, "CP2K takes whole charges only, not %g", s->charge);
    AL_TRY(parse_user(s, &root));
    for (int i = 0; i < s->npseudo; i++) {
        AL_TRY(cp2k_pseudo_charge(&s->pseudo[i], &charge));
        AL_TRY(check_kind(s, root, s->pseudo[i].z, true));
    }
    return AL_ERR_OK;
}

double cp2k_electrons(const struct code_settings *s, const struct al_frame *f)
{
    return code_count_electrons(s, f, cp2k_pseudo_charge);
}

// ---- the parts of an input ------------------------------------------------------------------------------------

// Of ours, unless the user has it already.
static enum al_err otherwise(struct cp2k_node *root, const char *path, const char *name, const char *value)
{
    struct cp2k_node *in;
    AL_TRY(cp2k_need(root, path, &in));
    if (!cp2k_find(in, name, NULL)) AL_TRY(cp2k_add(in, false, name, "%s", value));
    return AL_ERR_OK;
}

// Nothing of it changes a number: ours, whatever the user's file has.
static enum al_err put_global(struct cp2k_node *root)
{
    struct cp2k_node *g;
    cp2k_remove(root, "MOTION");
    AL_TRY(cp2k_need(root, "GLOBAL", &g));
    static const char *const names[] = {"PROJECT", "PROJECT_NAME", "RUN_TYPE", "PROGRAM_NAME", "PRINT_LEVEL", "IOLEVEL"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cp2k_remove(g, names[i]);
    AL_TRY(cp2k_add(g, false, "PROJECT", "alnd"));
    AL_TRY(cp2k_add(g, false, "RUN_TYPE", "ENERGY_FORCE"));
    return cp2k_add(g, false, "PRINT_LEVEL", "MEDIUM");
}

static enum al_err put_xc(struct cp2k_node *root, const char *functional)
{
    struct cp2k_node *xc, *list, *pbe;
    AL_TRY(cp2k_need(root, "FORCE_EVAL/DFT/XC", &xc));
    AL_TRY(cp2k_add(xc, true, "XC_FUNCTIONAL", "%s", ""));
    AL_TRY(cp2k_need(xc, "XC_FUNCTIONAL", &list));
    const char *native = native_xc(functional);
    if (native) {
        AL_TRY(cp2k_need(list, "PBE", &pbe));
        return cp2k_add(pbe, false, "PARAMETRIZATION", "%s", native);
    }
    for (const char *at = al_xc_libxc(functional); *at;) { // sections of libxc's names
        size_t n = strcspn(at, "+");
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        AL_TRY(cp2k_add(list, true, name, "%s", ""));
        at += n + (at[n] == '+');
    }
    return AL_ERR_OK;
}

static enum al_err put_kpoints(struct cp2k_node *root, const struct code_settings *s)
{
    AL_AUTOFREE double(*list)[4] = NULL;
    struct cp2k_node *k;
    int n;
    if (code_is_gamma(s)) return AL_ERR_OK;
    AL_TRY(code_kpoints(s, &n, &list));
    AL_TRY(cp2k_need(root, "FORCE_EVAL/DFT/KPOINTS", &k));
    AL_TRY(cp2k_add(k, false, "SCHEME", "GENERAL"));
    for (int i = 0; i < n; i++)
        AL_TRY(cp2k_add(k, false, "KPOINT", "%.12f %.12f %.12f %.12f", list[i][0], list[i][1], list[i][2], list[i][3]));
    return AL_ERR_OK;
}

static enum al_err put_smearing(struct cp2k_node *root, const struct code_settings *s, double electrons)
{
    struct cp2k_node *scf, *smear;
    char more[32];
    if (s->smearing == CODE_FIXED) return AL_ERR_OK;
    AL_TRY(cp2k_need(root, "FORCE_EVAL/DFT/SCF", &scf));
    AL_TRY(cp2k_add(scf, true, "SMEAR", "ON"));
    smear = cp2k_find(scf, "SMEAR", NULL);
    AL_TRY(cp2k_add(smear, false, "METHOD", "FERMI_DIRAC"));
    AL_TRY(cp2k_add(smear, false, "ELECTRONIC_TEMPERATURE", "[K] %.10g", s->width / AL_KB_EV));
    // a fifth of the occupied ones; all where the number of electrons is the template's affair
    snprintf(more, sizeof more, "%d", isfinite(electrons) ? (int)fmax(4, ceil(0.1 * electrons)) : -1);
    return otherwise(root, "FORCE_EVAL/DFT/SCF", "ADDED_MOS", more);
}

// Rung 0: what the user's &SCF has, or OT where it can be had and diagonalisation with Broyden mixing else. Higher rungs go their own way.
static enum al_err put_scf(struct cp2k_node *root, const struct code_settings *s, int rung)
{
    static const char *const ot[CP2K_RUNGS][3] = {{"DIIS", "FULL_SINGLE_INVERSE", NULL}, {"CG", "FULL_ALL", "2PNT"}, {"CG", "FULL_ALL", "3PNT"}};
    static const char *const mixing[CP2K_RUNGS][2] = {{"0.2", "8"}, {"0.1", "8"}, {"0.04", "12"}};
    struct cp2k_node *scf, *in;
    bool orbitals = by_ot(s, root);
    AL_TRY(cp2k_need(root, "FORCE_EVAL/DFT/SCF", &scf));
    AL_TRY(cp2k_add(scf, false, "EPS_SCF", "%s", s->tight ? "1.0E-8" : "1.0E-6"));
    AL_TRY(cp2k_add(scf, false, "MAX_SCF", "%d", (rung > 0 ? 2 : 1) * s->max_scf));
    if (orbitals) {
        if (rung > 0) cp2k_remove(scf, "OT");
        if (cp2k_find(scf, "OT", NULL)) return AL_ERR_OK;
        AL_TRY(cp2k_need(scf, "OT", &in));
        AL_TRY(cp2k_add(in, false, "MINIMIZER", "%s", ot[rung][0]));
        AL_TRY(cp2k_add(in, false, "PRECONDITIONER", "%s", ot[rung][1]));
        return ot[rung][2] ? cp2k_add(in, false, "LINESEARCH", "%s", ot[rung][2]) : AL_ERR_OK;
    }
    if (!cp2k_find(scf, "DIAGONALIZATION", NULL)) AL_TRY(cp2k_add(scf, true, "DIAGONALIZATION", "ON"));
    if (rung > 0) cp2k_remove(scf, "MIXING");
    if (cp2k_find(scf, "MIXING", NULL)) return AL_ERR_OK;
    AL_TRY(cp2k_need(scf, "MIXING", &in));
    AL_TRY(cp2k_add(in, false, "METHOD", "BROYDEN_MIXING"));
    AL_TRY(cp2k_add(in, false, "ALPHA", "%s", mixing[rung][0]));
    return cp2k_add(in, false, "NBROYDEN", "%s", mixing[rung][1]);
}

static enum al_err put_frame(struct cp2k_node *root, const struct code_settings *s, const struct al_frame *f)
{
    static const char *const vector[] = {"A", "B", "C"};
    struct cp2k_node *sub, *in, *kind;
    AL_TRY(cp2k_need(root, "FORCE_EVAL/SUBSYS", &sub));
    AL_TRY(cp2k_need(sub, "CELL", &in));
    for (int i = 0; i < 3; i++)
        AL_TRY(cp2k_add(in, false, vector[i], "%.12f %.12f %.12f", f->cell[i][0], f->cell[i][1], f->cell[i][2]));
    AL_TRY(cp2k_add(in, false, "PERIODIC", "XYZ"));
    AL_TRY(cp2k_need(sub, "COORD", &in));
    for (int i = f->natoms - 1; i >= 0; i--) { // the last one first: each goes to the front
        struct cp2k_node *old = in->child;
        in->child = NULL;
        enum al_err e = cp2k_add(in, false, al_element_symbol(f->z[i]), "%.12f %.12f %.12f", f->pos[i][0], f->pos[i][1], f->pos[i][2]);
        if (e) in->child = old;
        AL_TRY(e);
        memcpy(in->child->name, al_element_symbol(f->z[i]), strlen(in->child->name)); // not in capitals
        in->child->next = old;
    }
    for (int i = 0; i < s->npseudo; i++)
        if ((kind = cp2k_find(sub, "KIND", al_element_symbol(s->pseudo[i].z)))) AL_TRY(cp2k_add(kind, false, "POTENTIAL", "GTH-ALND"));
    return AL_ERR_OK;
}

static enum al_err put_output(struct cp2k_node *root)
{
    struct cp2k_node *print, *forces;
    AL_TRY(cp2k_need(root, "FORCE_EVAL/PRINT", &print));
    AL_TRY(cp2k_add(print, true, "FORCES", "ON"));
    forces = cp2k_find(print, "FORCES", NULL);
    AL_TRY(cp2k_add(forces, false, "NDIGITS", "12"));
    AL_TRY(cp2k_add(print, true, "STRESS_TENSOR", "ON"));
    AL_TRY(cp2k_need(root, "FORCE_EVAL/DFT/SCF/PRINT", &print));
    cp2k_remove(print, "RESTART"); // files of wave functions
    AL_TRY(cp2k_add(print, true, "RESTART", "OFF"));
    cp2k_remove(print, "RESTART_HISTORY");
    return cp2k_add(print, true, "RESTART_HISTORY", "OFF");
}

static enum al_err fill(struct cp2k_node *root, const struct code_settings *s, const struct al_frame *f, int rung)
{
    struct cp2k_node *eval, *dft, *grid;
    AL_TRY(put_global(root));
    AL_TRY(cp2k_need(root, "FORCE_EVAL", &eval));
    AL_TRY(otherwise(root, "FORCE_EVAL", "METHOD", "QUICKSTEP"));
    AL_TRY(cp2k_add(eval, false, "STRESS_TENSOR", "ANALYTICAL"));
    AL_TRY(cp2k_need(eval, "DFT", &dft));
    AL_TRY(otherwise(root, "FORCE_EVAL/DFT", "BASIS_SET_FILE_NAME", "BASIS_MOLOPT"));
    if (s->npseudo) AL_TRY(cp2k_add(dft, false, "POTENTIAL_FILE_NAME", "alnd.pot"));
    if (s->charge != 0) AL_TRY(cp2k_add(dft, false, "CHARGE", "%d", (int)round(s->charge)));
    AL_TRY(cp2k_need(dft, "MGRID", &grid));
    AL_TRY(cp2k_add(grid, false, "CUTOFF", "[Ry] %.12g", 2 * s->ecut / AL_HARTREE_EV));
    AL_TRY(otherwise(root, "FORCE_EVAL/DFT/MGRID", "REL_CUTOFF", "[Ry] 60"));
    AL_TRY(otherwise(root, "FORCE_EVAL/DFT/QS", "EPS_DEFAULT", "1.0E-12"));
    AL_TRY(put_xc(root, s->functional));
    AL_TRY(put_kpoints(root, s));
    AL_TRY(put_smearing(root, s, cp2k_electrons(s, f)));
    AL_TRY(put_scf(root, s, rung));
    AL_TRY(put_frame(root, s, f));
    return put_output(root);
}

enum al_err cp2k_write(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order)
{
    AL_OWN(cp2k_node) root = NULL;
    struct al_outfile o;
    char path[AL_PATH];
    if (!f->pbc) AL_FAIL(AL_ERR_INPUT, "the frame is not periodic");
    AL_TRY(parse_user(s, &root));
    if (by_ot(s, root) && !code_is_gamma(s)) // not in check(): a mesh by spacing is known with the frame
        AL_FAIL_HINT(AL_ERR_INPUT, "&DIAGONALIZATION instead of &OT", "%s: OT has no k-points", name_of(s));
    for (int i = 0; i < f->natoms; i++)
        AL_TRY(check_kind(s, root, f->z[i], code_pseudo_find(s, f->z[i]) != NULL));
    AL_TRY(fill(root, s, f, rung));
    AL_TRY(al_path(path, "%s/alnd.pot", dir));
    if (s->npseudo) AL_TRY(cp2k_pseudo_put(s, path));
    AL_TRY(al_path(path, "%s/alnd.inp", dir));
    AL_TRY(al_outfile_open(path, &o));
    cp2k_print(o.out, root, 0);
    AL_TRY(al_outfile_publish(&o));
    code_same_order(f, ret_order);
    return AL_ERR_OK;
}

// ---- what of the template is physics --------------------------------------------------------------------------

static bool is_neutral(const struct cp2k_node *n)
{
    static const char *const names[] = {"GLOBAL", "MOTION", "PRINT", "OT", "DIAGONALIZATION", "MIXING", "OUTER_SCF", "EXT_RESTART"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (n->section && strcmp(n->name, names[i]) == 0) return true;
    return false;
}

// As cp2k_print without them; a file of basis sets that is at hand by its checksum as well.
static enum al_err put_physics(FILE *out, const struct cp2k_node *in)
{
    char hex[65];
    for (const struct cp2k_node *n = in->child; n; n = n->next) {
        if (is_neutral(n)) continue;
        fprintf(out, "%s%s %s\n", n->section ? "&" : "", n->name, n->value);
        if (strstr(n->name, "_FILE_NAME") && n->value[0] == '/') {
            AL_TRY(al_sha256_file(n->value, hex));
            fprintf(out, "%s\n", hex);
        }
        if (!n->section) continue;
        AL_TRY(put_physics(out, n));
        fputs("&END\n", out);
    }
    return AL_ERR_OK;
}

enum al_err cp2k_physics(const struct code_settings *s, char **ret_text)
{
    AL_OWN(cp2k_node) root = NULL;
    char *text = NULL;
    size_t n = 0;
    AL_TRY(parse_user(s, &root));
    FILE *out = open_memstream(&text, &n);
    if (!out) AL_FAIL(AL_ERR_NOMEM, "no memory for the template");
    enum al_err e = put_physics(out, root);
    if (fclose(out) != 0 && !e) {
        free(text);
        AL_FAIL(AL_ERR_NOMEM, "no memory for the template");
    }
    if (!e) e = al_strdup(text, ret_text);
    free(text);
    AL_TRY(e);
    return AL_ERR_OK;
}
