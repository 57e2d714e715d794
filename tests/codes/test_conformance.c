// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What every labeler promises (seam/labeler.h), the same for all: ours, and those of other people's programs.
//   test_codes_conformance [NAME ...]   ours, and with stand-ins for the programs; without names all
//   test_codes_conformance real NAME    the program itself (qe, abinit, cp2k); exit 77: it is not here
// A new one is a line in `labelers`; a program that can be had as well a line in `real_ones`.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/mem.h"
#include "comm/comm.h"
#include "dft/dft.h"
#include "samples.h"

static struct comm *world;
static char dir[AL_PATH];

struct wish {
    double scale;     // of the cut-off
    int max_scf;      // 0: enough
    const char *mode; // of a stand-in: what goes wrong
};

static enum al_err open_dft(const char *name, const struct wish *w, struct labeler **ret)
{
    static const struct dft_pseudo pseudo[] = {{3, "GTH-PBE-q1"}, {15, "GTH-PBE-q5"}, {16, "GTH-PBE-q6"}};
    struct dft_options o;
    (void)name;
    dft_options_init(&o);
    o.ecut = 5 * w->scale;
    o.functional = "PBE";
    o.pseudo = pseudo;
    o.npseudo = 3;
    o.min_distance = 0.5;
    if (w->max_scf) o.max_scf = w->max_scf;
    AL_TRY(dft_labeler_open(&o, world, ret));
    return AL_ERR_OK;
}

static enum al_err open_code(struct code_options *o, const struct wish *w, struct labeler **ret)
{
    o->settings.ecut *= w->scale;
    if (w->max_scf) o->settings.max_scf = w->max_scf;
    AL_TRY(code_labeler_open(o, ret));
    return AL_ERR_OK;
}

static enum al_err open_stand_in(const char *name, const struct wish *w, struct labeler **ret)
{
    struct code_options o = sample_code(name, dir, w->mode ? w->mode : "");
    return open_code(&o, w, ret);
}

static enum al_err open_real(const char *name, const struct wish *w, struct labeler **ret)
{
    struct code_options o = sample_real(name, dir);
    return open_code(&o, w, ret);
}

// What a stand-in calls its failures; NULL: it has none such.
struct modes {
    const char *order, *unconverged, *once, *cut, *electrons; // atoms in another order; never converged; not on the first rung; ends in the middle
};

struct subject {
    const char *name;
    enum al_err (*open)(const char *name, const struct wish *w, struct labeler **ret);
    bool pseudopotentials;
    bool waves;    // plane waves by a cut-off: the virial is the derivative at a fixed set of them
    double digits; // of energies, eV; forces and stress have them per Ang and 10 times less
    struct modes mode;
};

static const struct subject labelers[] = {
    {"dft", open_dft, true, true, 1e-5, {0}},
    {"qe", open_stand_in, true, false, 3e-7, {"order", "unconverged", "unconverged-once", "cut", "electrons"}},
    {"command", open_stand_in, false, false, 1e-9, {"order", "unconverged", NULL, NULL, NULL}},
    {"vasp", open_stand_in, true, false, 1e-8, {"swapped", "unconverged", "need-all", "cut", "electrons"}},
    {"abinit", open_stand_in, true, false, 1e-8, {"order", "unconverged", "unconverged-once", "cut", "electrons"}},
    {"cp2k", open_stand_in, true, false, 1e-8, {"place", "unconverged", "unconverged-once", "cut", "electrons"}},
};
static const struct subject real_ones[] = {
    {"qe", open_real, true, true, 1e-6, {0}},
    {"abinit", open_real, true, true, 1e-6, {0}},
    {"cp2k", open_real, true, false, 1e-6, {0}},
};
enum { NLABELERS = sizeof labelers / sizeof labelers[0], NREAL = sizeof real_ones / sizeof real_ones[0] };

static const struct subject *chosen[NLABELERS]; // those of this run
static int nchosen;

static struct labeler *open_as(const struct subject *s, const struct wish *w)
{
    struct labeler *l = NULL;
    enum al_err e = s->open(s->name, w, &l);
    if (e) fail_msg("%s: %s", s->name, al_err_message());
    return l;
}

static struct labeler *open_it(const struct subject *s, double scale)
{
    return open_as(s, &(struct wish){.scale = scale});
}

static struct al_frame *labelled(struct labeler *l, struct al_frame *f, struct label_report *rep)
{
    enum al_err e = l->ops->label(l, f, rep);
    if (e) fail_msg("%s", al_err_message());
    assert_int_equal(f->have & (AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL), AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL);
    return f;
}

// All fields, the same again, symmetric virial, the report filled in, atoms in our order whatever that is.
static void test_labels(void **state)
{
    static const int turn[SAMPLE_ATOMS] = {4, 0, 3, 1, 2};
    (void)state;
    for (int i = 0; i < nchosen; i++) {
        const struct subject *s = chosen[i];
        struct labeler *l = open_it(s, 1);
        struct label_report rep, again;
        struct al_frame *f = labelled(l, sample_frame(), &rep), *g = labelled(l, sample_frame(), &again), *h = sample_frame();
        assert_true(isfinite(f->energy) && f->energy == rep.energies.total);
        assert_true(f->energy == g->energy);
        assert_memory_equal(f->forces, g->forces, sizeof(double[SAMPLE_ATOMS][3]));
        assert_memory_equal(f->virial, g->virial, sizeof f->virial);
        for (int a = 0; a < 9; a++)
            assert_true(f->virial[a / 3][a % 3] == f->virial[a % 3][a / 3]);
        assert_true(rep.seconds > 0 && rep.rung == 0 && rep.rung_name && rep.rung_name[0] && rep.detail[0]);
        for (int d = 0; d < 3; d++)
            if (!(fabs(rep.residual_force[d]) < 0.1)) fail_msg("%s: forces sum to %g eV/Ang", s->name, rep.residual_force[d]);
        for (int k = 0; k < SAMPLE_ATOMS; k++) {
            h->z[k] = f->z[turn[k]];
            memcpy(h->pos[k], f->pos[turn[k]], sizeof h->pos[k]);
        }
        labelled(l, h, &again);
        assert_true(fabs(h->energy - f->energy) < 100 * s->digits);
        for (int k = 0; k < 3 * SAMPLE_ATOMS; k++)
            assert_true(fabs(h->forces[k / 3][k % 3] - f->forces[turn[k / 3]][k % 3]) < 1000 * s->digits);
        al_frame_destroy(&f);
        al_frame_destroy(&g);
        al_frame_destroy(&h);
        labeler_destroy(&l);
    }
}

// strain: along d, or along all for d = -1.
static double energy_at(struct labeler *l, int atom, int d, double step, double strain)
{
    struct label_report rep;
    struct al_frame *f = sample_frame();
    if (step != 0) f->pos[atom][d] += step;
    for (int k = d < 0 ? 0 : d; k <= (d < 0 ? 2 : d); k++) {
        for (int i = 0; i < 3; i++)
            f->cell[i][k] *= 1 + strain;
        for (int i = 0; i < f->natoms; i++)
            f->pos[i][k] *= 1 + strain;
    }
    double e = labelled(l, f, &rep)->energy;
    al_frame_destroy(&f);
    return e;
}

static double strained(const struct subject *s, struct labeler *l, double strain)
{
    if (!s->waves) return energy_at(l, 0, 2, 0, strain);
    struct labeler *same = open_it(s, 1 / ((1 + strain) * (1 + strain))); // the same waves
    double e = energy_at(same, 0, -1, 0, strain);
    labeler_destroy(&same);
    return e;
}

// Forces and virial are the energy's derivatives, with our signs. Plane waves: all of the cell is strained, its cut-off with it.
static void test_derivatives(void **state)
{
    const double step = 0.02, strain = 0.004;
    (void)state;
    for (int i = 0; i < nchosen; i++) {
        const struct subject *s = chosen[i];
        struct labeler *l = open_it(s, 1);
        struct label_report rep;
        struct al_frame *f = labelled(l, sample_frame(), &rep);
        double force = -(energy_at(l, 3, 1, step, 0) - energy_at(l, 3, 1, -step, 0)) / (2 * step);
        double virial = -(strained(s, l, strain) - strained(s, l, -strain)) / (2 * strain);
        double have = s->waves ? f->virial[0][0] + f->virial[1][1] + f->virial[2][2] : f->virial[2][2];
        print_message("%s: force %.6f, by differences %.6f eV/Ang; virial %.6f, by differences %.6f eV\n", s->name, f->forces[3][1], force, have, virial);
        if (!(fabs(force - f->forces[3][1]) < 0.002 + 0.004 * fabs(force))) fail_msg("%s: force", s->name);
        if (!(fabs(virial - have) < 0.002 + 0.004 * fabs(virial))) fail_msg("%s: virial", s->name);
        al_frame_destroy(&f);
        labeler_destroy(&l);
    }
}

// The frame stays as it was, and the labeler goes on working.
static void test_refusals(void **state)
{
    (void)state;
    for (int i = 0; i < nchosen; i++) {
        const struct subject *s = chosen[i];
        struct labeler *l = open_it(s, 1);
        struct label_report rep;
        struct al_frame *f = sample_frame();
        memcpy(f->pos[1], f->pos[0], sizeof f->pos[0]);
        assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
        assert_int_equal(f->have, 0);
        assert_true(rep.detail[0] != '\0');
        al_frame_destroy(&f);
        f = sample_frame();
        f->pbc = false;
        assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
        al_frame_destroy(&f);
        f = sample_frame();
        f->z[2] = 92;
        if (s->pseudopotentials) assert_int_equal(l->ops->label(l, f, &rep), AL_ERR_INPUT);
        assert_int_equal(f->have, 0);
        al_frame_destroy(&f);
        f = labelled(l, sample_frame(), &rep);
        al_frame_destroy(&f);
        labeler_destroy(&l);
    }
}

// words: in the reason; NULL: any.
static void fails(const struct subject *s, const struct wish *w, enum al_err code, const char *words)
{
    struct labeler *l = open_as(s, w);
    struct label_report rep;
    struct al_frame *f = sample_frame();
    enum al_err e = l->ops->label(l, f, &rep);
    if (e != code) fail_msg("%s %s: %s (%s), not %s", s->name, w->mode ? w->mode : "", al_err_name(e), al_err_message(), al_err_name(code));
    assert_int_equal(f->have, 0);
    assert_true(rep.detail[0] != '\0');
    if (words && !strstr(al_err_message(), words)) fail_msg("%s %s: no '%s' in: %s", s->name, w->mode ? w->mode : "", words, al_err_message());
    al_frame_destroy(&f);
    labeler_destroy(&l);
}

// What must not become a label.
static void test_failures(void **state)
{
    (void)state;
    for (int i = 0; i < nchosen; i++) {
        const struct subject *s = chosen[i];
        const struct modes *m = &s->mode;
        // nothing converges in two steps
        fails(s, &(struct wish){.scale = 1, .max_scf = m->unconverged ? 0 : 2, .mode = m->unconverged}, AL_ERR_NOTCONV, "converge");
        if (m->order) fails(s, &(struct wish){.scale = 1, .mode = m->order}, AL_ERR_UNPHYSICAL, "order");
        if (m->cut) fails(s, &(struct wish){.scale = 1, .mode = m->cut}, AL_ERR_NOTCONV, "cut short");
        if (m->electrons) fails(s, &(struct wish){.scale = 1, .mode = m->electrons}, AL_ERR_UNPHYSICAL, "electrons");
        if (m->once) {
            struct labeler *l = open_as(s, &(struct wish){.scale = 1, .mode = m->once}), *plain = open_it(s, 1);
            struct label_report rep, first;
            struct al_frame *f = labelled(l, sample_frame(), &rep), *g = labelled(plain, sample_frame(), &first);
            assert_true(rep.rung > 0 && rep.scf_iterations >= first.scf_iterations && strcmp(rep.rung_name, first.rung_name) != 0);
            assert_true(f->energy == g->energy);
            // another way to the same ground state
            assert_string_equal(l->ops->fingerprint(l), plain->ops->fingerprint(plain));
            al_frame_destroy(&f);
            al_frame_destroy(&g);
            labeler_destroy(&l);
            labeler_destroy(&plain);
        }
    }
}

static void test_fingerprints(void **state)
{
    char all[2 * NLABELERS][65];
    (void)state;
    for (int i = 0; i < nchosen; i++)
        for (int k = 0; k < 2; k++) {
            struct labeler *l = open_it(chosen[i], k ? 1.2 : 1), *again = open_it(chosen[i], k ? 1.2 : 1);
            const char *print = l->ops->fingerprint(l);
            assert_int_equal(strlen(print), 64);
            assert_int_equal(strspn(print, "0123456789abcdef"), 64);
            assert_string_equal(print, again->ops->fingerprint(again));
            snprintf(all[2 * i + k], sizeof all[0], "%s", print);
            labeler_destroy(&l);
            labeler_destroy(&again);
        }
    for (int i = 0; i < 2 * nchosen; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(all[i], all[k]);
}

// "" or why the program cannot be run here.
static const char *missing(const char *name)
{
    static char why[300];
    char path[AL_PATH], command[3 * AL_PATH];
    const char *program = code_find(name)->program, *pseudo = getenv("ALND_PSEUDO_DIR");
    snprintf(why, sizeof why, "no '%s' in PATH", al_program_find(program, path) ? "mpirun" : program);
    if (!al_program_find(program, path) || !al_program_find("mpirun", path)) return why;
    if (strcmp(name, "qe") != 0) return "";
    snprintf(command, sizeof command, "python3 '%s/tests/dft/peer/upf.py' '%.4000s/SPMS' '%.4000s' Li P S", ALND_SOURCE_DIR,
             pseudo ? pseudo : ALND_SOURCE_DIR "/.alnd/pseudo", dir);
    int rc = system(command);
    return !WIFEXITED(rc) || WEXITSTATUS(rc) != 0 ? "no pseudopotentials (./setup.sh fetches them)" : "";
}

static bool choose(const struct subject *from, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (nchosen < NLABELERS && strcmp(from[i].name, name) == 0) {
            chosen[nchosen++] = &from[i];
            return true;
        }
    fprintf(stderr, "no labeler '%s' here\n", name);
    return false;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),   cmocka_unit_test(test_derivatives),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failures), cmocka_unit_test(test_fingerprints),
    };
    bool real = argc == 3 && strcmp(argv[1], "real") == 0;
    char name[64];
    snprintf(name, sizeof name, "codes_conformance%s%.30s", real ? "_" : "", real ? argv[2] : "");
    sample_directory(name, dir);
    if (real) {
        if (!choose(real_ones, NREAL, argv[2])) return 2;
        const char *why = missing(argv[2]);
        if (why[0]) {
            printf("skipped: %s\n", why);
            return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL); // without MPI here: mpirun is started
    }
    for (int i = 1; i < argc; i++)
        if (!choose(labelers, NLABELERS, argv[i])) return 2;
    for (int i = 0; i < NLABELERS && argc == 1; i++)
        choose(labelers, NLABELERS, labelers[i].name);
    if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&world) != AL_ERR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    comm_destroy(&world);
    comm_finalize();
    return failed;
}
