// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// CP2K without CP2K: outputs written here in its form (of 2023 and of later versions), the files beside them, inputs and failures.
#include "text.h"

#include "codes/cp2k.h"

static const double bohr = AL_BOHR_ANG, hartree = AL_HARTREE_EV;

struct made {
    int steps;
    bool converged, later, outer, forces, cut;
    const char *type; // of run
};

static void put_forces(FILE *f, const struct made *m)
{
    if (!m->forces) return;
    if (m->later)
        fputs(" FORCES| Atomic forces [hartree/bohr]\n FORCES| Atom      x               y               z              |f|\n"
              " FORCES|      1 -1.00000000E-03  2.00000000E-03  0.00000000E+00  2.23606798E-03\n"
              " FORCES|      2  1.00000000E-03 -2.00000000E-03  0.00000000E+00  2.23606798E-03\n FORCES| Sum  0.0  0.0  0.0  0.0\n\n", f);
    else
        fputs(" ATOMIC FORCES in [a.u.]\n\n # Atom   Kind   Element          X              Y              Z\n"
              "      1      1      Li         -0.00100000     0.00200000     0.00000000\n"
              "      2      2      S           0.00100000    -0.00200000     0.00000000\n SUM OF ATOMIC FORCES 0.0 0.0 0.0 0.0\n\n", f);
}

static void put_stress(FILE *f, const struct made *m)
{
    const double p = m->later ? 1e4 : 1; // 1 GPa
    fprintf(f, " STRESS| Analytical stress tensor [%s]\n STRESS|                        x                   y                   z\n"
               " STRESS|      x  %.11E  %.11E  0.00000000000E+00\n STRESS|      y  %.11E  %.11E  0.00000000000E+00\n"
               " STRESS|      z  0.00000000000E+00  0.00000000000E+00  %.11E\n STRESS| 1/3 Trace  1.0\n STRESS| Determinant  8.4E+02\n\n"
               " STRESS| Eigenvectors and eigenvalues of the analytical stress tensor [%s]\n STRESS|  1  2  3\n STRESS| Eigenvalues  1.0 2.0 3.0\n"
               " STRESS|      x           0.000000000609      0.000000000854      1.000000000000\n\n",
            m->later ? "bar" : "GPa", p, 0.5 * p, 0.5 * p, 2 * p, -3 * p, m->later ? "bar" : "GPa");
}

static void put_step(FILE *f, const struct made *m, int i)
{
    fputs(" Number of electrons:                                  9\n\n SCF WAVEFUNCTION OPTIMIZATION\n\n", f);
    if (m->outer) fputs("  *** SCF run NOT converged ***\n\n  *** SCF run converged in     3 steps ***\n  outer SCF loop converged in   2 iterations or   13 steps\n\n", f);
    else if (m->converged) fputs("  *** SCF run converged in    14 steps ***\n\n", f);
    else fputs("  *** SCF run NOT converged ***\n\n *** WARNING in qs_scf.F:598 :: SCF run NOT converged ***\n\n", f);
    fprintf(f, "  Electronic entropic energy:                                  -0.00900000000000\n\n"
               " ENERGY| Total FORCE_EVAL ( QS ) energy [%s]:  -24.8000000000%d\n\n", m->later ? "hartree" : "a.u.", i);
    put_forces(f, m);
    put_stress(f, m);
    if (strcmp(m->type, "MD") == 0) fprintf(f, " MD| Step number  %d\n MD| Temperature [K]  291.0\n\n", i);
}

static char *made(const struct made *m)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    fprintf(f, " DBCSR| MPI: My process id  0\n  **** PROGRAM STARTED AT   2026-11-26\n\n CP2K| version string:   CP2K version 2023.1\n"
               " CP2K| Input file name                                                     mine.inp\n\n"
               " GLOBAL| Project name                                    proj\n GLOBAL| Run type                    %s\n\n"
               " CELL_TOP| Vector a [angstrom     9.000     0.000     0.000   |a| =     9.000000\n"
               " CELL| Volume [angstrom^3]:                            60.000000\n"
               " CELL| Vector a [angstrom]:       4.000     0.000     0.000   |a| =     4.000400\n"
               " CELL| Vector b [angstrom]:       1.000     5.000     0.000   |b| =     5.099020\n"
               " CELL| Vector c [angstrom]:       0.000     0.000     3.000   |c| =     3.000000\n"
               " CELL| Angle (b,c), alpha [degree]:  90.000000\n CELL| Angle (a,c), beta  [degree]:  90.000000\n"
               " CELL| Angle (a,b), gamma [degree]:  78.690068\n\n"
               " MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM\n\n   Atom Kind Element         X             Y             Z       Z(eff)     Mass\n"
               "      1    1 Li    3      0.100000      0.000000      0.000000   3.0000   6.9410\n"
               "      2    2 S    16      2.100000      2.100000     -2.200000   6.0000  32.0650\n\n\n", m->type);
    for (int i = 0; i < m->steps; i++)
        put_step(f, m, i);
    if (!m->cut) fputs(" The number of warnings for this run is : 1\n  **** **** ******  **  PROGRAM ENDED AT    2026-11-26\n", f);
    fclose(f);
    return text;
}

static void one_point(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        char *text = made(&(struct made){.steps = 1, .converged = true, .forces = true, .later = later, .type = "ENERGY_FORCE"});
        assert_true(code_cp2k.is("cp2k.out", text, strlen(text)));
        struct reading r = read_all(&code_cp2k, put("cp2k.out", text, -1));
        assert_int_equal(r.err, AL_ERR_OK);
        assert_int_equal(r.n, 1);
        assert_true(r.complete && r.step[0].converged);
        assert_int_equal(r.step[0].scf, 14);
        near(r.step[0].electrons, 9, 0);
        const struct al_frame *g = r.step[0].frame;
        assert_int_equal(g->z[1], 16);
        near(g->energy, -24.8 * hartree, 1e-8);
        near(r.step[0].energy_zero, (-24.8 + 0.0045) * hartree, 1e-8);
        near(g->forces[0][1], 0.002 * hartree / bohr, 1e-12);
        near(g->pos[1][2], -2.2, 1e-12);
        double volume = 4.0004 * 5.09902 * sin(78.690068 * AL_PI / 180) * 3; // lengths and angles, not three decimals
        near(g->cell[0][0], 4.0004, 1e-12);
        near(g->virial[0][0], volume / AL_EV_A3_GPA, 1e-9); // CP2K's sign is a pressure's
        near(g->virial[0][1], 0.5 * volume / AL_EV_A3_GPA, 1e-9);
        near(g->virial[2][2], -3 * volume / AL_EV_A3_GPA, 1e-9);
        release(&r);
        free(text);
    }
}

static void cell_of_the_input_beside(void **state)
{
    (void)state;
    char *text = made(&(struct made){.steps = 1, .converged = true, .forces = true, .type = "ENERGY_FORCE"});
    put("mine.inp", "&FORCE_EVAL\n &SUBSYS\n  &CELL\n A 4.0004001 0 0\n B 1.0000002 5 0\n C 0 0 3.0000003\n &END\n &END\n&END\n", -1);
    struct reading r = read_all(&code_cp2k, put("cp2k.out", text, -1));
    near(r.step[0].frame->cell[0][0], 4.0004001, 1e-12);
    near(r.step[0].frame->cell[2][2], 3.0000003, 1e-12);
    release(&r);
    put("mine.inp", "&FORCE_EVAL\n &SUBSYS\n  &CELL\n A 4.2 0 0\n B 1 5 0\n C 0 0 3\n &END\n &END\n&END\n", -1); // of another run
    r = read_all(&code_cp2k, path_of("cp2k.out"));
    near(r.step[0].frame->cell[0][0], 4.0004, 1e-12);
    release(&r);
    remove(path_of("mine.inp"));
    free(text);
}

static void not_converged_is_said(void **state)
{
    (void)state;
    char why[300], *text = made(&(struct made){.steps = 1, .forces = true, .type = "ENERGY_FORCE"});
    struct reading r = read_all(&code_cp2k, put("cp2k.out", text, -1));
    assert_int_equal(r.n, 1);
    assert_false(r.step[0].converged);
    has(r.step[0].note, "SCF run NOT converged");
    assert_int_equal(code_ops_cp2k.failure(dir, 0, why, sizeof why), 1);
    has(why, "NOT converged");
    assert_int_equal(code_ops_cp2k.failure(dir, CP2K_RUNGS - 1, why, sizeof why), -1);
    release(&r);
    free(text);
    text = made(&(struct made){.steps = 1, .outer = true, .forces = true, .type = "ENERGY_FORCE"}); // the outer loop did it
    r = read_all(&code_cp2k, put("cp2k.out", text, -1));
    assert_true(r.step[0].converged);
    release(&r);
    free(text);
}

// A trajectory: restarted (an older block first), and only each second evaluation is in it.
static void moving_atoms(void **state)
{
    (void)state;
    char *text = made(&(struct made){.steps = 3, .converged = true, .type = "MD"}), *at = text;
    for (int i = 0; (at = strstr(at, "-24.80000000")); i++, at++) // energies that differ by more than the last digit
        at[6] = (char)('0' + i);
    put("proj-pos-1.xyz", "2\n i = 7, time = 7.0, E = -24.7000000000\n Li 9 9 9\n S 9 9 9\n"
                          "2\n i = 0, time = 0.0, E = -24.8000000000\n Li 0.1 0.0 0.0\n S 2.1 2.1 -2.2\n"
                          "2\n i = 2, time = 2.0, E = -24.8020000000\n Li 0.2 0.0 0.0\n S 2.1 2.1 -2.3\n", -1);
    put("proj-frc-1.xyz", "2\n i = 0, time = 0.0, E = -24.8000000000\n Li 0.001 0 0\n S 0 0 0\n"
                          "2\n i = 2, time = 2.0, E = -24.8020000000\n Li 0.002 0 0\n S 0 0 0\n", -1);
    struct reading r = read_all(&code_cp2k, put("cp2k.out", text, -1));
    assert_int_equal(r.err, AL_ERR_OK);
    assert_int_equal(r.n, 2);
    near(r.step[0].frame->pos[0][0], 0.1, 1e-12);
    near(r.step[1].frame->pos[0][0], 0.2, 1e-12);
    near(r.step[1].frame->pos[1][2], -2.3, 1e-12);
    near(r.step[1].frame->energy, -24.802 * hartree, 1e-8);
    near(r.step[1].frame->forces[0][0], 0.002 * hartree / bohr, 1e-12);
    release(&r);
    remove(path_of("proj-pos-1.xyz"));
    remove(path_of("proj-frc-1.xyz"));
    r = read_all(&code_cp2k, path_of("cp2k.out")); // without it: where the first one is stands in the output
    assert_int_equal(r.n, 1);
    assert_false(r.step[0].frame->have & AL_HAVE_FORCES);
    has(r.step[0].note, "no -pos-1.xyz beside");
    release(&r);
    free(text);
}

static void cut_off_anywhere(void **state)
{
    (void)state;
    char *text = made(&(struct made){.steps = 1, .converged = true, .forces = true, .type = "ENERGY_FORCE"});
    size_t all = strlen(text);
    for (size_t n = 0; n < all; n += 5) {
        char *cut = strndup(text, n), *end = strrchr(cut, '\n');
        if (end) end[1] = '\0';
        struct reading r = read_all(&code_cp2k, put("cut.out", cut, -1));
        assert_int_equal(r.err, AL_ERR_OK);
        assert_int_equal(r.n, 0); // its last line is PROGRAM ENDED
        assert_false(r.complete);
        free(cut);
    }
    struct reading r = read_all(&code_cp2k, put("cut.out", text, -1));
    assert_int_equal(r.n, 1);
    release(&r);
    free(text);
}

static void overflown_numbers_are_errors(void **state)
{
    (void)state;
    char *text = made(&(struct made){.steps = 1, .converged = true, .forces = true, .type = "ENERGY_FORCE"});
    memset(strstr(text, "-0.00200000"), '*', 11);
    struct reading r = read_all(&code_cp2k, put("bad.out", text, -1));
    assert_int_equal(r.err, AL_ERR_INPUT);
    has(al_err_message(), "bad.out:");
    free(text);
}

static void aborts_in_its_own_words(void **state)
{
    (void)state;
    char why[300];
    static const char box[] = " *****\n *   ___                                  *\n *  /   \\                                 *\n * [ABORT]                                *\n"
                              " *  \\___/     Cholesky decomposition failed.   *\n *    |                                   *\n *  O/|  *\n";
    put("cp2k.out", box, -1);
    assert_int_equal(code_ops_cp2k.failure(dir, 0, why, sizeof why), -1); // before any SCF: the input
    has(why, "CP2K stopped: Cholesky decomposition failed.");
    char text[1000];
    snprintf(text, sizeof text, " SCF WAVEFUNCTION OPTIMIZATION\n%s", box);
    put("cp2k.out", text, -1);
    assert_int_equal(code_ops_cp2k.failure(dir, 0, why, sizeof why), 1);
    put("cp2k.out", " QS| Method\n", -1);
    assert_int_equal(code_ops_cp2k.failure(dir, 0, why, sizeof why), -1);
    has(why, "QS| Method");
}

// ---- writing --------------------------------------------------------------------------------------------------

static const char kinds[] = "&force_eval\n &subsys\n  &kind Li\n   basis_set SZV-MOLOPT-SR-GTH ! mine\n  &end kind\n  &KIND S\n   BASIS_SET ORB \\\n    DZVP\n  &END\n"
                            " &END\n&END\n";

static struct code_settings settings(void)
{
    static const struct code_pseudo p[] = {{3, "GTH-PBE"}, {16, "GTH-PBE-q6"}};
    return (struct code_settings){.ecut = 100 * AL_HARTREE_EV, .functional = "PBE", .mesh = {1, 1, 1}, .max_scf = 40, .pseudo = p, .npseudo = 2,
                                  .user = kinds, .user_path = "my.inp"};
}

static void input_is_merged(void **state)
{
    (void)state;
    struct al_frame *f = three_atoms();
    struct code_settings s = settings();
    int order[3];
    assert_int_equal(cp2k_check(&s), AL_ERR_OK);
    assert_int_equal(cp2k_write(&s, f, 0, dir, order), AL_ERR_OK);
    char *text = get("alnd.inp"), *pot = get("alnd.pot");
    has(text, "CUTOFF [Ry] 200\n");
    has(text, "S 0.000000000000 0.000000000000 0.000000000000\n      Li 2.000000000000");
    has(text, "BASIS_SET SZV-MOLOPT-SR-GTH\n      POTENTIAL GTH-ALND\n");
    has(text, "BASIS_SET ORB      DZVP\n");
    has(text, "PRECONDITIONER FULL_SINGLE_INVERSE");
    assert_null(strstr(text, "KPOINT"));
    has(pot, "S GTH-ALND\n2 4 \n0.42 1 -5.98626038\n2\n0.36482035 2 13.14354448 -4.24183045\n 5.47617957\n0.40948048 1 3.70089057\n");
    al_free(text);
    al_free(pot);
    s.mesh[0] = 2;
    s.smearing = CODE_FERMI;
    s.width = 0.1;
    assert_int_equal(cp2k_write(&s, f, 1, dir, order), AL_ERR_OK);
    text = get("alnd.inp");
    has(text, "KPOINT 0.500000000000 0.000000000000 0.000000000000 0.500000000000");
    has(text, "ELECTRONIC_TEMPERATURE [K] 1160.451812");
    has(text, "ALPHA 0.1\n");
    has(text, "MAX_SCF 80\n");
    al_free(text);
    near(cp2k_electrons(&s, f), 15, 0);
    s.smearing = CODE_COLD;
    assert_int_equal(cp2k_check(&s), AL_ERR_UNSUPPORTED);
    al_frame_destroy(&f);
}

static void conflicts_name_the_line(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "&FORCE_EVAL\n&DFT\nCHARGE 1\n&END\n&END\n", "&FORCE_EVAL\n&SUBSYS\n&CELL\n&END\n&END\n&END\n", "&FORCE_EVAL\n&DFT\n&END SUBSYS\n&END\n",
        "# x\n\n@INCLUDE 'other.inc'\n", "&FORCE_EVAL\n&END\n&END\n", "&FORCE_EVAL\n\n&DFT\n"};
    struct code_settings s = settings();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s.user = bad[i];
        assert_int_equal(cp2k_check(&s), AL_ERR_INPUT);
        has(al_err_message(), "my.inp:3:");
    }
    s.user = "";
    assert_int_equal(cp2k_check(&s), AL_ERR_INPUT);
    has(al_err_message(), "no &KIND Li with a BASIS_SET");
}

static void physics_is_what_changes_numbers(void **state)
{
    (void)state;
    check_physics(&code_ops_cp2k, settings(), (const char *const[]){
        "&GLOBAL\nPROJECT x\n&END\n&FORCE_EVAL\n&DFT # c\n  &SCF\n&OT\nMINIMIZER CG\n&END OT\n&END SCF\n&QS\nEPS_DEFAULT  1e-10\n&END\n&END\n&END\n",
        "&FORCE_EVAL\n&DFT\n&SCF\n&END\n&QS\nEPS_DEFAULT 1e-10\n&END\n&END\n&END\n",
        "&FORCE_EVAL\n&DFT\n&SCF\n&END\n&QS\nEPS_DEFAULT 1e-12\n&END\n&END\n&END\n",
    });
}

static void entries_of_a_file(void **state)
{
    (void)state;
    char spec[AL_PATH];
    double q;
    put("POT", "# c\nLi GTH-A-q3 GTH-A\n    3\n 0.4 1 -14.0\n 0\n#\nLi GTH-A-q1\n    1\n 0.7 1 -1.9\n 0\n", -1);
    struct code_pseudo p = {3, spec};
    assert_int_equal(al_path(spec, "%s#GTH-A-q1", path_of("POT")), AL_ERR_OK);
    assert_int_equal(cp2k_pseudo_charge(&p, &q), AL_ERR_OK);
    near(q, 1, 0);
    assert_int_equal(al_path(spec, "%s#GTH-A", path_of("POT")), AL_ERR_OK);
    assert_int_equal(cp2k_pseudo_charge(&p, &q), AL_ERR_OK);
    near(q, 3, 0);
    assert_int_equal(al_path(spec, "%s", path_of("POT")), AL_ERR_OK);
    assert_int_equal(cp2k_pseudo_charge(&p, &q), AL_ERR_INPUT);
    has(al_err_message(), "several entries of Li");
    assert_int_equal(al_path(spec, "%s#GTH-B", path_of("POT")), AL_ERR_OK);
    assert_int_equal(cp2k_pseudo_charge(&p, &q), AL_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_point),           cmocka_unit_test(cell_of_the_input_beside), cmocka_unit_test(not_converged_is_said),
        cmocka_unit_test(moving_atoms),        cmocka_unit_test(cut_off_anywhere),         cmocka_unit_test(overflown_numbers_are_errors),
        cmocka_unit_test(aborts_in_its_own_words), cmocka_unit_test(input_is_merged),      cmocka_unit_test(conflicts_name_the_line),
        cmocka_unit_test(physics_is_what_changes_numbers), cmocka_unit_test(entries_of_a_file),
    };
    return cmocka_run_group_tests_name("cp2k", tests, make_dir, remove_dir);
}
