// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb select: of everything explored in this iteration, which frames are labelled. Per system: frames of the training
// trajectories inside the trust window of their system and temperature (given, or measured: committee/window.h), at most max_frames:
// the farthest from what is labelled and from each other (committee/novelty.h), or a seeded random choice; equal and near
// duplicates of earlier frames left out; a random sample of the training trajectories, in and below the window (select.random); and one of
// the test trajectories, up to where they left the trust window's upper end. classes.csv says of every frame what became of it and why,
// selection.yaml which windows held and which frames were broken.
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "worker/calibration.h"
#include "worker/errors.h"
#include "worker/known.h"

enum fate { FATE_CLASS /* its class says why not */, FATE_SELECTED, FATE_EQUAL, FATE_NEAR, FATE_FULL, FATE_UNASKED };

struct pool {
    struct al_frames *fs;
    int n;
    double *dev;             // [n]
    enum trust_class *cls;   // [n]
    const struct window **w; // [n]
    enum fate *fate;         // [n]
    struct distance *at;     // [n] from what is labelled; -1: not taken
    char (*broken)[AL_ERR_TEXT]; // [n] why
    struct window *window;   // [nsystems][ntemperatures], and the one given
    struct known *known;     // NULL: not needed
};

static void pool_destroy(struct pool **pp)
{
    struct pool *p = *pp;
    *pp = NULL;
    if (!p) return;
    al_frames_destroy(&p->fs);
    known_destroy(&p->known);
    al_free(p->dev);
    al_free(p->cls);
    al_free(p->w);
    al_free(p->fate);
    al_free(p->at);
    al_free(p->broken);
    al_free(p->window);
    al_free(p);
}

static enum al_err read_explored(const char *const *ids, int n, struct al_frames **ret)
{
    AL_OWN(al_frames) all = NULL;
    AL_TRY(al_frames_create(&all));
    for (int i = 0; i < n; i++) {
        char path[AL_PATH];
        AL_OWN(al_frames) fs = NULL;
        AL_TRY(al_path(path, "%s/frames.extxyz", ids[i]));
        AL_TRY(al_xyz_read(path, &fs));
        for (int k = 0; k < fs->n; k++)
            AL_TRY(al_frames_push(all, &fs->f[k]));
    }
    *ret = all;
    all = NULL;
    return AL_ERR_OK;
}

// Hashes of the frames that earlier iterations selected.
static enum al_err read_earlier(const struct task *t, char (**ret)[65], int *ret_n)
{
    AL_AUTOFREE const char **ids = NULL;
    AL_AUTOFREE char(*hash)[65] = NULL;
    int n, have = 0;
    AL_TRY(task_input_list(t, "earlier", &ids, &n));
    for (int i = 0; i < n; i++)
        for (int s = 0; s < t->cfg->nsystems; s++) {
            char path[AL_PATH];
            AL_OWN(al_frames) fs = NULL;
            AL_TRY(al_path(path, "%s/%s.extxyz", ids[i], t->cfg->system[s].name));
            if (!al_exists(path)) continue;
            AL_TRY(al_xyz_read(path, &fs));
            AL_GROW(hash, have, have + fs->n);
            for (int k = 0; k < fs->n; k++)
                al_frame_hash(fs->f[k], hash[have++]);
        }
    *ret = hash;
    hash = NULL;
    *ret_n = have;
    return AL_ERR_OK;
}

static bool known(const struct al_frame *f, const char (*hash)[65], int n)
{
    char hex[65];
    al_frame_hash(f, hex);
    for (int i = 0; i < n; i++)
        if (strcmp(hash[i], hex) == 0) return true;
    return false;
}

static bool is_purpose(const struct al_frame *f, const char *purpose)
{
    const char *p = al_frame_info(f, "purpose");
    return p && strcmp(p, purpose) == 0;
}

static bool of_system(const struct al_frame *f, const char *system)
{
    const char *s = al_frame_info(f, "system");
    return s && strcmp(s, system) == 0;
}

static double kelvin_of(const struct al_frame *f) // NaN: not known
{
    const char *temperature = al_frame_info(f, "temperature");
    return temperature ? strtod(temperature, NULL) : (double)NAN;
}

// Copies of what is selected, in the order of the trajectories.
static enum al_err push_selected(const struct pool *p, const char *system, const char *purpose, struct al_frames *out)
{
    for (int i = 0; i < p->n; i++) {
        const struct al_frame *f = p->fs->f[i];
        if (p->fate[i] != FATE_SELECTED || !of_system(f, system) || !is_purpose(f, purpose)) continue;
        AL_OWN(al_frame) c = NULL;
        AL_TRY(al_frame_copy(f, &c));
        AL_TRY(al_frames_push(out, &c));
    }
    return AL_ERR_OK;
}

// Of a system and the k-th temperature; after the last of those the given one, of frames of no known origin.
static const struct window *window_at(const struct task *t, const struct pool *p, int isys, int k)
{
    int ntemps = t->cfg->explore.temperatures.n;
    return &p->window[k < ntemps ? isys * ntemps + k : t->cfg->nsystems * ntemps];
}

// A random order of all frames of the pool.
static void shuffled(const struct task *t, int isys, int n, int *ret)
{
    struct al_rng rng;
    for (int i = 0; i < n; i++)
        ret[i] = i;
    al_rng_stream(&rng, t->cfg->seed, "select", (uint64_t)t->iteration, (uint64_t)isys, 0);
    al_rng_shuffle(&rng, ret, n);
}

// A training frame in the window that is not known; of the system, and of the temperature's window where that is not NULL.
static bool is_open(const struct task *t, const struct pool *p, int i, int isys, const struct window *w)
{
    const struct al_frame *f = p->fs->f[i];
    return of_system(f, t->cfg->system[isys].name) && (!w || p->w[i] == w) && is_purpose(f, "train") && p->cls[i] == TRUST_CANDIDATE &&
           p->fate[i] != FATE_EQUAL;
}

// At most `want` of them become FATE_SELECTED, farthest first or in random order.
static enum al_err take(const struct task *t, struct pool *p, int isys, const struct window *w, int want)
{
    const struct cfg_select *c = &t->cfg->select;
    AL_AUTOFREE bool *allowed = NULL;
    AL_AUTOFREE int *order = NULL;
    AL_AUTOFREE int *pick = NULL;
    AL_AUTOFREE struct distance *at = NULL;
    AL_ALLOC(allowed, p->n);
    AL_ALLOC(order, p->n);
    AL_ALLOC(pick, p->n);
    AL_ALLOC(at, p->n);
    int npick = 0;
    for (int i = 0; i < p->n; i++)
        allowed[i] = is_open(t, p, i, isys, w);
    shuffled(t, isys, p->n, order);
    bool farthest = strcmp(c->diversity, "farthest") == 0;
    if (p->known)
        AL_TRY(known_choose(p->known, allowed, farthest ? NULL : order, want, c->duplicate, pick, &npick, at));
    for (int k = 0; k < p->n && !p->known && npick < want; k++)
        if (allowed[order[k]]) pick[npick++] = order[k];
    for (int i = 0; i < p->n; i++) {
        if (!allowed[i]) continue;
        if (p->known) p->at[i] = at[i];
        p->fate[i] = p->known && at[i].max < c->duplicate ? FATE_NEAR : FATE_FULL;
    }
    for (int k = 0; k < npick; k++)
        p->fate[pick[k]] = FATE_SELECTED;
    return AL_ERR_OK;
}

struct group { // candidates of a system at one temperature (by its window) or of no known one
    int system;
    const struct window *w;
    int open, want;
};

// The budget in proportion to what is open; what rounding leaves goes to the largest remainders, the earlier first.
static void apportion(struct group *g, int n, int all, int budget)
{
    int left = budget;
    for (int i = 0; i < n; i++)
        left -= g[i].want = (int)((int64_t)budget * g[i].open / all);
    for (; left > 0; left--) {
        int best = 0;
        int64_t most = -1;
        for (int i = 0; i < n; i++) {
            int64_t remainder = (int64_t)budget * g[i].open - (int64_t)g[i].want * all;
            if (remainder > most) {
                most = remainder;
                best = i;
            }
        }
        g[best].want++;
    }
}

// share: candidates.
static enum al_err share_out(const struct task *t, struct pool *p)
{
    int nwindows = t->cfg->explore.temperatures.n + 1, n = t->cfg->nsystems * nwindows, all = 0, budget = t->cfg->select.max_frames * t->cfg->nsystems;
    AL_AUTOFREE struct group *group = NULL;
    AL_ALLOC(group, n);
    for (int g = 0; g < n; g++) {
        struct group *q = &group[g];
        q->system = g / nwindows;
        q->w = window_at(t, p, q->system, g % nwindows);
        for (int i = 0; i < p->n; i++)
            q->open += is_open(t, p, i, q->system, q->w);
        all += q->open;
    }
    if (!all) return AL_ERR_OK;
    apportion(group, n, all, budget < all ? budget : all);
    for (int g = 0; g < n; g++)
        if (group[g].want) AL_TRY(take(t, p, group[g].system, group[g].w, group[g].want));
    return AL_ERR_OK;
}

// Training frames of all systems.
static enum al_err choose_train(const struct task *t, struct pool *p)
{
    if (strcmp(t->cfg->select.share, "candidates") == 0) {
        AL_TRY(share_out(t, p));
        return AL_ERR_OK;
    }
    for (int s = 0; s < t->cfg->nsystems; s++)
        AL_TRY(take(t, p, s, NULL, t->cfg->select.max_frames));
    return AL_ERR_OK;
}

// At most `want` of the n frames in index become FATE_SELECTED, each equally likely.
static void draw(const struct task *t, struct pool *p, const char *stream, int isys, int *index, int n, int want)
{
    struct al_rng rng;
    al_rng_stream(&rng, t->cfg->seed, stream, (uint64_t)t->iteration, (uint64_t)isys, 0);
    al_rng_shuffle(&rng, index, n);
    for (int k = 0; k < want && k < n; k++)
        p->fate[index[k]] = FATE_SELECTED;
}

// select.random: any frame of the training trajectories that is in or below the window and not hotter.
static enum al_err choose_random(const struct task *t, int isys, struct pool *p)
{
    const struct cfg_select *c = &t->cfg->select;
    AL_AUTOFREE int *index = NULL;
    int n = 0;
    if (c->random_frames == 0) return AL_ERR_OK;
    AL_ALLOC(index, p->n);
    for (int i = 0; i < p->n; i++) {
        const struct al_frame *f = p->fs->f[i];
        bool hot = c->random_up_to > 0 && !(kelvin_of(f) <= c->random_up_to);
        bool left = p->fate[i] != FATE_SELECTED && p->fate[i] != FATE_EQUAL && p->cls[i] < TRUST_FAILED;
        if (left && !hot && of_system(f, t->cfg->system[isys].name) && is_purpose(f, "train")) index[n++] = i;
    }
    draw(t, p, "select-random", isys, index, n, c->random_frames);
    return AL_ERR_OK;
}

// Test frames: any frame of the test trajectories that is in or below the window.
static enum al_err choose_test(const struct task *t, int isys, struct pool *p)
{
    AL_AUTOFREE int *index = NULL;
    AL_ALLOC(index, p->n);
    int n = 0;
    for (int i = 0; i < p->n; i++)
        if (of_system(p->fs->f[i], t->cfg->system[isys].name) && is_purpose(p->fs->f[i], "test")) {
            p->fate[i] = p->cls[i] < TRUST_FAILED ? FATE_UNASKED : FATE_CLASS;
            if (p->cls[i] < TRUST_FAILED) index[n++] = i;
        }
    draw(t, p, "select-test", isys, index, n, t->cfg->test.frames);
    return AL_ERR_OK;
}

static const char *reason(const struct pool *p, int i)
{
    static const char *const of_fate[] = {"", "", "equal to a frame selected before", "near duplicate of labelled frames",
                                          "max_frames reached", "not drawn for the test sample"};
    static const char *const of_class[] = {"below trust.low", "", "above trust.high", ""};
    if (p->cls[i] == TRUST_BROKEN) return p->broken[i];
    return p->fate[i] == FATE_CLASS ? of_class[p->cls[i]] : of_fate[p->fate[i]];
}

static enum al_err write_classes(struct task *t, const struct pool *p)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(task_path(t, path, "classes.csv"));
    AL_TRY(al_outfile_open(path, &o));
    fputs("frame_id,system,purpose,temperature_K,deviation_eV_per_Ang,class,selected,trust_low,trust_high,distance,nearest,reason\n", o.out);
    for (int i = 0; i < p->n; i++) {
        const struct al_frame *f = p->fs->f[i];
        const char *id = al_frame_info(f, "frame_id"), *sys = al_frame_info(f, "system");
        const char *purpose = al_frame_info(f, "purpose"), *temp = al_frame_info(f, "temperature");
        char far[32] = "", nearest[128] = "";
        if (p->known && p->fate[i] == FATE_NEAR) AL_TRY_MSG(known_nearest(p->known, i, nearest), "%s", path);
        if (p->at[i].rms >= 0) snprintf(far, sizeof far, "%.4f", p->at[i].rms);
        fprintf(o.out, "%s,%s,%s,%s,%.6f,%s,%s,%.6g,%.6g,%s,%s,%s\n", id ? id : "", sys ? sys : "", purpose ? purpose : "", temp ? temp : "",
                p->dev[i], trust_name(p->cls[i]), p->fate[i] == FATE_SELECTED ? "yes" : "no", p->w[i]->w.low, p->w[i]->w.high, far, nearest,
                reason(p, i));
    }
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

static void number(FILE *out, const char *key, double v)
{
    if (!isnan(v)) fprintf(out, ", %s: %.6g", key, v);
}

// The windows, and the broken frames by name.
static enum al_err write_selection(struct task *t, const struct pool *p)
{
    char path[AL_PATH];
    struct al_outfile o;
    const struct cfg_list *temps = &t->cfg->explore.temperatures;
    AL_TRY(task_path(t, path, "selection.yaml"));
    AL_TRY(al_outfile_open(path, &o));
    fputs("windows:\n", o.out);
    for (int s = 0; s < t->cfg->nsystems; s++)
        for (int k = 0; k < temps->n; k++) {
            const struct window *w = window_at(t, p, s, k);
            fputs("  - {system: ", o.out);
            al_yaml_quote(o.out, t->cfg->system[s].name);
            fprintf(o.out, ", temperature: %g, low: %.6g, high: %.6g, from: ", temps->v[k], w->w.low, w->w.high);
            al_yaml_quote(o.out, window_source_name(w->source));
            fprintf(o.out, ", auto: %s, frames: %d", t->cfg->select.trust_auto ? "true" : "false", w->n);
            number(o.out, "error_per_deviation", w->slope);
            number(o.out, "spread", w->spread);
            number(o.out, "rank_correlation", w->rank);
            fputs("}\n", o.out);
        }
    bool any = false;
    for (int i = 0; i < p->n; i++) {
        const char *id = al_frame_info(p->fs->f[i], "frame_id");
        if (p->cls[i] != TRUST_BROKEN) continue;
        fputs(any ? "  - {frame: " : "broken:\n  - {frame: ", o.out);
        al_yaml_quote(o.out, id ? id : "?");
        fputs(", reason: ", o.out);
        al_yaml_quote(o.out, p->broken[i]);
        fputs("}\n", o.out);
        any = true;
    }
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(t, path));
    return AL_ERR_OK;
}

// The accurate / candidate / failed / broken counts over the training trajectories.
static enum al_err count_facts(struct task *t, const struct pool *p)
{
    int count[4] = {0}, all = 0, duplicates = 0;
    for (int i = 0; i < p->n; i++)
        if (is_purpose(p->fs->f[i], "train")) {
            count[p->cls[i]]++;
            duplicates += p->cls[i] == TRUST_CANDIDATE && (p->fate[i] == FATE_EQUAL || p->fate[i] == FATE_NEAR);
            all++;
        }
    AL_TRY(task_fact_int(t, "accurate", count[TRUST_ACCURATE]));
    AL_TRY(task_fact_int(t, "candidate", count[TRUST_CANDIDATE]));
    AL_TRY(task_fact_int(t, "failed", count[TRUST_FAILED]));
    AL_TRY(task_fact_int(t, "broken", count[TRUST_BROKEN]));
    AL_TRY(task_fact_int(t, "duplicates", duplicates));
    // frames above the window end their trajectory: they count as not yet known, too
    double open = all - count[TRUST_ACCURATE];
    AL_TRY(task_fact_real(t, "candidate_fraction", all ? open / all : 1.0));
    return AL_ERR_OK;
}

static enum al_err select_systems(struct task *t, struct pool *p)
{
    AL_TRY(choose_train(t, p));
    for (int s = 0; s < t->cfg->nsystems; s++) {
        const char *system = t->cfg->system[s].name;
        char path[AL_PATH], name[96], key[96];
        AL_OWN(al_frames) out = NULL;
        AL_TRY(al_frames_create(&out));
        AL_TRY(choose_random(t, s, p));
        AL_TRY(choose_test(t, s, p));
        AL_TRY(push_selected(p, system, "train", out));
        AL_TRY(push_selected(p, system, "test", out));
        snprintf(name, sizeof name, "%s.extxyz", system);
        AL_TRY(task_path(t, path, name));
        AL_TRY(al_xyz_write(path, out));
        AL_TRY(task_artifact(t, path));
        snprintf(key, sizeof key, "frames.%s", system);
        AL_TRY(task_fact_int(t, key, out->n));
    }
    return AL_ERR_OK;
}

static const char initial_test[] = "initial/gather/test.extxyz"; // held-out frames of initial.data, if there are any

// Deviation and error of the test frames of initial.data and of those that earlier iterations labelled, by the committee that judges now:
// deviations shrink faster than errors from one committee to the next, so what the last one found would call too much accurate.
static enum al_err measure_now(struct task *t, double target, struct calibration_list **ret)
{
    AL_AUTOFREE const char **models = NULL;
    AL_OWN(errors) x = NULL;
    int n;
    AL_TRY(task_input_list(t, "models", &models, &n));
    AL_TRY(errors_create(models, n, t, &x));
    AL_TRY(errors_add_file(x, ERRORS_TEST, initial_test));
    for (int it = 0; it < t->iteration; it++) {
        char path[AL_PATH];
        AL_TRY(al_path(path, "iterations/%03d/gather/test.extxyz", it));
        AL_TRY(errors_add_file(x, ERRORS_TEST, path));
    }
    AL_TRY(errors_calibration(x, target, ret));
    return AL_ERR_OK;
}

static enum al_err make_window(const struct task *t, const struct calibration_list *now, const struct calibration_list *before,
                               const char *system, double temperature, struct window *ret)
{
    AL_TRY(calibration_window(&t->cfg->select, now, system, temperature, ret));
    if (ret->source == WINDOW_GIVEN) AL_TRY(calibration_window(&t->cfg->select, before, system, temperature, ret));
    return AL_ERR_OK;
}

// Windows of all systems and temperatures; the last is the one given, for frames of no known origin.
static enum al_err make_windows(struct task *t, struct pool *p)
{
    const struct cfg_list *temps = &t->cfg->explore.temperatures;
    const struct calibration_list none = {0};
    AL_OWN(calibration_list) before = NULL;
    AL_OWN(calibration_list) now = NULL;
    AL_TRY(calibration_of_task(t, &before));
    if (t->cfg->select.trust_auto && (before->n || al_exists(initial_test)))
        AL_TRY(measure_now(t, before->n ? before->target : t->cfg->converge.force_rmse, &now));
    AL_ALLOC(p->window, t->cfg->nsystems * temps->n + 1);
    for (int s = 0; s < t->cfg->nsystems; s++)
        for (int k = 0; k < temps->n; k++)
            AL_TRY(make_window(t, now ? now : &none, before, t->cfg->system[s].name, temps->v[k], &p->window[s * temps->n + k]));
    AL_TRY(calibration_window(&t->cfg->select, &none, "", 0, &p->window[t->cfg->nsystems * temps->n]));
    return AL_ERR_OK;
}

static const struct window *window_of(const struct task *t, const struct pool *p, const struct al_frame *f)
{
    const struct cfg_list *temps = &t->cfg->explore.temperatures;
    const double kelvin = kelvin_of(f);
    for (int s = 0; s < t->cfg->nsystems; s++)
        for (int k = 0; k < temps->n; k++) // frames say %g of it
            if (of_system(f, t->cfg->system[s].name) && fabs(temps->v[k] - kelvin) <= 1e-5 * kelvin)
                return window_at(t, p, s, k);
    return window_at(t, p, 0, temps->n);
}

// Frames without a deviation or without a geometry are no business of the window.
static enum trust_class classify(const struct task *t, const struct pool *p, int i, char why[AL_ERR_TEXT])
{
    if (!isfinite(p->dev[i])) {
        snprintf(why, AL_ERR_TEXT, "the deviation is no number");
        return TRUST_BROKEN;
    }
    if (al_frame_check(p->fs->f[i], t->cfg->select.min_distance) != AL_ERR_OK) {
        snprintf(why, AL_ERR_TEXT, "%s", al_err_message());
        for (char *c = why; *c; c++)
            if (*c == ',' || *c == '\n') *c = ';'; // a field of classes.csv
        return TRUST_BROKEN;
    }
    return trust_classify(&p->w[i]->w, p->dev[i]);
}

static enum al_err open_pool(struct task *t, struct pool **ret)
{
    AL_AUTOFREE const char **ids = NULL;
    AL_OWN(pool) p = NULL;
    int n;
    AL_TRY(task_input_list(t, "explored", &ids, &n));
    AL_ALLOC(p, 1);
    AL_TRY(read_explored(ids, n, &p->fs));
    p->n = p->fs->n;
    AL_ALLOC(p->dev, p->n);
    AL_ALLOC(p->cls, p->n);
    AL_ALLOC(p->w, p->n);
    AL_ALLOC(p->fate, p->n);
    AL_ALLOC(p->at, p->n);
    AL_ALLOC(p->broken, p->n);
    AL_TRY(make_windows(t, p));
    for (int i = 0; i < p->n; i++) {
        const char *d = al_frame_info(p->fs->f[i], "deviation");
        p->dev[i] = d ? strtod(d, NULL) : (double)NAN;
        p->w[i] = window_of(t, p, p->fs->f[i]);
        p->at[i] = (struct distance){-1, -1};
        p->cls[i] = classify(t, p, i, p->broken[i]);
    }
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}

// Equal frames are marked, of those below the window where they may be drawn; the others, if they are candidates, placed among what is labelled.
static enum al_err place(const struct task *t, struct pool *p)
{
    AL_AUTOFREE char(*earlier)[65] = NULL;
    AL_AUTOFREE const char **ids = NULL;
    AL_AUTOFREE const char **models = NULL;
    AL_AUTOFREE bool *wanted = NULL;
    int n, nids, nmodels;
    bool any = false;
    AL_ALLOC(wanted, p->n);
    AL_TRY(read_earlier(t, &earlier, &n));
    for (int i = 0; i < p->n; i++) {
        const bool candidate = p->cls[i] == TRUST_CANDIDATE, drawn = p->cls[i] == TRUST_ACCURATE && t->cfg->select.random_frames > 0;
        if ((!candidate && !drawn) || !is_purpose(p->fs->f[i], "train")) continue;
        if (known(p->fs->f[i], (const char(*)[65])earlier, n)) p->fate[i] = FATE_EQUAL;
        else if (candidate) any = wanted[i] = true;
    }
    if (!any || (strcmp(t->cfg->select.diversity, "farthest") != 0 && t->cfg->select.duplicate == 0)) return AL_ERR_OK;
    AL_TRY(task_input_list(t, "earlier", &ids, &nids));
    AL_TRY(task_input_list(t, "models", &models, &nmodels));
    if (nmodels < 1) AL_FAIL(AL_ERR_BUG, "%s has no model", t->id);
    AL_TRY(known_create(t, models[0], p->fs, wanted, ids, nids, &p->known));
    return AL_ERR_OK;
}

enum al_err verb_select(struct task *t)
{
    AL_OWN(pool) p = NULL;
    AL_TRY(open_pool(t, &p));
    AL_TRY(place(t, p));
    AL_TRY(select_systems(t, p));
    AL_TRY(write_classes(t, p));
    AL_TRY(write_selection(t, p));
    AL_TRY(count_facts(t, p));
    return AL_ERR_OK;
}
