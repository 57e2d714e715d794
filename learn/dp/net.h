// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Kernels of one network on a batch of n rows, by GEMM. Four passes, each needing those before it:
//   forward    y(x)
//   tangent    yt = dy/dx . xt                        (xt NULL: ones, for the scalar input of embedding nets)
//   backward   gx = gy . dy/dx                        (first order, no parameters)
//   reverse2   adjoints of x and of all parameters of  S = gy . y + gyt . yt: the exact second-order
//              gradient (B. A. Pearlmutter, Neural Comput. 6, 147, 1994, run backwards)
// Layer: z = x w + b, h = tanh z, y = h [idt] [+ skip x];  zt = xt w, yt = (1 - h^2) zt [idt] [+ skip xt].
#ifndef AL_DP_NET_H
#define AL_DP_NET_H

#include "dp/model.h"

// What a pass leaves for the next; each array [n][nout of the layer], caller's memory. Where a layer has
// neither skip nor idt, y[l] may be h[l] itself.
struct dp_tape {
    double *h[DP_MAX_LAYERS + 1], *y[DP_MAX_LAYERS + 1];
    double *zt[DP_MAX_LAYERS + 1], *yt[DP_MAX_LAYERS + 1];
};

static inline bool dp_layer_plain(const struct dp_layer *la)
{
    return !la->skip && !la->idt;
}
int dp_net_width(const struct dp_net *net); // widest layer output
// The tape from row n on.
struct dp_tape dp_tape_from(const struct dp_net *net, const struct dp_tape *t, int n);

void dp_net_forward(const struct dp_net *net, int n, const double *x, struct dp_tape *tape);
void dp_net_tangent(const struct dp_net *net, int n, const double *xt, struct dp_tape *tape);
// gy: rows packed to the last layer's nout, room for [n][width], destroyed; scratch [n][width].
void dp_net_backward(const struct dp_net *net, int n, const struct dp_tape *tape, double *gy, double *scratch,
                     double *gx);
// gy, gyt like gy above, both destroyed; scratch [2][n][width]. grad: same layout as the model's param array;
// base: that array (to find each layer's place). Adds to grad. gx may be NULL.
void dp_net_reverse2(const struct dp_net *net, int n, const double *x, const double *xt,
                     const struct dp_tape *tape, double *gy, double *gyt, double *scratch, const double *base,
                     double *grad, double *gx);

// h, y, zt, yt of every layer for n rows, in one allocation *mem (an earlier one is freed; NULL at first).
enum al_err dp_tape_alloc(const struct dp_net *net, size_t n, struct dp_tape *t, double **mem);

#endif
