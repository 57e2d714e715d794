// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
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
#include "dp/model.h"
#include "verbs.h"

static char dir[] = "/tmp/alnd-verbs-XXXXXX";

void write_text(const char *path, const char *text)
{
    assert_int_equal(al_file_write(path, text, strlen(text)), AL_ERR_OK);
}

void add(char *text, size_t size, const char *more)
{
    size_t n = strlen(text);
    assert_true(n + strlen(more) < size);
    snprintf(text + n, size - n, "%s", more);
}

int make_run(void **state)
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

int remove_run(void **state)
{
    (void)state;
    return chdir("/") || al_remove_tree(dir) ? -1 : 0;
}

struct task *open_task(const char *id, const char *verb, const char *more)
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

const char *fact(const struct task *t, const char *key)
{
    for (int i = 0; i < t->nfacts; i++)
        if (strcmp(t->fact[i].key, key) == 0) return t->fact[i].value;
    return "";
}

const char *row_of(const char *csv, const char *id)
{
    const char *at = strstr(csv, id);
    assert_non_null(at);
    return at;
}

void has(const char *row, const char *what)
{
    const char *at = strstr(row, what), *end = strchr(row, '\n');
    if (!at || (end && at > end)) fail_msg("no '%s' in '%.*s'", what, (int)(end ? end - row : 200), row);
}

void random_model(const char *path, uint64_t seed)
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
    al_rng_stream(&rng, seed, "model", 0, 0, 0);
    dp_model_init(m, &rng);
    assert_int_equal(dp_model_write(path, m), AL_ERR_OK);
}
