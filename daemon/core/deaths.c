// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/deaths.h"

#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "core/crash.h"

enum { SHELL_SIGNAL = 128, LAST_SIGNAL = 64 }; // mpirun ends with 128 + the signal that ended a rank

void death_reason(const struct exec_end *end, char *ret, size_t n)
{
    if (end->hung) snprintf(ret, n, "hung");
    else if (end->why[0]) snprintf(ret, n, "%s", end->why);
    else if (end->code == EXEC_UNKNOWN) snprintf(ret, n, "nobody saw how");
    else if (end->code < 0) snprintf(ret, n, "signal %d", -end->code);
    else if (end->code > SHELL_SIGNAL && end->code <= SHELL_SIGNAL + LAST_SIGNAL) snprintf(ret, n, "signal %d", end->code - SHELL_SIGNAL);
    else snprintf(ret, n, "exit code %d", end->code);
}

static void write_death(FILE *out, long frame, const char *name, const char *reason)
{
    fprintf(out, "  - {frame: %ld, name: ", frame);
    al_yaml_quote(out, name);
    fputs(", reason: ", out);
    al_yaml_quote(out, reason);
    fputs("}\n", out);
}

// The list with one more. It is ours: one that cannot be read any more is begun anew.
static enum al_err append(const char *path, const struct death *d, const char *reason, int *ret_count)
{
    AL_OWN(al_node) tree = NULL;
    struct al_outfile o;
    if (al_exists(path) && al_yaml_read(path, &tree) == AL_ERR_NOMEM) return AL_ERR_NOMEM;
    const struct al_node *list = tree ? al_node_get(tree, "deaths") : NULL;
    AL_TRY(al_outfile_open(path, &o));
    fputs("deaths:\n", o.out);
    *ret_count = 1;
    for (const struct al_node *n = list ? list->child : NULL; n; n = n->next) {
        long frame = al_node_int(n, "frame", -1);
        *ret_count += frame == d->frame;
        write_death(o.out, frame, al_node_str(n, "name", ""), al_node_str(n, "reason", ""));
    }
    write_death(o.out, d->frame, d->name, reason);
    crash_point();
    AL_TRY(al_outfile_publish(&o));
    crash_point();
    return AL_ERR_OK;
}

enum al_err death_record(const char *run, const char *task, const char *token, const char *reason, struct death *ret)
{
    char path[AL_PATH];
    AL_OWN(al_node) at = NULL;
    struct death d = {.frame = -1};
    *ret = d;
    AL_TRY(al_path(path, "%s/%s/at.yaml", run, task));
    if (!al_exists(path) || al_yaml_read(path, &at) != AL_ERR_OK) return AL_ERR_OK; // at no frame, or not known at which
    if (!token[0] || strcmp(al_node_str(at, "token", ""), token) != 0) return AL_ERR_OK; // of a start before this one
    d.frame = (int)al_node_int(at, "frame", -1);
    snprintf(d.name, sizeof d.name, "%s", al_node_str(at, "name", "?"));
    if (d.frame < 0) return AL_ERR_OK;
    AL_TRY(al_path(path, "%s/%s/deaths.yaml", run, task));
    AL_TRY(append(path, &d, reason, &d.count));
    *ret = d;
    return AL_ERR_OK;
}
