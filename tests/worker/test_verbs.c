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
#include "base/rng.h"
#include "committee/committee.h"
#include "dp/model.h"
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
                            "explore: {temperatures: [300 K]}\nproduction: {temperatures: [300 K], timestep: 1 fs, stride: 50, mobile: Na, mobile_charge: 2}\n"
                            "select: {trust: {auto: true, low: 0.1 eV/Ang, high: 0.5 eV/Ang}, max_frames: 3, diversity: random, duplicate: 0}\n"
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
    explored("e-train", "LPS", "train", 8, dev);
    explored("e-test", "LPS", "test", 8, dev);
    AL_OWN(task) a = open_task("iterations/000/select", "select",
                               "iteration: 0\ninputs:\n  explored: [e-train, e-test]\n  earlier: []\n");
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

static const char *row_of(const char *csv, const char *id)
{
    const char *at = strstr(csv, id);
    assert_non_null(at);
    return at;
}

static void has(const char *row, const char *what)
{
    const char *at = strstr(row, what), *end = strchr(row, '\n');
    if (!at || (end && at > end)) fail_msg("no '%s' in '%.*s'", what, (int)(end ? end - row : 200), row);
}

// A committee's first member with random numbers in it.
static void random_model(const char *path)
{
    struct dp_config c;
    AL_OWN(dp_model) m = NULL;
    struct al_rng rng;
    dp_config_default(&c);
    c.ntypes = 4;
    const char *const names[] = {"Li", "P", "S", "O"};
    const int neurons[] = {4, 8, 16};
    for (int i = 0; i < 4; i++) {
        snprintf(c.type_map[i], DP_TYPE_NAME, "%s", names[i]);
        c.sel[i] = 60;
    }
    memcpy(c.neuron, neurons, sizeof neurons);
    c.axis_neuron = 4;
    c.rcut = 4;
    assert_int_equal(dp_model_create(&c, &m), AL_ERR_OK);
    al_rng_stream(&rng, 3, "model", 0, 0, 0);
    dp_model_init(m, &rng);
    assert_int_equal(dp_model_write(path, m), AL_ERR_OK);
}

// Explored: one atom moved ever farther along x, i = 0 .. 5 by (i + 1) 0.01 Ang; labelled: the cell itself (l0 .. of the gather test).
// What was labelled pushes the choice to the far end; a near duplicate is none of max_frames; a broken frame is named.
static void select_goes_far_from_what_is_labelled(void **state)
{
    (void)state;
    const double dev[6] = {0.2, 0.2, 0.2, 0.2, NAN, 0.2};
    explored("f-train", "LPS", "train", 6, dev);
    random_model("first.dp");
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
        strcat(pairs, "x,test,LPS,300,32,0.2,0.4,0.1,2,0.001\n");
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
        AL_OWN(task) t = open_task(id, "select", "iteration: 4\ninputs:\n  explored: [s-train, so-train]\n  earlier: []\n");
        assert_int_equal(verb_select(t), AL_ERR_OK);
        assert_string_equal(fact(t, "frames.LPS"), want[k][0]);
        assert_string_equal(fact(t, "frames.LPSO"), want[k][1]);
    }
    write_text("loop.yaml", loop);
}

// Two systems of one composition: the frame's own name decides, and the first where it names none of them.
static void import_tells_polymorphs_apart(void **state)
{
    (void)state;
    AL_AUTOFREE char *loop = NULL;
    AL_OWN(al_frame) cell = NULL;
    AL_OWN(al_frames) base = NULL;
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(al_frames) got = NULL;
    const char *named[] = {"hot", "cold", "elsewhere", "hot"}, *want[] = {"hot", "cold", "cold", "hot"};
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
}

// n held-out frames whose labels are the model's own numbers, off by `force` (eV/Ang, each component) and `energy` (eV/atom).
static void held_out_frames(struct al_frames *fs, struct committee *c, int n, const char *system, const char *kelvin, double force, double energy)
{
    for (int i = 0; i < n; i++) {
        AL_OWN(al_frame) f = NULL;
        struct deviation d = {0};
        assert_int_equal(al_structure_read("inputs/LPS.extxyz", &f), AL_ERR_OK);
        f->pos[0][0] += 0.01 * i;
        f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES;
        assert_int_equal(committee_eval(c, f, &d, NULL), AL_ERR_OK);
        const struct pot_result *m = committee_member(c, 0);
        f->energy = m->energy + energy * f->natoms;
        for (int a = 0; a < 3 * f->natoms; a++)
            f->forces[a / 3][a % 3] = m->forces[a / 3][a % 3] + force;
        assert_int_equal(al_frame_info_set(f, "system", system), AL_ERR_OK);
        assert_int_equal(al_frame_info_set(f, "temperature", kelvin), AL_ERR_OK);
        assert_int_equal(al_frames_push(fs, &f), AL_ERR_OK);
    }
}

// Whether the limits are met with these lines of `converge`.
static bool judged_below(const char *loop, const char *converge)
{
    AL_AUTOFREE char *text = NULL;
    assert_true(asprintf(&text, "%sconverge: {force_rmse: 0.07 eV/Ang, energy_rmse: 2 meV/atom, candidate_fraction: 1, %s}\n", loop, converge) > 0);
    write_text("loop.yaml", text);
    AL_OWN(task) t = open_task("iterations/000/evaluate", "evaluate", "iteration: 0\ninputs:\n  models: [first.dp]\n  select: iterations/000/select\n");
    if (verb_evaluate(t)) fail_msg("%s", al_err_message());
    write_text("loop.yaml", loop);
    return fact(t, "below")[0] == '1';
}

// 12 frames of LPS 0.01 eV/Ang and 1 meV/atom off, one of LPSO 0.08 off, all at 300 K; one at 600 K 0.5 eV/Ang and 50 meV/atom off.
static void evaluate_judges_what_it_is_asked_to(void **state)
{
    (void)state;
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(committee) c = NULL;
    AL_AUTOFREE char *loop = NULL;
    AL_AUTOFREE char *errors = NULL;
    const char *const model[] = {"first.dp"};
    random_model(model[0]);
    assert_int_equal(committee_open(model, 1, DP_WAY_DOUBLE, &c), AL_ERR_OK);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    held_out_frames(fs, c, 12, "LPS", "300", 0.01, 0.001);
    held_out_frames(fs, c, 1, "LPSO", "300", 0.08, 0.001);
    held_out_frames(fs, c, 1, "LPS", "600", 0.5, 0.05);
    assert_int_equal(al_mkdirs("iterations/000/gather"), AL_ERR_OK);
    assert_int_equal(al_xyz_write("iterations/000/gather/test.extxyz", fs), AL_ERR_OK);
    assert_int_equal(al_mkdirs("iterations/000/select"), AL_ERR_OK);
    write_text("iterations/000/select/result.yaml", "facts: {accurate: 9, candidate: 1, failed: 0, candidate_fraction: 0.1}\n");
    write_text("iterations/000/select/selection.yaml", "windows: []\n");
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    assert_false(judged_below(loop, "patience: 1"));
    assert_false(judged_below(loop, "up_to: 300 K, each_system: true"));
    assert_true(judged_below(loop, "up_to: 300 K"));
    assert_int_equal(al_file_read("iterations/000/errors.yaml", 0, &errors, NULL), AL_ERR_OK);
    has(row_of(errors, "{set: test, group: all"), "frames: 14, energy_rmse: 0.013"); // sqrt((13 0.001^2 + 0.05^2)/14)
    has(row_of(errors, "{set: judged, group: all"), "frames: 13, energy_rmse: 0.001,"); // force: sqrt((12 0.01^2 + 0.08^2)/13)
    has(row_of(errors, "{set: judged, group: all"), "force_rmse: 0.0241"); // the test frames' would be 0.136
    has(row_of(errors, "temperature_limit"), ": 300");
    assert_null(strstr(errors, "train_left_out"));
}

// What training leaves out for its forces is none of training's errors.
static void evaluate_leaves_out_what_training_does(void **state)
{
    (void)state;
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(committee) c = NULL;
    AL_AUTOFREE char *loop = NULL;
    AL_AUTOFREE char *text = NULL;
    AL_AUTOFREE char *errors = NULL;
    const char *const model[] = {"first.dp"};
    assert_int_equal(committee_open(model, 1, DP_WAY_DOUBLE, &c), AL_ERR_OK);
    assert_int_equal(al_frames_create(&fs), AL_ERR_OK);
    held_out_frames(fs, c, 3, "LPS", "300", 0.01, 0.001);
    held_out_frames(fs, c, 1, "LPS", "300", 20, 1);
    assert_int_equal(al_mkdirs("initial/gather"), AL_ERR_OK);
    assert_int_equal(al_xyz_write("initial/gather/train.extxyz", fs), AL_ERR_OK);
    assert_int_equal(al_file_read("loop.yaml", 0, &loop, NULL), AL_ERR_OK);
    char *at = strstr(loop, "validation: 25 %");
    assert_non_null(at);
    assert_true(asprintf(&text, "%.*smax_force: 15 eV/Ang, %s", (int)(at - loop), loop, at) > 0);
    judged_below(text, "patience: 1");
    write_text("loop.yaml", loop);
    assert_int_equal(al_remove_tree("initial/gather"), AL_ERR_OK);
    assert_int_equal(al_file_read("iterations/000/errors.yaml", 0, &errors, NULL), AL_ERR_OK);
    has(row_of(errors, "{set: train, group: all"), "frames: 3, energy_rmse: 0.001,");
    has(row_of(errors, "train_left_out"), "{frames: 1, max_force: 15}");
}

static const char certified[] =
    "iteration: 0\ntable:\n"
    "  - {set: train, group: all, label: all, frames: 9, force_rmse: 0.01}\n"
    "  - {set: test, group: all, label: all, frames: 9, energy_rmse: 0.00123, force_rmse: 0.0456, force_rmse_low: 0.04, force_rmse_high: 0.05}\n"
    "  - {set: new, group: all, label: all, frames: 3, force_rmse: 0.0789}\n"
    "selection: {accurate: 7, candidate: 2, failed: 1, broken: 1, duplicates: 0, candidate_fraction: 0.3}\n"
    "converge: {force_rmse: 0.0456, force_limit: 0.07, below: 1}\n";

// Figures are copied or follow by hand from calibration.csv: 8 test frames of LPS with 64 atoms (its cell), error 0.2 at deviation
// 0.1, energies +1 and -1 meV/atom in turn; one with 128 atoms; two of LPSO, 3 and 5 meV/atom.
static void certificate_has_no_numbers_of_its_own(void **state)
{
    (void)state;
    char pairs[2048] = "# force_rmse wanted / eV/Ang: 0.1\n"
                       "frame_id,set,system,temperature_K,atoms,deviation_eV_per_Ang,max_force_error_eV_per_Ang,"
                       "force_rmse_eV_per_Ang,max_force_eV_per_Ang,energy_error_eV_per_atom\n";
    for (int i = 0; i < 8; i++)
        strcat(pairs, i % 2 ? "x,test,LPS,300,64,0.1,0.2,0.05,2,-0.001\n" : "x,test,LPS,300,64,0.1,0.2,0.05,2,0.001\n");
    strcat(pairs, "y,test,LPS,300,128,0.1,0.5,0.08,2,0\n"
                  "z,test,LPSO,300,32,0.1,0.2,0.05,2,0.003\nz,test,LPSO,300,32,0.1,0.2,0.05,2,0.005\n");
    assert_int_equal(al_mkdirs("iterations/000/evaluate"), AL_ERR_OK);
    assert_int_equal(al_mkdirs("models"), AL_ERR_OK);
    assert_int_equal(al_mkdirs("transport"), AL_ERR_OK);
    write_text("iterations/000/evaluate/calibration.csv", pairs);
    write_text("iterations/000/errors.yaml", certified);
    write_text("models/result.yaml", "facts: {converged: 1}\n");
    write_text("transport/LPS.yaml", "system: LPS\ntemperatures:\n  - {nominal_temperature_k: 600, runs: 2, runs_ended_early: 1, "
                                     "energy_drift_ev_per_atom_ps: 1.5e-07, force_deviation_mean_ev_per_ang: 0.034}\n");
    write_text("transport/LPSO.yaml", "system: LPSO\ntemperatures: []\narrhenius: \"not determined\"\n");
    AL_AUTOFREE char *c = NULL;
    AL_OWN(task) t = open_task("report", "report", "iteration: -1\ninputs:\n  errors: [iterations/000/errors.yaml]\n"
                                                   "  transport: [transport/LPS, transport/LPSO]\n");
    assert_int_equal(verb_report(t), AL_ERR_OK);
    assert_int_equal(al_file_read("comparison.yaml", 0, &c, NULL), AL_ERR_OK);
    has(row_of(c, "temperatures:"), "none at which both are seen to diffuse");
    has(row_of(c, "activation_energy:"), "not compared: the activation energy of LPS is not determined");
    al_free(c);
    c = NULL;
    assert_int_equal(al_file_read("certificate.yaml", 0, &c, NULL), AL_ERR_OK);
    has(row_of(c, "converged:"), "converged: true");
    has(row_of(c, "group: all"), "frames: 9, energy_rmse: 0.00123, force_rmse: 0.0456, force_rmse_low: 0.04, force_rmse_high: 0.05}");
    has(row_of(c, "{iteration: 0, frames: 3"), "force_rmse: 0.0789}");
    has(row_of(c, "error_per_deviation"), ": 2");       // 10 of 2, one of 5
    has(row_of(c, "coverage_within_factor_2"), ": 0.909"); // 10 of 11
    has(row_of(c, "{iteration: 0, accurate"), "broken: 1, duplicates: 0, candidate_fraction: 0.3}");
    has(row_of(c, "temperature: 600"), "runs: 2, runs_ended_early: 1, energy_drift_ev_per_atom_ps: 1.5e-07");
    has(row_of(c, "{system: LPSO, frames: 2"), "mean_ev_per_atom: 0.004, standard_error: 0.001}");
    has(row_of(c, "largest_between_systems"), ": 0.004");
    has(row_of(c, "label_noise"), "done: false, reason: converge.label_noise asks for no frame");
    has(row_of(c, "cells: training"), "atoms: 64, frames: 8, force_rmse: 0.05, energy_rmse: 0.001}");
    has(row_of(c, "cells: larger"), "atoms: 128, frames: 1, force_rmse: 0.08, energy_rmse: 0}");
}

// 8 Na walk through 4 S at rest and 4 Li that shake: production.mobile tells whose D it is, production.mobile_charge the conductivity.
static void analyze_follows_the_mobile_element(void **state)
{
    (void)state;
    enum { NA = 8, N = 16, FRAMES = 300 };
    double x[N][3] = {{0}};
    struct al_rng rng;
    al_rng_stream(&rng, 5, "walk", 0, 0, 0);
    assert_int_equal(al_mkdirs("production/LPS-300K-1"), AL_ERR_OK);
    write_text("production/LPS-300K-1/task.yaml", "temperature: 300\n");
    write_text("production/LPS-300K-1/result.yaml", "facts: {ended: all steps done, temperature: 310, temperature_error: 1}\n");
    FILE *out = fopen("production/LPS-300K-1/traj.extxyz", "w");
    assert_non_null(out);
    for (int f = 0; f < FRAMES; f++) {
        fprintf(out, "%d\nLattice=\"10 0 0 0 10 0 0 0 10\" Properties=species:S:1:pos:R:3 time=%d pbc=\"T T T\"\n", N, 50 * f);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++) {
                x[i][k] += i < NA ? 0.2 * al_rng_normal(&rng) : 0;
                double shake = i < NA + 4 ? 0 : 0.1 * al_rng_normal(&rng);
                fprintf(out, "%s%.6f%s", k ? " " : i < NA ? "Na " : i < NA + 4 ? "S " : "Li ", x[i][k] + shake + (k == 0 ? i / 4 : k == 1 ? i % 4 : 0) * 2.5, k == 2 ? "\n" : "");
            }
    }
    assert_int_equal(fclose(out), 0);
    AL_OWN(task) t = open_task("transport/LPS", "analyze", "system: LPS\ninputs:\n  produced: [production/LPS-300K-1]\n");
    AL_OWN(al_node) r = NULL;
    if (verb_analyze(t)) fail_msg("%s", al_err_message());
    assert_int_equal(al_yaml_read("transport/LPS.yaml", &r), AL_ERR_OK);
    const struct al_node *p = al_node_get(r, "temperatures")->child;
    assert_string_equal(al_node_str(r, "species", ""), "Na");
    assert_string_equal(al_node_str(r, "framework", ""), "Li, S");
    assert_int_equal(al_node_int(p, "mobile_ions", 0), NA);
    assert_string_equal(al_node_str(p, "diffusive", ""), "true");
    double d = al_node_double(p, "d_cm2_per_s", 0), q = 2 * 1.602176634e-19;
    assert_true(d > 0.5 * 0.04 / 2 / 50 * 0.1 && d < 2 * 0.04 / 2 / 50 * 0.1); // step^2/(2 t), 1 Ang^2/fs = 0.1 cm^2/s
    double sigma = NA * q * q * d / (1000e-24 * 1.380649e-23 * 310);
    assert_true(fabs(al_node_double(p, "conductivity_nernst_einstein_s_per_cm", 0) / sigma - 1) < 1e-6);
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
        cmocka_unit_test(select_goes_far_from_what_is_labelled), cmocka_unit_test(select_shares_labels_by_candidates), cmocka_unit_test(import_tells_polymorphs_apart),
        cmocka_unit_test(evaluate_judges_what_it_is_asked_to), cmocka_unit_test(evaluate_leaves_out_what_training_does),
        cmocka_unit_test(certificate_has_no_numbers_of_its_own),
        cmocka_unit_test(analyze_follows_the_mobile_element),
        cmocka_unit_test(results_say_why_they_failed),
    };
    return cmocka_run_group_tests(tests, make_run, remove_run);
}
