// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What differs between the loop.yaml that a run works with and the one that it is started with, key by key.
#include "core/rundir_diff.h"

#include <stdarg.h>
#include <string.h>

#include "config/loop_keys.h"

// One pass over the keys of a map of the file.
struct pass {
    struct rundir_diff *d;
    const char *only, *above; // section wanted or NULL; "systems.A." or ""
    bool physics;             // keys that change numbers, or the others
    const struct al_node *old, *now;
};

static bool in_section(const char *path, const char *section)
{
    size_t n = strlen(section);
    return strncmp(path, section, n) == 0 && (path[n] == '.' || path[n] == '\0');
}

[[gnu::format(printf, 2, 3)]] static void add(struct rundir_diff *d, const char *fmt, ...)
{
    char item[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(item, sizeof item, fmt, ap);
    va_end(ap);
    size_t have = strlen(d->text);
    if (have + strlen(item) + 24 < sizeof d->text)
        snprintf(d->text + have, sizeof d->text - have, "%s%s", d->n ? ", " : "", item);
    else
        d->left++;
    d->n++;
}

static void one_key(void *ctx, const struct schema_key *k)
{
    const struct pass *p = ctx;
    char old[64], now[64];
    if (!!(k->flags & KEY_PHYSICS) != p->physics) return;
    if (p->only && !p->above[0] && !in_section(k->path, p->only)) return;
    (void)schema_text(k, p->old, old, sizeof old);
    int line = schema_text(k, p->now, now, sizeof now);
    if (k->type == KEY_PATH && strcmp(old, now) == 0) return; // relative to two places
    if (line)
        add(p->d, "%s%s from %s to %s (line %d)", p->above, k->path, old, now, line);
    else
        add(p->d, "%s%s from %s to %s", p->above, k->path, old, now);
}

static void diff_systems(struct rundir_diff *d, bool physics, const struct loop_config *old, const struct loop_config *now)
{
    if (old->nsystems != now->nsystems) {
        if (physics) add(d, "%d systems, now %d", old->nsystems, now->nsystems);
        return;
    }
    for (int i = 0; i < now->nsystems; i++) {
        char above[80];
        snprintf(above, sizeof above, "systems.%.60s.", old->system[i].name);
        struct pass p = {.d = d, .above = above, .physics = physics, .old = old->system[i].node, .now = now->system[i].node};
        schema_diff(system_keys, system_nkeys, &old->system[i], &now->system[i], one_key, &p);
    }
}

void rundir_diff(const char *section, bool physics, const struct loop_config *old, const struct loop_config *now,
                 struct rundir_diff *d)
{
    struct pass p = {.d = d, .only = section, .above = "", .physics = physics, .old = old->tree, .now = now->tree};
    if (section && strcmp(section, "systems") == 0)
        diff_systems(d, physics, old, now);
    else
        schema_diff(loop_keys, loop_nkeys, old, now, one_key, &p);
    if (!section) diff_systems(d, physics, old, now);
}

void rundir_diff_end(struct rundir_diff *d)
{
    size_t have = strlen(d->text);
    if (d->left) snprintf(d->text + have, sizeof d->text - have, " and %d more", d->left);
}
