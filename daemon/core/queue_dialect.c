// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/queue_dialect.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void queue_arg(struct queue_args *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(a->text + a->used, sizeof a->text - (size_t)a->used, fmt, ap);
    va_end(ap);
    if (a->n == QUEUE_ARGS - 1 || n < 0 || a->used + n + 1 >= (int)sizeof a->text) {
        a->full = true;
        return;
    }
    a->v[a->n++] = a->text + a->used;
    a->v[a->n] = NULL;
    a->used += n + 1;
}

const struct queue_dialect *queue_dialect_of(enum cfg_queue_system q)
{
    static const struct queue_dialect *const all[] = {[CFG_SLURM] = &queue_slurm, [CFG_PBS] = &queue_pbs, [CFG_LSF] = &queue_lsf,
                                                      [CFG_FLUX] = &queue_flux};
    return q == CFG_NQUEUES ? NULL : all[q];
}

long queue_number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    return end > text && n > 0 ? n : 0;
}

bool queue_says(const char *text, const char *const *signs)
{
    for (int i = 0; signs[i]; i++)
        if (strstr(text, signs[i])) return true;
    return false;
}

bool queue_answered(const struct batch_answer *a)
{
    return a->code == 0;
}

enum queue_state queue_state_of(const char *word, int n, const struct queue_word *known)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word, known[i].word) == 0) return known[i].state;
    return QUEUE_HELD_UP;
}

void queue_read_lines(char *out, void (*line)(char *text, queue_each *each, void *ctx), queue_each *each, void *ctx)
{
    char *save = NULL;
    for (char *text = strtok_r(out, "\n", &save); text; text = strtok_r(NULL, "\n", &save))
        line(text, each, ctx);
}

int queue_array_1000(int ranks)
{
    (void)ranks;
    return 1000;
}
