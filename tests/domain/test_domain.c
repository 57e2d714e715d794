// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Domain decomposition on the ranks that the program was started with, against the undivided potential: energy, forces, virial, energies
// of atoms, trajectories; restarts; failures. `full`: the model of the full size of ../shared on 4096 atoms.
//
// Ranks other than 0 serve, so a check that fails ends them all.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../dp/dp_fixture.h"
#include "domain/domain.h"
#include "domain/domain_impl.h"
#include "dp/potential.h"
#include "md/integrators.h"
#include "md/md.h"

static struct comm *world, *self;
static bool full;

#define CHECK(cond, ...)                                                                                     \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                                       \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            comm_abort(1);                                                                                   \
        }                                                                                                    \
    } while (0)
#define OK(expr) CHECK((expr) == AL_ERR_OK, "%s", al_err_message())
#define OWN_POTENTIAL  __attribute__((cleanup(potential_destroy))) struct potential *
#define OWN_INTEGRATOR __attribute__((cleanup(integrator_destroy))) struct integrator *

static const int elements[] = {3, 15, 16, 8};

// Both models are random: energies are scaled to forces of some 0.2 to 2 eV/Ang, with which matter at 600 K does not fly apart.
static struct dp_model *model(void)
{
    const double scale_up = full ? 3 : 30;
    struct dp_model *m = NULL;
    if (full) OK(dp_model_read(ALND_SHARED_DIR "/data/dp/sample_full.dp", &m));
    else m = fixture_model(NULL, 5);
    for (int t = 0; t < m->c.ntypes; t++) {
        m->out_std[t] *= scale_up;
        m->bias[t] /= scale_up;
    }
    return m;
}

static struct potential *whole(enum dp_way way)
{
    AL_OWN(dp_model) m = model();
    struct potential *p = NULL;
    OK(dp_potential_from_model(m, way, &p));
    return p;
}

static struct potential *divided(enum dp_way way, struct comm *c)
{
    struct potential *local = whole(way), *p = NULL;
    struct domain_options o = {.local = &local, .nlocal = 1, .own = true};
    OK(domain_potential_open(&o, c, &p));
    return p;
}

// Ranks other than 0: until rank 0 has closed the domain that it opened at the same time.
static bool served(struct potential **p)
{
    if (world->rank == 0) return false;
    OK(domain_potential_serve(*p));
    return true;
}

static struct al_frame *crystal(int a, int b, int c, double noise)
{
    AL_OWN(al_frame) unit = NULL;
    struct al_frame *f = NULL;
    struct al_rng r;
    OK(al_structure_read(ALND_SOURCE_DIR "/configs/structures/beta.extxyz", &unit));
    OK(al_frame_supercell(unit, (int[3]){a, b, c}, &f));
    al_rng_stream(&r, 11, "test-domain", 0, 0, 0);
    for (int i = 0; i < 3 * f->natoms; i++)
        f->pos[i / 3][i % 3] += noise * (2 * al_rng_uniform(&r) - 1);
    return f;
}

struct off {
    double energy, force, virial, atom;
};

static double largest(const double *a, const double *b, int n)
{
    double m = 0;
    for (int i = 0; i < n; i++)
        m = fmax(m, fabs(a[i] - b[i]));
    return m;
}

static struct off compare(struct potential *a, struct potential *b, const struct al_frame *f)
{
    size_t n = (size_t)f->natoms;
    AL_AUTOFREE double *mem = NULL;
    OK(al_alloc(8 * n, sizeof *mem, &mem));
    struct pot_result r[2] = {0};
    for (int k = 0; k < 2; k++) {
        r[k].forces = (double(*)[3])(mem + 4 * n * (size_t)k);
        r[k].atomic_energy = mem + 4 * n * (size_t)k + 3 * n;
    }
    OK(a->ops->eval(a, f, &r[0]));
    OK(b->ops->eval(b, f, &r[1]));
    double size = largest(&r[0].forces[0][0], mem + 4 * n, 0);
    for (size_t i = 0; i < 3 * n; i++)
        size = fmax(size, fabs(mem[i]));
    CHECK(size > 0.1, "forces of at most %g eV/Ang say little", size);
    return (struct off){fabs(r[0].energy - r[1].energy), largest(mem, mem + 4 * n, (int)(3 * n)),
                        largest(&r[0].virial[0][0], &r[1].virial[0][0], 9), largest(mem + 3 * n, mem + 7 * n, (int)n)};
}

// The limit for forces is 1e-9; in mixed precision too, as each rank computes an atom from the same numbers in the same order.
static void check_off(const struct off *o, int natoms, const char *what)
{
    CHECK(o->force < 1e-9, "%s: %d ranks: forces off by %g eV/Ang", what, world->size, o->force);
    CHECK(o->energy < 1e-12 * natoms + 1e-10, "%s: energy off by %g eV", what, o->energy);
    CHECK(o->virial < 1e-10 * natoms, "%s: virial off by %g eV", what, o->virial);
    CHECK(o->atom < 1e-10, "%s: energies of atoms off by %g eV", what, o->atom);
}

static void large_crystal(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "double", "mixed"};
    for (int way = 0; way < 3; way++) {
        OWN_POTENTIAL d = divided((enum dp_way)way, world);
        if (served(&d)) continue;
        OWN_POTENTIAL p = whole((enum dp_way)way);
        AL_OWN(al_frame) f = crystal(4, 4, 8, 0.15);
        struct off o = compare(p, d, f);
        struct domain_facts x = domain_potential_facts(d);
        printf("%d atoms, %d ranks (%d x %d x %d), %s: off by %.1e eV/Ang, %.1e eV, virial %.1e eV, atoms %.1e eV; rank 0 owns %d, "
               "%d ghosts\n", f->natoms, world->size, x.grid[0], x.grid[1], x.grid[2], names[way], o.force, o.energy, o.virial,
               o.atom, x.owned, x.ghosts);
        CHECK(f->natoms == 4096 && x.grid[0] * x.grid[1] * x.grid[2] == world->size, "%d atoms", f->natoms);
        CHECK(abs(x.owned - 4096 / world->size) < 400, "%d atoms of %d", x.owned, 4096 / world->size);
        check_off(&o, f->natoms, names[way]);
    }
}

// Cells smaller than the halo: several hops, images of images, ranks without atoms; atoms anywhere, also far outside the cell.
static void small_skew_cells(void **state)
{
    (void)state;
    static const struct {
        int n;
        double edge, dmin;
    } kinds[] = {{1, 3.3, 1}, {3, 4.2, 1.2}, {17, 7, 1.4}, {60, 11, 1.4}, {300, 19, 1.4}};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        OWN_POTENTIAL d = divided(DP_WAY_DOUBLE, world);
        if (served(&d)) continue;
        OWN_POTENTIAL p = whole(DP_WAY_DOUBLE);
        AL_OWN(al_frame) f = fixture_frame(kinds[k].n, elements, 4, kinds[k].edge, kinds[k].dmin, 3 + k);
        for (int i = 0; i < f->natoms; i++)
            for (int c = 0; c < 3; c++)
                f->pos[i][c] += (i % 5 - 2) * f->cell[0][c] - (i % 3) * 4 * f->cell[2][c];
        if (f->natoms == 1) { // on its site forces are zero by symmetry: there must be something to compare
            al_frame_destroy(&f);
            f = fixture_frame(2, elements, 4, 3.3, 1, 3);
        }
        struct off o = compare(p, d, f);
        double near;
        int i, j, i2, j2;
        check_off(&o, f->natoms, "small cell");
        OK(al_frame_min_distance(f, &near, &i, &j));
        double found = d->ops->closest(d, &i2, &j2);
        CHECK(fabs(near - found) < 1e-12, "shortest distance %.15g, found %.15g", near, found);
        CHECK(near > 3.9 || (i == i2 && j == j2) || (i == j2 && j == i2), "atoms %d, %d; found %d, %d", i, j, i2, j2);
        CHECK(k > 0 || domain_potential_facts(d).hops[0] > 1, "one hop in a cell of %g Ang", kinds[k].edge);
    }
}

// Atoms wander from rank to rank and the cell breathes: right at every step, without a new decomposition at each.
static void wandering(void **state)
{
    (void)state;
    enum { STEPS = 60 };
    OWN_POTENTIAL d = divided(DP_WAY_DOUBLE, world);
    if (served(&d)) return;
    OWN_POTENTIAL p = whole(DP_WAY_DOUBLE);
    AL_OWN(al_frame) f = fixture_frame(150, elements, 4, 14, 1.4, 9);
    struct al_rng r;
    al_rng_stream(&r, 2, "wander", 0, 0, 0);
    for (int s = 0; s < STEPS; s++) {
        double scale = 1 + 0.002 * sin(0.3 * s);
        for (int i = 0; i < f->natoms; i++)
            for (int c = 0; c < 3; c++)
                f->pos[i][c] = scale * (f->pos[i][c] + 0.05 * (al_rng_uniform(&r) - 0.5) + 0.03 * (c == i % 3));
        for (int c = 0; c < 9; c++)
            f->cell[c / 3][c % 3] *= scale;
        f->cell[1][0] += 0.004 * cos(0.5 * s);
        struct off o = compare(p, d, f);
        check_off(&o, f->natoms, "wandering");
    }
    long builds = domain_potential_facts(d).builds;
    CHECK(builds > 3 && builds < STEPS / 2, "%ld decompositions in %d steps", builds, STEPS);
}

static struct md_state *start(const struct al_frame *f, double temperature)
{
    struct md_state *s = NULL;
    struct al_rng r;
    al_rng_stream(&r, 4, "test-domain", 1, 0, 0);
    OK(md_state_create(f, &r, &s));
    OK(md_velocities_draw(s, temperature, 3, true));
    return s;
}

static void trajectory(struct potential *p, struct md_state *s, long n)
{
    OWN_INTEGRATOR g = NULL;
    OK(md_nve_open(&g));
    OK(md_state_eval(s, p));
    for (long i = 0; i < n; i++)
        OK(g->ops->step(g, s, p, 1.0));
}

// 100 steps of 1 fs: positions within 1e-6 Ang of the undivided run's; twice (full: once), the same bits.
static void nve(void **state)
{
    (void)state;
    struct md_state *end[2] = {NULL};
    const int runs = full ? 1 : 2; // on every rank as many: opening is collective
    for (int k = 0; k < runs; k++) {
        OWN_POTENTIAL d = divided(DP_WAY_DOUBLE, world);
        if (served(&d)) continue;
        AL_OWN(al_frame) f = full ? crystal(4, 4, 8, 0) : crystal(3, 3, 4, 0);
        end[k] = start(f, 600);
        trajectory(d, end[k], 100);
        CHECK(full || domain_potential_facts(d).builds > 0, "no decomposition");
    }
    if (world->rank) return;
    struct al_frame *f = end[0]->f;
    OWN_POTENTIAL p = whole(DP_WAY_DOUBLE);
    AL_OWN(al_frame) first = full ? crystal(4, 4, 8, 0) : crystal(3, 3, 4, 0);
    AL_OWN(md_state) s = start(first, 600);
    trajectory(p, s, 100);
    double off = largest(&s->f->pos[0][0], &f->pos[0][0], 3 * f->natoms),
           moved = largest(&s->f->pos[0][0], &first->pos[0][0], 3 * f->natoms);
    printf("100 steps of %d atoms, %d ranks: positions off by %.1e Ang, atoms have moved by up to %.2f Ang\n", f->natoms, world->size,
           off, moved);
    CHECK(off < 1e-6 && moved > 0.1, "off by %g Ang, moved by %g", off, moved);
    if (end[1]) {
        CHECK(memcmp(f->pos, end[1]->f->pos, (size_t)f->natoms * sizeof *f->pos) == 0, "two runs differ");
        CHECK(memcmp(f->forces, end[1]->f->forces, (size_t)f->natoms * sizeof *f->forces) == 0, "two runs differ");
    }
    for (int k = 0; k < 2; k++)
        md_state_destroy(&end[k]);
}

static bool stop_at(void *ctx)
{
    long *n = ctx;
    return (*n)-- == 0;
}

enum part { WHOLE, FIRST, SECOND };

// A run of 90 steps in hot matter, so that atoms change rank; FIRST stops at step 45, SECOND goes on from there.
static struct al_frame *run(struct potential *p, const char *file, enum part part, struct md_result *r)
{
    OWN_INTEGRATOR g = NULL;
    AL_OWN(al_frame) f = crystal(2, 2, 2, 0);
    AL_OWN(md_state) s = start(f, 5000);
    struct al_frame *end = NULL;
    long n = part == FIRST ? 45 : -1;
    struct md_thermostat heat = {.temperature = 3000, .tau = 50, .removed_dof = 3};
    OK(md_svr_open(&heat, &g));
    struct md_run_options o = {.nsteps = 90, .dt = 1, .removed_dof = 3, .checkpoint = part == WHOLE ? NULL : file,
                               .checkpoint_interval = 1e9, .check_stop = stop_at, .stop_ctx = &n};
    enum al_err e = md_run(&o, s, p, g, r);
    CHECK(e == (part == FIRST ? AL_ERR_STOPPED : AL_ERR_OK), "%s", al_err_message());
    OK(al_frame_copy(s->f, &end));
    return end;
}

// Stopped and resumed: the same bits on the same ranks, and within rounding on one rank alone or with the decomposition lost, which
// the result says.
static void restart(void **state)
{
    (void)state;
    char dir[] = "/tmp/alnd-domain-XXXXXX", file[AL_PATH] = "", history[AL_PATH] = "";
    struct al_frame *end[4] = {NULL}; // whole; resumed; resumed without the decomposition; resumed on one rank
    if (world->rank == 0) {
        CHECK(mkdtemp(dir), "no directory");
        OK(al_path(file, "%s/checkpoint", dir));
        OK(al_path(history, "%s.45.history", file));
    }
    for (int k = 0; k < 4; k++)
        for (enum part part = k ? FIRST : WHOLE; part <= (k ? SECOND : WHOLE); part++) {
            bool alone = k == 3 && part == SECOND;
            if (alone && world->rank) continue;
            OWN_POTENTIAL d = divided(DP_WAY_DOUBLE, alone ? self : world);
            if (served(&d)) continue;
            struct md_result r = {0};
            if (k == 2 && part == SECOND) CHECK(unlink(history) == 0, "no %s", history);
            struct al_frame *f = run(d, file, part, &r);
            if (part == FIRST) {
                al_frame_destroy(&f);
                CHECK(al_exists(history), "no %s", history);
                continue;
            }
            end[k] = f;
            CHECK(r.resumed == (k ? 45 : -1) && r.end == MD_END_DONE, "resumed at %ld: %s", r.resumed, r.text);
            CHECK(r.history_lost == (k == 2 || (k == 3 && world->size > 1)), "kind %d: history lost: %d", k, r.history_lost);
            long builds = domain_potential_facts(d).builds;
            CHECK(k || builds > 2, "%ld decompositions", builds);
            if (k) unlink(file);
        }
    if (world->rank) return;
    size_t n = (size_t)end[0]->natoms;
    CHECK(memcmp(end[0]->pos, end[1]->pos, n * sizeof *end[0]->pos) == 0, "resumed: other positions");
    CHECK(memcmp(end[0]->forces, end[1]->forces, n * sizeof *end[0]->forces) == 0, "resumed: other forces");
    for (int k = 2; k < 4; k++) {
        double off = largest(&end[0]->pos[0][0], &end[k]->pos[0][0], 3 * (int)n);
        CHECK(off < 1e-6, "kind %d: off by %g Ang", k, off);
        // or the test of the same bits says nothing
        CHECK(world->size == 1 || off > 0, "kind %d: the same bits without the decomposition", k);
    }
    for (int k = 0; k < 4; k++)
        al_frame_destroy(&end[k]);
    OK(al_remove_tree(dir));
}

static enum al_err try(struct potential *d, const struct al_frame *f)
{
    struct pot_result r = {.forces = f->forces};
    return d->ops->eval(d, f, &r);
}

// What fails on one rank fails on rank 0 with its words, and the ranks go on together.
static void failures(void **state)
{
    (void)state;
    OWN_POTENTIAL d = divided(DP_WAY_DOUBLE, world);
    if (served(&d)) return;
    OWN_POTENTIAL p = whole(DP_WAY_DOUBLE);
    AL_OWN(al_frame) f = crystal(2, 2, 2, 0.1);
    for (int i = 0; i < f->natoms; i += 50) { // wherever it is
        AL_OWN(al_frame) bad = NULL;
        char words[64];
        OK(al_frame_copy(f, &bad));
        int j = (i + 1) % f->natoms;
        memcpy(bad->pos[j], bad->pos[i], sizeof bad->pos[i]);
        CHECK(try(d, bad) == AL_ERR_UNPHYSICAL, "two atoms at one place: %s", al_err_message());
        snprintf(words, sizeof words, "atoms %d and %d are", i + 1, j + 1);
        char other[64];
        snprintf(other, sizeof other, "atoms %d and %d are", j + 1, i + 1);
        CHECK(strstr(al_err_message(), words) || strstr(al_err_message(), other), "%s", al_err_message());
        OK(al_frame_copy(f, &bad));
        bad->z[i] = 79;
        CHECK(try(d, bad) == AL_ERR_INPUT, "gold: %s", al_err_message());
        snprintf(words, sizeof words, "atom %d is Au", i);
        CHECK(strstr(al_err_message(), words), "%s", al_err_message());
        OK(al_frame_copy(f, &bad));
        bad->pos[i][1] = (double)NAN;
        CHECK(try(d, bad) == AL_ERR_UNPHYSICAL, "not a number: %s", al_err_message());
        bad->pos[i][1] = 1e300;
        CHECK(try(d, bad) == AL_ERR_UNPHYSICAL, "far away: %s", al_err_message());
        struct off o = compare(p, d, f);
        check_off(&o, f->natoms, "after a failure");
    }
    struct md_result end[2] = {0};
    for (int k = 0; k < 2; k++) { // the driver hears of the same pair from both
        OWN_INTEGRATOR g = NULL;
        AL_OWN(md_state) s = start(f, 300);
        struct md_run_options o = {.nsteps = 5, .dt = 1, .removed_dof = 3, .min_distance = 3};
        OK(md_nve_open(&g));
        OK(md_run(&o, s, k ? d : p, g, &end[k]));
        CHECK(end[k].end == MD_END_TOO_CLOSE && strcmp(end[0].text, end[k].text) == 0, "%s; %s", end[0].text, end[k].text);
    }
    f->pbc = false;
    CHECK(try(d, f) == AL_ERR_UNSUPPORTED, "without a cell");
}

// Fewest ghosts: a cube is cut in all directions, a long cell across.
static void grids(void **state)
{
    (void)state;
    struct dom_grid g;
    double cube[3][3] = {{100, 0, 0}, {0, 100, 0}, {0, 0, 100}}, rod[3][3] = {{400, 0, 0}, {0, 15, 0}, {30, 0, 15}};
    OK(dom_grid_choose(8, (const double(*)[3])cube, 7, &g));
    CHECK(g.n[0] == 2 && g.n[1] == 2 && g.n[2] == 2 && g.hops[0] == 1, "%d %d %d", g.n[0], g.n[1], g.n[2]);
    OK(dom_grid_choose(64, (const double(*)[3])cube, 7, &g));
    CHECK(g.n[0] == 4 && g.n[1] == 4 && g.n[2] == 4, "%d %d %d", g.n[0], g.n[1], g.n[2]);
    OK(dom_grid_choose(8, (const double(*)[3])rod, 7, &g));
    CHECK(g.n[0] == 8 && g.n[1] == 1 && g.n[2] == 1 && g.hops[1] == 1, "%d %d %d", g.n[0], g.n[1], g.n[2]);
    OK(dom_grid_choose(100, (const double(*)[3])rod, 7, &g));
    CHECK(g.n[0] * g.n[1] * g.n[2] == 100, "%d %d %d", g.n[0], g.n[1], g.n[2]);
    for (int r = 0; r < 100; r++) {
        int c[3];
        dom_grid_coords(&g, r, c);
        CHECK(dom_grid_rank(&g, c) == r, "rank %d", r);
        c[0] -= g.n[0];
        c[1] += 2 * g.n[1];
        CHECK(dom_grid_rank(&g, c) == r, "rank %d", r);
    }
    OK(dom_grid_choose(1000, (const double(*)[3])cube, 21, &g)); // parts of 10 Ang
    CHECK(g.n[0] == 10 && g.hops[0] == 3 && g.hops[2] == 3, "%d parts, %d hops", g.n[0], g.hops[0]);
}

int main(int argc, char **argv)
{
    if (comm_init(&argc, &argv) || comm_world(&world) || comm_self(&self)) return 1;
    full = argc > 1 && strcmp(argv[1], "full") == 0;
    if (full && access(ALND_SHARED_DIR "/data/dp/sample_full.dp", R_OK) != 0) {
        if (!world->rank) printf("skipped: no %s\n", ALND_SHARED_DIR "/data/dp/sample_full.dp");
        comm_finalize();
        return 77;
    }
    if (world->rank) (void)!freopen("/dev/null", "w", stdout);
    const struct CMUnitTest all[] = {
        cmocka_unit_test(large_crystal), cmocka_unit_test(nve),      cmocka_unit_test(small_skew_cells), cmocka_unit_test(wandering),
        cmocka_unit_test(restart),       cmocka_unit_test(failures), cmocka_unit_test(grids),
    };
    int bad = full ? _cmocka_run_group_tests("full", all, 2, NULL, NULL) : cmocka_run_group_tests(all, NULL, NULL);
    comm_destroy(&self);
    comm_destroy(&world);
    comm_finalize();
    return bad;
}
