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
        assert_int_equal(al_path(path, "%s/%s.POTCAR", ret, kinds[i].symbol), AL_ERR_OK);
        n = snprintf(text, sizeof text, "  PAW_PBE %s 01Jan2000\n   %d.0\n   LEXCH  = PE\n   TITEL  = PAW_PBE %s 01Jan2000\n   ZVAL   =    %d.000\n"
                     "   ENMAX  =  200.000; ENMIN  =  150.000 eV\n End of Dataset\n", kinds[i].symbol, kinds[i].valence, kinds[i].symbol, kinds[i].valence);
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

// As many words as a launcher has here; they live until the next call.
static char words[2][AL_PATH];
static const char *launcher[10];

static struct code_options common(const char *engine, const char *dir)
{
    static char kept[AL_PATH];
    snprintf(kept, sizeof kept, "%s", dir);
    struct code_options o = {.ops = code_find(engine), .kpoints = CODE_GAMMA, .min_distance = 0.5, .ranks = 2, .hooks = {.where = where, .ctx = kept}};
    assert_non_null(o.ops);
    o.settings = (struct code_settings){.ecut = 10 * AL_HARTREE_EV, .functional = "PBE", .mesh = {1, 1, 1}, .smearing = CODE_GAUSSIAN,
                                        .width = 0.05, .max_scf = 80};
    return o;
}

// Files of sample_directory by their ending, or one name of built-in ones for all.
static void use_pseudo(struct code_options *o, const char *dir, const char *ending, const char *name)
{
    static const int z[3] = {3, 15, 16};
    static char path[3][AL_PATH];
    static struct code_pseudo pseudo[3];
    for (int i = 0; i < 3; i++) {
        if (name) snprintf(path[i], sizeof path[i], "%s", name);
        else snprintf(path[i], sizeof path[i], "%.4000s/%s.%s", dir, al_element_symbol(z[i]), ending);
        pseudo[i] = (struct code_pseudo){z[i], path[i]};
    }
    o->settings.pseudo = pseudo;
    o->settings.npseudo = 3;
}

// What differs between the programs whatever runs them.
static void use_engine(struct code_options *o, const char *dir)
{
    static const char basis[] = "&FORCE_EVAL\n&SUBSYS\n&KIND Li\nBASIS_SET SZV-MOLOPT-SR-GTH\n&END KIND\n&KIND P\nBASIS_SET SZV-MOLOPT-SR-GTH\n&END KIND\n"
                                "&KIND S\nBASIS_SET SZV-MOLOPT-SR-GTH\n&END KIND\n&END SUBSYS\n&END FORCE_EVAL\n";
    if (o->ops == &code_ops_qe) use_pseudo(o, dir, "upf", NULL);
    if (o->ops == &code_ops_vasp) use_pseudo(o, dir, "POTCAR", NULL);
    if (o->ops == &code_ops_abinit || o->ops == &code_ops_cp2k) use_pseudo(o, dir, NULL, "GTH-PBE");
    if (o->ops == &code_ops_cp2k) { // its only smearing
        o->settings.smearing = CODE_FERMI;
        o->settings.user = basis;
        o->settings.user_path = "basis.inp";
    }
}

static void use_command(struct code_options *o, const char *script, const char *mode)
{
    static const char *args[4];
    snprintf(words[0], sizeof words[0], "%.4000s\n%s\n", script, mode);
    args[0] = mode;
    args[1] = "frame.extxyz";
    args[2] = "labelled.extxyz";
    o->settings.user = words[0];
    o->settings.user_path = "label.command";
    o->args = args;
}

struct code_options sample_code(const char *engine, const char *dir, const char *mode)
{
    static const struct {
        const char *engine, *script, *variable;
    } stands[] = {{"qe", "fake_pw.py", "FAKE"},
                  {"command", "fake_label.py", NULL},
                  {"vasp", "replay_vasp.py", "REPLAY_VASP"},
                  {"abinit", "fake_abinit.py", "FAKE"},
                  {"cp2k", "fake_cp2k.py", "FAKE"}};
    struct code_options o = common(engine, dir);
    size_t i = 0;
    while (i < sizeof stands / sizeof *stands && strcmp(stands[i].engine, engine) != 0)
        i++;
    if (i == sizeof stands / sizeof *stands) fail_msg("nothing stands in for %s", engine);
    snprintf(words[1], sizeof words[1], ALND_SOURCE_DIR "/tests/codes/%s", stands[i].script);
    o.program = words[1];
    use_engine(&o, dir);
    if (!stands[i].variable) {
        use_command(&o, words[1], mode);
        return o;
    }
    snprintf(words[0], sizeof words[0], "%s=%s", stands[i].variable, mode);
    launcher[0] = "env";
    launcher[1] = words[0];
    launcher[2] = NULL;
    o.launcher = launcher;
    return o;
}

struct code_options sample_real(const char *engine, const char *dir)
{
    static const char *const mpirun[] = {"env", "OMP_NUM_THREADS=1", "mpirun", "--oversubscribe", "--bind-to", "none", "-n", "RANKS", NULL, NULL};
    struct code_options o = common(engine, dir);
    use_engine(&o, dir);
    memcpy(launcher, mpirun, sizeof mpirun); // threads add up in another order each time
    if (geteuid() == 0) launcher[8] = "--allow-run-as-root"; // else mpirun does nothing
    o.launcher = launcher;
    o.program = o.ops->program;
    o.ranks = 1;
    o.settings.width = 0.3; // five atoms that are no substance
    if (o.ops == &code_ops_cp2k) o.settings.ecut = 150 * AL_HARTREE_EV; // of the density's grid: at 100 Ha forces sum to 0.16 eV/Ang
    return o;
}
