// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "deepmd/deepmd.h"

enum column { STEP, LOSS, E, F, V, VAL_E, VAL_F, VAL_V, LR, NCOLUMNS, MAX_FIELDS = 16, LINE = 512 };
static const char *const column_name[NCOLUMNS] = {"step",       "rmse_trn",   "rmse_e_trn", "rmse_f_trn", "rmse_v_trn",
                                                  "rmse_e_val", "rmse_f_val", "rmse_v_val", "lr"};

struct dpkit_curve {
    char *from, *to;
    FILE *in, *out;
    long at;              // byte of `from` behind the last whole line
    int field[NCOLUMNS];  // of the column in a row; -1: absent
    bool header, headed;  // header: the columns are known; headed: ours has them
    long last;            // step; -1
};

static void learn_columns(struct dpkit_curve *c, const char *line)
{
    char text[LINE], *save = NULL;
    int n = 0;
    snprintf(text, sizeof text, "%s", line + 1);
    for (int k = 0; k < NCOLUMNS; k++)
        c->field[k] = -1;
    for (char *w = strtok_r(text, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save), n++)
        for (int k = 0; k < NCOLUMNS; k++)
            if (strcmp(w, column_name[k]) == 0) c->field[k] = n;
    c->header = c->field[STEP] == 0 && c->field[LOSS] > 0 && c->field[LR] > 0;
}

static enum al_err read_row(const struct dpkit_curve *c, const char *line, struct train_progress *ret)
{
    double v[MAX_FIELDS];
    int n = 0;
    const char *p = line;
    for (char *end; n < MAX_FIELDS; p = end, n++) {
        v[n] = strtod(p, &end);
        if (end == p) break;
    }
    double x[NCOLUMNS];
    for (int k = 0; k < NCOLUMNS; k++)
        x[k] = c->field[k] >= 0 && c->field[k] < n ? v[c->field[k]] : (double)NAN;
    if (!c->header || c->field[LR] >= n || !(x[STEP] >= 0))
        AL_FAIL(AL_ERR_CORRUPT, "%s: cannot read the row '%.100s'", c->from, line);
    *ret = (struct train_progress){.step = (long)x[STEP], .lr = x[LR], .loss = x[LOSS] * x[LOSS], .rmse_e = x[E], .rmse_f = x[F],
                                   .rmse_v = x[V], .val_rmse_e = x[VAL_E], .val_rmse_f = x[VAL_F], .val_rmse_v = x[VAL_V]};
    return AL_ERR_OK;
}

enum al_err dpkit_curve_open(const char *from, const char *to, struct dpkit_curve **ret)
{
    AL_OWN(dpkit_curve) c = NULL;
    AL_ALLOC(c, 1);
    c->last = -1;
    AL_TRY(al_strdup(from, &c->from));
    AL_TRY(al_strdup(to, &c->to));
    c->out = fopen(to, "we");
    if (!c->out) AL_FAIL(al_err_from_errno(errno), "cannot write %s: %s", to, strerror(errno));
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

void dpkit_curve_destroy(struct dpkit_curve **cp)
{
    struct dpkit_curve *c = *cp;
    if (!c) return;
    if (c->in) fclose(c->in);
    if (c->out) fclose(c->out);
    al_free(c->from);
    al_free(c->to);
    al_free(c);
    *cp = NULL;
}

// One whole line from c->at on; false: there is none yet.
static bool next_line(struct dpkit_curve *c, char line[LINE])
{
    if (!c->in && !(c->in = fopen(c->from, "re"))) return false;
    clearerr(c->in);
    if (fseek(c->in, c->at, SEEK_SET) != 0 || !fgets(line, LINE, c->in)) return false;
    size_t n = strlen(line);
    if (!n || line[n - 1] != '\n') return false;
    c->at += (long)n;
    return true;
}

enum al_err dpkit_curve_next(struct dpkit_curve *c, struct train_progress *ret, bool *ret_any)
{
    char line[LINE];
    *ret_any = false;
    while (next_line(c, line)) {
        struct train_progress p;
        if (line[0] == '#') {
            if (strncmp(line, "# step", 6) == 0) learn_columns(c, line);
            if (!c->headed) fputs(line, c->out);
            continue;
        }
        c->headed = true;
        AL_TRY(read_row(c, line, &p));
        if (p.step <= c->last) continue;
        c->last = p.step;
        fputs(line, c->out);
        fflush(c->out);
        *ret = p;
        *ret_any = true;
        return AL_ERR_OK;
    }
    return AL_ERR_OK;
}

enum al_err dpkit_curve_publish(struct dpkit_curve *c)
{
    if (ferror(c->out) || fflush(c->out) || fsync(fileno(c->out)))
        AL_FAIL(al_err_from_errno(errno), "cannot write %s: %s", c->to, strerror(errno));
    return AL_ERR_OK;
}

enum al_err dpkit_curve_cut(const char *path, long step)
{
    AL_AUTOFREE char *text = NULL;
    size_t keep = 0;
    if (!al_exists(path)) return AL_ERR_OK;
    AL_TRY(al_file_read(path, 0, &text, NULL));
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (line[0] != '#' && strtol(line, NULL, 10) >= step) break;
        keep = (size_t)(end + 1 - text);
    }
    AL_TRY(al_file_write(path, text, keep));
    return AL_ERR_OK;
}
