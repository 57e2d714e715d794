// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdlib.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/svg.h"
#include "base/yaml.h"
#include "transport/sites_impl.h"

static const double histogram_bin = 0.25;

struct event {
    int a, b;
    double distance;
};

struct events {
    struct event *e;
    size_t n, cap;
};

static enum al_err push(struct events *l, struct event e)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        AL_GROW(l->e, l->cap, cap);
        l->cap = cap;
    }
    l->e[l->n++] = e;
    return AL_ERR_OK;
}

static int grid_point(const int n[3], const double s[3])
{
    int i[3];
    for (int q = 0; q < 3; q++)
        i[q] = (int)floor((s[q] - floor(s[q])) * n[q] + 0.5) % n[q];
    return i[0] + n[0] * (i[1] + n[1] * i[2]);
}

// One ion through one run. Of each site the frames that the ion belongs to it are counted in residence.
static enum al_err follow(const struct tr_reference *ref, const struct tr_density *d, int run, int atom, struct tr_sites *s,
                          struct events *l)
{
    int at = -1, frames = ref->run[run].n;
    double image[3] = {0};
    for (int t = 0; t < frames; t++) {
        double x[3], now[3];
        tr_reference_frac(ref, run, t, atom, x);
        int p = grid_point(d->n, x);
        if (s->core[p]) {
            int b = s->basin[p];
            const double *centre = s->site[b].frac;
            for (int q = 0; q < 3; q++)
                now[q] = round(x[q] - centre[q]) + 0.0; // never -0, which memcmp would tell from 0
            if (at < 0) s->observed += (frames - 1 - t) * ref->dt;
            if (at >= 0 && (b != at || memcmp(now, image, sizeof now) != 0)) {
                double v[3], step[3];
                for (int q = 0; q < 3; q++)
                    step[q] = centre[q] + now[q] - s->site[at].frac[q] - image[q];
                al_vecmat3(step, ref->cell, v);
                AL_TRY(push(l, (struct event){at, b, sqrt(al_dot3(v, v))}));
                s->site[at].departures++;
            }
            at = b;
            memcpy(image, now, sizeof now);
        }
        if (at >= 0) s->site[at].residence += 1.0;
    }
    return AL_ERR_OK;
}

static int by_ends(const void *a, const void *b)
{
    const struct event *p = a, *q = b;
    if (p->a != q->a) return p->a < q->a ? -1 : 1;
    return (p->b > q->b) - (p->b < q->b);
}

static int by_count(const void *a, const void *b)
{
    const struct tr_jump *p = a, *q = b;
    if (p->count != q->count) return p->count > q->count ? -1 : 1;
    if (p->a != q->a) return p->a < q->a ? -1 : 1;
    return (p->b > q->b) - (p->b < q->b);
}

static enum al_err network(struct tr_sites *s, const struct events *l)
{
    double longest = 0.0;
    if (l->n) qsort(l->e, l->n, sizeof *l->e, by_ends);
    AL_ALLOC(s->link, l->n);
    for (size_t k = 0; k < l->n; k++) {
        const struct event *e = &l->e[k];
        if (k == 0 || by_ends(e, &l->e[k - 1]) != 0) s->link[s->nlinks++] = (struct tr_jump){.a = e->a, .b = e->b};
        struct tr_jump *j = &s->link[s->nlinks - 1];
        j->distance += (e->distance - j->distance) / (double)++j->count;
        longest = fmax(longest, e->distance);
    }
    if (s->nlinks) qsort(s->link, (size_t)s->nlinks, sizeof *s->link, by_count);
    s->nbins = (int)(longest / histogram_bin) + 2;
    AL_ALLOC(s->distance, s->nbins);
    AL_ALLOC(s->histogram, s->nbins);
    for (int b = 0; b < s->nbins; b++)
        s->distance[b] = (b + 0.5) * histogram_bin;
    for (size_t k = 0; k < l->n; k++)
        s->histogram[(int)(l->e[k].distance / histogram_bin)] += 1.0;
    return AL_ERR_OK;
}

static void rates(const struct tr_reference *ref, const struct events *l, struct tr_sites *s)
{
    double frames = 0.0, d2 = 0.0, d4 = 0.0;
    for (int k = 0; k < ref->nruns; k++)
        frames += ref->run[k].n;
    for (int i = 0; i < s->nsites; i++) {
        double time = s->site[i].residence * ref->dt;
        s->site[i].residence /= frames;
        s->site[i].residence_time = s->site[i].departures ? time / (double)s->site[i].departures : (double)INFINITY;
    }
    for (size_t k = 0; k < l->n; k++) {
        double r2 = l->e[k].distance * l->e[k].distance;
        d2 += r2;
        d4 += r2 * r2;
    }
    s->njumps = (long)l->n;
    s->residence_time = s->njumps ? s->observed / (double)s->njumps : (double)INFINITY;
    if (!(s->observed > 0.0)) {
        snprintf(s->verdict, sizeof s->verdict, "no sites found that ions stay in: the density is too even");
        return;
    }
    s->rate = (double)s->njumps / s->observed;
    s->rate_error = sqrt((double)s->njumps) / s->observed;
    s->d_jumps = TR_ANG2_FS_CM2_S * d2 / (6.0 * s->observed);
    s->d_jumps_error = TR_ANG2_FS_CM2_S * sqrt(d4) / (6.0 * s->observed);
    if (s->njumps == 0) // 95 % of Poisson's distribution of mean 3 lies above 0
        snprintf(s->verdict, sizeof s->verdict, "no jump seen: fewer than %.2g jumps per ion and ns (95 %%)", 3e6 / s->observed);
    else
        snprintf(s->verdict, sizeof s->verdict, "%ld jumps between %d sites: %.3g +- %.2g per ion and ns", s->njumps, s->nsites,
                 1e6 * s->rate, 1e6 * s->rate_error);
}

static enum al_err analyse(const struct tr_reference *ref, const struct tr_density *d, struct events *l, struct tr_sites *s)
{
    s->nions = ref->nions;
    for (int k = 0; k < ref->nruns; k++)
        for (int i = 0; i < ref->nions; i++)
            AL_TRY(follow(ref, d, k, ref->ion[i], s, l));
    AL_TRY(network(s, l));
    rates(ref, l, s);
    return AL_ERR_OK;
}

enum al_err tr_sites_create(const struct tr_traj *const *runs, int nruns, const struct tr_species *species,
                            const struct tr_density *density, const struct tr_sites_options *o, struct tr_sites **ret)
{
    struct tr_sites_options p = *o;
    struct events l = {0};
    AL_OWN(tr_reference) ref = NULL;
    AL_OWN(tr_sites) s = NULL;
    if (p.merge == 0.0) p.merge = 0.5;
    if (p.core == 0.0) p.core = 0.25;
    if (p.floor == 0.0) p.floor = 0.5;
    if (!(p.merge > 0.0) || !(p.merge < 1.0) || !(p.core > 0.0) || !(p.core < 1.0) || !(p.floor >= 0.0))
        AL_FAIL(AL_ERR_INPUT, "sites: merge %g and core %g must lie between 0 and 1, floor %g at 0 or above", p.merge, p.core,
                p.floor);
    AL_TRY(tr_reference_create(runs, nruns, species, &ref));
    AL_TRY(tr_reference_need_ions(ref, species));
    AL_ALLOC(s, 1);
    AL_TRY(tr_sites_find(density, &p, s));
    enum al_err e = analyse(ref, density, &l, s);
    al_free(l.e);
    AL_TRY(e);
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

void tr_sites_destroy(struct tr_sites **sp)
{
    struct tr_sites *s = *sp;
    *sp = NULL;
    if (!s) return;
    al_free(s->site);
    al_free(s->basin);
    al_free(s->core);
    al_free(s->link);
    al_free(s->distance);
    al_free(s->histogram);
    al_free(s);
}

enum al_err tr_sites_write_csv(const char *path, const struct tr_sites *s)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("site,a,b,c,x/Ang,y/Ang,z/Ang,occupancy,residence,peak/(1/Ang^3),saddle/(1/Ang^3),departures,residence_time/ps\n",
          f.out);
    for (int i = 0; i < s->nsites; i++) {
        const struct tr_site *q = &s->site[i];
        fprintf(f.out, "%d,%.5f,%.5f,%.5f,%.4f,%.4f,%.4f,%.5g,%.5g,%.5g,%.5g,%ld,", i, q->frac[0], q->frac[1], q->frac[2],
                q->pos[0], q->pos[1], q->pos[2], q->occupancy, q->residence, q->peak, q->saddle, q->departures);
        if (q->departures) fprintf(f.out, "%.5g", 1e-3 * q->residence_time);
        fputc('\n', f.out);
    }
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

enum al_err tr_jumps_write_csv(const char *path, const struct tr_sites *s)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("from,to,jumps,distance/Ang\n", f.out);
    for (int k = 0; k < s->nlinks; k++)
        fprintf(f.out, "%d,%d,%ld,%.4f\n", s->link[k].a, s->link[k].b, s->link[k].count, s->link[k].distance);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

enum al_err tr_distances_write_csv(const char *path, const struct tr_sites *s)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    fputs("distance/Ang,jumps\n", f.out);
    for (int b = 0; b < s->nbins; b++)
        fprintf(f.out, "%.4g,%.0f\n", s->distance[b], s->histogram[b]);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}

void tr_sites_write_yaml(FILE *out, int depth, const struct tr_sites *s)
{
    al_yaml_str(out, depth, "verdict", s->verdict);
    al_yaml_int(out, depth, "sites", s->nsites);
    al_yaml_double(out, depth, "ions_off_site", s->off_site);
    al_yaml_int(out, depth, "jumps", s->njumps);
    al_yaml_int(out, depth, "links", s->nlinks);
    al_yaml_double(out, depth, "observed_ion_ps", 1e-3 * s->observed);
    al_yaml_double(out, depth, "rate_per_ion_ps", 1e3 * s->rate);
    al_yaml_double(out, depth, "rate_error_per_ion_ps", 1e3 * s->rate_error);
    if (s->njumps) {
        al_yaml_double(out, depth, "mean_residence_time_ps", 1e-3 * s->residence_time);
        al_yaml_double(out, depth, "d_from_jumps_cm2_per_s", s->d_jumps);
        al_yaml_double(out, depth, "d_from_jumps_error_cm2_per_s", s->d_jumps_error);
    }
}

enum al_err tr_plot_jumps(const char *path, const char *title, const char *note, const struct tr_sites *s)
{
    AL_AUTOFREE double *x = NULL;
    int n = 4 * s->nbins;
    AL_ALLOC(x, 2 * n);
    double *y = x + n;
    for (int b = 0; b < s->nbins; b++) // bars
        for (int k = 0; k < 4; k++) {
            x[4 * b + k] = s->distance[b] + (k < 2 ? -0.5 : 0.5) * histogram_bin;
            y[4 * b + k] = k == 1 || k == 2 ? s->histogram[b] : 0.0;
        }
    struct al_plot_series line = {.n = n, .x = x, .y = y};
    struct al_plot p = {.title = title, .note = note, .xlabel = "jump distance / \xc3\x85", .ylabel = "jumps", .xzero = true,
                        .yzero = true, .series = &line, .nseries = 1};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}
