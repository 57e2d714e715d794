// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/loop_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/hash.h"
#include "base/mem.h"
#include "config/data_keys.h"
#include "config/loop_keys.h"
#include "config/pseudo.h"

void loop_config_destroy(struct loop_config **cp)
{
    struct loop_config *c = *cp;
    *cp = NULL;
    if (!c) return;
    al_node_destroy(&c->tree);
    al_free(c->system);
    al_free(c);
}

static enum al_err read_systems(struct loop_config *c, bool required)
{
    const struct al_node *list = al_node_get(c->tree, "systems");
    if (!list && !required) return AL_ERR_OK;
    if (!list) return al_node_error(c->tree, "key 'systems' is missing: a list of {name, structure}");
    if (list->kind != AL_NODE_LIST || !list->nchild) AL_TRY(al_node_error(list, "systems: a list of maps is wanted"));
    AL_ALLOC(c->system, list->nchild < CFG_MAX_SYSTEMS ? list->nchild : CFG_MAX_SYSTEMS);
    for (const struct al_node *n = list->child; n; n = n->next) {
        if (c->nsystems == CFG_MAX_SYSTEMS) AL_TRY(al_node_error(n, "more than %d systems", CFG_MAX_SYSTEMS));
        struct cfg_system *s = &c->system[c->nsystems];
        AL_TRY(schema_fill(system_keys, system_nkeys, NULL, n, s));
        s->node = n;
        for (int i = 0; i < c->nsystems; i++)
            if (strcmp(c->system[i].name, s->name) == 0)
                AL_TRY(al_node_error(n, "two systems are called '%s'", s->name));
        const struct al_node *sub = al_node_get(n, "substitute");
        if (sub && (!s->from[0] || !s->to[0])) AL_TRY(al_node_error(sub, "substitute needs 'from' and 'to'"));
        if (!sub) s->count = 0;
        if (sub && (!al_element_z(s->from) || !al_element_z(s->to)))
            AL_TRY(al_node_error(sub, "substitute: '%s' is not an element", al_element_z(s->from) ? s->to : s->from));
        if (strcmp(s->arrangements, "inequivalent") == 0 && s->count > 1)
            AL_TRY(al_node_error(sub, "arrangements: inequivalent is for count 1; use random or first"));
        c->nsystems++;
    }
    return AL_ERR_OK;
}

// What a program of somebody else cannot do, and what only one can have.
static enum al_err check_label(const struct loop_config *c)
{
    const struct al_node *label = al_node_get(c->tree, "label");
    const struct cfg_label *l = &c->label;
    bool external = loop_config_label_external(c), command = strcmp(l->engine, "command") == 0;
    if (!label) return AL_ERR_OK;
    if (!external && (l->program[0] || l->template[0] || l->command.n))
        AL_TRY(al_node_error(label, "label.program, template and command go with another engine than dft"));
    if (command != (l->command.n > 0))
        AL_TRY(al_node_error(label, command ? "label.engine: command wants label.command: [PROGRAM, ARGUMENT, ..]" : "label.command goes with label.engine: command"));
    if (command && (l->program[0] || l->template[0])) AL_TRY(al_node_error(label, "label.engine: command has no program or template but label.command"));
    if (external && l->follow) AL_TRY(al_node_error(label, "label.continue goes with label.engine: dft"));
    if (external && (l->fft_grid[0] || l->fft_grid[1] || l->fft_grid[2])) AL_TRY(al_node_error(label, "label.fft_grid goes with label.engine: dft"));
    if (external && c->initial.aimd.temperatures.n)
        AL_TRY(al_node_error(al_node_get(c->tree, "initial"), "initial.aimd is alnd's own first-principles MD: it goes with label.engine: dft"));
    return AL_ERR_OK;
}

// Where production.mobile is said; NULL: nowhere.
static const struct al_node *mobile_node(const struct loop_config *c)
{
    const struct al_node *production = al_node_get(c->tree, "production");
    return production ? al_node_get(production, "mobile") : NULL;
}

static enum al_err check_angular(const struct loop_config *c, const struct al_node *train)
{
    const struct cfg_train *t = &c->train;
    if (!(t->rcut_angular > 0)) return AL_ERR_OK;
    if (!(t->rcut_angular > t->rcut_smooth && t->rcut_angular <= t->rcut))
        AL_TRY(al_node_error(train, "descriptor.rcut_angular must be 0, or larger than descriptor.rcut_smooth and at most descriptor.rcut"));
    int last = t->neurons[t->nneurons - 1];
    if (t->angular_neurons < t->axis_neurons || t->angular_neurons > last)
        AL_TRY(al_node_error(train, "descriptor.angular_neurons must be in %d (descriptor.axis_neurons) to %d (the last of descriptor.neurons)",
                             t->axis_neurons, last));
    return AL_ERR_OK;
}

// Limits that one row of the table cannot say.
static enum al_err check_relations(const struct loop_config *c)
{
    const struct al_node *train = al_node_get(c->tree, "train"), *select = al_node_get(c->tree, "select");
    const struct al_node *conv = al_node_get(c->tree, "converge");
    if (c->train.rcut_smooth >= c->train.rcut)
        AL_TRY(al_node_error(train, "descriptor.rcut_smooth must be smaller than descriptor.rcut"));
    AL_TRY(check_angular(c, train));
    const double *zbl[2] = {&c->train.zbl_inner, &c->train.zbl_outer};
    if ((*zbl[0] > 0 || *zbl[1] > 0) && !(*zbl[0] > 0 && *zbl[0] < *zbl[1] && *zbl[1] < c->train.rcut))
        AL_TRY(al_node_error(train, "zbl wants inner and outer, inner smaller than outer, outer smaller than descriptor.rcut"));
    if (c->train.lr_stop > c->train.lr_start)
        AL_TRY(al_node_error(train, "learning_rate.stop must not be larger than learning_rate.start"));
    if (c->train.axis_neurons > c->train.neurons[c->train.nneurons - 1])
        AL_TRY(al_node_error(train, "descriptor.axis_neurons must not be larger than the last of descriptor.neurons"));
    int d = (c->train.neurons[c->train.nneurons - 1] + (c->train.rcut_angular > 0 ? 2 * c->train.angular_neurons : 0)) * c->train.axis_neurons;
    for (int i = 0; i < c->train.nfitting; i++)
        if (c->train.fitting[i] != c->train.fitting[0] || c->train.fitting[i] == d || c->train.fitting[i] == 2 * d)
            AL_TRY(al_node_error(train, "fitting.neurons must be equal to each other and other than %d and %d "
                                 "(deepmd-kit's programs disagree there)", d, 2 * d));
    if (c->select.trust_low >= c->select.trust_high)
        AL_TRY(al_node_error(select ? select : c->tree, "select.trust.low must be smaller than select.trust.high"));
    if (c->explore.pressures.n && strcmp(c->explore.ensemble, "npt") != 0)
        AL_TRY(al_node_error(al_node_get(c->tree, "explore"), "explore.pressures goes with explore.ensemble: npt"));
    if (c->initial.aimd.temperatures.n && c->initial.aimd.equilibration >= c->initial.aimd.time)
        AL_TRY(al_node_error(al_node_get(c->tree, "initial"), "aimd.equilibration must be shorter than aimd.time"));
    if (c->initial.aimd.temperatures.n && c->initial.aimd.cutoff > c->label.cutoff * (1 + 1e-12))
        AL_TRY(al_node_error(al_node_get(al_node_get(al_node_get(c->tree, "initial"), "aimd"), "cutoff"),
                             "initial.aimd.cutoff, %g Ha, must not be above label.cutoff, %g Ha: its frames are labelled with that one", c->initial.aimd.cutoff,
                             c->label.cutoff));
    AL_TRY(check_label(c));
    if (!al_element_z(c->production.mobile)) AL_TRY(al_node_error(mobile_node(c), "production.mobile: '%s' is not an element", c->production.mobile));
    if (c->converge.min_iterations > c->converge.max_iterations)
        AL_TRY(al_node_error(conv ? conv : c->tree, "converge.min_iterations is larger than max_iterations"));
    return AL_ERR_OK;
}

// perturb is there unless aimd or data is; one of them must give frames.
static enum al_err settle_initial(struct loop_config *c, bool campaign)
{
    const struct al_node *initial = al_node_get(c->tree, "initial");
    bool aimd = c->initial.aimd.temperatures.n > 0;
    if ((aimd || c->initial.ndata) && !al_node_get(initial, "perturb")) c->initial.frames = 0;
    if (campaign && !aimd && !c->initial.ndata && c->initial.frames == 0)
        AL_TRY(al_node_error(initial, "initial: no frames: perturb.frames is 0, aimd has no temperatures and data names nothing"));
    return AL_ERR_OK;
}

// What deepmd-kit's users expect where nothing is said; what it cannot do is refused where it is said.
static enum al_err settle_train(struct loop_config *c)
{
    const struct al_node *train = al_node_get(c->tree, "train"), *at = NULL;
    struct cfg_train *t = &c->train;
    if (strcmp(t->engine, "deepmd") != 0) return AL_ERR_OK;
    const struct al_node *rate = al_node_get(train, "learning_rate");
    if ((at = al_node_get(train, "optimiser")) && strcmp(t->optimiser, "adam") != 0)
        AL_TRY(al_node_error(at, "train.optimiser: deepmd-kit has adam only"));
    if ((at = al_node_get(train, "precision")) && strcmp(t->precision, "mixed") == 0)
        AL_TRY(al_node_error(at, "train.precision: deepmd-kit trains in double"));
    if ((at = al_node_get(train, "patience")) && t->patience) AL_TRY(al_node_error(at, "train.patience: deepmd-kit has no early stop"));
    if ((at = al_node_get(train, "zbl")) && t->zbl_outer > 0)
        AL_TRY(al_node_error(at, "train.zbl: deepmd-kit cannot train such a model (se_e2_a with ZBL)"));
    if ((at = al_node_get(al_node_get(train, "descriptor"), "rcut_angular")) && t->rcut_angular > 0)
        AL_TRY(al_node_error(at, "train.descriptor.rcut_angular: deepmd-kit has no such descriptor"));
    snprintf(t->optimiser, sizeof t->optimiser, "adam");
    snprintf(t->precision, sizeof t->precision, "plain");
    if (!rate || !al_node_get(rate, "schedule")) snprintf(t->schedule, sizeof t->schedule, "exponential");
    if (!rate || !al_node_get(rate, "start")) t->lr_start = 1e-3;
    if (!rate || !al_node_get(rate, "stop")) t->lr_stop = 3.51e-8;
    return AL_ERR_OK;
}

// A megabyte is more than anybody writes by hand.
static enum al_err read_text(const char *path, struct al_node **ret)
{
    AL_AUTOFREE char *text = NULL;
    size_t n;
    AL_TRY(al_file_read(path, (size_t)1 << 20, &text, &n));
    AL_TRY(al_yaml_parse(path, text, n, ret));
    return AL_ERR_OK;
}

// path NULL: nothing but defaults.
static enum al_err read_config(const char *path, bool campaign, struct loop_config **ret)
{
    static const char empty[] = "{}";
    static const char *const skip[] = {"systems", NULL};
    AL_OWN(loop_config) c = NULL;
    AL_AUTOFREE struct schema_key *keys = NULL;
    AL_ALLOC(c, 1);
    AL_ALLOC(keys, loop_nkeys);
    memcpy(keys, loop_keys, (size_t)loop_nkeys * sizeof *keys);
    for (int i = 0; i < loop_nkeys && !campaign; i++)
        keys[i].flags &= ~(unsigned)KEY_REQUIRED;
    AL_TRY(al_path(c->path, "%s", path ? path : "defaults"));
    if (path) AL_TRY(read_text(path, &c->tree));
    else AL_TRY(al_yaml_parse(c->path, empty, strlen(empty), &c->tree));
    AL_TRY(schema_fill(keys, loop_nkeys, skip, c->tree, c));
    AL_TRY(read_systems(c, campaign));
    AL_TRY(settle_initial(c, campaign));
    AL_TRY(settle_train(c));
    AL_TRY(check_relations(c));
    if (campaign && !c->workdir[0])
        AL_TRY(al_node_error(al_node_get(c->tree, "workdir"), "workdir: a directory is wanted"));
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

enum al_err loop_config_read(const char *path, struct loop_config **ret)
{
    AL_TRY(read_config(path, true, ret));
    return AL_ERR_OK;
}

enum al_err loop_config_read_engine(const char *path, struct loop_config **ret)
{
    AL_TRY(read_config(path, false, ret));
    return AL_ERR_OK;
}

enum al_err loop_config_default_engine(struct loop_config **ret)
{
    AL_TRY(read_config(NULL, false, ret));
    return AL_ERR_OK;
}

enum al_err loop_config_input_name(const struct cfg_system *s, char ret[AL_PATH])
{
    const char *slash = strrchr(s->structure, '/'), *base = slash ? slash + 1 : s->structure;
    const char *dot = strrchr(base, '.');
    AL_TRY(al_path(ret, "inputs/%s%s", s->name, dot && dot != base ? dot : ".poscar"));
    return AL_ERR_OK;
}

enum al_err loop_config_use_inputs(struct loop_config *c, const char *run)
{
    char name[AL_PATH];
    for (int i = 0; i < c->nsystems; i++) {
        AL_TRY(loop_config_input_name(&c->system[i], name));
        AL_TRY(al_path(c->system[i].structure, "%s/%s", run, name));
    }
    AL_TRY(al_path(c->inputs, "%s/inputs", run));
    if (c->label.template[0]) AL_TRY(al_path(c->label.template, "%s/inputs/template", run));
    AL_TRY(al_path(name, "%s/inputs/converge.yaml", run));
    if (al_exists(name)) snprintf(c->label.converge, sizeof c->label.converge, "%s", name);
    return AL_ERR_OK;
}

enum al_err loop_config_copy_inputs(const struct loop_config *c, const char *run)
{
    char name[AL_PATH], to[AL_PATH];
    int n, z[CFG_MAX_LIST];
    AL_TRY(al_path(to, "%s/inputs/pseudo", run));
    AL_TRY(al_mkdirs(to));
    for (int i = 0; i < c->nsystems; i++) {
        AL_TRY(loop_config_input_name(&c->system[i], name));
        AL_TRY(al_path(to, "%s/%s", run, name));
        AL_TRY(al_file_copy(c->system[i].structure, to));
    }
    AL_TRY(al_path(to, "%s/inputs/template", run));
    if (c->label.template[0] && !c->inputs[0]) AL_TRY(al_file_copy(c->label.template, to));
    AL_TRY(loop_config_converge_path(c, name));
    AL_TRY(al_path(to, "%s/inputs/converge.yaml", run));
    if (!c->inputs[0] && al_exists(name)) AL_TRY(al_file_copy(name, to)); // alnd plan RUN judges the settings by it
    AL_TRY(loop_config_elements(c, &n, z));
    AL_TRY(al_path(to, "%s/inputs/pseudo", run));
    for (int i = 0; i < n && !c->inputs[0] && strcmp(c->label.engine, "command") != 0; i++) // else they are the copies
        AL_TRY(config_pseudo_copy(c, to, z[i]));
    return AL_ERR_OK;
}

static enum al_err substitute_possible(const struct cfg_system *s, const struct al_frame *f)
{
    int have = 0, copies = s->supercell[0] * s->supercell[1] * s->supercell[2];
    for (int i = 0; i < f->natoms; i++)
        have += f->z[i] == al_element_z(s->from);
    if (s->count > have * copies)
        AL_TRY(al_node_error(al_node_get(s->node, "substitute"), "substitute: the cell has %d %s, not %d", have * copies,
                             s->from, s->count));
    return AL_ERR_OK;
}

// Reads each structure once and tells its elements after substitution.
static enum al_err scan_structures(const struct loop_config *c, bool present[AL_ZMAX + 1])
{
    for (int i = 0; i < c->nsystems; i++) {
        const struct cfg_system *s = &c->system[i];
        AL_OWN(al_frame) f = NULL;
        const struct al_node *at = al_node_get(s->node, "structure");
        enum al_err e = al_structure_read(s->structure, &f);
        if (!e) e = al_frame_check(f, 0.5);
        if (e) {
            char why[AL_ERR_TEXT], hint[AL_ERR_TEXT];
            snprintf(why, sizeof why, "%s", al_err_message());
            snprintf(hint, sizeof hint, "%s", al_err_hint_text());
            e = al_node_error(at, "structure of %s: %s", s->name, why);
            if (hint[0]) al_err_hint("%s", hint);
            return e;
        }
        if (s->count) AL_TRY(substitute_possible(s, f));
        for (int k = 0; k < f->natoms; k++)
            present[f->z[k]] = true;
        if (s->count) present[al_element_z(s->to)] = true;
    }
    return AL_ERR_OK;
}

enum al_err loop_config_elements(const struct loop_config *c, int *ret_n, int ret_z[CFG_MAX_LIST])
{
    static const int first[] = {3, 15, 16, 8};
    bool present[AL_ZMAX + 1] = {0};
    int n = 0;
    if (c->nelements) {
        for (int i = 0; i < c->nelements; i++)
            present[c->element[i]] = true;
    } else {
        AL_TRY(scan_structures(c, present));
    }
    for (int i = 0; i < 4; i++)
        if (present[first[i]]) {
            ret_z[n++] = first[i];
            present[first[i]] = false;
        }
    for (int z = 1; z <= AL_ZMAX; z++)
        if (present[z]) {
            if (n == CFG_MAX_LIST) AL_FAIL(AL_ERR_INPUT, "more than %d elements", CFG_MAX_LIST);
            ret_z[n++] = z;
        }
    *ret_n = n;
    return AL_ERR_OK;
}

// A run from before the key goes on without its default.
static enum al_err check_mobile(const struct loop_config *c, int n, const int *z)
{
    char have[256] = "";
    size_t at = 0;
    const struct al_node *said = mobile_node(c), *production = al_node_get(c->tree, "production");
    for (int i = 0; i < n && at < sizeof have; i++) {
        if (z[i] == al_element_z(c->production.mobile)) return AL_ERR_OK;
        at += (size_t)snprintf(have + at, sizeof have - at, "%s%s", i ? ", " : "", al_element_symbol(z[i]));
    }
    if (!said && c->inputs[0]) return AL_ERR_OK;
    enum al_err e = al_node_error(said ? said : production ? production : c->tree, "production.mobile: there is no %s%s in the systems (%s)",
                                  c->production.mobile, said ? "" : ", the default,", have);
    al_err_hint("production: {mobile: X, mobile_charge: ..} names the element whose diffusion is analysed");
    return e;
}

enum al_err loop_config_check_files(const struct loop_config *c)
{
    int n, z[CFG_MAX_LIST];
    char hash[65];
    AL_TRY(loop_config_elements(c, &n, z));
    const struct al_node *label = al_node_get(c->tree, "label");
    const struct al_node *at = label ? al_node_get(label, "pseudopotentials") : NULL;
    for (int i = 0; i < n; i++)
        if (loop_config_pseudo_hash(c, 1, &z[i], hash) != AL_ERR_OK) { // it is there and can be read
            char why[AL_ERR_TEXT], hint[AL_ERR_TEXT];
            snprintf(why, sizeof why, "%s", al_err_message());
            snprintf(hint, sizeof hint, "%s", al_err_hint_text());
            const struct al_node *own = at && at->kind == AL_NODE_MAP ? al_node_get(at, al_element_symbol(z[i])) : NULL;
            enum al_err e = al_node_error(own ? own : at ? at : label ? label : c->tree, "%s", why);
            al_err_hint("%s", hint);
            return e;
        }
    AL_TRY(data_check(c));
    AL_TRY(check_mobile(c, n, z));
    if (!c->train.sel_auto && c->train.nsel != n)
        AL_TRY(al_node_error(al_node_get(c->tree, "train"), "descriptor.sel has %d numbers for %d elements", c->train.nsel, n));
    return AL_ERR_OK;
}

enum al_err loop_config_section_hash(const struct loop_config *c, const char *section, char ret_hex[65])
{
    struct al_sha256 s;
    char prefix[64];
    al_sha256_init(&s);
    al_sha256_string(&s, section);
    snprintf(prefix, sizeof prefix, "%s.", section);
    if (strcmp(section, "systems") == 0)
        for (int i = 0; i < c->nsystems; i++)
            schema_hash(system_keys, system_nkeys, "", &c->system[i], &s);
    else if (strcmp(section, "seed") == 0)
        schema_hash(loop_keys, loop_nkeys, "seed", c, &s);
    else
        schema_hash(loop_keys, loop_nkeys, prefix, c, &s);
    al_sha256_hex(&s, ret_hex);
    return AL_ERR_OK;
}

void loop_config_describe(FILE *out, const char *prefix, bool markdown)
{
    if (markdown) fputs("| key | value | unit | range | default | meaning |\n|---|---|---|---|---|---|\n", out);
    schema_describe(out, loop_keys, loop_nkeys, prefix, "", markdown);
    schema_describe(out, system_keys, system_nkeys, prefix, "systems.", markdown);
}
