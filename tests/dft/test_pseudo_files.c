// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Files of other programs, where they are installed: the built-in GTH-PBE set equals CP2K's (Debian's cp2k-data), every
// entry of CP2K's GTH files is read or refused with a reason, and so is every file of abinit-data.
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/frame.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "base/units.h"
#include "base/xcname.h"
#include "dft/atom.h"
#include "dft/formfac.h"
#include "dft/gth.h"

#define CP2K   "/usr/share/cp2k"
#define ABINIT "/usr/share/abinit/psp"

static char *slurp(const char *path, size_t *n)
{
    char *text = NULL;
    assert_int_equal(al_file_read(path, 0, &text, n), AL_ERR_OK);
    return text;
}

static void built_in_set_is_that_of_cp2k(void **state)
{
    (void)state;
    size_t n;
    AL_AUTOFREE char *gth = slurp(CP2K "/GTH_POTENTIALS", &n), *uzh = slurp(CP2K "/POTENTIAL_UZH", &n);
    int count = 0;
    for (const struct al_gth *g; (g = al_gth_at(count)); count++) {
        struct al_gth file;
        bool from_uzh = strcmp(g->name, "GTH-PBE-q1") == 0 && g->z == 3;
        enum al_err e = gth_parse("cp2k", from_uzh ? uzh : gth, g->z, g->name, &file);
        if (e) print_error("%s\n", al_err_message());
        assert_int_equal(e, AL_ERR_OK);
        char a[65], b[65];
        al_gth_hash(g, a);
        al_gth_hash(&file, b);
        assert_string_equal(a, b);
        assert_memory_equal(g->occ, file.occ, sizeof g->occ);
        assert_true(g->rloc > 0 && file.rloc == g->rloc);
    }
    assert_int_equal(count, 24);
    static const char *const promised[] = {"Li", "Na", "K", "Mg", "B", "Al", "Si", "Ge", "Sn", "N", "P",
                                           "As", "Sb", "O", "S", "Se", "F", "Cl", "Br", "I"};
    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++)
        assert_non_null(al_gth_find(al_element_z(promised[i]), "GTH-PBE"));
}

// Every entry by its own name.
static void read_entries(const char *path, int *ret_read, int *ret_refused)
{
    size_t n;
    AL_AUTOFREE char *text = slurp(path, &n);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char symbol[8], name[64];
        struct pseudo *p = NULL;
        if (sscanf(line, "%7[A-Za-z] %63s", symbol, name) != 2 || line[0] == ' ' || strncmp(name, "GTH", 3) != 0) continue;
        int z = al_element_z(symbol);
        assert_true(z > 0);
        enum al_err e = pseudo_read(path, text, n, z, name, &p);
        if (e != AL_ERR_OK && e != AL_ERR_UNSUPPORTED) fail_msg("%s %s: %s", symbol, name, al_err_message());
        *(e ? ret_refused : ret_read) += 1;
        if (e) print_message("refused: %s %s: %s\n", symbol, name, al_err_message());
        pseudo_destroy(&p);
    }
}

static void cp2k_files_are_read(void **state)
{
    (void)state;
    int read = 0, refused = 0;
    read_entries(CP2K "/GTH_POTENTIALS", &read, &refused);
    read_entries(CP2K "/NLCC_POTENTIALS", &read, &refused);
    print_message("%d entries read, %d refused\n", read, refused);
    assert_true(read > 350 && refused < 20);
}

// Atoms of entries that were made with LDA from scalar-relativistic atoms, solved with LDA: the lowest s and p levels of the
// all-electron atom by ld1.x of Quantum ESPRESSO 6.7 (rel=1, dft='SLA-PW-NOGX-NOGC', lsd=0). The same program without relativity
// and with Vosko, Wilk and Nusair's correlation gives the four digits of NIST Standard Reference Database 141 (S. Kotochigova,
// Z. H. Levine, E. L. Shirley, M. D. Stiles, C. W. Clark, PRA 55, 191 (1997), column LDA) for each of them.
static void lda_atoms_have_all_electron_levels(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int z;
        double s, p;
    } known[] = {{"GTH-PADE-q1", 1, -0.2335, 1},        {"GTH-PADE-q1", 3, -0.1056, 1},        {"GTH-PADE-q3", 3, -1.8784, 1},
                 {"GTH-PADE-q6", 8, -0.8729, -0.3380},  {"GTH-PADE-q4", 14, -0.3998, -0.1530}, {"GTH-PADE-q5", 15, -0.5151, -0.2057},
                 {"GTH-PADE-q6", 16, -0.6351, -0.2612}};
    size_t n;
    AL_AUTOFREE char *text = slurp(CP2K "/GTH_POTENTIALS", &n);
    AL_AUTOFREE struct atom *a = NULL;
    assert_int_equal(al_alloc(1, sizeof *a, &a), AL_ERR_OK);
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        struct pseudo *p = NULL;
        assert_int_equal(pseudo_read("cp2k", text, n, known[k].z, known[k].name, &p), AL_ERR_OK);
        assert_int_equal(atom_solve(p, a), AL_ERR_OK);
        double s = a->level[0] - known[k].s, l1 = known[k].p < 0 ? a->level[1] - known[k].p : 0;
        print_message("%s %s: levels off by %.1e %.1e Ha\n", al_element_symbol(known[k].z), known[k].name, s, l1);
        assert_true(fabs(s) < 1e-3 && fabs(l1) < 1e-3);
        pseudo_destroy(&p);
    }
}

static void try_file(const char *path, int *ret_read, int *ret_refused)
{
    size_t n;
    AL_AUTOFREE char *text = NULL;
    struct pseudo *p = NULL;
    struct formfac *f = NULL;
    if (al_file_read(path, 0, &text, &n) != AL_ERR_OK) return;
    enum al_err e = pseudo_read(path, text, n, 0, NULL, &p);
    bool psp8 = strstr(path, ".psp8");
    // what is no psp8 file may look like a broken one
    if (e != AL_ERR_OK && e != AL_ERR_UNSUPPORTED && (psp8 || e != AL_ERR_CORRUPT)) fail_msg("%s", al_err_message());
    if (e) {
        if (psp8) assert_non_null(strstr(al_err_message(), "spin-orbit"));
        *ret_refused += 1;
        return;
    }
    double v, dv;
    *ret_read += 1;
    assert_non_null(al_xc_of_pseudo(p->functional));
    assert_int_equal(formfac_create(p, 40, &f), AL_ERR_OK);
    qtable_eval(&f->valence, 0, &v, &dv);
    assert_true(v > 0.7 * p->zion && v < 1.001 * p->zion); // the tables end before the density does
    for (int c = 0; c < p->nchan; c++) { // a projector has the same norm in both spaces (Parseval); q ends at 40
        double r = 0, q = 0;
        for (int i = 0; i < p->mmax; i++)
            r += p->w[i] * p->beta[c][i] * p->beta[c][i];
        for (double x = 0.01; x < 39.9; x += 0.02) {
            qtable_eval(&f->beta[c], x, &v, &dv);
            v *= pow(x, p->l[c] + 1) / (4 * AL_PI);
            q += 2 / AL_PI * v * v * 0.02;
        }
        if (fabs(q / r - 1) > 5e-3) fail_msg("%s: channel %d has norms %.8g and %.8g", path, c, r, q);
    }
    formfac_destroy(&f);
    pseudo_destroy(&p);
}

static void walk(const char *dir, int *ret_read, int *ret_refused)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));) {
        char path[AL_PATH];
        if (e->d_name[0] == '.') continue;
        assert_int_equal(al_path(path, "%s/%s", dir, e->d_name), AL_ERR_OK);
        if (e->d_type == DT_DIR) walk(path, ret_read, ret_refused);
        else try_file(path, ret_read, ret_refused);
    }
    closedir(d);
}

static void abinit_files_are_read(void **state)
{
    (void)state;
    int read = 0, refused = 0;
    walk(ABINIT, &read, &refused);
    print_message("%d files read, %d refused\n", read, refused);
    assert_true(read > 50 && refused > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(built_in_set_is_that_of_cp2k), cmocka_unit_test(cp2k_files_are_read),
                                       cmocka_unit_test(abinit_files_are_read),
                                       cmocka_unit_test(lda_atoms_have_all_electron_levels)};
    if (!al_exists(CP2K "/POTENTIAL_UZH") || !al_exists(ABINIT)) {
        printf("skipped: no " CP2K " or " ABINIT " (Debian's cp2k-data, abinit-data)\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
