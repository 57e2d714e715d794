// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "codes/labeler.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/pseudofile.h"
#include "base/units.h"
#include "codes/parts.h"

static const char errors_file[] = "errors.out";

struct code_labeler {
    struct labeler base;
    struct code_options o;     // pointers into this object
    struct code_pseudo *pseudo;
    double (*kpoint)[4];
    char **text;               // [ntext] every string that o points to
    int ntext;
    const char **launcher, **args;
    char program[AL_PATH], version[64], fingerprint[65];
};

static void code_labeler_destroy(struct code_labeler **lp)
{
    struct code_labeler *l = *lp;
    *lp = NULL;
    if (!l) return;
    for (int i = 0; i < l->ntext; i++)
        al_free(l->text[i]);
    al_free(l->text);
    al_free(l->pseudo);
    al_free(l->kpoint);
    al_free(l->launcher);
    al_free(l->args);
    al_free(l);
}

// --- a label ------------------------------------------------------------------------------------------

static int mesh_of(double spacing, const double cell[3][3], int ret[3])
{
    double inv[3][3];
    al_inv3(cell, inv);
    for (int d = 0; d < 3; d++) {
        double b = 2 * AL_PI * sqrt(inv[0][d] * inv[0][d] + inv[1][d] * inv[1][d] + inv[2][d] * inv[2][d]);
        ret[d] = (int)fmax(1, ceil(b / spacing - 1e-9));
    }
    return ret[0] * ret[1] * ret[2];
}

// The settings for this frame: as engines/dft makes k-points of them.
static enum al_err settings_for(const struct code_labeler *l, const struct al_frame *f, struct code_settings *ret)
{
    *ret = l->o.settings;
    if (l->o.kpoints != CODE_POINTS) ret->nkpoint = 0;
    if (l->o.kpoints == CODE_GAMMA || l->o.kpoints == CODE_POINTS)
        for (int d = 0; d < 3; d++) {
            ret->mesh[d] = 1;
            ret->shift[d] = 0;
        }
    if (l->o.kpoints != CODE_SPACING) return AL_ERR_OK;
    if (mesh_of(l->o.spacing, (const double(*)[3])f->cell, ret->mesh) > 1000000)
        AL_FAIL(AL_ERR_INPUT, "label.kpoints: a spacing of %g 1/Ang makes %d x %d x %d points", l->o.spacing, ret->mesh[0], ret->mesh[1],
                ret->mesh[2]);
    for (int d = 0; d < 3; d++)
        ret->shift[d] = ret->mesh[d] > 1 ? 0.5 : 0;
    return AL_ERR_OK;
}

static enum al_err check_input(const struct code_labeler *l, const struct al_frame *f)
{
    const struct code_settings *s = &l->o.settings;
    if (!f->pbc) AL_FAIL(AL_ERR_INPUT, "frame is not periodic");
    AL_TRY(al_frame_check(f, l->o.min_distance));
    for (int i = 0; i < f->natoms && s->npseudo; i++)
        if (!code_pseudo_find(s, f->z[i])) AL_FAIL(AL_ERR_INPUT, "no pseudopotential for %s (atom %d)", al_element_symbol(f->z[i]), i + 1);
    return AL_ERR_OK;
}

static void step_release(struct code_step *s)
{
    al_frame_destroy(&s->frame);
}

// The one step of an output. Without one, or cut short: *ret has no frame and says why.
static enum al_err read_steps(const struct code_format *format, void *reader, const char *path, struct code_step *ret, char *why, size_t n)
{
    int steps = 0;
    for (;;) {
        struct code_step s = {0};
        AL_TRY(format->next(reader, &s));
        if (!s.frame) break;
        step_release(ret);
        *ret = s;
        steps++;
    }
    if (steps == 1 && format->complete(reader)) return AL_ERR_OK;
    bool any = steps > 0;
    step_release(ret);
    if (steps > 1) snprintf(why, n, "%.200s has %d steps: the program was told to move atoms", path, steps);
    else snprintf(why, n, "the output was cut short: %s", any ? "there is a result, but the program did not end in order" : "no whole result in it");
    return AL_ERR_OK;
}

static enum al_err read_output(const struct code_ops *ops, const char *dir, struct code_step *ret, char *why, size_t n)
{
    char path[AL_PATH];
    void *reader = NULL;
    AL_TRY(al_path(path, "%s/%s", dir, ops->output));
    if (!al_exists(path)) {
        snprintf(why, n, "the program wrote no %s", ops->output);
        return AL_ERR_OK;
    }
    enum al_err e = ops->format->open(path, &reader);
    if (!e) e = read_steps(ops->format, reader, ops->output, ret, why, n);
    if (reader) ops->format->close(reader);
    if (e && al_err_class(e) == AL_CLASS_TRANSIENT) AL_TRY(e);
    if (e) { // what cannot be read is no label, and another rung may do better
        step_release(ret);
        snprintf(why, n, "%.300s", al_err_message());
    }
    return AL_ERR_OK;
}

static bool same_place(const struct al_frame *f, int i, const double p[3], double tolerance)
{
    double inv[3][3], d[3], s[3], r2 = 0;
    al_inv3((const double(*)[3])f->cell, inv);
    for (int k = 0; k < 3; k++)
        d[k] = p[k] - f->pos[i][k];
    for (int k = 0; k < 3; k++) {
        s[k] = d[0] * inv[0][k] + d[1] * inv[1][k] + d[2] * inv[2][k];
        s[k] -= round(s[k]);
    }
    for (int k = 0; k < 3; k++) {
        double v = s[0] * f->cell[0][k] + s[1] * f->cell[1][k] + s[2] * f->cell[2][k];
        r2 += v * v;
    }
    return r2 < tolerance * tolerance;
}

static bool is_finite(const struct al_frame *f)
{
    bool good = isfinite(f->energy);
    for (int i = 0; i < 3 * f->natoms; i++)
        good = good && isfinite(f->forces[i / 3][i % 3]);
    for (int i = 0; i < 9; i++)
        good = good && isfinite(f->virial[i / 3][i % 3]);
    return good;
}

enum al_err code_check(const struct al_frame *f, const struct code_step *s, const int *order)
{
    const double near = 2e-3, digits = 2e-5; // Ang; fraction of a cell vector: programs print five digits and more
    const struct al_frame *g = s->frame;
    const unsigned want = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
    if ((g->have & want) != want)
        AL_FAIL(AL_ERR_UNPHYSICAL, "the output has no%s%s%s", g->have & AL_HAVE_ENERGY ? "" : " energy", g->have & AL_HAVE_FORCES ? "" : " forces",
                g->have & AL_HAVE_VIRIAL ? "" : " stress");
    if (g->natoms != f->natoms) AL_FAIL(AL_ERR_UNPHYSICAL, "the output has %d atoms, not %d", g->natoms, f->natoms);
    for (int i = 0; i < 3; i++) {
        double length = sqrt(f->cell[i][0] * f->cell[i][0] + f->cell[i][1] * f->cell[i][1] + f->cell[i][2] * f->cell[i][2]);
        for (int k = 0; k < 3; k++)
            if (!(fabs(g->cell[i][k] - f->cell[i][k]) < digits * length + 1e-4))
                AL_FAIL(AL_ERR_UNPHYSICAL, "the output's cell is another one: vector %d, %g Ang where the frame has %g", i + 1, g->cell[i][k],
                        f->cell[i][k]);
    }
    for (int i = 0; i < f->natoms; i++) {
        int k = order[i];
        if (g->z[i] != f->z[k])
            AL_FAIL(AL_ERR_UNPHYSICAL, "the output's atoms are in another order: atom %d is %s, not %s", i + 1, al_element_symbol(g->z[i]),
                    al_element_symbol(f->z[k]));
        if (!same_place(f, k, g->pos[i], near))
            AL_FAIL(AL_ERR_UNPHYSICAL, "the output's atoms are in another order or place: atom %d (%s) at %.4f %.4f %.4f", i + 1,
                    al_element_symbol(g->z[i]), g->pos[i][0], g->pos[i][1], g->pos[i][2]);
    }
    if (!is_finite(g)) AL_FAIL(AL_ERR_UNPHYSICAL, "the output has energies or forces that are no numbers");
    return AL_ERR_OK;
}

static enum al_err check_electrons(const struct code_labeler *l, const struct code_settings *s, const struct al_frame *f, double have,
                                   struct label_report *rep)
{
    double want = l->o.ops->electrons ? l->o.ops->electrons(s, f) : (double)NAN;
    if (!isfinite(want) || !isfinite(have)) return AL_ERR_OK;
    rep->electron_error = fabs(want - have);
    if (rep->electron_error > 0.01)
        AL_FAIL(AL_ERR_UNPHYSICAL, "the program counted %g electrons; pseudopotentials and charge make %g", have, want);
    return AL_ERR_OK;
}

static void store(struct al_frame *f, const struct code_step *s, const int *order, struct label_report *rep)
{
    const struct al_frame *g = s->frame;
    for (int i = 0; i < f->natoms; i++)
        for (int d = 0; d < 3; d++) {
            f->forces[order[i]][d] = g->forces[i][d];
            rep->residual_force[d] += g->forces[i][d];
        }
    f->energy = g->energy;
    memcpy(f->virial, g->virial, sizeof f->virial);
    f->have |= AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
    rep->energies.total = g->energy;
    rep->energies.zero_width = s->energy_zero;
}

// Killed from outside (out of memory, a machine that goes down): not the frame's fault.
static bool was_killed(int code)
{
    return code == -SIGKILL || code == -SIGTERM || code == -SIGHUP || code == 128 + SIGKILL || code == 128 + SIGTERM;
}

struct attempt {
    struct code_settings s;
    int *order;
    char dir[AL_PATH];
    char why[400]; // "": a label
};

static enum al_err try_rung(struct code_labeler *l, struct al_frame *f, int rung, struct attempt *a, struct code_step *step,
                            struct label_report *rep)
{
    const struct code_ops *ops = l->o.ops;
    int code = 0;
    a->why[0] = '\0';
    if (al_exists(a->dir)) AL_TRY(al_remove_tree(a->dir));
    AL_TRY(al_mkdirs(a->dir));
    AL_TRY(ops->write(&a->s, f, rung, a->dir, a->order));
    struct code_run r = {.dir = a->dir, .program = l->program, .args = l->o.args, .launcher = l->o.launcher, .ranks = l->o.ranks,
                         .input = ops->input, .screen = ops->screen, .errors = errors_file, .hooks = &l->o.hooks, .rung = ops->rung[rung]};
    AL_TRY(code_run(&r, &code));
    if (ops->scratch) AL_TRY(code_remove(a->dir, ops->scratch));
    AL_TRY(read_output(ops, a->dir, step, a->why, sizeof a->why));
    if (step->frame) rep->scf_iterations += step->scf;
    if (was_killed(code)) AL_FAIL(AL_ERR_LOST, "%s was killed (%s %d)", l->program, code < 0 ? "signal" : "exit code", code < 0 ? -code : code);
    if (code && step->frame) {
        step_release(step);
        snprintf(a->why, sizeof a->why, "%.200s ended with %s %d", l->program, code < 0 ? "signal" : "exit code", code < 0 ? -code : code);
    } else if (code) {
        size_t n = strlen(a->why);
        snprintf(a->why + n, sizeof a->why - n, "%s%s %d", n ? "; " : "", code < 0 ? "signal" : "exit code", code < 0 ? -code : code);
    } else if (step->frame && !step->converged) {
        step_release(step);
        snprintf(a->why, sizeof a->why, "the SCF did not converge");
    }
    return AL_ERR_OK;
}

// The program's own words go before ours.
static int climb(const struct code_ops *ops, int rung, struct attempt *a)
{
    char words[300] = "", ours[sizeof a->why];
    int next = ops->failure ? ops->failure(a->dir, rung, words, sizeof words) : -1;
    snprintf(ours, sizeof ours, "%s", a->why);
    if (words[0]) snprintf(a->why, sizeof a->why, "%s%s%.90s%s", words, ours[0] ? " (" : "", ours, ours[0] ? ")" : "");
    return next > rung && next < ops->nrung ? next : -1;
}

static enum al_err label_frame(struct code_labeler *l, struct al_frame *f, struct attempt *a, struct code_step *step, struct label_report *rep)
{
    const struct code_ops *ops = l->o.ops;
    char base[AL_PATH];
    AL_TRY(l->o.hooks.where(l->o.hooks.ctx, base));
    if (al_exists(base)) AL_TRY(al_remove_tree(base)); // of a start that was killed
    for (int rung = 0;;) {
        AL_TRY(al_path(a->dir, "%s/rung-%d", base, rung));
        rep->rung = rung;
        rep->rung_name = ops->rung[rung];
        AL_TRY(try_rung(l, f, rung, a, step, rep));
        if (step->frame) break;
        int next = climb(ops, rung, a);
        if (next < 0) AL_FAIL(AL_ERR_NOTCONV, "%s, rung %s: %s", ops->name, ops->rung[rung], a->why);
        AL_TRY(al_remove_tree(a->dir));
        rung = next;
    }
    AL_TRY(code_check(f, step, a->order));
    AL_TRY(check_electrons(l, &a->s, f, step->electrons, rep));
    store(f, step, a->order, rep);
    snprintf(rep->detail, sizeof rep->detail, "%s %.40s, %d SCF steps%s%s%s%.120s", ops->name, l->version, rep->scf_iterations,
             rep->rung ? ", rescue: " : "", rep->rung ? rep->rung_name : "", step->note[0] ? "; " : "", step->note);
    AL_TRY(al_remove_tree(base));
    return AL_ERR_OK;
}

static enum al_err run(struct code_labeler *l, struct al_frame *f, struct label_report *rep)
{
    AL_AUTOFREE int *order = NULL;
    struct attempt a = {0};
    struct code_step step = {0};
    AL_ALLOC(order, f->natoms);
    a.order = order;
    AL_TRY(check_input(l, f));
    AL_TRY(settings_for(l, f, &a.s));
    enum al_err e = label_frame(l, f, &a, &step, rep);
    step_release(&step);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err label_code(struct labeler *base, struct al_frame *f, struct label_report *rep)
{
    struct code_labeler *l = (struct code_labeler *)base;
    double start = al_clock();
    memset(rep, 0, sizeof *rep);
    rep->gap = rep->fermi = rep->pulay = NAN;
    rep->rung_name = l->o.ops->rung[0];
    rep->energies = (struct label_energies){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    rep->stress_asymmetry = rep->band_residual = rep->band_depth = rep->electron_error = NAN;
    enum al_err e = run(l, f, rep);
    rep->seconds = al_clock() - start;
    if (e) snprintf(rep->detail, sizeof rep->detail, "%.250s", al_err_message());
    AL_TRY(e);
    return AL_ERR_OK;
}

static const char *fingerprint_code(const struct labeler *l)
{
    return ((const struct code_labeler *)l)->fingerprint;
}

static void close_code(struct labeler *base)
{
    struct code_labeler *l = (struct code_labeler *)base;
    code_labeler_destroy(&l);
}

static const struct labeler_ops code_labeler_ops = {"code", label_code, fingerprint_code, close_code};

// --- opening -------------------------------------------------------------------------------------------

static enum al_err keep(struct code_labeler *l, const char *text, const char **ret)
{
    *ret = NULL;
    if (!text) return AL_ERR_OK;
    AL_GROW(l->text, l->ntext, l->ntext + 1);
    AL_TRY(al_strdup(text, &l->text[l->ntext]));
    *ret = l->text[l->ntext++];
    return AL_ERR_OK;
}

static enum al_err keep_words(struct code_labeler *l, const char *const *words, const char ***ret)
{
    int n = 0;
    while (words && words[n])
        n++;
    AL_ALLOC(*ret, n + 1);
    for (int i = 0; i < n; i++)
        AL_TRY(keep(l, words[i], &(*ret)[i]));
    return AL_ERR_OK;
}

static enum al_err copy_options(struct code_labeler *l, const struct code_options *o)
{
    struct code_settings *s = &l->o.settings;
    l->o = *o;
    AL_TRY(keep(l, o->settings.functional, &s->functional));
    AL_TRY(keep(l, o->settings.user, &s->user));
    AL_TRY(keep(l, o->settings.user_path, &s->user_path));
    AL_ALLOC(l->pseudo, s->npseudo + 1);
    for (int i = 0; i < s->npseudo; i++) {
        l->pseudo[i].z = o->settings.pseudo[i].z;
        AL_TRY(keep(l, o->settings.pseudo[i].path, &l->pseudo[i].path));
    }
    s->pseudo = l->pseudo;
    AL_ALLOC(l->kpoint, s->nkpoint + 1);
    if (s->nkpoint) memcpy(l->kpoint, o->settings.kpoint, (size_t)s->nkpoint * sizeof *l->kpoint);
    s->kpoint = (const double(*)[4])l->kpoint;
    AL_TRY(keep_words(l, o->launcher, &l->launcher));
    AL_TRY(keep_words(l, o->args ? o->args : o->ops->args, &l->args));
    l->o.launcher = l->launcher;
    l->o.args = l->args;
    l->o.program = NULL; // l->program
    return AL_ERR_OK;
}

static void hash_kpoints(const struct code_options *o, struct al_sha256 *h)
{
    const struct code_settings *s = &o->settings;
    al_sha256_int(h, o->kpoints);
    if (o->kpoints == CODE_SPACING) al_sha256_double(h, o->spacing);
    for (int d = 0; d < 3 && o->kpoints == CODE_MESH; d++) {
        al_sha256_int(h, s->mesh[d]);
        al_sha256_double(h, s->shift[d]);
    }
    for (int i = 0; i < s->nkpoint && o->kpoints == CODE_POINTS; i++)
        for (int k = 0; k < 4; k++)
            al_sha256_double(h, s->kpoint[i][k]);
}

// The version is in it: alnd cannot know whether a release of somebody else's program gives the same numbers, and labels of two
// settings are never mixed silently. What the ladder changes is not: it changes the way to the ground state.
static enum al_err make_fingerprint(struct code_labeler *l)
{
    const struct code_settings *s = &l->o.settings;
    AL_AUTOFREE char *physics = NULL;
    struct al_sha256 h;
    char sha[65];
    AL_TRY(l->o.ops->physics(s, &physics));
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-codes-1");
    al_sha256_string(&h, l->o.ops->name);
    al_sha256_string(&h, l->version);
    al_sha256_double(&h, s->ecut);
    al_sha256_string(&h, s->functional ? s->functional : "");
    hash_kpoints(&l->o, &h);
    al_sha256_int(&h, s->smearing);
    al_sha256_double(&h, s->width);
    al_sha256_double(&h, s->charge);
    al_sha256_int(&h, s->tight);
    for (int i = 0; i < s->npseudo; i++) {
        AL_TRY(al_pseudo_hash(s->pseudo[i].path, s->pseudo[i].z, sha));
        al_sha256_int(&h, s->pseudo[i].z);
        al_sha256_string(&h, sha);
    }
    al_sha256_string(&h, physics ? physics : "");
    al_sha256_hex(&h, l->fingerprint);
    return AL_ERR_OK;
}

enum al_err code_labeler_open(const struct code_options *o, struct labeler **ret)
{
    AL_OWN(code_labeler) l = NULL;
    AL_ALLOC(l, 1);
    l->base.ops = &code_labeler_ops;
    AL_TRY(copy_options(l, o));
    AL_TRY(code_probe(o->ops, o->program, l->program, l->version));
    if (o->ops->check) AL_TRY(o->ops->check(&l->o.settings));
    AL_TRY(make_fingerprint(l));
    *ret = &l->base;
    l = NULL;
    return AL_ERR_OK;
}
