// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verbs that need no engine: init, gather, select, on run directories made here.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "train/dataset.h"
#include "worker/symmetry.h"
#include "worker/task.h"

#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char dir[] = "/tmp/alnd-verbs-XXXXXX";

static void write_text(const char *path, const char *text)
{
    assert_int_equal(al_file_write(path, text, strlen(text)), AL_ERR_OK);
}

// A run directory with two systems, as the daemon makes it; it is the working directory from then on.
static int make_run(void **state)
{
    (void)state;
    if (!mkdtemp(dir) || chdir(dir) || al_mkdirs("inputs")) return -1;
    if (al_file_copy(ALND_SOURCE_DIR "/configs/structures/beta.extxyz", "inputs/LPS.extxyz")) return -1;
    if (al_file_copy(ALND_SOURCE_DIR "/configs/structures/beta.extxyz", "inputs/LPSO.extxyz")) return -1;
    write_text("loop.yaml", "workdir: .\nseed: 7\n"
                            "systems:\n"
                            "  - {name: LPS, structure: x.extxyz, supercell: [1, 1, 2]}\n"
                            "  - {name: LPSO, structure: x.extxyz, substitute: {from: S, to: O, count: 1, arrangements: inequivalent}}\n"
                            "initial: {perturb: {frames: 5, displacement: 0.1 Ang, strain: 3 %}}\n"
                            "train: {validation: 25 %}\n"
                            "explore: {temperatures: [300 K]}\nproduction: {temperatures: [300 K]}\n"
                            "select: {trust: {low: 0.1 eV/Ang, high: 0.5 eV/Ang}, max_frames: 3}\n"
                            "test: {frames: 2}\n");
    return 0;
}

static int remove_run(void **state)
{
    (void)state;
    return chdir("/") || al_remove_tree(dir) ? -1 : 0;
}

// A task with this verb and inputs; the caller runs the verb.
static struct task *open_task(const char *id, const char *verb, const char *more)
{
    char path[AL_PATH], text[2048];
    struct task *t = NULL;
    assert_int_equal(al_mkdirs(id), AL_ERR_OK);
    snprintf(path, sizeof path, "%s/task.yaml", id);
    snprintf(text, sizeof text, "verb: %s\ntask: %s\nidentity: " ID64 "\nconfig: loop.yaml\n%s", verb, id, more);
    write_text(path, text);
    assert_int_equal(task_open(path, &t), AL_ERR_OK);
    return t;
}

static const char *fact(const struct task *t, const char *key)
{
    for (int i = 0; i < t->nfacts; i++)
        if (strcmp(t->fact[i].key, key) == 0) return t->fact[i].value;
    return "";
}

static int count_z(const struct al_frame *f, int z)
{
    int n = 0;
    for (int i = 0; i < f->natoms; i++)
        n += f->z[i] == z;
    return n;
}

static void beta_has_three_sulphur_sites(void **state)
{
    (void)state;
    AL_OWN(al_frame) f = NULL;
    int n, site[64];
    assert_int_equal(al_structure_read("inputs/LPS.extxyz", &f), AL_ERR_OK);
    assert_int_equal(symmetry_sites(f, 16, 1e-2, &n, site), AL_ERR_OK);
    assert_int_equal(n, 3); // Pnma: S on 8d, 4c, 4c
}

static void init_makes_supercells_and_arrangements(void **state)
{
    (void)state;
    AL_OWN(task) a = open_task("initial/LPS", "init", "system: LPS\ninputs:\n  structure: inputs/LPS.extxyz\n");
    AL_OWN(task) b = open_task("initial/LPSO", "init", "system: LPSO\ninputs:\n  structure: inputs/LPSO.extxyz\n");
    AL_OWN(al_frames) base = NULL;
    AL_OWN(al_frames) frames = NULL;
    assert_int_equal(verb_init(a), AL_ERR_OK);
    assert_int_equal(verb_init(b), AL_ERR_OK);
    assert_string_equal(fact(a, "nframes"), "5");
    assert_string_equal(fact(b, "nframes"), "15"); // three arrangements
    assert_int_equal(al_xyz_read("initial/LPS/base.extxyz", &base), AL_ERR_OK);
    assert_int_equal(base->f[0]->natoms, 64);
    assert_int_equal(al_xyz_read("initial/LPSO/frames.extxyz", &frames), AL_ERR_OK);
    AL_OWN(al_frames) doped = NULL;
    assert_int_equal(al_xyz_read("initial/LPSO/base.extxyz", &doped), AL_ERR_OK);
    for (int i = 0; i < doped->n; i++) { // P-S 2.05 Ang becomes P-O 2.05 (1.07 + 0.66)/(1.07 + 1.05)
        double d;
        int p, o;
        assert_int_equal(al_frame_min_distance(doped->f[i], &d, &p, &o), AL_ERR_OK);
        assert_true(doped->f[i]->z[p] + doped->f[i]->z[o] == 15 + 8);
        assert_true(d > 1.62 && d < 1.73);
    }
    double v0 = al_frame_volume(base->f[0]) / 2;
    for (int i = 0; i < frames->n; i++) {
        const struct al_frame *f = frames->f[i];
        assert_int_equal(count_z(f, 8), 1);
        assert_int_equal(count_z(f, 16), 15);
        double strain = al_frame_volume(f) / v0 - 1;
        assert_true(strain != 0 && fabs(strain) < 0.1);
        for (int j = 0; j < i; j++)
            assert_memory_not_equal(f->pos, frames->f[j]->pos, sizeof *f->pos);
    }
}

// Labelled frames as the label verb writes them: n frames of a system, with the given purpose.
static void labelled(const char *id, const char *system, const char *purpose, int n, const char *fingerprint)
{
    AL_OWN(al_frame) cell = NULL;
    AL_OWN(al_frames) fs = NULL;
    char path[AL_PATH], text[64];
    assert_int_equal(al_structure_read("inputs/LPS.extxyz", &cell), AL_ERR_OK);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    for (int i = 0; i < n; i++) {
        struct al_frame *f = NULL;
        assert_int_equal(al_frame_copy(cell, &f), AL_ERR_OK);
        f->energy = -100 - i;
        f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
        snprintf(text, sizeof text, "%s-%s-%d", id, system, i);
        assert_int_equal(al_frame_info_set(f, "frame_id", text), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "system", system), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "purpose", purpose), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "fingerprint", fingerprint), AL_ERR_OK);
        assert_int_equal(al_frames_push(fs, &f), AL_ERR_OK);
    }
    assert_int_equal(al_mkdirs(id), AL_ERR_OK);
    snprintf(path, sizeof path, "%s/labelled.extxyz", id);
    assert_int_equal(al_xyz_write(path, fs), AL_ERR_OK);
}

static int frames_in(const char *path)
{
    AL_OWN(dp_dataset) d = NULL;
    const char *paths[] = {path};
    if (!al_exists(path)) return 0;
    assert_int_equal(dp_dataset_read(paths, 1, &d), AL_ERR_OK);
    return dp_dataset_nframes(d);
}

static void gather_splits_and_repeats_safely(void **state)
{
    (void)state;
    labelled("l0", "LPS", "train", 6, ID64);
    labelled("l1", "LPSO", "train", 6, ID64);
    for (int round = 0; round < 2; round++) { // the second time nothing is added
        AL_OWN(task) t = open_task("initial/gather", "gather", "iteration: -1\ninputs:\n  labelled: [l0, l1]\n");
        assert_int_equal(verb_gather(t), AL_ERR_OK);
        assert_string_equal(fact(t, "ntrain"), "10"); // a quarter of each six, rounded down, is kept for validation
        assert_string_equal(fact(t, "nvalid"), "2");
        assert_int_equal(frames_in("data/train/LPS"), 5);
        assert_int_equal(frames_in("data/valid"), 2);
        assert_int_equal(frames_in("data/test"), 0);
    }
    labelled("l2", "LPS", "train", 2, ID64);
    labelled("l3", "LPS", "test", 3, ID64);
    AL_OWN(task) t = open_task("iterations/000/gather", "gather", "iteration: 0\ninputs:\n  labelled: [l2, l3]\n");
    assert_int_equal(verb_gather(t), AL_ERR_OK);
    assert_int_equal(frames_in("data/test/LPS"), 3);
    assert_int_equal(frames_in("data/train/LPS") + frames_in("data/valid/LPS"), 8);
    assert_int_equal(frames_in("data/valid/LPS"), 2); // 8 frames so far, a quarter
}

static void gather_refuses_other_settings(void **state)
{
    (void)state;
    char other[] = ID64;
    other[0] = 'f';
    labelled("l4", "LPS", "train", 1, other);
    AL_OWN(task) t = open_task("iterations/001/gather", "gather", "iteration: 1\ninputs:\n  labelled: [l4]\n");
    int before = frames_in("data/train");
    assert_int_equal(verb_gather(t), AL_ERR_INPUT);
    assert_int_equal(frames_in("data/train"), before);
}

// Explored frames of one trajectory with the given deviations.
static void explored(const char *id, const char *system, const char *purpose, int n, const double *dev)
{
    AL_OWN(al_frame) cell = NULL;
    char path[AL_PATH], text[64];
    AL_OWN(al_frames) fs = NULL;
    assert_int_equal(al_structure_read("inputs/LPS.extxyz", &cell), AL_ERR_OK);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    for (int i = 0; i < n; i++) {
        struct al_frame *f = NULL;
        assert_int_equal(al_frame_copy(cell, &f), AL_ERR_OK);
        f->pos[0][0] += 0.01 * (i + 1) + (purpose[1] == 'e' ? 0.001 : 0);
        snprintf(text, sizeof text, "%s-%d", id, i);
        assert_int_equal(al_frame_info_set(f, "frame_id", text), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "system", system), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "purpose", purpose), AL_ERR_OK);
        snprintf(text, sizeof text, "%.6f", dev[i]);
        assert_int_equal(al_frame_info_set(f, "deviation", text), AL_ERR_OK);
        assert_int_equal(al_frames_push(fs, &f), AL_ERR_OK);
    }
    assert_int_equal(al_mkdirs(id), AL_ERR_OK);
    snprintf(path, sizeof path, "%s/frames.extxyz", id);
    assert_int_equal(al_xyz_write(path, fs), AL_ERR_OK);
}

static void select_takes_candidates_and_never_repeats(void **state)
{
    (void)state;
    const double dev[8] = {0.05, 0.2, 0.3, 0.09, 0.15, 0.45, 0.7, NAN};
    AL_OWN(al_frames) first = NULL;
    AL_OWN(al_frames) second = NULL;
    explored("e-train", "LPS", "train", 8, dev);
    explored("e-test", "LPS", "test", 8, dev);
    AL_OWN(task) a = open_task("iterations/000/select", "select",
                               "iteration: 0\ninputs:\n  explored: [e-train, e-test]\n  earlier: []\n");
    assert_int_equal(verb_select(a), AL_ERR_OK);
    assert_string_equal(fact(a, "frames.LPS"), "5"); // 3 of 4 candidates, 2 test frames
    assert_string_equal(fact(a, "frames.LPSO"), "0");
    assert_string_equal(fact(a, "accurate"), "2");
    assert_string_equal(fact(a, "candidate"), "4");
    assert_string_equal(fact(a, "failed"), "2");
    assert_string_equal(fact(a, "candidate_fraction"), "0.75");
    assert_int_equal(al_xyz_read("iterations/000/select/LPS.extxyz", &first), AL_ERR_OK);
    for (int i = 0; i < first->n; i++) {
        double d = strtod(al_frame_info(first->f[i], "deviation"), NULL);
        bool test = strcmp(al_frame_info(first->f[i], "purpose"), "test") == 0;
        assert_true(test ? d < 0.5 : d >= 0.1 && d < 0.5);
        assert_int_equal(test, i >= 3);
    }
    // the same frames explored again: only the candidate not taken before is left
    AL_OWN(task) b = open_task("iterations/001/select", "select",
                               "iteration: 1\ninputs:\n  explored: [e-train]\n  earlier: [iterations/000/select]\n");
    assert_int_equal(verb_select(b), AL_ERR_OK);
    assert_string_equal(fact(b, "frames.LPS"), "1");
    assert_int_equal(al_xyz_read("iterations/001/select/LPS.extxyz", &second), AL_ERR_OK);
    char x[65], y[65];
    al_frame_hash(second->f[0], x);
    for (int i = 0; i < first->n; i++) {
        al_frame_hash(first->f[i], y);
        assert_string_not_equal(x, y);
    }
}

static void results_say_why_they_failed(void **state)
{
    (void)state;
    AL_OWN(task) t = open_task("initial/LPS2", "init", "system: LPS\ninputs:\n  structure: inputs/none.extxyz\n");
    AL_OWN(al_node) r = NULL;
    enum al_err e = verb_init(t);
    assert_int_equal(e, AL_ERR_NOTFOUND);
    assert_int_equal(task_finish(t, e), AL_ERR_OK);
    assert_int_equal(al_yaml_read("initial/LPS2/result.yaml", &r), AL_ERR_OK);
    assert_string_equal(al_node_str(r, "status", ""), "failed");
    assert_string_equal(al_node_str(al_node_get(r, "error"), "code", ""), "NOTFOUND");
    assert_non_null(strstr(al_node_str(al_node_get(r, "error"), "message", ""), "inputs/none.extxyz"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beta_has_three_sulphur_sites),
        cmocka_unit_test(init_makes_supercells_and_arrangements),
        cmocka_unit_test(gather_splits_and_repeats_safely),
        cmocka_unit_test(gather_refuses_other_settings),
        cmocka_unit_test(select_takes_candidates_and_never_repeats),
        cmocka_unit_test(results_say_why_they_failed),
    };
    return cmocka_run_group_tests(tests, make_run, remove_run);
}
