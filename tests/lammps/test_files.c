// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What is written for LAMMPS and read back from it, without LAMMPS: turned cells, input scripts, dump and log while they grow, cutting
// them back after a kill, the program that is not there.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "lammps/lammps.h"

static char dir[] = "/tmp/alnd-lammps-XXXXXX";

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

static void put(const char *name, const char *text, const char *mode)
{
    char path[AL_PATH];
    assert_int_equal(al_path(path, "%s/%s", dir, name), AL_ERR_OK);
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static char *get(const char *name)
{
    char path[AL_PATH], *text;
    assert_int_equal(al_path(path, "%s/%s", dir, name), AL_ERR_OK);
    assert_int_equal(al_file_read(path, 0, &text, NULL), AL_ERR_OK);
    return text;
}

static void has(const char *text, const char *what)
{
    if (!strstr(text, what)) fail_msg("no '%s' in:\n%s", what, text);
}

static const double cells[][3][3] = {
    {{5, 0, 0}, {0, 6, 0}, {0, 0, 7}},
    {{1, 4, 0.5}, {-3, 1, 2}, {0.3, -1, 6}}, // any orientation
    {{-3, 1, 2}, {1, 4, 0.5}, {0.3, -1, 6}}, // left-handed
};

static double det(const double m[3][3])
{
    return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
           m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

static void cells_turn_and_come_back(void **state)
{
    (void)state;
    for (int c = 0; c < 3; c++) {
        struct lmp_cell l;
        double back[3][3];
        assert_int_equal(lmp_cell_of(cells[c], &l), AL_ERR_OK);
        assert_true(l.h[0] > 0 && l.h[2] > 0 && l.h[5] > 0);
        lmp_cell_back(&l, back);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) {
                double sum = 0;
                assert_true(fabs(back[i][k] - cells[c][i][k]) < 1e-12);
                for (int a = 0; a < 3; a++)
                    sum += l.q[i][a] * l.q[k][a];
                assert_true(fabs(sum - (i == k)) < 1e-12);
            }
        assert_true(fabs(det((const double(*)[3])l.q) - (det(cells[c]) > 0 ? 1 : -1)) < 1e-12);
    }
}

static struct al_frame *two_atoms(const double cell[3][3])
{
    struct al_frame *f;
    assert_int_equal(al_frame_create(2, &f), AL_ERR_OK);
    memcpy(f->cell, cell, sizeof f->cell);
    f->pbc = true;
    f->z[0] = 16;
    f->z[1] = 3;
    for (int k = 0; k < 3; k++) {
        f->pos[1][k] = 0.3 * cell[0][k] + 0.2 * cell[1][k] + 1.4 * cell[2][k]; // outside of the cell
        f->vel[1][k] = 1e-3 * (k + 1);
    }
    f->have = AL_HAVE_VELOCITIES;
    return f;
}

static void input_says_what_the_keys_say(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = two_atoms(cells[1]);
    struct lmp_job j = {.title = "Li2S at 600 K", .ensemble = "nvt", .thermostat = "svr", .dt = 0.5, .temperature = 600, .tau = 100,
                        .pressure = 2, .tau_p = 500, .nsteps = 2000, .dump_every = 20, .thermo_every = 10, .restart_every = 500,
                        .seed = 77, .start = f};
    assert_int_equal(lmp_write(dir, &j, -1), AL_ERR_OK);
    AL_AUTOFREE char *in = get("in.lammps");
    AL_AUTOFREE char *data = get("start.data");
    has(in, "read_data       start.data");
    has(in, "pair_coeff      * * S Li\n");
    has(in, "timestep        0.0005\n");
    has(in, "heat all temp/csvr 600 600 0.1 77\n");
    has(in, "run             2000 upto\n");
    has(in, "dump            frames all custom 20 dump.lammpstrj");
    has(in, "restart         500 *.restart");
    has(data, "2 atom types");
    has(data, "1 32.06 # S");
    j.ensemble = "npt";
    assert_int_equal(lmp_write(dir, &j, 1500), AL_ERR_OK);
    AL_AUTOFREE char *npt = get("in.lammps");
    has(npt, "read_restart    1500.restart");
    has(npt, "move all npt temp 600 600 0.1 iso 20000 20000 0.5\n");
    assert_null(strstr(npt, "read_data"));
    j.ensemble = "nve";
    assert_int_equal(lmp_write(dir, &j, -1), AL_ERR_OK);
    AL_AUTOFREE char *nve = get("in.lammps");
    has(nve, "fix             move all nve\n");
    assert_null(strstr(nve, "csvr"));
}

// The two atoms in LAMMPS' frame as LAMMPS writes them, the cell's origin moved by 0.5.
static void frame_text(const struct lmp_cell *l, const struct al_frame *f, long step, char *text, size_t size)
{
    const double *h = l->h, xy = h[1], xz = h[3], yz = h[4], o = 0.5;
    size_t n = (size_t)snprintf(text, size, "ITEM: TIMESTEP\n%ld\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n"
                                "%.15g %.15g %.15g\n%.15g %.15g %.15g\n%.15g %.15g %.15g\nITEM: ATOMS id type xu yu zu vx vy vz\n", step,
                                o + fmin(fmin(0, xy), fmin(xz, xy + xz)), o + h[0] + fmax(fmax(0, xy), fmax(xz, xy + xz)), xy,
                                o + fmin(0, yz), o + h[2] + fmax(0, yz), xz, o, o + h[5], yz);
    for (int i = 0; i < 2; i++) {
        double x[3], v[3];
        for (int k = 0; k < 3; k++) {
            x[k] = o;
            v[k] = 0;
            for (int a = 0; a < 3; a++) {
                x[k] += l->q[k][a] * f->pos[i][a];
                v[k] += 1000 * l->q[k][a] * f->vel[i][a];
            }
        }
        n += (size_t)snprintf(text + n, size - n, "%d %d %.15g %.15g %.15g %.15g %.15g %.15g\n", i + 1, i + 1, x[0], x[1], x[2], v[0], v[1],
                              v[2]);
    }
}

static void dump_is_read_while_it_grows(void **state)
{
    (void)state;
    for (int c = 0; c < 3; c++) {
        AL_OWN(al_frame) f = two_atoms(cells[c]);
        AL_OWN(al_frame) g = two_atoms(cells[0]);
        AL_OWN(lmp_reader) r = NULL;
        struct lmp_cell l;
        char text[1024];
        bool any;
        long step;
        char path[AL_PATH];
        assert_int_equal(al_path(path, "%s/dump.lammpstrj", dir), AL_ERR_OK);
        unlink(path);
        assert_int_equal(lmp_cell_of(cells[c], &l), AL_ERR_OK);
        assert_int_equal(lmp_reader_open(dir, &l, 2, &r), AL_ERR_OK);
        assert_int_equal(lmp_next_frame(r, &step, g, &any), AL_ERR_OK);
        assert_false(any); // no file yet
        frame_text(&l, f, 40, text, sizeof text);
        for (size_t i = 0; text[i]; i++) { // a byte at a time: whole or not there
            put("dump.lammpstrj", (char[]){text[i], '\0'}, "a");
            if (i % 7 && text[i + 1]) continue;
            assert_int_equal(lmp_next_frame(r, &step, g, &any), AL_ERR_OK);
            assert_int_equal(any, text[i + 1] == '\0');
        }
        assert_int_equal(step, 40);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) {
                assert_true(fabs(g->cell[i][k] - cells[c][i][k]) < 1e-12);
                if (i < 2) assert_true(fabs(g->pos[i][k] - f->pos[i][k]) < 1e-11);
                if (i < 2) assert_true(fabs(g->vel[i][k] - f->vel[i][k]) < 1e-14);
            }
        put("dump.lammpstrj", "ITEM: TIMESTEP\n60\nITEM: NUMBER OF ATOMS\n2\nnonsense\n1\n1\n1\n1\n1\n1\n1\n", "a");
        assert_int_equal(lmp_next_frame(r, &step, g, &any), AL_ERR_CORRUPT);
    }
}

static const char log_head[] = "run 100 upto\n   Step          Temp          PotEng\n";

static void rows_of_the_log(void **state)
{
    (void)state;
    AL_OWN(lmp_reader) r = NULL;
    struct lmp_cell l;
    struct lmp_row row;
    bool any;
    assert_int_equal(lmp_cell_of(cells[0], &l), AL_ERR_OK);
    assert_int_equal(lmp_reader_open(dir, &l, 2, &r), AL_ERR_OK);
    put("log.lammps", "1 2 3 4 5 6 7\n", "w"); // not in a table
    put("log.lammps", log_head, "a");
    put("log.lammps", "  10 300.5 -2.5 1.25 -1.25 20000 210\nWARNING: something 1 2\n  20 nan -2 1 -1 0 2", "a");
    assert_int_equal(lmp_next_row(r, &row, &any), AL_ERR_OK);
    assert_true(any);
    assert_int_equal(row.step, 10);
    assert_true(row.temperature == 300.5 && row.epot == -2.5 && row.ekin == 1.25 && row.conserved == -1.25);
    assert_true(fabs(row.pressure - 2) < 1e-12 && row.volume == 210);
    assert_int_equal(lmp_next_row(r, &row, &any), AL_ERR_OK);
    assert_false(any); // the last line has no end yet
    put("log.lammps", "10\n", "a");
    assert_int_equal(lmp_next_row(r, &row, &any), AL_ERR_OK);
    assert_true(any && isnan(row.temperature) && row.volume == 210);
}

static void goes_on_from_the_last_whole_restart_file(void **state)
{
    (void)state;
    char path[AL_PATH];
    long step;
    put("log.lammps", log_head, "w");
    put("log.lammps", "0 1 1 1 1 1 1\n50 1 1 1 1 1 1\n100 1 1 1 1 1 1\n150 1 1 1 1 1 1\n200 1 1 1 1", "a");
    put("dump.lammpstrj", "ITEM: TIMESTEP\n0\nx\nITEM: TIMESTEP\n100\nx\nITEM: TIMESTEP\n150\nx\nITEM: TIM", "w");
    put("50.restart", "a", "w");
    put("100.restart", "a", "w");
    put("150.restart", "a", "w"); // perhaps not whole: no row after it
    assert_int_equal(lmp_resume(dir, &step), AL_ERR_OK);
    assert_int_equal(step, 100);
    AL_AUTOFREE char *log = get("log.lammps");
    AL_AUTOFREE char *dump = get("dump.lammpstrj");
    assert_string_equal(strstr(log, "100 1"), "100 1 1 1 1 1 1\n");
    assert_string_equal(dump, "ITEM: TIMESTEP\n0\nx\nITEM: TIMESTEP\n100\nx\n");
    assert_int_equal(al_path(path, "%s/100.restart", dir), AL_ERR_OK);
    assert_true(al_exists(path));
    assert_int_equal(al_path(path, "%s/150.restart", dir), AL_ERR_OK);
    assert_false(al_exists(path));
    put("150.restart", "a", "w");
    put("log.lammps", "150 1 1 1 1 1 1\nalnd: restart 150\n", "a"); // LAMMPS was asked to stop
    assert_int_equal(lmp_resume(dir, &step), AL_ERR_OK);
    assert_int_equal(step, 150);
    assert_int_equal(lmp_remove_restarts(dir, -1), AL_ERR_OK);
    assert_int_equal(lmp_resume(dir, &step), AL_ERR_OK);
    assert_int_equal(step, -1); // from the start, with nothing left of what was
    AL_AUTOFREE char *none = get("dump.lammpstrj");
    assert_string_equal(none, "");
}

static void errors_are_findings_or_not(void **state)
{
    (void)state;
    char why[256];
    put("screen.out", "LAMMPS (x)\nERROR: Lost atoms: original 3 current 2 (src/thermo.cpp:494)\n", "w");
    assert_true(lmp_error(dir, why, sizeof why));
    has(why, "Lost atoms");
    put("screen.out", "ERROR: Unrecognized pair style 'deepmd' (src/force.cpp:276)\n", "w");
    assert_false(lmp_error(dir, why, sizeof why));
    has(why, "Unrecognized");
}

static void a_missing_program_is_told(void **state)
{
    (void)state;
    struct lmp_program p;
    assert_int_equal(lmp_find("alnd-no-such-lmp", dir, &p), AL_ERR_NOTFOUND);
    has(al_err_message(), "alnd-no-such-lmp");
    has(al_err_hint_text(), "pip install");
    assert_int_equal(lmp_find("bin/lmp", dir, &p), AL_ERR_INPUT);
    assert_int_equal(lmp_find("/nowhere/lmp", dir, &p), AL_ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_turn_and_come_back),
        cmocka_unit_test(input_says_what_the_keys_say),
        cmocka_unit_test(dump_is_read_while_it_grows),
        cmocka_unit_test(rows_of_the_log),
        cmocka_unit_test(goes_on_from_the_last_whole_restart_file),
        cmocka_unit_test(errors_are_findings_or_not),
        cmocka_unit_test(a_missing_program_is_told),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
