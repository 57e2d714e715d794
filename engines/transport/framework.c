// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "transport/framework.h"

#include <math.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/neigh.h"
#include "base/svg.h"
#include "base/yaml.h"

enum { MIN_FRAMES = 8, MAX_LAGS = 60, MAX_ELEMENTS = 16, MAX_COORDINATION = 12 };
static const double lindemann_limit = 0.15, growth_limit = 1.5, passing = 0.01;

// --- bonds ---------------------------------------------------------------------------------------------

struct watch {
    const struct tr_reference *ref;
    const struct tr_bonds *bonds;
    double cutoff[AL_ZMAX + 1];   // of a centre with this element
    double longest;
    struct al_neigh *list;
    double (*x)[3];               // [nframework]
    int *balance;                 // [natoms] bonds now less those at the start, of one centre
    int *unit;                    // [nframework] number of the centre, -1 = none
};

static void watch_clear(struct watch *w)
{
    al_neigh_destroy(&w->list);
    al_free(w->x);
    al_free(w->balance);
    al_free(w->unit);
}

static enum al_err watch_start(struct watch *w, const struct tr_bond_options *o)
{
    double factor = o->factor > 0.0 ? o->factor : 1.25, rc = al_element_covalent_radius(w->bonds->centre_z);
    const struct tr_reference *ref = w->ref;
    AL_ALLOC(w->x, ref->nframework);
    AL_ALLOC(w->balance, ref->natoms);
    AL_ALLOC(w->unit, ref->nframework);
    for (int i = 0; i < ref->nframework; i++) {
        int z = ref->z[ref->frame[i]];
        w->unit[i] = -1;
        for (int c = 0; c < w->bonds->ncentres; c++)
            if (w->bonds->centre[c] == ref->frame[i]) w->unit[i] = c;
        if (z != w->bonds->centre_z) w->cutoff[z] = factor * (rc + al_element_covalent_radius(z));
        w->longest = fmax(w->longest, w->cutoff[z]);
    }
    AL_TRY(al_neigh_create(w->longest, 0.6, &w->list));
    return AL_ERR_OK;
}

static void name_bond(const struct watch *w, int centre, int ligand, int run, struct tr_framework *f)
{
    snprintf(f->first_bond, sizeof f->first_bond, "%s%d-%s%d in trajectory %d", al_element_symbol(w->ref->run[run].traj->z[centre]), centre,
             al_element_symbol(w->ref->run[run].traj->z[ligand]), ligand, run);
}

// Bonds of unit c (atom i of the list) in the present frame against those at the start.
static void compare_unit(struct watch *w, int i, int run, double time, struct tr_framework *f, int *broken, int *formed)
{
    const struct tr_bonds *b = w->bonds;
    int c = w->unit[i], coordination = 0;
    for (int k = b->first[c]; k < b->first[c + 1]; k++)
        w->balance[b->bond[k].ligand]--;
    for (int e = w->list->first[i]; e < w->list->first[i + 1]; e++) {
        int j = w->ref->frame[w->list->pair[e].j];
        if (w->list->pair[e].r > w->cutoff[w->ref->run[run].traj->z[j]]) continue;
        coordination++;
        w->balance[j]++;
    }
    for (int e = w->list->first[i]; e < w->list->first[i + 1]; e++) {
        int j = w->ref->frame[w->list->pair[e].j];
        if (w->balance[j] > 0) {
            *formed += w->balance[j];
            w->balance[j] = 0;
        }
    }
    for (int k = b->first[c]; k < b->first[c + 1]; k++) {
        int j = b->bond[k].ligand;
        if (w->balance[j] < 0) {
            *broken -= w->balance[j];
            if (time < f->first_broken) {
                f->first_broken = time;
                name_bond(w, b->bond[k].centre, j, run, f);
            }
        }
        w->balance[j] = 0;
    }
    f->coordination[coordination < MAX_COORDINATION ? coordination : MAX_COORDINATION]++;
    f->coordination_mean += coordination;
}

static enum al_err watch_frame(struct watch *w, int run, int t, struct tr_framework *f, int *broken, int *formed)
{
    *broken = *formed = 0;
    for (int i = 0; i < w->ref->nframework; i++)
        tr_reference_instant(w->ref, run, t, w->ref->frame[i], w->x[i]);
    AL_TRY(al_neigh_update(w->list, w->ref->nframework, (const double(*)[3])w->x, w->ref->run[run].traj->cells[t], true));
    for (int i = 0; i < w->ref->nframework; i++)
        if (w->unit[i] >= 0) compare_unit(w, i, run, t * w->ref->dt, f, broken, formed);
    return AL_ERR_OK;
}

static enum al_err watch_bonds(struct watch *w, struct tr_framework *f)
{
    int broken = 0, formed = 0;
    double touched = 0.0;
    for (int k = 0; k < w->ref->nruns; k++) {
        for (int t = 0; t < w->ref->run[k].n; t++) {
            AL_TRY(watch_frame(w, k, t, f, &broken, &formed));
            if (broken > f->broken_most) f->broken_most = broken;
            if (formed > f->formed_most) f->formed_most = formed;
            f->broken_mean += broken;
            touched += broken + formed > 0;
        }
        f->broken_end += broken;
        f->formed_end += formed;
    }
    double frames = (double)f->nframes;
    f->broken_mean /= frames * w->bonds->n;
    f->coordination_mean /= frames * w->bonds->ncentres;
    f->whole = f->broken_end + f->formed_end == 0 && touched <= passing * frames;
    return AL_ERR_OK;
}

static enum al_err bonds_part(const struct tr_reference *ref, const struct tr_bond_options *o, const struct tr_bonds *b,
                              struct tr_framework *f)
{
    struct watch w = {.ref = ref, .bonds = b};
    f->first_broken = (double)INFINITY;
    f->nbonds = b->n;
    f->ncentres = b->ncentres;
    f->centre_z = b->centre_z;
    f->whole = true;
    if (b->n == 0) return AL_ERR_OK;
    enum al_err e = watch_start(&w, o);
    if (e == AL_ERR_OK) e = watch_bonds(&w, f);
    watch_clear(&w);
    AL_TRY(e);
    return AL_ERR_OK;
}

// --- motion --------------------------------------------------------------------------------------------

// Sum over the frames of a run of the squared displacement of one atom from its mean place in it, Ang^2.
static double about_mean(const struct tr_reference *ref, int run, int atom)
{
    double sum = 0.0, mean[3] = {0}, x[3];
    int n = ref->run[run].n;
    for (int t = 0; t < n; t++) {
        tr_reference_pos(ref, run, t, atom, x);
        for (int q = 0; q < 3; q++)
            mean[q] += x[q] / n;
    }
    for (int t = 0; t < n; t++) {
        tr_reference_pos(ref, run, t, atom, x);
        for (int q = 0; q < 3; q++)
            sum += (x[q] - mean[q]) * (x[q] - mean[q]);
    }
    return sum;
}

static void element_rms(const struct tr_reference *ref, struct tr_framework *f)
{
    double count[MAX_ELEMENTS] = {0};
    for (int k = 0; k < ref->nruns; k++)
        for (int i = 0; i < ref->nframework; i++) {
            int e = 0, z = ref->run[k].traj->z[ref->frame[i]];
            while (e < f->nelements && f->z[e] != z)
                e++;
            if (e == MAX_ELEMENTS) continue;
            if (e == f->nelements) f->z[f->nelements++] = z;
            f->rms[e] += about_mean(ref, k, ref->frame[i]);
            count[e] += ref->run[k].n;
        }
    for (int e = 0; e < f->nelements; e++)
        f->rms[e] = sqrt(f->rms[e] / count[e]);
}

static double nearest(const struct tr_reference *ref, const int *atom, int n, int i)
{
    double si[3], best = (double)INFINITY;
    tr_reference_frac(ref, 0, 0, atom[i], si);
    for (int j = 0; j < n; j++) {
        double sj[3], s[3], x[3];
        tr_reference_frac(ref, 0, 0, atom[j], sj);
        for (int im = 0; im < 27; im++) {
            int shift[3] = {im % 3 - 1, im / 3 % 3 - 1, im / 9 - 1};
            if (i == j && im == 13) continue; // the atom itself
            for (int q = 0; q < 3; q++)
                s[q] = sj[q] - si[q] - round(sj[q] - si[q]) + shift[q];
            al_vecmat3(s, ref->cell, x);
            best = fmin(best, sqrt(al_dot3(x, x)));
        }
    }
    return best;
}

static double msd_at(const struct tr_reference *ref, double **track, int n, int lag)
{
    double sum = 0.0, origins = 0.0;
    for (int k = 0; k < ref->nruns; k++) {
        int frames = ref->run[k].n, step = tr_origin_stride(n, frames);
        for (int row = 0; row < 3 * n; row++) {
            const double *x = track[k] + (size_t)row * (size_t)frames;
            for (int t = 0; t + lag < frames; t += step)
                sum += (x[t + lag] - x[t]) * (x[t + lag] - x[t]);
        }
        origins += (frames - lag + step - 1) / step;
    }
    return sum / (origins * n);
}

static enum al_err motion_tracks(const struct tr_reference *ref, const int *atom, int n, double **track, struct tr_framework *f)
{
    int lag[MAX_LAGS], shortest = tr_reference_shortest(ref);
    double square = 0.0, frames = 0.0;
    for (int k = 0; k < ref->nruns; k++) {
        AL_TRY(tr_reference_track(ref, k, atom, n, &track[k]));
        frames += ref->run[k].n;
    }
    f->nlags = tr_log_lags(shortest / 2, 10, MAX_LAGS, lag);
    AL_ALLOC(f->lag, f->nlags);
    AL_ALLOC(f->msd, f->nlags);
    for (int l = 0; l < f->nlags; l++) {
        f->lag[l] = lag[l] * ref->dt;
        f->msd[l] = msd_at(ref, track, n, lag[l]);
    }
    double half = msd_at(ref, track, n, shortest / 2), quarter = msd_at(ref, track, n, shortest / 4);
    f->growth = quarter > 0.0 ? half / quarter : 1.0;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < ref->nruns; k++)
            square += about_mean(ref, k, atom[i]) / (frames * n);
        f->spacing += nearest(ref, atom, n, i) / n;
    }
    f->lindemann = sqrt(square) / f->spacing;
    bool far = f->lindemann > lindemann_limit, growing = f->growth > growth_limit;
    f->state = far && growing ? TR_MOLTEN : !far && !growing ? TR_SOLID : TR_UNCLEAR;
    return AL_ERR_OK;
}

static enum al_err motion_part(const struct tr_reference *ref, const struct tr_bonds *b, struct tr_framework *f)
{
    AL_AUTOFREE double **track = NULL;
    AL_ALLOC(track, ref->nruns);
    element_rms(ref, f);
    enum al_err e = motion_tracks(ref, b->n ? b->centre : ref->frame, b->n ? b->ncentres : ref->nframework, track, f);
    for (int k = 0; k < ref->nruns; k++)
        al_free(track[k]);
    AL_TRY(e);
    return AL_ERR_OK;
}

// --- the whole -----------------------------------------------------------------------------------------

static void judge(struct tr_framework *f)
{
    char bonds[200], motion[256];
    const char *what = f->nbonds ? al_element_symbol(f->centre_z) : "framework atoms";
    if (!f->nbonds)
        snprintf(bonds, sizeof bonds, "no bonded units found to watch");
    else if (f->whole && f->broken_most + f->formed_most == 0)
        snprintf(bonds, sizeof bonds, "whole: all %d bonds of %d %s lasted", f->nbonds, f->ncentres, what);
    else if (f->whole)
        snprintf(bonds, sizeof bonds, "whole: of %d bonds of %d %s at most %d broken and %d formed, in passing (under %g %% of the frames)",
                 f->nbonds, f->ncentres, what, f->broken_most, f->formed_most, 100 * passing);
    else
        snprintf(bonds, sizeof bonds, "not whole: of %d bonds of %d %s up to %d broken and %d formed, at the end %d and %d", f->nbonds,
                 f->ncentres, what, f->broken_most, f->formed_most, f->broken_end, f->formed_end);
    static const char *const state[] = {"solid", "molten", "unclear whether solid"};
    snprintf(motion, sizeof motion, "%s: %s %.2f Ang rms from the mean place, %.1f %% of their distance (%g %% is melting), MSD %s",
             state[f->state], what, f->lindemann * f->spacing, 100 * f->lindemann, 100 * lindemann_limit,
             f->growth > growth_limit ? "still growing" : "no longer growing");
    snprintf(f->verdict, sizeof f->verdict, "%s; %s", bonds, motion);
}

enum al_err tr_framework_create(const struct tr_traj *const *runs, int nruns, const struct tr_bond_options *o, struct tr_framework **ret)
{
    AL_OWN(tr_reference) ref = NULL;
    AL_OWN(tr_bonds) b = NULL;
    AL_OWN(tr_framework) f = NULL;
    AL_TRY(tr_reference_create(runs, nruns, &o->species, &ref));
    if (ref->nframework == 0) AL_FAIL(AL_ERR_INPUT, "no framework atoms");
    if (tr_reference_shortest(ref) < MIN_FRAMES) AL_FAIL(AL_ERR_INPUT, "fewer than %d frames", MIN_FRAMES);
    AL_ALLOC(f, 1);
    f->nruns = nruns;
    f->length = (tr_reference_shortest(ref) - 1) * ref->dt;
    for (int k = 0; k < nruns; k++)
        f->nframes += ref->run[k].n;
    AL_TRY(tr_bonds_create(ref, o, &b));
    AL_TRY(bonds_part(ref, o, b, f));
    AL_TRY(motion_part(ref, b, f));
    judge(f);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

void tr_framework_destroy(struct tr_framework **fp)
{
    struct tr_framework *f = *fp;
    *fp = NULL;
    if (!f) return;
    al_free(f->lag);
    al_free(f->msd);
    al_free(f);
}

const char *tr_state_name(enum tr_state s)
{
    static const char *const name[] = {"solid", "molten", "unclear"};
    return name[s];
}

enum al_err tr_framework_write_csv(const char *path, const struct tr_framework *f)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    fputs("lag/fs,MSD/Ang^2\n", o.out);
    for (int l = 0; l < f->nlags; l++)
        fprintf(o.out, "%.10g,%.8g\n", f->lag[l], f->msd[l]);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

void tr_framework_write_yaml(FILE *out, int depth, const struct tr_framework *f)
{
    al_yaml_str(out, depth, "verdict", f->verdict);
    fprintf(out, "%*swhole: %s\n", 2 * depth, "", f->nbonds ? f->whole ? "true" : "false" : "not known");
    al_yaml_str(out, depth, "state", tr_state_name(f->state));
    al_yaml_double(out, depth, "lindemann_ratio", f->lindemann);
    al_yaml_double(out, depth, "msd_growth_half_over_quarter", f->growth);
    al_yaml_double(out, depth, "spacing_ang", f->spacing);
    al_yaml_open(out, depth, "rms_from_mean_place_ang");
    for (int e = 0; e < f->nelements; e++)
        al_yaml_double(out, depth + 1, al_element_symbol(f->z[e]), f->rms[e]);
    al_yaml_int(out, depth, "bonds", f->nbonds);
    if (f->nbonds) {
        al_yaml_str(out, depth, "centres", al_element_symbol(f->centre_z));
        al_yaml_int(out, depth, "bonds_broken_most", f->broken_most);
        al_yaml_int(out, depth, "bonds_formed_most", f->formed_most);
        al_yaml_int(out, depth, "bonds_broken_at_end", f->broken_end);
        al_yaml_int(out, depth, "bonds_formed_at_end", f->formed_end);
        al_yaml_double(out, depth, "bonds_broken_mean_fraction", f->broken_mean);
        if (isfinite(f->first_broken)) {
            al_yaml_double(out, depth, "first_broken_fs", f->first_broken);
            al_yaml_str(out, depth, "first_broken_bond", f->first_bond);
        }
        al_yaml_double(out, depth, "coordination_mean", f->coordination_mean);
        al_yaml_open(out, depth, "coordination_share");
        for (int c = 0; c <= MAX_COORDINATION; c++)
            if (f->coordination[c])
                fprintf(out, "%*s%d: %.8g\n", 2 * (depth + 1), "", c,
                        f->coordination[c] / ((double)f->nframes * f->ncentres));
    }
    al_yaml_int(out, depth, "frames", f->nframes);
}

enum al_err tr_plot_framework(const char *path, const char *title, const char *note, const struct tr_framework *f)
{
    AL_AUTOFREE double *ps = NULL;
    AL_ALLOC(ps, f->nlags);
    for (int l = 0; l < f->nlags; l++)
        ps[l] = 1e-3 * f->lag[l];
    struct al_plot_series s = {.label = f->nbonds ? al_element_symbol(f->centre_z) : "framework", .n = f->nlags, .x = ps, .y = f->msd};
    struct al_plot p = {.title = title, .note = note, .xlabel = "lag time / ps",
                        .ylabel = "mean-square displacement / \xc3\x85\xc2\xb2", .xlog = true, .yzero = true, .series = &s,
                        .nseries = 1};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}
