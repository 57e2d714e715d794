// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/converge_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"

#define MEV 1e3

enum al_err converge_create(int nframes, struct converge **ret)
{
    AL_OWN(converge) c = NULL;
    AL_ALLOC(c, 1);
    c->nframes = nframes;
    c->best_c = c->best_k = -1;
    AL_ALLOC(c->name, nframes);
    AL_ALLOC(c->c, nframes * CONV_MAX);
    AL_ALLOC(c->k, nframes * CONV_MAX);
    for (int i = 0; i < nframes * CONV_MAX; i++)
        c->c[i].pulay = c->k[i].pulay = (double)NAN;
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

void converge_destroy(struct converge **cp)
{
    struct converge *c = *cp;
    *cp = NULL;
    if (!c) return;
    al_free(c->name);
    al_free(c->c);
    al_free(c->k);
    al_free(c);
}

void converge_compare(const struct al_frame *label, const struct al_frame *ref, struct conv_row *row)
{
    double sum = 0, volume = al_frame_volume(ref), trace = 0;
    row->force_max = row->stress = 0;
    for (int i = 0; i < 3 * ref->natoms; i++) {
        double d = fabs(label->forces[i / 3][i % 3] - ref->forces[i / 3][i % 3]);
        row->force_max = fmax(row->force_max, d);
        sum += d * d;
    }
    for (int i = 0; i < 9; i++) {
        double d = (label->virial[i / 3][i % 3] - ref->virial[i / 3][i % 3]) / volume * AL_EV_A3_GPA;
        row->stress = fmax(row->stress, fabs(d));
        if (i / 3 == i % 3) trace += d;
    }
    row->pressure = trace / 3;
    row->force_rms = sqrt(sum / (3 * ref->natoms));
    row->energy = (label->energy - ref->energy) / ref->natoms;
}

// The stress of a fixed set of plane waves is the derivative at a fixed number of them, whose cut-off falls as V^(-2/3):
// p(fixed waves) - p(fixed cut-off) = (2/3V) dE/dln(cut-off) (G. P. Francis and M. C. Payne, JPCM 2, 4395, 1990).
void converge_pulay(struct converge *c, int i, const double *e, double volume)
{
    for (int p = 0; p < c->nc; p++) {
        int lo = p > 0 ? p - 1 : 0, hi = p + 1 < c->nc ? p + 1 : p;
        double slope = (e[hi] - e[lo]) / log(c->cutoff[hi] / c->cutoff[lo]);
        c->c[i * CONV_MAX + p].pulay = 2 / (3 * volume) * slope * AL_EV_A3_GPA;
    }
}

// Worst error over the frames at each of n settings; the tightest one's is what the last step changed. Mean seconds.
static void judge_series(int nframes, int n, const struct conv_row *row, double *error, double *seconds)
{
    for (int p = 0; p < n; p++) {
        int have = 0;
        error[p] = seconds[p] = 0;
        for (int i = 0; i < nframes; i++) {
            const struct conv_row *r = &row[i * CONV_MAX + p];
            if (!r->have) continue;
            have++;
            error[p] = fmax(error[p], r->force_rms);
            seconds[p] += r->seconds;
        }
        seconds[p] /= have;
        if (have < nframes) error[p] = seconds[p] = (double)NAN; // a frame that failed has no say, so nothing has
    }
    if (n > 1) error[n - 1] = error[n - 2];
}

double converge_combined(const struct converge *c, int ic, int ik)
{
    return sqrt(c->force_c[ic] * c->force_c[ic] + c->force_k[ik] * c->force_k[ik]);
}

void converge_judge(struct converge *c)
{
    double best = INFINITY;
    judge_series(c->nframes, c->nc, c->c, c->force_c, c->time_c);
    judge_series(c->nframes, c->nk, c->k, c->force_k, c->time_k);
    for (int k = c->nk - 1; k >= 0; k--)
        c->time_k[k] /= c->time_k[0];
    c->best_c = c->best_k = -1;
    for (int ic = 0; ic < c->nc; ic++)
        for (int ik = 0; ik < c->nk; ik++) {
            double cost = c->time_c[ic] * c->time_k[ik];
            if (!(converge_combined(c, ic, ik) <= c->wanted) || !(cost < best)) continue;
            best = cost;
            c->best_c = ic;
            c->best_k = ik;
        }
}

static void print_row(const struct conv_row *r, bool tightest, FILE *out)
{
    if (!r->have) {
        fputs("  failed\n", out);
        return;
    }
    if (tightest) fprintf(out, " %9s %9s %10s %9s %9s", "0", "0", "0", "0", "0");
    else fprintf(out, " %9.2f %9.2f %10.3f %9.3f %9.3f", MEV * r->force_rms, MEV * r->force_max, MEV * r->energy, r->stress, r->pressure);
    if (isfinite(r->pulay)) fprintf(out, " %9.3f", r->pulay);
    else fprintf(out, " %9s", "");
    fprintf(out, " %6d %8d %9.1f%s\n", r->nkpt, r->npw, r->seconds, tightest ? "  the measure" : "");
}

static void print_frame(const struct converge *c, int i, FILE *out)
{
    static const char *const head[2][9] = {
        {"rms F", "max F", "energy", "stress", "pressure", "Pulay", "k-pts", "waves", "time"},
        {"meV/Ang", "meV/Ang", "meV/atom", "GPa", "GPa", "GPa", "", "", "core s"}};
    fprintf(out, "\n%s", c->name[i]);
    for (int l = 0; l < 2; l++) {
        fprintf(out, "\n  %-32s", l ? "" : "cut-off at Gamma");
        for (int h = 0; h < 9; h++)
            fprintf(out, " %*s", h == 2 ? 10 : h == 6 ? 6 : h == 7 ? 8 : 9, head[l][h]);
    }
    fputc('\n', out);
    for (int p = 0; p < c->nc; p++) {
        fprintf(out, "  %6.4g Ha %22s", c->cutoff[p], "");
        print_row(&c->c[i * CONV_MAX + p], p == c->nc - 1, out);
    }
    fprintf(out, "  k-points at %g Ha\n", c->cutoff[0]);
    for (int p = 0; p < c->nk; p++) {
        fprintf(out, "  %-32s", c->kpoints[p]);
        print_row(&c->k[i * CONV_MAX + p], p == c->nk - 1, out);
    }
}

static void print_best(const struct converge *c, FILE *out)
{
    fprintf(out, "\nLast steps: %g -> %g Ha changed the forces by %.2f meV/Ang rms, %s -> %s by %.2f.\n", c->cutoff[c->nc - 2],
            c->cutoff[c->nc - 1], MEV * c->force_c[c->nc - 2], c->kpoints[c->nk - 2], c->kpoints[c->nk - 1],
            MEV * c->force_k[c->nk - 2]);
    if (c->best_c < 0) {
        fprintf(out, "No combination of these is below %g meV/Ang: ask for higher cut-offs (--cutoffs) or smaller spacings "
                     "(--spacings).\n", MEV * c->wanted);
        return;
    }
    fprintf(out, "Cheapest settings with a force error below %g meV/Ang rms in every frame: %.2f meV/Ang, about %.1f core-seconds a frame.\n\n",
            MEV * c->wanted, MEV * converge_combined(c, c->best_c, c->best_k), c->time_c[c->best_c] * c->time_k[c->best_k]);
    fprintf(out, "label:\n  cutoff: %g Ha\n  kpoints: %s\n", c->cutoff[c->best_c], c->kpoints[c->best_k]);
}

void converge_print(const struct converge *c, FILE *out)
{
    for (int i = 0; i < c->nframes; i++)
        print_frame(c, i, out);
    fputs("\nErrors against the tightest of each series. Pulay: estimate (2/3V) dE/dln(cut-off) of what the pressure of fixed plane waves "
          "is off by.\n", out);
    print_best(c, out);
}

static void write_reals(FILE *out, const char *key, int n, const double *v)
{
    fprintf(out, "%s: [", key);
    for (int i = 0; i < n; i++) {
        fputs(i ? ", " : "", out);
        if (isfinite(v[i])) fprintf(out, "%.6g", v[i]);
        else fputs(".nan", out);
    }
    fputs("]\n", out);
}

static void write_rows(const struct converge *c, const char *key, int n, const struct conv_row *row, FILE *out)
{
    fprintf(out, "    %s:\n", key);
    for (int p = 0; p < n; p++) {
        const struct conv_row *r = &row[p];
        if (strcmp(key, "cutoff") == 0) fprintf(out, "      - {cutoff: %g", c->cutoff[p]);
        else {
            fputs("      - {kpoints: ", out);
            al_yaml_quote(out, c->kpoints[p]);
        }
        if (!r->have) {
            fputs(", failed: true}\n", out);
            continue;
        }
        fprintf(out, ", force_rms: %.6g, force_max: %.6g, energy: %.6g, stress: %.6g, pressure: %.6g", r->force_rms, r->force_max,
                r->energy, r->stress, r->pressure);
        if (isfinite(r->pulay)) fprintf(out, ", pulay: %.6g", r->pulay);
        fprintf(out, ", kpts: %d, waves: %d, core_seconds: %.3f, flops: %.6g}\n", r->nkpt, r->npw, r->seconds, r->flops);
    }
}

static void write_totals(const struct converge *c, FILE *out)
{
    double seconds = 0, flops = 0;
    for (int i = 0; i < 2 * c->nframes * CONV_MAX; i++) {
        const struct conv_row *r = i < c->nframes * CONV_MAX ? &c->c[i] : &c->k[i - c->nframes * CONV_MAX];
        if (!r->have || !isfinite(r->seconds) || !isfinite(r->flops)) continue;
        seconds += r->seconds;
        flops += r->flops;
    }
    fprintf(out, "totals: {core_seconds: %.3f, flops: %.6g}\n", seconds, flops);
}

enum al_err converge_write(const struct converge *c, const struct loop_config *s, const char *pseudo_hash, FILE *out)
{
    fputs("# Made by alnd label --converge; alnd plan and alnd start read it. Units: Ha, eV/Ang, eV/atom, GPa, s.\n", out);
    al_yaml_int(out, 0, "version", 1);
    al_yaml_str(out, 0, "functional", s->label.functional);
    al_yaml_str(out, 0, "pseudopotentials", s->label.pseudopotentials);
    fputs("elements: [", out);
    for (int i = 0; i < s->nelements; i++) // quoted, or N and Y were truth values to other readers
        fprintf(out, "%s\"%s\"", i ? ", " : "", al_element_symbol(s->element[i]));
    fputs("]\n", out);
    al_yaml_str(out, 0, "pseudo_hash", pseudo_hash);
    fprintf(out, "wanted: %.6g\n", c->wanted);
    write_reals(out, "cutoffs", c->nc, c->cutoff);
    fputs("kpoints:\n", out);
    for (int p = 0; p < c->nk; p++) {
        fputs("  - ", out);
        al_yaml_quote(out, c->kpoints[p]);
        fputc('\n', out);
    }
    write_reals(out, "force_error_cutoffs", c->nc, c->force_c);
    write_reals(out, "force_error_kpoints", c->nk, c->force_k);
    write_reals(out, "core_seconds_cutoffs", c->nc, c->time_c);
    write_reals(out, "time_factor_kpoints", c->nk, c->time_k);
    if (c->best_c >= 0) {
        fprintf(out, "best: {cutoff: %g Ha, kpoints: %s, force_error: %.6g, core_seconds: %.3f}\n", c->cutoff[c->best_c],
                c->kpoints[c->best_k], converge_combined(c, c->best_c, c->best_k), c->time_c[c->best_c] * c->time_k[c->best_k]);
    }
    write_totals(c, out);
    fputs("frames:\n", out);
    for (int i = 0; i < c->nframes; i++) {
        fputs("  - name: ", out);
        al_yaml_quote(out, c->name[i]);
        fputc('\n', out);
        write_rows(c, "cutoff", c->nc, &c->c[i * CONV_MAX], out);
        write_rows(c, "kpoints", c->nk, &c->k[i * CONV_MAX], out);
    }
    if (ferror(out)) AL_FAIL(AL_ERR_IO, "cannot write the table");
    return AL_ERR_OK;
}
