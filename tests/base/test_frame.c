// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// base: frames and structure files.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/frame.h"
#include "base/fsio.h"
#include "base/mem.h"

static char dir[] = "/tmp/alnd-frame-XXXXXX";

static const char *file(const char *name, const char *text)
{
    static char path[AL_PATH];
    assert_int_equal(al_path(path, "%s/%s", dir, name), AL_ERR_OK);
    if (text) assert_int_equal(al_file_write(path, text, strlen(text)), AL_ERR_OK);
    return path;
}

static void xyz_round_trip_is_exact(void **state)
{
    (void)state;
    AL_OWN(al_frames) a = NULL;
    AL_OWN(al_frames) b = NULL;
    struct al_frame *f = NULL;
    assert_int_equal(al_frames_create(&a), AL_ERR_OK);
    assert_int_equal(al_frame_create(2, &f), AL_ERR_OK);
    double cell[3][3] = {{5.1, 0, 0}, {0.3, 6.2, 0}, {-0.1, 0.2, 1.0 / 3.0 + 6}};
    memcpy(f->cell, cell, sizeof cell);
    f->z[0] = 3;
    f->z[1] = 16;
    for (int k = 0; k < 3; k++) {
        f->pos[1][k] = 1.0 / 7 + k;
        f->forces[0][k] = -0.1 * k / 3;
        f->vel[1][k] = 1e-3 / 7;
        f->virial[k][(k + 1) % 3] = 0.7 / 3;
    }
    f->energy = -1234.0 / 7;
    f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL | AL_HAVE_VELOCITIES;
    assert_int_equal(al_frame_info_set(f, "frame_id", "a b=c"), AL_ERR_OK);
    assert_int_equal(al_frames_push(a, &f), AL_ERR_OK);
    assert_int_equal(al_xyz_write(file("a.extxyz", NULL), a), AL_ERR_OK);
    assert_int_equal(al_xyz_read(file("a.extxyz", NULL), &b), AL_ERR_OK);
    assert_int_equal(b->n, 1);
    const struct al_frame *x = a->f[0], *y = b->f[0];
    assert_int_equal(x->have, y->have);
    assert_true(x->energy == y->energy);
    assert_memory_equal(x->cell, y->cell, sizeof x->cell);
    assert_memory_equal(x->virial, y->virial, sizeof x->virial);
    assert_memory_equal(x->pos, y->pos, 2 * sizeof *x->pos);
    assert_memory_equal(x->vel, y->vel, 2 * sizeof *x->vel);
    assert_string_equal(al_frame_info(y, "frame_id"), "a b=c");
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++)
            assert_true(x->forces[i][k] == y->forces[i][k]);
}

// Stress in Voigt's order, arrays in brackets, quotes inside of quotes; errors name the frame.
static void xyz_other_spellings(void **state)
{
    (void)state;
    AL_OWN(al_frames) fs = NULL;
    assert_int_equal(al_xyz_read(file("v.extxyz", "1\nLattice=\"2 0 0 0 2 0 0 0 2\" Properties=species:S:1:pos:R:3 "
                                     "note=\"a \\\"b\\\" c\" stress=[1, 2, 3, 4, 5, 6] virials={7} x=1\nLi 0 0 0\n"), &fs), AL_ERR_OK);
    const double want[9] = {1, 6, 5, 6, 2, 4, 5, 4, 3};
    for (int k = 0; k < 9; k++)
        assert_true(fs->f[0]->virial[k / 3][k % 3] == -8 * want[k]);
    assert_string_equal(al_frame_info(fs->f[0], "note"), "a \"b\" c");
    assert_string_equal(al_frame_info(fs->f[0], "x"), "1");
    al_frames_destroy(&fs);
    assert_int_equal(al_xyz_read(file("v.extxyz", "1\n\nLi 0 0 0\n1\n\nLi 0 nan 0\n"), &fs), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "frame 1: "));
    assert_non_null(strstr(al_err_message(), "v.extxyz:6: 'nan' is not a number"));
    assert_int_equal(al_xyz_read(file("v.extxyz", "1\nstress=[1, 2\nLi 0 0 0\n"), &fs), AL_ERR_INPUT);
}

// ASE: stress = -virial/volume
static void xyz_reads_ase_stress(void **state)
{
    (void)state;
    AL_OWN(al_frames) fs = NULL;
    const char *p = file("s.extxyz", "1\nLattice=\"2 0 0 0 2 0 0 0 2\" Properties=species:S:1:pos:R:3 energy=-3 "
                                     "stress=\"0.5 0 0 0 0.25 0 0 0 1\" pbc=\"T T T\"\nLi 0 0 0\n");
    assert_int_equal(al_xyz_read(p, &fs), AL_ERR_OK);
    assert_true(fs->f[0]->virial[0][0] == -4 && fs->f[0]->virial[1][1] == -2 && fs->f[0]->virial[2][2] == -8);
}

static void xyz_bad_files_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } bad[] = {
        {"abc\n", ":1:"},
        {"2\nProperties=species:S:1:pos:R:3\nLi 0 0 0\n", ":3:"},
        {"1\nProperties=species:S:1:pos:R:3\nXx 0 0 0\n", ":3:"},
        {"1\nProperties=species:S:1:pos:R:3\nLi 0 nan 0\n", ":3:"},
        {"1\nProperties=species:S:1:pos:R:3\nLi 0 0\n", ":3:"},
        {"1\nProperties=species:S:1:pos:R:3\nLi 0 0 0 0\n", ":3:"},
        {"1\nLattice=\"1 0 0 0 1\"\nLi 0 0 0\n", ":2:"},
        {"1\nLattice=\"1 0 0 0 1 0 0 0 1\nLi 0 0 0\n", ":2:"},
        {"1\nProperties=pos:R:3\n0 0 0\n", ":2:"},
        {"999999999999\n\n", ":1:"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct al_frames *fs = NULL;
        assert_int_equal(al_xyz_read(file("bad.extxyz", bad[i].text), &fs), AL_ERR_INPUT);
        assert_null(fs);
        assert_non_null(strstr(al_err_message(), bad[i].where));
    }
}

static void poscar_scale_and_modes(void **state)
{
    (void)state;
    AL_OWN(al_frame) a = NULL;
    AL_OWN(al_frame) b = NULL;
    const char *direct = "t\n2.0\n1 0 0\n0 2 0\n0 0 3\nLi S\n1 1\nSelective dynamics\nDirect\n0 0 0 T T T\n0.5 0.5 0.5 F F F\n";
    const char *cart = "t\n-48.0\n1 0 0\n0 2 0\n0 0 3\nLi S\n1 1\nCartesian\n0 0 0\n0.5 1 1.5\n";
    assert_int_equal(al_structure_read(file("POSCAR", direct), &a), AL_ERR_OK);
    assert_int_equal(al_structure_read(file("POSCAR", cart), &b), AL_ERR_OK);
    assert_true(a->z[0] == 3 && a->z[1] == 16 && a->cell[2][2] == 6);
    for (int k = 0; k < 3; k++) {
        assert_true(fabs(a->pos[1][k] - (k + 1)) < 1e-12);
        assert_true(fabs(b->pos[1][k] - (k + 1)) < 1e-12); // volume 48 = 6 * 2^3: scale 2
    }
    struct al_frame *none = NULL;
    assert_int_equal(al_structure_read(file("POSCAR", "t\n1\n1 0 0\n0 1 0\n0 0 1\n4 4\n"), &none), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), ":6:"));
}

// Rock salt: two sites, Fm-3m given by a few of its operations, gives eight atoms.
// Sites times operations: not more time and memory than a structure can need.
static void cif_of_too_many_images_is_refused(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = NULL;
    char *text = NULL;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    fputs("data_x\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n"
          "loop_\n_symmetry_equiv_pos_as_xyz\n", out);
    for (int i = 0; i < 192; i++)
        fprintf(out, "x+%d/193,y,z\n", i);
    fputs("loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n", out);
    for (int i = 0; i < 6000; i++)
        fputs("Li 0 0 0\n", out);
    fclose(out);
    assert_int_equal(al_structure_read(file("a.cif", text), &f), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "too many atoms"));
    free(text);
}

static void cif_applies_symmetry(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = NULL;
    const char *cif = "data_LiF\n_cell_length_a 4.02(1)\n_cell_length_b 4.02\n_cell_length_c 4.02\n_cell_angle_alpha 90\n"
                      "_cell_angle_beta 90\n_cell_angle_gamma 90\n"
                      "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n'x+1/2, y+1/2, z'\n'x+1/2,y,z+1/2'\n'x,1/2+y,z+0.5'\n'-x,-y,-z'\n"
                      "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
                      "Li1 0 0 0 1\nF1 0.5 0.5 0.5 1.0\n";
    assert_int_equal(al_structure_read(file("a.cif", cif), &f), AL_ERR_OK);
    assert_int_equal(f->natoms, 8);
    assert_true(f->z[0] == 3 && f->z[4] == 9);
    double d;
    int i, j;
    assert_int_equal(al_frame_min_distance(f, &d, &i, &j), AL_ERR_OK);
    assert_true(fabs(d - 2.01) < 1e-12);
}

static void checks_and_supercells(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = NULL;
    AL_OWN(al_frame) s = NULL;
    char path[AL_PATH], h1[65], h2[65], formula[64];
    assert_int_equal(al_path(path, "%s/configs/structures/beta.extxyz", ALND_SOURCE_DIR), AL_ERR_OK);
    assert_int_equal(al_structure_read(path, &f), AL_ERR_OK);
    assert_int_equal(al_frame_check(f, 1.0), AL_ERR_OK);
    al_frame_formula(f, formula, sizeof formula);
    assert_string_equal(formula, "Li12P4S16");
    assert_int_equal(al_frame_supercell(f, (int[3]){2, 1, 3}, &s), AL_ERR_OK);
    assert_int_equal(s->natoms, 6 * f->natoms);
    double d1, d2;
    int i, j;
    assert_int_equal(al_frame_min_distance(f, &d1, &i, &j), AL_ERR_OK);
    assert_int_equal(al_frame_min_distance(s, &d2, &i, &j), AL_ERR_OK);
    assert_true(fabs(d1 - d2) < 1e-10 && d1 > 1.9 && d1 < 2.2); // P-S bond
    al_frame_hash(f, h1);
    f->pos[0][0] = nextafter(f->pos[0][0], 10);
    al_frame_hash(f, h2);
    assert_string_not_equal(h1, h2);
    memcpy(f->pos[1], f->pos[0], sizeof f->pos[0]);
    f->pos[1][0] += 0.3;
    assert_int_equal(al_frame_check(f, 0.5), AL_ERR_INPUT);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return al_remove_tree(dir) ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xyz_other_spellings),
        cmocka_unit_test(xyz_round_trip_is_exact), cmocka_unit_test(xyz_reads_ase_stress),
        cmocka_unit_test(xyz_bad_files_name_the_line), cmocka_unit_test(poscar_scale_and_modes),
        cmocka_unit_test(cif_of_too_many_images_is_refused), cmocka_unit_test(cif_applies_symmetry), cmocka_unit_test(checks_and_supercells),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
