// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Output of pw.x, written by hand as pw.x 6.7 prints it; the input that alnd writes for it; the user's template.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "codes/codes.h"

static const double ry = AL_HARTREE_EV / 2;

static const char head[] = "\n     Program PWSCF v.6.7MaX starts on 26Nov2026 at 16:38:20 \n\n"
                           "     lattice parameter (alat)  =       8.0000  a.u.\n     number of atoms/cell      =            2\n"
                           "     number of electrons       =         9.00\n"
                           "     celldm(1)=   8.000000  celldm(2)=   0.000000  celldm(3)=   0.000000\n\n"
                           "     crystal axes: (cart. coord. in units of alat)\n"
                           "               a(1) = (   1.000000   0.000000   0.000000 )  \n"
                           "               a(2) = (   0.000000   1.250000   0.000000 )  \n"
                           "               a(3) = (   0.000000   0.000000   0.750000 )  \n\n\n   Cartesian axes\n\n"
                           "     site n.     atom                  positions (alat units)\n"
                           "         1           Li1 tau(   1) = (   0.0000000   0.5000000   0.0000000  )\n"
                           "         2           S_b tau(   2) = (   0.2500000  -0.1250000   0.1000000  )\n\n"
                           "     number of k points=     4  gaussian smearing, width (Ry)=  0.0100\n";
static const char step1[] = "\n     Self-consistent Calculation\n\n     iteration #  1     ecut=    30.00 Ry     beta= 0.70\n"
                            "     total energy              =     -50.45362346 Ry\n\n     End of self-consistent calculation\n\n"
                            "!    total energy              =     -50.50000000 Ry\n     smearing contrib. (-TS)   =      -0.00400000 Ry\n\n"
                            "     convergence has been achieved in   5 iterations\n\n     Forces acting on atoms (cartesian axes, Ry/au):\n\n"
                            "     atom    1 type  1   force =     0.10000000   -0.20000000    0.30000000\n"
                            "     atom    2 type  2   force =    -0.10000000    0.20000000   -0.30000000\n\n"
                            "     Total force =     0.015575     Total SCF correction =     0.000642\n\n\n"
                            "          total   stress  (Ry/bohr**3)                   (kbar)     P=     -319.10\n"
                            "   0.00100000   0.00020000   0.00000000          147.11       29.42        0.00\n"
                            "   0.00020000   0.00200000   0.00000000           29.42      294.21        0.00\n"
                            "   0.00000000   0.00000000  -0.00300000            0.00        0.00     -441.32\n\n\n";
static const char moved[] = "CELL_PARAMETERS (alat=  8.00000000)\n   1.100000000   0.000000000   0.000000000\n   0.000000000   1.250000000   0.000000000\n"
                            "   0.000000000   0.100000000   0.750000000\n\nATOMIC_POSITIONS (crystal)\n"
                            "Li1      0.5000000000   0.0000000000   1.0000000000    0   0   0\nS_b      0.0000000000   0.5000000000   0.0000000000\n";
static const char step2[] = "\n     Self-consistent Calculation\n\n!    total energy              =     -50.60000000 Ry\n\n"
                            "     convergence NOT achieved after  12 iterations: stopping\n\n     Forces acting on atoms (cartesian axes, Ry/au):\n\n"
                            "     atom    1 type  1   force =     0.00000001    0.00000000    0.00000000\n"
                            "     atom    2 type  2   force =     0.00000000    0.00000000    0.00000000\n\n";
static const char done[] = "     Writing output data file ./tmp/x.save/\n\n   JOB DONE.\n";

static void write_file(const char *name, int n, const char *const *part)
{
    FILE *out = fopen(name, "w");
    assert_non_null(out);
    for (int i = 0; i < n; i++)
        fputs(part[i], out);
    assert_int_equal(fclose(out), 0);
}

static void *open_parts(int n, const char *const *part)
{
    void *r = NULL;
    write_file("codes_qe.out", n, part);
    assert_int_equal(code_qe.open("codes_qe.out", &r), AL_ERR_OK);
    return r;
}

static void test_reads(void **state)
{
    const char *const parts[] = {head, step1, moved, step2, done};
    const double force = ry / AL_BOHR_ANG, volume = 8 * 10 * 6;
    struct code_step s = {0};
    (void)state;
    assert_true(code_qe.is("x", head, strlen(head)));
    assert_false(code_qe.is("x", "ABINIT", 6));
    void *r = open_parts(5, parts);
    assert_int_equal(code_qe.next(r, &s), AL_ERR_OK);
    assert_non_null(s.frame);
    assert_true(s.converged);
    assert_int_equal(s.scf, 5);
    assert_int_equal(s.frame->natoms, 2);
    assert_int_equal(s.frame->z[0], 3);
    assert_int_equal(s.frame->z[1], 16);
    assert_int_equal(s.frame->have, AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL);
    assert_true(fabs(s.electrons - 9) < 1e-9);
    assert_true(fabs(s.frame->energy + 50.5 * ry) < 1e-9);          // F, to which the forces belong
    assert_true(fabs(s.energy_zero + (50.5 - 0.002) * ry) < 1e-9); // F + TS/2
    assert_true(fabs(s.frame->cell[1][1] - 10 * AL_BOHR_ANG) < 1e-9);
    assert_true(fabs(s.frame->pos[1][1] + AL_BOHR_ANG) < 1e-9);
    assert_true(fabs(s.frame->forces[0][2] - 0.3 * force) < 1e-9);
    assert_true(fabs(s.frame->virial[1][1] - 0.002 * volume * ry) < 1e-9); // pw.x: compressed is positive, as ours
    assert_true(fabs(s.frame->virial[2][2] + 0.003 * volume * ry) < 1e-9);
    assert_true(fabs(s.frame->virial[0][1] - 0.0002 * volume * ry) < 1e-9);
    al_frame_destroy(&s.frame);
    assert_int_equal(code_qe.next(r, &s), AL_ERR_OK);
    assert_non_null(s.frame);
    assert_false(s.converged);
    assert_int_equal(s.scf, 12);
    assert_non_null(strstr(s.note, "not converged"));
    assert_int_equal(s.frame->have, AL_HAVE_ENERGY | AL_HAVE_FORCES);
    assert_true(fabs(s.frame->cell[0][0] - 8.8 * AL_BOHR_ANG) < 1e-9);
    assert_true(fabs(s.frame->pos[0][0] - 4.4 * AL_BOHR_ANG) < 1e-9);
    assert_true(fabs(s.frame->pos[0][1] - 0.8 * AL_BOHR_ANG) < 1e-9);
    assert_true(fabs(s.frame->pos[0][2] - 6 * AL_BOHR_ANG) < 1e-9);
    al_frame_destroy(&s.frame);
    assert_int_equal(code_qe.next(r, &s), AL_ERR_OK);
    assert_null(s.frame);
    assert_true(code_qe.complete(r));
    code_qe.close(r);
}

// Wherever the file is cut: whole steps before it, no half one, no error, and not complete.
static void test_cut(void **state)
{
    char all[8192];
    (void)state;
    snprintf(all, sizeof all, "%s%s%s%s%s", head, step1, moved, step2, done);
    size_t first = strlen(head) + strlen(step1), n = strlen(all);
    for (size_t k = 0; k < n; k += 7) {
        char part[8192];
        const char *const parts[] = {part};
        struct code_step s = {0};
        int steps = 0;
        memcpy(part, all, k);
        part[k] = '\0';
        void *r = open_parts(1, parts);
        for (;;) {
            enum al_err e = code_qe.next(r, &s);
            if (e) fail_msg("cut at %zu: %s", k, al_err_message());
            if (!s.frame) break;
            if (steps == 0) assert_int_equal(s.frame->have, AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL);
            al_frame_destroy(&s.frame);
            steps++;
        }
        assert_false(code_qe.complete(r));
        assert_true(steps == (k > first + 15));
        code_qe.close(r);
    }
}

static void test_damaged(void **state)
{
    const char *const parts[] = {head, "     Forces acting on atoms (cartesian axes, Ry/au):\n\n     atom    2 type  1   force =     0.1  0.2  0.3\n     more\n", done};
    struct code_step s = {0};
    (void)state;
    void *r = open_parts(3, parts);
    assert_int_equal(code_qe.next(r, &s), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "codes_qe.out:24: forces out of order"));
    code_qe.close(r);
}

// --- writing -------------------------------------------------------------------------------------------

static char pseudo_path[2][AL_PATH];
static struct code_pseudo pseudo[2];

static struct code_settings settings(const char *user)
{
    static const char *const symbol[] = {"Li", "S"};
    static const int z[] = {3, 16};
    char cwd[AL_PATH / 2];
    assert_non_null(getcwd(cwd, sizeof cwd));
    for (int i = 0; i < 2; i++) {
        const char *const text[] = {"<UPF version=\"2.0.1\">\n<PP_HEADER functional=\"PBE\" z_valence=\"", i ? "6" : "3", "\"/>\n"};
        assert_int_equal(al_path(pseudo_path[i], "%s/codes_qe_%s.upf", cwd, symbol[i]), AL_ERR_OK);
        write_file(pseudo_path[i], 3, text);
        pseudo[i] = (struct code_pseudo){z[i], pseudo_path[i]};
    }
    return (struct code_settings){.ecut = 15 * AL_HARTREE_EV, .functional = "PBE", .mesh = {2, 3, 1}, .shift = {0.5, 0.5, 0}, .smearing = CODE_COLD,
                                  .width = 0.1, .charge = 1, .max_scf = 60, .pseudo = pseudo, .npseudo = 2, .user = user, .user_path = "my.in"};
}

static char *written(const struct code_settings *s, int rung)
{
    struct al_frame *f;
    char *text = NULL;
    int order[2];
    if (al_exists("codes_qe_dir")) assert_int_equal(al_remove_tree("codes_qe_dir"), AL_ERR_OK);
    assert_int_equal(al_mkdirs("codes_qe_dir"), AL_ERR_OK);
    assert_int_equal(al_frame_create(2, &f), AL_ERR_OK);
    f->z[0] = 16;
    f->z[1] = 3;
    for (int i = 0; i < 3; i++)
        f->cell[i][i] = 4 * AL_BOHR_ANG;
    f->pos[1][0] = 2 * AL_BOHR_ANG;
    enum al_err e = code_ops_qe.write(s, f, rung, "codes_qe_dir", order);
    if (e) fail_msg("%s", al_err_message());
    assert_true(order[0] == 0 && order[1] == 1);
    assert_true(fabs(code_ops_qe.electrons(s, f) - 8) < 1e-9);
    al_frame_destroy(&f);
    assert_int_equal(al_file_read("codes_qe_dir/pw.in", 0, &text, NULL), AL_ERR_OK);
    return text;
}

static void has(const char *text, const char *what)
{
    if (!strstr(text, what)) fail_msg("'%s' is not in\n%s", what, text);
}

static void test_writes(void **state)
{
    (void)state;
    struct code_settings s = settings("&system\n Hubbard_U(S) = 2.0, starting_magnetization(Fe) = 0.5, nspin = 2 ! a remark\n/\n&electrons\n mixing_beta = 0.5\n/\n");
    char *text = written(&s, 0);
    has(text, "ecutwfc = 30.0000000000\n");
    has(text, "smearing = 'mv'\n  degauss = 0.00734986");
    has(text, "tot_charge = 1.0");
    has(text, "hubbard_u(2) = 2.0\n"); // S is the second species
    has(text, "nspin = 2\n");
    has(text, "mixing_beta = 0.5\n");
    has(text, "electron_maxstep = 60\n");
    has(text, "conv_thr = 2.000e-10\n");
    has(text, "ATOMIC_SPECIES\nLi 6.9400 Li.upf\nS 32.0600 S.upf\n");
    has(text, "ATOMIC_POSITIONS bohr\nS 0.00000000000000 0.00000000000000 0.00000000000000\nLi 2.0000000000");
    has(text, "K_POINTS automatic\n2 3 1 1 1 0\n");
    assert_null(strstr(text, "starting_magnetization")); // there is no Fe
    assert_null(strstr(text, "input_dft"));
    al_free(text);
    s.functional = "PBEsol";
    s.smearing = CODE_FIXED;
    s.mesh[0] = s.mesh[1] = 1;
    s.shift[0] = s.shift[1] = 0;
    text = written(&s, 2);
    has(text, "input_dft = 'sla+pw+psx+psc'\n");
    has(text, "occupations = 'fixed'\n");
    has(text, "mixing_beta = 0.2\n  mixing_mode = 'local-TF'\n");
    has(text, "electron_maxstep = 120\n");
    has(text, "K_POINTS gamma\n");
    assert_null(strstr(text, "mixing_beta = 0.5")); // the rung's is the one
    assert_null(strstr(text, "degauss"));
    al_free(text);
}

static void refused(const char *user, enum al_err code, const char *why)
{
    struct code_settings s = settings(user);
    enum al_err e = code_ops_qe.check(&s);
    if (e != code || !strstr(al_err_message(), why)) fail_msg("'%s': %s: %s", user, al_err_name(e), al_err_message());
}

static void test_template(void **state)
{
    (void)state;
    refused("&system\n\n ecutwfc = 40\n/\n", AL_ERR_INPUT, "my.in:3: ecutwfc is alnd's own");
    refused("&control\n calculation = 'relax'\n/\n", AL_ERR_INPUT, "my.in:2: calculation is alnd's own");
    refused("&ions\n ion_dynamics = 'bfgs'\n/\n", AL_ERR_INPUT, "my.in:2: &ions");
    refused("&system\n starting_magnetization(1) = 0.5\n/\n", AL_ERR_INPUT, "my.in:2: write the element in place of the number: starting_magnetization(Fe)");
    refused("&system\n nspin = 2\n", AL_ERR_INPUT, "my.in:2: the namelist &system has no '/'");
    refused("&system\n nspin = 2\n nspin = 1\n/\n", AL_ERR_INPUT, "my.in:3: nspin is there twice");
    refused("&system\n nspin\n/\n", AL_ERR_INPUT, "my.in:2: 'nspin' is not KEY = VALUE");
    refused("&system\n/\nK_POINTS gamma\n", AL_ERR_INPUT, "my.in:3: 'K_POINTS gamma'");
    struct code_settings s = settings(NULL);
    assert_int_equal(code_ops_qe.check(&s), AL_ERR_OK);
    s.functional = "gga_x_b88+gga_c_lyp";
    assert_int_equal(code_ops_qe.check(&s), AL_ERR_UNSUPPORTED);
    s.user = "&system\n input_dft = 'blyp'\n/\n";
    assert_int_equal(code_ops_qe.check(&s), AL_ERR_OK);
    pseudo[1].path = "GTH-PBE-q6";
    assert_int_equal(code_ops_qe.check(&s), AL_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads), cmocka_unit_test(test_cut),      cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_writes), cmocka_unit_test(test_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
