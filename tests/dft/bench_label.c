// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Times one reference frame and compares with its record:
//   [mpirun -np N] bench_label FRAME CODE ECUT g|p|m [tol=X] [kerker=X] [beta=X] [extra=N] [coarse=X] [scale=X]
//     [norescue] [lapack] [-v]
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "reference.h"

static void observe(void *ctx, const struct dft_scf_step *s)
{
    (void)ctx;
    printf("%3d  E %.8f Ha  residual %.2e  tol %.1e  H|psi> %d\n", s->it, s->energy, s->residual, s->diag_tol,
           s->applies);
    fflush(stdout);
}

static void print(const struct reference *r, const struct al_frame *f, const struct label_report *rep)
{
    struct comparison c;
    struct rusage u;
    reference_compare(r, f, &c);
    getrusage(RUSAGE_SELF, &u);
    printf("%s %s %g Ha: %.2f s, %ld MiB, %d SCF, %d k, %d bands, %d PW, grid %dx%dx%d; E %.6f eV, dE %.4f "
           "meV/atom, dF %.2e "
           "(rms %.1e) eV/Ang, dS %.2e GPa, gap %.2f eV, net force %.1e %.1e %.1e\n",
           r->id, r->code, r->ecut, rep->seconds, u.ru_maxrss / 1024, rep->scf_iterations, rep->nkpt,
           rep->nbands, rep->npw, rep->fft[0], rep->fft[1], rep->fft[2], f->energy, c.energy, c.force,
           c.force_rms, c.stress, rep->gap, rep->residual_force[0], rep->residual_force[1],
           rep->residual_force[2]);
}

static void set_option(struct dft_options *opt, const char *arg)
{
    if (strncmp(arg, "tol=", 4) == 0) opt->scf_tol = atof(arg + 4);
    if (strncmp(arg, "kerker=", 7) == 0) opt->mix_kerker = atof(arg + 7);
    if (strncmp(arg, "beta=", 5) == 0) opt->mix_beta = atof(arg + 5);
    if (strncmp(arg, "extra=", 6) == 0) opt->nextra = atoi(arg + 6);
    if (strncmp(arg, "coarse=", 7) == 0) opt->coarse = atof(arg + 7);
    if (strncmp(arg, "scale=", 6) == 0) opt->diag_scale = atof(arg + 6);
    if (strcmp(arg, "norescue") == 0) opt->no_rescue = true;
    if (strcmp(arg, "lapack") == 0) opt->lapack_only = true;
    static const double special[1][3] = {{0.25, 0.25, 0.25}};
    if (strcmp(arg, "special") == 0)
        opt->kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = 1, .k = special};
    if (strncmp(arg, "ecut=", 5) == 0) { // other than the record's, on its own grid
        opt->ecut = atof(arg + 5);
        opt->fft_grid[0] = opt->fft_grid[1] = opt->fft_grid[2] = 0;
    }
    if (strcmp(arg, "-v") == 0) opt->observe = observe;
}

static enum al_err bench(struct comm *comm, int argc, char **argv)
{
    struct reference *r = NULL;
    struct labeler *l = NULL;
    struct label_report rep;
    struct dft_options opt;
    AL_TRY(reference_read(argv[1], argv[2], atof(argv[3]), argv[4][0], &r));
    spms_options(spms_dir(), &opt);
    reference_options(r, &opt);
    for (int i = 5; i < argc; i++)
        set_option(&opt, argv[i]);
    AL_TRY(dft_labeler_open(&opt, comm, &l));
    enum al_err e = l->ops->label(l, r->f, &rep);
    if (e == AL_ERR_OK && comm->rank == 0) print(r, r->f, &rep);
    labeler_destroy(&l);
    reference_destroy(&r);
    return e;
}

int main(int argc, char **argv)
{
    struct comm *comm = NULL;
    skip_without_data(true);
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&comm) != AL_ERR_OK) return 1;
    if (argc < 5) {
        fprintf(stderr, "usage: bench_label FRAME CODE ECUT g|p|m [tol=X] [-v] ...\n");
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
