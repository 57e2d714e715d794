// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/rdf.h"

#include <math.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/neigh.h"
#include "base/svg.h"
#include "base/units.h"
#include "base/yaml.h"

enum { MAX_KINDS = 16, WANTED_FRAMES = 1000 };
static const double least_r_max = 6.0, default_r_max = 10.0, default_dr = 0.05, neighbour_skin = 0.5;

struct work {
    int nkinds, z[MAX_KINDS], n[MAX_KINDS];
    int kind[AL_ZMAX + 1];      // of an element
    double (*x)[3];             // [natoms] of a frame
    int stride, nblocks;
    double *g;                  // [nblocks][npairs][nbins]
    double *count;              // [npairs][nbins] ordered pairs, all frames
    struct al_neigh *list;
};

static void work_clear(struct work *w)
{
    al_free(w->x);
    al_free(w->g);
    al_free(w->count);
    al_neigh_destroy(&w->list);
}

static enum al_err kinds(struct work *w, const struct tr_reference *ref)
{
    for (int z = 0; z <= AL_ZMAX; z++) {
        int n = 0;
        for (int i = 0; i < ref->natoms; i++)
            n += ref->z[i] == z;
        if (!n) continue;
        if (w->nkinds == MAX_KINDS) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d elements", MAX_KINDS);
        w->kind[z] = w->nkinds;
        w->z[w->nkinds] = z;
        w->n[w->nkinds++] = n;
    }
    return AL_ERR_OK;
}

static int pair_of(int a, int b) // of kinds
{
    if (a > b) {
        int c = a;
        a = b;
        b = c;
    }
    return b * (b + 1) / 2 + a;
}

static enum al_err set_up(struct work *w, const struct tr_reference *ref, const struct tr_rdf_options *o, long frames,
                          struct tr_rdf *r)
{
    double h[3];
    if (o->r_max < 0.0 || o->nbins < 0 || o->stride < 0 || o->nblocks < 0)
        AL_FAIL(AL_ERR_INPUT, "radial distribution: r up to %g, %d bins, every %dth frame, %d blocks", o->r_max, o->nbins,
                o->stride, o->nblocks);
    tr_cell_heights(ref->run[0].traj->cells[0], h);
    r->r_max = o->r_max > 0.0 ? o->r_max : fmax(least_r_max, fmin(default_r_max, 0.5 * fmin(h[0], fmin(h[1], h[2]))));
    r->half = 0.5 * fmin(h[0], fmin(h[1], h[2]));
    r->nbins = o->nbins ? o->nbins : (int)ceil(r->r_max / default_dr);
    r->dr = r->r_max / r->nbins;
    AL_TRY(kinds(w, ref));
    AL_ALLOC(w->x, ref->natoms);
    r->npairs = w->nkinds * (w->nkinds + 1) / 2;
    w->stride = o->stride ? o->stride : (int)((frames + WANTED_FRAMES - 1) / WANTED_FRAMES);
    w->nblocks = o->nblocks ? o->nblocks : 5;
    AL_ALLOC(r->r, r->nbins);
    for (int k = 0; k < r->nbins; k++)
        r->r[k] = (k + 0.5) * r->dr;
    AL_ALLOC(r->pair, r->npairs);
    AL_ALLOC(w->g, (size_t)w->nblocks * (size_t)r->npairs * (size_t)r->nbins);
    AL_ALLOC(w->count, (size_t)r->npairs * (size_t)r->nbins);
    for (int b = 0; b < w->nkinds; b++)
        for (int a = 0; a <= b; a++) {
            struct tr_rdf_pair *p = &r->pair[pair_of(a, b)];
            *p = (struct tr_rdf_pair){.za = w->z[a], .zb = w->z[b], .na = w->n[a], .nb = w->n[b]};
            AL_ALLOC(p->g, r->nbins);
            AL_ALLOC(p->error, r->nbins);
            AL_ALLOC(p->count_ab, r->nbins);
            AL_ALLOC(p->count_ba, r->nbins);
        }
    AL_TRY(al_neigh_create(r->r_max, neighbour_skin, &w->list));
    return AL_ERR_OK;
}

// Every ordered pair i-j of the full list adds one to its pair of kinds: a != b is counted as a-b and as b-a.
static enum al_err add_frame(struct work *w, struct tr_rdf *r, const struct tr_reference *ref, int run, int t, int block)
{
    const double(*cell)[3] = ref->run[run].traj->cells[t];
    const int *z = ref->run[run].traj->z;
    for (int i = 0; i < ref->natoms; i++)
        tr_reference_instant(ref, run, t, i, w->x[i]);
    AL_TRY(al_neigh_update(w->list, ref->natoms, (const double(*)[3])w->x, cell, true));
    size_t nbins = (size_t)r->nbins;
    double volume = fabs(al_det3(cell)), *g = w->g + (size_t)block * (size_t)r->npairs * nbins;
    for (int i = 0; i < ref->natoms; i++)
        for (int e = w->list->first[i]; e < w->list->first[i + 1]; e++) {
            const struct al_neigh_pair *p = &w->list->pair[e];
            int k = (int)(p->r / r->dr);
            if (k >= r->nbins) continue; // rounding at r_max
            int q = pair_of(w->kind[z[i]], w->kind[z[p->j]]);
            size_t at = (size_t)q * nbins + (size_t)k;
            double *shortest = &r->pair[q].r_shortest;
            if (*shortest == 0.0 || p->r < *shortest) *shortest = p->r;
            g[at] += volume;
            w->count[at] += 1.0;
        }
    return AL_ERR_OK;
}

static double shell(const struct tr_rdf *r, int k)
{
    double lo = k * r->dr, hi = (k + 1) * r->dr;
    return 4.0 / 3.0 * AL_PI * (hi * hi * hi - lo * lo * lo);
}

static void normalise(const struct work *w, struct tr_rdf *r, const long *frames_of_block)
{
    int used = 0;
    for (int b = 0; b < w->nblocks; b++)
        used += frames_of_block[b] > 0;
    for (int q = 0; q < r->npairs; q++) {
        struct tr_rdf_pair *p = &r->pair[q];
        bool same = p->za == p->zb;
        double ab = 0.0, ordered = same ? (double)p->na * (p->na > 1 ? p->na - 1 : 1) : 2.0 * p->na * p->nb;
        for (int k = 0; k < r->nbins; k++) {
            size_t at = (size_t)q * (size_t)r->nbins + (size_t)k;
            double mean = 0.0, s = 0.0;
            for (int b = 0; b < w->nblocks; b++)
                mean += w->g[(size_t)b * (size_t)r->npairs * (size_t)r->nbins + at] / (double)r->nframes;
            for (int b = 0; b < w->nblocks && used == w->nblocks; b++) {
                double v = w->g[(size_t)b * (size_t)r->npairs * (size_t)r->nbins + at] / (double)frames_of_block[b];
                s += (v - mean) * (v - mean);
            }
            double unit = ordered > 0.0 ? 1.0 / (ordered * shell(r, k)) : 0.0;
            p->g[k] = mean * unit;
            p->error[k] = used == w->nblocks && used > 1 ? sqrt(s / ((double)used * (used - 1))) * unit : 0.0;
            ab += w->count[at] / (double)r->nframes * (same ? 1.0 : 0.5);
            p->count_ab[k] = ab / p->na;
            p->count_ba[k] = ab / p->nb;
        }
    }
}

static double smooth(const struct tr_rdf *r, const struct tr_rdf_pair *p, int k)
{
    double s = 0.0, w = 0.0; // pairs over volume of up to three shells
    for (int j = k - 1; j <= k + 1; j++)
        if (j >= 0 && j < r->nbins) {
            s += p->g[j] * shell(r, j);
            w += shell(r, j);
        }
    return s / w;
}

// The first peak: where g has risen above 1, its highest point before it has fallen to half of that. Then on to the minimum: the lowest
// point before g has climbed back by a fifth of the way to 1 (or to the peak, when that is lower).
static void first_shell(const struct tr_rdf *r, struct tr_rdf_pair *p)
{
    int k = 0, top, low;
    while (k < r->nbins && smooth(r, p, k) <= 1.0)
        k++;
    if (k == r->nbins) return;
    for (top = k; k < r->nbins && smooth(r, p, k) > 0.5 * smooth(r, p, top); k++)
        if (smooth(r, p, k) > smooth(r, p, top)) top = k;
    p->r_peak = r->r[top];
    p->g_peak = smooth(r, p, top);
    low = top;
    for (k = top; k < r->nbins; k++) {
        double g = smooth(r, p, k), bottom = smooth(r, p, low);
        if (g < bottom) low = k;
        if (bottom < 0.9 * p->g_peak && g > bottom + 0.2 * (fmin(1.0, p->g_peak) - bottom) && g > bottom) break;
    }
    if (k == r->nbins) return; // it never climbs again below r_max
    p->r_min = r->r[low];
    p->g_min = smooth(r, p, low);
    p->coordination_ab = p->count_ab[low];
    p->coordination_ba = p->count_ba[low];
}

static enum al_err analyse(struct work *w, const struct tr_reference *ref, const struct tr_rdf_options *o, struct tr_rdf *r)
{
    long frames = 0, at = 0;
    AL_AUTOFREE long *of_block = NULL;
    for (int k = 0; k < ref->nruns; k++)
        frames += ref->run[k].n;
    AL_TRY(set_up(w, ref, o, frames, r));
    AL_ALLOC(of_block, w->nblocks);
    for (int k = 0; k < ref->nruns; k++)
        for (int t = 0; t < ref->run[k].n; t++, at++) {
            if (at % w->stride) continue;
            int block = (int)(at * w->nblocks / frames);
            AL_TRY(add_frame(w, r, ref, k, t, block));
            of_block[block]++;
            r->nframes++;
        }
    normalise(w, r, of_block);
    for (int q = 0; q < r->npairs; q++)
        first_shell(r, &r->pair[q]);
    return AL_ERR_OK;
}

enum al_err tr_rdf_create(const struct tr_traj *const *runs, int nruns, const struct tr_rdf_options *o, struct tr_rdf **ret)
{
    struct work w = {0};
    AL_OWN(tr_reference) ref = NULL;
    AL_OWN(tr_rdf) r = NULL;
    AL_TRY(tr_reference_create(runs, nruns, &(struct tr_species){0}, &ref));
    AL_ALLOC(r, 1);
    enum al_err e = analyse(&w, ref, o, r);
    work_clear(&w);
    AL_TRY(e);
    *ret = r;
    r = NULL;
    return AL_ERR_OK;
}

void tr_rdf_destroy(struct tr_rdf **rp)
{
    struct tr_rdf *r = *rp;
    *rp = NULL;
    if (!r) return;
    for (int q = 0; r->pair && q < r->npairs; q++) {
        al_free(r->pair[q].g);
        al_free(r->pair[q].error);
        al_free(r->pair[q].count_ab);
        al_free(r->pair[q].count_ba);
    }
    al_free(r->pair);
    al_free(r->r);
    al_free(r);
}

const struct tr_rdf_pair *tr_rdf_find(const struct tr_rdf *r, int za, int zb)
{
    for (int q = 0; q < r->npairs; q++) {
        const struct tr_rdf_pair *p = &r->pair[q];
        if ((p->za == za && p->zb == zb) || (p->za == zb && p->zb == za)) return p;
    }
    return NULL;
}

enum al_err tr_rdf_write_csv(const char *path, const struct tr_rdf *r)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("r/Ang", f.out);
    for (int q = 0; q < r->npairs; q++) {
        const char *a = al_element_symbol(r->pair[q].za), *b = al_element_symbol(r->pair[q].zb);
        fprintf(f.out, ",g_%s-%s,error_%s-%s,n_%s_around_%s,n_%s_around_%s", a, b, a, b, b, a, a, b);
    }
    fputc('\n', f.out);
    for (int k = 0; k < r->nbins; k++) {
        fprintf(f.out, "%.10g", r->r[k]);
        for (int q = 0; q < r->npairs; q++) {
            const struct tr_rdf_pair *p = &r->pair[q];
            fprintf(f.out, ",%.10g,%.4g,%.10g,%.10g", p->g[k], p->error[k], p->count_ab[k], p->count_ba[k]);
        }
        fputc('\n', f.out);
    }
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

void tr_rdf_write_yaml(FILE *out, int depth, const struct tr_rdf *r)
{
    al_yaml_int(out, depth, "frames", r->nframes);
    al_yaml_double(out, depth, "r_max_ang", r->r_max);
    al_yaml_double(out, depth, "half_smallest_height_ang", r->half);
    al_yaml_double(out, depth, "bin_ang", r->dr);
    al_yaml_open(out, depth, "pairs");
    for (int q = 0; q < r->npairs; q++) {
        const struct tr_rdf_pair *p = &r->pair[q];
        char key[16], of_a[32], of_b[32];
        const char *a = al_element_symbol(p->za), *b = al_element_symbol(p->zb);
        snprintf(key, sizeof key, "%s-%s", a, b);
        al_yaml_open(out, depth + 1, key);
        if (p->r_shortest > 0.0) al_yaml_double(out, depth + 2, "shortest_ang", p->r_shortest);
        if (p->r_peak > 0.0) {
            al_yaml_double(out, depth + 2, "first_peak_ang", p->r_peak);
            al_yaml_double(out, depth + 2, "first_peak_g", p->g_peak);
        }
        if (p->r_min > 0.0) {
            al_yaml_double(out, depth + 2, "first_minimum_ang", p->r_min);
            snprintf(of_a, sizeof of_a, "%s_around_%s", b, a);
            snprintf(of_b, sizeof of_b, "%s_around_%s", a, b);
            al_yaml_double(out, depth + 2, of_a, p->coordination_ab);
            if (p->za != p->zb) al_yaml_double(out, depth + 2, of_b, p->coordination_ba);
        } else {
            al_yaml_str(out, depth + 2, "coordination", "not determined: no minimum after a first peak below r_max");
        }
    }
}

enum al_err tr_plot_rdf(const char *path, const char *title, const char *note, const struct tr_rdf *r)
{
    AL_AUTOFREE struct al_plot_series *s = NULL;
    AL_AUTOFREE char(*label)[16] = NULL;
    AL_ALLOC(s, r->npairs);
    AL_ALLOC(label, r->npairs);
    for (int q = 0; q < r->npairs; q++) {
        const struct tr_rdf_pair *p = &r->pair[q];
        snprintf(label[q], sizeof *label, "%s-%s", al_element_symbol(p->za), al_element_symbol(p->zb));
        s[q] = (struct al_plot_series){.label = label[q], .n = r->nbins, .x = r->r, .y = p->g,
                                       .style = q >= 7 ? AL_PLOT_DASHED : AL_PLOT_LINE};
    }
    struct al_plot p = {.title = title, .note = note, .xlabel = "r / \xc3\x85", .ylabel = "g(r)", .xzero = true, .yzero = true,
                        .series = s, .nseries = r->npairs};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}
