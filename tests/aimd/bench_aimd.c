// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// First-principles NVE of a structure, from the shell or as the slow test (which fails when the drift is too large):
//   [mpirun -np N] bench_aimd STRUCTURE ECUT/Ha T/K STEPS [dt=1] [tol=1e-9] [limit=DRIFT/(microHa/atom/ps)] [thermo=FILE] [-v]
// Prints SCF steps, H|psi> and seconds of each MD step, their means, drift and fluctuation of the conserved energy.
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

struct bench {
    struct potential *p;
    long scf, applies, n;
    double seconds, first;
    bool verbose;
    struct md_output *thermo;
};

static enum al_err on_step(void *ctx, const struct md_state *s, const struct md_thermo *t, bool *ret_end,
                           char reason[MD_TEXT])
{
    struct bench *b = ctx;
    const struct label_report *r = dft_potential_report(b->p);
    (void)s;
    (void)ret_end;
    (void)reason;
    if (b->verbose) {
        printf("%5ld T %7.1f K  conserved %.8f eV  %s  %.2f s\n", t->step, t->temperature, t->conserved, r->detail,
               r->seconds);
        fflush(stdout);
    }
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
    struct md_observer obs = {.stride = 1, .ctx = b, .observe = on_step};
    struct md_run_options o = {.nsteps = atol(argv[4]), .dt = a->dt, .removed_dof = 3, .observers = &obs, .nobservers = 1,
                               .outputs = &thermo, .noutputs = thermo ? 1 : 0};
    AL_TRY(md_run(&o, s, b->p, g, &r));
    *ret_drift = r.drift / AL_HARTREE_EV * 1e6;
    printf("%ld steps of %g fs at %.0f K (%s): first frame %.2f s; then per frame %.2f SCF steps, %.1f H|psi>, %.3f s; drift %.3f "
           "microHa/atom/ps, rms fluctuation %.3f microHa/atom\n",
           r.steps, a->dt, r.temperature, r.text, b->first, (double)b->scf / (double)b->n, (double)b->applies / (double)b->n,
           b->seconds / (double)b->n, *ret_drift, r.fluctuation / AL_HARTREE_EV * 1e6);
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
