// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// libalnd as another program links it (the shared library): equal to the potential behind the seam, with its own and with
// the caller's neighbour list; committee; bad input; HDF5 handles; threads.
#include "../dp/dp_fixture.h"

#include <hdf5.h>
#include <pthread.h>
#include <unistd.h>

#include <alnd.h>

#include "base/fsio.h"
#include "base/neigh.h"
#include "committee/committee.h"
#include "dp/potential.h"

enum { N = 40, MODELS = 3, CAP = 4000 };
static const int Z[] = {3, 15, 16, 8};
static char dir[] = "/tmp/alnd-capi-XXXXXX";
static char path[MODELS][64];
static const char *paths[MODELS];

#define GOOD(expr)                                                                                           \
    do {                                                                                                     \
        int rc_ = (expr);                                                                                    \
        if (rc_) fail_msg("%s: %d, %s", #expr, rc_, alnd_error());                                           \
    } while (0)

struct values { // of a member, or of all
    double energy[MODELS], virial[MODELS][9], forces[MODELS * CAP][3], ae[MODELS * CAP], av[MODELS * CAP][9];
};

static alnd_result all_of(struct values *v)
{
    memset(v, 0, sizeof *v);
    return (alnd_result){v->energy, &v->forces[0][0], &v->virial[0][0], v->ae, &v->av[0][0]};
}

static void near(const char *what, int n, const double *a, const double *b, double tol)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tol)) fail_msg("%s[%d]: %.17g, expected %.17g", what, i, a[i], b[i]);
}

static void types_of(const struct al_frame *f, int *t)
{
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 4; k++)
            if (f->z[i] == Z[k]) t[i] = k;
}

static struct values *ours, *theirs; // large

static void own_list(void **state)
{
    (void)state;
    alnd_model *m;
    struct potential *p = NULL;
    GOOD(alnd_open(path[0], &m));
    MUST(dp_potential_open(path[0], DP_WAY_PLAIN, &p));
    assert_int_equal(alnd_models(m), 1);
    assert_true(alnd_cutoff(m) == 4.5);
    assert_int_equal(alnd_types(m), 4);
    assert_string_equal(alnd_type_name(m, 2), "S");
    assert_null(alnd_type_name(m, 4));
    assert_int_equal(alnd_type_of(m, "O"), 3);
    assert_int_equal(alnd_type_of(m, "Fe"), -1);
    assert_int_equal(alnd_sel(m, 0, 1), 12);
    assert_int_equal(alnd_sel(m, 1, 1), -1);
    for (int pbc = 0; pbc < 2; pbc++) {
        struct al_frame *f = fixture_frame(N, Z, 4, pbc ? 8.5 : 14, 1.7, 11);
        int t[N];
        double ae[N], sum[10] = {0};
        f->pbc = pbc;
        types_of(f, t);
        struct pot_result want = {.forces = f->forces, .atomic_energy = ae};
        MUST(p->ops->eval(p, f, &want));
        alnd_result r = all_of(ours);
        GOOD(alnd_eval(m, 0, N, &f->pos[0][0], t, pbc ? &f->cell[0][0] : NULL, &r));
        near("energy", 1, ours->energy, &want.energy, 1e-12);
        near("forces", 3 * N, &ours->forces[0][0], &f->forces[0][0], 1e-12);
        near("virial", 9, ours->virial[0], &want.virial[0][0], 1e-12);
        near("atom energies", N, ours->ae, ae, 1e-12);
        for (int i = 0; i < N; i++) {
            sum[9] += ours->ae[i];
            for (int a = 0; a < 9; a++)
                sum[a] += ours->av[i][a];
        }
        near("sum of atom virials", 9, sum, ours->virial[0], 1e-11);
        near("sum of atom energies", 1, sum + 9, ours->energy, 1e-11);
        double most_f = 0, most_v = 0; // not zero everywhere
        for (int i = 0; i < N; i++) {
            most_f = fmax(most_f, fabs(f->forces[i][0]));
            most_v = fmax(most_v, fabs(ours->av[i][1]));
        }
        assert_true(most_f > 1e-3 && most_v > 1e-4);
        // a part of the results gives the same
        double energy = 0;
        alnd_result only = {.energy = &energy};
        GOOD(alnd_eval(m, 0, N, &f->pos[0][0], t, pbc ? &f->cell[0][0] : NULL, &only));
        assert_true(fabs(energy - want.energy) <= 1e-12);
        al_frame_destroy(&f);
    }
    potential_destroy(&p);
    alnd_close(m);
    alnd_close(NULL);
}

// A periodic frame as LAMMPS has it: ghosts around the cell, full lists with a skin, bits in the list that do not count.
struct ghosts {
    int n, home[CAP], type[CAP], centre[N], count[N], *row[N], list[N][CAP / 4];
    double x[CAP][3];
};

static struct ghosts *make_ghosts(const struct al_frame *f, double reach)
{
    struct ghosts *g = calloc(1, sizeof *g);
    assert_non_null(g);
    int t[N];
    types_of(f, t);
    for (int pass = 0; pass < 2; pass++) // the local atoms first
        for (int u = -2; u <= 2; u++)
            for (int v = -2; v <= 2; v++)
                for (int w = -2; w <= 2; w++)
                    for (int i = 0; i < N; i++) {
                        if ((u || v || w) != pass) continue;
                        assert_true(g->n < CAP);
                        for (int a = 0; a < 3; a++)
                            g->x[g->n][a] = f->pos[i][a] + u * f->cell[0][a] + v * f->cell[1][a] + w * f->cell[2][a];
                        bool reached = !pass;
                        for (int k = 0; k < N && !reached; k++) {
                            double d2 = 0;
                            for (int a = 0; a < 3; a++)
                                d2 += (g->x[k][a] - g->x[g->n][a]) * (g->x[k][a] - g->x[g->n][a]);
                            reached = d2 < reach * reach;
                        }
                        if (!reached) continue;
                        g->home[g->n] = i;
                        g->type[g->n++] = t[i];
                    }
    for (int k = 0; k < N; k++) {
        int i = (k * 7 + 3) % N; // centres in another order than the atoms
        g->centre[k] = i;
        g->row[k] = g->list[k];
        for (int j = 0; j < g->n; j++) {
            double d2 = 0;
            for (int a = 0; a < 3; a++)
                d2 += (g->x[j][a] - g->x[i][a]) * (g->x[j][a] - g->x[i][a]);
            if (j == i || d2 >= reach * reach) continue;
            g->list[k][g->count[k]++] = j | (j % 3 ? 0 : 0x40000000);
        }
    }
    return g;
}

static alnd_list list_of(const struct ghosts *g)
{
    return (alnd_list){N, g->centre, g->count, (const int *const *)g->row, 0x1fffffff};
}

static void callers_list(void **state)
{
    (void)state;
    alnd_model *m;
    struct al_frame *f = fixture_frame(N, Z, 4, 8.5, 1.7, 12);
    struct ghosts *g = make_ghosts(f, 5.5);
    int t[N];
    static double folded[N][3], folded_v[N][9];
    types_of(f, t);
    GOOD(alnd_open_committee(paths, MODELS, &m));
    for (int k = 0; k < MODELS; k++) {
        alnd_result a = all_of(theirs), b = all_of(ours);
        alnd_list l = list_of(g);
        GOOD(alnd_eval(m, k, N, &f->pos[0][0], t, &f->cell[0][0], &a));
        GOOD(alnd_eval_list(m, k, g->n, &g->x[0][0], g->type, &l, &b));
        near("energy", 1, ours->energy, theirs->energy, 1e-11);
        near("virial", 9, ours->virial[0], theirs->virial[0], 1e-11);
        near("atom energies", N, ours->ae, theirs->ae, 1e-11);
        memset(folded, 0, sizeof folded);
        memset(folded_v, 0, sizeof folded_v);
        for (int i = 0; i < g->n; i++) {
            for (int c = 0; c < 3; c++)
                folded[g->home[i]][c] += ours->forces[i][c];
            for (int c = 0; c < 9; c++)
                folded_v[g->home[i]][c] += ours->av[i][c];
            if (i >= N) assert_true(ours->ae[i] == 0);
        }
        near("forces", 3 * N, &folded[0][0], &theirs->forces[0][0], 1e-11);
        near("atom virials", 9 * N, &folded_v[0][0], &theirs->av[0][0], 1e-11);
    }
    free(g);
    al_frame_destroy(&f);
    alnd_close(m);
}

// An atom of negative type is as if it were not there, in both ways of asking.
static void absent_atoms(void **state)
{
    (void)state;
    alnd_model *m;
    struct al_frame *f = fixture_frame(N, Z, 4, 8.5, 1.7, 13);
    int t[N], few[N], n = 0;
    static double x[N][3];
    types_of(f, t);
    for (int i = 0; i < N; i++) {
        if (i % 5 == 2) continue;
        memcpy(x[n], f->pos[i], sizeof x[n]);
        few[n++] = t[i];
    }
    GOOD(alnd_open(path[0], &m));
    alnd_result a = all_of(theirs);
    GOOD(alnd_eval(m, 0, n, &x[0][0], few, &f->cell[0][0], &a));
    struct ghosts *g = make_ghosts(f, 5.5);
    for (int i = 0; i < g->n; i++)
        if (g->home[i] % 5 == 2) g->type[i] = -1;
    for (int i = 2; i < N; i += 5)
        t[i] = -3;
    for (int with_list = 0; with_list < 2; with_list++) {
        alnd_result b = all_of(ours);
        alnd_list l = list_of(g);
        if (with_list)
            GOOD(alnd_eval_list(m, 0, g->n, &g->x[0][0], g->type, &l, &b));
        else
            GOOD(alnd_eval(m, 0, N, &f->pos[0][0], t, &f->cell[0][0], &b));
        near("energy", 1, ours->energy, theirs->energy, 1e-11);
        near("virial", 9, ours->virial[0], theirs->virial[0], 1e-11);
        for (int i = 0, k = 0; i < N; i++) {
            if (i % 5 == 2) {
                assert_true(ours->ae[i] == 0 && ours->forces[i][1] == 0 && ours->av[i][3] == 0);
                continue;
            }
            near("atom energy", 1, &ours->ae[i], &theirs->ae[k], 1e-11);
            if (!with_list) near("force", 3, ours->forces[i], theirs->forces[k], 1e-11);
            k++;
        }
    }
    // no atom at all
    alnd_result b = all_of(ours);
    alnd_list none = {0};
    ours->energy[0] = 1;
    GOOD(alnd_eval(m, 0, 0, NULL, NULL, NULL, &b));
    assert_true(ours->energy[0] == 0);
    GOOD(alnd_eval_list(m, 0, g->n, &g->x[0][0], g->type, &none, &b));
    assert_true(ours->energy[0] == 0 && ours->forces[1][1] == 0);
    free(g);
    al_frame_destroy(&f);
    alnd_close(m);
}

static void whole_committee(void **state)
{
    (void)state;
    alnd_model *m;
    struct committee *c = NULL;
    struct al_frame *f = fixture_frame(N, Z, 4, 8.5, 1.7, 14);
    int t[N];
    double fi[N], want_f[N];
    struct deviation want = {.f = want_f};
    alnd_deviation d;
    types_of(f, t);
    GOOD(alnd_open_committee(paths, MODELS, &m));
    assert_int_equal(alnd_models(m), MODELS);
    assert_true(alnd_cutoff(m) == 5.0); // of the last member
    MUST(committee_open(paths, MODELS, DP_WAY_PLAIN, &c));
    MUST(committee_eval(c, f, &want, NULL));
    alnd_result r = all_of(ours);
    GOOD(alnd_eval(m, ALND_ALL, N, &f->pos[0][0], t, &f->cell[0][0], &r));
    for (int k = 0; k < MODELS; k++) {
        const struct pot_result *one = committee_member(c, k);
        near("energy", 1, &ours->energy[k], &one->energy, 1e-11);
        near("forces", 3 * N, &ours->forces[k * N][0], &one->forces[0][0], 1e-11);
        near("virial", 9, ours->virial[k], &one->virial[0][0], 1e-11);
    }
    GOOD(alnd_deviation_of(MODELS, N, ours->energy, &ours->forces[0][0], &ours->virial[0][0], &d, fi));
    near("deviation", 7, &d.max_force, &want.max_f, 1e-12);
    near("deviation of atoms", N, fi, want_f, 1e-12);
    assert_true(d.max_force > d.avg_force && d.avg_force > d.min_force && d.min_force > 0 && d.energy > 0);
    // f_0 by hand
    double v = 0;
    for (int a = 0; a < 3; a++) {
        double mean = 0, square = 0;
        for (int k = 0; k < MODELS; k++) {
            mean += ours->forces[k * N][a] / MODELS;
            square += ours->forces[k * N][a] * ours->forces[k * N][a] / MODELS;
        }
        v += square - mean * mean;
    }
    assert_true(fabs(sqrt(v) - fi[0]) < 1e-9);
    committee_destroy(&c);
    al_frame_destroy(&f);
    alnd_close(m);
}

static char *slurp(const char *name, size_t *n)
{
    char *text = NULL;
    MUST(al_file_read(name, 0, &text, n));
    return text;
}

static void from_memory(void **state)
{
    (void)state;
    alnd_model *m, *k;
    size_t n;
    AL_AUTOFREE char *bytes = slurp(path[0], &n);
    const char *name = path[0], *bad = "elsewhere";
    const void *p = bytes;
    struct al_frame *f = fixture_frame(N, Z, 4, 8.5, 1.7, 15);
    int t[N];
    types_of(f, t);
    GOOD(alnd_open(path[0], &m));
    GOOD(alnd_open_bytes(&name, &p, &n, 1, &k));
    alnd_result a = all_of(ours), b = all_of(theirs);
    GOOD(alnd_eval(m, 0, N, &f->pos[0][0], t, &f->cell[0][0], &a));
    GOOD(alnd_eval(k, 0, N, &f->pos[0][0], t, &f->cell[0][0], &b));
    assert_memory_equal(ours, theirs, sizeof *ours);
    alnd_close(k);
    n /= 2; // cut off
    k = NULL;
    assert_int_equal(alnd_open_bytes(&bad, &p, &n, 1, &k), ALND_ERROR_FILE);
    assert_non_null(strstr(alnd_error(), "elsewhere"));
    n = 0;
    assert_int_equal(alnd_open_bytes(&bad, &p, &n, 1, &k), ALND_ERROR_FILE);
    assert_null(k);
    al_frame_destroy(&f);
    alnd_close(m);
}

static void refused(int code, int want, const char *word)
{
    if (code != want || !strstr(alnd_error(), word)) fail_msg("%d (%s), expected %d (%s)", code, alnd_error(), want, word);
}

static void bad_files(void **state)
{
    (void)state;
    alnd_model *m = NULL;
    char name[80];
    struct dp_config c = {.ntypes = 1, .type_map = {"Li"}, .rcut = 4, .rcut_smth = 0.5, .sel = {20}, .nneuron = 2,
                          .neuron = {4, 8}, .axis_neuron = 4, .type_one_side = true, .nfit = 1, .fit = {6}};
    refused(alnd_open("/nowhere/x.dp", &m), ALND_ERROR_FILE, "/nowhere/x.dp");
    refused(alnd_open(NULL, &m), ALND_ERROR_INPUT, "NULL");
    refused(alnd_open(path[0], NULL), ALND_ERROR_INPUT, "NULL");
    refused(alnd_open_committee(paths, 0, &m), ALND_ERROR_INPUT, "no model");
    refused(alnd_open(dir, &m), ALND_ERROR_FILE, dir);
    snprintf(name, sizeof name, "%s/text.dp", dir);
    MUST(al_file_write(name, "not a model\n", 12));
    refused(alnd_open(name, &m), ALND_ERROR_FILE, "HDF5");
    struct dp_model *lithium = fixture_model(&c, 5);
    snprintf(name, sizeof name, "%s/li.dp", dir);
    MUST(dp_model_write(name, lithium));
    dp_model_destroy(&lithium);
    const char *two[] = {path[0], name};
    refused(alnd_open_committee(two, 2, &m), ALND_ERROR_INPUT, "other types");
    assert_null(m);
}

static void bad_frames(void **state)
{
    (void)state;
    alnd_model *m;
    GOOD(alnd_open(path[0], &m));
    double x[3][3] = {{0, 0, 0}, {2, 0, 0}, {0, 2, 0}}, cell[9] = {9, 0, 0, 0, 9, 0, 0, 0, 9}, flat[9] = {0};
    double energy = 77, force[9] = {77};
    int t[3] = {0, 1, 2};
    alnd_result r = {.energy = &energy, .forces = force};
    refused(alnd_eval(NULL, 0, 3, x[0], t, cell, &r), ALND_ERROR_INPUT, "NULL");
    refused(alnd_eval(m, 0, 3, x[0], t, cell, NULL), ALND_ERROR_INPUT, "NULL");
    refused(alnd_eval(m, 0, 3, NULL, t, cell, &r), ALND_ERROR_INPUT, "NULL");
    refused(alnd_eval(m, 1, 3, x[0], t, cell, &r), ALND_ERROR_INPUT, "member 1");
    refused(alnd_eval(m, 0, -1, x[0], t, cell, &r), ALND_ERROR_INPUT, "-1 atoms");
    refused(alnd_eval(m, 0, 3, x[0], t, flat, &r), ALND_ERROR_INPUT, "volume");
    t[1] = 4;
    refused(alnd_eval(m, 0, 3, x[0], t, cell, &r), ALND_ERROR_INPUT, "type 4");
    t[1] = 1;
    x[1][2] = NAN;
    refused(alnd_eval(m, 0, 3, x[0], t, cell, &r), ALND_ERROR_UNPHYSICAL, "not a number");
    memset(x[1], 0, sizeof x[1]);
    refused(alnd_eval(m, 0, 3, x[0], t, NULL, &r), ALND_ERROR_UNPHYSICAL, "same place");
    int centre[2] = {0, 2}, count[2] = {1, 1}, a[1] = {1}, b[1] = {0};
    const int *row[2] = {a, b};
    alnd_list l = {2, centre, count, row, 0};
    refused(alnd_eval_list(m, 0, 3, x[0], t, &l, &r), ALND_ERROR_UNPHYSICAL, "same place");
    x[1][0] = 2;
    a[0] = 3;
    refused(alnd_eval_list(m, 0, 3, x[0], t, &l, &r), ALND_ERROR_INPUT, "atom 3 of 3");
    a[0] = -1;
    refused(alnd_eval_list(m, 0, 3, x[0], t, &l, &r), ALND_ERROR_INPUT, "atom -1 of 3");
    a[0] = 1;
    centre[1] = 0;
    refused(alnd_eval_list(m, 0, 3, x[0], t, &l, &r), ALND_ERROR_INPUT, "twice");
    centre[1] = 7;
    refused(alnd_eval_list(m, 0, 3, x[0], t, &l, &r), ALND_ERROR_INPUT, "atom 7");
    count[0] = -2;
    refused(alnd_eval_list(m, 0, 3, x[0], t, &l, &r), ALND_ERROR_INPUT, "");
    refused(alnd_eval_list(m, 0, 3, x[0], t, NULL, &r), ALND_ERROR_INPUT, "list");
    alnd_deviation d;
    refused(alnd_deviation_of(1, 0, &energy, force, cell, &d, NULL), ALND_ERROR_INPUT, "0 atoms");
    refused(alnd_deviation_of(1, 3, NULL, force, cell, &d, NULL), ALND_ERROR_INPUT, "NULL");
    assert_true(energy == 77 && force[0] == 77);
    GOOD(alnd_eval(m, 0, 3, x[0], t, cell, &r)); // and it still works
    assert_true(energy != 77);
    alnd_close(m);
}

// The library shares libhdf5 with this program: its open ids are visible here.
static void hdf5_handles(void **state)
{
    (void)state;
    alnd_model *m;
    size_t n;
    AL_AUTOFREE char *bytes = slurp(path[1], &n);
    const char *name = path[1];
    const void *p = bytes;
    hid_t kept = H5Fopen(path[0], H5F_ACC_RDONLY, H5P_DEFAULT); // the count is not blind
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 1);
    H5Fclose(kept);
    GOOD(alnd_open_committee(paths, MODELS, &m));
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
    alnd_close(m);
    GOOD(alnd_open_bytes(&name, &p, &n, 1, &m));
    alnd_close(m);
    for (size_t cut = 100; cut < n; cut += n / 7) { // failures in different places
        memset(bytes + cut, 0, n / 7 < n - cut ? n / 7 : n - cut);
        assert_int_not_equal(alnd_open_bytes(&name, &p, &n, 1, &m), ALND_OK);
        assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
        al_free(bytes);
        bytes = slurp(path[1], &n);
        p = bytes;
    }
    H5E_auto2_t report; // what the host said about HDF5's messages still holds
    void *data;
    H5Eget_auto2(H5E_DEFAULT, &report, &data);
    assert_non_null(report);
}

struct job {
    alnd_model *m; // shared, or NULL: opens its own
    const struct al_frame *f;
    const int *t;
    double energy, forces[N][3];
    bool good;
};

static void *work(void *arg)
{
    struct job *j = arg;
    alnd_result r = {.energy = &j->energy, .forces = &j->forces[0][0]};
    j->good = true;
    for (int k = 0; k < 20; k++) {
        alnd_model *m = j->m;
        double x[N][3]; // other positions in between
        memcpy(x, j->f->pos, sizeof x);
        x[k][0] += 0.1;
        if (!m && alnd_open(path[0], &m)) j->good = false;
        if (!j->good) return NULL;
        if (alnd_eval(m, 0, N, x[0], j->t, &j->f->cell[0][0], &r)) j->good = false;
        if (alnd_eval(m, 0, N, &j->f->pos[0][0], j->t, &j->f->cell[0][0], &r)) j->good = false;
        if (alnd_open("/nowhere", &(alnd_model *){NULL}) != ALND_ERROR_FILE || !strstr(alnd_error(), "nowhere"))
            j->good = false;
        if (!j->m) alnd_close(m);
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    enum { T = 6 };
    alnd_model *m;
    struct al_frame *f = fixture_frame(N, Z, 4, 8.5, 1.7, 16);
    int t[N];
    double energy;
    static double force[N][3];
    static struct job job[T];
    pthread_t id[T];
    alnd_result r = {.energy = &energy, .forces = force[0]};
    types_of(f, t);
    GOOD(alnd_open(path[0], &m));
    GOOD(alnd_eval(m, 0, N, &f->pos[0][0], t, &f->cell[0][0], &r));
    for (int k = 0; k < T; k++) {
        job[k] = (struct job){.m = k % 2 ? m : NULL, .f = f, .t = t};
        assert_int_equal(pthread_create(&id[k], NULL, work, &job[k]), 0);
    }
    for (int k = 0; k < T; k++) {
        pthread_join(id[k], NULL);
        assert_true(job[k].good);
        assert_true(job[k].energy == energy);
        assert_memory_equal(job[k].forces, force, sizeof force);
    }
    al_frame_destroy(&f);
    alnd_close(m);
}

// ALND_PRECISION: the default is double; all within the promised distance of plain, and not plain itself.
static void precisions(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double energy, force; // eV/atom, eV/Ang
    } ways[] = {{NULL, 1e-8, 1e-8}, {"double", 1e-8, 1e-8}, {"mixed", 1e-6, 1e-4}, {"plain", 0, 0}};
    struct al_frame *f = fixture_frame(N, Z, 4, 8.5, 1.7, 12);
    alnd_model *m;
    int t[N];
    types_of(f, t);
    GOOD(alnd_open(path[0], &m)); // plain, see main
    alnd_result r = all_of(theirs);
    GOOD(alnd_eval(m, 0, N, &f->pos[0][0], t, &f->cell[0][0], &r));
    alnd_close(m);
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
        if (ways[k].name) setenv("ALND_PRECISION", ways[k].name, 1);
        else unsetenv("ALND_PRECISION");
        GOOD(alnd_open(path[0], &m));
        r = all_of(ours);
        GOOD(alnd_eval(m, 0, N, &f->pos[0][0], t, &f->cell[0][0], &r));
        alnd_close(m);
        near("energy", 1, ours->energy, theirs->energy, N * ways[k].energy);
        near("forces", 3 * N, &ours->forces[0][0], &theirs->forces[0][0], ways[k].force);
        near("virial", 9, ours->virial[0], theirs->virial[0], N * ways[k].force);
        near("atom virials", 9 * N, &ours->av[0][0], &theirs->av[0][0], 10 * ways[k].force);
        assert_true((memcmp(&ours->forces, &theirs->forces, N * sizeof ours->forces[0]) == 0) == (ways[k].force == 0));
    }
    setenv("ALND_PRECISION", "half", 1);
    assert_int_equal(alnd_open(path[0], &m), ALND_ERROR_INPUT);
    assert_non_null(strstr(alnd_error(), "ALND_PRECISION"));
    setenv("ALND_PRECISION", "plain", 1);
    al_frame_destroy(&f);
}

int main(void)
{
    setenv("ALND_PRECISION", "plain", 1); // the other tests compare with the plain evaluation, to rounding
    if (!mkdtemp(dir)) return 1;
    ours = calloc(1, sizeof *ours);
    theirs = calloc(1, sizeof *theirs);
    for (int k = 0; k < MODELS; k++) {
        snprintf(path[k], sizeof path[k], "%s/%d.dp", dir, k);
        paths[k] = path[k];
        struct dp_model *m = fixture_model(NULL, 100 + (uint64_t)k);
        if (k == MODELS - 1) m->c.rcut = 5.0; // a member with an environment of its own
        if (k == 0) m->c.zbl = (struct dp_zbl_range){1.0, 2.5}; // and one with repulsion
        if (dp_model_write(path[k], m) != AL_ERR_OK) return 1;
        dp_model_destroy(&m);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_list),    cmocka_unit_test(precisions), cmocka_unit_test(callers_list), cmocka_unit_test(absent_atoms),
        cmocka_unit_test(whole_committee), cmocka_unit_test(from_memory), cmocka_unit_test(bad_files),
        cmocka_unit_test(bad_frames),  cmocka_unit_test(hdf5_handles), cmocka_unit_test(threads)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(ours);
    free(theirs);
    if (al_remove_tree(dir) != AL_ERR_OK) return 1;
    return rc;
}
