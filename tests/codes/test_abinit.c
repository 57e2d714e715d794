// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// ABINIT without ABINIT: outputs written here in its form (one point, moving atoms, not converged, cut off), inputs and failures.
#include "text.h"

#include "codes/abinit.h"

static const double bohr = AL_BOHR_ANG, hartree = AL_HARTREE_EV;

struct made {
    int steps;      // 0: one point, no blocks OUTPUT
    bool converged;
    const char *more; // before "Calculation completed"; NULL: it is not there
};

static void put_cycle(FILE *f, int step, bool converged)
{
    fprintf(f, "     iter   Etot(hartree)      deltaE(h)  residm     vres2\n ETOT  1  -21.493887047373    -2.149E+01 7.217E-03 2.175E+03\n"
               " ETOT  2  -22.00000000000%d    -6.240E-01 1.142E-03 2.061E+02\n\n", step);
    if (converged) fputs(" At SCF step    2       vres2   =  3.58E-11 < tolvrs=  1.00E-10 =>converged.\n\n", f);
    else fputs(" scprqt:  WARNING -\n  nstep=    2 was not enough SCF cycles to converge;\n", f);
    fprintf(f, "--- !ResultsGS\niteration_state: {dtset: 1, itime: %d, }\ncomment   : Summary\nlattice_vectors:\n- [  8.0000000,   0.0000000,   0.0000000, ]\n"
               "- [ -1.0000000,   7.0000000,   0.0000000, ]\n- [  0.0000000,   0.0000000,   6.0000000, ]\n"
               "convergence: {deltae: -4.779E-11, res2:  1.120E-08, }\netotal    :  -2.20000000E+01\nentropy   :   0.00000000E+00\nfermie    :   5.6E-02\n"
               "cartesian_stress_tensor: # hartree/bohr^3\n- [ -1.00000000E-04,   2.00000000E-05,   0.00000000E+00, ]\n"
               "- [  2.00000000E-05,   3.00000000E-04,   0.00000000E+00, ]\n- [  0.00000000E+00,   0.00000000E+00,   4.00000000E-04, ]\npressure_GPa:  -2.0\n"
               "xred      :\n- [  0.0000E+00,   0.0000E+00,   0.0000E+00, Li]\n- [  4.8750E-01,   5.0000E-01,   5.2500E-01,  S]\n"
               "cartesian_forces: # hartree/bohr\n- [  9.46937690E-04,   5.94582318E-10,  -1.89714754E-03, ]\n"
               "- [ -9.46937690E-04,  -5.94582318E-10,   1.89714754E-03, ]\n...\n\n", step);
}

static char *made(const struct made *m)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    fputs("\n.Version 9.6.2 of ABINIT \n\n--- !DatasetInfo\n"
          "electrons: {nelect:   9.00000000E+00, charge:   0.0, occopt:   7.00000000E+00, tsmear:   1.00000000E-02, }\n...\n", f);
    for (int i = 0; i < (m->steps ? m->steps : 1); i++) {
        put_cycle(f, i, m->converged);
        if (!m->steps) break;
        fprintf(f, "---OUTPUT---\n\n Cartesian coordinates (xcart) [bohr]\n  0.00000000000000E+00  0.00000000000000E+00 -%d.50000000000000E+00\n"
                   "  3.90000000000000E+00  4.00000000000000E+00  4.20000000000000E+00\n Reduced coordinates (xred)\n  0.0 0.0 0.0\n"
                   " Cartesian forces (fcart) [Ha/bohr]; max,rms= 4.3E-03 2.1E-03 (free atoms)\n"
                   " -1.00000000000000E-03  2.00000000000000E-03  0.00000000000000E+00\n  1.00000000000000E-03 -2.00000000000000E-03  0.00000000000000E+00\n"
                   " Total energy (etotal) [Ha]= -2.200%d000000000E+01\n\n", i, i);
    }
    fputs(" cartesian coordinates (angstrom) at end:\n    1      0.00000000000000    -0.25000000000000     0.00000000000000\n"
          "    2      2.00000000000000     2.00000000000000     2.00000000000000\n\n cartesian forces (hartree/bohr) at end:\n"
          "    1     -0.00100000000000     0.00200000000000     0.00000000000000\n    2      0.00100000000000    -0.00200000000000     0.00000000000000\n", f);
    fputs("\n--- !EnergyTerms\ninternal            : -2.19950000000000E+01\n'-kT*entropy'       : -5.00000000000000E-03\n...\n", f);
    if (m->more) fprintf(f, "%s\n Calculation completed.\n.Delivered   4 WARNINGs\n", m->more);
    fclose(f);
    return text;
}

static void one_point(void **state)
{
    (void)state;
    char *text = made(&(struct made){.converged = true, .more = ""});
    struct reading r = read_all(&code_abinit, put("a.abo", text, -1));
    assert_true(code_abinit.is("a.abo", text, strlen(text)));
    assert_int_equal(r.err, AL_ERR_OK);
    assert_int_equal(r.n, 1);
    assert_true(r.complete && r.step[0].converged);
    assert_int_equal(r.step[0].scf, 2);
    near(r.step[0].electrons, 9, 0);
    const struct al_frame *g = r.step[0].frame;
    assert_int_equal(g->z[0], 3);
    assert_int_equal(g->z[1], 16);
    near(g->energy, -22.0 * hartree, 1e-9);
    near(r.step[0].energy_zero, (-22.0 + 0.5 * 0.5 * 0.01) * hartree, 1e-9);
    near(g->cell[1][0], -bohr, 1e-12);
    near(g->pos[0][1], -0.25, 1e-12);
    near(g->forces[0][0], -0.001 * hartree / bohr, 1e-12);
    near(g->virial[0][0], 1e-4 * 8 * 7 * 6 * hartree, 1e-10); // stretched by 1e-4 inwards: pressure
    near(g->virial[1][0], -2e-5 * 336 * hartree, 1e-10);
    release(&r);
    free(text);
}

static void moving_atoms(void **state)
{
    (void)state;
    char *text = made(&(struct made){.steps = 3, .converged = true, .more = ""});
    struct reading r = read_all(&code_abinit, put("m.abo", text, -1));
    assert_int_equal(r.n, 3);
    assert_true(r.complete);
    for (int i = 0; i < 3; i++) {
        near(r.step[i].frame->pos[0][2], -(i + 0.5) * bohr, 1e-12);
        near(r.step[i].frame->energy, -(22.0 + 0.001 * i) * hartree, 1e-10);
    }
    release(&r);
    free(text);
}

static void not_converged_is_said(void **state)
{
    (void)state;
    int next;
    char why[300], *text = made(&(struct made){.converged = false, .more = ""});
    struct reading r = read_all(&code_abinit, put("alnd.abo", text, -1));
    assert_int_equal(r.n, 1);
    assert_false(r.step[0].converged);
    has(r.step[0].note, "was not enough SCF cycles");
    next = code_ops_abinit.failure(dir, 0, why, sizeof why);
    assert_int_equal(next, 1);
    has(why, "did not converge");
    assert_int_equal(code_ops_abinit.failure(dir, ABINIT_RUNGS - 1, why, sizeof why), -1);
    release(&r);
    free(text);
}

// Cut anywhere: whole steps only, never an error, never more than there are.
static void cut_off_anywhere(void **state)
{
    (void)state;
    for (int steps = 0; steps < 3; steps++) {
        char *text = made(&(struct made){.steps = steps, .converged = true, .more = ""});
        size_t all = strlen(text);
        int last = 0;
        for (size_t n = 0; n < all; n += 7) {
            char *cut = strndup(text, n);
            char *end = strrchr(cut, '\n'); // by lines: half a number is another number
            if (end) end[1] = '\0';
            struct reading r = read_all(&code_abinit, put("cut.abo", cut, -1));
            assert_int_equal(r.err, AL_ERR_OK);
            assert_true(r.n >= last && r.n <= (steps ? steps : 1));
            assert_true(!r.complete || n > all - 40);
            for (int i = 0; i < r.n; i++)
                near(r.step[i].frame->forces[1][1], -0.002 * hartree / bohr, 1e-12);
            last = r.n;
            release(&r);
            free(cut);
        }
        assert_int_equal(last, steps ? steps : 1);
        free(text);
    }
}

static void overflown_numbers_are_errors(void **state)
{
    (void)state;
    char *text = made(&(struct made){.converged = true, .more = ""});
    memset(strstr(text, "-0.00100000000000"), '*', 17);
    struct reading r = read_all(&code_abinit, put("bad.abo", text, -1));
    assert_int_equal(r.err, AL_ERR_INPUT);
    has(al_err_message(), "bad.abo:");
    release(&r);
    free(text);
}

static void failures_in_its_own_words(void **state)
{
    (void)state;
    char why[300];
    put("alnd.abo", "", -1);
    put("abinit.log", "--- !ERROR\nsrc_file: m_parser.F90\nmpi_rank: 0\nmessage: |\n    Found token: `PRTDDB` in the input file.\n    Check it.\n...\n", -1);
    assert_int_equal(code_ops_abinit.failure(dir, 0, why, sizeof why), -1);
    has(why, "Found token: `PRTDDB` in the input file. Check it.");
    put("abinit.log", " ETOT  1  -21.4  -2.1E+01\n--- !BUG\nmessage: |\n    zhegv failed\n...\n", -1);
    assert_int_equal(code_ops_abinit.failure(dir, 0, why, sizeof why), 1);
    has(why, "zhegv failed");
    put("abinit.log", "iter\nsomething was going on\n", -1);
    assert_int_equal(code_ops_abinit.failure(dir, 0, why, sizeof why), -1);
    has(why, "something was going on");
}

// ---- writing --------------------------------------------------------------------------------------------------

static struct code_settings settings(void)
{
    static const struct code_pseudo p[] = {{3, "GTH-PBE"}, {16, "GTH-PBE-q6"}};
    return (struct code_settings){.ecut = 10 * AL_HARTREE_EV, .functional = "PBE", .mesh = {2, 1, 1}, .shift = {0, 0, 0}, .smearing = CODE_FERMI,
                                  .width = 0.1 * AL_HARTREE_EV, .max_scf = 40, .pseudo = p, .npseudo = 2};
}

static void input_keeps_order(void **state)
{
    (void)state;
    struct al_frame *f = three_atoms();
    struct code_settings s = settings();
    int order[3];
    s.user = "nband 20 # mine\niscf 17  diemac 4.0 \n";
    s.user_path = "my.abi";
    assert_int_equal(abinit_check(&s), AL_ERR_OK);
    assert_int_equal(abinit_write(&s, f, 0, dir, order), AL_ERR_OK);
    char *text = get("alnd.abi");
    has(text, "ecut 10\nixc -101130\noccopt 3\ntsmear 0.1\n");
    has(text, "typat\n 1 2 1\n");
    has(text, "znucl 16 3\n");
    has(text, "pseudos \"S.gth, Li.gth\"");
    has(text, "nkpt 2\nkpt\n 0.00000000000000 0.00000000000000 0.00000000000000\n 0.50000000000000");
    has(text, "nband 20\n");
    has(text, "iscf 17\n");
    assert_null(strstr(text, "mine"));
    assert_null(strstr(text, "nband 1")); // and not ours
    al_free(text);
    s.user = NULL;
    assert_int_equal(abinit_write(&s, f, 2, dir, order), AL_ERR_OK);
    text = get("alnd.abi");
    has(text, "iprcel 45\n");
    has(text, "nstep 80\n");
    has(text, "nband 12\n"); // 7.5 pairs and four
    al_free(text);
    near(abinit_electrons(&s, f), 15, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(order[i], i);
    s.smearing = CODE_FIXED;
    assert_int_equal(abinit_write(&s, f, 0, dir, order), AL_ERR_INPUT); // 15 electrons
    has(al_err_message(), "15 electrons");
    al_frame_destroy(&f);
}

static void conflicts_name_the_line(void **state)
{
    (void)state;
    static const char *const bad[] = {"nline 4\n\necut 20", "nline 4\n\nECUT2 20", "nline 4\n# x\nnband 4 tolvrs 1e-9", "nline\n4\ninclude \"x\""};
    struct code_settings s = settings();
    s.user_path = "my.abi";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s.user = bad[i];
        assert_int_equal(abinit_check(&s), AL_ERR_INPUT);
        has(al_err_message(), "my.abi:3:");
    }
    s.user = "diemac 4 ecutsm 0.5 Ha";
    assert_int_equal(abinit_check(&s), AL_ERR_OK);
    s.functional = "gga_x_nonsense";
    assert_int_equal(abinit_check(&s), AL_ERR_UNSUPPORTED);
    assert_int_equal(abinit_ixc("PBEsol"), -116133);
    assert_int_equal(abinit_ixc("LDA"), -1013);
}

static void physics_is_what_changes_numbers(void **state)
{
    (void)state;
    check_physics(&code_ops_abinit, settings(), (const char *const[]){
        "# comment\nprtwf 1 ecutsm  0.5   Ha  autoparal 1 diemix 0.3",
        "ecutsm 0.5 Ha npband 2",
        "ecutsm 0.6 Ha npband 2",
    });
}

static void pseudopotentials_it_can_read(void **state)
{
    (void)state;
    double q = 0;
    put("Li.psp8", "Li by hand\n  3.0000  3.0000  180312    zatom,zion,pspd\n", -1);
    struct code_pseudo p = {3, path_of("Li.psp8")};
    assert_int_equal(abinit_pseudo_charge(&p, &q), AL_ERR_OK);
    near(q, 3, 0);
    p.z = 16;
    assert_int_equal(abinit_pseudo_charge(&p, &q), AL_ERR_INPUT);
    has(al_err_message(), "not of S");
    put("Li.upf", "<PP_HEADER>\n   NC     Norm - Conserving pseudopotential\n    1.00000000000      Z valence\n", -1);
    p = (struct code_pseudo){3, path_of("Li.upf")};
    assert_int_equal(abinit_pseudo_charge(&p, &q), AL_ERR_OK);
    near(q, 1, 0);
    put("Li2.upf", "<UPF version=\"2.0.1\">\n<PP_HEADER z_valence=\"3.0\"/>\n", -1);
    p = (struct code_pseudo){3, path_of("Li2.upf")};
    assert_int_equal(abinit_pseudo_charge(&p, &q), AL_ERR_UNSUPPORTED);
    put("Li.gth", "Li GTH-PBE-q3 GTH-PBE\n    3\n     0.40000000    4   -14.0 9.6 -1.7 0.08\n", -1); // CP2K's form
    p = (struct code_pseudo){3, path_of("Li.gth")};
    assert_int_equal(abinit_pseudo_charge(&p, &q), AL_ERR_INPUT);
    p = (struct code_pseudo){3, "GTH-PBE-q1"};
    assert_int_equal(abinit_pseudo_charge(&p, &q), AL_ERR_OK);
    near(q, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_point),           cmocka_unit_test(moving_atoms),
        cmocka_unit_test(not_converged_is_said), cmocka_unit_test(cut_off_anywhere),
        cmocka_unit_test(overflown_numbers_are_errors), cmocka_unit_test(failures_in_its_own_words),
        cmocka_unit_test(input_keeps_order),   cmocka_unit_test(conflicts_name_the_line),
        cmocka_unit_test(physics_is_what_changes_numbers), cmocka_unit_test(pseudopotentials_it_can_read),
    };
    return cmocka_run_group_tests_name("abinit", tests, make_dir, remove_dir);
}
