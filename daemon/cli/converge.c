// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/converge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/converge_table.h"

// A list like "20, 25, 30 Ha": the last number's unit is that of those without one.
static enum al_err parse_list(const char *what, const char *text, enum al_dim dim, int *ret_n, double ret[CONV_MAX])
{
    const char *last = strrchr(text, ','), *unit = last ? last + 1 : text;
    unit += strspn(unit, " ");
    unit += strcspn(unit, " ");
    unit += strspn(unit, " ");
    *ret_n = 0;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        char item[96];
        while (n && *p == ' ')
            p++, n--;
        snprintf(item, sizeof item, "%.*s%s%s", (int)(n < 40 ? n : 40), p, memchr(p, ' ', n) ? "" : " ",
                 memchr(p, ' ', n) ? "" : unit);
        if (*ret_n == CONV_MAX - 2) AL_FAIL(AL_ERR_INPUT, "%s: more than %d values", what, CONV_MAX - 2);
        AL_TRY_MSG(al_quantity_parse(item, dim, &ret[*ret_n]), "%s", what);
        if (!(ret[*ret_n] > 0)) AL_FAIL(AL_ERR_INPUT, "%s: %s is not positive", what, item);
        ++*ret_n;
        p += n + (p[n] == ',');
    }
    return AL_ERR_OK;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Without a wish: from half of the configuration's cut-off to 5/3 of it, whole Hartrees.
static enum al_err choose_cutoffs(const struct loop_config *cfg, const struct converge_wish *w, struct converge *c)
{
    static const double part[] = {0.5, 2. / 3, 5. / 6, 1, 7. / 6, 4. / 3, 5. / 3};
    if (w->cutoffs) {
        AL_TRY(parse_list("--cutoffs", w->cutoffs, AL_DIM_ENERGY, &c->nc, c->cutoff));
        for (int i = 0; i < c->nc; i++)
            c->cutoff[i] /= AL_HARTREE_EV;
    } else {
        for (size_t i = 0; i < sizeof part / sizeof *part; i++)
            c->cutoff[c->nc++] = fmax(2, round(part[i] * cfg->label.cutoff));
    }
    qsort(c->cutoff, (size_t)c->nc, sizeof *c->cutoff, rising);
    int n = 0;
    for (int i = 0; i < c->nc; i++)
        if (n == 0 || c->cutoff[i] > c->cutoff[n - 1] + 1e-6) c->cutoff[n++] = c->cutoff[i];
    c->nc = n;
    if (c->nc < 3) AL_FAIL(AL_ERR_INPUT, "--cutoffs: at least three are needed");
    return AL_ERR_OK;
}

static enum al_err choose_kpoints(const struct converge_wish *w, struct converge *c)
{
    double s[CONV_MAX];
    int n;
    AL_TRY(parse_list("--spacings", w->spacings ? w->spacings : "0.8, 0.52, 0.35 1/Ang", AL_DIM_INVLENGTH, &n, s));
    qsort(s, (size_t)n, sizeof *s, rising);
    snprintf(c->kpoints[c->nk++], CONV_TEXT, "gamma");
    snprintf(c->kpoints[c->nk++], CONV_TEXT, "{points: [[0.25, 0.25, 0.25]]}");
    for (int i = n - 1; i >= 0; i--)
        snprintf(c->kpoints[c->nk++], CONV_TEXT, "{spacing: %g 1/Ang}", s[i]);
    return AL_ERR_OK;
}

// Settings 0 .. nc - 1: the cut-offs at Gamma; then the k-points but Gamma at the lowest cut-off.
static int npoints(const struct converge *c)
{
    return c->nc + c->nk - 1;
}

static void point_name(const struct converge *c, int p, double *ret_cutoff, const char **ret_kpoints)
{
    *ret_cutoff = p < c->nc ? c->cutoff[p] : c->cutoff[0];
    *ret_kpoints = c->kpoints[p < c->nc ? 0 : p - c->nc + 1];
}

static enum al_err make_tasks(const struct label_job *j, const struct converge *c, struct bag_task *t)
{
    for (int p = 0; p < npoints(c); p++) {
        struct label_settings s;
        char cutoff[32], name[192];
        const char *k;
        double ha;
        point_name(c, p, &ha, &k);
        snprintf(cutoff, sizeof cutoff, "%.10g Ha", ha);
        AL_TRY(label_job_settings(j, (struct cfg_overrides){.cutoff = cutoff, .kpoints = k}, &s));
        for (int i = 0; i < c->nframes; i++) {
            snprintf(name, sizeof name, "%.40s %g Ha %s", c->name[i], ha, k);
            AL_TRY(label_job_task(j, &s, i, false, name, &t[p * c->nframes + i]));
        }
    }
    return AL_ERR_OK;
}

static bool good(const struct bag_task *t)
{
    return t && t->state == BAG_DONE && !bag_fact(t, "failed");
}

// One series of a frame: labels of settings first .. first + n - 1 (index[] of them) against the last one.
static enum al_err take_series(const struct label_job *j, const struct bag_task *const *t, int n, struct conv_row *row,
                               double *ret_energy)
{
    AL_OWN(al_frame) ref = NULL;
    if (good(t[n - 1])) AL_TRY(label_job_result(j, t[n - 1], &ref));
    for (int i = 0; i < n; i++) {
        AL_OWN(al_frame) f = NULL;
        double ranks = fmax(1, bag_fact_real(t[i], "ranks"));
        if (ret_energy) ret_energy[i] = (double)NAN;
        if (!good(t[i]) || !ref) continue;
        AL_TRY(label_job_result(j, t[i], &f));
        converge_compare(f, ref, &row[i]);
        row[i].have = true;
        row[i].seconds = ranks * bag_fact_real(t[i], "seconds");
        row[i].flops = bag_fact_real(t[i], "flops");
        row[i].nkpt = (int)fmax(0, bag_fact_real(t[i], "nkpt"));
        row[i].npw = (int)fmax(0, bag_fact_real(t[i], "npw"));
        if (ret_energy) ret_energy[i] = f->energy;
    }
    return AL_ERR_OK;
}

static enum al_err take_results(const struct label_job *j, const struct bag_task *t, struct converge *c)
{
    for (int i = 0; i < c->nframes; i++) {
        const struct bag_task *series[CONV_MAX] = {NULL};
        double energy[CONV_MAX];
        for (int p = 0; p < c->nc; p++)
            series[p] = &t[p * c->nframes + i];
        AL_TRY(take_series(j, series, c->nc, &c->c[i * CONV_MAX], energy));
        converge_pulay(c, i, energy, al_frame_volume(j->frames->f[i]));
        for (int p = 1; p < c->nk; p++)
            series[p] = &t[(c->nc + p - 1) * c->nframes + i];
        AL_TRY(take_series(j, series, c->nk, &c->k[i * CONV_MAX], NULL));
    }
    return AL_ERR_OK;
}

static enum al_err write_table(const struct label_job *j, const struct converge *c, const char *out, bool json)
{
    struct al_outfile o;
    AL_OWN(al_node) tree = NULL;
    AL_TRY(al_outfile_open(out, &o));
    enum al_err e = converge_write(c, j->cfg, j->pseudo_hash, o.out);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    if (!json) return AL_ERR_OK;
    AL_TRY(al_yaml_read(out, &tree));
    AL_TRY(cli_print_json(tree));
    return AL_ERR_OK;
}

static int tell_failed(const struct converge *c, const struct bag_task *t)
{
    int bad = 0;
    for (int i = 0; i < npoints(c) * c->nframes; i++) {
        if (good(&t[i])) continue;
        const char *reason = bag_fact(&t[i], "reason");
        fprintf(stderr, "alnd: %s failed: %s\n", t[i].name, reason ? reason : t[i].message);
        bad++;
    }
    if (bad) fprintf(stderr, "alnd: %d of %d calculations failed\n", bad, npoints(c) * c->nframes);
    return bad ? EXIT_FAILED : EXIT_OK;
}

static enum al_err measure(struct label_job *j, const struct converge_wish *w, const char *out, int *ret_code)
{
    AL_OWN(converge) c = NULL;
    AL_AUTOFREE struct bag_task *t = NULL;
    FILE *say = j->json ? stderr : stdout;
    AL_TRY(converge_create(j->frames->n, &c));
    c->wanted = j->cfg->label.force_error;
    if (w->force_error) AL_TRY_MSG(al_quantity_parse(w->force_error, AL_DIM_FORCE, &c->wanted), "--force-error");
    if (!(c->wanted > 0)) AL_FAIL(AL_ERR_INPUT, "--force-error: %s is not positive", w->force_error);
    AL_TRY(choose_cutoffs(j->cfg, w, c));
    AL_TRY(choose_kpoints(w, c));
    for (int i = 0; i < c->nframes; i++)
        label_job_name(j, i, c->name[i], sizeof c->name[i]);
    int n = npoints(c) * c->nframes;
    AL_ALLOC(t, n);
    fprintf(say, "%d frame%s (%s): %d cut-offs from %g to %g Ha at Gamma, %d sets of k-points at %g Ha; %d calculations\n",
            c->nframes, c->nframes > 1 ? "s" : "", j->elements, c->nc, c->cutoff[0], c->cutoff[c->nc - 1], c->nk, c->cutoff[0], n);
    fflush(say);
    AL_TRY(make_tasks(j, c, t));
    enum al_err e = label_job_run(j, "converge", n, t);
    if (!e) e = take_results(j, t, c);
    if (!e) converge_judge(c);
    if (!e && !j->json) converge_print(c, stdout);
    if (!e) e = write_table(j, c, out, j->json);
    if (!e && !j->json) printf("\ntable in %s\n", out);
    fflush(stdout);
    if (!e) *ret_code = tell_failed(c, t);
    bag_tasks_release(n, t);
    AL_TRY(e);
    return AL_ERR_OK;
}

int converge_run(struct label_choice *o, const char *out, const struct converge_wish *w)
{
    AL_OWN(loop_config) c = NULL;
    struct label_job j;
    char table[AL_PATH], work[AL_PATH];
    int code = EXIT_OK;
    enum al_err e = out ? al_path(table, "%s", out) : loop_config_read_engine(o->config, &c);
    if (!e && !out) e = loop_config_converge_path(c, table);
    if (!e) e = al_path(work, "%s.work", table);
    o->work = work;
    o->ntasks = 1000; // never fewer tasks than cores
    if (!e) e = label_job_open(o, &j);
    if (e) return cli_fail(e);
    label_job_afresh(&j);
    e = measure(&j, w, table, &code);
    label_job_close(&j);
    if (e) code = cli_fail(e);
    if (e == AL_ERR_STOPPED) fputs("hint: the same command goes on\n", stderr);
    return code;
}
