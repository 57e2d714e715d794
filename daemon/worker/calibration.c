// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static const char target_key[] = "# force_rmse wanted / eV/Ang: ";
static const char header[] = "frame_id,set,system,temperature_K,atoms,deviation_eV_per_Ang,max_force_error_eV_per_Ang,"
                             "force_rmse_eV_per_Ang,max_force_eV_per_Ang,energy_error_eV_per_atom";
enum { COLUMNS = 10 };

void calibration_list_destroy(struct calibration_list **l)
{
    if (*l) al_free((*l)->c);
    al_free(*l);
    *l = NULL;
}

enum al_err calibration_write(const char *path, const struct calibration_list *l)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out, "%s%.10g\n%s\n", target_key, l->target, header);
    for (int i = 0; i < l->n; i++) {
        const struct calibration *c = &l->c[i];
        fprintf(o.out, "%s,%s,%s,%g,%d,%.8g,%.8g,%.8g,%.8g,%.8g\n", c->id, c->test ? "test" : "new", c->system, c->temperature,
                c->natoms, c->deviation, c->error, c->rms, c->force, c->energy);
    }
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

// Cuts the line at its commas; false when it has not COLUMNS fields.
static bool fields(char *line, char *f[COLUMNS])
{
    int n = 0;
    for (char *p = line; p; n++) {
        char *comma = strchr(p, ',');
        if (comma) *comma = '\0';
        if (n < COLUMNS) f[n] = p;
        p = comma ? comma + 1 : NULL;
    }
    return n == COLUMNS;
}

static bool parse(char *line, struct calibration *c)
{
    char *f[COLUMNS];
    if (!fields(line, f)) return false;
    snprintf(c->id, sizeof c->id, "%s", f[0]);
    snprintf(c->system, sizeof c->system, "%s", f[2]);
    c->test = strcmp(f[1], "test") == 0;
    c->temperature = strtod(f[3], NULL);
    c->natoms = (int)strtol(f[4], NULL, 10);
    c->deviation = strtod(f[5], NULL);
    c->error = strtod(f[6], NULL);
    c->rms = strtod(f[7], NULL);
    c->force = strtod(f[8], NULL);
    c->energy = strtod(f[9], NULL);
    return c->natoms > 0;
}

enum al_err calibration_read(const char *path, struct calibration_list **ret)
{
    AL_OWN(calibration_list) l = NULL;
    AL_AUTOFREE char *text = NULL;
    AL_TRY(al_file_read(path, 0, &text, NULL));
    AL_ALLOC(l, 1);
    int cap = 0, row = 0;
    for (char *line = text, *next; line && *line; line = next, row++) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        if (row == 0 && strncmp(line, target_key, sizeof target_key - 1) == 0) {
            l->target = strtod(line + sizeof target_key - 1, NULL);
            continue;
        }
        if (row < 2) {
            if (row == 0 || strcmp(line, header) != 0) AL_FAIL(AL_ERR_CORRUPT, "%s is no calibration file", path);
            continue;
        }
        if (l->n == cap) {
            int more = cap ? 2 * cap : 64;
            AL_GROW(l->c, cap, more);
            cap = more;
        }
        if (!parse(line, &l->c[l->n])) AL_FAIL(AL_ERR_CORRUPT, "%s: line %d is no row of %d numbers", path, row + 1, COLUMNS);
        l->n++;
    }
    *ret = l;
    l = NULL;
    return AL_ERR_OK;
}

enum al_err calibration_of_task(const struct task *t, struct calibration_list **ret)
{
    AL_OWN(calibration_list) l = NULL;
    const char *path = al_node_str(t->inputs, "calibration", NULL);
    if (path) AL_TRY(calibration_read(path, &l));
    else AL_ALLOC(l, 1);
    *ret = l;
    l = NULL;
    return AL_ERR_OK;
}

enum al_err calibration_window(const struct cfg_select *c, const struct calibration_list *l, const char *system, double temperature,
                               struct window *ret)
{
    const struct trust_window given = {c->trust_low, c->trust_high};
    AL_TRY(window_fit(c->trust_auto ? l->n : 0, l->c, system, temperature, l->target, &given, ret));
    return AL_ERR_OK;
}
