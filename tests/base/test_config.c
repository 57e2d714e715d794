// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// loop.yaml: the shipped configuration is read, every kind of bad input gives one error with file, line and column.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/units.h"
#include "config/loop_config.h"

#define QUICK   ALND_SOURCE_DIR "/configs/quick.yaml"
#define FIXTURE ALND_SOURCE_DIR "/tests/base/loop.yaml"

static char dir[] = "/tmp/alnd-config-XXXXXX";

static void quick_is_read(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    assert_int_equal(loop_config_read(QUICK, &c), AL_ERR_OK);
    assert_int_equal(loop_config_check_files(c) == AL_ERR_OK || strstr(al_err_message(), "pseudopotential"), true);
    assert_int_equal(c->nsystems, 2);
    assert_true(c->demonstration);
    assert_true(c->converge.max_iterations >= 2 && c->explore.temperatures.n >= 2 && c->production.temperatures.n >= 2);
}

static void values_units_and_paths(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    assert_int_equal(loop_config_read(FIXTURE, &c), AL_ERR_OK);
    assert_string_equal(c->system[0].to, "O");
    assert_int_equal(c->system[0].count, 1);
    assert_int_equal(c->system[1].count, 0);
    assert_true(fabs(c->label.cutoff - 10) < 1e-12);
    assert_int_equal(c->label.kpoints.mode, KP_POINTS);
    assert_int_equal(c->label.kpoints.n, 1);
    assert_true(c->label.kpoints.point[0][2] == 0.25 && c->label.kpoints.point[0][3] == 1);
    assert_int_equal(c->explore.temperatures.n, 2);
    assert_true(c->explore.temperatures.v[1] == 600);
    assert_true(c->explore.time == 400);
    assert_true(fabs(c->converge.energy_rmse - 0.02) < 1e-12);
    assert_string_equal(c->system[1].structure, ALND_SOURCE_DIR "/tests/base/structures/gamma.extxyz");
    for (int i = 0; i < c->nsystems; i++) // the fixture lies elsewhere than the structures
        snprintf(c->system[i].structure, AL_PATH, "%s/configs/structures/beta.extxyz", ALND_SOURCE_DIR);
    int n, z[CFG_MAX_LIST];
    assert_int_equal(loop_config_elements(c, &n, z), AL_ERR_OK);
    assert_int_equal(n, 4);
    assert_true(z[0] == 3 && z[1] == 15 && z[2] == 16 && z[3] == 8);
}

// The fixture with one piece of text replaced, in a file of its own.
static const char *edited(const char *from, const char *to)
{
    static char path[AL_PATH];
    AL_AUTOFREE char *text = NULL;
    AL_AUTOFREE char *out = NULL;
    size_t n;
    assert_int_equal(al_file_read(FIXTURE, 0, &text, &n), AL_ERR_OK);
    char *at = strstr(text, from);
    assert_non_null(at);
    size_t size = n + strlen(to) + 1;
    assert_int_equal(al_alloc(size, 1, &out), AL_ERR_OK);
    int w = snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_int_equal(al_path(path, "%s/loop.yaml", dir), AL_ERR_OK);
    assert_int_equal(al_file_write(path, out, (size_t)w), AL_ERR_OK);
    return path;
}

// Line and column of `at` in the file.
static void expect_place(const char *path, const char *at)
{
    AL_AUTOFREE char *text = NULL;
    char where[AL_PATH + 32];
    assert_int_equal(al_file_read(path, 0, &text, NULL), AL_ERR_OK);
    const char *p = strstr(text, at);
    assert_non_null(p);
    int line = 1, col = 1;
    for (const char *c = text; c < p; c++) {
        col = *c == '\n' ? 1 : col + 1;
        line += *c == '\n';
    }
    snprintf(where, sizeof where, "%s:%d:%d:", path, line, col);
    if (strncmp(al_err_message(), where, strlen(where)) != 0) fail_msg("want %s, have %s", where, al_err_message());
}

static void bad_input_names_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *place;
    } bad[] = {
        {"committee: 4", "comittee: 4", "comittee"},             // unknown key
        {"committee: 4", "committee: four", "four"},             // type
        {"committee: 4", "committee: 1", "1\n"},                 // range
        {"committee: 4", "committee: [4]", "[4]"},               // list for a number
        {"cutoff: 10 Ha", "cutoff: 11", "11\n"},                 // unit missing
        {"cutoff: 10 Ha", "cutoff: 11 fs", "11 fs"},             // wrong unit
        {"seed: 20261123", "seed: -1", "-1"},                    // range
        {"time: 0.4 ps", "time: 0.4 ps\n  time: 1 ps", "time: 1 ps"}, // twice
        {"ensemble: nvt", "ensemble: nph", "nph"},               // choice
        {"name: quick", "name: ../quick", "../quick"},           // unsafe name
        {"test: {frames: 2}", "test: fast", "fast"},            // scalar for a section
        {"temperatures: [300 K, 600 K]", "temperatures: []", "[]"},
        {"points: [[0.25, 0.25, 0.25]]", "points: [[0.25, 0.25]]", "[0.25, 0.25]"},
        {"kpoints: {points", "kpoints: {pints", "[[0.25"},
        {"functional: PBE", "functional: PBEE", "PBEE"},         // not a functional
        {"functional: PBE", "functional: hyb_gga_xc_b3lyp", "hyb_gga"},
        {"functional: PBE", "functional: mgga_x_scan+mgga_c_scan", "mgga_x"},
        {"functional: PBE", "functional: gga_x_pbe+gga_c_pbe+lda_x", "gga_x"},
        {"functional: PBE", "functional: [PBE]", "[PBE]"},
        {"SPMS", "{Li: GTH-PBE, Xx: SPMS}", "SPMS}"},            // not an element
        {"SPMS", "{Li: [GTH-PBE]}", "[GTH-PBE]"},
        {"SPMS", "[SPMS]", "[SPMS]"},
        {"seed: 20261123", "seed: &a 3", "&a 3"},                // anchor
        {"stride: 10", "stride: *a", "*a"},                      // alias
        {"strain: 0 %}", "strain: 0 %}\n  aimd: {temperatures: [500 K], cutoff: 12 Ha}", "12 Ha"}, // above the labels'
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct loop_config *c = NULL;
        const char *path = edited(bad[i].from, bad[i].to);
        assert_int_equal(loop_config_read(path, &c), AL_ERR_INPUT);
        assert_null(c);
        expect_place(path, bad[i].place);
    }
    struct loop_config *c = NULL;
    assert_int_equal(loop_config_read(edited("committee: 4", "comittee: 4"), &c), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_hint_text(), "'committee'"));
    assert_int_equal(loop_config_read(edited("workdir: runs/quick", "# none"), &c), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "workdir"));
    assert_int_equal(loop_config_read(edited("low: 0.05 eV/Ang", "low: 2 eV/Ang"), &c), AL_ERR_INPUT);
    assert_int_equal(loop_config_read("/nonexistent/loop.yaml", &c), AL_ERR_NOTFOUND);
}

static void missing_files_name_the_place(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    const char *path = edited("structures/beta.extxyz", "structures/nowhere.extxyz");
    assert_int_equal(loop_config_read(path, &c), AL_ERR_OK);
    assert_int_equal(loop_config_check_files(c), AL_ERR_INPUT);
    expect_place(path, "structures/nowhere.extxyz");
}

static void missing_pseudopotential_names_the_place(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    const char *path = edited("pseudopotentials: SPMS", "pseudopotentials: NOSUCHSET");
    assert_int_equal(loop_config_read(path, &c), AL_ERR_OK);
    for (int i = 0; i < c->nsystems; i++) // the copy lies elsewhere than the structures
        snprintf(c->system[i].structure, AL_PATH, "%s/configs/structures/beta.extxyz", ALND_SOURCE_DIR);
    assert_int_equal(loop_config_check_files(c), AL_ERR_INPUT);
    expect_place(path, "NOSUCHSET");
}

// loop.yaml with another value of label.pseudopotentials, its structures in place.
static enum al_err with_pseudo(const char *value, struct loop_config **ret)
{
    char to[256];
    snprintf(to, sizeof to, "pseudopotentials: %s", value);
    AL_TRY(loop_config_read(edited("pseudopotentials: SPMS", to), ret));
    for (int i = 0; i < (*ret)->nsystems; i++)
        snprintf((*ret)->system[i].structure, AL_PATH, "%s/configs/structures/beta.extxyz", ALND_SOURCE_DIR);
    return AL_ERR_OK;
}

static void expect_spec(const char *value, int z, const char *spec)
{
    AL_OWN(loop_config) c = NULL;
    char got[AL_PATH], want[AL_PATH];
    assert_int_equal(with_pseudo(value, &c), AL_ERR_OK);
    assert_int_equal(loop_config_pseudo(c, z, got), AL_ERR_OK);
    if (strchr(spec, '/')) snprintf(want, sizeof want, "%s/%s", dir, spec);
    else snprintf(want, sizeof want, "%s", spec);
    assert_string_equal(got, want);
}

static void touch(const char *name, const char *text)
{
    char path[AL_PATH];
    assert_int_equal(al_path(path, "%s/%s", dir, name), AL_ERR_OK);
    *strrchr(path, '/') = '\0';
    assert_int_equal(al_mkdirs(path), AL_ERR_OK);
    assert_int_equal(al_path(path, "%s/%s", dir, name), AL_ERR_OK);
    assert_int_equal(al_file_write(path, text, strlen(text)), AL_ERR_OK);
}

static void pseudopotentials_are_found(void **state)
{
    (void)state;
    static const char *const files[] = {"set/Li_ONCV_PBE-1.2.upf", "set/03_Li_3_pbe.psp8", "set/s_pbe_v1.uspp.F.UPF",
                                        "set/P.UPF",               "set/S.txt",            "set/15-P.psp8",
                                        "set/Po.upf",              "own/Li.upf",           "GTH#X/all"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        touch(files[i], files[i]);
    expect_spec("GTH-PBE", 3, "GTH-PBE-q3");
    expect_spec("GTH-PBE", 12, "GTH-PBE-q10");
    expect_spec("{Li: GTH-PBE-q1, S: GTH-PBE}", 3, "GTH-PBE-q1");
    expect_spec("{Li: GTH-PBE-q1, S: GTH-PBE}", 16, "GTH-PBE-q6");
    expect_spec("./set", 3, "./set/03_Li_3_pbe.psp8"); // the first by name
    expect_spec("set/", 15, "set//15-P.psp8");
    expect_spec("./set", 16, "./set/s_pbe_v1.uspp.F.UPF");
    expect_spec("{Li: own/Li.upf, P: ./set}", 3, "own/Li.upf");
    expect_spec("{Li: own/Li.upf#q3}", 3, "own/Li.upf#q3");
    expect_spec("'./GTH#X/all'", 3, "./GTH#X/all");
    static const struct {
        const char *value, *place, *says;
    } bad[] = {{"{Li: GTH-PBE-q1, P: GTH-PBE}", "{Li: GTH", "no entry for S"},
               {"{Li: GTH-PBE-q2, P: GTH-PBE, S: GTH-PBE, O: GTH-PBE}", "GTH-PBE-q2", "GTH-PBE-q2 of Li"},
               {"GTH-PBE-q3", "GTH-PBE-q3", "GTH-PBE-q3 of P"},
               {"./set", "./set", "no pseudopotential of O in"},
               {"{Li: own/Li.upf, P: ./set, S: ./none.upf, O: GTH-PBE}", "./none.upf", "none.upf: No such file"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        AL_OWN(loop_config) c = NULL;
        assert_int_equal(with_pseudo(bad[i].value, &c), AL_ERR_OK);
        assert_int_equal(loop_config_check_files(c), AL_ERR_INPUT);
        if (!strstr(al_err_message(), bad[i].says)) fail_msg("%s", al_err_message());
        expect_place(c->path, bad[i].place);
    }
}

// RUN/inputs/pseudo: one copy an element, none of a built-in one, an old one gone; and the run finds them.
static void pseudopotentials_are_copied(void **state)
{
    (void)state;
    char run[AL_PATH], spec[AL_PATH], want[AL_PATH];
    touch("one/X.psp8", "one");
    touch("two/X.psp8", "two");
    assert_int_equal(al_path(run, "%s/run", dir), AL_ERR_OK);
    static const char *const values[] = {"{Li: one/X.psp8, P: two/X.psp8#q5, S: GTH-PBE, O: GTH-PBE}",
                                         "{Li: own/Li.upf, P: two/X.psp8#q5, S: GTH-PBE, O: GTH-PBE}"};
    static const char *const li[] = {"Li.X.psp8", "Li.Li.upf"};
    for (int i = 0; i < 2; i++) {
        AL_OWN(loop_config) c = NULL;
        AL_AUTOFREE char *text = NULL;
        assert_int_equal(with_pseudo(values[i], &c), AL_ERR_OK);
        assert_int_equal(loop_config_copy_inputs(c, run), AL_ERR_OK);
        assert_int_equal(loop_config_use_inputs(c, run), AL_ERR_OK);
        assert_int_equal(loop_config_pseudo(c, 3, spec), AL_ERR_OK);
        snprintf(want, sizeof want, "%s/run/inputs/pseudo/%s", dir, li[i]);
        assert_string_equal(spec, want);
        assert_int_equal(loop_config_pseudo(c, 15, spec), AL_ERR_OK);
        snprintf(want, sizeof want, "%s/run/inputs/pseudo/P.X.psp8#q5", dir);
        assert_string_equal(spec, want);
        *strrchr(spec, '#') = '\0';
        assert_int_equal(al_file_read(spec, 0, &text, NULL), AL_ERR_OK);
        assert_string_equal(text, "two");
        assert_int_equal(loop_config_pseudo(c, 16, spec), AL_ERR_OK);
        assert_string_equal(spec, "GTH-PBE-q6");
        assert_int_equal(loop_config_copy_inputs(c, run), AL_ERR_OK); // onto themselves
        assert_int_equal(loop_config_pseudo(c, 3, spec), AL_ERR_OK);
    }
}

static void section_hash_counts_physics_only(void **state)
{
    (void)state;
    AL_OWN(loop_config) a = NULL;
    char h0[65], h1[65], t0[65];
    assert_int_equal(loop_config_read(FIXTURE, &a), AL_ERR_OK);
    assert_int_equal(loop_config_section_hash(a, "label", h0), AL_ERR_OK);
    assert_int_equal(loop_config_section_hash(a, "train", t0), AL_ERR_OK);
    static const struct {
        const char *from, *to;
        bool same;
    } edits[] = {
        {"cutoff: 10 Ha", "cutoff: 20 Ry", true}, // the same number in another unit
        {"cutoff: 10 Ha", "cutoff: 13 Ha", false},
        {"cores: 2", "cores: 1", true},
        {"workdir: runs/quick", "workdir: elsewhere", true},
        {"[0.25, 0.25, 0.25]", "[0.25, 0.25, 0.20]", false},
        {"functional: PBE", "functional: revPBE", false},
        {"pseudopotentials: SPMS", "pseudopotentials: {Li: GTH-PBE, S: SPMS}", false},
        {"label: {batch: 1}", "label: {batch: 2, ranks: 2}", true},
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        AL_OWN(loop_config) b = NULL;
        assert_int_equal(loop_config_read(edited(edits[i].from, edits[i].to), &b), AL_ERR_OK);
        assert_int_equal(loop_config_section_hash(b, "label", h1), AL_ERR_OK);
        assert_int_equal(strcmp(h0, h1) == 0, edits[i].same);
        assert_int_equal(loop_config_section_hash(b, "train", h1), AL_ERR_OK);
        assert_string_equal(t0, h1);
    }
}

// What the reader of the structure advises is not lost on the way.
static void partial_occupancy_keeps_its_hint(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    touch("structures/half.cif", "data_half\n_cell_length_a 5\n_cell_length_b 5\n_cell_length_c 5\n_cell_angle_alpha 90\n_cell_angle_beta 90\n"
                                 "_cell_angle_gamma 90\nloop_\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
                                 "_atom_site_occupancy\nLi 0 0 0 0.5\n");
    assert_int_equal(loop_config_read(FIXTURE, &c), AL_ERR_OK);
    snprintf(c->system[0].structure, AL_PATH, "%s/structures/half.cif", dir);
    assert_int_equal(loop_config_check_files(c), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "half.cif:14: site with occupancy 0.5"));
    assert_string_equal(al_err_hint_text(), "choose an ordered model of the structure");
}

// Keys that came when campaigns had begun: at their defaults they leave the hash as it was without them.
static void later_keys_at_defaults_do_not_count(void **state)
{
    (void)state;
    AL_OWN(loop_config) a = NULL;
    char plain[65], hex[65];
    static const struct {
        const char *more;
        bool same;
    } keys[] = {
        {"thermostat: svr", true},       {"cell: isotropic", true}, {"barostat_time: 0.5 ps", true}, {"thermostat: nhc", false},
        {"barostat_time: 1 ps", false},  {"cell: full", false},
    };
    assert_int_equal(loop_config_read(FIXTURE, &a), AL_ERR_OK);
    assert_int_equal(loop_config_section_hash(a, "explore", plain), AL_ERR_OK);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        AL_OWN(loop_config) b = NULL;
        char text[128];
        snprintf(text, sizeof text, "ensemble: nvt\n  %s", keys[i].more);
        assert_int_equal(loop_config_read(edited("ensemble: nvt", text), &b), AL_ERR_OK);
        assert_int_equal(loop_config_section_hash(b, "explore", hex), AL_ERR_OK);
        assert_int_equal(strcmp(plain, hex) == 0, keys[i].same);
    }
    AL_OWN(loop_config) c = NULL; // pressures of an ensemble without
    assert_int_equal(loop_config_read(edited("ensemble: nvt", "ensemble: nvt\n  pressures: [1 GPa]"), &c), AL_ERR_INPUT);
    AL_OWN(loop_config) d = NULL;
    assert_int_equal(loop_config_read(edited("ensemble: nvt", "ensemble: npt\n  pressures: [0 GPa, 5 GPa]"), &d), AL_ERR_OK);
    assert_int_equal(d->explore.pressures.n, 2);
    assert_true(fabs(d->explore.pressures.v[1] - 5) < 1e-12);
}

// production.mobile: its default leaves hashes as they were; it is an element, and one of the systems'.
static void mobile_is_an_element_of_the_systems(void **state)
{
    (void)state;
    AL_OWN(loop_config) a = NULL;
    char plain[65], hex[65];
    static const struct {
        const char *more;
        bool same;
    } keys[] = {{"mobile: Li", true}, {"mobile_charge: 1.0", true}, {"mobile: S", false}, {"mobile_charge: 2", false}};
    assert_int_equal(loop_config_read(FIXTURE, &a), AL_ERR_OK);
    assert_int_equal(loop_config_section_hash(a, "production", plain), AL_ERR_OK);
    assert_string_equal(a->production.mobile, "Li");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        AL_OWN(loop_config) b = NULL;
        char text[128];
        snprintf(text, sizeof text, "replicas: 1\n  %s", keys[i].more);
        assert_int_equal(loop_config_read(edited("replicas: 1", text), &b), AL_ERR_OK);
        assert_int_equal(loop_config_section_hash(b, "production", hex), AL_ERR_OK);
        assert_int_equal(strcmp(plain, hex) == 0, keys[i].same);
    }
    AL_OWN(loop_config) c = NULL;
    const char *path = edited("replicas: 1", "replicas: 1\n  mobile: Lithium");
    assert_int_equal(loop_config_read(path, &c), AL_ERR_INPUT);
    expect_place(path, "Lithium");
    touch("structures/na.extxyz", "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\nNa 0 0 0\nCl 2.5 2.5 2.5\n");
    for (int i = 0; i < 4; i++) { // Na; another one; none said; none said in a run that is there
        AL_OWN(loop_config) d = NULL;
        if (i < 2) path = edited("replicas: 1", i ? "replicas: 1\n  mobile: Rb" : "replicas: 1\n  mobile: Na");
        else path = FIXTURE;
        assert_int_equal(loop_config_read(path, &d), AL_ERR_OK);
        snprintf(d->label.pseudopotentials, sizeof d->label.pseudopotentials, "GTH-PBE");
        for (int s = 0; s < d->nsystems; s++) {
            snprintf(d->system[s].structure, AL_PATH, "%s/structures/na.extxyz", dir);
            d->system[s].count = 0;
        }
        if (i == 3) snprintf(d->inputs, sizeof d->inputs, "%s/inputs", dir);
        enum al_err e = loop_config_check_files(d);
        if (i % 3 != 0) {
            assert_int_equal(e, AL_ERR_INPUT);
            expect_place(path, i == 1 ? "Rb" : "supercell: [1, 1, 1]\n  temperatures");
            assert_non_null(strstr(al_err_message(), i == 1 ? "no Rb in the systems (Na, Cl)" : "no Li, the default, in the systems (Na, Cl)"));
        } else if (e) {
            fail_msg("%s", al_err_message());
        }
    }
}

// What deepmd-kit's users expect where nothing is said; what was said stays, or is refused when deepmd-kit has it not.
static void deepmd_customs(void **state)
{
    (void)state;
    static const struct {
        const char *to, *word; // "learning_rate: ..." of the file becomes this; NULL: good
    } bad[] = {{"engine: deepmd\n  optimiser: soap", "adam only"},
               {"engine: deepmd\n  precision: mixed", "double"},
               {"engine: deepmd\n  patience: 10", "early stop"},
               {"engine: deepmd\n  zbl: {inner: 0.5 Ang, outer: 1 Ang}", "zbl"}};
    AL_OWN(loop_config) c = NULL;
    AL_OWN(loop_config) d = NULL;
    static const char whole[] = "learning_rate: {start: 2e-3, stop: 1e-5, start_next: 1e-3}";
    assert_int_equal(loop_config_read(edited(whole, "engine: deepmd"), &c), AL_ERR_OK);
    assert_string_equal(c->train.optimiser, "adam");
    assert_string_equal(c->train.schedule, "exponential");
    assert_string_equal(c->train.precision, "plain");
    assert_true(c->train.lr_start == 1e-3 && c->train.lr_stop == 3.51e-8);
    assert_int_equal(loop_config_read(edited(whole, "engine: deepmd\n  learning_rate: {start: 2e-3, schedule: cosine}\n  precision: double"), &d), AL_ERR_OK);
    assert_string_equal(d->train.schedule, "cosine");
    assert_true(d->train.lr_start == 2e-3 && d->train.lr_stop == 3.51e-8);
    for (int i = 0; i < 4; i++) {
        AL_OWN(loop_config) e = NULL;
        assert_int_equal(loop_config_read(edited(whole, bad[i].to), &e), AL_ERR_INPUT);
        assert_non_null(strstr(al_err_message(), bad[i].word));
    }
}

// docs/config.md is generated: alnd describe --markdown.
static void documentation_is_current(void **state)
{
    (void)state;
    AL_AUTOFREE char *doc = NULL;
    char *table = NULL;
    size_t n;
    FILE *out = open_memstream(&table, &n);
    assert_non_null(out);
    loop_config_describe(out, NULL, true);
    fclose(out);
    assert_int_equal(al_file_read(ALND_SOURCE_DIR "/docs/config.md", 0, &doc, NULL), AL_ERR_OK);
    assert_true(n > 1000);
    assert_non_null(strstr(doc, table));
    free(table);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return al_remove_tree(dir) ? -1 : 0;
}

static const char *in_file(const char *text)
{
    static char path[AL_PATH];
    snprintf(path, sizeof path, "%s/engine.yaml", dir);
    assert_int_equal(al_file_write(path, text, strlen(text)), AL_ERR_OK);
    return path;
}

// Engines by hand: sections alone, or a whole loop.yaml; wrong keys are wrong all the same.
static void engine_mode_needs_no_campaign(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    AL_OWN(loop_config) whole = NULL;
    int n, z[CFG_MAX_LIST];
    const char *text = "label: {cutoff: 12 Ha, kpoints: gamma, force_error: 5 meV/Ang}\nresources: {cores: 3, label: {memory: 2 GiB}}\n";
    assert_int_equal(loop_config_read(in_file(text), &c), AL_ERR_INPUT); // a campaign needs its systems
    assert_int_equal(loop_config_read_engine(in_file(text), &c), AL_ERR_OK);
    assert_true(c->label.cutoff > 11.999 && c->label.cutoff < 12.001 && c->label.kpoints.mode == KP_GAMMA && c->nsystems == 0);
    assert_true(c->resources.cores == 3 && c->resources.label_memory == 2048 && fabs(c->label.force_error - 0.005) < 1e-12);
    assert_int_equal(loop_config_set_elements(c, "Li Si S"), AL_ERR_OK);
    assert_int_equal(loop_config_elements(c, &n, z), AL_ERR_OK);
    assert_true(n == 3 && z[0] == 3 && z[1] == 16 && z[2] == 14); // Li P S O first, as in a campaign
    assert_int_equal(loop_config_set_elements(c, "Li Qq"), AL_ERR_INPUT);
    assert_int_equal(loop_config_read_engine(FIXTURE, &whole), AL_ERR_OK);
    assert_int_equal(whole->nsystems, 2);
    const char *wrong[] = {"label: {cutof: 12 Ha}\n", "label: {cutoff: 12}\n", "lable: {}\n", "systems: 3\n"};
    for (int i = 0; i < 4; i++) {
        AL_OWN(loop_config) bad = NULL;
        assert_int_equal(loop_config_read_engine(in_file(wrong[i]), &bad), AL_ERR_INPUT);
        assert_non_null(strstr(al_err_message(), "engine.yaml:1:"));
    }
}

// Settings written for a worker give the same physics; overrides change what they name.
static void label_settings_go_round(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    char path[AL_PATH], before[65], after[65];
    const char *text = "label: {engine: dft, cutoff: \"340 eV\", fft_grid: [40, 40, 40], kpoints: {mesh: [2, 1, 3], shift: [1, 0, 1]}, "
                       "convergence: tight}\nselect: {trust: {low: 0.1 eV/Ang, high: 0.2 eV/Ang}, min_distance: 0.8 Ang}\n"
                       "resources: {cores: 7, label: {threads: 2, memory: 1 GiB}}\n";
    assert_int_equal(loop_config_read_engine(in_file(text), &c), AL_ERR_OK);
    assert_int_equal(loop_config_section_hash(c, "label", before), AL_ERR_OK);
    snprintf(path, sizeof path, "%s/written.yaml", dir);
    for (int k = 0; k < 2; k++) {
        AL_OWN(loop_config) d = NULL;
        struct cfg_overrides o = {.cores = 5, .ranks = 2, .cutoff = k ? "20 Ha" : NULL, .kpoints = k ? "{spacing: 0.4 1/Ang}" : NULL};
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        assert_int_equal(loop_config_write_label(c, &o, out), AL_ERR_OK);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(loop_config_read_engine(path, &d), AL_ERR_OK);
        assert_int_equal(loop_config_section_hash(d, "label", after), AL_ERR_OK);
        assert_int_equal(strcmp(before, after) == 0, k == 0);
        assert_true(d->resources.cores == 5 && d->resources.label.ranks == 2 && d->resources.label.threads == 2);
        assert_true(d->resources.label_memory == 1024 && d->select.min_distance == 0.8);
        if (k) assert_true(fabs(d->label.cutoff - 20) < 1e-9 && d->label.kpoints.mode == KP_SPACING && d->label.fft_grid[0] == 0);
        assert_string_equal(d->label.convergence, "tight");
    }
}

static void converge_table_lies_beside(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = NULL;
    AL_OWN(loop_config) named = NULL;
    char path[AL_PATH], want[AL_PATH];
    assert_int_equal(loop_config_read_engine(in_file("label: {cutoff: 9 Ha}\n"), &c), AL_ERR_OK);
    assert_int_equal(loop_config_converge_path(c, path), AL_ERR_OK);
    snprintf(want, sizeof want, "%s/engine.converge.yaml", dir);
    assert_string_equal(path, want);
    assert_int_equal(loop_config_read_engine(in_file("label: {converge: tables/a.yaml}\n"), &named), AL_ERR_OK);
    assert_int_equal(loop_config_converge_path(named, path), AL_ERR_OK);
    snprintf(want, sizeof want, "%s/tables/a.yaml", dir);
    assert_string_equal(path, want);
    // a run that has no copy of it, and one that has
    char run[AL_PATH];
    snprintf(run, sizeof run, "%s/tabled", dir);
    assert_int_equal(loop_config_use_inputs(named, run), AL_ERR_OK);
    assert_int_equal(loop_config_converge_path(named, path), AL_ERR_OK);
    assert_string_equal(path, want);
    touch("tabled/inputs/converge.yaml", "{}\n");
    assert_int_equal(loop_config_use_inputs(named, run), AL_ERR_OK);
    assert_int_equal(loop_config_converge_path(named, path), AL_ERR_OK);
    assert_int_equal(al_path(want, "%s/inputs/converge.yaml", run), AL_ERR_OK);
    assert_string_equal(path, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_is_read), cmocka_unit_test(values_units_and_paths), cmocka_unit_test(bad_input_names_the_place),
        cmocka_unit_test(missing_files_name_the_place), cmocka_unit_test(missing_pseudopotential_names_the_place),
        cmocka_unit_test(pseudopotentials_are_found), cmocka_unit_test(pseudopotentials_are_copied),
        cmocka_unit_test(section_hash_counts_physics_only), cmocka_unit_test(later_keys_at_defaults_do_not_count),
        cmocka_unit_test(mobile_is_an_element_of_the_systems), cmocka_unit_test(partial_occupancy_keeps_its_hint),
        cmocka_unit_test(documentation_is_current), cmocka_unit_test(deepmd_customs),
        cmocka_unit_test(engine_mode_needs_no_campaign), cmocka_unit_test(label_settings_go_round),
        cmocka_unit_test(converge_table_lies_beside),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
