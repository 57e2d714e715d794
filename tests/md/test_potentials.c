// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// lj and spring: forces and virial by finite differences of the energy, known values, invariances.
#include "md_fixture.h"

#include "base/linalg.h"

static double energy_of(struct potential *p, const struct al_frame *f)
{
    struct pot_result r = {0};
    ok(p->ops->eval(p, f, &r));
    return r.energy;
}

static void fd_forces(struct potential *p, struct al_frame *f)
{
    double(*force)[3] = f->forces;
    struct pot_result r = {.forces = force};
    ok(p->ops->eval(p, f, &r));
    double h = 1e-4; // central: error h^2 u'''/6 ~ 1e-9 eV/Ang, rounding 1e-15/h ~ 1e-11
    for (int i = 0; i < f->natoms; i += 3)
        for (int k = 0; k < 3; k++) {
            double x = f->pos[i][k];
            f->pos[i][k] = x + h;
            double up = energy_of(p, f);
            f->pos[i][k] = x - h;
            double down = energy_of(p, f);
            f->pos[i][k] = x;
            double fd = -(up - down) / (2 * h);
            assert_true(fabs(force[i][k]) > 1e-7);
            assert_near(fd, force[i][k], 2e-8);
        }
}

static void test_lj_forces(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(3, 3.9, 0.15, 1); // cell of 11.7 Ang: images within the cut-off
    f->cell[1][0] = 2.3;
    f->cell[2][0] = -1.1;
    f->cell[2][1] = 1.7;
    OWN_POTENTIAL p = argon_potential();
    fd_forces(p, f);
    f->pbc = false;
    fd_forces(p, f);
}

// Virial = -dE/d(strain): all nine components, cell and positions strained together.
static void test_lj_virial(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(3, 3.9, 0.15, 2);
    f->cell[1][0] = 2.3;
    OWN_POTENTIAL p = argon_potential();
    struct pot_result r = {0};
    ok(p->ops->eval(p, f, &r));
    double h = 1e-5;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++) {
            double e[2];
            for (int s = 0; s < 2; s++) {
                AL_OWN(al_frame) g = NULL;
                ok(al_frame_copy(f, &g));
                double eps = s ? -h : h;
                for (int i = 0; i < f->natoms; i++)
                    g->pos[i][b] += eps * f->pos[i][a];
                for (int i = 0; i < 3; i++)
                    g->cell[i][b] += eps * f->cell[i][a];
                e[s] = energy_of(p, g);
            }
            double fd = -(e[0] - e[1]) / (2 * h);
            assert_true(fabs(r.virial[a][b]) > 1e-5);
            assert_near(fd, r.virial[a][b], 1e-7);
        }
}

// Two atoms: minimum -epsilon at 2^(1/6) sigma, zero at sigma (shift added back), parts add up.
static void test_lj_values(void **state)
{
    (void)state;
    struct lj_options o = {.epsilon = 0.0103, .sigma = 3.40, .cutoff = 8.0, .skin = 0.0};
    OWN_POTENTIAL p = NULL;
    ok(lj_potential_open(&o, &p));
    AL_OWN(al_frame) f = NULL;
    ok(al_frame_create(2, &f));
    f->pbc = false;
    f->z[0] = f->z[1] = 18;
    double s6 = pow(3.40 / 8.0, 6), shift = 4 * 0.0103 * (s6 * s6 - s6), atomic[2];
    f->pos[1][2] = 3.40 * pow(2.0, 1.0 / 6.0);
    struct pot_result r = {.forces = f->forces, .atomic_energy = atomic};
    ok(p->ops->eval(p, f, &r));
    assert_near(r.energy + shift, -0.0103, 1e-15);
    assert_near(f->forces[0][2], 0.0, 1e-15);
    assert_near(atomic[0] + atomic[1], r.energy, 1e-16);
    f->pos[1][2] = 3.40;
    ok(p->ops->eval(p, f, &r));
    assert_near(r.energy + shift, 0.0, 1e-15);
    assert_near(f->forces[1][2], 24 * 0.0103 / 3.40, 1e-12);
    assert_near(r.virial[2][2], 24 * 0.0103, 1e-12); // compressed: positive
    f->pos[1][2] = 8.0 - 1e-9;                       // continuous at the cut-off
    ok(p->ops->eval(p, f, &r));
    assert_near(r.energy, 0.0, 1e-12);
    f->pos[1][2] = 8.0 + 1e-9;
    ok(p->ops->eval(p, f, &r));
    assert_true(r.energy == 0.0);
}

// A supercell has the energy of its copies, forces repeat, atoms may be anywhere.
static void test_lj_supercell(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = argon(2, 3.9, 0.15, 3); // 7.8 Ang: smaller than twice the cut-off
    OWN_POTENTIAL p = argon_potential();
    double e1 = energy_of(p, f);
    AL_OWN(al_frame) big = NULL;
    ok(al_frame_supercell(f, (int[3]){2, 3, 1}, &big));
    assert_near(energy_of(p, big), 6 * e1, 1e-11);
    for (int k = 0; k < 3; k++)
        f->pos[1][k] += 5 * f->cell[0][k] - 3 * f->cell[2][k];
    assert_near(energy_of(p, f), e1, 1e-12);
}

static void test_spring(void **state)
{
    (void)state;
    AL_OWN(al_frame) sites = argon(2, 3.9, 0.0, 4);
    AL_OWN(al_frame) f = argon(2, 3.9, 0.2, 4);
    OWN_POTENTIAL p = NULL;
    ok(spring_potential_open(sites, 0.7, &p));
    fd_forces(p, f);
    AL_OWN(al_frame) other = argon(3, 3.9, 0.2, 4);
    struct pot_result r = {0};
    assert_int_equal(p->ops->eval(p, other, &r), AL_ERR_INPUT);
    struct potential *bad = NULL;
    assert_int_equal(spring_potential_open(sites, -1.0, &bad), AL_ERR_INPUT);
    assert_int_equal(lj_potential_open(&(struct lj_options){.epsilon = 1}, &bad), AL_ERR_INPUT);
    assert_null(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lj_forces), cmocka_unit_test(test_lj_virial),
        cmocka_unit_test(test_lj_values), cmocka_unit_test(test_lj_supercell),
        cmocka_unit_test(test_spring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
