// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Coordinates are printed with two digits; colours are Okabe and Ito's palette (safe for colour-blind
// readers).
#include "base/svg.h"

#include <math.h>
#include <string.h>

#include "base/fsio.h"

struct axis {
    double lo, hi; // data; of log10 on a logarithmic axis
    bool log;
    double from, length; // px; length < 0 for y (upwards)
};

struct view {
    FILE *out;
    const struct al_plot *p;
    struct axis x, y;
    double left, top, width, height; // px, of the data area
    int total_width, total_height;
};

static const char *const palette[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#E69F00", "#56B4E9", "#555555"};
enum { NPALETTE = sizeof palette / sizeof *palette, MAX_TICKS = 40 };

static const char *color_of(const struct al_plot *p, int i)
{
    int c = p->series[i].color > 0 ? p->series[i].color - 1 : i;
    return palette[c % NPALETTE];
}

static void put_text(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        switch (*c) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            if ((unsigned char)*c >= ' ') fputc(*c, out);
        }
}

static bool value_of(const struct axis *a, double v, double *ret)
{
    if (!isfinite(v) || (a->log && !(v > 0.0))) return false;
    *ret = a->log ? log10(v) : v;
    return true;
}

static double to_px(const struct axis *a, double t)
{
    return a->from + (t - a->lo) / (a->hi - a->lo) * a->length;
}

// --- ranges and ticks ----------------------------------------------------------------------------------

static void widen(double *lo, double *hi, bool *any, double v)
{
    if (!*any || v < *lo) *lo = v;
    if (!*any || v > *hi) *hi = v;
    *any = true;
}

static void data_range(const struct al_plot *p, struct axis *a, bool is_x)
{
    double lo = 0.0, hi = 1.0, v;
    bool any = false;
    for (int s = 0; s < p->nseries; s++)
        for (int i = 0; i < p->series[s].n; i++) {
            const struct al_plot_series *q = &p->series[s];
            double c = is_x ? q->x[i] : q->y[i], e = !is_x && q->error ? q->error[i] : 0.0;
            if (!isfinite(e)) e = 0.0;
            if (!value_of(a, c, &v)) continue;
            widen(&lo, &hi, &any, v);
            if (value_of(a, c - e, &v) && !a->log) widen(&lo, &hi, &any, v);
            if (value_of(a, c + e, &v)) widen(&lo, &hi, &any, v);
        }
    double span = hi - lo, pad = 0.05 * span;
    if (a->log && span < 0.7) pad = 0.5 * (0.8 - span); // so that a labelled tick is in sight: 1, 2 or 5
    else if (!(span > 1e-12 * fmax(fabs(lo), fabs(hi)))) pad = (hi != 0.0 ? 0.1 * fabs(hi) : 1.0);
    bool zero = !a->log && (is_x ? p->xzero : p->yzero) && lo >= 0.0;
    a->lo = zero ? 0.0 : lo - pad;
    a->hi = hi + pad;
}

static void set_range(const struct al_plot *p, struct axis *a, bool is_x)
{
    double lo = is_x ? p->xmin : p->ymin, hi = is_x ? p->xmax : p->ymax, tlo, thi;
    a->log = is_x ? p->xlog : p->ylog;
    data_range(p, a, is_x);
    if ((lo != 0.0 || hi != 0.0) && hi > lo && value_of(a, lo, &tlo) && value_of(a, hi, &thi)) {
        a->lo = tlo;
        a->hi = thi;
    }
}

static double nice_step(double span, int wanted)
{
    double raw = span / wanted, power = pow(10.0, floor(log10(raw))), m = raw / power;
    return power * (m < 1.5 ? 1.0 : m < 3.5 ? 2.0 : m < 7.5 ? 5.0 : 10.0);
}

struct tick {
    double at; // on the axis (log10 on a logarithmic one)
    bool major;
    char label[32]; // "" = none; "^n" = ten to the n
};

static void label_number(char buf[32], double v, double step)
{
    if (fabs(v) < 1e-9 * step) v = 0.0;
    int digits = (int)fmax(0.0, ceil(-log10(step) - 1e-9));
    if (digits > 5 || fabs(v) >= 1e6)
        snprintf(buf, 32, "%.4g", v);
    else
        snprintf(buf, 32, "%.*f", digits, v);
}

static int linear_ticks(const struct axis *a, struct tick *t)
{
    double step = nice_step(a->hi - a->lo, 6);
    int n = 0;
    long k = (long)ceil(a->lo / step - 1e-9);
    for (; (double)k * step <= a->hi + 1e-9 * step && n < MAX_TICKS; k++) {
        t[n].at = (double)k * step;
        t[n].major = true;
        label_number(t[n++].label, (double)k * step, step);
    }
    return n;
}

// Decades are major; with less than two of them in sight 2 and 5 are labelled as well.
static int log_ticks(const struct axis *a, struct tick *t)
{
    int lo = (int)floor(a->lo), hi = (int)ceil(a->hi), n = 0;
    bool close = a->hi - a->lo < 2.0, dense = hi - lo <= 4;
    int stride = (hi - lo + 7) / 8;
    for (int d = lo; d <= hi; d++)
        for (int m = 1; m < (dense ? 10 : 2); m++) {
            double at = d + log10(m);
            if (at < a->lo - 1e-9 || at > a->hi + 1e-9 || n >= MAX_TICKS) continue;
            t[n] = (struct tick){.at = at, .major = m == 1};
            bool show = (m == 1 && d % stride == 0) || (close && (m == 2 || m == 5));
            if (show && close && d >= -3 && d <= 3)
                label_number(t[n].label, m * pow(10.0, d), pow(10.0, d));
            else if (show && m == 1)
                snprintf(t[n].label, sizeof t[n].label, "^%d", d);
            else if (show)
                snprintf(t[n].label, sizeof t[n].label, "%g", m * pow(10.0, d));
            n++;
        }
    return n;
}

static int ticks_of(const struct axis *a, struct tick *t)
{
    return a->log ? log_ticks(a, t) : linear_ticks(a, t);
}

// --- drawing -------------------------------------------------------------------------------------------

static void put_label(const struct view *v, double x, double y, const char *anchor, const char *label)
{
    fprintf(v->out, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\" class=\"t\">", x, y, anchor);
    if (label[0] == '^')
        fprintf(v->out, "10<tspan dy=\"-4\" font-size=\"9\">%s</tspan>", label + 1);
    else
        put_text(v->out, label);
    fputs("</text>\n", v->out);
}

static void draw_axes(const struct view *v)
{
    struct tick t[MAX_TICKS];
    double bottom = v->top + v->height, right = v->left + v->width;
    int n = ticks_of(&v->x, t);
    for (int i = 0; i < n; i++) {
        double x = to_px(&v->x, t[i].at);
        if (t[i].major) fprintf(v->out, "<path d=\"M%.2f %.2fV%.2f\" class=\"g\"/>\n", x, v->top, bottom);
        fprintf(v->out, "<path d=\"M%.2f %.2fv-%d\" class=\"a\"/>\n", x, bottom, t[i].major ? 6 : 3);
        if (t[i].label[0]) put_label(v, x, bottom + 17, "middle", t[i].label);
    }
    n = ticks_of(&v->y, t);
    for (int i = 0; i < n; i++) {
        double y = to_px(&v->y, t[i].at);
        if (t[i].major) fprintf(v->out, "<path d=\"M%.2f %.2fH%.2f\" class=\"g\"/>\n", v->left, y, right);
        fprintf(v->out, "<path d=\"M%.2f %.2fh%d\" class=\"a\"/>\n", v->left, y, t[i].major ? 6 : 3);
        if (t[i].label[0]) put_label(v, v->left - 7, y + 4, "end", t[i].label);
    }
    fprintf(v->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" class=\"a\"/>\n", v->left,
            v->top, v->width, v->height);
}

static void draw_titles(const struct view *v)
{
    const struct al_plot *p = v->p;
    double middle = v->left + 0.5 * v->width;
    if (p->title) {
        fprintf(v->out, "<text x=\"%.2f\" y=\"24\" text-anchor=\"middle\" class=\"h\">", middle);
        put_text(v->out, p->title);
        fputs("</text>\n", v->out);
    }
    if (p->note) {
        fprintf(v->out, "<text x=\"%.2f\" y=\"%d\" text-anchor=\"middle\" class=\"n\">", middle,
                p->title ? 41 : 22);
        put_text(v->out, p->note);
        fputs("</text>\n", v->out);
    }
    if (p->xlabel) {
        fprintf(v->out, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"middle\" class=\"l\">", middle,
                v->top + v->height + 38);
        put_text(v->out, p->xlabel);
        fputs("</text>\n", v->out);
    }
    if (p->ylabel) {
        double y = v->top + 0.5 * v->height;
        fprintf(v->out,
                "<text transform=\"translate(18 %.2f) rotate(-90)\" text-anchor=\"middle\" class=\"l\">", y);
        put_text(v->out, p->ylabel);
        fputs("</text>\n", v->out);
    }
}

static bool point_of(const struct view *v, const struct al_plot_series *s, int i, double *x, double *y)
{
    double a, b;
    if (!value_of(&v->x, s->x[i], &a) || !value_of(&v->y, s->y[i], &b)) return false;
    *x = to_px(&v->x, a);
    *y = to_px(&v->y, b);
    return fabs(*x) < 1e6 && fabs(*y) < 1e6; // far outside of a given range: renderers dislike huge numbers
}

static void draw_line(const struct view *v, const struct al_plot_series *s, const char *color)
{
    bool pen = false;
    double x, y;
    fputs("<path d=\"", v->out);
    for (int i = 0; i < s->n; i++) {
        bool there = point_of(v, s, i, &x, &y);
        if (there) fprintf(v->out, "%c%.2f %.2f", pen ? 'L' : 'M', x, y);
        pen = there;
    }
    fprintf(v->out, "\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" stroke-linejoin=\"round\"%s/>\n",
            color, s->style & AL_PLOT_DASHED ? " stroke-dasharray=\"6 4\"" : "");
}

static void draw_marker(const struct view *v, double x, double y, unsigned style, const char *color)
{
    if (style & AL_PLOT_SQUARE) fprintf(v->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"6.4\" height=\"6.4\"", x - 3.2, y - 3.2);
    else fprintf(v->out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"3.4\"", x, y);
    fprintf(v->out, " fill=\"%s\" stroke=\"%s\" stroke-width=\"1.4\"/>\n", style & AL_PLOT_OPEN ? "white" : color, color);
}

static void draw_errors(const struct view *v, const struct al_plot_series *s, const char *color)
{
    double x, y, t;
    for (int i = 0; i < s->n; i++) {
        if (!point_of(v, s, i, &x, &y) || !isfinite(s->error[i]) || !(s->error[i] > 0.0)) continue;
        double up = value_of(&v->y, s->y[i] + s->error[i], &t) ? to_px(&v->y, t) : y;
        double down = value_of(&v->y, s->y[i] - s->error[i], &t) ? to_px(&v->y, t) : v->top + v->height + 50;
        up = fmax(up, -1e5);
        down = fmin(down, 1e5);
        fprintf(
            v->out,
            "<path d=\"M%.2f %.2fh6m-3 0V%.2fm-3 0h6\" fill=\"none\" stroke=\"%s\" stroke-width=\"1\"/>\n",
            x - 3, up, down, color);
    }
}

static void draw_series(const struct view *v)
{
    fprintf(v->out, "<g clip-path=\"url(#%s%sarea)\">\n", v->p->id ? v->p->id : "", v->p->id ? "-" : "");
    for (int k = 0; k < v->p->nseries; k++) {
        const struct al_plot_series *s = &v->p->series[k];
        const char *color = color_of(v->p, k);
        double x, y;
        if (s->error) draw_errors(v, s, color);
        if (s->n > 0 && (s->style == 0 || (s->style & (AL_PLOT_LINE | AL_PLOT_DASHED)))) draw_line(v, s, color);
        if (s->style & AL_PLOT_POINTS)
            for (int i = 0; i < s->n; i++)
                if (point_of(v, s, i, &x, &y)) draw_marker(v, x, y, s->style, color);
    }
    fputs("</g>\n", v->out);
}

// --- legend --------------------------------------------------------------------------------------------

static int utf8_length(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

// The corner whose box covers the fewest data points.
static void legend_corner(const struct view *v, double w, double h, double *ret_x, double *ret_y)
{
    long best = -1;
    for (int c = 0; c < 4; c++) {
        double x0 = c & 1 ? v->left + v->width - w - 10 : v->left + 10;
        double y0 = c & 2 ? v->top + v->height - h - 10 : v->top + 10, x, y;
        long hits = 0;
        for (int k = 0; k < v->p->nseries; k++)
            for (int i = 0; i < v->p->series[k].n; i++)
                hits += point_of(v, &v->p->series[k], i, &x, &y) && x > x0 - 5 && x < x0 + w + 5 &&
                        y > y0 - 5 && y < y0 + h + 5;
        if (best >= 0 && hits >= best) continue;
        best = hits;
        *ret_x = x0;
        *ret_y = y0;
    }
}

static void draw_legend(const struct view *v)
{
    int rows = 0, widest = 0;
    for (int k = 0; k < v->p->nseries; k++) {
        const char *label = v->p->series[k].label;
        if (!label) continue;
        rows++;
        if (utf8_length(label) > widest) widest = utf8_length(label);
    }
    if (!rows) return;
    double w = 44 + 6.4 * widest, h = 10 + 17 * rows, x = 0.0, y = 0.0;
    legend_corner(v, w, h, &x, &y);
    fprintf(v->out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" rx=\"3\" class=\"b\"/>\n", x,
            y, w, h);
    int row = 0;
    for (int k = 0; k < v->p->nseries; k++) {
        const struct al_plot_series *s = &v->p->series[k];
        if (!s->label) continue;
        double ty = y + 17 + 17 * row++;
        if (s->style == 0 || (s->style & (AL_PLOT_LINE | AL_PLOT_DASHED)))
            fprintf(v->out, "<path d=\"M%.2f %.2fh24\" stroke=\"%s\" stroke-width=\"1.6\"%s/>\n", x + 8,
                    ty - 4, color_of(v->p, k), s->style & AL_PLOT_DASHED ? " stroke-dasharray=\"6 4\"" : "");
        if (s->style & AL_PLOT_POINTS) draw_marker(v, x + 20, ty - 4, s->style, color_of(v->p, k));
        fprintf(v->out, "<text x=\"%.2f\" y=\"%.2f\" class=\"t\">", x + 38, ty);
        put_text(v->out, s->label);
        fputs("</text>\n", v->out);
    }
}

static void put_head(const struct view *v)
{
    fprintf(
        v->out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
        "font-family=\"Helvetica, Arial, sans-serif\">\n"
        "<style>.t{font-size:12px;fill:#222}.l{font-size:14px;fill:#111}.h{font-size:15px;font-weight:bold;"
        "fill:#111}.n{font-size:12px;fill:#a33}.g{stroke:#e4e4e4;fill:none}.a{stroke:#333;fill:none}"
        ".b{fill:#fff;fill-opacity:0.85;stroke:#ccc}</style>\n"
        "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n"
        "<defs><clipPath id=\"%s%sarea\"><rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" "
        "height=\"%.2f\"/></clipPath></defs>\n",
        v->total_width, v->total_height, v->total_width, v->total_height, v->total_width, v->total_height,
        v->p->id ? v->p->id : "", v->p->id ? "-" : "", v->left, v->top, v->width, v->height);
}

enum al_err al_svg_write(FILE *out, const struct al_plot *p)
{
    struct view v = {.out = out, .p = p};
    v.total_width = p->width > 0 ? p->width : 640;
    v.total_height = p->height > 0 ? p->height : 440;
    v.left = 78;
    v.top = p->title && p->note ? 52 : p->title || p->note ? 36 : 16;
    v.width = v.total_width - v.left - 22;
    v.height = v.total_height - v.top - 52;
    if (v.width < 50 || v.height < 50)
        AL_FAIL(AL_ERR_INPUT, "a plot of %d x %d pixels is too small", v.total_width, v.total_height);
    set_range(p, &v.x, true);
    set_range(p, &v.y, false);
    v.x.from = v.left;
    v.x.length = v.width;
    v.y.from = v.top + v.height;
    v.y.length = -v.height;
    put_head(&v);
    draw_axes(&v);
    draw_series(&v);
    draw_titles(&v);
    draw_legend(&v);
    fputs("</svg>\n", out);
    if (ferror(out)) AL_FAIL(AL_ERR_IO, "cannot write the plot");
    return AL_ERR_OK;
}

enum al_err al_svg_plot(const char *path, const struct al_plot *p)
{
    struct al_outfile f;
    AL_TRY(al_outfile_open(path, &f));
    enum al_err e = al_svg_write(f.out, p);
    if (e) al_outfile_drop(&f);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&f));
    return AL_ERR_OK;
}
