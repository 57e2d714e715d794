// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/table.h"

#include <float.h>
#include <math.h>

#include "base/mem.h"
#include "dp/layout.h"

static const double UNKNOWN_SHORTEST = 0.8, SHORTER = 0.85, WIDEST = 256; // Ang, 1, units of x

void dp_table_free(struct dp_table *t)
{
    al_free(t->c);
    *t = (struct dp_table){0};
}

void dp_table_range(const struct dp_model *m, int emb, double *lo, double *up)
{
    struct dp_cut cut = dp_cut_of(&m->c);
    struct dp_geo g;
    double r = m->min_nbor_dist > 0 ? fmin(SHORTER * m->min_nbor_dist, 0.5 * cut.rc) : UNKNOWN_SHORTEST;
    double s = dp_environment_row((double[3]){r, 0, 0}, &cut, &g)[0];
    *lo = INFINITY;
    *up = -INFINITY;
    for (int t = 0; t < m->c.ntypes; t++) {
        if (!m->c.type_one_side && emb % m->c.ntypes != t) continue;
        *lo = fmin(*lo, floor(-m->davg[t][0] / m->dstd[t][0]));
        *up = fmax(*up, ceil((s - m->davg[t][0]) / m->dstd[t][0]));
    }
    *up = fmin(*up, *lo + WIDEST);
}

void dp_net_curve(const struct dp_net *net, double x, double *y, double *y1, double *y2, double *work)
{
    int width = dp_net_width(net);
    double *in = work, *in1 = in + width, *in2 = in1 + width;
    in[0] = x;
    in1[0] = 1;
    in2[0] = 0;
    for (int l = 0; l < net->nlayers; l++) {
        const struct dp_layer *la = &net->layer[l];
        for (int j = 0; j < la->nout; j++) {
            y[j] = la->b[j];
            y1[j] = y2[j] = 0;
        }
        for (int i = 0; i < la->nin; i++) {
            const double *w = la->w + (size_t)i * (size_t)la->nout;
            for (int j = 0; j < la->nout; j++) {
                y[j] += in[i] * w[j];
                y1[j] += in1[i] * w[j];
                y2[j] += in2[i] * w[j];
            }
        }
        for (int j = 0; j < la->nout; j++) {
            double h = la->tanh ? tanh(y[j]) : y[j], d = la->tanh ? 1 - h * h : 1;
            double dt = la->idt ? la->idt[j] : 1;
            y2[j] = dt * (d * y2[j] - (la->tanh ? 2 * h * d * y1[j] * y1[j] : 0));
            y1[j] *= dt * d;
            y[j] = dt * h;
            if (!la->skip) continue;
            y[j] += in[j % la->nin];
            y1[j] += in1[j % la->nin];
            y2[j] += in2[j % la->nin];
        }
        memcpy(in, y, (size_t)la->nout * sizeof *y);
        memcpy(in1, y1, (size_t)la->nout * sizeof *y);
        memcpy(in2, y2, (size_t)la->nout * sizeof *y);
    }
}

// Coefficients of one channel in an interval of width h from v[end][derivative].
static void coefficients(int degree, double h, const double v[2][3], double c[6])
{
    double d = v[1][0] - v[0][0], a0 = h * v[0][1], a1 = h * v[1][1], b0 = h * h * v[0][2], b1 = h * h * v[1][2];
    c[0] = v[0][0];
    c[1] = a0;
    if (degree == 3) {
        c[2] = 3 * d - 2 * a0 - a1;
        c[3] = a0 + a1 - 2 * d;
        return;
    }
    c[2] = 0.5 * b0;
    c[3] = 10 * d - 6 * a0 - 4 * a1 - 1.5 * b0 + 0.5 * b1;
    c[4] = -15 * d + 8 * a0 + 7 * a1 + 1.5 * b0 - b1;
    c[5] = 6 * d - 3 * a0 - 3 * a1 - 0.5 * b0 + 0.5 * b1;
}

struct curve { // one point
    double *y[3];
};

// Tables of t->nint intervals; *ret_error: relative, larger of values and slopes at 1/4 and 1/2 of each interval.
static void fill(const struct dp_net *net, struct dp_table *t, double *work)
{
    size_t width = (size_t)dp_net_width(net), m1 = (size_t)t->m1, step = (size_t)t->degree + 1;
    double *scratch = work + 9 * width, h = 1.0 / t->per_unit;
    double largest[2] = {0, 0}, worst[2] = {0, 0};
    struct curve p[3];
    for (size_t i = 0; i < 9; i++)
        p[i / 3].y[i % 3] = work + i * width;
    dp_net_curve(net, t->lo, p[0].y[0], p[0].y[1], p[0].y[2], scratch);
    for (int k = 0; k < t->nint; k++) {
        double x0 = t->lo + k * h, *out = t->c + (size_t)k * step * m1;
        struct curve *a = &p[k & 1], *b = &p[(k & 1) ^ 1];
        dp_net_curve(net, x0 + h, b->y[0], b->y[1], b->y[2], scratch);
        for (size_t j = 0; j < m1; j++) {
            double v[2][3], c[6];
            for (int q = 0; q < 3; q++) {
                v[0][q] = a->y[q][j];
                v[1][q] = b->y[q][j];
            }
            coefficients(t->degree, h, v, c);
            for (size_t q = 0; q < step; q++)
                out[q * m1 + j] = c[q];
            largest[0] = fmax(largest[0], fabs(v[0][0]));
            largest[1] = fmax(largest[1], fabs(v[0][1]));
        }
        const double at = k & 1 ? 0.25 : 0.5; // errors of values are largest in the middle, of slopes beside it
        dp_net_curve(net, x0 + at * h, p[2].y[0], p[2].y[1], p[2].y[2], scratch);
        for (size_t j = 0; j < m1; j++) {
            double y = 0, s = 0;
            for (size_t q = step; q-- > 0;) {
                s = s * at + y;
                y = y * at + out[q * m1 + j];
            }
            worst[0] = fmax(worst[0], fabs(y - p[2].y[0][j]));
            worst[1] = fmax(worst[1], fabs(s * t->per_unit - p[2].y[1][j]));
        }
    }
    t->error = fmax(worst[0] / fmax(largest[0], DBL_MIN), worst[1] / fmax(largest[1], DBL_MIN));
}

enum al_err dp_table_build(const struct dp_net *net, double lo, double up, int degree, double tolerance,
                           struct dp_table *ret)
{
    *ret = (struct dp_table){.lo = lo, .up = lo, .per_unit = 1, .degree = degree, .m1 = net->layer[net->nlayers - 1].nout};
    if (!(up > lo) || !isfinite(up - lo)) return AL_ERR_OK;
    AL_AUTOFREE double *work = NULL;
    AL_ALLOC(work, 12 * (size_t)dp_net_width(net));
    for (int per_unit = 8; per_unit * (up - lo) <= DP_TABLE_STEEP; per_unit *= 2) {
        ret->per_unit = per_unit;
        ret->nint = (int)ceil(per_unit * (up - lo));
        al_free(ret->c);
        ret->c = NULL;
        AL_ALLOC(ret->c, (size_t)ret->nint * ((size_t)degree + 1) * (size_t)ret->m1);
        fill(net, ret, work);
        ret->up = up;
        // A steep net (of an element of which there are few, trained at a high rate): a finer grid leaves the caches, so some slack comes
        // first; but the nets themselves would take 20 times as long.
        bool large = 2 * per_unit * (up - lo) > DP_TABLE_MOST;
        if (ret->error <= (large ? DP_TABLE_SLACK : 1) * tolerance) return AL_ERR_OK;
    }
    ret->up = lo;
    ret->nint = 0;
    return AL_ERR_OK;
}
