// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Labels one frame from the command line, for the benchmark and peer scripts and for profiling.
//
// A record of shared/data/dft_reference.json, compared with it:
//   [mpirun -np N] bench_label FRAME CODE ECUT g|p|m [key=value ...]
// Any frame (extended XYZ), answer as one line of JSON with `json`:
//   [mpirun -np N] bench_label FRAME.extxyz ecut=X [pseudo=Z:FILE ...] [key=value ...]
// With `follow` every frame of the file, each starting from the ones before it (label.continue).
//
// Keys: ecut, tol (Ha), functional, grid=n,n,n, mesh=n,n,n, shift=n,n,n, kpt=x,y,z (repeated), spacing, smearing=none | gaussian |
// fermi-dirac | marzari-vanderbilt, width (Ha), charge, kerker, beta, extra, start, coarse, scale (of the eigensolver's tolerances),
// set=spms | gth | gthq1, pseudo=Z:FILE; words: special (the point 1/4,1/4,1/4), lapack, scalapack, complex (at Gamma, too), norescue,
// json, -v.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "reference.h"

enum { MAX_KPT = 32, MAX_PSEUDO = 8, MAX_STEPS = 800 };

struct job {
    struct dft_options opt;
    double kpt[MAX_KPT][3];
    struct dft_pseudo pseudo[MAX_PSEUDO];
    char functional[128];
    int nkpt, npseudo;
    bool json, verbose;
    int done;                // SCF steps seen
    double when[MAX_STEPS];  // their ends, s
    double bytes[MAX_STEPS]; // sent by this rank until then
    int applies[MAX_STEPS];
    int rung[MAX_STEPS];
    double residual[MAX_STEPS]; // Ha
    const struct comm *comm;
};

static void observe(void *ctx, const struct dft_scf_step *s)
{
    struct job *j = ctx;
    if (j->done < MAX_STEPS) {
        j->when[j->done] = al_clock();
        j->rung[j->done] = s->rung;
        j->residual[j->done] = s->residual;
        j->bytes[j->done] = (double)comm_bytes(j->comm);
        j->applies[j->done++] = s->applies;
    }
    if (!j->verbose) return;
    printf("%3d  E %.8f Ha  residual %.2e  tol %.1e  H|psi> %d\n", s->it, s->energy, s->residual, s->diag_tol,
           s->applies);
    fflush(stdout);
}

static long memory_mib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static void print_comparison(const struct reference *r, const struct al_frame *f,
                             const struct label_report *rep)
{
    struct comparison c;
    reference_compare(r, f, &c);
    printf("%s %s %g Ha: %.2f s, %ld MiB, %d SCF, %d k, %d bands, %d PW, grid %dx%dx%d; E %.6f eV, dE %.4f "
           "meV/atom, dF %.2e (rms %.1e) eV/Ang, dS %.2e GPa, gap %.2f eV, net force %.1e %.1e %.1e\n",
           r->id, r->code, r->ecut, rep->seconds, memory_mib(), rep->scf_iterations, rep->nkpt, rep->nbands,
           rep->npw, rep->fft[0], rep->fft[1], rep->fft[2], f->energy, c.energy, c.force, c.force_rms,
           c.stress, rep->gap, rep->residual_force[0], rep->residual_force[1], rep->residual_force[2]);
}

static void print_rows(const char *key, int n, const double (*v)[3], double factor)
{
    printf(", \"%s\": [", key);
    for (int i = 0; i < n; i++)
        printf("%s[%.14g, %.14g, %.14g]", i ? ", " : "", factor * v[i][0], factor * v[i][1],
               factor * v[i][2]);
    printf("]");
}

static void print_number(const char *key, double v)
{
    if (isfinite(v)) printf(", \"%s\": %.14g", key, v);
}

static void print_steps(const struct job *j)
{
    printf(", \"rungs\": [");
    for (int i = 0; i < j->done; i++)
        printf("%s%d", i ? ", " : "", j->rung[i]);
    printf("], \"residuals\": [");
    for (int i = 0; i < j->done; i++)
        printf("%s%.3e", i ? ", " : "", j->residual[i]);
    printf("]");
}

// A frame without a label.
static void print_failure(const struct job *j, const struct label_report *rep)
{
    printf("{\"rung\": %d, \"seconds\": %.4f, \"coarse_steps\": %d, \"error\": \"%s\"", rep->rung, rep->seconds,
           rep->coarse_iterations, rep->detail);
    print_steps(j);
    printf("}\n");
}

// eV, eV/Ang, eV/Ang^3.
static void print_json(const struct job *j, const struct al_frame *f, const struct label_report *rep)
{
    printf("{\"scf\": %d, \"kpoints\": %d, \"bands\": %d, \"npw\": %d, \"fft\": [%d, %d, %d], \"applies\": %ld, "
           "\"ffts\": %ld, \"rung\": %d, \"seconds\": %.4f, \"mib\": %ld, \"detail\": \"%s\"",
           rep->scf_iterations, rep->nkpt, rep->nbands, rep->npw, rep->fft[0], rep->fft[1], rep->fft[2],
           rep->applies, rep->ffts, rep->rung, rep->seconds, memory_mib(), rep->detail);
    if (j->done > 1) { // of the last step
        const int i = j->done - 1;
        print_number("step_seconds", j->when[i] - j->when[i - 1]);
        print_number("step_bytes", j->bytes[i] - j->bytes[i - 1]);
        print_number("step_applies", j->applies[i] - j->applies[i - 1]);
    }
    print_steps(j);
    print_number("coarse_steps", rep->coarse_iterations);
    print_number("band_residual", rep->band_residual);
    print_number("depth", rep->band_depth);
    print_number("energy", f->energy);
    print_rows("forces", f->natoms, (const double(*)[3])f->forces, 1);
    print_rows("stress", 3, (const double(*)[3])f->virial, -1 / al_frame_volume(f));
    print_rows("net_force", 1, (const double(*)[3])rep->residual_force, 1);
    print_number("gap", rep->gap);
    print_number("fermi", rep->fermi);
    if (j->opt.smearing != DFT_SMEARING_NONE) print_number("ts", rep->energies.smearing);
    printf("}\n");
}

static const char *after(const char *arg, const char *key)
{
    size_t n = strlen(key);
    return strncmp(arg, key, n) == 0 && arg[n] == '=' ? arg + n + 1 : NULL;
}

static bool triple_i(const char *arg, const char *key, int v[3])
{
    const char *t = after(arg, key);
    return t && sscanf(t, "%d,%d,%d", &v[0], &v[1], &v[2]) == 3;
}

static bool set_number(struct dft_options *opt, const char *arg)
{
    const struct {
        const char *key;
        double *to;
    } numbers[] = {{"tol", &opt->scf_tol},      {"kerker", &opt->mix_kerker}, {"beta", &opt->mix_beta},
                   {"charge", &opt->charge},    {"width", &opt->smearing_width},
                   {"coarse", &opt->coarse},    {"scale", &opt->diag_scale},
                   {"spacing", &opt->kpoints.spacing}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *t = after(arg, numbers[i].key);
        if (t) *numbers[i].to = strtod(t, NULL);
        if (t && strcmp(numbers[i].key, "spacing") == 0) opt->kpoints.kind = DFT_KPOINTS_SPACING;
        if (t) return true;
    }
    return false;
}

static bool set_kpoint(struct job *j, const char *arg)
{
    struct dft_kpoints *k = &j->opt.kpoints;
    const char *t = after(arg, "kpt");
    if (strcmp(arg, "special") == 0) t = "0.25,0.25,0.25";
    if (t && j->nkpt < MAX_KPT) {
        double *v = j->kpt[j->nkpt];
        if (sscanf(t, "%lf,%lf,%lf", &v[0], &v[1], &v[2]) != 3) return false;
        *k = (struct dft_kpoints){.kind = DFT_KPOINTS_LIST, .n = ++j->nkpt, .k = (const double(*)[3])j->kpt};
        return true;
    }
    if (!triple_i(arg, "mesh", k->mesh)) return triple_i(arg, "shift", k->shift);
    k->kind = DFT_KPOINTS_MESH;
    return true;
}

static bool set_smearing(struct dft_options *opt, const char *arg)
{
    static const struct {
        const char *name;
        enum dft_smearing kind;
    } kinds[] = {{"none", DFT_SMEARING_NONE},
                 {"gaussian", DFT_SMEARING_GAUSSIAN},
                 {"fermi-dirac", DFT_SMEARING_FERMI},
                 {"marzari-vanderbilt", DFT_SMEARING_COLD}};
    const char *t = after(arg, "smearing");
    for (size_t i = 0; t && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(t, kinds[i].name) == 0) {
            opt->smearing = kinds[i].kind;
            return true;
        }
    return false;
}

static bool set_pseudo(struct job *j, const char *arg)
{
    const char *t = after(arg, "pseudo"), *colon = t ? strchr(t, ':') : NULL;
    if (!colon || j->npseudo == MAX_PSEUDO) return false;
    j->pseudo[j->npseudo++] = (struct dft_pseudo){(int)strtol(t, NULL, 10), colon + 1};
    j->opt.pseudo = j->pseudo;
    j->opt.npseudo = j->npseudo;
    return true;
}

static enum al_err set_option(struct job *j, const char *arg)
{
    struct dft_options *opt = &j->opt;
    const char *t;
    if (set_number(opt, arg) || set_kpoint(j, arg) || set_pseudo(j, arg) || set_smearing(opt, arg) ||
        triple_i(arg, "grid", opt->fft_grid))
        return AL_ERR_OK;
    if (after(arg, "set")) return AL_ERR_OK; // read before
    if ((t = after(arg, "ecut"))) { // other than the record's: on its own grid
        opt->ecut = strtod(t, NULL);
        opt->fft_grid[0] = opt->fft_grid[1] = opt->fft_grid[2] = 0;
    } else if ((t = after(arg, "functional"))) {
        snprintf(j->functional, sizeof j->functional, "%s", t);
        opt->functional = j->functional;
    } else if ((t = after(arg, "extra"))) {
        opt->nextra = (int)strtol(t, NULL, 10);
    } else if ((t = after(arg, "start"))) {
        opt->start = (int)strtol(t, NULL, 10);
    } else if (strcmp(arg, "lapack") == 0) {
        opt->dense = DFT_DENSE_LAPACK;
    } else if (strcmp(arg, "scalapack") == 0) {
        opt->dense = DFT_DENSE_SCALAPACK;
    } else if (strcmp(arg, "norescue") == 0) {
        opt->no_rescue = true;
    } else if (strcmp(arg, "follow") == 0) {
        opt->follow = true;
    } else if (strcmp(arg, "complex") == 0) {
        opt->complex_gamma = true;
    } else if (strcmp(arg, "json") == 0) {
        j->json = true;
    } else if (strcmp(arg, "-v") == 0) {
        j->verbose = true;
    } else {
        AL_FAIL(AL_ERR_INPUT, "bench_label: unknown or bad argument %s", arg);
    }
    return AL_ERR_OK;
}

static void set_defaults(struct job *j, const char *set)
{
    if (strcmp(set, "spms") == 0)
        spms_options(spms_dir(), &j->opt);
    else
        gth_options(set, &j->opt);
    j->opt.observe = observe;
    j->opt.ctx = j;
}

// ret_r: the record, NULL for a file. ret_f: borrowed from the record, else the caller's.
static enum al_err read_input(int argc, char **argv, struct job *j, struct reference **ret_r,
                              struct al_frame **ret_f)
{
    const char *dot = strrchr(argv[1], '.'), *set = "spms";
    const bool file = dot && strcmp(dot, ".extxyz") == 0;
    if (!file && argc < 5) AL_FAIL(AL_ERR_INPUT, "bench_label FRAME CODE ECUT g|p|m, or FRAME.extxyz ecut=X");
    for (int i = 2; i < argc; i++)
        if (after(argv[i], "set")) set = after(argv[i], "set");
    set_defaults(j, set);
    if (file) {
        AL_TRY(al_structure_read(argv[1], ret_f));
    } else {
        AL_TRY(reference_read_set(set, argv[1], argv[2], atof(argv[3]), argv[4][0], ret_r));
        reference_options(*ret_r, &j->opt);
        *ret_f = (*ret_r)->f;
    }
    for (int i = file ? 2 : 5; i < argc; i++)
        AL_TRY(set_option(j, argv[i]));
    return AL_ERR_OK;
}

static enum al_err one(struct job *j, struct labeler *l, const struct reference *r, struct al_frame *f)
{
    struct label_report rep;
    j->done = 0;
    enum al_err e = l->ops->label(l, f, &rep);
    if (e == AL_ERR_OK && j->comm->rank == 0) {
        if (j->json) print_json(j, f, &rep);
        if (!j->json && r) print_comparison(r, f, &rep);
        if (!j->json && !r) printf("%.10f eV, %s, %.2f s\n", f->energy, rep.detail, rep.seconds);
    }
    if (e && j->comm->rank == 0 && j->json) print_failure(j, &rep);
    fflush(stdout);
    return e;
}

static enum al_err all_of(struct job *j, struct labeler *l, const char *path)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_xyz_read(path, &fs));
    for (int i = 0; i < fs->n; i++)
        AL_TRY(one(j, l, NULL, fs->f[i]));
    return AL_ERR_OK;
}

static enum al_err bench(struct comm *comm, int argc, char **argv)
{
    AL_OWN(reference) r = NULL;
    struct al_frame *f = NULL;
    struct labeler *l = NULL;
    struct job j = {.comm = comm};
    AL_TRY(read_input(argc, argv, &j, &r, &f));
    AL_TRY(dft_labeler_open(&j.opt, comm, &l));
    enum al_err e = j.opt.follow && !r ? all_of(&j, l, argv[1]) : one(&j, l, r, f);
    labeler_destroy(&l);
    if (!r) al_frame_destroy(&f);
    return e;
}

int main(int argc, char **argv)
{
    struct comm *comm = NULL;
    if (argc < 3) {
        fprintf(stderr, "usage: bench_label FRAME CODE ECUT g|p|m [key=value ...] | FRAME.extxyz ecut=X ...\n");
        return 2;
    }
    skip_without_data(strstr(argv[1], ".extxyz") == NULL);
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&comm) != AL_ERR_OK) return 1;
    enum al_err e = bench(comm, argc, argv);
    if (e != AL_ERR_OK) {
        fprintf(stderr, "%s\n", al_err_message());
        al_err_print_trace(stderr);
    }
    comm_destroy(&comm);
    comm_finalize();
    return e == AL_ERR_OK ? 0 : 1;
}
