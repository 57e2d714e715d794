// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/errors.h"

#include <math.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/rng.h"
#include "committee/bootstrap.h"
#include "committee/committee.h"

struct entry { // one frame
    enum error_set set;
    char system[64], temperature[16];
    int natoms;
    double de, dv;               // eV/atom; rms over the components of the virial error, eV/atom
    double f2;                   // sum of squared force errors over all components
    double f2_by_z[AL_ZMAX + 1]; // the same by element
    int n_by_z[AL_ZMAX + 1];     // atoms
    double deviation;
    char id[96];
    double emax, largest; // eV/Ang: largest force error of an atom; largest force of the label
};

struct errors {
    struct task *task;
    struct committee *committee;
    struct entry *e;
    int n, cap;
    FILE *energies, *forces; // parity tables, or NULL
    double up_to;            // K
    int left_out;            // frames that training has left out
};

static const char *const set_name[ERRORS_SETS] = {"train", "valid", "test", "new", "judged"};

enum al_err errors_create(const char *const *models, int n, struct task *t, struct errors **ret)
{
    AL_OWN(errors) x = NULL;
    AL_ALLOC(x, 1);
    x->task = t;
    x->up_to = t->cfg->converge.up_to > 0 ? t->cfg->converge.up_to : (double)INFINITY;
    AL_TRY(committee_open(models, n, DP_WAY_DOUBLE, &x->committee));
    *ret = x;
    x = NULL;
    return AL_ERR_OK;
}

void errors_destroy(struct errors **xp)
{
    struct errors *x = *xp;
    *xp = NULL;
    if (!x) return;
    committee_destroy(&x->committee);
    al_free(x->e);
    al_free(x);
}

static void fill(struct entry *e, const struct al_frame *f, const struct pot_result *m)
{
    e->natoms = f->natoms;
    e->de = (m->energy - f->energy) / f->natoms;
    e->largest = al_frame_largest_force(f);
    for (int i = 0; i < f->natoms; i++) {
        double s = 0;
        for (int c = 0; c < 3; c++) {
            double d = m->forces[i][c] - f->forces[i][c];
            s += d * d;
        }
        e->emax = fmax(e->emax, sqrt(s));
        e->f2 += s;
        e->f2_by_z[f->z[i]] += s;
        e->n_by_z[f->z[i]]++;
    }
    double v = 0;
    for (int k = 0; k < 9; k++) {
        double d = (m->virial[k / 3][k % 3] - f->virial[k / 3][k % 3]) / f->natoms;
        v += d * d / 9;
    }
    e->dv = f->have & AL_HAVE_VIRIAL ? sqrt(v) : (double)NAN;
}

void errors_parity(struct errors *x, FILE *energies, FILE *forces)
{
    x->energies = energies;
    x->forces = forces;
    fputs("frame_id,set,system,temperature_K,atoms,label_eV_per_atom,model_eV_per_atom\n", energies);
    fputs("frame_id,set,system,element,label_x_eV_per_Ang,label_y,label_z,model_x_eV_per_Ang,model_y,model_z\n", forces);
}

static void write_parity(const struct errors *x, const struct entry *e, const struct al_frame *f, const struct pot_result *m)
{
    fprintf(x->energies, "%s,%s,%s,%s,%d,%.9g,%.9g\n", e->id, set_name[e->set], e->system, e->temperature, f->natoms,
            f->energy / f->natoms, m->energy / f->natoms);
    for (int i = 0; i < f->natoms; i++)
        fprintf(x->forces, "%s,%s,%s,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n", e->id, set_name[e->set], e->system,
                al_element_symbol(f->z[i]), f->forces[i][0], f->forces[i][1], f->forces[i][2], m->forces[i][0], m->forces[i][1],
                m->forces[i][2]);
}

enum al_err errors_add(struct errors *x, enum error_set set, const struct al_frame *f)
{
    unsigned need = AL_HAVE_ENERGY | AL_HAVE_FORCES;
    if ((f->have & need) != need) AL_FAIL(AL_ERR_CORRUPT, "a frame has no energy or forces");
    double most = x->task->cfg->train.max_force;
    if (set == ERRORS_TRAIN && most > 0 && al_frame_largest_force(f) > most) {
        x->left_out++;
        return AL_ERR_OK;
    }
    struct deviation d = {0};
    AL_TRY(committee_eval(x->committee, f, &d, NULL));
    if (x->n == x->cap) {
        int cap = x->cap ? 2 * x->cap : 64;
        AL_GROW(x->e, x->n, cap);
        x->cap = cap;
    }
    struct entry *e = &x->e[x->n++];
    const char *system = al_frame_info(f, "system"), *temperature = al_frame_info(f, "temperature");
    memset(e, 0, sizeof *e);
    const char *id = al_frame_info(f, "frame_id");
    snprintf(e->id, sizeof e->id, "%s", id ? id : "");
    e->set = set;
    e->deviation = d.max_f;
    snprintf(e->system, sizeof e->system, "%s", system ? system : "");
    snprintf(e->temperature, sizeof e->temperature, "%s", temperature ? temperature : "");
    fill(e, f, committee_member(x->committee, 0));
    if (x->forces && (set == ERRORS_TEST || set == ERRORS_NEW)) write_parity(x, e, f, committee_member(x->committee, 0));
    if (x->n % 10 == 0) task_progress(x->task, x->n, 0, "%d frames evaluated", x->n);
    return AL_ERR_OK;
}

struct sums {
    double e2, f2, v2;
    long frames, nforce, nvirial;
};

static void add(struct sums *s, const struct entry *e, int z)
{
    s->frames++;
    s->e2 += e->de * e->de;
    s->f2 += z ? e->f2_by_z[z] : e->f2;
    s->nforce += 3L * (z ? e->n_by_z[z] : e->natoms);
    if (!isnan(e->dv)) {
        s->v2 += e->dv * e->dv;
        s->nvirial++;
    }
}

static double root(double sum, long n)
{
    return n ? sqrt(sum / (double)n) : (double)NAN;
}

// A frame of no known temperature is judged.
static bool is_in(const struct errors *x, const struct entry *e, enum error_set set)
{
    return set == ERRORS_JUDGED ? e->set == ERRORS_TEST && strtod(e->temperature, NULL) <= x->up_to : e->set == set;
}

enum al_err errors_row(const struct errors *x, enum error_set set, const char *group, const char *label, uint64_t seed,
                       struct error_row *ret)
{
    AL_AUTOFREE int *member = NULL;
    AL_AUTOFREE double *a = NULL; // [2][n]: energy, force; then their counts
    AL_ALLOC(member, x->n);
    AL_ALLOC(a, 4 * x->n);
    int z = strcmp(group, "element") == 0 ? al_element_z(label) : 0, n = 0;
    struct sums s = {0};
    for (int i = 0; i < x->n; i++) {
        const struct entry *e = &x->e[i];
        if (!is_in(x, e, set) || (strcmp(group, "system") == 0 && strcmp(e->system, label) != 0) ||
            (strcmp(group, "temperature") == 0 && strcmp(e->temperature, label) != 0) || (z && !e->n_by_z[z]))
            continue;
        member[n++] = i;
        add(&s, e, z);
    }
    struct error_row r = {.frames = n, .energy = z ? (double)NAN : root(s.e2, s.frames), .force = root(s.f2, s.nforce),
                          .virial = z ? (double)NAN : root(s.v2, s.nvirial), .energy_low = NAN, .energy_high = NAN,
                          .force_low = NAN, .force_high = NAN};
    struct al_rng rng;
    al_rng_stream(&rng, seed, "bootstrap", (uint64_t)set, (uint64_t)n, 0);
    for (int i = 0; i < n; i++) {
        struct sums one = {0};
        add(&one, &x->e[member[i]], z);
        a[i] = one.e2;
        a[n + i] = one.f2;
        a[2 * n + i] = (double)one.frames;
        a[3 * n + i] = (double)one.nforce;
    }
    if (n > 1) {
        double low[2], high[2];
        AL_TRY(bootstrap_rms(&rng, n, 2, a, a + 2 * n, low, high));
        r.energy_low = z ? (double)NAN : low[0];
        r.energy_high = z ? (double)NAN : high[0];
        r.force_low = low[1];
        r.force_high = high[1];
    }
    *ret = r;
    return AL_ERR_OK;
}

static void number(FILE *out, const char *key, double v)
{
    if (!isnan(v)) fprintf(out, ", %s: %.6g", key, v);
}

static enum al_err write_row(FILE *out, const struct errors *x, enum error_set set, const char *group, const char *label,
                             uint64_t seed)
{
    struct error_row r;
    AL_TRY(errors_row(x, set, group, label, seed, &r));
    if (!r.frames) return AL_ERR_OK;
    fprintf(out, "  - {set: %s, group: %s, label: ", set_name[set], group);
    al_yaml_quote(out, label);
    fprintf(out, ", frames: %d", r.frames);
    number(out, "energy_rmse", r.energy);
    number(out, "force_rmse", r.force);
    number(out, "virial_rmse", r.virial);
    number(out, "energy_rmse_low", r.energy_low);
    number(out, "energy_rmse_high", r.energy_high);
    number(out, "force_rmse_low", r.force_low);
    number(out, "force_rmse_high", r.force_high);
    fputs("}\n", out);
    return AL_ERR_OK;
}

enum al_err errors_write_table(FILE *out, const struct errors *x, const struct loop_config *cfg)
{
    if (x->left_out) fprintf(out, "train_left_out: {frames: %d, max_force: %.10g}\n", x->left_out, cfg->train.max_force);
    al_yaml_open(out, 0, "table");
    for (int set = 0; set < ERRORS_SETS; set++) {
        if (set == ERRORS_JUDGED && isinf(x->up_to)) continue; // as test
        AL_TRY(write_row(out, x, (enum error_set)set, "all", "all", cfg->seed));
        for (int s = 0; s < cfg->nsystems; s++)
            AL_TRY(write_row(out, x, (enum error_set)set, "system", cfg->system[s].name, cfg->seed));
        for (int k = 0; k < cfg->explore.temperatures.n; k++) {
            char label[32];
            snprintf(label, sizeof label, "%g", cfg->explore.temperatures.v[k]);
            AL_TRY(write_row(out, x, (enum error_set)set, "temperature", label, cfg->seed));
        }
        for (int z = 1; z <= AL_ZMAX; z++) {
            bool present = false;
            for (int i = 0; i < x->n && !present; i++)
                present = x->e[i].n_by_z[z] > 0;
            if (present) AL_TRY(write_row(out, x, (enum error_set)set, "element", al_element_symbol(z), cfg->seed));
        }
    }
    return AL_ERR_OK;
}

static int by_deviation(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    return ((*x)->deviation > (*y)->deviation) - ((*x)->deviation < (*y)->deviation);
}

enum al_err errors_write_calibration(FILE *out, const struct errors *x, int nbins)
{
    AL_AUTOFREE const struct entry **e = NULL;
    AL_ALLOC(e, x->n);
    int n = 0;
    for (int i = 0; i < x->n; i++)
        if (x->e[i].set == ERRORS_TEST || x->e[i].set == ERRORS_NEW) e[n++] = &x->e[i];
    if (!n) return AL_ERR_OK;
    qsort(e, (size_t)n, sizeof *e, by_deviation);
    al_yaml_open(out, 0, "calibration");
    for (int b = 0; b < nbins; b++) {
        int first = (int)((long)n * b / nbins), last = (int)((long)n * (b + 1) / nbins);
        if (first == last) continue;
        struct sums s = {0};
        double mean = 0;
        for (int i = first; i < last; i++) {
            add(&s, e[i], 0);
            mean += e[i]->deviation / (last - first);
        }
        fprintf(out, "  - {deviation_low: %.6g, deviation_high: %.6g, deviation: %.6g, frames: %d, force_rmse: %.6g}\n",
                e[first]->deviation, e[last - 1]->deviation, mean, last - first, root(s.f2, s.nforce));
    }
    return AL_ERR_OK;
}

enum al_err errors_add_file(struct errors *x, enum error_set set, const char *path)
{
    AL_OWN(al_frames) fs = NULL;
    if (!al_exists(path)) return AL_ERR_OK;
    AL_TRY(al_xyz_read(path, &fs));
    for (int i = 0; i < fs->n; i++)
        AL_TRY_MSG(errors_add(x, set, fs->f[i]), "evaluating %s", path);
    return AL_ERR_OK;
}

enum al_err errors_calibration(const struct errors *x, double target, struct calibration_list **ret)
{
    AL_OWN(calibration_list) l = NULL;
    AL_ALLOC(l, 1);
    AL_ALLOC(l->c, x->n);
    l->target = target;
    for (int i = 0; i < x->n; i++) {
        const struct entry *e = &x->e[i];
        if (e->set != ERRORS_TEST && e->set != ERRORS_NEW) continue;
        struct calibration *c = &l->c[l->n++];
        *c = (struct calibration){.temperature = strtod(e->temperature, NULL), .test = e->set == ERRORS_TEST, .natoms = e->natoms,
                                  .deviation = e->deviation, .error = e->emax, .rms = root(e->f2, 3L * e->natoms),
                                  .force = e->largest, .energy = e->de};
        memcpy(c->id, e->id, sizeof c->id);
        memcpy(c->system, e->system, sizeof c->system);
    }
    *ret = l;
    l = NULL;
    return AL_ERR_OK;
}
