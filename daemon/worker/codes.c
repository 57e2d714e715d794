// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/codes.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/units.h"
#include "codes/labeler.h"
#include "config/commands.h"
#include "worker/task.h"

// What struct code_options points to while it is used; the labeler copies it.
struct store {
    struct code_pseudo pseudo[CFG_MAX_LIST];
    char path[CFG_MAX_LIST][AL_PATH], template_path[AL_PATH];
    const char *launcher[CFG_WORDS + 1], *args[CFG_WORDS + 1];
    char *user; // freed by store_destroy
};

static void store_destroy(struct store **s)
{
    if (*s) al_free((*s)->user);
    al_free(*s);
    *s = NULL;
}

bool codes_know(const char *engine)
{
    return code_find(engine) != NULL;
}

static enum al_err absolute(const char *path, char ret[AL_PATH])
{
    char cwd[AL_PATH];
    if (path[0] == '/' || !strchr(path, '/')) { // without a slash: a built-in pseudopotential
        AL_TRY(al_path(ret, "%s", path));
        return AL_ERR_OK;
    }
    if (!getcwd(cwd, sizeof cwd)) AL_FAIL(AL_ERR_IO, "cannot tell the current directory: %s", strerror(errno));
    AL_TRY(al_path(ret, "%s/%s", cwd, path));
    return AL_ERR_OK;
}

static enum al_err take_pseudo(const struct loop_config *c, struct store *s, struct code_settings *o)
{
    int n, z[CFG_MAX_LIST];
    char spec[AL_PATH];
    AL_TRY(loop_config_elements(c, &n, z));
    for (int i = 0; i < n; i++) {
        AL_TRY(loop_config_pseudo(c, z[i], spec));
        AL_TRY(absolute(spec, s->path[i]));
        s->pseudo[i] = (struct code_pseudo){z[i], s->path[i]};
    }
    o->pseudo = s->pseudo;
    o->npseudo = n;
    return AL_ERR_OK;
}

// The user's text: the template, or for the engine command its words one a line.
static enum al_err take_user(const struct cfg_label *l, struct store *s, struct code_settings *o)
{
    size_t at = 0;
    if (l->template[0]) {
        AL_TRY_MSG(al_file_read(l->template, (size_t)4 << 20, &s->user, NULL), "label.template");
        AL_TRY(al_path(s->template_path, "%s", l->template));
    } else if (l->command.n) {
        AL_ALLOC(s->user, sizeof l->command.v);
        for (int i = 0; i < l->command.n; i++)
            at += (size_t)snprintf(s->user + at, sizeof l->command.v - at, "%s\n", l->command.v[i]);
        AL_TRY(al_path(s->template_path, "label.command"));
    }
    o->user = s->user;
    o->user_path = s->user ? s->template_path : NULL;
    return AL_ERR_OK;
}

static enum al_err take_settings(const struct loop_config *c, struct store *s, struct code_options *o)
{
    const struct cfg_label *l = &c->label;
    struct code_settings *t = &o->settings;
    t->ecut = l->cutoff * AL_HARTREE_EV;
    t->functional = l->functional;
    t->smearing = l->smearing == SM_GAUSSIAN ? CODE_GAUSSIAN : l->smearing == SM_FERMI ? CODE_FERMI : l->smearing == SM_COLD ? CODE_COLD : CODE_FIXED;
    t->width = l->smearing_width;
    t->charge = l->charge;
    t->tight = strcmp(l->convergence, "tight") == 0;
    t->max_scf = l->max_scf;
    o->kpoints = l->kpoints.mode == KP_GAMMA ? CODE_GAMMA : l->kpoints.mode == KP_MESH ? CODE_MESH : l->kpoints.mode == KP_SPACING ? CODE_SPACING : CODE_POINTS;
    o->spacing = l->kpoints.spacing;
    for (int d = 0; d < 3; d++) {
        t->mesh[d] = l->kpoints.mode == KP_MESH ? l->kpoints.mesh[d] : 1;
        t->shift[d] = l->kpoints.mode == KP_MESH ? 0.5 * l->kpoints.shift[d] : 0;
    }
    t->nkpoint = l->kpoints.mode == KP_POINTS ? l->kpoints.n : 0;
    t->kpoint = l->kpoints.point;
    AL_TRY(take_user(l, s, t));
    return AL_ERR_OK;
}

// The program and the words before and behind it.
static void take_program(const struct loop_config *c, struct store *s, struct code_options *o)
{
    const struct cfg_label *l = &c->label;
    o->ranks = c->resources.label.ranks;
    o->program = l->program[0] ? l->program : o->ops->program;
    if (l->command.n) { // it starts its own ranks, if any
        o->program = l->command.v[0];
        for (int i = 1; i < l->command.n; i++)
            s->args[i - 1] = l->command.v[i];
        s->args[l->command.n - 1] = "frame.extxyz";
        s->args[l->command.n] = "labelled.extxyz";
        o->args = s->args;
        return;
    }
    for (int i = 0; i < l->launcher.n; i++)
        s->launcher[i] = l->launcher.v[i];
    o->launcher = s->launcher;
}

enum al_err codes_open(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm, struct labeler **ret)
{
    AL_OWN(store) s = NULL;
    struct code_options o = {.ops = code_find(c->label.engine), .min_distance = c->select.min_distance / 2};
    if (comm && comm->size > 1)
        AL_FAIL(AL_ERR_UNSUPPORTED, "label.engine: %s is one worker process, not %d: the ranks are the program's", c->label.engine, comm->size);
    AL_TRY(commands_may_label(c));
    AL_ALLOC(s, 1);
    AL_TRY(take_settings(c, s, &o));
    if (!c->label.command.n) AL_TRY(take_pseudo(c, s, &o.settings));
    take_program(c, s, &o);
    if (hooks && hooks->density) AL_FAIL(AL_ERR_UNSUPPORTED, "label.engine: %s hands out no density (--cube)", c->label.engine);
    if (hooks) o.hooks = (struct code_hooks){.stop = hooks->stop, .where = hooks->where, .progress = hooks->progress, .ctx = hooks->ctx};
    AL_TRY(code_labeler_open(&o, ret));
    return AL_ERR_OK;
}

enum al_err codes_estimate(const struct loop_config *c, const struct al_frame *f, int ranks, struct label_estimate *ret)
{
    (void)c;
    (void)ranks;
    *ret = (struct label_estimate){.natoms = f->natoms};
    return AL_ERR_OK;
}

enum al_err codes_print(int argc, char **argv, FILE *out)
{
    AL_OWN(loop_config) c = NULL;
    struct labeler *l = NULL;
    char path[AL_PATH], version[64];
    if (argc != 3 && argc != 4) AL_FAIL(AL_ERR_INPUT, "usage: alnd-worker code CONFIG [ELEMENTS]");
    if (argc == 4) {
        AL_TRY(loop_config_read_engine(argv[2], &c));
        AL_TRY(loop_config_set_elements(c, argv[3]));
    } else {
        AL_TRY(loop_config_read(argv[2], &c));
    }
    AL_TRY(task_use_copies(c));
    if (!codes_know(c->label.engine)) AL_FAIL(AL_ERR_UNSUPPORTED, "label.engine '%s' is not known", c->label.engine);
    AL_TRY(codes_open(c, NULL, NULL, &l));
    al_yaml_str(out, 0, "fingerprint", l->ops->fingerprint(l));
    labeler_destroy(&l);
    const struct code_ops *ops = code_find(c->label.engine);
    const char *program = c->label.command.n ? c->label.command.v[0] : c->label.program[0] ? c->label.program : ops->program;
    AL_TRY(code_probe(ops, program, path, version));
    al_yaml_str(out, 0, "program", path);
    al_yaml_str(out, 0, "version", version);
    return AL_ERR_OK;
}
