// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/net.h"

#include "base/mem.h"

#include "dp/gemm.h"
#include "dp/vec.h"

enum { CHUNK = 16 }; // rows worked on while they are in the first-level cache

int dp_net_width(const struct dp_net *net)
{
    int w = 1;
    for (int l = 0; l < net->nlayers; l++)
        if (net->layer[l].nout > w) w = net->layer[l].nout;
    return w;
}

struct dp_tape dp_tape_from(const struct dp_net *net, const struct dp_tape *t, int n)
{
    struct dp_tape s;
    for (int l = 0; l < net->nlayers; l++) {
        size_t at = (size_t)n * (size_t)net->layer[l].nout;
        s.h[l] = t->h[l] + at;
        s.y[l] = t->y[l] + at;
        s.zt[l] = t->zt[l] + at;
        s.yt[l] = t->yt[l] + at;
    }
    return s;
}

// out [nout] += x for skip 1, (x, x) for skip 2.
static inline void add_skip(const struct dp_layer *la, const double *restrict x, double *restrict out)
{
    for (int c = 0; c < la->skip; c++)
        for (int j = 0; j < la->nin; j++)
            out[c * la->nin + j] += x[j];
}

// z = x w (no bias): GEMM, or an outer product for the scalar input.
static void multiply(const struct dp_layer *la, int n, const double *x, double *z)
{
    if (la->nin > 1) {
        dp_gemm_nn(n, la->nout, la->nin, x, la->w, false, z);
        return;
    }
    for (int k = 0; k < n; k++)
        for (int j = 0; j < la->nout; j++)
            z[(size_t)k * (size_t)la->nout + (size_t)j] = x[k] * la->w[j];
}

void dp_net_forward(const struct dp_net *net, int n, const double *x, struct dp_tape *tape)
{
    for (int l = 0; l < net->nlayers; l++) {
        const struct dp_layer *la = &net->layer[l];
        size_t no = (size_t)la->nout, ni = (size_t)la->nin;
        double *h = tape->h[l], *y = tape->y[l];
        multiply(la, n, x, h);
        for (size_t k0 = 0; k0 < (size_t)n; k0 += CHUNK) {
            size_t k1 = k0 + CHUNK < (size_t)n ? k0 + CHUNK : (size_t)n;
            for (size_t k = k0; k < k1; k++)
                for (size_t j = 0; j < no; j++)
                    h[k * no + j] += la->b[j];
            if (la->tanh) dp_tanh(h + k0 * no, (k1 - k0) * no);
            if (y == h) continue;
            for (size_t k = k0; k < k1; k++) {
                double *restrict out = y + k * no;
                const double *restrict in = h + k * no;
                for (size_t j = 0; j < no; j++)
                    out[j] = la->idt ? in[j] * la->idt[j] : in[j];
                add_skip(la, x + k * ni, out);
            }
        }
        x = y;
    }
}

void dp_net_tangent(const struct dp_net *net, int n, const double *xt, struct dp_tape *tape)
{
    for (int l = 0; l < net->nlayers; l++) {
        const struct dp_layer *la = &net->layer[l];
        size_t no = (size_t)la->nout, ni = (size_t)la->nin;
        double *zt = tape->zt[l];
        if (xt) multiply(la, n, xt, zt);
        for (size_t k = 0; k < (size_t)n; k++) {
            double *restrict out = tape->yt[l] + k * no;
            double *restrict t = zt + k * no;
            const double *restrict h = tape->h[l] + k * no;
            if (!xt) memcpy(t, la->w, no * sizeof *t);
            for (size_t j = 0; j < no; j++)
                out[j] = la->tanh ? (1 - h[j] * h[j]) * t[j] : t[j];
            if (la->idt)
                for (size_t j = 0; j < no; j++)
                    out[j] *= la->idt[j];
            if (la->skip) {
                const double one = 1;
                add_skip(la, xt ? xt + k * ni : &one, out);
            }
        }
        xt = tape->yt[l];
    }
}

// Start of gx: the skip connection's share of gy; returns whether there was one.
static bool skip_back(const struct dp_layer *la, int n, const double *gy, double *gx)
{
    if (!la->skip) return false;
    size_t no = (size_t)la->nout, ni = (size_t)la->nin;
    for (size_t k = 0; k < (size_t)n; k++)
        for (size_t j = 0; j < ni; j++)
            gx[k * ni + j] = la->skip == 1 ? gy[k * no + j] : gy[k * no + j] + gy[k * no + ni + j];
    return true;
}

void dp_net_backward(const struct dp_net *net, int n, const struct dp_tape *tape, double *gy, double *scratch,
                     double *gx)
{
    double *other = scratch;
    for (int l = net->nlayers - 1; l >= 0; l--) {
        const struct dp_layer *la = &net->layer[l];
        size_t no = (size_t)la->nout;
        double *dst = l == 0 ? gx : other;
        bool skipped = skip_back(la, n, gy, dst);
        for (size_t k = 0; k < (size_t)n; k++) {
            double *restrict g = gy + k * no;
            const double *restrict h = tape->h[l] + k * no;
            for (size_t j = 0; la->tanh && j < no; j++)
                g[j] *= 1 - h[j] * h[j];
            for (size_t j = 0; la->idt && j < no; j++)
                g[j] *= la->idt[j];
        }
        dp_gemm_nt(n, la->nin, la->nout, gy, la->w, skipped, dst);
        other = gy;
        gy = dst;
    }
}

// One layer of reverse2, elementwise part: gy, gyt become the adjoints of z and zt; bias and idt gradients.
static void reverse2_points(const struct dp_layer *la, int n, const double *h, const double *zt, double *gy,
                            double *gyt, double *gb, double *gidt)
{
    size_t no = (size_t)la->nout;
    for (size_t k = 0; k < (size_t)n; k++) {
        double *restrict g = gy + k * no;
        double *restrict gt = gyt + k * no;
        const double *restrict hk = h + k * no;
        const double *restrict tk = zt + k * no;
        if (la->idt)
            for (size_t j = 0; j < no; j++) {
                gidt[j] += g[j] * hk[j] + gt[j] * (1 - hk[j] * hk[j]) * tk[j];
                g[j] *= la->idt[j];
                gt[j] *= la->idt[j];
            }
        if (la->tanh)
            for (size_t j = 0; j < no; j++) {
                double s = 1 - hk[j] * hk[j];
                g[j] = s * (g[j] - 2 * hk[j] * tk[j] * gt[j]);
                gt[j] *= s;
            }
        for (size_t j = 0; j < no; j++)
            gb[j] += g[j];
    }
}

// gw += x^T gz + xt^T gzt; xt NULL: ones.
static void weight_gradient(const struct dp_layer *la, int n, const double *x, const double *xt,
                            const double *gz, const double *gzt, double *gw)
{
    int ni = la->nin, no = la->nout;
    if (ni > 1) {
        dp_gemm_tn(ni, no, n, x, gz, true, gw);
        dp_gemm_tn(ni, no, n, xt, gzt, true, gw);
        return;
    }
    for (size_t k = 0; k < (size_t)n; k++) {
        double t = xt ? xt[k] : 1;
        const double *restrict a = gz + k * (size_t)no;
        const double *restrict b = gzt + k * (size_t)no;
        for (int j = 0; j < no; j++)
            gw[j] += x[k] * a[j] + t * b[j];
    }
}

void dp_net_reverse2(const struct dp_net *net, int n, const double *x, const double *xt,
                     const struct dp_tape *tape, double *gy, double *gyt, double *scratch, const double *base,
                     double *grad, double *gx)
{
    size_t room = (size_t)n * (size_t)dp_net_width(net);
    double *from[2] = {gy, gyt}, *to[2] = {scratch, scratch + room};
    for (int l = net->nlayers - 1; l >= 0; l--) {
        const struct dp_layer *la = &net->layer[l];
        int ni = la->nin, no = la->nout;
        if (!l) to[0] = gx;
        bool skipped = to[0] && skip_back(la, n, from[0], to[0]);
        if (l) skip_back(la, n, from[1], to[1]);
        reverse2_points(la, n, tape->h[l], tape->zt[l], from[0], from[1], grad + (la->b - base),
                        la->idt ? grad + (la->idt - base) : NULL);
        weight_gradient(la, n, l ? tape->y[l - 1] : x, l ? tape->yt[l - 1] : xt, from[0], from[1],
                        grad + (la->w - base));
        if (to[0]) dp_gemm_nt(n, ni, no, from[0], la->w, skipped, to[0]);
        if (!l) return;
        dp_gemm_nt(n, ni, no, from[1], la->w, skipped, to[1]);
        for (int c = 0; c < 2; c++) {
            double *swap = from[c];
            from[c] = to[c];
            to[c] = swap;
        }
    }
}

enum al_err dp_tape_alloc(const struct dp_net *net, size_t n, struct dp_tape *t, double **mem)
{
    size_t total = 0;
    for (int l = 0; l < net->nlayers; l++)
        total += 4 * n * (size_t)net->layer[l].nout;
    al_free(*mem);
    *mem = NULL;
    AL_ALLOC(*mem, total);
    double *p = *mem;
    for (int l = 0; l < net->nlayers; l++) {
        size_t s = n * (size_t)net->layer[l].nout;
        t->h[l] = p;
        t->y[l] = dp_layer_plain(&net->layer[l]) ? p : p + s;
        t->zt[l] = p + 2 * s;
        t->yt[l] = p + 3 * s;
        p += 4 * s;
    }
    return AL_ERR_OK;
}
