// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb diffusion: anybody's trajectories (`alnd diffusion`). Input run: run.yaml (written by cli/cmd_diffusion.c). Files of one system
// and one temperature are replicas; files of several temperatures give an Arrhenius fit (a temperature that neither the user nor the file
// tells is taken from what production or `alnd md` has written beside it); with compare, several sizes of the cell are
// analysed each for itself and compared. Writes diffusion.yaml, msd-LABEL.csv, elements-LABEL.csv, msd.svg, msd-loglog.svg, arrhenius.svg into the working
// directory, and the structure of each point into structure-LABEL/ (worker/structure.h).
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/units.h"
#include "worker/transport.h"

enum { MAX_FILES = 256 };
#define SAME_TEMPERATURE 0.04 // mean temperatures of replicas differ by less, those of a series by more

struct input {
    const char *path[MAX_FILES];
    double temperature[MAX_FILES]; // K, NaN: as the file says
    int n, ntemperatures;
    struct tr_load load;
    bool compare, structure;
};

struct work {
    struct task *task;
    struct input in;
    struct transport t;
    struct transport_point p[TRANSPORT_POINTS];
    int file; // being read
    int nunknown;              // files whose temperature nothing tells
    char system[64];           // of the first file that lies in a production directory
};

static void work_destroy(struct work **wp)
{
    struct work *w = *wp;
    *wp = NULL;
    if (!w) return;
    for (int i = 0; i < w->t.n; i++)
        transport_point_clear(&w->p[i]);
    al_free(w);
}

static enum al_err read_list(const struct al_node *run, const char *key, int most, const struct al_node **ret)
{
    const struct al_node *list = al_node_get(run, key);
    if (!list || list->kind != AL_NODE_LIST || list->nchild > most) AL_FAIL(AL_ERR_CORRUPT, "run.yaml: %s is not a list of at most %d", key, most);
    *ret = list->child;
    return AL_ERR_OK;
}

static enum al_err read_input(const struct al_node *run, struct work *w)
{
    struct input *in = &w->in;
    const struct al_node *c;
    const char *species, *text;
    bool keep[AL_ZMAX + 1];
    AL_TRY(read_list(run, "files", MAX_FILES, &c));
    for (; c; c = c->next)
        in->path[in->n++] = c->text;
    AL_TRY(read_list(run, "temperatures", MAX_FILES, &c));
    for (; c; c = c->next)
        in->temperature[in->ntemperatures++] = strtod(c->text, NULL);
    for (int i = in->ntemperatures; i < in->n; i++)
        in->temperature[i] = in->ntemperatures ? in->temperature[0] : (double)NAN;
    AL_TRY(read_list(run, "types", AL_TRAJ_TYPES, &c));
    for (; c; c = c->next)
        in->load.file.type_z[in->load.file.ntypes++] = al_element_z(c->text);
    AL_TRY(al_node_need_double(run, "timestep_fs", &in->load.file.timestep));
    AL_TRY(al_node_need_double(run, "dt_fs", &in->load.dt));
    AL_TRY(al_node_need_double(run, "skip_fs", &in->load.skip));
    AL_TRY(al_node_need_double(run, "charge", &w->t.charge));
    AL_TRY(al_node_need_double(run, "jump_ang", &w->t.options.jump));
    AL_TRY(al_node_need_str(run, "species", &species));
    in->structure = strcmp(al_node_str(run, "structure", "true"), "true") == 0;
    in->compare = strcmp(al_node_str(run, "compare", ""), "true") == 0;
    AL_TRY(tr_elements(species, keep));
    for (int z = 1; z <= AL_ZMAX; z++)
        if (keep[z]) w->t.options.mobile_z = z;
    text = al_node_str(run, "framework", "");
    if (text[0]) AL_TRY(tr_elements(text, w->t.options.framework));
    return AL_ERR_OK;
}

// ---- reading and sorting into points -----------------------------------------------------------------------

static bool on_reading(void *ctx, double share, long frames)
{
    struct work *w = ctx;
    task_progress(w->task, (long)(1000 * ((double)w->file + share)), 1000L * w->in.n, "reading file %d of %d, frame %ld", w->file + 1, w->in.n, frames);
    return task_should_stop(w->task);
}

static bool belongs(const struct work *w, const struct transport_point *p, const struct tr_traj *t, double temperature)
{
    bool known = isfinite(temperature) && isfinite(p->temperature);
    if (w->in.compare && memcmp(t->all, p->run[0]->all, sizeof t->all) != 0) return false;
    return known ? fabs(temperature - p->temperature) <= SAME_TEMPERATURE * p->temperature : isfinite(temperature) == isfinite(p->temperature);
}

static enum al_err same_system(const struct work *w, const struct tr_traj *t)
{
    for (int z = 1; z <= AL_ZMAX; z++)
        if ((w->t.options.framework[z] || z == w->t.options.mobile_z) && !t->all[z])
            AL_FAIL_HINT(AL_ERR_INPUT, "--species and --framework name elements of the file", "there is no %s in %s", al_element_symbol(z), w->in.path[w->file]);
    for (int i = 0; i < w->t.n && !w->in.compare; i++)
        if (memcmp(t->all, w->p[i].run[0]->all, sizeof t->all) != 0)
            AL_FAIL_HINT(AL_ERR_INPUT, "--compare: cells of different size, each for itself", "%s holds other atoms than %s", w->in.path[w->file],
                         w->in.path[0]);
    return AL_ERR_OK;
}

// Takes *t over.
static enum al_err sort_in(struct work *w, struct tr_traj **t, double temperature)
{
    struct transport_point *p = NULL;
    AL_TRY(same_system(w, *t));
    for (int i = 0; i < w->t.n && !p; i++)
        if (belongs(w, &w->p[i], *t, temperature)) p = &w->p[i];
    if (!p) {
        if (w->t.n == TRANSPORT_POINTS) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d temperatures", TRANSPORT_POINTS);
        p = &w->p[w->t.n++];
    }
    if (p->nruns == TRANSPORT_RUNS) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d runs at one temperature", TRANSPORT_RUNS);
    double n = p->nruns + 1;
    p->temperature += (temperature - p->temperature) / n;
    p->volume += ((*t)->volume - p->volume) / n;
    p->natoms = 0;
    for (int z = 1; z <= AL_ZMAX; z++)
        p->natoms += (*t)->all[z];
    p->run[p->nruns++] = *t;
    *t = NULL;
    return AL_ERR_OK;
}

// A file beside the trajectory; NULL when there is none that can be read (it may be anybody's).
static enum al_err read_beside(const char *file, const char *name, struct al_node **ret)
{
    char path[AL_PATH];
    const char *slash = strrchr(file, '/');
    *ret = NULL;
    AL_TRY(al_path(path, "%.*s%s", slash ? (int)(slash + 1 - file) : 0, file, name));
    if (al_exists(path) && al_yaml_read(path, ret) != AL_ERR_OK) *ret = NULL;
    return AL_ERR_OK;
}

// A dcd has no temperature. In production/SYSTEM-TTTK-R result.yaml has the mean of the run, task.yaml what was asked for and the
// system; summary.yaml is that of `alnd md`. NaN: nothing tells.
static enum al_err look_beside(struct work *w, const char *file, double *ret)
{
    AL_OWN(al_node) task = NULL;
    AL_OWN(al_node) other = NULL;
    AL_TRY(read_beside(file, "task.yaml", &task));
    if (!task || strcmp(al_node_str(task, "verb", ""), "produce") != 0) {
        AL_TRY(read_beside(file, "summary.yaml", &other));
        *ret = other ? al_node_double(other, "temperature_K", NAN) : (double)NAN;
        return AL_ERR_OK;
    }
    const char *system = al_node_str(task, "system", "");
    if (!w->system[0]) snprintf(w->system, sizeof w->system, "%s", system);
    if (!w->in.compare && strcmp(w->system, system) != 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "alnd diffusion for each system, with an --out of its own", "%s is of the system %s, files before it of %s", file, system,
                     w->system);
    AL_TRY(read_beside(file, "result.yaml", &other));
    *ret = al_node_double(other ? al_node_get(other, "facts") : NULL, "temperature", al_node_double(task, "temperature", NAN));
    return AL_ERR_OK;
}

// Of the file just read: as given, as it says itself, as what lies beside it says.
static enum al_err find_temperature(struct work *w, const struct tr_traj *t, double *ret)
{
    double beside, given = w->in.temperature[w->file];
    AL_TRY(look_beside(w, w->in.path[w->file], &beside));
    *ret = isfinite(given) ? given : isfinite(t->temperature) ? t->temperature : beside;
    if (!isfinite(*ret)) w->nunknown++;
    return AL_ERR_OK;
}

static enum al_err read_files(struct work *w)
{
    struct input *in = &w->in;
    double bytes = 0;
    in->load.ctx = w;
    in->load.progress = on_reading;
    for (w->file = 0; w->file < in->n; w->file++) {
        AL_OWN(tr_traj) t = NULL;
        double temperature;
        in->load.path = in->path[w->file];
        AL_TRY(tr_traj_read(&in->load, &t));
        AL_TRY(find_temperature(w, t, &temperature));
        bytes += tr_traj_bytes(t);
        fprintf(stderr, "level=info ev=read file=\"%s\" format=\"%s\" frames=%ld skipped=%ld dt_fs=%g temperature_k=%.1f memory_mb=%.1f\n", in->load.path, t->format, t->n,
                t->skipped, t->dt, temperature, 1e-6 * bytes);
        AL_TRY(sort_in(w, &t, temperature));
    }
    AL_TRY(task_fact_real(w->task, "memory_mb", 1e-6 * bytes));
    return AL_ERR_OK;
}

static int by_temperature(const void *a, const void *b)
{
    const struct transport_point *p = a, *q = b;
    if (p->natoms != q->natoms) return p->natoms - q->natoms;
    return (p->temperature > q->temperature) - (p->temperature < q->temperature);
}

static void name_points(struct work *w)
{
    qsort(w->p, (size_t)w->t.n, sizeof w->p[0], by_temperature);
    for (int i = 0; i < w->t.n; i++) {
        struct transport_point *p = &w->p[i];
        char size[32] = "";
        if (w->in.compare) snprintf(size, sizeof size, "%d atoms", p->natoms);
        if (isfinite(p->temperature)) snprintf(p->label, sizeof p->label, "%.0f K%s%s", p->temperature, size[0] ? " " : "", size);
        else snprintf(p->label, sizeof p->label, "%s", size[0] ? size : "all");
    }
}

// ---- two sizes of the cell ---------------------------------------------------------------------------------

// ln D of both: their difference against its error.
static void write_comparison(FILE *out, const struct transport_point *p, const struct transport_point *q)
{
    char text[256];
    fputs("  - {", out);
    fprintf(out, "atoms: [%d, %d], ", p->natoms, q->natoms);
    if (isfinite(p->temperature)) fprintf(out, "temperature_k: %.6g, ", p->temperature);
    if (!p->d || !q->d || !p->d->diffusive || !q->d->diffusive) {
        snprintf(text, sizeof text, "no comparison: D is not known for both");
    } else {
        struct tr_estimate a = {p->d->d, p->d->d_error, tr_student95((int)p->d->dof)}, b = {q->d->d, q->d->d_error, tr_student95((int)q->d->dof)};
        struct tr_ratio r = tr_compare(&a, &b);
        fprintf(out, "d_ratio: %.6g, d_ratio_low95: %.6g, d_ratio_high95: %.6g, ", r.ratio, r.low, r.high);
        if (!r.differs)
            snprintf(text, sizeof text, "no size effect seen: D of %d atoms is %.2f times D of %d atoms (95 %%: %.2f to %.2f)", q->natoms, r.ratio, p->natoms,
                     r.low, r.high);
        else
            snprintf(text, sizeof text, "D depends on the size of the cell: %.2f times (95 %%: %.2f to %.2f) from %d to %d atoms; use larger cells", r.ratio,
                     r.low, r.high, p->natoms, q->natoms);
    }
    fputs("statement: ", out);
    al_yaml_quote(out, text);
    fputs("}\n", out);
}

static void write_comparisons(FILE *out, const struct work *w)
{
    bool any = false;
    for (int i = 0; i < w->t.n; i++)
        for (int k = i + 1; k < w->t.n; k++) {
            const struct transport_point *p = &w->p[i], *q = &w->p[k];
            bool same = isfinite(p->temperature) ? fabs(p->temperature - q->temperature) <= SAME_TEMPERATURE * p->temperature : !isfinite(q->temperature);
            if (p->natoms == q->natoms || !same) continue;
            if (!any) al_yaml_open(out, 0, "sizes");
            any = true;
            write_comparison(out, p, q);
        }
    if (!any) al_yaml_str(out, 0, "sizes", "no two cells of different size at one temperature");
}

// ---- results -----------------------------------------------------------------------------------------------

static void write_point(FILE *out, const struct work *w, const struct transport_point *p)
{
    double largest = 0;
    bool variable = false;
    fputs("  - label: ", out);
    al_yaml_quote(out, p->label);
    fputc('\n', out);
    for (int k = 0; k < p->nruns; k++) {
        largest = fmax(largest, p->run[k]->largest);
        variable = variable || p->run[k]->variable;
    }
    if (isfinite(p->temperature)) al_yaml_double(out, 2, "temperature_k", p->temperature);
    al_yaml_int(out, 2, "runs", p->nruns);
    al_yaml_int(out, 2, "atoms", p->natoms);
    if (p->volume > 0) al_yaml_double(out, 2, "volume_ang3", p->volume);
    fprintf(out, "    cell: %s\n", !p->run[0]->pbc ? "none" : variable ? "variable (displacements in the mean cell)" : "constant");
    if (largest > 0.3)
        fprintf(out, "    warning: an atom moved %.2f of the cell between two frames; beyond 0.5 the unwrapping is wrong, so write frames more often\n",
                largest);
    transport_write_point(out, 2, &w->t, p);
}

static enum al_err write_yaml(struct work *w)
{
    struct al_outfile o;
    char framework[256], warning[160];
    AL_TRY(al_outfile_open("diffusion.yaml", &o));
    al_yaml_str(o.out, 0, "species", al_element_symbol(w->t.options.mobile_z));
    transport_framework_text(&w->t, framework, sizeof framework);
    al_yaml_str(o.out, 0, "framework", framework[0] ? framework : "none: displacements are not relative to anything");
    al_yaml_double(o.out, 0, "charge_e", w->t.charge);
    al_yaml_double(o.out, 0, "jump_length_ang", w->t.options.jump);
    if (w->nunknown > 1) {
        snprintf(warning, sizeof warning, "nothing tells the temperature of %d files: they are taken for runs at one and the same; --temperature says it", w->nunknown);
        al_yaml_str(o.out, 0, "warning", warning);
    }
    al_yaml_open(o.out, 0, "temperatures");
    for (int i = 0; i < w->t.n; i++)
        write_point(o.out, w, &w->p[i]);
    transport_write_fit(o.out, &w->t);
    if (w->in.compare) write_comparisons(o.out, w);
    AL_TRY(al_outfile_publish(&o));
    AL_TRY(task_artifact(w->task, "diffusion.yaml"));
    return AL_ERR_OK;
}

enum al_err verb_diffusion(struct task *t)
{
    const char *file;
    AL_OWN(al_node) run = NULL;
    AL_OWN(work) w = NULL;
    AL_TRY(task_input(t, "run", &file));
    AL_TRY(al_yaml_read(file, &run));
    AL_ALLOC(w, 1);
    w->task = t;
    w->t.p = w->p;
    w->t.title = "";
    AL_TRY(read_input(run, w));
    AL_TRY(read_files(w));
    name_points(w);
    for (int i = 0; i < w->t.n; i++) {
        task_progress(t, i, w->t.n, "diffusion, %s", w->p[i].label);
        AL_TRY(transport_diffuse(&w->t, &w->p[i]));
    }
    if (w->in.structure) AL_TRY(transport_structure(&w->t, t, ""));
    if (!w->in.compare) transport_fit(&w->t);
    else snprintf(w->t.why, sizeof w->t.why, "not determined: sizes were compared");
    AL_TRY(transport_files(&w->t, t, ""));
    AL_TRY(write_yaml(w));
    AL_TRY(task_fact_int(t, "points", w->t.n));
    return AL_ERR_OK;
}
