// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/task.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

enum al_err task_open(const char *path, struct task **ret)
{
    AL_OWN(task) t = NULL;
    const char *config;
    AL_ALLOC(t, 1);
    AL_TRY(al_yaml_read(path, &t->node));
    AL_TRY(al_node_need_str(t->node, "verb", &t->verb));
    AL_TRY(al_node_need_str(t->node, "task", &t->id));
    AL_TRY(al_node_need_str(t->node, "identity", &t->identity));
    AL_TRY(al_node_need_str(t->node, "config", &config));
    t->inputs = al_node_get(t->node, "inputs");
    t->system = al_node_str(t->node, "system", "");
    t->purpose = al_node_str(t->node, "purpose", "");
    t->iteration = (int)al_node_int(t->node, "iteration", -1);
    t->index = (int)al_node_int(t->node, "index", 0);
    t->threads = (int)al_node_int(t->node, "threads", 1);
    t->temperature = al_node_double(t->node, "temperature", 0);
    const char *elements = al_node_str(t->node, "elements", NULL);
    if (elements) { // an engine used by hand: settings without systems
        AL_TRY(loop_config_read_engine(config, &t->cfg));
        AL_TRY(loop_config_set_elements(t->cfg, elements));
    } else {
        AL_TRY(loop_config_read(config, &t->cfg));
    }
    AL_TRY(loop_config_use_inputs(t->cfg, "."));
    t->isystem = -1;
    for (int i = 0; i < t->cfg->nsystems; i++)
        if (strcmp(t->cfg->system[i].name, t->system) == 0) {
            t->sys = &t->cfg->system[i];
            t->isystem = i;
        }
    if (t->system[0] && !t->sys) AL_FAIL(AL_ERR_CORRUPT, "%s: system '%s' is not in %s", path, t->system, config);
    *ret = t;
    t = NULL;
    return AL_ERR_OK;
}

void task_destroy(struct task **tp)
{
    struct task *t = *tp;
    *tp = NULL;
    if (!t) return;
    for (int i = 0; i < t->nfacts; i++) {
        al_free(t->fact[i].key);
        al_free(t->fact[i].value);
    }
    for (int i = 0; i < t->nartifacts; i++)
        al_free(t->artifact[i]);
    loop_config_destroy(&t->cfg);
    al_node_destroy(&t->node);
    al_free(t);
}

enum al_err task_input(const struct task *t, const char *key, const char **ret)
{
    const struct al_node *map = t->inputs ? t->inputs : t->node;
    AL_TRY(al_node_need_str(map, key, ret));
    return AL_ERR_OK;
}

enum al_err task_input_int(const struct task *t, const char *key, long *ret)
{
    const struct al_node *map = t->inputs ? t->inputs : t->node;
    AL_TRY(al_node_need_int(map, key, ret));
    return AL_ERR_OK;
}

enum al_err task_input_list(const struct task *t, const char *key, const char ***ret, int *ret_n)
{
    const struct al_node *list = al_node_get(t->inputs, key);
    const char **v;
    int n = 0;
    if (!list || list->kind != AL_NODE_LIST) AL_FAIL(AL_ERR_CORRUPT, "%s: input '%s' is not a list", t->id, key);
    AL_ALLOC(v, list->nchild + 1);
    for (const struct al_node *c = list->child; c; c = c->next)
        if (c->kind == AL_NODE_SCALAR) v[n++] = c->text;
    *ret = v;
    *ret_n = n;
    return AL_ERR_OK;
}

enum al_err task_path(const struct task *t, char ret[AL_PATH], const char *name)
{
    AL_TRY(al_path(ret, "%s/%s", t->id, name));
    return AL_ERR_OK;
}

enum al_err task_fact_text(struct task *t, const char *key, const char *value)
{
    if (t->nfacts == TASK_MAX_FACTS) AL_FAIL(AL_ERR_BUG, "more than %d facts", TASK_MAX_FACTS);
    AL_TRY(al_strdup(key, &t->fact[t->nfacts].key));
    AL_TRY(al_strdup(value, &t->fact[t->nfacts].value));
    t->nfacts++;
    return AL_ERR_OK;
}

enum al_err task_fact_int(struct task *t, const char *key, long value)
{
    char text[32];
    snprintf(text, sizeof text, "%ld", value);
    AL_TRY(task_fact_text(t, key, text));
    return AL_ERR_OK;
}

enum al_err task_fact_real(struct task *t, const char *key, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.10g", value);
    AL_TRY(task_fact_text(t, key, value != value ? ".nan" : text));
    return AL_ERR_OK;
}

enum al_err task_artifact(struct task *t, const char *path)
{
    if (t->nartifacts == TASK_MAX_ARTIFACTS) AL_FAIL(AL_ERR_BUG, "more than %d artefacts", TASK_MAX_ARTIFACTS);
    AL_TRY(al_strdup(path, &t->artifact[t->nartifacts]));
    t->nartifacts++;
    return AL_ERR_OK;
}

enum al_err task_finish(struct task *t, enum al_err err)
{
    char path[AL_PATH], hex[65], message[AL_ERR_TEXT], hint[AL_ERR_TEXT];
    snprintf(message, sizeof message, "%s", al_err_message());
    snprintf(hint, sizeof hint, "%s", al_err_hint_text());
    if (t->quiet) return AL_ERR_OK;
    struct al_outfile o;
    AL_TRY(task_path(t, path, "result.yaml"));
    AL_TRY(al_outfile_open(path, &o));
    al_yaml_int(o.out, 0, "format", 2);
    al_yaml_str(o.out, 0, "task", t->id);
    al_yaml_str(o.out, 0, "identity", t->identity);
    al_yaml_str(o.out, 0, "status", err ? "failed" : "done");
    if (err) {
        al_yaml_open(o.out, 0, "error");
        al_yaml_str(o.out, 1, "code", al_err_name(err));
        al_yaml_str(o.out, 1, "message", message);
        al_yaml_str(o.out, 1, "hint", hint);
    }
    if (t->nfacts) al_yaml_open(o.out, 0, "facts");
    for (int i = 0; i < t->nfacts; i++)
        al_yaml_str(o.out, 1, t->fact[i].key, t->fact[i].value);
    if (!err && t->nartifacts) al_yaml_open(o.out, 0, "artifacts");
    for (int i = 0; i < t->nartifacts && !err; i++) {
        enum al_err e = al_sha256_file(t->artifact[i], hex);
        if (e) al_outfile_drop(&o);
        AL_TRY(e);
        fputs("  - {path: ", o.out);
        al_yaml_quote(o.out, t->artifact[i]);
        fprintf(o.out, ", sha256: %s}\n", hex);
    }
    al_yaml_str(o.out, 0, "end", "true"); // what is cut off lacks it
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

void task_progress(struct task *t, long done, long total, const char *fmt, ...)
{
    static double last;
    if (t->quiet) return;
    double s = al_clock();
    if (last > 0 && s - last < 1.0 && done != total) return;
    last = s;
    char path[AL_PATH], tmp[AL_PATH];
    if (snprintf(path, sizeof path, "%s/progress", t->id) >= AL_PATH) return;
    if (snprintf(tmp, sizeof tmp, "%s/progress.tmp", t->id) >= AL_PATH) return;
    FILE *out = fopen(tmp, "we");
    if (!out) return; // progress is a courtesy: a full disk shows where results are written
    fprintf(out, "done=%ld total=%ld text=", done, total);
    va_list ap;
    va_start(ap, fmt);
    vfprintf(out, fmt, ap);
    va_end(ap);
    fputc('\n', out);
    if (fclose(out) == 0 && rename(tmp, path) != 0) unlink(tmp);
}

static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
    (void)sig;
    stop_signal = 1;
}

void task_catch_signals(void)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&a.sa_mask);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGINT, &a, NULL);
}

void task_time_left(double seconds, char ret[32])
{
    long n = (long)(seconds + 0.5);
    if (n < 120) snprintf(ret, 32, "%ld s", n);
    else if (n < 7200) snprintf(ret, 32, "%ld min", n / 60);
    else snprintf(ret, 32, "%ld h %02ld min", n / 3600, n / 60 % 60);
}

bool task_should_stop(void *task)
{
    const struct task *t = task;
    static double last = -1;
    if (stop_signal) return true;
    double now = floor(al_clock());
    if (now == last) return false; // look at the file once a second
    last = now;
    char path[AL_PATH];
    return snprintf(path, sizeof path, "%s/stop", t->id) < AL_PATH && al_exists(path);
}

static void *heartbeat(void *arg)
{
    char *path = arg;
    for (;;) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd >= 0) {
            futimens(fd, NULL);
            close(fd);
        }
        sleep(2);
    }
    return NULL;
}

enum al_err task_heartbeat_start(const struct task *t)
{
    static char path[AL_PATH]; // lives as long as the thread, which lives as long as the process
    pthread_t thread;
    AL_TRY(task_path(t, path, "heartbeat"));
    int rc = pthread_create(&thread, NULL, heartbeat, path);
    if (rc) AL_FAIL(AL_ERR_NOMEM, "cannot start the heartbeat thread: %s", strerror(rc));
    pthread_detach(thread);
    return AL_ERR_OK;
}

const char *task_note(const struct task *t)
{
    return t->cfg->demonstration ? "DEMONSTRATION: settings far too small for physics, numbers mean nothing" : NULL;
}
