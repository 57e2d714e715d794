// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the data check finds: each fault is put into good data (a Lennard-Jones crystal, strained and shaken; melts of Li3PS4 by
// first principles at constant cell), and must be found with its frames and its factor; the good data must be silent.
#include "dp_fixture.h"

#include "base/fsio.h"
#include "base/mem.h"
#include "md/potentials.h"
#include "train/check.h"

static const double FACTOR[] = {13.605693, 27.211386, 51.422067, 160.21766, 1602.1766};
enum { NFACTORS = 5 };

// fcc argon of 32 atoms: frames strained by up to 2 % (or not) and atoms moved by some 0.1 Ang.
static struct dp_dataset *crystal(int nframes, bool strained)
{
    static const double base[4][3] = {{0, 0, 0}, {0, 0.5, 0.5}, {0.5, 0, 0.5}, {0.5, 0.5, 0}};
    struct potential *p = NULL;
    struct al_frames *fs = NULL;
    struct dp_dataset *d = NULL;
    struct al_rng r;
    al_rng_stream(&r, 5, "crystal", 0, 0, 0);
    MUST(lj_potential_open(&(struct lj_options){.epsilon = 0.0103, .sigma = 3.4, .cutoff = 8}, &p));
    MUST(al_frames_create(&fs));
    for (int k = 0; k < nframes; k++) {
        struct al_frame *f = NULL;
        MUST(al_frame_create(32, &f));
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                f->cell[a][b] = 10.5 * ((a == b) + (strained ? 0.01 * al_rng_normal(&r) : 0));
        for (int i = 0; i < 32; i++) {
            double s[3];
            for (int a = 0; a < 3; a++)
                s[a] = 0.5 * (base[i % 4][a] + (i / 4 >> a & 1)) + 0.01 * al_rng_normal(&r);
            for (int b = 0; b < 3; b++)
                f->pos[i][b] = s[0] * f->cell[0][b] + s[1] * f->cell[1][b] + s[2] * f->cell[2][b];
            f->z[i] = 18;
        }
        f->pbc = true;
        struct pot_result q = {.forces = f->forces};
        MUST(p->ops->eval(p, f, &q));
        f->energy = q.energy - 500 * 32; // as pseudopotentials have it
        memcpy(f->virial, q.virial, sizeof f->virial);
        f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
        MUST(al_frames_push(fs, &f));
    }
    MUST(dp_dataset_create(&d));
    MUST(dp_dataset_add_frames(d, "argon", fs));
    al_frames_destroy(&fs);
    potential_destroy(&p);
    return d;
}

static void scale(double *x, size_t n, double f)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= f;
}

static void scale_frames(struct dp_system *s, char what, int first, int n, double f)
{
    size_t a = (size_t)first, m = (size_t)n, per = 3 * (size_t)s->natoms;
    if (what == 'e') scale(s->energy + a, m, f);
    if (what == 'f') scale(s->force + a * per, m * per, f);
    if (what == 'v') scale(s->virial + a * 9, m * 9, f);
}

static void print(const struct check *c)
{
    for (int i = 0; i < c->n; i++)
        print_message("    %s %s: %s\n", c->f[i].kind, c->f[i].system, c->f[i].text);
}

// Exactly one finding, of this kind, with all of these words.
static void expect(struct dp_dataset *d, const struct dp_dataset *valid, const char *kind, const char *const words[])
{
    struct check *c = NULL;
    MUST(dataset_check(d, valid, &c));
    if (c->n != (kind ? 1 : 0) || (kind && strcmp(c->f[0].kind, kind) != 0)) {
        print(c);
        fail_msg("%d findings instead of %s", c->n, kind ? kind : "none");
    }
    for (int i = 0; kind && words[i]; i++)
        if (!strstr(c->f[0].text, words[i])) fail_msg("'%s' is not in: %s", words[i], c->f[0].text);
    check_destroy(&c);
}

static void expect_units(struct dp_dataset *d, const char *frames, const char *what, double factor, const char *size)
{
    char number[32], too[32];
    snprintf(number, sizeof number, "%.6g ", factor);
    snprintf(too, sizeof too, "too %s", size);
    expect(d, NULL, "units", (const char *const[]){what, frames, number, too, NULL});
}

// Whole sets off by each factor, up and down: energies, forces or virials.
static void whole_sets(struct dp_dataset *d, const char *frames)
{
    static const char *const name[3] = {"energies of", "forces of", "virials of"};
    struct dp_system *s = &d->sys[0];
    int n = s->nframes;
    for (int what = 0; what < 3; what++)
        for (int k = 0; k < NFACTORS; k++)
            for (int up = 0; up < 2; up++) {
                if (what == 0 && k > 1) continue; // Ry and Ha; Ha/bohr, GPa and kbar are no units of energy
                double f = up ? FACTOR[k] : 1 / FACTOR[k];
                scale_frames(s, "efv"[what], 0, n, f);
                expect_units(d, frames, name[what], FACTOR[k], up ? "large" : "small");
                scale_frames(s, "efv"[what], 0, n, 1 / f);
            }
    expect(d, NULL, NULL, NULL);
}

static void strained_crystal(void **state)
{
    (void)state;
    struct dp_dataset *d = crystal(24, true);
    expect(d, NULL, NULL, NULL);
    whole_sets(d, "frames 0-23");
    dp_dataset_destroy(&d);
}

static void scale_positions(struct dp_system *s, int frame, double f) // towards the mean of frames 1 and up
{
    size_t n = 3 * (size_t)s->natoms;
    for (size_t i = 0; i < n; i++) {
        double mean = 0, *x = s->coord + n * (size_t)frame + i;
        for (int k = 1; k < s->nframes; k++)
            mean += s->coord[n * (size_t)k + i] / (s->nframes - 1);
        *x = mean + f * (*x - mean);
    }
}

// A relaxed frame among hot ones has small forces, and they are right.
static void relaxed_frame(void **state)
{
    (void)state;
    struct dp_dataset *d = crystal(24, false);
    struct dp_system *s = &d->sys[0];
    struct potential *p = NULL;
    MUST(lj_potential_open(&(struct lj_options){.epsilon = 0.0103, .sigma = 3.4, .cutoff = 8}, &p));
    for (int k = 0; k < 2; k++) { // the second time nearly at the minimum
        scale_positions(s, 0, 0.05);
        struct al_frame *f = NULL;
        MUST(dp_system_frame(s, 0, &f));
        struct pot_result q = {.forces = f->forces};
        MUST(p->ops->eval(p, f, &q));
        memcpy(s->force, f->forces, 96 * sizeof(double));
        memcpy(s->virial, q.virial, sizeof q.virial);
        s->energy[0] = q.energy - 500 * 32;
        expect(d, NULL, NULL, NULL);
        al_frame_destroy(&f);
    }
    potential_destroy(&p);
    dp_dataset_destroy(&d);
}

static void copy_frame(struct dp_system *to, int k, const struct dp_system *from, int i)
{
    size_t n = 3 * (size_t)from->natoms, a = (size_t)i, b = (size_t)k;
    memcpy(to->coord + b * n, from->coord + a * n, n * sizeof(double));
    memcpy(to->force + b * n, from->force + a * n, n * sizeof(double));
    memcpy(to->box + b * 9, from->box + a * 9, 9 * sizeof(double));
    memcpy(to->virial + b * 9, from->virial + a * 9, 9 * sizeof(double));
    to->energy[k] = from->energy[i];
}

static void melts(void **state)
{
    (void)state;
    static const char *const name[2] = {"beta-Li3PS4", "gamma-Li3PS4"};
    for (int k = 0; k < 2; k++) {
        char path[AL_PATH];
        MUST(al_path(path, "%s/data/lps/train/%s", ALND_SHARED_DIR, name[k]));
        if (!al_exists(path)) skip();
        const char *paths[] = {path};
        struct dp_dataset *d = NULL;
        MUST(dp_dataset_read(paths, 1, &d));
        expect(d, NULL, NULL, NULL);
        struct dp_system *s = &d->sys[0];
        s->nframes = s->set_frames[0] = 60;
        for (int i = 0; i < 60; i++) // without the cold start: times 13.6, its energy alone is far from the others'
            copy_frame(s, i, s, i + 10);
        s->nsets = 1;
        whole_sets(d, "frames 0-59");
        dp_dataset_destroy(&d);
    }
}

// Frames 7 to 9 among good ones.
static void some_frames(void **state)
{
    (void)state;
    struct dp_dataset *d = crystal(24, false);
    struct dp_system *s = &d->sys[0];
    expect(d, NULL, NULL, NULL);
    for (int k = 0; k < 2; k++) {
        scale_frames(s, 'e', 7, 3, 1 / FACTOR[k]);
        expect_units(d, "frames 7-9", "energies of", FACTOR[k], "small");
        scale_frames(s, 'e', 7, 3, FACTOR[k]);
    }
    for (int k = 0; k < NFACTORS; k++) {
        scale_frames(s, 'f', 7, 3, FACTOR[k]);
        expect_units(d, "frames 7-9", "forces of", FACTOR[k], "large");
        scale_frames(s, 'f', 7, 3, 1 / FACTOR[k]);
    }
    scale_frames(s, 'f', 4, 1, 1 / FACTOR[2]);
    expect_units(d, "frames 4:", "forces of", FACTOR[2], "small");
    scale_frames(s, 'f', 4, 1, FACTOR[2]);
    for (int k = 2; k < NFACTORS; k++) {
        scale_frames(s, 'v', 7, 3, FACTOR[k]);
        expect_units(d, "frames 7-9", "virials of", FACTOR[k], "large");
        scale_frames(s, 'v', 7, 3, 1 / FACTOR[k]);
    }
    s->energy[3] += 32 * 40;
    expect(d, NULL, "outlier", (const char *const[]){"energies of frames 3:", NULL});
    dp_dataset_destroy(&d);
}

static void duplicates(void **state)
{
    (void)state;
    struct dp_dataset *d = crystal(12, true), *v = crystal(3, true), *other = crystal(14, true);
    copy_frame(&v->sys[0], 0, &other->sys[0], 12); // not among d's twelve
    copy_frame(&v->sys[0], 1, &other->sys[0], 13);
    copy_frame(&d->sys[0], 9, &d->sys[0], 2);
    d->sys[0].coord[9 * 96 + 5] += 1e-7; // through a text file
    expect(d, NULL, "duplicate", (const char *const[]){"2 = 9", NULL});
    d->sys[0].energy[9] += 0.1;
    expect(d, NULL, "contradiction", (const char *const[]){"2 = 9", "different labels", NULL});
    copy_frame(&d->sys[0], 9, &other->sys[0], 9);
    copy_frame(&v->sys[0], 2, &d->sys[0], 4);
    expect(d, v, "leak", (const char *const[]){"4 of argon = 2 of argon", NULL});
    dp_dataset_destroy(&d);
    dp_dataset_destroy(&v);
    dp_dataset_destroy(&other);
}

static int marked(const struct dp_dataset *d, int mark, int *ret_last)
{
    struct check *c = NULL;
    int n = 0;
    MUST(dataset_check(d, NULL, &c));
    for (int i = 0; i < dp_dataset_nframes(d); i++)
        if (c->mark[i] & mark) {
            n++;
            *ret_last = i;
        }
    check_destroy(&c);
    return n;
}

// Frame by frame: of equal ones all but one, the first; with more labels that one, wherever it stands.
static void marks(void **state)
{
    (void)state;
    struct dp_dataset *d = crystal(12, true);
    int last = -1;
    assert_int_equal(marked(d, CHECK_DUPLICATE | CHECK_CONTRADICTION | CHECK_OVERLAP, &last), 0);
    copy_frame(&d->sys[0], 9, &d->sys[0], 2);
    assert_int_equal(marked(d, CHECK_DUPLICATE, &last), 1);
    assert_int_equal(last, 9);
    for (int k = 0; k < 3; k++) { // four of them, none to the last bit the same
        copy_frame(&d->sys[0], 5 + k, &d->sys[0], 2);
        d->sys[0].coord[(5 + (size_t)k) * 96 + 5] += 1e-7 * (k % 2 ? 1 : -1);
    }
    assert_int_equal(marked(d, CHECK_DUPLICATE, &last), 4);
    d->sys[0].energy[6] += 0.5; // this one contradicts the others and is no duplicate
    assert_int_equal(marked(d, CHECK_DUPLICATE, &last), 3);
    assert_int_equal(marked(d, CHECK_CONTRADICTION, &last), 5);
    memcpy(d->sys[0].coord + 11 * 96, d->sys[0].coord + 11 * 96 + 3, 3 * sizeof(double));
    assert_int_equal(marked(d, CHECK_OVERLAP, &last), 1);
    assert_int_equal(last, 11);
    dp_dataset_destroy(&d);

    // the same three frames, first without the virial
    struct dp_dataset *two = crystal(3, true), *full = crystal(3, true);
    struct al_frames *fs = NULL;
    two->sys[0].have &= ~(unsigned)AL_HAVE_VIRIAL;
    MUST(dp_dataset_frames(full, &fs));
    MUST(dp_dataset_add_frames(two, "again", fs));
    assert_int_equal(two->nsys, 2);
    assert_int_equal(marked(two, CHECK_DUPLICATE, &last), 3);
    assert_int_equal(last, 2);
    al_frames_destroy(&fs);
    dp_dataset_destroy(&two);
    dp_dataset_destroy(&full);
}

static void across(void **state) // single frames, each in its own system
{
    (void)state;
    struct dp_dataset *all = NULL;
    MUST(dp_dataset_create(&all));
    for (int k = 0; k < 4; k++) {
        struct dp_dataset *more = crystal(2 + k, true);
        struct al_frames *one = NULL;
        struct al_frame *f = NULL;
        char name[16];
        MUST(al_frames_create(&one));
        MUST(dp_system_frame(&more->sys[0], 1 + k, &f));
        if (k == 2) f->energy /= FACTOR[1];
        MUST(al_frames_push(one, &f));
        snprintf(name, sizeof name, "one-%d", k);
        MUST(dp_dataset_add_frames(all, name, one));
        al_frames_destroy(&one);
        dp_dataset_destroy(&more);
    }
    assert_int_equal(all->nsys, 4);
    expect_units(all, "frames 0-0", "energies of", FACTOR[1], "small");
    all->sys[2].energy[0] *= FACTOR[1];
    expect(all, NULL, NULL, NULL);
    dp_dataset_destroy(&all);
}

static void overlaps(void **state)
{
    (void)state;
    struct dp_dataset *d = crystal(4, false);
    double *x = d->sys[0].coord + 2 * 96;
    d->sys[0].have = AL_HAVE_ENERGY;
    memcpy(x + 3, x, 3 * sizeof *x);
    expect(d, NULL, "overlap", (const char *const[]){"frames 2", NULL});
    struct check *c = NULL;
    MUST(dataset_check(d, NULL, &c));
    assert_true(c->f[0].fatal);
    check_destroy(&c);
    x[3] += 0.9;
    expect(d, NULL, "close", (const char *const[]){"frames 2", "0.900 Ang", NULL});
    d->sys[0].have = 0;
    x[3] += 1.5;
    expect(d, NULL, "unlabelled", (const char *const[]){"4 frames", NULL});
    dp_dataset_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strained_crystal), cmocka_unit_test(melts),    cmocka_unit_test(some_frames),
        cmocka_unit_test(relaxed_frame),    cmocka_unit_test(across),
        cmocka_unit_test(duplicates),       cmocka_unit_test(overlaps), cmocka_unit_test(marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
