// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Sites and jumps of ions that rattle in cages on a known lattice and jump at a known rate.
#include "structure_cases.h"
#include "transport/sites.h"

struct lattice {
    int n[3];              // sites along the cell vectors
    double cell[3][3];
    int nions, frames;
    double sigma, p;       // Ang by axis; probability of a jump in a frame
    double dt;
};

// Jumps go to one of the six neighbours along the cell vectors and take three frames, so that 1/p + 2 frames pass from jump to jump
// (a jump of a whole cell in one frame could not be told from none). The framework: one P a site, half way along all vectors; everything
// drifts. Returns the number of jumps that were made.
static struct tr_traj *hop(const struct lattice *l, uint64_t seed, long *ret_jumps)
{
    struct scene *s = scene_new();
    struct al_rng r;
    int at[64][3], left[64] = {0}, way[64] = {0}; // third parts of the jump that are still to go
    al_rng_stream(&r, seed, "hop", 0, 0, 0);
    memcpy(s->cell, l->cell, sizeof s->cell);
    int nsites = l->n[0] * l->n[1] * l->n[2];
    for (int i = 0; i < l->nions + nsites; i++)
        scene_atom(s, i < l->nions ? 3 : 15, 0, 0, 0);
    for (int i = 0; i < l->nions; i++)
        for (int q = 0; q < 3; q++)
            at[i][q] = (int)al_rng_below(&r, (uint32_t)l->n[q]);
    *ret_jumps = 0;
    for (int t = 0; t < l->frames; t++) {
        for (int i = 0; i < s->n; i++) {
            double f[3], x[3];
            if (i < l->nions && left[i] > 0) {
                left[i]--;
            } else if (i < l->nions && t > 0 && al_rng_uniform(&r) < l->p) {
                way[i] = (int)al_rng_below(&r, 6);
                at[i][way[i] / 2] += way[i] % 2 ? 1 : -1;
                left[i] = 2;
                ++*ret_jumps;
            }
            int k = i - l->nions, site[3] = {k % l->n[0], k / l->n[0] % l->n[1], k / l->n[0] / l->n[1]};
            for (int q = 0; q < 3; q++)
                f[q] = i < l->nions ? (at[i][q] + 0.2 - (q == way[i] / 2) * (way[i] % 2 ? 1 : -1) * left[i] / 3.0) / l->n[q] : (site[q] + 0.7) / l->n[q];
            al_vecmat3(f, l->cell, x);
            for (int q = 0; q < 3; q++)
                s->x[i][q] = x[q] + (i < l->nions ? l->sigma * al_rng_normal(&r) : 0.0) + 0.003 * t;
        }
        scene_shoot(s);
    }
    return scene_cut(&s, l->dt);
}

static struct tr_sites *find(const struct tr_traj *t, struct tr_density **ret_d)
{
    struct tr_sites *s = NULL;
    struct tr_density_options d = {.species = {.mobile_z = 3}};
    struct tr_sites_options o = {0};
    ok(tr_density_create(&t, 1, &d, ret_d));
    ok(tr_sites_create(&t, 1, &d.species, *ret_d, &o, &s));
    return s;
}

// Everything that is known of the walk; a: length of a jump, Ang.
static void check_walk(const struct lattice *l, uint64_t seed, double a)
{
    long made;
    AL_OWN(tr_traj) t = hop(l, seed, &made);
    AL_OWN(tr_density) d = NULL;
    AL_OWN(tr_sites) s = find(t, &d);
    int nsites = l->n[0] * l->n[1] * l->n[2];
    double rate = l->p / (1 + 2 * l->p) / l->dt, ion_frames = (double)l->nions * (l->frames - 1), sum = s->off_site, resident = 0.0;
    assert_int_equal(s->nsites, nsites);
    print_message("jumps made %ld, seen %ld; rate %.4g +- %.2g, told to jump %.4g; D %.4g, theory %.4g cm^2/s; off site %.4f\n", made, s->njumps, s->rate,
                  s->rate_error, rate, s->d_jumps, TR_ANG2_FS_CM2_S * rate * a * a / 6, s->off_site);
    for (int i = 0; i < nsites; i++) { // each at its place
        double worst = 0.0;
        for (int q = 0; q < 3; q++) {
            double f = s->site[i].frac[q] * l->n[q] - 0.2;
            worst = fmax(worst, fabs(f - round(f)));
        }
        assert_true(worst < 0.03);
        sum += s->site[i].occupancy;
        resident += s->site[i].residence;
        for (int j = 0; j < i; j++) {
            double apart = 0.0;
            for (int q = 0; q < 3; q++) {
                double f = s->site[i].frac[q] - s->site[j].frac[q];
                apart = fmax(apart, fabs(f - round(f)));
            }
            assert_true(apart > 0.2);
        }
        assert_near(s->site[i].occupancy, s->site[i].residence, 0.02 * l->nions);
    }
    assert_near(sum, l->nions, 1e-9);
    assert_near(resident, l->nions, 0.01 * l->nions);
    // Of the jumps made 1 % may be missed (an ion that goes on before it was seen in the core); the rate against what the walk was told.
    assert_near((double)s->njumps, (double)made, 0.01 * (double)made);
    assert_near(s->rate, rate, 3.3 * s->rate_error + 0.005 * s->rate);
    assert_near(s->rate_error / s->rate, 1.0 / sqrt((double)s->njumps), 1e-12);
    assert_near(s->residence_time, 1.0 / s->rate, 1e-9 / s->rate);
    assert_near(s->observed, ion_frames * l->dt, 0.01 * ion_frames * l->dt);
    assert_near(s->d_jumps, TR_ANG2_FS_CM2_S * rate * a * a / 6, 3.3 * s->d_jumps_error + 0.03 * s->d_jumps);
    double count = 0.0;
    for (int b = 0; b < s->nbins; b++) {
        if (fabs(s->distance[b] - a) > 0.26) assert_near(s->histogram[b], 0.0, 0.02 * (double)s->njumps); // rare double jumps
        count += s->histogram[b];
    }
    assert_near(count, (double)s->njumps, 0.0);
    long links = 0, departures = 0;
    for (int k = 0; k < s->nlinks; k++)
        links += s->link[k].count;
    for (int i = 0; i < nsites; i++)
        departures += s->site[i].departures;
    assert_int_equal(links, s->njumps);
    assert_int_equal(departures, s->njumps);
}

static void test_cubic(void **state)
{
    (void)state;
    struct lattice l = {.n = {3, 3, 3}, .cell = {{9, 0, 0}, {0, 9, 0}, {0, 0, 9}}, .nions = 12, .frames = 20000, .sigma = 0.3, .p = 0.003, .dt = 20};
    check_walk(&l, 1, 3.0);
}

// A skew cell that is one site long along a: jumps along a lead to the same site, in the next image. (Less rattle: a third of the cell and
// the noise must stay below half a cell, or the unwrapping goes wrong.)
static void test_skew_and_tiny(void **state)
{
    (void)state;
    double c = 3.0 * sqrt(0.75);
    struct lattice l = {.n = {1, 3, 2}, .cell = {{3, 0, 0}, {4.5, 3 * c, 0}, {0, 0, 6}}, .nions = 6, .frames = 25000, .sigma = 0.12, .p = 0.004, .dt = 10};
    check_walk(&l, 2, 3.0);
}

// Two ions that rattle in two sites and now and then look over the border and come back: no jump, though the basin changes.
static void test_recrossing(void **state)
{
    (void)state;
    struct scene *s = scene_new();
    struct al_rng r;
    al_rng_stream(&r, 3, "recross", 0, 0, 0);
    scene_cube(s, 8.0);
    scene_atom(s, 3, 2, 4, 4);
    scene_atom(s, 3, 5, 4, 4);
    scene_atom(s, 15, 0, 0, 0);
    for (int t = 0; t < 4000; t++) {
        for (int i = 0; i < 2; i++) {
            double away = t % 40 == 20 * i ? 0.53 : 0.0; // of the way to the other, every 40th frame
            s->x[i][0] = (i ? 5.0 : 2.0) + (i ? -3.0 : 3.0) * away + (away > 0 ? 0.1 : 0.3) * al_rng_normal(&r);
            for (int q = 1; q < 3; q++)
                s->x[i][q] = 4.0 + 0.3 * al_rng_normal(&r);
        }
        scene_shoot(s);
    }
    AL_OWN(tr_traj) t = scene_cut(&s, 10.0);
    AL_OWN(tr_density) d = NULL;
    AL_OWN(tr_sites) found = find(t, &d);
    assert_int_equal(found->nsites, 2);
    long crossings = 0; // what counting by basins would call jumps
    int before[2] = {-1, -1};
    for (long k = 0; k < t->n; k++)
        for (int i = 0; i < 2; i++) {
            int at[3];
            for (int q = 0; q < 3; q++)
                at[q] = (int)floor(t->x[k][i][q] / 8.0 * d->n[q] + 0.5) % d->n[q];
            int b = found->basin[at[0] + d->n[0] * (at[1] + d->n[1] * at[2])];
            crossings += before[i] >= 0 && b >= 0 && b != before[i];
            if (b >= 0) before[i] = b;
        }
    assert_true(crossings > 100);
    assert_int_equal(found->njumps, 0);
    assert_non_null(strstr(found->verdict, "no jump seen"));
    assert_true(isinf(found->residence_time));
    // 95 % upper limit of the rate: 3 over the time that was watched, 80 ion-ps: 38 per ns
    assert_non_null(strstr(found->verdict, "fewer than 38 jumps"));
}

// One cage with two bottoms 0.9 Ang apart, deviation 0.4: the saddle is 87 % of the peak by theory, so it is one site at merge 0.5 and two
// at 0.95; 2 Ang apart the saddle is exp(-1/0.32) 2 = 9 %: two sites.
static void test_merge(void **state)
{
    (void)state;
    for (int far = 0; far < 2; far++) {
        struct scene *s = scene_new();
        struct al_rng r;
        al_rng_stream(&r, 4, "merge", (uint64_t)far, 0, 0);
        scene_cube(s, 8.0);
        scene_atom(s, 3, 0, 0, 0);
        scene_atom(s, 15, 0, 0, 0);
        double half = far ? 1.0 : 0.45;
        for (int t = 0; t < 40000; t++) {
            s->x[0][0] = 4.0 + (t / 100 % 2 ? half : -half) + 0.4 * al_rng_normal(&r);
            for (int q = 1; q < 3; q++)
                s->x[0][q] = 4.0 + 0.4 * al_rng_normal(&r);
            scene_shoot(s);
        }
        AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
        AL_OWN(tr_density) d = NULL;
        AL_OWN(tr_sites) found = find(t, &d);
        assert_int_equal(found->nsites, far ? 2 : 1);
        if (!far) assert_near(found->site[0].occupancy, 1.0, 1e-6);
        if (far) {
            assert_near(found->site[0].occupancy, 0.5, 0.02);
            assert_near(found->njumps, 399, 4); // every 100 frames
            assert_near(found->site[0].saddle / found->site[0].peak, 2 * exp(-1.0 / (2 * (0.16 + d->smooth * d->smooth))), 0.03);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cubic), cmocka_unit_test(test_skew_and_tiny), cmocka_unit_test(test_recrossing),
                                       cmocka_unit_test(test_merge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
