// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/data_keys.h"
#include "config/loop_keys.h"

#include <string.h>

#include "base/xcname.h"
#include "config/code_keys.h"
#include "config/loop_config.h"
#include "config/queue_keys.h"
#include "config/waves_keys.h"

#define AT(field)         .offset = offsetof(struct loop_config, field)
#define SIZE(field)       .size = sizeof(((struct loop_config *)0)->field)
#define ELEMENTS(field)   .size = sizeof(((struct loop_config *)0)->field) / sizeof(((struct loop_config *)0)->field[0])
#define COUNT(field)      .count_offset = offsetof(struct loop_config, field)
#define STRING(field)     AT(field), SIZE(field)
#define REALS(field)      AT(field.v), ELEMENTS(field.v), COUNT(field.n)
#define RANGE(lo, hi)     .min = (lo), .max = (hi)

// train.descriptor.sel: auto, or one number for each element
static enum al_err parse_sel(const struct al_node *n, void *base)
{
    struct cfg_train *t = &((struct loop_config *)base)->train;
    if (n->kind == AL_NODE_SCALAR && strcmp(n->text, "auto") == 0) {
        t->sel_auto = true;
        t->nsel = 0;
        return AL_ERR_OK;
    }
    if (n->kind != AL_NODE_LIST || !n->nchild || n->nchild > CFG_MAX_LIST)
        AL_TRY(al_node_error(n, "sel: 'auto' or a list with one number for each element is wanted"));
    t->sel_auto = false;
    t->nsel = 0;
    for (const struct al_node *c = n->child; c; c = c->next) {
        long v;
        AL_TRY(schema_int(c, 1, 1000, &v));
        t->sel[t->nsel++] = (int)v;
    }
    return AL_ERR_OK;
}

static void hash_sel(const void *base, struct al_sha256 *s)
{
    const struct cfg_train *t = &((const struct loop_config *)base)->train;
    al_sha256_int(s, t->sel_auto ? -1 : t->nsel);
    for (int i = 0; i < t->nsel; i++)
        al_sha256_int(s, t->sel[i]);
}

static enum al_err parse_functional(const struct al_node *n, void *base)
{
    struct cfg_label *l = &((struct loop_config *)base)->label;
    if (n->kind != AL_NODE_SCALAR || !n->text[0]) AL_TRY(al_node_error(n, "functional: a name is wanted"));
    if (strlen(n->text) >= sizeof l->functional)
        AL_TRY(al_node_error(n, "functional is longer than %zu characters", sizeof l->functional - 1));
    if (al_xc_check(n->text) != AL_ERR_OK) {
        char why[AL_ERR_TEXT], hint[AL_ERR_TEXT];
        snprintf(why, sizeof why, "%s", al_err_message());
        snprintf(hint, sizeof hint, "%s", al_err_hint_text());
        enum al_err e = al_node_error(n, "%s", why);
        al_err_hint("%s", hint);
        return e;
    }
    snprintf(l->functional, sizeof l->functional, "%s", n->text);
    return AL_ERR_OK;
}

static void hash_functional(const void *base, struct al_sha256 *s)
{
    al_sha256_string(s, ((const struct loop_config *)base)->label.functional);
}

// A source for all elements, or a map of them; the text of a map is kept as it would be written on one line.
static enum al_err parse_pseudo(const struct al_node *n, void *base)
{
    struct cfg_label *l = &((struct loop_config *)base)->label;
    l->npseudo = 0;
    if (n->kind == AL_NODE_SCALAR && n->text[0] && strlen(n->text) < sizeof l->pseudopotentials) {
        snprintf(l->pseudopotentials, sizeof l->pseudopotentials, "%s", n->text);
        return AL_ERR_OK;
    }
    if (n->kind != AL_NODE_MAP || !n->nchild || n->nchild > CFG_MAX_LIST)
        AL_TRY(al_node_error(n, "pseudopotentials: the name of a set, a directory, or a map {Li: .., S: ..} is wanted"));
    size_t at = 0;
    for (const struct al_node *c = n->child; c; c = c->next) {
        int z = al_element_z(c->key);
        if (!z) AL_TRY(al_node_error(c, "pseudopotentials: '%.40s' is not an element", c->key));
        if (c->kind != AL_NODE_SCALAR || !c->text[0] || strlen(c->text) >= sizeof l->pseudo[0].source)
            AL_TRY(al_node_error(c, "%s: a set, a file or a directory is wanted", c->key));
        l->pseudo[l->npseudo].z = z;
        snprintf(l->pseudo[l->npseudo++].source, sizeof l->pseudo[0].source, "%s", c->text);
        at += (size_t)snprintf(l->pseudopotentials + at, sizeof l->pseudopotentials - at, "%s%s: %s", at ? ", " : "{", c->key,
                               c->text);
        if (at + 2 > sizeof l->pseudopotentials) AL_TRY(al_node_error(c, "pseudopotentials: the map is too long"));
    }
    memcpy(l->pseudopotentials + at, "}", 2);
    return AL_ERR_OK;
}

static void hash_pseudo(const void *base, struct al_sha256 *s)
{
    al_sha256_string(s, ((const struct loop_config *)base)->label.pseudopotentials);
}

// initial.perturb.by_element: {Li: 0.25 Ang}
static enum al_err parse_by_element(const struct al_node *n, void *base)
{
    double *d = ((struct loop_config *)base)->initial.of_element;
    if (n->kind != AL_NODE_MAP) AL_TRY(al_node_error(n, "%s: a map of elements is wanted, {Li: 0.2 Ang}", n->key));
    for (const struct al_node *c = n->child; c; c = c->next) {
        int z = al_element_z(c->key);
        if (!z) AL_TRY(al_node_error(c, "%s: '%.20s' is not an element", n->key, c->key));
        AL_TRY(schema_real(c, AL_DIM_LENGTH, 0, 1, &d[z]));
    }
    return AL_ERR_OK;
}

static void hash_by_element(const void *base, struct al_sha256 *s)
{
    for (int z = 1; z <= AL_ZMAX; z++)
        al_sha256_double(s, ((const struct loop_config *)base)->initial.of_element[z]);
}

// select.trust: auto | {low: 0.1 eV/Ang, high: 0.35 eV/Ang} | {auto: true, low: .., high: ..}
static enum al_err parse_trust(const struct al_node *n, void *base)
{
    struct cfg_select *t = &((struct loop_config *)base)->select;
    t->trust_low = 0.10;
    t->trust_high = 0.35;
    t->trust_auto = n->kind == AL_NODE_SCALAR;
    if (n->kind == AL_NODE_SCALAR && strcmp(n->text, "auto") == 0) return AL_ERR_OK;
    if (n->kind != AL_NODE_MAP || !n->nchild)
        AL_TRY(al_node_error(n, "trust: auto, {low: .., high: ..} or {auto: true, low: .., high: ..} is wanted"));
    for (const struct al_node *c = n->child; c; c = c->next) {
        if (strcmp(c->key, "low") == 0) AL_TRY(schema_real(c, AL_DIM_FORCE, 0, 100, &t->trust_low));
        else if (strcmp(c->key, "high") == 0) AL_TRY(schema_real(c, AL_DIM_FORCE, 0, 1000, &t->trust_high));
        else if (strcmp(c->key, "auto") != 0)
            AL_TRY(al_node_error(c, "trust: unknown key '%.40s'; low, high, auto are known", c->key));
        else if (c->kind == AL_NODE_SCALAR && (strcmp(c->text, "true") == 0 || strcmp(c->text, "false") == 0))
            t->trust_auto = c->text[0] == 't';
        else
            AL_TRY(al_node_error(c, "trust: auto is true or false"));
    }
    return AL_ERR_OK;
}

static void hash_trust(const void *base, struct al_sha256 *s)
{
    const struct cfg_select *t = &((const struct loop_config *)base)->select;
    al_sha256_int(s, t->trust_auto);
    al_sha256_double(s, t->trust_low);
    al_sha256_double(s, t->trust_high);
}

// label.smearing: none | {kind: gaussian, width: 0.1 eV}
static enum al_err parse_smearing(const struct al_node *n, void *base)
{
    static const char *const kinds[] = {"none", "gaussian", "fermi", "cold"};
    struct cfg_label *l = &((struct loop_config *)base)->label;
    l->smearing = SM_NONE;
    l->smearing_width = 0;
    if (n->kind == AL_NODE_SCALAR && strcmp(n->text, "none") == 0) return AL_ERR_OK;
    const struct al_node *kind = n->kind == AL_NODE_MAP ? al_node_get(n, "kind") : NULL;
    if (!kind || kind->kind != AL_NODE_SCALAR)
        return al_node_error(n, "smearing: none or {kind: gaussian, width: 0.1 eV} is wanted");
    for (int i = SM_GAUSSIAN; i <= SM_COLD; i++)
        if (strcmp(kind->text, kinds[i]) == 0) l->smearing = i;
    if (l->smearing == SM_NONE)
        return al_node_error(kind, "smearing: kind '%.20s'; gaussian, fermi, cold are known", kind->text);
    const struct al_node *width = al_node_get(n, "width");
    if (!width) return al_node_error(n, "smearing: width is missing, e.g. 0.1 eV");
    for (const struct al_node *c = n->child; c; c = c->next)
        if (c != kind && c != width)
            return al_node_error(c, "smearing: unknown key '%.40s'; kind and width are known", c->key);
    AL_TRY(schema_real(width, AL_DIM_ENERGY, 1e-3, 5, &l->smearing_width));
    return AL_ERR_OK;
}

static void hash_smearing(const void *base, struct al_sha256 *s)
{
    const struct cfg_label *l = &((const struct loop_config *)base)->label;
    al_sha256_int(s, l->smearing);
    al_sha256_double(s, l->smearing_width);
}

#define P KEY_PHYSICS
const struct schema_key loop_keys[] = {
    {"name", KEY_NAME, 0, STRING(name), .otherwise = "run", .doc = "Name of the campaign, used in reports."},
    {"seed", KEY_U64, 0, AT(seed), .otherwise = "1", .flags = P, .doc = "Every random number of the campaign follows from it."},
    {"workdir", KEY_STRING, 0, STRING(workdir), .flags = KEY_REQUIRED,
     .doc = "Run directory, relative to where alnd is started."},
    {"demonstration", KEY_BOOL, 0, AT(demonstration), .otherwise = "false",
     .doc = "Settings are too small for physics: every result says so."},

    {"initial.perturb.frames", KEY_INT, 0, AT(initial.frames), RANGE(0, 100000), .otherwise = "20", .flags = P,
     .doc = "Perturbed frames of each system and arrangement; 0 when initial.aimd or initial.data is there and initial.perturb is not."},
    {"initial.perturb.displacement", KEY_REAL, AL_DIM_LENGTH, AT(initial.displacement), RANGE(0, 1), .otherwise = "0.10 Ang",
     .flags = P, .doc = "Standard deviation of the random displacement of each coordinate."},
    {"initial.perturb.by_element", KEY_CUSTOM, AL_DIM_LENGTH, .otherwise = "{}", .flags = P, .parse = parse_by_element,
     .hash = hash_by_element,
     .doc = "Displacement of single elements, e.g. {Li: 0.25 Ang}: mobile ions need wider ones, or nothing teaches the networks that they repel."},
    {"initial.perturb.strain", KEY_REAL, AL_DIM_FRACTION, AT(initial.strain), RANGE(0, 0.2), .otherwise = "3 %", .flags = P,
     .doc = "Largest random strain of each cell component."},

    {"initial.aimd.temperatures", KEY_REALS, AL_DIM_TEMP, REALS(initial.aimd.temperatures), RANGE(1, 10000),
     .flags = P,
     .doc = "First-principles MD of each system at these temperatures; its frames are labelled as they come, with the label settings. Empty: none."},
    {"initial.aimd.pressures", KEY_REALS, AL_DIM_PRESSURE, REALS(initial.aimd.pressures), RANGE(-100, 1000),
     .flags = P, .doc = "A trajectory of each temperature at each of these pressures (npt); empty: constant cell (nvt)."},
    {"initial.aimd.time", KEY_REAL, AL_DIM_TIME, AT(initial.aimd.time), RANGE(1, 1e9), .otherwise = "0.2 ps", .flags = P,
     .doc = "Length of each first-principles trajectory, equilibration included."},
    {"initial.aimd.equilibration", KEY_REAL, AL_DIM_TIME, AT(initial.aimd.equilibration), RANGE(0, 1e9), .otherwise = "0 fs",
     .flags = P, .doc = "Frames before this time are not taken."},
    {"initial.aimd.timestep", KEY_REAL, AL_DIM_TIME, AT(initial.aimd.timestep), RANGE(0.05, 5), .otherwise = "1 fs", .flags = P,
     .doc = "MD time step."},
    {"initial.aimd.stride", KEY_INT, 0, AT(initial.aimd.stride), RANGE(1, 1e6), .otherwise = "10", .flags = P,
     .doc = "Steps between frames that are taken."},
    {"initial.aimd.thermostat_time", KEY_REAL, AL_DIM_TIME, AT(initial.aimd.tau), RANGE(1, 1e5), .otherwise = "50 fs", .flags = P,
     .doc = "Relaxation time of the thermostat (stochastic velocity rescaling)."},
    {"initial.aimd.barostat_time", KEY_REAL, AL_DIM_TIME, AT(initial.aimd.tau_p), RANGE(1, 1e6), .otherwise = "200 fs", .flags = P,
     .doc = "Relaxation time of the volume (stochastic cell rescaling, for a compressibility of 0.05 1/GPa)."},
    {"initial.aimd.cutoff", KEY_CUSTOM, AL_DIM_ENERGY, .otherwise = "label", .flags = P | KEY_LATER, .parse = waves_parse_aimd_cutoff,
     .hash = waves_hash_aimd_cutoff,
     .doc = "Cut-off of the first-principles MD, lower than that of the labels: its frames are then labelled once more, with the label settings. label: label.cutoff."},
    {"initial.aimd.kpoints", KEY_CUSTOM, 0, .otherwise = "label", .flags = P | KEY_LATER, .parse = waves_parse_aimd_kpoints,
     .hash = waves_hash_aimd_kpoints, .doc = "k-points of the first-principles MD, in the same way; label: label.kpoints."},

    // no KEY_PHYSICS: what counts is what the files hold, not where they are (core/rundir.c)
    {"initial.data", KEY_CUSTOM, 0, .otherwise = "[]", .parse = data_parse, .hash = data_hash,
     .doc = "Labelled frames from elsewhere, all that alnd import takes: a path or a list of files, directories, patterns. Read once, at the first "
            "start. Their labels should come from the program and settings of label (docs/import.md)."},

    {"train.engine", KEY_CHOICE, 0, STRING(train.engine), .otherwise = "builtin", .flags = P | KEY_LATER, .choices = "builtin|deepmd",
     .doc = "Who trains: alnd, or the deepmd-kit of resources.deepmd as a child process of the worker, then with its customs where nothing is "
            "said: optimiser adam, learning_rate exponential from 1e-3 to 3.51e-8 (docs/engines-deepmd.md)."},
    {"train.committee", KEY_INT, 0, AT(train.committee), RANGE(2, 16), .otherwise = "4", .flags = P,
     .doc = "Number of networks, trained from different random starts."},
    {"train.descriptor.rcut", KEY_REAL, AL_DIM_LENGTH, AT(train.rcut), RANGE(2, 12), .otherwise = "6.0 Ang", .flags = P,
     .doc = "Cut-off radius of the environment; a multiple of 1/16 Ang keeps deepmd-kit exact."},
    {"train.descriptor.rcut_smooth", KEY_REAL, AL_DIM_LENGTH, AT(train.rcut_smooth), RANGE(0.1, 10), .otherwise = "0.5 Ang",
     .flags = P, .doc = "Radius where the switching function starts."},
    {"train.descriptor.rcut_angular", KEY_REAL, AL_DIM_LENGTH, AT(train.rcut_angular), RANGE(0, 12), .otherwise = "0 Ang",
     .flags = P | KEY_LATER,
     .doc = "Angles between neighbours within this radius are part of the descriptor (harmonics of degree 2 and 3); 0: none, deepmd-kit's se_e2_a "
            "(docs/train.md#angles)."},
    {"train.descriptor.angular_neurons", KEY_INT, 0, AT(train.angular_neurons), RANGE(1, 500), .otherwise = "16", .flags = P | KEY_LATER,
     .doc = "With rcut_angular: columns of the embedding that angles go with, from axis_neurons to the last of neurons."},
    {"train.descriptor.sel", KEY_CUSTOM, 0, .otherwise = "auto", .flags = P, .parse = parse_sel, .hash = hash_sel,
     .doc = "Neighbour slots of each element (Li P S O ... order), or auto: 1.5 times the largest number met."},
    {"train.descriptor.neurons", KEY_INTS, 0, AT(train.neurons), ELEMENTS(train.neurons), COUNT(train.nneurons),
     RANGE(1, 500), .otherwise = "[25, 50, 100]", .flags = P, .doc = "Widths of the embedding net."},
    {"train.descriptor.axis_neurons", KEY_INT, 0, AT(train.axis_neurons), RANGE(1, 64), .otherwise = "16", .flags = P,
     .doc = "Columns of the embedding used on the second side of the descriptor."},
    {"train.descriptor.type_one_side", KEY_BOOL, 0, AT(train.type_one_side), .otherwise = "true", .flags = P,
     .doc = "Embedding nets by the neighbour's element only."},
    {"train.fitting.neurons", KEY_INTS, 0, AT(train.fitting), ELEMENTS(train.fitting), COUNT(train.nfitting), RANGE(1, 1000),
     .otherwise = "[120, 120, 120]", .flags = P, .doc = "Widths of the fitting net; equal widths keep deepmd-kit exact."},
    {"train.zbl.inner", KEY_REAL, AL_DIM_LENGTH, AT(train.zbl_inner), RANGE(0, 5), .otherwise = "0 Ang", .flags = P | KEY_LATER,
     .doc = "Repulsion between nuclei (ZBL) that is added to the networks, so that hot MD finds no hole at short distances: full up to here; "
            "0 with outer 0: none. deepmd-kit cannot take such a model whole (docs/handoff.md)."},
    {"train.zbl.outer", KEY_REAL, AL_DIM_LENGTH, AT(train.zbl_outer), RANGE(0, 5), .otherwise = "0 Ang", .flags = P | KEY_LATER,
     .doc = "The repulsion is switched off smoothly from inner to here; below the shortest bonds."},
    {"train.steps", KEY_LONG, 0, AT(train.steps), RANGE(1, 1e9), .otherwise = "100000", .flags = P,
     .doc = "Optimiser steps of the first training."},
    {"train.steps_next", KEY_LONG, 0, AT(train.steps_next), RANGE(0, 1e9), .otherwise = "0", .flags = P,
     .doc = "Optimiser steps of later iterations; 0 = as the first."},
    {"train.batch", KEY_INT, 0, AT(train.batch), RANGE(1, 1000), .otherwise = "1", .flags = P, .doc = "Frames of a step."},
    {"train.max_force", KEY_REAL, AL_DIM_FORCE, AT(train.max_force), RANGE(0, 1e6), .otherwise = "0 eV/Ang", .flags = P,
     .doc = "Training leaves frames out in which the force on an atom is larger: a few with atoms pushed into each other spoil the rest. They stay labelled, and in the errors. 0: none."},
    {"train.precision", KEY_CHOICE, 0, STRING(train.precision), .otherwise = "mixed", .flags = P, .choices = "mixed|double|plain",
     .doc = "Arithmetic of training: mixed (float where the error shows no difference), double, or plain: double without "
            "interpolated embedding nets, as deepmd-kit, several times slower. Models are double in any case."},
    {"train.optimiser", KEY_CHOICE, 0, STRING(train.optimiser), .otherwise = "soap", .flags = P, .choices = "adam|soap",
     .doc = "Adam, or Adam in the eigenbasis of the gradient's covariances (SOAP): fewer, dearer steps."},
    {"train.warm_start", KEY_BOOL, 0, AT(train.warm_start), .otherwise = "true", .flags = P,
     .doc = "From iteration 1 on, start from the previous iteration's network."},
    {"train.learning_rate.start", KEY_REAL, 0, AT(train.lr_start), RANGE(1e-8, 1), .otherwise = "1e-2", .flags = P,
     .doc = "Learning rate at the first step."},
    {"train.learning_rate.stop", KEY_REAL, 0, AT(train.lr_stop), RANGE(1e-12, 1), .otherwise = "1e-6", .flags = P,
     .doc = "Learning rate at the last step."},
    {"train.learning_rate.schedule", KEY_CHOICE, 0, STRING(train.schedule), .otherwise = "cosine", .flags = P,
     .choices = "cosine|exponential", .doc = "Way from start to stop: half a cosine, or deepmd-kit's exponential."},
    {"train.learning_rate.start_next", KEY_REAL, 0, AT(train.lr_start_next), RANGE(0, 1), .otherwise = "0", .flags = P,
     .doc = "Learning rate at the first step of a warm start; 0 = a third of start."},
    {"train.loss.energy", KEY_REAL2, 0, AT(train.pref_e), RANGE(0, 1e6), .otherwise = "[0.02, 1]", .flags = P,
     .doc = "Prefactor of the energy error, at the start and at the end."},
    {"train.loss.force", KEY_REAL2, 0, AT(train.pref_f), RANGE(0, 1e6), .otherwise = "[1000, 1]", .flags = P,
     .doc = "Prefactor of the force error, at the start and at the end."},
    {"train.loss.virial", KEY_REAL2, 0, AT(train.pref_v), RANGE(0, 1e6), .otherwise = "[0.02, 1]", .flags = P,
     .doc = "Prefactor of the virial error, at the start and at the end."},
    {"train.patience", KEY_INT, 0, AT(train.patience), RANGE(0, 10000), .otherwise = "0", .flags = P,
     .doc = "Early stop: after so many hundredths of the steps without a validation error lower by 2 % the learning rate comes down "
            "and training ends; 0 = never."},
    {"train.validation", KEY_REAL, AL_DIM_FRACTION, AT(train.validation), RANGE(0, 0.5), .otherwise = "10 %", .flags = P,
     .doc = "Fraction of the labelled training frames kept for validation."},

    {"explore.ensemble", KEY_CHOICE, 0, STRING(explore.ensemble), .otherwise = "nvt", .flags = P, .choices = "nvt|nve|npt",
     .doc = "Ensemble of the exploring MD."},
    {"explore.engine", KEY_CHOICE, 0, STRING(explore.engine), .otherwise = "builtin", .flags = P | KEY_LATER, .choices = "builtin|lammps",
     .doc = "Who moves the atoms: alnd, or the LAMMPS of resources.lammps as a child process of the worker (docs/production.md)."},
    {"explore.thermostat", KEY_CHOICE, 0, STRING(explore.thermostat), .otherwise = "svr", .flags = P | KEY_LATER,
     .choices = "svr|langevin|nhc",
     .doc = "Thermostat of MD with models: stochastic velocity rescaling, Langevin, Nose-Hoover chain."},
    {"explore.cell", KEY_CHOICE, 0, STRING(explore.cell), .otherwise = "isotropic", .flags = P | KEY_LATER,
     .choices = "isotropic|full", .doc = "What npt moves: the volume, or all lengths and angles of the cell."},
    {"explore.temperatures", KEY_REALS, AL_DIM_TEMP, REALS(explore.temperatures), RANGE(1, 5000), .flags = P | KEY_REQUIRED,
     .doc = "Temperatures of the exploring MD."},
    {"explore.pressures", KEY_REALS, AL_DIM_PRESSURE, REALS(explore.pressures), RANGE(-100, 1000), .flags = P | KEY_LATER,
     .doc = "npt: a trajectory of each system and temperature at each of these pressures; empty: at 0 GPa."},
    {"explore.time", KEY_REAL, AL_DIM_TIME, AT(explore.time), RANGE(1, 1e9), .otherwise = "10 ps", .flags = P,
     .doc = "Length of each exploring trajectory."},
    {"explore.timestep", KEY_REAL, AL_DIM_TIME, AT(explore.timestep), RANGE(0.05, 5), .otherwise = "1 fs", .flags = P,
     .doc = "MD time step."},
    {"explore.thermostat_time", KEY_REAL, AL_DIM_TIME, AT(explore.tau), RANGE(1, 1e5), .otherwise = "100 fs", .flags = P,
     .doc = "Relaxation time of the thermostat."},
    {"explore.barostat_time", KEY_REAL, AL_DIM_TIME, AT(explore.tau_p), RANGE(1, 1e6), .otherwise = "500 fs",
     .flags = P | KEY_LATER, .doc = "Relaxation time of the volume in npt (of a solid with a compressibility of 0.05 1/GPa)."},
    {"explore.stride", KEY_INT, 0, AT(explore.stride), RANGE(1, 1e6), .otherwise = "20", .flags = P,
     .doc = "Steps between frames whose model deviation is taken."},
    {"explore.precision", KEY_CHOICE, 0, STRING(explore.precision), .otherwise = "mixed", .flags = P, .choices = "mixed|double|plain",
     .doc = "Arithmetic of the models in MD: mixed (float inside, energies and forces summed in double; 1e-7 eV/Ang off), double, "
            "or plain: double without tables, three times slower than double."},

    {"select.trust", KEY_CUSTOM, 0, .otherwise = "{low: 0.10 eV/Ang, high: 0.35 eV/Ang}", .flags = P, .parse = parse_trust, .hash = hash_trust,
     .doc = "Window of the force deviation: frames below low are accurate, those above high failed and end their trajectory; between them are candidates. {low: L, high: H}; auto: by system and temperature from how deviations and true errors of labelled frames went together, so that accurate is what converge.force_rmse asks for; {auto: true, low: L, high: H}: the same, and what holds while fewer than 8 frames are known."},
    {"select.max_frames", KEY_INT, 0, AT(select.max_frames), RANGE(0, 100000), .otherwise = "50", .flags = P,
     .doc = "Frames selected per iteration and system."},
    {"select.share", KEY_CHOICE, 0, STRING(select.share), .otherwise = "equal", .flags = P | KEY_LATER, .choices = "equal|candidates",
     .doc = "Who gets the labels of an iteration, max_frames times the number of systems: each system as many (equal), or each system and temperature in proportion to its candidates, where the potential is in doubt."},
    {"select.random.frames", KEY_INT, 0, AT(select.random_frames), RANGE(0, 100000), .otherwise = "0", .flags = P | KEY_LATER,
     .doc = "Frames labelled besides, per iteration and system: drawn at random from the explored ones in and below the trust window. Candidates teach what is new, these what production meets: they bring down the error there when hardly anything is in doubt any more."},
    {"select.random.up_to", KEY_REAL, AL_DIM_TEMP, AT(select.random_up_to), RANGE(0, 10000), .otherwise = "0 K", .flags = P | KEY_LATER,
     .doc = "Those of hotter trajectories are not drawn; 0: all are."},
    {"select.diversity", KEY_CHOICE, 0, STRING(select.diversity), .otherwise = "farthest", .flags = P, .choices = "farthest|random",
     .doc = "Which candidates are labelled: those farthest from all labelled frames and from each other, by the first member's descriptors of their atoms, or any, at random."},
    {"select.duplicate", KEY_REAL, 0, AT(select.duplicate), RANGE(0, 10), .otherwise = "0.05", .flags = P,
     .doc = "Candidates none of whose atoms is farther than this from a labelled one of its element are near duplicates and left out; in units of the spread of the labelled descriptors. 0: equal frames only."},
    {"select.min_distance", KEY_REAL, AL_DIM_LENGTH, AT(select.min_distance), RANGE(0.1, 3), .otherwise = "1.0 Ang", .flags = P,
     .doc = "Atoms closer than this end a trajectory."},

    {"label.engine", KEY_CHOICE, 0, STRING(label.engine), .otherwise = "dft", .flags = P, .choices = "dft|qe|vasp|abinit|cp2k|command",
     .doc = "Who labels frames: alnd itself (dft), or another program that is installed: Quantum ESPRESSO, VASP, ABINIT, CP2K, or a command of your own (docs/engines.md)."},
    {"label.program", KEY_STRING, 0, STRING(label.program), .otherwise = "\"\"",
     .doc = "The program of an engine other than dft: a name in PATH, or a path, which --allow-commands permits; none: its usual name (pw.x, ..)."},
    {"label.launcher", KEY_CUSTOM, 0, .otherwise = "[mpirun, --bind-to, none, -n, RANKS]", .parse = code_parse_launcher, .hash = code_hash_launcher,
     .doc = "What starts the ranks of such a program: a list of arguments, RANKS is resources.label.ranks; []: nothing. Another one than the default asks for --allow-commands. Engine command: not used."},
    {"label.template", KEY_PATH, 0, STRING(label.template), .otherwise = "\"\"",
     .doc = "Your part of that program's input, merged with what alnd writes (docs/engines.md); a copy goes to RUN/inputs."},
    {"label.command", KEY_CUSTOM, 0, .otherwise = "[]", .flags = P | KEY_LATER, .parse = code_parse_command, .hash = code_hash_command,
     .doc = "Engine command: the program and its arguments, to which frame.extxyz and labelled.extxyz are added; asks for --allow-commands."},
    {"label.functional", KEY_CUSTOM, 0, .otherwise = "PBE", .flags = P, .parse = parse_functional, .hash = hash_functional,
     .doc = "Exchange-correlation functional: PBE, PBEsol, revPBE, LDA (Perdew-Wang), PZ, or libxc names of an LDA or GGA: gga_x_b88+gga_c_lyp."},
    {"label.cutoff", KEY_CUSTOM, AL_DIM_ENERGY, .otherwise = "30 Ha", .flags = P, .parse = waves_parse_cutoff, .hash = waves_hash_cutoff,
     .doc = "Kinetic-energy cut-off of the plane waves."},
    {"label.kpoints", KEY_CUSTOM, 0, .otherwise = "{spacing: 0.52 1/Ang}", .flags = P, .parse = waves_parse_kpoints,
     .hash = waves_hash_kpoints,
     .doc = "gamma, {spacing: S} (largest step, 2 pi included, shifted by half a step), {mesh: [..], shift: [..]} or {points: [[x, y, z, weight], ..]}."},
    {"label.pseudopotentials", KEY_CUSTOM, 0, .otherwise = "SPMS", .flags = P, .parse = parse_pseudo, .hash = hash_pseudo,
     .doc = "A set (SPMS; GTH-PBE is built in), a directory or file (psp8, UPF 2, GTH text: FILE#GTH-PBE-q3), or a mapping {Li: GTH-PBE-q1, S: S.upf}."},
    {"label.smearing", KEY_CUSTOM, AL_DIM_ENERGY, .otherwise = "{kind: gaussian, width: 0.05 eV}", .flags = P, .parse = parse_smearing,
     .hash = hash_smearing,
     .doc = "{kind: gaussian, fermi or cold, width: 0.05 eV}, or none (fixed occupations: frames whose gap closes are refused). Energies are free energies; where the gap is above ten widths they are those without smearing."},
    {"label.charge", KEY_REAL, 0, AT(label.charge), RANGE(-100, 100), .otherwise = "0", .flags = P,
     .doc = "Charge of the cell in elementary charges, neutralised by a uniform background."},
    {"label.convergence", KEY_CHOICE, 0, STRING(label.convergence), .otherwise = "normal", .flags = P, .choices = "normal|tight",
     .doc = "SCF thresholds: normal for labels, tight for references."},
    {"label.fft_grid", KEY_INT3, 0, AT(label.fft_grid), RANGE(0, 2000), .otherwise = "[0, 0, 0]", .flags = P,
     .doc = "FFT grid; zeros = smallest that holds the density sphere."},
    {"label.pulay", KEY_BOOL, 0, AT(label.pulay), .otherwise = "true", .flags = P,
     .doc = "Virials of a fixed cut-off, to which the energies of cells of different sizes belong: the stress of the fixed set of plane waves with the Pulay stress taken out (label.engine: dft). Without it networks that learn both learn a contradiction, and pressures are too low where the cut-off is. An estimate of second order: right to a tenth near convergence, not where a cut-off is far from it."},
    {"label.max_scf", KEY_INT, 0, AT(label.max_scf), RANGE(1, 1000), .otherwise = "80",
     .doc = "SCF steps before a frame counts as not converged."},
    {"label.max_failed", KEY_REAL, AL_DIM_FRACTION, AT(label.max_failed), RANGE(0, 1), .otherwise = "30 %",
     .doc = "Frames that fail are left out and the loop goes on; it stops with a diagnosis when more than this fraction of the frames of an iteration (and at least 3) fail."},
    {"label.force_error", KEY_REAL, AL_DIM_FORCE, AT(label.force_error), RANGE(1e-6, 10), .otherwise = "10 meV/Ang",
     .doc = "Force error against converged cut-off and k-points (rms) above which alnd plan and alnd start warn."},
    {"label.converge", KEY_PATH, 0, STRING(label.converge), .otherwise = "\"\"",
     .doc = "Table made by alnd label --converge; none: NAME.converge.yaml beside NAME.yaml."},

    {"label.continue", KEY_BOOL, 0, AT(label.follow), .otherwise = "false", .flags = P,
     .doc = "Start each frame of a batch from the ones before it where they are near: faster for frames of one trajectory, but a label then depends on its batch below the SCF threshold, and a killed batch begins again."},

    {"test.frames", KEY_INT, 0, AT(test.frames), RANGE(1, 10000), .otherwise = "20", .flags = P,
     .doc = "Held-out frames per iteration and system, from trajectories of their own, never trained on."},
    {"test.supercell", KEY_INT3, 0, AT(test.supercell), RANGE(1, 10), .otherwise = "[1, 1, 1]", .flags = P,
     .doc = "Copies of the training cell in the test trajectories of the last temperature and of every second one below: whether errors grow with the cell. Their labels cost accordingly."},

    {"converge.force_rmse", KEY_REAL, AL_DIM_FORCE, AT(converge.force_rmse), RANGE(0, 100), .otherwise = "0.07 eV/Ang",
     .doc = "Held-out force error to reach."},
    {"converge.energy_rmse", KEY_REAL, AL_DIM_ENERGY_ATOM, AT(converge.energy_rmse), RANGE(0, 100),
     .otherwise = "2 meV/atom", .doc = "Held-out energy error to reach."},
    {"converge.up_to", KEY_REAL, AL_DIM_TEMP, AT(converge.up_to), RANGE(0, 10000), .otherwise = "0 K",
     .doc = "Held-out frames of hotter trajectories do not count for the two errors above (they are still explored, labelled and shown); 0: all count."},
    {"converge.each_system", KEY_BOOL, 0, AT(converge.each_system), .otherwise = "false",
     .doc = "The two errors are to hold for the held-out frames of each system by itself, too (the errors themselves; of all together the upper 95 % ends are judged)."},
    {"converge.candidate_fraction", KEY_REAL, AL_DIM_FRACTION, AT(converge.candidate_fraction), RANGE(0, 1),
     .otherwise = "2 %", .doc = "Fraction of explored frames that are not accurate (in the trust window, above it or broken) to fall below."},
    {"converge.patience", KEY_INT, 0, AT(converge.patience), RANGE(1, 100), .otherwise = "2",
     .doc = "Iterations in a row that must meet the three limits."},
    {"converge.min_iterations", KEY_INT, 0, AT(converge.min_iterations), RANGE(1, 1000), .otherwise = "1",
     .doc = "Iterations that are run in any case."},
    {"converge.max_iterations", KEY_INT, 0, AT(converge.max_iterations), RANGE(1, 1000), .otherwise = "30",
     .doc = "Iterations after which production starts, converged or not (the report says which)."},
    {"converge.label_noise", KEY_INT, 0, AT(converge.label_noise), RANGE(0, 1000), .otherwise = "0",
     .doc = "Test frames of the last iteration that are labelled a second time at the end, at tighter settings (cut-off x 1.3, tight SCF, denser k-points): the certificate's noise of the labels."},

    {"production.supercell", KEY_INT3, 0, AT(production.supercell), RANGE(1, 50), .otherwise = "[2, 2, 2]", .flags = P,
     .doc = "Copies of the system's cell in production."},
    {"production.ensemble", KEY_CHOICE, 0, STRING(production.ensemble), .otherwise = "nve", .flags = P, .choices = "nve",
     .doc = "Ensemble of production, after NVT equilibration."},
    {"production.engine", KEY_CHOICE, 0, STRING(production.engine), .otherwise = "builtin", .flags = P | KEY_LATER, .choices = "builtin|lammps",
     .doc = "As explore.engine, for volume, equilibration and production."},
    {"production.volume", KEY_CHOICE, 0, STRING(production.volume), .otherwise = "npt", .flags = P, .choices = "npt|fixed",
     .doc = "Cell of production: npt: for each system and temperature the mean of an NPT run of its own (isotropic), or fixed: that of "
            "the structure. Potentials trained without virials (loss.virial 0, strain 0 %) have no pressure to speak of: fixed."},
    {"production.volume_time", KEY_REAL, AL_DIM_TIME, AT(production.volume_time), RANGE(1, 1e9), .otherwise = "20 ps", .flags = P | KEY_LATER,
     .doc = "Length of that NPT run; its second half gives the volume."},
    {"production.pressure", KEY_REAL, AL_DIM_PRESSURE, AT(production.pressure), RANGE(-100, 1000), .otherwise = "0 GPa", .flags = P | KEY_LATER,
     .doc = "Pressure of that NPT run."},
    {"production.barostat_time", KEY_REAL, AL_DIM_TIME, AT(production.tau_p), RANGE(1, 1e6), .otherwise = "500 fs", .flags = P | KEY_LATER,
     .doc = "Relaxation time of its volume (stochastic cell rescaling, for a compressibility of 0.05 1/GPa)."},
    {"production.temperatures", KEY_REALS, AL_DIM_TEMP, REALS(production.temperatures), RANGE(1, 5000),
     .flags = P | KEY_REQUIRED, .doc = "Temperatures of production."},
    {"production.equilibration", KEY_REAL, AL_DIM_TIME, AT(production.equilibration), RANGE(0, 1e9), .otherwise = "20 ps",
     .flags = P, .doc = "NVT before each production run."},
    {"production.time", KEY_REAL, AL_DIM_TIME, AT(production.time), RANGE(1, 1e12), .otherwise = "1 ns", .flags = P,
     .doc = "Length of each production run."},
    {"production.timestep", KEY_REAL, AL_DIM_TIME, AT(production.timestep), RANGE(0.05, 5), .otherwise = "1 fs", .flags = P,
     .doc = "MD time step of production."},
    {"production.stride", KEY_INT, 0, AT(production.stride), RANGE(1, 1e6), .otherwise = "50", .flags = P,
     .doc = "Steps between frames written to the trajectory."},
    {"production.replicas", KEY_INT, 0, AT(production.replicas), RANGE(1, 1000), .otherwise = "3", .flags = P,
     .doc = "Runs per system and temperature with different velocities."},
    {"production.precision", KEY_CHOICE, 0, STRING(production.precision), .otherwise = "mixed", .flags = P,
     .choices = "mixed|double|plain", .doc = "As explore.precision."},
    {"production.format", KEY_CHOICE, 0, STRING(production.format), .otherwise = "dcd", .flags = P, .choices = "dcd|extxyz",
     .doc = "Trajectory: dcd (binary, positions in single precision, a fifth of the size, read by MDAnalysis, VMD and OVITO with topology.extxyz beside it) or extxyz."},
    {"production.mobile", KEY_NAME, 0, STRING(production.mobile), .otherwise = "Li", .flags = P | KEY_LATER,
     .doc = "Element whose diffusion is analysed; displacements are relative to the centre of mass of all others."},
    {"production.mobile_charge", KEY_REAL, 0, AT(production.mobile_charge), RANGE(-10, 10), .otherwise = "1", .flags = P | KEY_LATER,
     .doc = "Charge of such an ion in elementary charges, for the conductivity: 2 for Mg."},

    {"resources.executor", KEY_CHOICE, 0, STRING(resources.executor), .otherwise = "local", .choices = "local|slurm|pbs|lsf|flux",
     .doc = "Who runs the workers: this machine, or a cluster's batch system (docs/cluster.md)."},
    {"resources.cores", KEY_INT, 0, AT(resources.cores), RANGE(0, 4096), .otherwise = "0",
     .doc = "Core budget; 0 = all cores of the machine."},
    {"resources.lammps", KEY_STRING, 0, STRING(resources.lammps), .otherwise = "lmp",
     .doc = "The lmp that the engine lammps starts: a name to look up in PATH, or a path, which alnd start --allow-commands permits."},
    {"resources.deepmd", KEY_STRING, 0, STRING(resources.deepmd), .otherwise = "dp",
     .doc = "The dp that train.engine deepmd starts: a name to look up in PATH, or a path, which alnd start --allow-commands permits."},
    {"resources.retries", KEY_INT, 0, AT(resources.retries), RANGE(0, 100), .otherwise = "3",
     .doc = "New starts of a task that failed for a transient reason."},
    {"resources.heartbeat", KEY_REAL, AL_DIM_TIME, AT(resources.heartbeat), RANGE(1e15, 1e20), .otherwise = "5 min",
     .doc = "A worker silent for longer counts as hung and is started again."},
    {"resources.straggler", KEY_REAL, AL_DIM_FRACTION, AT(resources.straggler), RANGE(0.1, 1), .otherwise = "100 %",
     .doc = "An iteration goes on when this fraction of its label frames is in; label tasks that are late join the next gathering. 100 %: waits for all. With less a run cannot be repeated bit for bit (docs/JOURNAL.md, Stragglers)."},
    {"resources.label.batch", KEY_INT, 0, AT(resources.label_batch), RANGE(1, 10000), .otherwise = "4",
     .doc = "Frames of one label task."},
    {"resources.label.deaths", KEY_INT, 0, AT(resources.label_deaths), RANGE(1, 1000), .otherwise = "2",
     .doc = "Times that workers may die (killed, crashed, hung) at one and the same frame before the frame is put in quarantine and the others go on."},
    {"resources.label.ranks", KEY_INT, 0, AT(resources.label.ranks), RANGE(1, 4096), .otherwise = "1",
     .doc = "MPI ranks of a label task."},
    {"resources.label.threads", KEY_INT, 0, AT(resources.label.threads), RANGE(1, 256), .otherwise = "1",
     .doc = "Threads of each rank of a label task."},
    {"resources.label.memory", KEY_REAL, AL_DIM_MEMORY, AT(resources.label_memory), RANGE(0, 1e9), .otherwise = "0 MiB",
     .doc = "Memory that a label task may take (all ranks), above which it is killed; 0 = 90 % of the machine's over the tasks at a time, not enforced."},
    {"resources.label.time", KEY_REAL, AL_DIM_TIME, AT(resources.label.time), RANGE(0, 1e22), .otherwise = "0 s",
     .doc = "Time of one start of a label task, after which it is killed and started again; 0 = no limit (in a batch system: resources.slurm.time, resources.pbs.time, ..)."},
    {"resources.train.threads", KEY_INT, 0, AT(resources.train.threads), RANGE(1, 256), .otherwise = "1",
     .doc = "Threads of a training task."},
    {"resources.train.memory", KEY_REAL, AL_DIM_MEMORY, AT(resources.train.memory), RANGE(0, 1e9), .otherwise = "0 MiB",
     .doc = "Memory of a training task, all its processes; above it the task is killed; 0 = no limit."},
    {"resources.train.time", KEY_REAL, AL_DIM_TIME, AT(resources.train.time), RANGE(0, 1e22), .otherwise = "0 s",
     .doc = "Time of one start of a training task, after which it is killed and started again; 0 = no limit (in a batch system: resources.slurm.time, resources.pbs.time, ..)."},
    {"resources.explore.threads", KEY_INT, 0, AT(resources.explore.threads), RANGE(1, 256), .otherwise = "1",
     .doc = "Threads of an exploration task."},
    {"resources.explore.memory", KEY_REAL, AL_DIM_MEMORY, AT(resources.explore.memory), RANGE(0, 1e9), .otherwise = "0 MiB",
     .doc = "Memory of an exploration task, all its processes; above it the task is killed; 0 = no limit."},
    {"resources.explore.time", KEY_REAL, AL_DIM_TIME, AT(resources.explore.time), RANGE(0, 1e22), .otherwise = "0 s",
     .doc = "Time of one start of an exploration task, after which it is killed and started again; 0 = no limit (in a batch system: resources.slurm.time, resources.pbs.time, ..)."},
    {"resources.produce.ranks", KEY_INT, 0, AT(resources.produce.ranks), RANGE(1, 4096), .otherwise = "1",
     .doc = "MPI ranks of a production task: more than one divides the cell among them (domain decomposition), for large supercells."},
    {"resources.produce.threads", KEY_INT, 0, AT(resources.produce.threads), RANGE(1, 256), .otherwise = "1",
     .doc = "Threads of a production task."},
    {"resources.produce.memory", KEY_REAL, AL_DIM_MEMORY, AT(resources.produce.memory), RANGE(0, 1e9), .otherwise = "0 MiB",
     .doc = "Memory of a production task, all its processes; above it the task is killed; 0 = no limit."},
    {"resources.produce.time", KEY_REAL, AL_DIM_TIME, AT(resources.produce.time), RANGE(0, 1e22), .otherwise = "0 s",
     .doc = "Time of one start of a production task, after which it is killed and started again; 0 = no limit (in a batch system: resources.slurm.time, resources.pbs.time, ..)."},
    {"resources.pin", KEY_BOOL, 0, AT(resources.pin), .otherwise = "true",
     .doc = "Executor local: each worker on processors of its own, where the budget is the whole machine and it fits."},

    QUEUE_KEYS(slurm, SLURM, "partition", "Slurm", "whole minutes", "[mpirun, --bind-to, none]", "; [srun, --mpi=pmix] where Slurm has it",
               "Account", "More options of sbatch in their long form: [--constraint=fast, --qos=long].")
    QUEUE_KEYS(pbs, PBS, "queue", "PBS", "seconds", "[mpirun, --bind-to, none]", "", "Account",
               "More options of qsub with their values, -l, -P, -p, -W group_list or umask: [-l, place=scatter, -P, solids].")
    QUEUE_KEYS(lsf, LSF, "queue", "LSF", "whole minutes", "[mpirun, --bind-to, none]", "", "Project",
               "More options of bsub with their values, -R, -G, -U, -app, -gpu, -m, -sla, -sp, -x: [-R, \"select[type==any]\", -app, dft].")
    QUEUE_KEYS(flux, FLUX, "queue", "Flux", "seconds", "[flux, run]", "; for flux run also -c THREADS", "Bank",
               "More options of flux submit and flux batch in their long form: [--requires=fast, --urgency=20].")
};
const int loop_nkeys = sizeof loop_keys / sizeof loop_keys[0];

#undef AT
#undef SIZE
#define AT(field)   .offset = offsetof(struct cfg_system, field)
#define SIZE(field) .size = sizeof(((struct cfg_system *)0)->field)
const struct schema_key system_keys[] = {
    {"name", KEY_NAME, 0, STRING(name), .flags = P | KEY_REQUIRED, .doc = "Name of the system, used in file names."},
    {"structure", KEY_PATH, 0, STRING(structure), .flags = KEY_REQUIRED,
     .doc = "POSCAR, CIF or extended XYZ, relative to the file that names it."},
    {"supercell", KEY_INT3, 0, AT(supercell), RANGE(1, 50), .otherwise = "[1, 1, 1]", .flags = P,
     .doc = "Copies of the structure's cell."},
    {"substitute.from", KEY_STRING, 0, STRING(from), .otherwise = "\"\"", .flags = P, .doc = "Element that is replaced."},
    {"substitute.to", KEY_STRING, 0, STRING(to), .otherwise = "\"\"", .flags = P, .doc = "Element that takes its place; its shortest bond is scaled by the covalent radii."},
    {"substitute.count", KEY_INT, 0, AT(count), RANGE(0, 10000), .otherwise = "1", .flags = P,
     .doc = "Atoms replaced in the supercell."},
    {"substitute.arrangements", KEY_CHOICE, 0, STRING(arrangements), .otherwise = "first", .flags = P,
     .choices = "first|inequivalent|random",
     .doc = "first: the first atoms of the element; inequivalent: every symmetry-inequivalent site (count 1); random: four, drawn by the seed."},
};
const int system_nkeys = sizeof system_keys / sizeof system_keys[0];
