// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verbs that need no engine: init, gather, select, import, on run directories made here.
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
#include "verbs.h"

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

// Test frames of larger cells are a data set of their own.
static void gather_keeps_larger_cells_apart(void **state)
{
    (void)state;
    const int twice[3] = {2, 1, 1};
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(al_frames) large = NULL;
    labelled("l5", "LPS", "test", 2, ID64);
    assert_int_equal(al_xyz_read("l5/labelled.extxyz", &fs), AL_ERR_OK);
    assert_int_equal(al_frames_create(&large), AL_ERR_OK);
    for (int i = 0; i < 2; i++) {
        struct al_frame *f = NULL;
        if (i) assert_int_equal(al_frame_supercell(fs->f[i], twice, &f), AL_ERR_OK);
        else assert_int_equal(al_frame_copy(fs->f[i], &f), AL_ERR_OK);
        if (i) assert_int_equal(al_frame_info_set(f, "supercell", "2x1x1"), AL_ERR_OK);
        f->energy = -100;
        f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
        assert_int_equal(al_frames_push(large, &f), AL_ERR_OK);
    }
    assert_int_equal(al_xyz_write("l5/labelled.extxyz", large), AL_ERR_OK);
    int before = frames_in("data/test/LPS");
    AL_OWN(task) t = open_task("iterations/001/gather", "gather", "iteration: 1\ninputs:\n  labelled: [l5]\n");
    assert_int_equal(verb_gather(t), AL_ERR_OK);
    assert_string_equal(fact(t, "ntest"), "2");
    assert_int_equal(frames_in("data/test/LPS"), before + 1);
    assert_int_equal(frames_in("data/test/LPS-2x1x1"), 1);
    assert_int_equal(frames_in("data/test"), before + 2);
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
    random_model("first.dp", 3);
    explored("e-train", "LPS", "train", 8, dev);
    explored("e-test", "LPS", "test", 8, dev);
    AL_OWN(task) a = open_task("iterations/000/select", "select",
                               "iteration: 0\ninputs:\n  explored: [e-train, e-test]\n  earlier: []\n  models: [first.dp]\n");
    assert_int_equal(verb_select(a), AL_ERR_OK);
    assert_string_equal(fact(a, "frames.LPS"), "5"); // 3 of 4 candidates, 2 test frames
    assert_string_equal(fact(a, "frames.LPSO"), "0");
    assert_string_equal(fact(a, "accurate"), "2");
    assert_string_equal(fact(a, "candidate"), "4");
    assert_string_equal(fact(a, "failed"), "1");
    assert_string_equal(fact(a, "broken"), "1"); // its deviation is no number
    assert_string_equal(fact(a, "duplicates"), "0");
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
                               "iteration: 1\ninputs:\n  explored: [e-train]\n  earlier: [iterations/000/select]\n  models: [first.dp]\n");
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

// Explored: one atom moved ever farther along x, i = 0 .. 5 by (i + 1) 0.01 Ang; labelled: the cell itself (l0 .. of the gather test).
// What was labelled pushes the choice to the far end; a near duplicate is none of max_frames; a broken frame is named.
static void select_goes_far_from_what_is_labelled(void **state)
{
    (void)state;
    const double dev[6] = {0.2, 0.2, 0.2, 0.2, NAN, 0.2};
    explored("f-train", "LPS", "train", 6, dev);
    random_model("first.dp", 3);
    AL_AUTOFREE char *loop = NULL;
    AL_AUTOFREE char *csv = NULL;
    AL_AUTOFREE char *yaml = NULL;
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    char text[4096], *at = strstr(loop, "max_frames: 3, diversity: random, duplicate: 0");
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*smax_frames: 2, diversity: farthest, duplicate: 0.000001%s", (int)(at - loop), loop,
             at + strlen("max_frames: 3, diversity: random, duplicate: 0"));
    write_text("loop.yaml", text);
    // what iteration 1 measured: errors twice the deviation, on 8 frames of 300 K; frames of these tests have no temperature
    char pairs[2048] = "# force_rmse wanted / eV/Ang: 0.1\n"
                       "frame_id,set,system,temperature_K,atoms,deviation_eV_per_Ang,max_force_error_eV_per_Ang,"
                       "force_rmse_eV_per_Ang,max_force_eV_per_Ang,energy_error_eV_per_atom\n";
    for (int i = 0; i < 8; i++)
        add(pairs, sizeof pairs, "x,test,LPS,300,32,0.2,0.4,0.1,2,0.001\n");
    write_text("pairs.csv", pairs);
    AL_OWN(task) t = open_task("iterations/002/select", "select",
                               "iteration: 2\ninputs:\n  explored: [f-train]\n  earlier: []\n  models: [first.dp]\n"
                               "  calibration: pairs.csv\n");
    assert_int_equal(verb_select(t), AL_ERR_OK);
    write_text("loop.yaml", loop);
    assert_string_equal(fact(t, "frames.LPS"), "2");
    assert_string_equal(fact(t, "broken"), "1");
    assert_int_equal(al_file_read("iterations/002/select/classes.csv", 0, &csv, NULL), AL_ERR_OK);
    has(row_of(csv, "f-train-5"), "candidate,yes"); // 0.06 Ang from the labelled cell
    has(row_of(csv, "f-train-1"), "candidate,no");  // nearer to the labelled cell than 0.03 and 0.04, of which one is taken
    has(row_of(csv, "f-train-0"), "candidate,no");
    has(row_of(csv, "f-train-0"), "max_frames reached");
    has(row_of(csv, "f-train-4"), "broken,no");
    has(row_of(csv, "f-train-4"), "is no number");
    assert_int_equal(al_file_read("iterations/002/select/selection.yaml", 0, &yaml, NULL), AL_ERR_OK);
    // q = 0.4/0.1 = 4, s = 2: low 4 * 0.1/2, high 2 * 0.2
    has(row_of(yaml, "system: LPS,"), "temperature: 300, low: 0.2, high: 0.4, from: system and temperature");
    has(row_of(yaml, "system: LPSO,"), "from: all");
    assert_non_null(strstr(yaml, "broken:\n  - {frame: f-train-4, reason: the deviation is no number}"));
    // the same frames, those two taken: what is left of them is near nothing new at a wide threshold
    at = strstr(text, "0.000001");
    memcpy(at, "10      ", 8);
    write_text("loop.yaml", text);
    AL_OWN(task) again = open_task("iterations/003/select", "select",
                                   "iteration: 3\ninputs:\n  explored: [f-train]\n  earlier: [iterations/002/select]\n"
                                   "  models: [first.dp]\n");
    assert_int_equal(verb_select(again), AL_ERR_OK);
    write_text("loop.yaml", loop);
    assert_string_equal(fact(again, "frames.LPS"), "0");
    assert_string_equal(fact(again, "duplicates"), "5");
    al_free(csv);
    csv = NULL;
    assert_int_equal(al_file_read("iterations/003/select/classes.csv", 0, &csv, NULL), AL_ERR_OK);
    has(row_of(csv, "f-train-5"), "equal to a frame selected before");
    has(row_of(csv, "f-train-1"), "near duplicate");
    has(row_of(csv, "f-train-1"), ",l0-LPS-0,near"); // most of its atoms have not moved: the labelled cell has them
}

// Held-out frames of initial.data measure the window before any iteration has labelled a test frame.
static void select_measures_on_held_out_data(void **state)
{
    (void)state;
    const double dev[2] = {0.2, 0.2};
    AL_OWN(al_frame) cell = NULL;
    AL_OWN(al_frames) fs = NULL;
    AL_AUTOFREE char *yaml = NULL;
    explored("h-train", "LPS", "train", 2, dev);
    random_model("first.dp", 3);
    random_model("second.dp", 4);
    assert_int_equal(al_structure_read("inputs/LPS.extxyz", &cell), AL_ERR_OK);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    cell->have = AL_HAVE_ENERGY | AL_HAVE_FORCES;
    for (int i = 0; i < 9; i++) {
        char id[16];
        struct al_frame *f = NULL;
        snprintf(id, sizeof id, "held-%d", i);
        assert_int_equal(al_frame_copy(cell, &f), AL_ERR_OK);
        f->pos[0][0] += 0.02 * i;
        f->forces[0][0] = 1;
        assert_int_equal(al_frame_info_set(f, "frame_id", id), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "system", "LPS"), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "temperature", "300"), AL_ERR_OK);
        assert_int_equal(al_frames_push(fs, &f), AL_ERR_OK);
    }
    assert_int_equal(al_xyz_write("initial/gather/test.extxyz", fs), AL_ERR_OK);
    AL_OWN(task) t = open_task("iterations/020/select", "select",
                               "iteration: 0\ninputs:\n  explored: [h-train]\n  earlier: []\n  models: [first.dp, second.dp]\n");
    if (verb_select(t)) fail_msg("%s", al_err_message());
    assert_int_equal(unlink("initial/gather/test.extxyz"), 0);
    assert_int_equal(al_file_read("iterations/020/select/selection.yaml", 0, &yaml, NULL), AL_ERR_OK);
    has(row_of(yaml, "system: LPS, temperature: 300"), "from: system and temperature, auto: true, frames: 9");
    has(row_of(yaml, "system: LPSO, temperature: 300"), "from: all, auto: true, frames: 9");
}

// share: candidates: 7 and 2 candidates share twice max_frames = 3: 4.67 and 1.33, so 5 and 1; equal: 3 and 2. What is there at most.
static void select_shares_labels_by_candidates(void **state)
{
    (void)state;
    const double dev[8] = {0.2, 0.2, 0.05, 0.2, 0.2, 0.2, 0.2, 0.2};
    explored("s-train", "LPS", "train", 8, dev);
    explored("so-train", "LPSO", "train", 3, dev);
    AL_AUTOFREE char *loop = NULL;
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    const char *rule[] = {"max_frames: 3", "max_frames: 3, share: candidates", "max_frames: 9, share: candidates"};
    const char *want[][2] = {{"3", "2"}, {"5", "1"}, {"7", "2"}};
    for (int k = 0; k < 3; k++) {
        AL_AUTOFREE char *text = NULL;
        char id[64];
        const char *at = strstr(loop, rule[0]);
        assert_non_null(at);
        assert_true(asprintf(&text, "%.*s%s%s", (int)(at - loop), loop, rule[k], at + strlen(rule[0])) > 0);
        write_text("loop.yaml", text);
        snprintf(id, sizeof id, "iterations/00%d/select", 4 + k);
        AL_OWN(task) t = open_task(id, "select", "iteration: 4\ninputs:\n  explored: [s-train, so-train]\n  earlier: []\n  models: [first.dp]\n");
        assert_int_equal(verb_select(t), AL_ERR_OK);
        assert_string_equal(fact(t, "frames.LPS"), want[k][0]);
        assert_string_equal(fact(t, "frames.LPSO"), want[k][1]);
    }
    write_text("loop.yaml", loop);
}

// Two systems of one composition: the frame's own name decides, and the first where it names none of them. Only what says so is held out.
static void import_tells_polymorphs_apart(void **state)
{
    (void)state;
    AL_AUTOFREE char *loop = NULL;
    AL_OWN(al_frame) cell = NULL;
    AL_OWN(al_frames) base = NULL;
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(al_frames) got = NULL;
    const char *named[] = {"hot", "cold", "elsewhere", "hot"}, *want[] = {"hot", "cold", "cold", "hot"}, *held[] = {NULL, "T", "F", "T"};
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    write_text("loop.yaml", "workdir: .\nsystems: [{name: cold, structure: x.extxyz}, {name: hot, structure: x.extxyz}]\nexplore: {temperatures: [300 K]}\n"
                            "production: {temperatures: [300 K]}\n");
    assert_int_equal(al_structure_read("inputs/LPS.extxyz", &cell), AL_ERR_OK);
    assert_int_equal(al_frames_create(&base), AL_ERR_OK);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    cell->energy = -100;
    cell->have = AL_HAVE_ENERGY | AL_HAVE_FORCES;
    for (int i = 0; i < 4; i++) {
        struct al_frame *f = NULL;
        assert_int_equal(al_frame_copy(cell, &f), AL_ERR_OK);
        f->pos[0][0] += 0.01 * i;
        assert_int_equal(al_frame_info_set(f, "system", named[i]), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "held_out", held[i]), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "purpose", "test"), AL_ERR_OK); // of another run
        assert_int_equal(al_frames_push(fs, &f), AL_ERR_OK);
    }
    assert_int_equal(al_frames_push(base, &cell), AL_ERR_OK);
    assert_int_equal(al_xyz_write("base.extxyz", base), AL_ERR_OK);
    assert_int_equal(al_xyz_write("given.extxyz", fs), AL_ERR_OK);
    AL_OWN(task) t = open_task("initial/data", "import", "inputs:\n  base: [base.extxyz, base.extxyz]\n  frames: given.extxyz\n");
    if (verb_import(t)) fail_msg("%s", al_err_message());
    write_text("loop.yaml", loop);
    assert_int_equal(al_xyz_read("initial/data/labelled.extxyz", &got), AL_ERR_OK);
    assert_int_equal(got->n, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(al_frame_info(got->f[i], "system"), want[i]);
    for (int i = 0; i < 4; i++)
        assert_string_equal(al_frame_info(got->f[i], "purpose"), i == 1 || i == 3 ? "test" : "train");
    assert_string_equal(fact(t, "nheldout"), "2");
}

// select.random: as many of the others below and in the window, not of the failed, not what is hotter, not what was taken before.
static void select_draws_besides(void **state)
{
    (void)state;
    const double dev[8] = {0.05, 0.2, 0.05, 0.05, 0.9, 0.2, 0.05, 0.05};
    explored("r-train", "LPS", "train", 8, dev);
    AL_OWN(al_frames) fs = NULL;
    AL_AUTOFREE char *loop = NULL;
    assert_int_equal(al_xyz_read("r-train/frames.extxyz", &fs), AL_ERR_OK);
    for (int i = 0; i < fs->n; i++)
        assert_int_equal(al_frame_info_set(fs->f[i], "temperature", i == 6 ? "1200" : "300"), AL_ERR_OK);
    assert_int_equal(al_xyz_write("r-train/frames.extxyz", fs), AL_ERR_OK);
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    const char *at = strstr(loop, "max_frames: 3"), *rule = "max_frames: 1, random: {frames: 3, up_to: 900 K}";
    AL_AUTOFREE char *text = NULL;
    assert_non_null(at);
    assert_true(asprintf(&text, "%.*s%s%s", (int)(at - loop), loop, rule, at + strlen("max_frames: 3")) > 0);
    write_text("loop.yaml", text);
    const char *ids[] = {"iterations/010/select", "iterations/011/select"}, *before[] = {"", "iterations/010/select"}, *total[] = {"4", "2"};
    for (int k = 0; k < 2; k++) { // 1 of 2 candidates and 3 of the other 5 cool ones; then the two that are left
        char task[160], path[64];
        AL_AUTOFREE char *csv = NULL;
        snprintf(task, sizeof task, "iteration: %d\ninputs:\n  explored: [r-train]\n  earlier: [%s]\n  models: [first.dp]\n", 10 + k, before[k]);
        AL_OWN(task) t = open_task(ids[k], "select", task);
        if (verb_select(t)) fail_msg("%s", al_err_message());
        assert_string_equal(fact(t, "frames.LPS"), total[k]);
        snprintf(path, sizeof path, "%s/classes.csv", ids[k]);
        assert_int_equal(al_file_read(path, 0, &csv, NULL), AL_ERR_OK);
        has(row_of(csv, "r-train-4"), "failed,no");
        has(row_of(csv, "r-train-6"), "accurate,no");
        int accurate = 0;
        for (const char *c = csv; (c = strstr(c, "accurate,yes")); c++)
            accurate++;
        assert_true(accurate >= 1 && accurate <= 3);
    }
    write_text("loop.yaml", loop);
}

// Three arrangements, of which the task's index (tests/daemon/test_plan.c) takes one.
static void explorations_take_arrangements_in_turn(void **state)
{
    (void)state;
    const struct {
        int iteration, temperature, index;
        const char *pressure, *purpose, *arrangement;
    } runs[] = {{0, 300, 0, "1", "train", "0"}, {0, 300, 1, "5", "train", "1"}, {0, 600, 1, "1", "train", "1"},
                {0, 600, 2, "5", "train", "2"}, {0, 300, 1, "1", "test", "1"},  {1, 300, 1, "1", "train", "1"}, {3, 300, 3, "1", "train", "0"}};
    AL_OWN(al_frames) cell = NULL;
    AL_OWN(al_frames) base = NULL;
    AL_AUTOFREE char *loop = NULL;
    AL_AUTOFREE char *text = NULL;
    random_model("first.dp", 3);
    assert_int_equal(al_xyz_read("inputs/LPS.extxyz", &cell), AL_ERR_OK);
    assert_int_equal(al_frames_create(&base), AL_ERR_OK);
    for (int i = 0; i < 3; i++) {
        AL_OWN(al_frame) f = NULL;
        assert_int_equal(al_frame_copy(cell->f[0], &f), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "arrangement", (const char *[]){"0", "1", "2"}[i]), AL_ERR_OK);
        assert_int_equal(al_frames_push(base, &f), AL_ERR_OK);
    }
    assert_int_equal(al_xyz_write("arranged.extxyz", base), AL_ERR_OK);
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    const char *old = "explore: {temperatures: [300 K]}", *at = strstr(loop, old);
    assert_non_null(at);
    assert_true(asprintf(&text, "%.*sexplore: {ensemble: npt, temperatures: [300 K, 600 K], pressures: [1 GPa, 5 GPa], time: 2 fs, stride: 1}%s",
                         (int)(at - loop), loop, at + strlen(old)) > 0);
    write_text("loop.yaml", text);
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        char id[64], task[400], path[96];
        AL_OWN(al_frames) got = NULL;
        snprintf(id, sizeof id, "x%zu", i);
        snprintf(task, sizeof task, "iteration: %d\nindex: %d\nsystem: LPSO\npurpose: %s\ntemperature: %d\ninputs:\n  start: arranged.extxyz\n"
                                    "  models: [first.dp, first.dp]\n  pressure: %s\n",
                 runs[i].iteration, runs[i].index, runs[i].purpose, runs[i].temperature, runs[i].pressure);
        AL_OWN(task) t = open_task(id, "explore", task);
        if (verb_explore(t)) fail_msg("%s", al_err_message());
        snprintf(path, sizeof path, "%s/frames.extxyz", id);
        assert_int_equal(al_xyz_read(path, &got), AL_ERR_OK);
        assert_true(got->n >= 1);
        assert_string_equal(al_frame_info(got->f[0], "arrangement"), runs[i].arrangement);
    }
    write_text("loop.yaml", loop);
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
        cmocka_unit_test(gather_keeps_larger_cells_apart),
        cmocka_unit_test(gather_refuses_other_settings),
        cmocka_unit_test(select_takes_candidates_and_never_repeats),
        cmocka_unit_test(select_goes_far_from_what_is_labelled), cmocka_unit_test(select_measures_on_held_out_data), cmocka_unit_test(select_shares_labels_by_candidates), cmocka_unit_test(select_draws_besides), cmocka_unit_test(import_tells_polymorphs_apart),
        cmocka_unit_test(explorations_take_arrangements_in_turn),
        cmocka_unit_test(results_say_why_they_failed),
    };
    return cmocka_run_group_tests(tests, make_run, remove_run);
}
