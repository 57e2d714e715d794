// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/units.h"

void sample_directory(const char *name, char ret[AL_PATH])
{
    static const struct {
        const char *symbol;
        int valence;
    } kinds[] = {{"Li", 3}, {"P", 5}, {"S", 6}};
    char cwd[AL_PATH / 2], path[AL_PATH], text[512];
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_int_equal(al_path(ret, "%s/%s", cwd, name), AL_ERR_OK);
    if (al_exists(ret)) assert_int_equal(al_remove_tree(ret), AL_ERR_OK);
    assert_int_equal(al_mkdirs(ret), AL_ERR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(al_path(path, "%s/%s.upf", ret, kinds[i].symbol), AL_ERR_OK);
        int n = snprintf(text, sizeof text, "<UPF version=\"2.0.1\">\n<PP_HEADER element=\"%s\"\n rel_functional=\"no\" functional=\"PBE\"\n z_valence=\"%d.0\"/>\n</UPF>\n",
                         kinds[i].symbol, kinds[i].valence);
        assert_int_equal(al_file_write(path, text, (size_t)n), AL_ERR_OK);
    }
}

struct al_frame *sample_frame(void)
{
    static const int z[SAMPLE_ATOMS] = {3, 16, 3, 15, 16};
    static const double cell[3][3] = {{6.1, 0, 0}, {0.4, 5.7, 0}, {-0.3, 0.6, 6.4}};
    static const double pos[SAMPLE_ATOMS][3] = {{0.1, 0.2, 0.3}, {2.4, 0.3, 0.5}, {0.4, 2.9, 0.1}, {3.1, 3.0, 2.8}, {0.6, 0.9, 3.3}};
    struct al_frame *f;
    assert_int_equal(al_frame_create(SAMPLE_ATOMS, &f), AL_ERR_OK);
    f->pbc = true;
    memcpy(f->cell, cell, sizeof cell);
    memcpy(f->z, z, sizeof z);
    memcpy(f->pos, pos, sizeof pos);
    return f;
}

static enum al_err where(void *ctx, char ret[AL_PATH])
{
    AL_TRY(al_path(ret, "%s/work", (const char *)ctx));
    return AL_ERR_OK;
}

static struct code_options common(const char *dir)
{
    static char kept[AL_PATH];
    snprintf(kept, sizeof kept, "%s", dir);
    struct code_options o = {.kpoints = CODE_GAMMA, .min_distance = 0.5, .ranks = 2, .hooks = {.where = where, .ctx = kept}};
    o.settings = (struct code_settings){.ecut = 10 * AL_HARTREE_EV, .functional = "PBE", .mesh = {1, 1, 1}, .smearing = CODE_GAUSSIAN,
                                        .width = 0.05, .max_scf = 80};
    return o;
}

struct code_options sample_qe(const char *dir, const char *mode)
{
    static char path[3][AL_PATH], words[64];
    static struct code_pseudo pseudo[3];
    static const char *launcher[3];
    static const int z[3] = {3, 15, 16};
    struct code_options o = common(dir);
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "%.4000s/%s.upf", dir, al_element_symbol(z[i]));
        pseudo[i] = (struct code_pseudo){z[i], path[i]};
    }
    snprintf(words, sizeof words, "FAKE=%s", mode);
    launcher[0] = "env";
    launcher[1] = words;
    o.ops = &code_ops_qe;
    o.settings.pseudo = pseudo;
    o.settings.npseudo = 3;
    o.program = ALND_SOURCE_DIR "/tests/codes/fake_pw.py";
    o.launcher = launcher;
    return o;
}

struct code_options sample_command(const char *dir, const char *mode)
{
    static char words[AL_PATH];
    static const char *args[4];
    struct code_options o = common(dir);
    snprintf(words, sizeof words, "%s/tests/codes/fake_label.py\n%s\n", ALND_SOURCE_DIR, mode);
    args[0] = mode;
    args[1] = "frame.extxyz";
    args[2] = "labelled.extxyz";
    o.ops = &code_ops_command;
    o.settings.user = words;
    o.settings.user_path = "label.command";
    o.program = ALND_SOURCE_DIR "/tests/codes/fake_label.py";
    o.args = args;
    return o;
}
