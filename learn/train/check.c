// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/check.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/neigh.h"
#include "base/rng.h"
#include "train/dataset_impl.h"

// Parts of the sum of the covalent radii: closer is an error, or a warning.
static const double OVERLAP = 0.25, CLOSE = 0.5;
static const double DUPLICATE = 1e-5; // Ang: differences of a copy through text or float32

void check_destroy(struct check **c)
{
    if (!*c) return;
    al_free((*c)->f);
    al_free((*c)->mark);
    al_free(*c);
    *c = NULL;
}

enum al_err check_add(struct check *c, const char *kind, bool fatal, const struct dp_system *s, const char *fmt, ...)
{
    va_list ap;
    AL_GROW(c->f, c->n, c->n + 1);
    struct check_finding *f = &c->f[c->n++];
    f->kind = kind;
    f->fatal = fatal;
    snprintf(f->system, sizeof f->system, "%s", s->name);
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
    return AL_ERR_OK;
}

void check_frames(const bool *mark, int n, char *ret, size_t size)
{
    enum { PIECES = 10 };
    int pieces = 0, all = 0;
    size_t at = 0;
    ret[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (!mark[i]) continue;
        int end = i;
        while (end + 1 < n && mark[end + 1])
            end++;
        all += end - i + 1;
        if (pieces++ < PIECES && at < size) {
            at += (size_t)snprintf(ret + at, size - at, "%s%d", at ? ", " : "", i);
            if (end > i && at < size) at += (size_t)snprintf(ret + at, size - at, "%s%d", end == i + 1 ? ", " : "-", end);
        }
        i = end;
    }
    if (pieces > PIECES && at < size) snprintf(ret + at, size - at, ", ... (%d in all)", all);
}

// ---- distances -------------------------------------------------------------------------------------------

static double radius(int z)
{
    double r = al_element_covalent_radius(z);
    return r > 0 ? r : 1.5;
}

struct distances {
    bool *overlap, *close; // [nframes]
    double shortest;       // Ang
    int frame, i, j;       // where
    double sum;            // of nearest neighbours' distances
    long n;
};

static void look(const struct dp_system *s, const struct al_neigh *list, int frame, struct distances *x)
{
    for (int i = 0; i < s->natoms; i++) {
        double nearest = INFINITY;
        for (int k = list->first[i]; k < list->first[i + 1]; k++) {
            const struct al_neigh_pair *p = &list->pair[k];
            double part = p->r / (radius(s->z[i]) + radius(s->z[p->j]));
            if (part < OVERLAP) x->overlap[frame] = true;
            else if (part < CLOSE) x->close[frame] = true;
            if (p->r < x->shortest) {
                x->shortest = p->r;
                x->frame = frame;
                x->i = i;
                x->j = p->j;
            }
            nearest = fmin(nearest, p->r);
        }
        if (!isfinite(nearest)) continue;
        x->sum += nearest;
        x->n++;
    }
}

// Two atoms in exactly one place are refused by the list.
static bool coincide(const struct dp_system *s, int frame)
{
    const double(*r)[3] = (const double(*)[3])(s->coord + 3 * (size_t)s->natoms * (size_t)frame);
    for (int i = 0; i < s->natoms; i++)
        for (int j = 0; j < i; j++)
            if (memcmp(r[i], r[j], sizeof r[i]) == 0) return true;
    return false;
}

static enum al_err tell_distances(struct check *c, const struct dp_system *s, const struct distances *x)
{
    char overlap[200], close[200];
    check_frames(x->overlap, s->nframes, overlap, sizeof overlap);
    check_frames(x->close, s->nframes, close, sizeof close);
    if (overlap[0])
        AL_TRY(check_add(c, "overlap", true, s, "atoms in one place, or nearly: frames %s", overlap));
    if (close[0])
        AL_TRY(check_add(c, "close", false, s, "atoms closer than half of the sum of their radii: frames %s (shortest: %.3f Ang, %s "
                         "%d and %s %d of frame %d)", close, x->shortest, al_element_symbol(s->z[x->i]), x->i,
                         al_element_symbol(s->z[x->j]), x->j, x->frame));
    return AL_ERR_OK;
}

// marks: of the system's frames, NULL: not wanted.
static enum al_err check_distances(struct check *c, const struct dp_system *s, unsigned char *marks, double *ret_nn)
{
    enum { SAMPLE = 20 }; // frames searched to 6 Ang for the mean distance of neighbours
    AL_OWN(al_neigh) near = NULL;
    AL_OWN(al_neigh) far = NULL;
    AL_AUTOFREE bool *mark = NULL;
    double rmax = 0;
    AL_ALLOC(mark, 2 * s->nframes);
    struct distances x = {.overlap = mark, .close = mark + s->nframes, .shortest = INFINITY}, mean = x;
    for (int i = 0; i < s->natoms; i++)
        rmax = fmax(rmax, radius(s->z[i]));
    AL_TRY(al_neigh_create(2 * rmax * CLOSE, 0, &near));
    AL_TRY(al_neigh_create(6, 0, &far));
    int stride = s->nframes / SAMPLE + 1;
    for (int k = 0; k < s->nframes; k++) {
        const double(*r)[3] = (const double(*)[3])(s->coord + 3 * (size_t)s->natoms * (size_t)k);
        const double(*h)[3] = (const double(*)[3])(s->box + 9 * (size_t)k);
        if (coincide(s, k)) {
            x.overlap[k] = true;
            continue;
        }
        AL_TRY_MSG(al_neigh_update(near, s->natoms, r, h, s->pbc), "frame %d of system %s", k, s->name);
        look(s, near, k, &x);
        if (k % stride) continue;
        AL_TRY(al_neigh_update(far, s->natoms, r, h, s->pbc));
        look(s, far, k, &mean);
    }
    for (int k = 0; marks && k < s->nframes; k++)
        marks[k] |= (unsigned char)((x.overlap[k] ? CHECK_OVERLAP : 0) | (x.close[k] ? CHECK_CLOSE : 0));
    *ret_nn = mean.n ? mean.sum / (double)mean.n : 2;
    return tell_distances(c, s, &x);
}

// ---- the same frame twice --------------------------------------------------------------------------------

struct place {
    const struct dp_system *s;
    int frame, set; // set 1: validation
    int at;         // number in its data, system by system
    double key;     // a projection of cell and positions: equal frames have equal keys
};

static double projection(const struct dp_system *s, int frame)
{
    const double *x = s->coord + 3 * (size_t)s->natoms * (size_t)frame, *h = s->box + 9 * (size_t)frame;
    struct al_rng rng;
    double sum = 0;
    al_rng_stream(&rng, 1, "projection", 0, 0, 0);
    for (int i = 0; i < 9; i++)
        sum += h[i] * al_rng_normal(&rng);
    for (int i = 0; i < 3 * s->natoms; i++)
        sum += x[i] * al_rng_normal(&rng);
    return sum;
}

static int compare_atoms(const struct dp_system *a, const struct dp_system *b)
{
    if (a->natoms != b->natoms) return a->natoms < b->natoms ? -1 : 1;
    return memcmp(a->z, b->z, (size_t)a->natoms * sizeof *a->z);
}

static int by_key(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    int c = compare_atoms(a->s, b->s);
    if (c) return c;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    if (a->set != b->set) return a->set - b->set;
    return a->frame - b->frame;
}

static bool equal_frames(const struct place *a, const struct place *b)
{
    size_t n = 3 * (size_t)a->s->natoms;
    const double *x = a->s->coord + n * (size_t)a->frame, *y = b->s->coord + n * (size_t)b->frame;
    const double *g = a->s->box + 9 * (size_t)a->frame, *h = b->s->box + 9 * (size_t)b->frame;
    for (int i = 0; i < 9; i++)
        if (!(fabs(g[i] - h[i]) < DUPLICATE)) return false;
    for (size_t i = 0; i < n; i++)
        if (!(fabs(x[i] - y[i]) < DUPLICATE)) return false;
    return true;
}

static bool contradict(const struct place *a, const struct place *b)
{
    const struct dp_system *s = a->s, *t = b->s;
    size_t n = 3 * (size_t)s->natoms;
    double de = fabs(s->energy[a->frame] - t->energy[b->frame]) / s->natoms, df = 0;
    if (s->have & t->have & AL_HAVE_ENERGY && de > 1e-4) return true;
    if (!(s->have & t->have & AL_HAVE_FORCES)) return false;
    for (size_t i = 0; i < n; i++)
        df = fmax(df, fabs(s->force[n * (size_t)a->frame + i] - t->force[n * (size_t)b->frame + i]));
    return df > 1e-2;
}

struct pairs { // texts of one system's findings
    char text[3][160];
    int n[3];
};

static void note_pair(struct pairs *p, int kind, const struct place *a, const struct place *b)
{
    size_t at = strlen(p->text[kind]);
    if (p->n[kind]++ >= 6) return;
    if (a->s == b->s)
        snprintf(p->text[kind] + at, sizeof p->text[kind] - at, "%s%d = %d", at ? ", " : "", a->frame, b->frame);
    else
        snprintf(p->text[kind] + at, sizeof p->text[kind] - at, "%s%d of %.30s = %d of %.30s", at ? ", " : "", a->frame, a->s->name,
                 b->frame, b->s->name);
}

static enum al_err tell_pairs(struct check *c, const struct dp_system *s, const struct pairs *p)
{
    static const char *const kind[3] = {"duplicate", "contradiction", "leak"};
    static const char *const text[3] = {"the same frame more than once", "the same frame with different labels",
                                        "validation frames that are training frames"};
    for (int k = 0; k < 3; k++)
        if (p->n[k])
            AL_TRY(check_add(c, kind[k], false, s, "%s: %s%s", text[k], p->text[k], p->n[k] > 6 ? ", ..." : ""));
    return AL_ERR_OK;
}

static int list_places(const struct dp_dataset *d, int set, struct place *p)
{
    int n = 0;
    for (int s = 0; d && s < d->nsys; s++)
        for (int i = 0; i < d->sys[s].nframes; i++) {
            p[n] = (struct place){&d->sys[s], i, set, n, projection(&d->sys[s], i)};
            n++;
        }
    return n;
}

// Of equal frames the one with the most labels stays, of those the first.
static bool better(const struct place *a, const struct place *b)
{
    unsigned x = a->s->have & DP_LABELS, y = b->s->have & DP_LABELS;
    return x != y ? x > y : a->at < b->at;
}

struct same { // frames of d that are equal lead to the one of them that stays
    const struct place **stays; // [frames of d]
    unsigned char *mark;
};

static const struct place *root(const struct same *m, const struct place *p)
{
    while (m->stays[p->at] && m->stays[p->at] != p)
        p = m->stays[p->at];
    return p;
}

static void mark_pair(const struct same *m, bool contradiction, const struct place *a, const struct place *b)
{
    if (contradiction) {
        m->mark[a->at] |= CHECK_CONTRADICTION;
        m->mark[b->at] |= CHECK_CONTRADICTION;
        return;
    }
    a = root(m, a);
    b = root(m, b);
    if (a == b) return;
    const struct place *lost = better(a, b) ? b : a;
    m->stays[lost->at] = lost == a ? b : a;
    m->mark[lost->at] |= CHECK_DUPLICATE;
}

static enum al_err check_duplicates(struct check *c, const struct dp_dataset *d, const struct dp_dataset *valid)
{
    AL_AUTOFREE struct place *p = NULL;
    AL_AUTOFREE struct pairs *found = NULL; // of each system of d
    AL_AUTOFREE const struct place **stays = NULL;
    AL_ALLOC(p, dp_dataset_nframes(d) + (valid ? dp_dataset_nframes(valid) : 0));
    AL_ALLOC(found, d->nsys);
    AL_ALLOC(stays, dp_dataset_nframes(d));
    const struct same same = {stays, c->mark};
    int n = list_places(d, 0, p);
    n += list_places(valid, 1, p + n);
    if (n) qsort(p, (size_t)n, sizeof *p, by_key);
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n && compare_atoms(p[i].s, p[k].s) == 0; k++) {
            double width = DUPLICATE * 4 * sqrt(3.0 * p[i].s->natoms + 9);
            if (p[k].key - p[i].key > width) break;
            if (!equal_frames(&p[i], &p[k]) || (p[i].set && p[k].set)) continue;
            const struct place *a = p[i].set ? &p[k] : &p[i], *b = p[i].set ? &p[i] : &p[k];
            struct pairs *f = &found[a->s - d->sys];
            bool swap = a->s == b->s && a->frame > b->frame;
            bool other = contradict(a, b);
            note_pair(f, other ? 1 : b->set ? 2 : 0, swap ? b : a, swap ? a : b);
            if (!b->set) mark_pair(&same, other, a, b);
            if (!p[k].set && !other) break; // of three equal ones, 1 = 2 and 2 = 3
        }
    for (int s = 0; s < d->nsys; s++)
        AL_TRY(tell_pairs(c, &d->sys[s], &found[s]));
    return AL_ERR_OK;
}

// marks: as check_distances has them.
static enum al_err check_system(struct check *c, const struct dp_system *s, unsigned char *marks)
{
    AL_AUTOFREE bool *mark = NULL;
    double nn;
    AL_ALLOC(mark, s->nframes);
    if (!(s->have & DP_LABELS))
        AL_TRY(check_add(c, "unlabelled", true, s, "%d frames without energy, forces and virial", s->nframes));
    AL_TRY(check_distances(c, s, marks, &nn));
    AL_TRY(check_outliers(c, s, mark));
    for (int k = 0; marks && k < s->nframes; k++)
        if (mark[k]) marks[k] |= CHECK_OUTLIER;
    return check_units(c, s, mark, nn);
}

enum al_err dataset_check(const struct dp_dataset *d, const struct dp_dataset *valid, struct check **ret)
{
    AL_OWN(check) c = NULL;
    AL_ALLOC(c, 1);
    AL_ALLOC(c->mark, dp_dataset_nframes(d));
    for (int s = 0, at = 0; s < d->nsys; at += d->sys[s++].nframes)
        AL_TRY(check_system(c, &d->sys[s], c->mark + at));
    for (int s = 0; valid && s < valid->nsys; s++)
        AL_TRY(check_system(c, &valid->sys[s], NULL));
    AL_TRY(check_across(c, d));
    AL_TRY(check_duplicates(c, d, valid));
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}
