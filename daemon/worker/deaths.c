// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/deaths.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

enum al_err deaths_read(const struct task *t, struct al_node **ret)
{
    char path[AL_PATH];
    *ret = NULL;
    AL_TRY(task_path(t, path, "deaths.yaml"));
    if (al_exists(path)) AL_TRY(al_yaml_read(path, ret));
    return AL_ERR_OK;
}

int deaths_at(const struct al_node *deaths, long frame, char *ret_reason, size_t n)
{
    const struct al_node *list = deaths ? al_node_get(deaths, "deaths") : NULL;
    int count = 0;
    for (const struct al_node *d = list ? list->child : NULL; d; d = d->next) {
        if (al_node_int(d, "frame", -1) != frame) continue;
        snprintf(ret_reason, n, "%s", al_node_str(d, "reason", "?"));
        count++;
    }
    return count;
}

// The number behind "NAME:" of a variable, when it names this frame.
static long hook(const char *variable, const char *name, const char **ret_rest)
{
    const char *text = getenv(variable);
    char *end;
    size_t n = strlen(name);
    if (!text || strncmp(text, name, n) != 0 || text[n] != ':') return -1;
    long value = strtol(text + n + 1, &end, 10);
    if (ret_rest) *ret_rest = end;
    return value;
}

// ALND_SLOW_FRAME=NAME:MILLISECONDS (less where TASKDIR/go appears), ALND_CRASH_FRAME=NAME:SIGNAL[:N] (at its first N starts; always).
static void test_hooks(const struct task *t, const char *name, int deaths)
{
    const char *rest = "";
    if (hook("ALND_CRASH_FRAME", t->id, NULL) > 0) name = t->id; // a trajectory
    long ms = hook("ALND_SLOW_FRAME", name, NULL), signal_number = hook("ALND_CRASH_FRAME", name, &rest);
    char go[AL_PATH];
    if (task_path(t, go, "go") != AL_ERR_OK) return;
    for (; ms > 0 && !al_exists(go) && !task_should_stop((void *)(uintptr_t)t); ms -= 20)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    if (signal_number > 0 && (rest[0] != ':' || deaths < strtol(rest + 1, NULL, 10))) kill(getpid(), (int)signal_number);
}

enum al_err deaths_begin(const struct task *t, long frame, const char *name, int deaths)
{
    const char *token = getenv("ALND_TOKEN");
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(task_path(t, path, "at.yaml"));
    AL_TRY(al_outfile_open(path, &o));
    al_yaml_str(o.out, 0, "token", token ? token : "");
    al_yaml_int(o.out, 0, "frame", frame);
    al_yaml_str(o.out, 0, "name", name);
    AL_TRY(al_outfile_publish(&o));
    test_hooks(t, name, deaths);
    return AL_ERR_OK;
}

enum al_err deaths_begin_trajectory(const struct task *t, const char *checkpoint, char room[160], const char **ret)
{
    AL_OWN(al_node) list = NULL;
    char how[AL_ERR_TEXT] = "", sha[65] = "";
    long place = 0;
    *ret = NULL;
    if (al_exists(checkpoint)) {
        AL_TRY(al_sha256_file(checkpoint, sha));
        sha[7] = '\0';
        place = strtol(sha, NULL, 16);
    }
    AL_TRY(deaths_read(t, &list));
    int deaths = deaths_at(list, place, how, sizeof how);
    if (deaths >= t->cfg->resources.label_deaths) {
        snprintf(room, 160, "its worker died %d times (%.80s) at this place", deaths, how);
        *ret = room;
        return AL_ERR_OK;
    }
    AL_TRY(deaths_begin(t, place, al_exists(checkpoint) ? "its last checkpoint" : "its beginning", deaths));
    return AL_ERR_OK;
}

void deaths_over(const struct task *t)
{
    char path[AL_PATH];
    if (task_path(t, path, "at.yaml") == AL_ERR_OK) (void)remove(path);
}
