// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Input of pw.x: a single point with forces and stress, in the frame's own order of atoms. The user's template is merged into it.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/xcname.h"
#include "codes/codes.h"
#include "codes/kmesh.h"
#include "codes/parts.h"
#include "codes/template.h"

static const char input_file[] = "pw.in", output_file[] = "pw.out";

// The ladder: ways to the same ground state. Another smearing would be other physics.
static const char *const rung_names[] = {"default", "mixing beta 0.3", "local Thomas-Fermi mixing, beta 0.2", "conjugate gradients, mixing beta 0.2"};
enum { RUNG_BETA = 1, RUNG_TF, RUNG_CG, NRUNG };

static const struct {
    const char *ours, *theirs;
} functionals[] = {{"PBE", "sla+pw+pbx+pbc"}, {"PBEsol", "sla+pw+psx+psc"}, {"revPBE", "sla+pw+rpb+pbc"}, {"LDA", "sla+pw+nogx+nogc"},
                   {"PZ", "sla+pz+nogx+nogc"}};

// Written by alnd, from loop.yaml or because a label needs it.
static const struct {
    const char *section, *keys; // each with a blank before and behind it
} own[] = {
    {"control", " calculation prefix outdir pseudo_dir tprnfor tstress restart_mode nstep disk_io wf_collect wfcdir title "},
    {"system", " ibrav celldm a b c cosab cosac cosbc nat ntyp ecutwfc occupations smearing degauss tot_charge nosym "},
    {"electrons", " conv_thr scf_must_converge "},
};
// Of no consequence for the numbers.
static const char not_physics[] = " verbosity iprint max_seconds electron_maxstep mixing_mode mixing_beta mixing_ndim diagonalization "
                                  "diago_thr_init diago_cg_maxiter diago_david_ndim diago_full_acc diago_rmm_ndim startingwfc startingpot "
                                  "mixing_fixed_ns etot_conv_thr forc_conv_thr real_space_beta ";

static bool listed(const char *list, const char *key)
{
    char word[64];
    snprintf(word, sizeof word, " %.*s ", (int)strcspn(key, "("), key);
    return strstr(list, word) != NULL;
}

// --- UPF -----------------------------------------------------------------------------------------------

// The value of NAME="VALUE" in the header of a UPF 2 file; "" when it is not there.
static enum al_err upf_header(const char *path, const char *name, char *ret, size_t n)
{
    AL_AUTOFREE char *text = NULL;
    char mark[64];
    AL_TRY(al_file_read(path, (size_t)64 << 20, &text, NULL));
    ret[0] = '\0';
    const char *head = strstr(text, "<PP_HEADER"), *end = head ? strchr(head, '>') : NULL;
    if (!head || !end) return AL_ERR_OK;
    snprintf(mark, sizeof mark, "%s=\"", name);
    for (const char *p = head; (p = strstr(p, mark)) && p < end; p += strlen(mark)) {
        if (!isspace((unsigned char)p[-1])) continue; // rel_NAME
        p += strlen(mark);
        snprintf(ret, n, "%.*s", (int)strcspn(p, "\""), p + strspn(p, " "));
        return AL_ERR_OK;
    }
    return AL_ERR_OK;
}

static bool is_upf(const char *path)
{
    const char *dot = strrchr(path, '.');
    return path[0] == '/' && dot && (strcmp(dot, ".upf") == 0 || strcmp(dot, ".UPF") == 0);
}

// Whether all pseudopotentials were made with the functional that is asked for: then pw.x takes it from them.
static enum al_err same_functional(const struct code_settings *s, bool *ret)
{
    char text[128];
    const char *want = al_xc_kind(s->functional);
    *ret = true;
    for (int i = 0; i < s->npseudo; i++) {
        AL_TRY(upf_header(s->pseudo[i].path, "functional", text, sizeof text));
        const char *have = al_xc_of_pseudo(text);
        if (!have || !want || strcmp(have, want) != 0) *ret = false;
    }
    return AL_ERR_OK;
}

static enum al_err charge_of(const struct code_pseudo *p, double *ret)
{
    char text[64], *end;
    AL_TRY(upf_header(p->path, "z_valence", text, sizeof text));
    *ret = strtod(text, &end);
    if (end == text) AL_FAIL(AL_ERR_INPUT, "%s: no z_valence", p->path);
    return AL_ERR_OK;
}

static double electrons_qe(const struct code_settings *s, const struct al_frame *f)
{
    return code_count_electrons(s, f, charge_of);
}

// --- the user's template -------------------------------------------------------------------------------

static enum al_err check_entry(const struct code_settings *s, const struct template_entry *e)
{
    bool known = false;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (strcmp(own[i].section, e->section) != 0) continue;
        known = true;
        if (listed(own[i].keys, e->key))
            AL_FAIL_HINT(AL_ERR_INPUT, "loop.yaml says it (section label), or alnd needs it as it writes it", "%s:%d: %s is alnd's own", s->user_path,
                         e->line, e->key);
    }
    if (!known) AL_FAIL(AL_ERR_INPUT, "%s:%d: &%s: a label is a single point; &control, &system and &electrons are taken", s->user_path, e->line, e->section);
    static const char by_species[] = " starting_magnetization hubbard_u hubbard_u_back hubbard_j0 hubbard_alpha hubbard_beta angle1 angle2 starting_charge "
                                     "london_c6 london_rvdw ts_vdw_species ";
    const char *index = strchr(e->key, '(');
    if (index && listed(by_species, e->key) && !isalpha((unsigned char)index[1]))
        AL_FAIL_HINT(AL_ERR_INPUT, "frames may have other elements: alnd puts the number in", "%s:%d: write the element in place of the number: %.*s(Fe)",
                     s->user_path, e->line, (int)(index - e->key), e->key);
    return AL_ERR_OK;
}

static enum al_err read_template(const struct code_settings *s, struct template **ret)
{
    AL_OWN(template) t = NULL;
    AL_TRY(template_read(s->user, s->user_path, &t));
    for (int i = 0; i < t->n; i++)
        AL_TRY(check_entry(s, &t->entry[i]));
    if (t->cards[0] && strncmp(t->cards, "HUBBARD", 7) != 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "of the cards HUBBARD alone may be there; the others are alnd's", "%s:%d: '%.*s'", s->user_path, t->card_line,
                     (int)strcspn(t->cards, "\n"), t->cards);
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}

static const char *theirs_of(const char *functional)
{
    for (size_t i = 0; i < sizeof functionals / sizeof functionals[0]; i++)
        if (strcmp(functionals[i].ours, functional) == 0) return functionals[i].theirs;
    return NULL;
}

static enum al_err check_qe(const struct code_settings *s)
{
    AL_OWN(template) t = NULL;
    bool same;
    for (int i = 0; i < s->npseudo; i++)
        if (!is_upf(s->pseudo[i].path))
            AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "label.pseudopotentials: a directory or a map of *.upf files", "pw.x takes UPF files, not %s for %s",
                         s->pseudo[i].path, al_element_symbol(s->pseudo[i].z));
    AL_TRY(read_template(s, &t));
    AL_TRY(same_functional(s, &same));
    if (!same && !theirs_of(s->functional) && !template_get(t, "system", "input_dft"))
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "say it in the template: &system, input_dft = '...'; it then takes the place of label.functional",
                     "alnd does not know pw.x's name of the functional %s", s->functional);
    return AL_ERR_OK;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum al_err physics_qe(const struct code_settings *s, char **ret_text)
{
    AL_OWN(template) t = NULL;
    AL_AUTOFREE char **line = NULL;
    AL_AUTOFREE char(*store)[600] = NULL;
    AL_AUTOFREE char *text = NULL;
    int n = 0;
    AL_TRY(read_template(s, &t));
    AL_ALLOC(line, t->n + 1);
    AL_ALLOC(store, t->n + 1);
    for (int i = 0; i < t->n; i++)
        if (!listed(not_physics, t->entry[i].key)) {
            snprintf(store[n], sizeof store[n], "%s.%s=%s\n", t->entry[i].section, t->entry[i].key, t->entry[i].value);
            line[n] = store[n];
            n++;
        }
    qsort(line, (size_t)n, sizeof *line, compare_text);
    size_t bytes = strlen(t->cards) + 1, at = 0;
    for (int i = 0; i < n; i++)
        bytes += strlen(line[i]);
    AL_ALLOC(text, bytes);
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, bytes - at, "%s", line[i]);
    snprintf(text + at, bytes - at, "%s", t->cards);
    *ret_text = text;
    text = NULL;
    return AL_ERR_OK;
}

// --- the input -----------------------------------------------------------------------------------------

struct species {
    int n;
    const struct code_pseudo *p[AL_ZMAX];
};

static struct species species_of(const struct code_settings *s, const struct al_frame *f)
{
    struct species sp = {0};
    for (int k = 0; k < s->npseudo && sp.n < AL_ZMAX; k++) {
        bool any = false;
        for (int i = 0; i < f->natoms; i++)
            any |= f->z[i] == s->pseudo[k].z;
        if (any) sp.p[sp.n++] = &s->pseudo[k];
    }
    return sp;
}

// The template's entries of a section, elements in brackets replaced by their numbers here; those of elements that the frame does
// not have are left out. Keys that a rung sets are the rung's.
static void write_entries(FILE *out, const struct template *t, const char *section, const struct species *sp, const char *taken)
{
    for (int i = 0; i < t->n; i++) {
        const struct template_entry *e = &t->entry[i];
        const char *index = strchr(e->key, '(');
        if (strcmp(e->section, section) != 0 || listed(taken, e->key)) continue;
        if (!index || !isalpha((unsigned char)index[1])) {
            fprintf(out, "  %s = %s\n", e->key, e->value);
            continue;
        }
        for (int k = 0; k < sp->n; k++) {
            const char *symbol = al_element_symbol(sp->p[k]->z);
            size_t n = strlen(symbol);
            if (strncasecmp(index + 1, symbol, n) == 0 && index[1 + n] == ')')
                fprintf(out, "  %.*s(%d) = %s\n", (int)(index - e->key), e->key, k + 1, e->value);
        }
    }
}

static enum al_err write_system(FILE *out, const struct code_settings *s, const struct al_frame *f, const struct template *t, const struct species *sp)
{
    static const char *const kinds[] = {"", "gaussian", "fermi-dirac", "mv"};
    bool same;
    fprintf(out, "&system\n  ibrav = 0\n  nat = %d\n  ntyp = %d\n  ecutwfc = %.10f\n  nosym = .true.\n", f->natoms, sp->n,
            2 * s->ecut / AL_HARTREE_EV);
    if (s->smearing == CODE_FIXED) fputs("  occupations = 'fixed'\n", out);
    else
        fprintf(out, "  occupations = 'smearing'\n  smearing = '%s'\n  degauss = %.12f\n", kinds[s->smearing], 2 * s->width / AL_HARTREE_EV);
    if (s->charge != 0) fprintf(out, "  tot_charge = %.10f\n", s->charge);
    AL_TRY(same_functional(s, &same));
    if (!same && !template_get(t, "system", "input_dft")) fprintf(out, "  input_dft = '%s'\n", theirs_of(s->functional));
    write_entries(out, t, "system", sp, "");
    fputs("/\n", out);
    return AL_ERR_OK;
}

// conv_thr is an error of the cell's energy, Ry; that of forces goes as its square root. Below 1e-12 pw.x does not get surely.
static double threshold(const struct code_settings *s, int natoms)
{
    return s->tight ? fmax(1e-13 * natoms, 1e-12) : 1e-10 * natoms;
}

static void write_electrons(FILE *out, const struct code_settings *s, const struct al_frame *f, const struct template *t, const struct species *sp, int rung)
{
    fprintf(out, "&electrons\n  conv_thr = %.3e\n", threshold(s, f->natoms));
    if (rung || !template_get(t, "electrons", "electron_maxstep")) fprintf(out, "  electron_maxstep = %d\n", s->max_scf * (rung ? 2 : 1));
    if (rung == RUNG_BETA) fputs("  mixing_beta = 0.3\n", out);
    if (rung == RUNG_TF) fputs("  mixing_beta = 0.2\n  mixing_mode = 'local-TF'\n", out);
    if (rung == RUNG_CG) fputs("  mixing_beta = 0.2\n  diagonalization = 'cg'\n", out);
    write_entries(out, t, "electrons", sp,
                  rung == RUNG_TF   ? " electron_maxstep mixing_beta mixing_mode "
                  : rung == RUNG_CG ? " electron_maxstep mixing_beta diagonalization "
                  : rung            ? " electron_maxstep mixing_beta "
                                    : "");
    fputs("/\n", out);
}

static void write_kpoints(FILE *out, const struct code_settings *s)
{
    if (s->nkpoint) {
        fprintf(out, "K_POINTS crystal\n%d\n", s->nkpoint);
        for (int i = 0; i < s->nkpoint; i++)
            fprintf(out, "%.14f %.14f %.14f %.14f\n", s->kpoint[i][0], s->kpoint[i][1], s->kpoint[i][2], s->kpoint[i][3]);
    } else if (code_is_gamma(s)) {
        fputs("K_POINTS gamma\n", out);
    } else {
        fprintf(out, "K_POINTS automatic\n%d %d %d %d %d %d\n", s->mesh[0], s->mesh[1], s->mesh[2], s->shift[0] > 0, s->shift[1] > 0, s->shift[2] > 0);
    }
}

static void write_atoms(FILE *out, const struct al_frame *f, const struct species *sp)
{
    fputs("ATOMIC_SPECIES\n", out);
    for (int k = 0; k < sp->n; k++) {
        const char *symbol = al_element_symbol(sp->p[k]->z);
        fprintf(out, "%s %.4f %s.upf\n", symbol, al_element_mass(sp->p[k]->z), symbol);
    }
    fputs("CELL_PARAMETERS bohr\n", out);
    for (int i = 0; i < 3; i++)
        fprintf(out, "%.14f %.14f %.14f\n", f->cell[i][0] / AL_BOHR_ANG, f->cell[i][1] / AL_BOHR_ANG, f->cell[i][2] / AL_BOHR_ANG);
    fputs("ATOMIC_POSITIONS bohr\n", out);
    for (int i = 0; i < f->natoms; i++)
        fprintf(out, "%s %.14f %.14f %.14f\n", al_element_symbol(f->z[i]), f->pos[i][0] / AL_BOHR_ANG, f->pos[i][1] / AL_BOHR_ANG,
                f->pos[i][2] / AL_BOHR_ANG);
}

// A link: pw.x takes paths of at most 256 characters.
static enum al_err link_pseudo(const char *dir, const struct species *sp)
{
    char name[16];
    for (int k = 0; k < sp->n; k++) {
        snprintf(name, sizeof name, "%s.upf", al_element_symbol(sp->p[k]->z));
        AL_TRY(code_link(dir, name, sp->p[k]->path));
    }
    return AL_ERR_OK;
}

static enum al_err write_text(FILE *out, const struct code_settings *s, const struct al_frame *f, const struct template *t, int rung)
{
    struct species sp = species_of(s, f);
    fputs("&control\n  calculation = 'scf'\n  prefix = 'alnd'\n  outdir = './scratch'\n  pseudo_dir = '.'\n"
          "  tprnfor = .true.\n  tstress = .true.\n  disk_io = 'none'\n", out);
    write_entries(out, t, "control", &sp, "");
    fputs("/\n", out);
    AL_TRY(write_system(out, s, f, t, &sp));
    write_electrons(out, s, f, t, &sp, rung);
    write_atoms(out, f, &sp);
    write_kpoints(out, s);
    fputs(t->cards, out);
    return AL_ERR_OK;
}

static enum al_err write_qe(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order)
{
    AL_OWN(template) t = NULL;
    char path[AL_PATH];
    struct species sp = species_of(s, f);
    AL_TRY(read_template(s, &t));
    AL_TRY(link_pseudo(dir, &sp));
    AL_TRY(al_path(path, "%s/%s", dir, input_file));
    FILE *out = fopen(path, "we");
    if (!out) AL_FAIL(AL_ERR_IO, "cannot write %s", path);
    enum al_err e = write_text(out, s, f, t, rung);
    if ((ferror(out) | fclose(out)) && !e) AL_FAIL(AL_ERR_IO, "cannot write %s", path);
    AL_TRY(e);
    code_same_order(f, ret_order);
    return AL_ERR_OK;
}

// --- failures ------------------------------------------------------------------------------------------

static void one_line(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        bool blank = isspace((unsigned char)*p);
        if (!blank) *to++ = *p;
        else if (to > text && to[-1] != ' ') *to++ = ' ';
    }
    if (to > text && to[-1] == ' ') to--;
    *to = '\0';
}

// Between two lines of %.
static void find_error(const char *text, char *ret, size_t n)
{
    const char *at = strstr(text, "Error in routine"), *end;
    ret[0] = '\0';
    if (!at) return;
    end = strstr(at, "%%%%");
    snprintf(ret, n, "%.*s", end ? (int)(end - at < 280 ? end - at : 280) : 280, at);
    one_line(ret);
}

static int failure_qe(const char *dir, int now, char *ret_why, size_t n)
{
    static const char *const diagonal[] = {"diaghg", "c_bands", "S matrix not positive", "Cholesky", "too many bands", "ylmr2", "potrf"};
    AL_AUTOFREE char *text = NULL;
    char path[AL_PATH];
    ret_why[0] = '\0';
    if (al_path(path, "%s/%s", dir, output_file) != AL_ERR_OK || al_file_read(path, (size_t)256 << 20, &text, NULL) != AL_ERR_OK) return -1;
    find_error(text, ret_why, n);
    for (size_t i = 0; i < sizeof diagonal / sizeof diagonal[0]; i++)
        if (strstr(ret_why, diagonal[i])) return now < RUNG_CG ? RUNG_CG : -1;
    if (ret_why[0]) return -1; // its input is refused, or what it asks for cannot be had
    const char *not = strstr(text, "convergence NOT achieved");
    if (!not) return -1;
    snprintf(ret_why, n, "%.*s", (int)strcspn(not, "\n:"), not);
    return now + 1;
}

static const char *const args[] = {"-in", "pw.in", NULL}, *const probe[] = {NULL}, *const scratch[] = {"scratch", NULL};

const struct code_ops code_ops_qe = {
    .name = "qe",
    .program = "pw.x",
    .format = &code_qe,
    .args = args,
    .output = output_file,
    .screen = output_file,
    .nrung = NRUNG,
    .rung = rung_names,
    .check = check_qe,
    .write = write_qe,
    .failure = failure_qe,
    .physics = physics_qe,
    .probe = probe,
    .version = "Program PWSCF v.",
    .scratch = scratch,
    .electrons = electrons_qe,
};
