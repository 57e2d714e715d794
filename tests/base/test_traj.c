// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Readers of trajectories: what tests/system/diffusion.py does not reach (general triclinic boxes, time and units, old XDATCARs, negative
// scale, times of extended XYZ).
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/traj.h"

static char dir[] = "/tmp/alnd-traj-XXXXXX";

#define assert_near(a, b, tol)                                                                               \
    do {                                                                                                     \
        double a_ = (a), b_ = (b), tol_ = (tol);                                                             \
        if (!(fabs(a_ - b_) <= tol_)) fail_msg("%.17g != %.17g (tolerance %g)", a_, b_, tol_);               \
    } while (0)

static void ok(enum al_err e)
{
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
}

static struct al_traj *open_text(const char *name, const char *text, const struct al_traj_options *o)
{
    static char path[AL_PATH]; // the readers' messages name it
    struct al_traj *t = NULL;
    ok(al_path(path, "%s/%s", dir, name));
    ok(al_file_write(path, text, strlen(text)));
    ok(al_traj_open(path, o, &t));
    return t;
}

static struct al_frame *next(struct al_traj *t, struct al_traj_step *s)
{
    struct al_frame *f = NULL;
    ok(al_traj_next(t, &f, s));
    return f;
}

static void lammps_time_and_general_box(void **state)
{
    (void)state;
    static const char text[] = "ITEM: UNITS\nmetal\nITEM: TIME\n0.25\nITEM: TIMESTEP\n500\nITEM: NUMBER OF ATOMS\n2\n"
                               "ITEM: BOX BOUNDS abc origin pp pp pp\n5 0.5 0.1 1\n0 4 0.2 2\n-1 0 6 3\n"
                               "ITEM: ATOMS id element mass xsu ysu zsu\n7 S 32 1.5 0 0\n3 Li 6.9 0.5 0.5 -0.5\n";
    AL_OWN(al_traj) t = open_text("general.dump", text, NULL);
    struct al_traj_step s;
    AL_OWN(al_frame) f = next(t, &s);
    assert_string_equal(al_traj_format_name(t), "LAMMPS dump");
    assert_near(s.time, 250, 1e-12); // metal: ps
    assert_true(s.unwrapped);
    assert_true(f->pbc);
    assert_int_equal(f->z[0], 3); // by id
    assert_int_equal(f->z[1], 16);
    assert_near(f->pos[1][0], 7.5, 1e-12);
    assert_near(f->pos[1][1], 0.75, 1e-12);
    assert_near(f->pos[0][0], 0.5 * 5 - 0.5 * -1, 1e-12);
    assert_near(f->pos[0][2], 0.5 * 0.1 + 0.5 * 0.2 - 0.5 * 6, 1e-12);
    AL_OWN(al_frame) end = next(t, &s);
    assert_null(end);
    assert_near(al_traj_progress(t), 1, 0.01);
}

static void lammps_orthogonal_images(void **state)
{
    (void)state;
    static const char text[] = "ITEM: TIMESTEP\n40\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n-2 8\n0 5\n1 7\n"
                               "ITEM: ATOMS id type x y z ix iy iz\n1 2 -1 1 6.5 1 0 -2\n";
    struct al_traj_options o = {.timestep = 2, .ntypes = 2, .type_z = {15, 3}};
    AL_OWN(al_traj) t = open_text("images.dump", text, &o);
    struct al_traj_step s;
    AL_OWN(al_frame) f = next(t, &s);
    assert_near(s.time, 80, 1e-12);
    assert_int_equal(f->z[0], 3);
    assert_near(f->pos[0][0], 1 + 10, 1e-12); // from the box's corner
    assert_near(f->pos[0][1], 1, 1e-12);
    assert_near(f->pos[0][2], 5.5 - 12, 1e-12);
    assert_near(f->cell[2][2], 6, 1e-12);
}

static void lammps_other_units(void **state)
{
    (void)state;
    AL_OWN(al_traj) t = open_text("lj.dump", "ITEM: UNITS\nlj\nITEM: TIMESTEP\n0\n", NULL);
    struct al_traj_step s;
    struct al_frame *f = NULL;
    assert_int_equal(al_traj_next(t, &f, &s), AL_ERR_UNSUPPORTED);
    assert_non_null(strstr(al_err_message(), "lj.dump:2"));
}

static void xdatcar_variants(void **state)
{
    (void)state;
    // a volume for a scale; suffixes of pseudopotentials; the older word for a configuration
    static const char text[] = "c\n-216\n1 0 0\n0 1 0\n0 0 1\n  Li_sv  S/a1b2\n 1 1\nKonfig=   1\n0.5 0 0\n0 0 0.25\n\nKonfig=   2\n0.5 0 0\n0 0 0.75\n";
    AL_OWN(al_traj) t = open_text("some.file", text, NULL);
    struct al_traj_step s;
    AL_OWN(al_frame) a = next(t, &s);
    AL_OWN(al_frame) b = next(t, &s);
    AL_OWN(al_frame) end = next(t, &s);
    assert_string_equal(al_traj_format_name(t), "XDATCAR");
    assert_true(isnan(s.time) && !s.unwrapped);
    assert_int_equal(a->z[1], 16);
    assert_near(a->cell[0][0], 6, 1e-12);
    assert_near(a->pos[0][0], 3, 1e-12);
    assert_near(b->pos[1][2], 4.5, 1e-12);
    assert_null(end);

    static const char old[] = "c\n1\n6 0 0\n0 6 0\n0 0 6\n 1 1\nDirect configuration= 1\n0.5 0 0\n0 0 0.25\n";
    struct al_traj_options o = {.ntypes = 2, .type_z = {3, 16}};
    AL_OWN(al_traj) u = open_text("XDATCAR", old, &o);
    AL_OWN(al_frame) c = next(u, &s);
    assert_int_equal(c->z[0], 3);
    assert_int_equal(c->z[1], 16);
    AL_OWN(al_traj) v = open_text("XDATCAR", old, NULL);
    struct al_frame *none = NULL;
    assert_int_equal(al_traj_next(v, &none, &s), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "XDATCAR:6"));
}

static void xyz_times(void **state)
{
    (void)state;
    static const char text[] = "1\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3:vel:R:3 time=12.5 temperature=300\nLi 1 2 3 0 0 0.01\n"
                               "1\nProperties=species:S:1:pos:R:3\nLi 1 2 4\n";
    AL_OWN(al_traj) t = open_text("a.xyz", text, NULL);
    struct al_traj_step s;
    AL_OWN(al_frame) a = next(t, &s);
    assert_string_equal(al_traj_format_name(t), "extended XYZ");
    assert_near(s.time, 12.5, 0);
    assert_true(a->have & AL_HAVE_VELOCITIES);
    AL_OWN(al_frame) b = next(t, &s);
    assert_true(isnan(s.time));
    assert_false(b->pbc);
}

// Files with bytes changed, lost and cut: an error or frames, never a crash.
static void mangled(void **state)
{
    (void)state;
    enum { TRIALS = 3000 };
    static const char *const text[] = {
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n0 5 1\n0 5 0\n0 5 0\nITEM: ATOMS id type x y z\n2 1 1 1 1\n1 1 2 2 2\n"
        "ITEM: TIMESTEP\n10\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n0 5 1\n0 5 0\n0 5 0\nITEM: ATOMS id type xs ys zs\n2 1 1 1 1\n1 1 .2 .2 .2\n",
        "c\n1.0\n6 0 0\n0 6 0\n0 0 6\n Li S\n 1 1\nDirect configuration= 1\n0.5 0 0\n0 0 0.25\nDirect configuration= 2\n0.5 0 0\n0 0 0.75\n",
        "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 time=1 pbc=\"T T T\"\nLi 1 2 3\nS 1 1 1\n",
    };
    struct al_traj_options o = {.timestep = 1, .ntypes = 2, .type_z = {3, 16}};
    struct al_rng r;
    char path[AL_PATH], copy[1024];
    long frames = 0, errors = 0;
    al_rng_seed(&r, 1, 2);
    ok(al_path(path, "%s/XDATCAR-or-else", dir));
    for (int s = 0; s < TRIALS; s++) {
        const char *from = text[s % 3];
        size_t n = strlen(from);
        memcpy(copy, from, n + 1);
        for (uint32_t k = 1 + al_rng_below(&r, 3); k > 0; k--) {
            size_t at = al_rng_below(&r, (uint32_t)n);
            uint32_t how = al_rng_below(&r, 4);
            if (how == 0) copy[at] = (char)al_rng_below(&r, 256);
            else if (how == 1) copy[at] = "0123456789-+.eE \n:pABC"[al_rng_below(&r, 22)];
            else if (how == 2) memmove(copy + at, copy + at + 1, n - at), n--;
            else if (al_rng_below(&r, 4) == 0) n = at + 1;
        }
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(copy, 1, n, f), n);
        fclose(f);
        AL_OWN(al_traj) t = NULL;
        enum al_err e = al_traj_open(path, &o, &t);
        for (int k = 0; !e && k < 10; k++) {
            AL_OWN(al_frame) a = NULL;
            struct al_traj_step step;
            e = al_traj_next(t, &a, &step);
            if (e || !a) break;
            frames++;
            for (int i = 0; i < a->natoms; i++)
                assert_true(a->z[i] >= 1 && a->z[i] <= AL_ZMAX && isfinite(a->pos[i][0] + a->pos[i][1] + a->pos[i][2]));
        }
        errors += e != AL_ERR_OK;
        if (e) assert_true(al_err_class(e) == AL_CLASS_EXPECTED);
    }
    assert_true(frames > TRIALS / 4 && errors > TRIALS / 4);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lammps_time_and_general_box), cmocka_unit_test(lammps_orthogonal_images), cmocka_unit_test(lammps_other_units),
        cmocka_unit_test(xdatcar_variants),            cmocka_unit_test(xyz_times),
        cmocka_unit_test(mangled),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    enum al_err e = al_remove_tree(dir);
    return failed || e;
}
