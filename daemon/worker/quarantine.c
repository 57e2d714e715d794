// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/quarantine.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { KINDS = 32, QUARANTINE_RUN = 100 /* longest path that three times leaves room in a hint */ };

struct kind {
    int n;
    char same[AL_ERR_TEXT + 32]; // the reason with every number as #
    char reason[AL_ERR_TEXT];
    char frame[128], task[256];
};

static void without_numbers(const char *text, char *ret, size_t size)
{
    size_t k = 0;
    for (const char *p = text; *p && k + 1 < size;) {
        if (!isdigit((unsigned char)*p)) {
            ret[k++] = *p++;
            continue;
        }
        ret[k++] = '#';
        while (isdigit((unsigned char)*p) || ((*p == '.' || *p == '-' || *p == '+' || *p == 'e') && isdigit((unsigned char)p[1])) ||
               (*p == 'e' && (p[1] == '-' || p[1] == '+')))
            p++;
    }
    ret[k] = '\0';
}

// What is left over when all kinds are taken counts with the last one's number only.
static void add_failure(struct kind *kinds, int *n, const struct al_frame *f, const char *task)
{
    const char *code = al_frame_info(f, "failed"), *reason = al_frame_info(f, "reason"), *id = al_frame_info(f, "frame_id");
    char text[AL_ERR_TEXT], same[AL_ERR_TEXT];
    snprintf(text, sizeof text, "%.30s: %.400s", code ? code : "?", reason && reason[0] ? reason : "no reason was given");
    without_numbers(text, same, sizeof same);
    for (int i = 0; i < *n; i++)
        if (strcmp(kinds[i].same, same) == 0) {
            kinds[i].n++;
            return;
        }
    if (*n == KINDS) return;
    struct kind *k = &kinds[(*n)++];
    k->n = 1;
    snprintf(k->same, sizeof k->same, "%s", same);
    snprintf(k->reason, sizeof k->reason, "%s", text);
    snprintf(k->frame, sizeof k->frame, "%s", id ? id : "?");
    snprintf(k->task, sizeof k->task, "%s", task);
}

enum al_err quarantine_count(const char *const *ids, int n, struct quarantine *ret)
{
    AL_AUTOFREE struct kind *kinds = NULL;
    struct quarantine q = {0};
    int nkinds = 0;
    AL_ALLOC(kinds, KINDS);
    for (int i = 0; i < n; i++) {
        AL_OWN(al_frames) good = NULL;
        AL_OWN(al_frames) bad = NULL;
        char path[AL_PATH];
        if (!strstr(ids[i], "/label/")) continue;
        AL_TRY(al_path(path, "%s/labelled.extxyz", ids[i]));
        AL_TRY(al_xyz_read(path, &good));
        q.nframes += good->n;
        AL_TRY(al_path(path, "%s/failed.extxyz", ids[i]));
        if (!al_exists(path)) continue;
        AL_TRY(al_xyz_read(path, &bad));
        q.nframes += bad->n;
        q.nfailed += bad->n;
        for (int k = 0; k < bad->n; k++)
            add_failure(kinds, &nkinds, bad->f[k], ids[i]);
    }
    for (int i = 0; i < nkinds; i++) {
        if (kinds[i].n <= q.ncommon) continue;
        q.ncommon = kinds[i].n;
        snprintf(q.reason, sizeof q.reason, "%s", kinds[i].reason);
        snprintf(q.frame, sizeof q.frame, "%s", kinds[i].frame);
        snprintf(q.task, sizeof q.task, "%s", kinds[i].task);
    }
    *ret = q;
    return AL_ERR_OK;
}

enum al_err quarantine_judge(const struct quarantine *q, double max_failed)
{
    char run[QUARANTINE_RUN];
    if (q->nfailed < QUARANTINE_LEAST || q->nfailed <= max_failed * q->nframes) return AL_ERR_OK;
    if (!getcwd(run, sizeof run)) snprintf(run, sizeof run, "RUN"); // too long for a hint
    al_err_raise(AL_ERR_NOTCONV, __FILE__, __LINE__, __func__,
                 "%d of %d frames could not be labelled (label.max_failed is %g %%); %d of them: %.240s (%s)", q->nfailed, q->nframes,
                 100 * max_failed, q->ncommon, q->reason, q->frame);
    al_err_hint("one of them: alnd why %s %s, its log: less %s/%s/worker.log; alnd errors %s shows all. Mend the cause (settings of label "
                "need a new workdir), or raise label.max_failed, then alnd start goes on", run, q->frame, run, q->task, run);
    return AL_ERR_NOTCONV;
}
