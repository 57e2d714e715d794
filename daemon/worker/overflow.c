// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/overflow.h"

#include "domain/domain.h"
#include "worker/domains.h"

static void describe(const struct overflow *o, char *ret, size_t n)
{
    snprintf(ret, n, "%d atom%s with more neighbours than the model's sel (%d %s, sel %d): the farthest are left out", o->atoms,
             o->atoms == 1 ? "" : "s", o->most, al_element_symbol(o->z), o->sel);
}

void overflow_look(struct task *t, const struct potential *p, struct overflow *o, long *seen)
{
    const struct dp_overflow *d = domain_is(p) ? domains_overflow(p) : dp_potential_overflow(p);
    if (!d || d->evaluations == *seen) return;
    bool first = !o->steps;
    o->steps += d->evaluations - *seen;
    *seen = d->evaluations;
    if (d->atoms > o->atoms) o->atoms = d->atoms;
    if (d->most - d->sel > o->most - o->sel) {
        o->most = d->most;
        o->sel = d->sel;
        o->z = d->z;
    }
    char text[160];
    describe(o, text, sizeof text);
    if (first) fprintf(stderr, "level=warn task=%s ev=sel msg=\"%s\"\n", t->id, text);
}

enum al_err overflow_facts(struct task *t, const struct overflow *o)
{
    char text[160];
    if (!o->steps) return AL_ERR_OK;
    describe(o, text, sizeof text);
    AL_TRY(task_fact_int(t, "sel_overflow", o->steps));
    AL_TRY(task_fact_text(t, "sel_overflow_text", text));
    return AL_ERR_OK;
}
