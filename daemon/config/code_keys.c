// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/code_keys.h"

#include "config/loop_config.h"
#include "config/queue_keys.h"

enum al_err code_parse_launcher(const struct al_node *n, void *base)
{
    struct cfg_words *w = &((struct loop_config *)base)->label.launcher;
    AL_TRY(config_words(n, "launcher", "._+-/=:,@%", true, w));
    if (w->n && w->v[0][0] == '-') AL_TRY(al_node_error(n, "launcher: the first word is a program"));
    return AL_ERR_OK;
}

// Any text: these are arguments, no shell sees them.
enum al_err code_parse_command(const struct al_node *n, void *base)
{
    struct cfg_words *w = &((struct loop_config *)base)->label.command;
    AL_TRY(config_words(n, "command", NULL, true, w));
    if (w->n && w->v[0][0] == '-') AL_TRY(al_node_error(n, "command: the first word is a program"));
    return AL_ERR_OK;
}

static void hash(const struct cfg_words *w, struct al_sha256 *s)
{
    al_sha256_int(s, w->n);
    for (int i = 0; i < w->n; i++)
        al_sha256_string(s, w->v[i]);
}

void code_hash_launcher(const void *base, struct al_sha256 *s)
{
    hash(&((const struct loop_config *)base)->label.launcher, s);
}

void code_hash_command(const void *base, struct al_sha256 *s)
{
    hash(&((const struct loop_config *)base)->label.command, s);
}
