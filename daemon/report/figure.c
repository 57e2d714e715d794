// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "report/figure.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"

enum al_err figure_create(struct figure **ret)
{
    struct figure *f;
    AL_ALLOC(f, 1);
    *ret = f;
    return AL_ERR_OK;
}

void figure_destroy(struct figure **fp)
{
    struct figure *f = *fp;
    *fp = NULL;
    if (!f) return;
    for (int i = 0; i < f->n; i++) {
        al_free(f->name[i]);
        al_free(f->data[i]);
    }
    al_free(f);
}

enum al_err figure_add(struct figure *f, bool legend, int color, unsigned style, int n, const double *x, const double *y,
                       const double *error, const char *fmt, ...)
{
    char name[160];
    va_list ap;
    bool any = false;
    for (int i = 0; i < n && !any; i++)
        any = isfinite(x[i]) && isfinite(y[i]);
    if (!any) return AL_ERR_OK;
    if (f->n == FIGURE_SERIES) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d series in a plot", FIGURE_SERIES);
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    AL_TRY(al_strdup(name, &f->name[f->n]));
    double *v;
    enum al_err e = al_alloc(3 * (size_t)n, sizeof *v, &v);
    if (e) al_free(f->name[f->n]);
    AL_TRY(e);
    memcpy(v, x, (size_t)n * sizeof *v);
    memcpy(v + n, y, (size_t)n * sizeof *v);
    if (error) memcpy(v + 2 * (size_t)n, error, (size_t)n * sizeof *v);
    f->data[f->n] = v;
    f->series[f->n] = (struct al_plot_series){.label = legend ? f->name[f->n] : NULL, .n = n, .x = v, .y = v + n,
                                              .error = error ? v + 2 * (size_t)n : NULL, .style = style, .color = color};
    f->n++;
    return AL_ERR_OK;
}

static void csv_word(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"') fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void write_csv(FILE *out, const struct figure *f)
{
    fputs("series,", out);
    csv_word(out, f->plot.xlabel);
    fputc(',', out);
    csv_word(out, f->plot.ylabel);
    fputs(",error\n", out);
    for (int k = 0; k < f->n; k++) {
        const struct al_plot_series *s = &f->series[k];
        for (int i = 0; i < s->n; i++) {
            if (!isfinite(s->x[i]) || !isfinite(s->y[i])) continue;
            csv_word(out, f->name[k]);
            fprintf(out, ",%.9g,%.9g,", s->x[i], s->y[i]);
            if (s->error && isfinite(s->error[i])) fprintf(out, "%.9g", s->error[i]);
            fputc('\n', out);
        }
    }
}

// Inside of a URI within an attribute in double quotes.
static void uri_text(FILE *out, const char *text)
{
    static const char plain[] = "-_.~,/=+:()^*";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || strchr(plain, c)) fputc(c, out);
        else fprintf(out, "%%%02X", c);
    }
}

static void json_text(FILE *out, const char *text)
{
    char one[2] = {0};
    fputs("&quot;", out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        one[0] = (unsigned char)*text < ' ' ? ' ' : *text;
        html_text(out, one);
    }
    fputs("&quot;", out);
}

static void json_axis(FILE *out, const char *label, bool log, bool zero)
{
    fputs("{&quot;label&quot;:", out);
    json_text(out, label);
    fprintf(out, ",&quot;log&quot;:%d,&quot;zero&quot;:%d}", log, zero);
}

// What the script has to know besides the numbers.
static void write_meta(FILE *out, const struct figure *f)
{
    const struct al_plot *p = &f->plot;
    fputs(" data-plot=\"{&quot;x&quot;:", out);
    json_axis(out, p->xlabel, p->xlog, p->xzero);
    fputs(",&quot;y&quot;:", out);
    json_axis(out, p->ylabel, p->ylog, p->yzero);
    fputs(",&quot;series&quot;:[", out);
    for (int k = 0; k < f->n; k++) {
        fprintf(out, "%s{&quot;name&quot;:", k ? "," : "");
        json_text(out, f->name[k]);
        fprintf(out, ",&quot;legend&quot;:%d,&quot;color&quot;:%d,&quot;style&quot;:%u}", f->series[k].label != NULL, f->series[k].color,
                f->series[k].style);
    }
    fputs("]}\"", out);
}

static enum al_err write_file(const struct page *pg, const char *id, const struct figure *f)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/%s.csv", pg->csv_dir, id));
    AL_TRY(al_outfile_open(path, &o));
    write_csv(o.out, f);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

enum al_err figure_write(const struct page *pg, const char *id, const struct figure *f, const char *said)
{
    struct al_plot p = f->plot;
    char *csv = NULL;
    size_t n = 0;
    FILE *out = pg->out;
    if (!f->n) return AL_ERR_OK;
    p.series = f->series;
    p.nseries = f->n;
    p.note = pg->note;
    p.id = id;
    if (pg->csv_dir) AL_TRY(write_file(pg, id, f));
    FILE *m = open_memstream(&csv, &n);
    if (!m) AL_FAIL(AL_ERR_NOMEM, "no memory for a plot's numbers");
    write_csv(m, f);
    if (fclose(m) != 0) {
        free(csv);
        AL_FAIL(AL_ERR_NOMEM, "no memory for a plot's numbers");
    }
    fprintf(out, "<figure id=\"%s\" class=\"plot\"", id);
    write_meta(out, f);
    fputs(">\n<div class=\"static\">", out);
    enum al_err e = al_svg_write(out, &p);
    fputs("</div>\n<figcaption><b>", out);
    html_text(out, p.title);
    fputs("</b> ", out);
    if (said) html_text(out, said);
    fprintf(out, " <a class=\"csv\" download=\"%s.csv\" href=\"data:text/csv;charset=utf-8,", id);
    uri_text(out, csv);
    fputs("\">CSV</a></figcaption></figure>\n", out);
    free(csv);
    AL_TRY(e);
    return AL_ERR_OK;
}
