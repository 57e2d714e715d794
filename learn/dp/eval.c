// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/eval.h"

#include <math.h>

#include "base/mem.h"
#include "dp/desc.h"
#include "dp/net.h"
#include "dp/zbl.h"

enum { ROWS = 128 }; // rows of an embedding net at a time

struct dp_eval {
    const struct dp_model *m;
    struct dp_zbl *zbl; // NULL: none
    struct dp_sizes size;
    int m1, nd, ng;      // widths of embedding and descriptor; groups of components
    struct dp_rows rows; // whole frame
    double *G, *Gt;      // [rows of a block][m1] embedding and its derivative
    v4d *p;              // [2][groups][rows of a centre and type] work
    size_t block_rows;   // capacity of these
    struct dp_tape emb;  // ROWS rows
    struct dp_tape fit;  // DP_BLOCK rows
    double *emb_mem, *fit_mem;
    double *D, *gD;       // [DP_BLOCK][nd]
    double *gy, *scratch; // [DP_BLOCK][fit width]
    v4d *A, *gA;          // [DP_BLOCK][groups][m1], [groups][m1]
};

enum al_err dp_eval_create(const struct dp_model *m, struct dp_eval **ret)
{
    AL_OWN(dp_eval) ev = NULL;
    AL_ALLOC(ev, 1);
    ev->m = m;
    ev->m1 = m->c.neuron[m->c.nneuron - 1];
    ev->size = dp_config_sizes(&m->c);
    ev->nd = dp_config_width(&m->c);
    ev->ng = dp_groups(ev->size);
    AL_TRY(dp_zbl_create(&m->c, &ev->zbl));
    AL_TRY(dp_tape_alloc(&m->emb[0], ROWS, &ev->emb, &ev->emb_mem));
    AL_TRY(dp_tape_alloc(&m->fit[0], DP_BLOCK, &ev->fit, &ev->fit_mem));
    size_t nd = (size_t)ev->nd, width = (size_t)dp_net_width(&m->fit[0]);
    AL_ALLOC(ev->D, DP_BLOCK * nd);
    AL_ALLOC(ev->gD, DP_BLOCK * nd);
    AL_ALLOC(ev->gy, DP_BLOCK * width);
    AL_ALLOC(ev->scratch, DP_BLOCK * width);
    AL_ALLOC(ev->A, DP_BLOCK * ev->ng * ev->m1);
    AL_ALLOC(ev->gA, ev->ng * ev->m1);
    *ret = ev;
    ev = NULL;
    return AL_ERR_OK;
}

static void free_block(struct dp_eval *ev)
{
    al_free(ev->G);
    al_free(ev->Gt);
    al_free(ev->p);
    ev->G = ev->Gt = NULL;
    ev->p = NULL;
    ev->block_rows = 0;
}

void dp_eval_destroy(struct dp_eval **ev)
{
    if (!*ev) return;
    struct dp_eval *e = *ev;
    dp_zbl_destroy(&e->zbl);
    dp_rows_free(&e->rows);
    free_block(e);
    al_free(e->emb_mem);
    al_free(e->fit_mem);
    al_free(e->D);
    al_free(e->gD);
    al_free(e->gy);
    al_free(e->scratch);
    al_free(e->A);
    al_free(e->gA);
    al_free(e);
    *ev = NULL;
}

static enum al_err reserve(struct dp_eval *ev, const struct dp_layout *l)
{
    AL_TRY(dp_rows_reserve(&ev->rows, ev->ng, (size_t)l->nrow));
    size_t most = 0;
    for (int b = 0; b < l->nblock; b++) {
        size_t n = (size_t)(dp_block_end(l, b) - dp_layout_seg(l, b, 0)[0]);
        if (n > most) most = n;
    }
    if (most <= ev->block_rows) return AL_ERR_OK;
    free_block(ev);
    most += most / 8;
    AL_ALLOC(ev->G, most * (size_t)ev->m1);
    AL_ALLOC(ev->Gt, most * (size_t)ev->m1);
    AL_ALLOC(ev->p, 2 * (size_t)ev->ng * most);
    ev->block_rows = most;
    return AL_ERR_OK;
}

// G and dG/dx of rows r0 .. r1 - 1 into out, out_t.
static void embed(struct dp_eval *ev, const struct dp_net *net, int r0, int r1, double *out, double *out_t)
{
    int last = net->nlayers - 1;
    bool plain = dp_layer_plain(&net->layer[last]);
    struct dp_tape t = ev->emb;
    for (int r = r0; r < r1; r += ROWS) {
        int n = r1 - r < ROWS ? r1 - r : ROWS;
        size_t at = (size_t)(r - r0) * (size_t)ev->m1;
        t.y[last] = out + at;
        t.yt[last] = out_t + at;
        if (plain) t.h[last] = out + at;
        dp_net_forward(net, n, ev->rows.x + r, &t);
        dp_net_tangent(net, n, NULL, &t);
    }
}

static void descriptors(struct dp_eval *ev, const struct dp_layout *l, int b)
{
    int nc = dp_block_size(l, b), base = dp_layout_seg(l, b, 0)[0];
    double inv = 1.0 / ev->m->nnei;
    size_t m1 = (size_t)ev->m1, size = (size_t)ev->ng * m1;
    memset(ev->A, 0, (size_t)nc * size * sizeof *ev->A);
    for (int t = 0; t < l->ntypes; t++) {
        const int *seg = dp_layout_seg(l, b, t);
        int ti = l->block_type[b], pad = seg[nc];
        size_t at = (size_t)(seg[0] - base) * m1;
        embed(ev, &ev->m->emb[dp_model_emb_index(ev->m, ti, t)], seg[0], seg[nc + 1], ev->G + at,
              ev->Gt + at);
        for (int c = 0; c < nc; c++) {
            int n = seg[c + 1] - seg[c];
            v4d *A = ev->A + (size_t)c * size;
            v4d empty = ev->rows.R[0][pad] * v4_set(ev->m->c.sel[t] - n);
            for (int g = 0; g < ev->ng; g++)
                dp_accumulate(n, ev->m1, ev->rows.R[g] + seg[c], ev->G + (size_t)(seg[c] - base) * m1, A + (size_t)g * m1);
            if (n < ev->m->c.sel[t])
                dp_accumulate(1, ev->m1, &empty, ev->G + (size_t)(pad - base) * m1, A);
        }
    }
    for (int c = 0; c < nc; c++) {
        v4d *A = ev->A + (size_t)c * size;
        for (size_t a = 0; a < size; a++)
            A[a] *= v4_set(inv);
        dp_descriptor(ev->size, A, ev->D + (size_t)c * (size_t)ev->nd);
    }
}

// Forces and virial of the rows of a block from gD.
static void row_forces(struct dp_eval *ev, const struct dp_layout *l, int b, struct pot_result *res)
{
    int nc = dp_block_size(l, b), base = dp_layout_seg(l, b, 0)[0];
    size_t m1 = (size_t)ev->m1, size = (size_t)ev->ng * m1;
    double inv = 1.0 / ev->m->nnei, scale_h = inv / ev->m->dstd[l->block_type[b]][1];
    v4d std = v4_load(ev->m->dstd[l->block_type[b]]);
    v4d scale = v4_set(inv) / std;
    for (int c = 0; c < nc; c++) {
        memset(ev->gA, 0, size * sizeof *ev->gA);
        dp_descriptor_back(ev->size, ev->A + (size_t)c * size, ev->gD + (size_t)c * (size_t)ev->nd,
                           ev->gA);
        int i = l->order[l->block_first[b] + c];
        for (int t = 0; t < l->ntypes; t++) {
            const int *seg = dp_layout_seg(l, b, t);
            int n = seg[c + 1] - seg[c];
            size_t at = (size_t)(seg[c] - base) * m1;
            v4d *p = ev->p, *pt = ev->p + ev->ng * n;
            for (int g = 0; g < ev->ng; g++) {
                dp_project(n, ev->m1, ev->G + at, ev->gA + (size_t)g * m1, p + g * n);
                dp_project(n, ev->m1, ev->Gt + at, ev->gA + (size_t)g * m1, pt + g * n);
            }
            for (int k = 0; k < n; k++) {
                int row = seg[c] + k;
                v4d q = v4_set(0), gR = p[k];
                for (int g = 0; g < ev->ng; g++)
                    q += ev->rows.R[g][row] * pt[g * n + k];
                gR[0] += (q[0] + q[1]) + (q[2] + q[3]);
                gR *= scale;
                double g[3];
                dp_row_force(&ev->rows.geo[row], gR, g);
                if (ev->ng > 1) dp_row_force_groups(&ev->rows.geo[row], p + n + k, n, scale_h, g);
                for (int a = 0; a < 3; a++) {
                    if (res->forces) {
                        res->forces[i][a] += g[a];
                        res->forces[l->j[row]][a] -= g[a];
                    }
                    for (int e = 0; e < 3; e++)
                        res->virial[a][e] -= g[a] * l->d[row][e];
                }
            }
        }
    }
}

static void block(struct dp_eval *ev, const struct dp_layout *l, int b, struct pot_result *res)
{
    const struct dp_model *m = ev->m;
    int ti = l->block_type[b], nc = dp_block_size(l, b);
    const struct dp_net *net = &m->fit[ti];
    descriptors(ev, l, b);
    dp_net_forward(net, nc, ev->D, &ev->fit);
    for (int c = 0; c < nc; c++) {
        double e = (ev->fit.y[net->nlayers - 1][c] + m->bias[ti]) * m->out_std[ti] + m->out_bias[ti];
        res->energy += e;
        if (res->atomic_energy) res->atomic_energy[l->order[l->block_first[b] + c]] = e;
        ev->gy[c] = m->out_std[ti];
    }
    dp_net_backward(net, nc, &ev->fit, ev->gy, ev->scratch, ev->gD);
    row_forces(ev, l, b, res);
}

enum al_err dp_eval_run(struct dp_eval *ev, const struct dp_layout *l, struct pot_result *res)
{
    AL_TRY(reserve(ev, l));
    dp_rows_compute(&ev->rows, ev->m, l);
    res->energy = 0;
    memset(res->virial, 0, sizeof res->virial);
    if (res->forces) memset(res->forces, 0, (size_t)l->natoms * sizeof *res->forces);
    for (int b = 0; b < l->nblock; b++)
        block(ev, l, b, res);
    dp_zbl_add(ev->zbl, l, res);
    double sum = res->energy;
    for (int a = 0; a < 9; a++)
        sum += res->virial[a / 3][a % 3];
    if (!isfinite(sum))
        AL_FAIL(AL_ERR_UNPHYSICAL, "the Deep Potential gives an energy or force that is not finite");
    return AL_ERR_OK;
}

enum al_err dp_eval_descriptors(struct dp_eval *ev, const struct dp_layout *l, double *ret)
{
    AL_TRY(reserve(ev, l));
    dp_rows_compute(&ev->rows, ev->m, l);
    for (int b = 0; b < l->nblock; b++) {
        descriptors(ev, l, b);
        for (int c = 0; c < dp_block_size(l, b); c++)
            memcpy(ret + (size_t)dp_layout_number(l, l->order[l->block_first[b] + c]) * (size_t)ev->nd, ev->D + (size_t)c * (size_t)ev->nd,
                   (size_t)ev->nd * sizeof *ret);
    }
    return AL_ERR_OK;
}
