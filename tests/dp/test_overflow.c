// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The count of atoms with more neighbours than sel, against all pairs of atoms and images.
#include "dp_fixture.h"

#include "dp/potential.h"

static const int LIST[] = {3, 15, 16, 8, 16, 3};

static int neighbours(const struct al_frame *f, int i, int z, double rc)
{
    int n = 0;
    for (int j = 0; j < f->natoms; j++)
        for (int p = 0; p < 125; p++) { // a cell of 7.5 Ang, cut-off 4.5: two images each way are enough
            double r2 = 0;
            for (int a = 0; a < 3; a++) {
                double d = f->pos[j][a] - f->pos[i][a] + (p % 5 - 2) * f->cell[0][a] + (p / 5 % 5 - 2) * f->cell[1][a] +
                           (p / 25 - 2) * f->cell[2][a];
                r2 += d * d;
            }
            n += f->z[j] == z && r2 > 1e-9 && r2 < rc * rc;
        }
    return n;
}

static void counts(void **state)
{
    (void)state;
    struct dp_model *plain = fixture_model(NULL, 1);
    struct dp_config c = plain->c;
    dp_model_destroy(&plain);
    const int z[4] = {3, 15, 16, 8};
    c.sel[0] = 7;
    c.sel[2] = 5;
    struct dp_model *m = fixture_model(&c, 2);
    struct potential *p = NULL;
    MUST(dp_potential_from_model(m, DP_WAY_PLAIN, &p));
    const struct dp_overflow *o = dp_potential_overflow(p);
    long evaluations = 0;
    int most_atoms = 0, excess = 0;
    for (int k = 0; k < 6; k++) {
        struct al_frame *f = fixture_frame(12, LIST, 6, k % 3 ? 7.5 : 14, 1.5, 70 + (uint64_t)k);
        struct pot_result r = {.forces = f->forces};
        int atoms = 0;
        MUST(p->ops->eval(p, f, &r));
        for (int i = 0; i < 12; i++) {
            bool over = false;
            for (int t = 0; t < 4; t++) {
                int n = neighbours(f, i, z[t], 4.5) - c.sel[t];
                over |= n > 0;
                if (n > excess) excess = n;
            }
            atoms += over;
        }
        evaluations += atoms > 0;
        if (atoms > most_atoms) most_atoms = atoms;
        assert_true(o->evaluations == evaluations && o->atoms == most_atoms);
        al_frame_destroy(&f);
    }
    assert_true(evaluations > 0 && evaluations < 6 && excess > 0); // dilute frames have none
    assert_true(o->most - o->sel == excess && (o->z == 3 ? o->sel == 7 : o->z == 16 && o->sel == 5));
    potential_destroy(&p);
    dp_model_destroy(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
