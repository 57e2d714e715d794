// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// First-principles NVE of a structure, from the shell or as the slow test (which fails when the drift is too large):
//   [mpirun -np N] bench_aimd STRUCTURE ECUT/Ha T/K STEPS [dt=1] [tol=1e-9] [limit=DRIFT/(microHa/atom/ps)] [thermo=FILE] [-v]
// Prints SCF steps, H|psi> and seconds of each MD step, their means, and the drift: the slope of the conserved energy, and that
// of the energy that velocity Verlet conserves to order dt^4 (E. Hairer, C. Lubich, G. Wanner, Acta Numerica 12, 399, 2003),
//   E + dt^2 (v.V''v / 12 - |F|^2 / (24 m)),  V''v = -dF/dt by central difference,
// whose fluctuation is a fifth (1 ps) to a thirtieth (0.1 ps), so that the slope is the forces' fault. With the error of each slope, from the means of
// blocks. T is that of the velocities drawn: a relaxed structure ends at half of it.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "dft/potential.h"
#include "md/integrators.h"
#include "md/md.h"
#include "md/output.h"
#include "reference.h"

enum { BLOCKS = 10 };

struct series { // one value a step
    double *energy, *corrected; // eV; corrected: of steps 1 to n - 2
    double (*force[2])[3];      // of the last two steps
    double *half;               // v of the last step, Ang/fs, [3 natoms]
    double rest;                // |F|^2 / 24 m of the last step
    long n;
};

struct bench {
    struct potential *p;
    struct series series;
    double dt;
    long scf, applies, n;
    double seconds, first;
    bool verbose;
    struct md_output *thermo;
};

static enum al_err series_create(struct series *q, long n, int natoms)
{
    AL_ALLOC(q->energy, n);
    AL_ALLOC(q->corrected, n);
    AL_ALLOC(q->force[0], natoms);
    AL_ALLOC(q->force[1], natoms);
    AL_ALLOC(q->half, 3 * natoms);
    return AL_ERR_OK;
}

static void series_clear(struct series *q)
{
    void *all[] = {q->energy, q->corrected, q->force[0], q->force[1], q->half};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        al_free(all[i]);
    *q = (struct series){0};
}

// The step before gets its correction now that the forces on both sides of it are known.
static void series_add(struct series *q, const struct md_state *s, double conserved, double dt)
{
    const int natoms = s->f->natoms;
    const size_t size = (size_t)natoms * sizeof *q->force[0];
    double curvature = 0, rest = 0;
    for (int i = 0; i < natoms; i++)
        for (int d = 0; d < 3; d++) {
            curvature -= q->half[3 * i + d] * (s->f->forces[i][d] - q->force[0][i][d]) / (2 * dt);
            rest += s->f->forces[i][d] * s->f->forces[i][d] / (24 * s->mass[i] * AL_AMU_A2_FS2_EV);
        }
    if (q->n > 1) q->corrected[q->n - 1] = q->energy[q->n - 1] + dt * dt * (curvature / 12 - q->rest);
    q->energy[q->n++] = conserved;
    q->rest = rest;
    memcpy(q->half, s->f->vel, size);
    memcpy(q->force[0], q->force[1], size);
    memcpy(q->force[1], s->f->forces, size);
}

struct line {
    double slope, error, rms;
};

// Least squares through y[0..n), dt apart. error: from the deviations of the means of blocks.
static struct line fit(const double *y, long n, double dt)
{
    double t0 = 0.5 * (double)(n - 1), mean = 0, tt = 0, ty = 0, square = 0, blocks = 0;
    const long size = n / BLOCKS;
    for (long i = 0; i < n; i++)
        mean += (y[i] - y[0]) / (double)n;
    for (long i = 0; i < n; i++) {
        tt += ((double)i - t0) * ((double)i - t0);
        ty += ((double)i - t0) * (y[i] - y[0] - mean);
    }
    for (long b = 0; b < BLOCKS; b++) {
        double m = 0;
        for (long i = b * size; i < (b + 1) * size; i++) {
            double d = y[i] - y[0] - mean - ty / tt * ((double)i - t0);
            square += d * d;
            m += d / (double)size;
        }
        blocks += m * m / (BLOCKS - 2);
    }
    return (struct line){ty / tt / dt, sqrt(blocks * (double)size / tt) / dt, sqrt(square / (double)(size * BLOCKS))};
}

static struct line print_line(const char *name, const double *y, long n, double dt, int natoms)
{
    struct line l = {0};
    if (n < 2 * BLOCKS) return l;
    const double unit = 1e6 / AL_HARTREE_EV / natoms;
    l = fit(y, n, dt);
    l = (struct line){1e3 * unit * l.slope, 1e3 * unit * l.error, unit * l.rms};
    printf("%-32s %9.3f +- %6.3f microHa/atom/ps, rms deviation %.4f microHa/atom\n", name, l.slope, l.error, l.rms);
    return l;
}

static double print_drift(const struct series *q, double dt, int natoms)
{
    const long n = q->n, m = n - 2, from = n / 2;
    struct line whole = print_line("drift", q->energy, n, dt, natoms);
    print_line("  second half", q->energy + from, n - from, dt, natoms);
    print_line("  without Verlet's fluctuation", q->corrected + 1, m, dt, natoms);
    print_line("  second half", q->corrected + from, n - 1 - from, dt, natoms);
    return whole.slope;
}

static enum al_err on_step(void *ctx, const struct md_state *s, const struct md_thermo *t, bool *ret_end,
                           char reason[MD_TEXT])
{
    struct bench *b = ctx;
    const struct label_report *r = dft_potential_report(b->p);
    (void)ret_end;
    (void)reason;
    if (b->verbose) {
        printf("%5ld T %7.1f K  conserved %.8f eV  %s  %.2f s\n", t->step, t->temperature, t->conserved, r->detail,
               r->seconds);
        fflush(stdout);
    }
    series_add(&b->series, s, t->conserved, b->dt);
    if (b->thermo) AL_TRY(md_output_thermo(b->thermo, t));
    if (t->step == 0) b->first = r->seconds;
    if (t->step < 5) return AL_ERR_OK; // the history fills
    b->scf += r->scf_iterations;
    b->applies += r->applies;
    b->seconds += r->seconds;
    b->n++;
    return AL_ERR_OK;
}

struct arguments {
    double dt, limit;
    const char *thermo;
    bool verbose;
};

static void set_option(struct dft_options *o, struct arguments *a, const char *arg)
{
    if (strncmp(arg, "dt=", 3) == 0) a->dt = atof(arg + 3);
    if (strncmp(arg, "tol=", 4) == 0) o->scf_tol = atof(arg + 4);
    if (strncmp(arg, "limit=", 6) == 0) a->limit = atof(arg + 6);
    if (strncmp(arg, "thermo=", 7) == 0) a->thermo = arg + 7;
    if (strcmp(arg, "-v") == 0) a->verbose = true;
}

static enum al_err drive(struct bench *b, const struct arguments *a, char **argv, double *ret_drift)
{
    AL_OWN(al_frame) f = NULL;
    AL_OWN(md_state) s = NULL;
    AL_OWN(md_output) thermo = NULL;
    __attribute__((cleanup(integrator_destroy))) struct integrator *g = NULL;
    struct al_rng rng;
    struct md_result r;
    AL_TRY(al_structure_read(argv[1], &f));
    al_rng_stream(&rng, 1, "bench-aimd", 0, 0, 0);
    AL_TRY(md_state_create(f, &rng, &s));
    AL_TRY(md_velocities_draw(s, atof(argv[3]), 3, true));
    AL_TRY(md_nve_open(&g));
    if (a->thermo) AL_TRY(md_output_create(a->thermo, &thermo));
    b->thermo = thermo;
    b->dt = a->dt;
    AL_TRY(series_create(&b->series, atol(argv[4]) + 1, f->natoms));
    struct md_observer obs = {.stride = 1, .ctx = b, .observe = on_step};
    struct md_run_options o = {.nsteps = atol(argv[4]), .dt = a->dt, .removed_dof = 3, .observers = &obs, .nobservers = 1,
                               .outputs = &thermo, .noutputs = thermo ? 1 : 0};
    AL_TRY(md_run(&o, s, b->p, g, &r));
    printf("%ld steps of %g fs at %.0f K (%s): first frame %.2f s; then per frame %.2f SCF steps, %.1f H|psi>, %.3f s\n", r.steps,
           a->dt, r.temperature, r.text, b->first, (double)b->scf / (double)b->n, (double)b->applies / (double)b->n,
           b->seconds / (double)b->n);
    *ret_drift = print_drift(&b->series, a->dt, f->natoms);
    return AL_ERR_OK;
}

static enum al_err bench(struct comm *comm, int argc, char **argv)
{
    struct arguments a = {.dt = 1};
    struct dft_options opt;
    struct bench b = {0};
    double drift = 0;
    spms_options(spms_dir(), &opt);
    opt.ecut = atof(argv[2]);
    for (int i = 5; i < argc; i++)
        set_option(&opt, &a, argv[i]);
    b.verbose = a.verbose;
    AL_TRY(dft_potential_open(&opt, comm, &b.p));
    enum al_err e = comm->rank == 0 ? drive(&b, &a, argv, &drift) : dft_potential_serve(b.p);
    potential_destroy(&b.p);
    series_clear(&b.series);
    AL_TRY(e);
    if (a.limit > 0 && comm->rank == 0 && !(fabs(drift) < a.limit))
        AL_FAIL(AL_ERR_NOTCONV, "drift %.3f microHa/atom/ps, limit %g", drift, a.limit);
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    struct comm *comm = NULL;
    skip_without_data(false);
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&comm) != AL_ERR_OK) return 1;
    if (argc < 5) {
        fprintf(stderr, "usage: bench_aimd STRUCTURE ECUT T STEPS [dt=1] [tol=1e-9] [limit=X] [thermo=FILE] [-v]\n");
        return 2;
    }
    enum al_err e = bench(comm, argc, argv);
    if (e != AL_ERR_OK) {
        fprintf(stderr, "%s\n", al_err_message());
        al_err_print_trace(stderr);
    }
    comm_destroy(&comm);
    comm_finalize();
    return e == AL_ERR_OK ? 0 : 1;
}
