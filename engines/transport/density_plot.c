// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A density as a picture: its sum along one cell vector in the plane of the other two, drawn as coloured parallelograms in true
// shape. Colours: samples of matplotlib's viridis map (CC0), linear between them.
#include <math.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "transport/density.h"

enum { WIDTH = 640, MARGIN = 60, HEAD = 56, BAR = 16, NCOLORS = 9 };
static const unsigned char map[NCOLORS][3] = {{68, 1, 84},    {71, 44, 122},  {59, 81, 139},  {44, 113, 142}, {33, 144, 141},
                                              {39, 173, 129}, {92, 200, 99},  {170, 220, 50}, {253, 231, 37}};

static void color_of(double v, char ret[8]) // v: 0 to 1
{
    double at = fmin(fmax(v, 0.0), 1.0) * (NCOLORS - 1);
    int i = (int)fmin(floor(at), NCOLORS - 2), rgb[3];
    for (int c = 0; c < 3; c++)
        rgb[c] = (int)round(map[i][c] + (at - i) * (map[i + 1][c] - map[i][c]));
    snprintf(ret, 8, "#%02x%02x%02x", (unsigned)rgb[0] & 255u, (unsigned)rgb[1] & 255u, (unsigned)rgb[2] & 255u);
}

struct view {
    FILE *out;
    int u, v, w;               // axes across, up, along the sight
    double a[2], b[2];         // cell vectors u and v in the plane, Ang; the first lies along x
    double left, bottom, px;   // Ang at the corner, pixels per Ang
    double height;
};

static int shortest(const double cell[3][3])
{
    int s = 0;
    for (int q = 1; q < 3; q++)
        if (al_dot3(cell[q], cell[q]) < al_dot3(cell[s], cell[s])) s = q;
    return s;
}

static void set_view(const struct tr_density *d, int axis, struct view *v)
{
    const double(*cell)[3] = d->lattice->cell;
    v->w = axis >= 0 && axis < 3 ? axis : shortest(cell);
    v->u = (v->w + 1) % 3;
    v->v = (v->w + 2) % 3;
    double length = sqrt(al_dot3(cell[v->u], cell[v->u])), along = al_dot3(cell[v->u], cell[v->v]) / length;
    v->a[0] = length;
    v->b[0] = along;
    v->b[1] = sqrt(fmax(al_dot3(cell[v->v], cell[v->v]) - along * along, 0.0));
    v->left = fmin(0.0, along);
    double across = length + fabs(along);
    v->px = (WIDTH - 2.0 * MARGIN) / across;
    v->bottom = HEAD + v->b[1] * v->px;
    v->height = v->bottom + MARGIN;
}

static void to_px(const struct view *v, double su, double sv, double ret[2])
{
    ret[0] = MARGIN + (su * v->a[0] + sv * v->b[0] - v->left) * v->px;
    ret[1] = v->bottom - (su * v->a[1] + sv * v->b[1]) * v->px;
}

static void parallelogram(const struct view *v, double su, double sv, double du, double dv, const char *fill, const char *more)
{
    double p[4][2];
    to_px(v, su, sv, p[0]);
    to_px(v, su + du, sv, p[1]);
    to_px(v, su + du, sv + dv, p[2]);
    to_px(v, su, sv + dv, p[3]);
    fprintf(v->out, "<path d=\"M%.2f %.2fL%.2f %.2fL%.2f %.2fL%.2f %.2fz\" fill=\"%s\"%s/>\n", p[0][0], p[0][1], p[1][0],
            p[1][1], p[2][0], p[2][1], p[3][0], p[3][1], fill, more);
}

static double project(const struct tr_density *d, const struct view *v, double *sum)
{
    double step = d->voxel * d->n[v->u] * d->n[v->v], area, n[3], max = 0.0;
    al_cross3(d->lattice->cell[v->u], d->lattice->cell[v->v], n);
    area = sqrt(al_dot3(n, n));
    for (int i2 = 0; i2 < d->n[2]; i2++)
        for (int i1 = 0; i1 < d->n[1]; i1++)
            for (int i0 = 0; i0 < d->n[0]; i0++) {
                int i[3] = {i0, i1, i2};
                size_t at = (size_t)i0 + (size_t)d->n[0] * ((size_t)i1 + (size_t)d->n[1] * (size_t)i2);
                sum[i[v->u] + d->n[v->u] * i[v->v]] += d->rho[at] * step / area;
            }
    for (int p = 0; p < d->n[v->u] * d->n[v->v]; p++)
        max = fmax(max, sum[p]);
    return max;
}

static void text(const struct view *v, double x, double y, const char *anchor, int size, const char *s)
{
    fprintf(v->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">", x, y, anchor, size);
    for (const char *c = s; *c; c++)
        if (*c == '<')
            fputs("&lt;", v->out);
        else if (*c == '>')
            fputs("&gt;", v->out);
        else if (*c == '&')
            fputs("&amp;", v->out);
        else
            fputc(*c, v->out);
    fputs("</text>\n", v->out);
}

static void draw_atoms(const struct view *v, const struct tr_density *d)
{
    double inv[3][3], s[3], p[2];
    al_inv3(d->lattice->cell, inv);
    for (int i = 0; i < d->lattice->natoms; i++) {
        al_vecmat3(d->lattice->pos[i], inv, s);
        to_px(v, s[v->u] - floor(s[v->u]), s[v->v] - floor(s[v->v]), p);
        fprintf(v->out, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"3.5\" fill=\"none\" stroke=\"#ffffff\"><title>%s</title></circle>\n",
                p[0], p[1], al_element_symbol(d->lattice->z[i]));
    }
}

static void draw_scale(const struct view *v, double max)
{
    double x0 = WIDTH - MARGIN + 14.0, height = v->bottom - HEAD;
    char label[32], fill[8];
    for (int i = 0; i < 64; i++) {
        color_of((i + 0.5) / 64, fill);
        fprintf(v->out, "<rect x=\"%.1f\" y=\"%.2f\" width=\"%d\" height=\"%.2f\" fill=\"%s\"/>\n", x0,
                v->bottom - (i + 1) * height / 64, BAR, height / 64 + 0.3, fill);
    }
    snprintf(label, sizeof label, "%.3g", max);
    text(v, x0 + BAR / 2.0, HEAD - 5.0, "middle", 11, label);
    text(v, x0 + BAR / 2.0, v->bottom + 14.0, "middle", 11, "0");
}

static void draw(struct view *v, const char *title, const char *note, const struct tr_density *d, const double *sum, double max)
{
    static const char name[] = "abc";
    char line[96], fill[8];
    int nu = d->n[v->u], nv = d->n[v->v];
    fprintf(v->out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" "
                    "font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            WIDTH, v->height, WIDTH, v->height);
    text(v, WIDTH / 2.0, 20, "middle", 14, title);
    if (note) text(v, WIDTH / 2.0, 37, "middle", 11, note);
    color_of(0.0, fill);
    parallelogram(v, 0, 0, 1, 1, fill, "");
    fputs("<clipPath id=\"cell\">", v->out);
    parallelogram(v, 0, 0, 1, 1, fill, "");
    fputs("</clipPath>\n<g clip-path=\"url(#cell)\" shape-rendering=\"crispEdges\">\n", v->out);
    for (int j = 0; j <= nv; j++) // a grid point is the middle of its voxel: those at 0 are cut, the other half is at the far side
        for (int i = 0; i <= nu; i++) {
            double here = sum[i % nu + nu * (j % nv)];
            if (!(here > 0.002 * max)) continue;
            color_of(here / max, fill);
            parallelogram(v, (i - 0.5) / nu, (j - 0.5) / nv, 1.0 / nu, 1.0 / nv, fill, "");
        }
    fprintf(v->out, "</g>\n");
    draw_atoms(v, d);
    parallelogram(v, 0, 0, 1, 1, "none", " stroke=\"#333333\"");
    draw_scale(v, max);
    snprintf(line, sizeof line, "%c: %.2f \xc3\x85 to the right, %c upwards; ions/\xc3\x85\xc2\xb2, summed along %c; circles: framework",
             name[v->u], v->a[0], name[v->v], name[v->w]);
    text(v, WIDTH / 2.0, v->bottom + 36.0, "middle", 11, line);
    fputs("</svg>\n", v->out);
}

// The picture's numbers, one row a grid point: fractional coordinates along the two vectors in sight, ions/Ang^2.
enum al_err tr_write_density(const char *path, int axis, const struct tr_density *d)
{
    static const char name[] = "abc";
    struct view v = {0};
    struct al_outfile o;
    AL_AUTOFREE double *sum = NULL;
    set_view(d, axis, &v);
    int nu = d->n[v.u], nv = d->n[v.v];
    AL_ALLOC(sum, (size_t)nu * (size_t)nv);
    (void)project(d, &v, sum);
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out, "%c,%c,ions/Ang^2\n", name[v.u], name[v.v]);
    for (int j = 0; j < nv; j++)
        for (int i = 0; i < nu; i++)
            fprintf(o.out, "%.5f,%.5f,%.6g\n", (double)i / nu, (double)j / nv, sum[i + nu * j]);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

enum al_err tr_plot_density(const char *path, const char *title, const char *note, int axis, const struct tr_density *d)
{
    struct view v = {0};
    struct al_outfile o;
    AL_AUTOFREE double *sum = NULL;
    set_view(d, axis, &v);
    AL_ALLOC(sum, (size_t)d->n[v.u] * (size_t)d->n[v.v]);
    double max = project(d, &v, sum);
    AL_TRY(al_outfile_open(path, &o));
    v.out = o.out;
    draw(&v, title, note, d, sum, max);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}
