// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/gradient.h"

#include <math.h>

#include "base/mem.h"
#include "dp/desc.h"
#include "dp/eval.h"
#include "dp/net.h"
#include "train/fast.h"

enum { ROWS = 128 }; // rows of an embedding net at a time

struct gradient {
    const struct dp_model *m;
    struct fast_d *fast_d; // of the path in use, else NULL
    struct fast_s *fast_s;
    struct dp_sizes sizes;
    int m1, nd, ng;     // widths of embedding and descriptor; groups of components
    size_t size;        // of A of an atom: ng*m1
    size_t atom_cap, row_cap;
    struct dp_rows rows;
    struct dp_tape emb, fit; // all rows; all atoms in the order of the layout
    double *emb_mem, *fit_mem;
    v4d *Rt[DP_GROUPS];          // [nrow] tangent of R~
    v4d *p;                      // [2][groups][nrow] work
    double *D, *gD, *Dt, *Dbar;  // [natoms][nd], sorted atoms; gD = dE_i/dD
    v4d *A, *gA, *At, *Abar;     // [natoms][groups][m1]
    double *gy, *gyt, *fit_work; // [natoms][fit width], the last [2]
    double *gG, *gGt, *emb_work; // [ROWS][embedding width], the last [2]
    double (*force)[3];          // [natoms]; after the loss: lambda
    double energy, virial[3][3]; // after the loss: virial = W
};

enum al_err gradient_create(const struct dp_model *m, enum gradient_path path, struct gradient **ret)
{
    AL_OWN(gradient) g = NULL;
    AL_ALLOC(g, 1);
    g->m = m;
    g->m1 = m->c.neuron[m->c.nneuron - 1];
    g->sizes = dp_config_sizes(&m->c);
    g->nd = dp_config_width(&m->c);
    g->ng = dp_groups(g->sizes);
    g->size = (size_t)g->ng * (size_t)g->m1;
    size_t n = ROWS * (size_t)dp_net_width(&m->emb[0]);
    AL_ALLOC(g->gG, n);
    AL_ALLOC(g->gGt, n);
    AL_ALLOC(g->emb_work, 2 * n);
    if (path == GRADIENT_DOUBLE && fast_fits(m)) AL_TRY(fast_create_d(m, &g->fast_d));
    if (path == GRADIENT_MIXED && fast_fits(m)) AL_TRY(fast_create_s(m, &g->fast_s));
    *ret = g;
    g = NULL;
    return AL_ERR_OK;
}

static void free_atoms(struct gradient *g)
{
    double **d[] = {&g->D, &g->gD, &g->Dt, &g->Dbar, &g->gy, &g->gyt, &g->fit_work};
    for (size_t i = 0; i < sizeof d / sizeof *d; i++) {
        al_free(*d[i]);
        *d[i] = NULL;
    }
    v4d **v[] = {&g->A, &g->gA, &g->At, &g->Abar};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        al_free(*v[i]);
        *v[i] = NULL;
    }
    al_free(g->force);
    g->force = NULL;
    g->atom_cap = 0;
}

void gradient_destroy(struct gradient **gp)
{
    struct gradient *g = *gp;
    if (!g) return;
    fast_destroy_d(&g->fast_d);
    fast_destroy_s(&g->fast_s);
    free_atoms(g);
    dp_rows_free(&g->rows);
    al_free(g->emb_mem);
    al_free(g->fit_mem);
    for (int q = 0; q < DP_GROUPS; q++)
        al_free(g->Rt[q]);
    al_free(g->p);
    al_free(g->gG);
    al_free(g->gGt);
    al_free(g->emb_work);
    al_free(g);
    *gp = NULL;
}

static enum al_err reserve(struct gradient *g, const struct dp_layout *l)
{
    size_t n = (size_t)l->natoms, nd = (size_t)g->nd, nrow = (size_t)l->nrow;
    if (n > g->atom_cap) {
        free_atoms(g);
        size_t width = (size_t)dp_net_width(&g->m->fit[0]);
        double **d[] = {&g->D, &g->gD, &g->Dt, &g->Dbar};
        for (int i = 0; i < 4; i++)
            AL_ALLOC(*d[i], n * nd);
        v4d **v[] = {&g->A, &g->gA, &g->At, &g->Abar};
        for (int i = 0; i < 4; i++)
            AL_ALLOC(*v[i], n * g->size);
        AL_ALLOC(g->gy, n * width);
        AL_ALLOC(g->gyt, n * width);
        AL_ALLOC(g->fit_work, 2 * n * width);
        AL_ALLOC(g->force, n);
        AL_TRY(dp_tape_alloc(&g->m->fit[0], n, &g->fit, &g->fit_mem));
        g->atom_cap = n;
    }
    AL_TRY(dp_rows_reserve(&g->rows, g->ng, nrow));
    if (nrow > g->row_cap) {
        nrow += nrow / 8;
        al_free(g->p);
        g->p = NULL;
        g->row_cap = 0;
        for (int q = 0; q < g->ng; q++) {
            al_free(g->Rt[q]);
            g->Rt[q] = NULL;
            AL_ALLOC(g->Rt[q], nrow);
        }
        AL_ALLOC(g->p, 2 * (size_t)g->ng * nrow);
        AL_TRY(dp_tape_alloc(&g->m->emb[0], nrow, &g->emb, &g->emb_mem));
        g->row_cap = nrow;
    }
    return AL_ERR_OK;
}

static const struct dp_net *emb_net(const struct gradient *g, const struct dp_layout *l, int block, int type)
{
    return &g->m->emb[dp_model_emb_index(g->m, l->block_type[block], type)];
}

// Embedding nets of all rows with their derivative, then the descriptors of all atoms.
static void descriptors(struct gradient *g, const struct dp_layout *l)
{
    int last = g->m->c.nneuron - 1, m1 = g->m1;
    double inv = 1.0 / g->m->nnei;
    memset(g->A, 0, (size_t)l->natoms * g->size * sizeof *g->A);
    for (int b = 0; b < l->nblock; b++) {
        int nc = dp_block_size(l, b), c0 = l->block_first[b];
        for (int t = 0; t < l->ntypes; t++) {
            const int *seg = dp_layout_seg(l, b, t);
            const struct dp_net *net = emb_net(g, l, b, t);
            for (int r = seg[0]; r < seg[nc + 1]; r += ROWS) {
                int n = seg[nc + 1] - r < ROWS ? seg[nc + 1] - r : ROWS;
                struct dp_tape tape = dp_tape_from(net, &g->emb, r);
                dp_net_forward(net, n, g->rows.x + r, &tape);
                dp_net_tangent(net, n, NULL, &tape);
            }
            const double *G = g->emb.y[last];
            for (int c = 0; c < nc; c++) {
                v4d *A = g->A + (size_t)(c0 + c) * g->size;
                int n = seg[c + 1] - seg[c], pad = seg[nc];
                v4d empty = g->rows.R[0][pad] * v4_set(g->m->c.sel[t] - n);
                for (int q = 0; q < g->ng; q++)
                    dp_accumulate(n, m1, g->rows.R[q] + seg[c], G + (size_t)seg[c] * (size_t)m1, A + q * m1);
                dp_accumulate(1, m1, &empty, G + (size_t)pad * (size_t)m1, A);
            }
        }
    }
    for (int i = 0; i < l->natoms; i++) {
        v4d *A = g->A + (size_t)i * g->size;
        for (size_t a = 0; a < g->size; a++)
            A[a] *= v4_set(inv);
        dp_descriptor(g->sizes, A, g->D + (size_t)i * (size_t)g->nd);
    }
}

// Sorted atoms of type t: *c0 .. returned end.
static int atoms_of_type(const struct dp_layout *l, int t, int *c0)
{
    int first = -1, end = 0;
    for (int b = 0; b < l->nblock; b++)
        if (l->block_type[b] == t) {
            if (first < 0) first = l->block_first[b];
            end = l->block_first[b + 1];
        }
    *c0 = first < 0 ? end : first;
    return end;
}

static void energies(struct gradient *g, const struct dp_layout *l)
{
    const struct dp_model *m = g->m;
    size_t nd = (size_t)g->nd, width = (size_t)dp_net_width(&m->fit[0]);
    g->energy = 0;
    for (int t = 0; t < l->ntypes; t++) {
        int c0, n = atoms_of_type(l, t, &c0) - c0;
        if (!n) continue;
        const struct dp_net *net = &m->fit[t];
        struct dp_tape tape = dp_tape_from(net, &g->fit, c0);
        dp_net_forward(net, n, g->D + (size_t)c0 * nd, &tape);
        double *gy = g->gy + (size_t)c0 * width;
        for (int i = 0; i < n; i++) {
            g->energy += (tape.y[net->nlayers - 1][i] + m->bias[t]) * m->out_std[t] + m->out_bias[t];
            gy[i] = m->out_std[t];
        }
        dp_net_backward(net, n, &tape, gy, g->fit_work + (size_t)c0 * width, g->gD + (size_t)c0 * nd);
    }
}

static void forces(struct gradient *g, const struct dp_layout *l)
{
    int m1 = g->m1, last = g->m->c.nneuron - 1;
    memset(g->force, 0, (size_t)l->natoms * sizeof *g->force);
    memset(g->virial, 0, sizeof g->virial);
    for (int b = 0; b < l->nblock; b++)
        for (int c = 0; c < dp_block_size(l, b); c++) {
            int s = l->block_first[b] + c, i = l->order[s];
            v4d *gA = g->gA + (size_t)s * g->size;
            double scale_h = 1.0 / g->m->nnei / g->m->dstd[l->block_type[b]][1];
            v4d scale = v4_set(1.0 / g->m->nnei) / v4_load(g->m->dstd[l->block_type[b]]);
            memset(gA, 0, g->size * sizeof *gA);
            dp_descriptor_back(g->sizes, g->A + (size_t)s * g->size, g->gD + (size_t)s * (size_t)g->nd, gA);
            for (int t = 0; t < l->ntypes; t++) {
                const int *seg = dp_layout_seg(l, b, t);
                int r0 = seg[c], n = seg[c + 1] - r0;
                v4d *p = g->p, *pt = g->p + g->ng * n;
                for (int q = 0; q < g->ng; q++) {
                    dp_project(n, m1, g->emb.y[last] + (size_t)r0 * (size_t)m1, gA + q * m1, p + q * n);
                    dp_project(n, m1, g->emb.yt[last] + (size_t)r0 * (size_t)m1, gA + q * m1, pt + q * n);
                }
                for (int k = 0; k < n; k++) {
                    v4d q = v4_set(0), gR = p[k];
                    for (int u = 0; u < g->ng; u++)
                        q += g->rows.R[u][r0 + k] * pt[u * n + k];
                    gR[0] += (q[0] + q[1]) + (q[2] + q[3]);
                    gR *= scale;
                    double f[3];
                    dp_row_force(&g->rows.geo[r0 + k], gR, f);
                    if (g->ng > 1) dp_row_force_groups(&g->rows.geo[r0 + k], p + n + k, n, scale_h, f);
                    for (int a = 0; a < 3; a++) {
                        g->force[i][a] += f[a];
                        g->force[l->j[r0 + k]][a] -= f[a];
                        for (int e = 0; e < 3; e++)
                            g->virial[a][e] -= f[a] * l->d[r0 + k][e];
                    }
                }
            }
        }
}

enum al_err frame_loss(int natoms, const struct frame_label *label, const struct loss_weights *p, double scale,
                       double energy, double (*force)[3], double virial[3][3], struct frame_loss *ret, double *ret_c)
{
    struct frame_loss r = {0};
    double n = natoms, de = label->has_energy ? energy - label->energy : 0;
    r.de2 = de * de;
    *ret_c = scale * 2 * p->e / n * de;
    for (int i = 0; i < 3 * natoms; i++) {
        double *f = &force[0][0] + i, df = label->force ? *f - label->force[i] : 0;
        r.df2 += df * df / (3 * n);
        *f = scale * 2 * p->f / (3 * n) * df;
    }
    for (int a = 0; a < 9; a++) {
        double *v = &virial[0][0] + a, dv = label->virial ? *v - label->virial[a] : 0;
        r.dv2 += dv * dv / 9;
        *v = scale * 2 * p->v / (9 * n) * dv;
    }
    r.loss = p->e / n * r.de2 + p->f * r.df2 + p->v / n * r.dv2;
    if (!isfinite(r.loss)) AL_FAIL(AL_ERR_UNPHYSICAL, "the loss is not finite");
    *ret = r;
    return AL_ERR_OK;
}

// Tangent of row r of atom i along lambda_i - lambda_j - W d.
static void row_tangent(struct gradient *g, const struct dp_layout *l, int i, int r, const double std[4])
{
    const double *d = l->d[r];
    double v[3], y[DP_HARMONICS];
    v4d four[DP_GROUPS - 1];
    for (int a = 0; a < 3; a++)
        v[a] = g->force[i][a] - g->force[l->j[r]][a] -
               (g->virial[a][0] * d[0] + g->virial[a][1] * d[1] + g->virial[a][2] * d[2]);
    g->Rt[0][r] = dp_row_tangent(&g->rows.geo[r], v) / v4_load(std);
    if (g->ng == 1) return;
    dp_row_tangent_harmonics(&g->rows.geo[r], v, y);
    dp_groups_of(y, four);
    for (int q = 1; q < DP_GROUPS; q++)
        g->Rt[q][r] = four[q - 1] / v4_set(std[1]);
}

// Tangents of rows, of A and of D along lambda_i - lambda_j - W d.
static void tangents(struct gradient *g, const struct dp_layout *l)
{
    int m1 = g->m1, last = g->m->c.nneuron - 1;
    v4d inv = v4_set(1.0 / g->m->nnei);
    memset(g->At, 0, (size_t)l->natoms * g->size * sizeof *g->At);
    for (int b = 0; b < l->nblock; b++) {
        const double *std = g->m->dstd[l->block_type[b]];
        for (int t = 0; t < l->ntypes; t++) {
            const int *seg = dp_layout_seg(l, b, t);
            int nc = dp_block_size(l, b);
            for (int q = 0; q < g->ng; q++)
                g->Rt[q][seg[nc]] = v4_set(0);
            for (int c = 0; c < nc; c++) {
                int s = l->block_first[b] + c, i = l->order[s], r0 = seg[c], n = seg[c + 1] - r0;
                v4d *Rx = g->p, *At = g->At + (size_t)s * g->size;
                for (int k = 0; k < n; k++)
                    row_tangent(g, l, i, r0 + k, std);
                for (int q = 0; q < g->ng; q++) {
                    for (int k = 0; k < n; k++)
                        Rx[k] = g->rows.R[q][r0 + k] * v4_set(g->Rt[0][r0 + k][0]);
                    dp_accumulate(n, m1, g->Rt[q] + r0, g->emb.y[last] + (size_t)r0 * (size_t)m1, At + q * m1);
                    dp_accumulate(n, m1, Rx, g->emb.yt[last] + (size_t)r0 * (size_t)m1, At + q * m1);
                }
            }
        }
    }
    for (int i = 0; i < l->natoms; i++) {
        v4d *At = g->At + (size_t)i * g->size;
        for (size_t a = 0; a < g->size; a++)
            At[a] *= inv;
        dp_descriptor_tangent(g->sizes, g->A + (size_t)i * g->size, At, g->Dt + (size_t)i * (size_t)g->nd);
    }
}

// Fitting nets: gradient, and the adjoint of D.
static void reverse_fit(struct gradient *g, const struct dp_layout *l, double c, double *grad)
{
    const struct dp_model *m = g->m;
    size_t nd = (size_t)g->nd, width = (size_t)dp_net_width(&m->fit[0]);
    for (int t = 0; t < l->ntypes; t++) {
        int c0, n = atoms_of_type(l, t, &c0) - c0;
        if (!n) continue;
        size_t s = (size_t)c0;
        struct dp_tape tape = dp_tape_from(&m->fit[t], &g->fit, c0);
        dp_net_tangent(&m->fit[t], n, g->Dt + s * nd, &tape);
        double *gy = g->gy + s * width, *gyt = g->gyt + s * width;
        for (int i = 0; i < n; i++) {
            gy[i] = c * m->out_std[t];
            gyt[i] = m->out_std[t];
        }
        dp_net_reverse2(&m->fit[t], n, g->D + s * nd, g->Dt + s * nd, &tape, gy, gyt,
                        g->fit_work + 2 * s * width, m->param, grad, g->Dbar + s * nd);
    }
}

// Adjoint of A into Abar; both Abar and gA are then divided by nnei.
static void reverse_descriptor(struct gradient *g, const struct dp_layout *l)
{
    size_t size = g->size, nd = (size_t)g->nd;
    v4d inv = v4_set(1.0 / g->m->nnei);
    memset(g->Abar, 0, (size_t)l->natoms * size * sizeof *g->Abar);
    for (size_t i = 0; i < (size_t)l->natoms; i++) {
        v4d *Abar = g->Abar + i * size, *gA = g->gA + i * size;
        dp_descriptor_back(g->sizes, g->A + i * size, g->Dbar + i * nd, Abar);
        dp_descriptor_back(g->sizes, g->At + i * size, g->gD + i * nd, Abar);
        for (size_t a = 0; a < size; a++) {
            Abar[a] *= inv;
            gA[a] *= inv;
        }
    }
}

// Adjoints of the embedding outputs of rows r .. r + n - 1 of a segment.
static void embedding_adjoints(struct gradient *g, const struct dp_layout *l, int b, int t, int r, int n)
{
    const int *seg = dp_layout_seg(l, b, t);
    int nc = dp_block_size(l, b), c0 = l->block_first[b];
    size_t m1 = (size_t)g->m1;
    for (int c = 0; c < nc; c++) {
        int lo = seg[c] > r ? seg[c] : r, hi = seg[c + 1] < r + n ? seg[c + 1] : r + n;
        if (lo >= hi) continue;
        size_t s = (size_t)(c0 + c) * g->size, at = (size_t)(lo - r) * m1;
        memset(g->gG + at, 0, (size_t)(hi - lo) * m1 * sizeof *g->gG);
        memset(g->gGt + at, 0, (size_t)(hi - lo) * m1 * sizeof *g->gGt);
        for (int q = 0; q < g->ng; q++, s += m1)
            dp_spread(hi - lo, g->m1, g->rows.R[q] + lo, g->Rt[q] + lo, g->Rt[0] + lo, g->Abar + s, g->gA + s, g->gG + at, g->gGt + at);
    }
    int pad = seg[nc];
    if (pad >= r + n) return;
    double *G = g->gG + (size_t)(pad - r) * m1;
    memset(G, 0, m1 * sizeof *G);
    memset(g->gGt + (size_t)(pad - r) * m1, 0, m1 * sizeof *G);
    for (int c = 0; c < nc; c++) {
        double empty = g->m->c.sel[t] - (seg[c + 1] - seg[c]);
        for (size_t a = 0; a < m1; a++) {
            v4d q = g->rows.R[0][pad] * g->Abar[(size_t)(c0 + c) * g->size + a];
            G[a] += empty * ((q[0] + q[1]) + (q[2] + q[3]));
        }
    }
}

static void reverse_embedding(struct gradient *g, const struct dp_layout *l, double *grad)
{
    for (int b = 0; b < l->nblock; b++)
        for (int t = 0; t < l->ntypes; t++) {
            const int *seg = dp_layout_seg(l, b, t);
            const struct dp_net *net = emb_net(g, l, b, t);
            int end = seg[dp_block_size(l, b) + 1];
            for (int r = seg[0]; r < end; r += ROWS) {
                int n = end - r < ROWS ? end - r : ROWS;
                struct dp_tape tape = dp_tape_from(net, &g->emb, r);
                embedding_adjoints(g, l, b, t, r, n);
                dp_net_reverse2(net, n, g->rows.x + r, NULL, &tape, g->gG, g->gGt, g->emb_work, g->m->param,
                                grad, NULL);
            }
        }
}

static enum al_err plain_frame(struct gradient *g, const struct gradient_frame *in, const struct loss_weights *p,
                               double scale, double *grad, struct frame_loss *ret)
{
    const struct dp_layout *l = in->layout;
    AL_TRY(reserve(g, l));
    dp_rows_compute(&g->rows, g->m, l);
    descriptors(g, l);
    energies(g, l);
    forces(g, l);
    double c;
    AL_TRY(frame_loss(l->natoms, &in->label, p, scale * in->weight, g->energy, g->force, g->virial, ret, &c));
    if (!grad) return AL_ERR_OK;
    tangents(g, l);
    reverse_fit(g, l, c, grad);
    reverse_descriptor(g, l);
    reverse_embedding(g, l, grad);
    return AL_ERR_OK;
}

enum al_err gradient_batch(struct gradient *g, int n, const struct gradient_frame *in, const struct loss_weights *p,
                           double scale, double *grad, struct frame_loss *ret)
{
    bool done = false;
    if (g->fast_d) AL_TRY(fast_batch_d(g->fast_d, n, in, p, scale, grad, ret, &done));
    if (g->fast_s) AL_TRY(fast_batch_s(g->fast_s, n, in, p, scale, grad, ret, &done));
    for (int k = 0; k < n && !done; k++)
        AL_TRY(plain_frame(g, &in[k], p, scale, grad, &ret[k]));
    return AL_ERR_OK;
}

enum al_err gradient_frame(struct gradient *g, const struct dp_layout *l, const struct frame_label *label,
                           const struct loss_weights *p, double scale, double *grad, struct frame_loss *ret)
{
    struct gradient_frame one = {l, *label, 1};
    return gradient_batch(g, 1, &one, p, scale, grad, ret);
}
