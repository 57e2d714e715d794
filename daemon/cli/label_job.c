// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/label_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "config/commands.h"
#include "core/query.h"

static bool is_xyz(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".extxyz") == 0 || strcmp(dot, ".xyz") == 0);
}

static enum al_err read_frames(const char *path, struct al_frames **ret)
{
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(al_frame) f = NULL;
    if (is_xyz(path)) {
        AL_TRY(al_xyz_read(path, &fs));
    } else {
        AL_TRY(al_structure_read(path, &f));
        AL_TRY(al_frames_create(&fs));
        AL_TRY(al_frames_push(fs, &f));
    }
    if (!fs->n) AL_FAIL(AL_ERR_INPUT, "%s holds no frame", path);
    *ret = fs;
    fs = NULL;
    return AL_ERR_OK;
}

static enum al_err list_elements(struct label_job *j)
{
    bool present[AL_ZMAX + 1] = {0};
    size_t n = 0;
    int count = 0;
    for (int i = 0; i < j->frames->n; i++)
        for (int k = 0; k < j->frames->f[i]->natoms; k++)
            present[j->frames->f[i]->z[k]] = true;
    for (int z = 1; z <= AL_ZMAX; z++) {
        if (!present[z]) continue;
        if (++count > CFG_MAX_LIST) AL_FAIL(AL_ERR_INPUT, "more than %d elements", CFG_MAX_LIST);
        n += (size_t)snprintf(j->elements + n, sizeof j->elements - n, "%s%s", n ? " " : "", al_element_symbol(z));
    }
    AL_TRY(loop_config_set_elements(j->cfg, j->elements));
    return AL_ERR_OK;
}

// Pseudopotentials into the work directory, so that a later start works with the same ones, or sees that they have changed.
static enum al_err copy_pseudo(struct label_job *j)
{
    struct loop_config *c = j->cfg;
    char there[65] = "", path[AL_PATH];
    AL_TRY(al_path(path, "%s/inputs", j->dir));
    AL_TRY(al_path(c->inputs, "%s", path));
    char *template = c->label.template, own[AL_PATH];
    AL_TRY(al_path(own, "%s", template));
    if (own[0]) AL_TRY(al_path(template, "%s/template", path));
    enum al_err e = loop_config_pseudo_hash(c, c->nelements, c->element, there);
    c->inputs[0] = '\0';
    memcpy(template, own, sizeof own);
    if (!e && strcmp(there, j->pseudo_hash) == 0) return AL_ERR_OK;
    if (al_exists(path)) AL_TRY(al_remove_tree(path));
    AL_TRY(loop_config_copy_inputs(c, j->dir));
    return AL_ERR_OK;
}

static enum al_err absolute(const char *path, char ret[AL_PATH])
{
    char cwd[AL_PATH];
    if (path[0] == '/') {
        AL_TRY(al_path(ret, "%s", path));
        return AL_ERR_OK;
    }
    if (!getcwd(cwd, sizeof cwd)) AL_FAIL(AL_ERR_IO, "cannot tell the current directory: %s", strerror(errno));
    AL_TRY(al_path(ret, "%s/%s", cwd, path));
    return AL_ERR_OK;
}

// One rank per frame as long as there are frames for all cores; else the cores are shared among the frames.
static void choose_ranks(struct label_job *j, const struct label_choice *o)
{
    const struct cfg_resources *r = &j->cfg->resources;
    int tasks = o->ntasks ? o->ntasks : j->frames->n, threads = r->label.threads;
    j->cores = o->cores ? o->cores : r->cores ? r->cores : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int ranks = o->ranks ? o->ranks : r->label.ranks > 1 ? r->label.ranks : j->cores / (tasks * threads);
    j->ranks = ranks > 1 ? ranks : 0;
}

// A program of somebody else: that it may be started, that it starts and takes the settings.
static enum al_err check_program(const struct label_job *j, const struct label_choice *o)
{
    AL_OWN(al_node) answer = NULL;
    const char *argv[] = {"code", o->config, j->elements, NULL};
    if (o->model || !loop_config_label_external(j->cfg)) return AL_ERR_OK;
    AL_TRY(commands_check_label(j->cfg, o->allow));
    AL_TRY_MSG(worker_ask(j->worker, argv, &answer), "label.engine is %s", j->cfg->label.engine);
    return AL_ERR_OK;
}

static enum al_err open_job(const struct label_choice *o, struct label_job *j)
{
    char path[AL_PATH];
    if (o->config) AL_TRY(loop_config_read_engine(o->config, &j->cfg));
    else AL_TRY(loop_config_default_engine(&j->cfg));
    j->cfg->nsystems = 0; // the frames are given; structures of a whole loop.yaml need not be there
    if (o->frames) {
        AL_TRY(read_frames(o->frames, &j->frames));
        AL_TRY(list_elements(j));
    }
    if (!o->model) AL_TRY(loop_config_pseudo_hash(j->cfg, j->cfg->nelements, j->cfg->element, j->pseudo_hash));
    AL_TRY(exec_find_worker(j->worker, sizeof j->worker));
    AL_TRY(check_program(j, o));
    choose_ranks(j, o);
    j->json = o->json;
    AL_TRY(absolute(o->work, j->dir));
    AL_TRY(bag_lock(j->dir, &j->lock));
    if (!o->model) AL_TRY(copy_pseudo(j));
    AL_TRY(al_path(path, "%s/settings", j->dir));
    AL_TRY(al_mkdirs(path));
    return AL_ERR_OK;
}

enum al_err label_job_open(const struct label_choice *o, struct label_job *ret)
{
    struct label_job j = {.lock = -1};
    enum al_err e = open_job(o, &j);
    if (e) label_job_close(&j);
    AL_TRY(e);
    *ret = j;
    return AL_ERR_OK;
}

void label_job_close(struct label_job *j)
{
    if (j->lock >= 0) al_lock_release(&j->lock);
    loop_config_destroy(&j->cfg);
    al_frames_destroy(&j->frames);
}

void label_job_afresh(struct label_job *j)
{
    if (j->cfg->label.follow)
        fputs("alnd: note: label.continue is for the batches of a campaign; here each frame is a task of its own\n", stderr);
    j->cfg->label.follow = false;
}

enum al_err label_job_settings(const struct label_job *j, struct cfg_overrides over, struct label_settings *ret)
{
    AL_OWN(loop_config) c = NULL;
    struct al_sha256 s;
    struct al_outfile o;
    char path[AL_PATH], tmp[AL_PATH], label[65];
    over.cores = j->cores;
    over.ranks = j->ranks > 0 ? j->ranks : 1;
    AL_TRY(al_path(tmp, "%s/settings/new.yaml", j->dir));
    AL_TRY(al_outfile_open(tmp, &o));
    enum al_err e = loop_config_write_label(j->cfg, &over, o.out);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(loop_config_read_engine(tmp, &c));
    AL_TRY(loop_config_section_hash(c, "label", label));
    al_sha256_init(&s);
    al_sha256_string(&s, "alnd-label-1");
    al_sha256_string(&s, label);
    al_sha256_double(&s, c->select.min_distance); // atoms closer than half of it are refused
    al_sha256_string(&s, j->pseudo_hash);
    al_sha256_string(&s, j->elements);
    al_sha256_hex(&s, ret->hash);
    snprintf(ret->file, sizeof ret->file, "settings/%.16s.yaml", ret->hash);
    AL_TRY(al_path(path, "%s/%s", j->dir, ret->file));
    AL_TRY(al_file_publish(tmp, path));
    return AL_ERR_OK;
}

void label_job_name(const struct label_job *j, int i, char *ret, size_t n)
{
    const char *id = al_frame_info(j->frames->f[i], "frame_id");
    if (id) snprintf(ret, n, "%s", id);
    else snprintf(ret, n, "frame %d", i + 1);
}

static enum al_err write_frame(const char *path, const struct al_frame *f, const char *name)
{
    AL_OWN(al_frames) one = NULL;
    AL_OWN(al_frame) copy = NULL;
    if (al_exists(path)) return AL_ERR_OK; // its directory is named by its hash
    AL_TRY(al_frame_copy(f, &copy));
    copy->have = 0;
    AL_TRY(al_frame_info_set(copy, "frame_id", name));
    AL_TRY(al_frames_create(&one));
    AL_TRY(al_frames_push(one, &copy));
    AL_TRY(al_xyz_write(path, one));
    return AL_ERR_OK;
}

enum al_err label_job_task(const struct label_job *j, const struct label_settings *s, int i, bool cube, const char *name,
                           struct bag_task *ret)
{
    struct bag_task t = {.verb = "label", .elements = j->elements, .again_with = "failed", .ranks = j->ranks, .threads = j->cfg->resources.label.threads,
                         .alone = loop_config_label_external(j->cfg)};
    struct al_sha256 h;
    char frame[65], path[AL_PATH];
    al_frame_hash(j->frames->f[i], frame);
    al_sha256_init(&h);
    al_sha256_string(&h, s->hash);
    al_sha256_string(&h, frame);
    al_sha256_hex(&h, t.identity);
    snprintf(t.id, sizeof t.id, "frames/%.20s", t.identity);
    snprintf(t.name, sizeof t.name, "%s", name);
    snprintf(t.config, sizeof t.config, "%s", s->file);
    AL_TRY(al_path(path, "%s/%s", j->dir, t.id));
    AL_TRY(al_mkdirs(path));
    AL_TRY(al_path(path, "%s/%s/frame.extxyz", j->dir, t.id));
    AL_TRY(write_frame(path, j->frames->f[i], name));
    snprintf(path, sizeof path, "%s/frame.extxyz", t.id);
    bag_task_input(&t, "frames", path);
    bag_task_input(&t, "from", "0");
    bag_task_input(&t, "count", "1");
    if (cube) {
        bag_task_input(&t, "cube", "1");
        t.again_without = "density.cube";
    }
    *ret = t;
    return AL_ERR_OK;
}

struct front {
    struct display *display; // NULL: lines
    FILE *out;
    double started, last_line, lines;
    int done, total;
};

static void on_message(void *ctx, const char *text)
{
    struct front *f = ctx;
    if (f->display) {
        display_message(f->display, text);
        return;
    }
    fprintf(f->out, "[%8.1f s] %s\n", al_clock() - f->started, text);
    fflush(f->out);
}

static void on_tick(void *ctx, const struct status *s)
{
    struct front *f = ctx;
    char line[256];
    if (f->display) {
        display_status(f->display, s);
        return;
    }
    if (!(f->lines > 0) || !s->nrunning || al_clock() - f->last_line < f->lines || !(s->running[0].total > 0)) return;
    f->last_line = al_clock();
    snprintf(line, sizeof line, "%s %.0f of %.0f, %s", s->name, s->running[0].done, s->running[0].total, s->running[0].text);
    on_message(ctx, line);
}

static const char *failure(const struct bag_task *t)
{
    const char *reason = bag_fact(t, "reason");
    return reason ? reason : t->message;
}

static void on_ended(void *ctx, const struct bag_task *t, double seconds)
{
    struct front *f = ctx;
    char text[2 * AL_ERR_TEXT], time[32];
    f->done++;
    if (t->state == BAG_FAILED || bag_fact(t, "failed"))
        snprintf(text, sizeof text, "%d/%d %s FAILED: %s", f->done, f->total, t->name, failure(t));
    else if (t->before)
        snprintf(text, sizeof text, "%d/%d %s was finished before", f->done, f->total, t->name);
    else if (bag_fact(t, "scf_iterations"))
        snprintf(text, sizeof text, "%d/%d %s done (%s, %s SCF steps)", f->done, f->total, t->name,
                 cli_duration(seconds, time), bag_fact(t, "scf_iterations"));
    else
        snprintf(text, sizeof text, "%d/%d %s done (%s)", f->done, f->total, t->name, cli_duration(seconds, time));
    on_message(ctx, text);
}

static enum al_err run_unique(const struct label_job *j, const char *title, int n, struct bag_task *t)
{
    struct front f = {.out = j->json ? stderr : stdout, .started = al_clock(), .last_line = al_clock(), .lines = j->lines, .total = n};
    struct bag_observer o = {.ctx = &f, .message = on_message, .ended = on_ended, .tick = on_tick};
    struct bag_options b = {.dir = j->dir, .title = title, .worker = j->worker, .cores = j->cores,
                            .retries = j->cfg->resources.retries, .heartbeat = j->cfg->resources.heartbeat * 1e-15,
                            .observer = &o};
    if (!j->json && isatty(STDOUT_FILENO)) AL_TRY(display_create(&f.display));
    enum al_err e = bag_run(&b, n, t);
    display_destroy(&f.display);
    return e;
}

// The same frame at the same settings twice in the list is computed once; both entries share its result.
enum al_err label_job_run(const struct label_job *j, const char *title, int n, struct bag_task *t)
{
    AL_AUTOFREE int *first = NULL;
    AL_AUTOFREE struct bag_task *unique = NULL;
    int nunique = 0;
    AL_ALLOC(first, n);
    AL_ALLOC(unique, n);
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < nunique && strcmp(unique[k].id, t[i].id) != 0)
            k++;
        if (k == nunique) unique[nunique++] = t[i];
        first[i] = k;
    }
    enum al_err e = run_unique(j, title, nunique, unique);
    for (int i = 0; i < n; i++) {
        char name[sizeof t[i].name];
        memcpy(name, t[i].name, sizeof name);
        t[i] = unique[first[i]];
        memcpy(t[i].name, name, sizeof name);
        for (int k = 0; k < i; k++)
            if (first[k] == first[i]) t[i].result = NULL; // owned once
        if (!t[i].result && t[i].state == BAG_DONE && !e) e = task_result_read(j->dir, t[i].id, &t[i].result);
    }
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err label_job_result(const struct label_job *j, const struct bag_task *t, struct al_frame **ret)
{
    char path[AL_PATH];
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_path(path, "%s/%s/labelled.extxyz", j->dir, t->id));
    AL_TRY(al_xyz_read(path, &fs));
    if (fs->n != 1 || (fs->f[0]->have & (AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL)) !=
                          (AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL))
        AL_FAIL(AL_ERR_CORRUPT, "%s does not hold one labelled frame", path);
    *ret = fs->f[0];
    fs->f[0] = NULL;
    fs->n = 0;
    return AL_ERR_OK;
}

static const struct al_frame *largest(const struct al_frames *fs)
{
    const struct al_frame *best = fs->f[0];
    for (int i = 1; i < fs->n; i++)
        if (fs->f[i]->natoms * al_frame_volume(fs->f[i]) > best->natoms * al_frame_volume(best)) best = fs->f[i];
    return best;
}

enum al_err label_job_memory(const struct label_job *j, const struct label_settings *s, double *ret_bytes, double *ret_limit)
{
    AL_OWN(al_node) answer = NULL;
    AL_OWN(al_frames) one = NULL;
    AL_OWN(al_frame) f = NULL;
    char config[AL_PATH], frames[AL_PATH], ranks[16];
    AL_TRY(al_frame_copy(largest(j->frames), &f));
    AL_TRY(al_frames_create(&one));
    AL_TRY(al_frames_push(one, &f));
    AL_TRY(al_path(config, "%s/%s", j->dir, s->file));
    AL_TRY(al_path(frames, "%s/largest.extxyz", j->dir));
    AL_TRY(al_xyz_write(frames, one));
    snprintf(ranks, sizeof ranks, "%d", j->ranks > 0 ? j->ranks : 1);
    const char *argv[] = {"estimate", config, ranks, frames, j->elements, NULL};
    AL_TRY(worker_ask(j->worker, argv, &answer));
    const struct al_node *list = al_node_get(answer, "frames"), *first = list ? al_node_at(list, 0) : NULL;
    if (!first) AL_FAIL(AL_ERR_CORRUPT, "the worker's estimate has no frame");
    AL_TRY(al_node_need_double(first, "bytes", ret_bytes));
    AL_TRY(al_node_need_double(answer, "limit", ret_limit));
    return AL_ERR_OK;
}
