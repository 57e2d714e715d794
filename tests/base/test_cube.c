// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Cube files: header, units, order of the values and their integral in a triclinic cell.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cube.h"
#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

static const int n[3] = {4, 3, 7};
static char dir[] = "/tmp/alnd-cube-XXXXXX";

static double value(int i0, int i1, int i2)
{
    return 1 + 100 * i0 + 10 * i1 + i2;
}

static struct al_frame *make_frame(void)
{
    static const double cell[3][3] = {{5, 0.3, 0}, {-1.2, 4, 0.1}, {0.7, 0.9, 6}};
    struct al_frame *f;
    assert_int_equal(al_frame_create(2, &f), AL_ERR_OK);
    memcpy(f->cell, cell, sizeof cell);
    f->pbc = true;
    f->z[0] = 3;
    f->z[1] = 16;
    f->pos[1][2] = -2.5; // not wrapped: stays where it is
    return f;
}

static void values_axes_and_units(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = make_frame();
    AL_AUTOFREE char *text = NULL;
    double field[4 * 3 * 7], step[3][3], sum = 0, expected = 0;
    char path[AL_PATH], line[256];
    for (int i2 = 0; i2 < n[2]; i2++)
        for (int i1 = 0; i1 < n[1]; i1++)
            for (int i0 = 0; i0 < n[0]; i0++) {
                field[i0 + n[0] * (i1 + n[1] * i2)] = value(i0, i1, i2);
                expected += value(i0, i1, i2);
            }
    snprintf(path, sizeof path, "%s/a.cube", dir);
    assert_int_equal(al_cube_write(path, "two\nlines", f, n, field), AL_ERR_OK);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof line, in));
    assert_string_equal(line, "two\n"); // a title never breaks the format
    assert_non_null(fgets(line, sizeof line, in));
    int natoms, points, z;
    double x[4];
    assert_int_equal(fscanf(in, "%d %lf %lf %lf", &natoms, &x[0], &x[1], &x[2]), 4);
    assert_true(natoms == 2 && x[0] == 0 && x[1] == 0 && x[2] == 0);
    for (int a = 0; a < 3; a++) {
        assert_int_equal(fscanf(in, "%d %lf %lf %lf", &points, &step[a][0], &step[a][1], &step[a][2]), 4);
        assert_int_equal(points, n[a]); // positive: bohr
        for (int d = 0; d < 3; d++)
            assert_true(fabs(step[a][d] * n[a] * AL_BOHR_ANG - f->cell[a][d]) < 1e-9);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fscanf(in, "%d %lf %lf %lf %lf", &z, &x[0], &x[1], &x[2], &x[3]), 5);
        assert_int_equal(z, f->z[i]);
        for (int d = 0; d < 3; d++)
            assert_true(fabs(x[d + 1] * AL_BOHR_ANG - f->pos[i][d]) < 1e-9);
    }
    for (int i0 = 0; i0 < n[0]; i0++)
        for (int i1 = 0; i1 < n[1]; i1++)
            for (int i2 = 0; i2 < n[2]; i2++) {
                double v;
                assert_int_equal(fscanf(in, "%lf", &v), 1);
                assert_true(fabs(v - value(i0, i1, i2)) < 1e-3);
                sum += v;
            }
    assert_int_equal(fscanf(in, "%lf", &x[0]), EOF);
    fclose(in);
    double volume = al_frame_volume(f) / (AL_BOHR_ANG * AL_BOHR_ANG * AL_BOHR_ANG);
    assert_true(fabs(fabs(al_det3((const double(*)[3])step)) * sum - volume * expected / (4 * 3 * 7)) < 1e-6 * volume);
}

static void needs_a_cell(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = make_frame();
    double field[4 * 3 * 7] = {0};
    char path[AL_PATH];
    f->pbc = false;
    snprintf(path, sizeof path, "%s/b.cube", dir);
    assert_int_equal(al_cube_write(path, "x", f, n, field), AL_ERR_INPUT);
    assert_false(al_exists(path));
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_axes_and_units), cmocka_unit_test(needs_a_cell)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
