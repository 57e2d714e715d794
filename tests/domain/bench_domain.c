// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What a step of NVE takes on the ranks that it is started with:
//   [mpirun -np P] bench_domain MODEL.dp STRUCTURE N0 N1 N2 [STEPS [plain|double|mixed [one]]]
// One row of the table in docs/scaling.md. `model`: processor time of the busiest rank in the model and its neighbour list, which does not
// depend on how many ranks share a core; `rank 0`: that of the integrator and the checks, which are not spread. One rank: the undivided potential; with `one` the
// decomposition into one part, and to stderr what rank 0 spends on handing out, collecting and its own halo.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "domain/domain.h"
#include "dp/potential.h"
#include "md/integrators.h"
#include "md/md.h"

static double processor(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// A potential whose time is taken.
struct timed {
    struct potential base;
    struct potential_ops ops;
    struct potential *p;
    double processor;
};

static enum al_err eval(struct potential *base, const struct al_frame *f, struct pot_result *res)
{
    struct timed *t = (struct timed *)base;
    double cpu = processor();
    AL_TRY(t->p->ops->eval(t->p, f, res));
    t->processor += processor() - cpu;
    return AL_ERR_OK;
}

static enum al_err eval_local(struct potential *base, const struct pot_part *part, struct pot_result *res)
{
    struct timed *t = (struct timed *)base;
    double cpu = processor();
    AL_TRY(t->p->ops->eval_local(t->p, part, res));
    t->processor += processor() - cpu;
    return AL_ERR_OK;
}

static double cutoff(const struct potential *base)
{
    struct potential *p = ((const struct timed *)base)->p;
    return p->ops->cutoff(p);
}

static double closest(const struct potential *base, int *ret_i, int *ret_j)
{
    struct potential *p = ((const struct timed *)base)->p;
    return p->ops->closest(p, ret_i, ret_j);
}

static void close_timed(struct potential *base)
{
    potential_destroy(&((struct timed *)base)->p);
}

static void wrap(struct timed *t, struct potential *p)
{
    *t = (struct timed){.ops = {.name = "timed", .caps = POT_VIRIAL | (p->ops->caps & POT_LOCAL), .eval = eval, .eval_local = eval_local,
                                .cutoff = cutoff, .closest = p->ops->closest ? closest : NULL, .close = close_timed}, .p = p};
    t->base.ops = &t->ops;
}

static enum al_err start(char **a, struct md_state **ret)
{
    AL_OWN(al_frame) unit = NULL;
    AL_OWN(al_frame) f = NULL;
    struct al_rng r;
    AL_TRY(al_structure_read(a[2], &unit));
    AL_TRY(al_frame_supercell(unit, (int[3]){atoi(a[3]), atoi(a[4]), atoi(a[5])}, &f));
    al_rng_stream(&r, 1, "bench-domain", 0, 0, 0);
    AL_TRY(md_state_create(f, &r, ret));
    AL_TRY(md_velocities_draw(*ret, 1200, 3, true));
    return AL_ERR_OK;
}

struct times {
    double wall, rest, around; // of rank 0, s a step: all; processor time outside the potential, in it around the part
    int natoms;
};

// Processor time in the model and the neighbour lists of this rank so far.
static double in_part(const struct timed *inner, const struct potential *p)
{
    return inner->processor + (domain_is(p) ? domain_potential_facts(p).list_seconds : 0);
}

static enum al_err drive(char **a, const struct timed *inner, struct potential *p, long steps, struct times *ret)
{
    AL_OWN(md_state) s = NULL;
    __attribute__((cleanup(integrator_destroy))) struct integrator *g = NULL;
    struct timed outer;
    struct md_result r;
    AL_TRY(start(a, &s));
    AL_TRY(md_nve_open(&g));
    wrap(&outer, p);
    struct md_run_options o = {.nsteps = 1, .dt = 1, .removed_dof = 3, .min_distance = 0.5, .max_temperature = 1e5};
    AL_TRY(md_run(&o, s, &outer.base, g, &r)); // first lists, memory
    outer.processor = 0;
    double from = al_clock(), cpu = processor(), part = in_part(inner, p);
    o.nsteps = 1 + steps;
    AL_TRY(md_run(&o, s, &outer.base, g, &r));
    if (r.end != MD_END_DONE) AL_FAIL(AL_ERR_UNPHYSICAL, "%s", r.text);
    double n = (double)(steps + 1); // it starts with an evaluation
    *ret = (struct times){(al_clock() - from) / n, (processor() - cpu - outer.processor) / n, (outer.processor - in_part(inner, p) + part) / n, s->f->natoms};
    return AL_ERR_OK;
}

static enum al_err bench(int argc, char **argv, struct comm *world)
{
    long steps = argc > 6 ? atol(argv[6]) : 20;
    enum dp_way way = DP_WAY_MIXED;
    struct potential *model = NULL, *p = NULL;
    struct timed inner;
    struct times t = {0};
    struct domain_facts f = {.grid = {1, 1, 1}};
    if (argc > 7) AL_TRY(dp_way_of(argv[7], &way));
    AL_TRY_ALL(world, dp_potential_open(argv[1], way, &model));
    wrap(&inner, model);
    struct potential *local = &inner.base;
    struct domain_options o = {.local = &local, .nlocal = 1};
    if (world->size > 1 || argc > 8) AL_TRY(domain_potential_open(&o, world, &p));
    enum al_err e = world->rank ? domain_potential_serve(p) : drive(argv, &inner, p ? p : local, steps, &t);
    if (p) f = domain_potential_facts(p);
    long long sent = comm_bytes(world);
    potential_destroy(&p);
    potential_destroy(&local);
    AL_TRY_ALL(world, e);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double evaluations = (double)(steps + 3); // all; the first ones build
    double busiest = comm_max_d(world, (inner.processor + f.list_seconds) / evaluations);
    int owned = comm_max_i(world, f.owned), ghosts = comm_max_i(world, f.ghosts);
    if (world->size == 1 && argc > 8) fprintf(stderr, "rank 0: %.2f ms a step around its part\n", 1e3 * t.around);
    double mib = comm_max_d(world, (double)use.ru_maxrss / 1024), others = comm_max_d(world, world->rank ? (double)use.ru_maxrss / 1024 : 0);
    double most = comm_max_d(world, (double)sent / evaluations / 1e6);
    if (world->rank == 0)
        printf("| %d | %d | %dx%dx%d | %d | %d | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f |\n", t.natoms, world->size, f.grid[0], f.grid[1],
               f.grid[2], world->size > 1 ? owned : t.natoms, ghosts, 1e3 * t.wall, 1e3 * busiest, 1e3 * t.rest, most, mib, others);
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    struct comm *world = NULL;
    if (argc < 6) {
        fprintf(stderr, "usage: %s MODEL.dp STRUCTURE N0 N1 N2 [STEPS [WAY [one]]]\n", argv[0]);
        return 2;
    }
    enum al_err e = comm_init(&argc, &argv);
    if (!e) e = comm_world(&world);
    if (!e) e = bench(argc, argv, world);
    if (e) fprintf(stderr, "%s\n", al_err_message());
    comm_destroy(&world);
    comm_finalize();
    return e ? 1 : 0;
}
