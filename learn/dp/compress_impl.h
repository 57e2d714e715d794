// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The fast evaluation for one precision and machine; included in compress_kernels.h twice, with REAL, INDEX, IOTA, DEGREE
// and FN(name) defined. No include guard on purpose. A group is up to SLOTS centres of one type: whole blocks of the
// layout, whose rows follow each other there.
#include "dp/desc_impl.h"

struct FN(row) {
    REAL R[4]; // R~
    REAL t;    // position in the interval
    unsigned at; // interval's coefficients, offset in the table
};
#include "dp/rows_impl.h"

struct FN(layer) { // of a fitting net, without the last
    int nin, nout;
    REAL *w, *wt; // packed; of the first layer with our order of the descriptor
    REAL *b, *idt; // [wp] zeros beyond nout; idt NULL: none
    bool skip;
};

struct FN(state) {
    const struct dp_model *m;
    const struct dp_table *grid; // [nemb] ranges
    int m1, m2, nd;
    size_t mp, ndp, wp; // rounded up: embedding, descriptor, widest fitting layer
    REAL *table;        // all nets', then room for rows outside
    size_t *net_at;     // [nemb]
    size_t table_end, table_cap; // numbers in it; room
    struct FN(layer) *layer; // [ntypes][nfit]
    struct FN(row) *row;     // of a group
    size_t cap_row;
    REAL *A, *gA;     // [SLOTS][4][mp]
    REAL *D, *gD;     // [SLOTS][ndp]
    REAL *h, *y;      // [nfit][SLOTS][wp]
    REAL *gz, *gx;    // [SLOTS][wp]
    double *curve;    // work of dp_net_curve
};

static void FN(destroy)(void *state)
{
    struct FN(state) *s = state;
    if (!s) return;
    for (int k = 0; s->layer && k < s->m->c.ntypes * s->m->c.nfit; k++) {
        al_free(s->layer[k].w);
        al_free(s->layer[k].wt);
        al_free(s->layer[k].b);
        al_free(s->layer[k].idt);
    }
    void *p[] = {s->table, s->net_at, s->layer, s->row, s->A,  s->gA, s->D,
                 s->gD,    s->h,      s->y,     s->gz,  s->gx, s->curve};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        al_free(p[i]);
    al_free(s);
}

static void FN(destroy_at)(struct FN(state) **s)
{
    FN(destroy)(*s);
}

static enum al_err FN(pack_layers)(struct FN(state) *s, const int *place)
{
    const struct dp_model *m = s->m;
    AL_ALLOC(s->layer, m->c.ntypes * m->c.nfit);
    for (int k = 0; k < m->c.ntypes * m->c.nfit; k++) {
        const struct dp_layer *from = &m->fit[k / m->c.nfit].layer[k % m->c.nfit];
        struct FN(layer) *la = &s->layer[k];
        const int *order = k % m->c.nfit ? NULL : place;
        la->nin = from->nin;
        la->nout = from->nout;
        la->skip = from->skip != 0;
        AL_ALLOC(la->w, (size_t)la->nin * FN(dp_panel_width)((size_t)la->nout));
        AL_ALLOC(la->wt, (size_t)la->nout * FN(dp_panel_width)((size_t)la->nin));
        FN(dp_panel_pack)(la->nin, la->nout, from->w, (size_t)la->nout, order, la->w);
        FN(dp_panel_pack_t)(la->nout, la->nin, from->w, (size_t)la->nout, order, la->wt);
        AL_ALLOC(la->b, s->wp);
        if (from->idt) AL_ALLOC(la->idt, s->wp);
        for (int j = 0; j < la->nout; j++) {
            la->b[j] = (REAL)from->b[j];
            if (from->idt) la->idt[j] = (REAL)from->idt[j];
        }
    }
    return AL_ERR_OK;
}

static enum al_err FN(pack_tables)(struct FN(state) *s)
{
    size_t size = (DEGREE + 1) * s->mp, m1 = (size_t)s->m1;
    AL_ALLOC(s->net_at, s->m->nemb);
    for (int e = 0; e < s->m->nemb; e++) {
        s->net_at[e] = s->table_end;
        s->table_end += (size_t)s->grid[e].nint * size;
    }
    s->table_cap = s->table_end + 64 * size;
    AL_ALLOC(s->table, s->table_cap);
    for (int e = 0; e < s->m->nemb; e++)
        for (size_t k = 0; k < (size_t)s->grid[e].nint * (DEGREE + 1); k++)
            for (size_t a = 0; a < m1; a++)
                s->table[s->net_at[e] + k * s->mp + a] = (REAL)s->grid[e].c[k * m1 + a];
    return AL_ERR_OK;
}

static enum al_err FN(create)(const struct dp_model *m, const struct dp_table *grid, void **ret)
{
    __attribute__((cleanup(FN(destroy_at)))) struct FN(state) *s = NULL;
    AL_AUTOFREE int *place = NULL;
    AL_ALLOC(s, 1);
    s->m = m;
    s->grid = grid;
    s->m1 = m->c.neuron[m->c.nneuron - 1];
    s->m2 = m->c.axis_neuron;
    s->nd = s->m1 * s->m2;
    s->mp = FN(dp_panel_width)((size_t)s->m1);
    s->ndp = FN(dp_panel_width)((size_t)(s->nd - s->m1) + s->mp); // the last row of D runs over by mp - m1
    s->wp = FN(dp_panel_width)((size_t)dp_net_width(&m->fit[0]));
    AL_ALLOC(place, s->nd);
    for (int b = 0, q = 0; b < s->m2; b++)
        for (int a = 0; a < s->m1; a++)
            place[q++] = a * s->m2 + b;
    AL_TRY(FN(pack_layers)(s, place));
    AL_TRY(FN(pack_tables)(s));
    size_t nfit = (size_t)m->c.nfit;
    AL_ALLOC(s->A, SLOTS * 4 * s->mp);
    AL_ALLOC(s->gA, SLOTS * 4 * s->mp);
    AL_ALLOC(s->D, SLOTS * s->ndp);
    AL_ALLOC(s->gD, SLOTS * s->ndp);
    AL_ALLOC(s->h, nfit * SLOTS * s->wp);
    AL_ALLOC(s->y, nfit * SLOTS * s->wp);
    AL_ALLOC(s->gz, SLOTS * s->wp);
    AL_ALLOC(s->gx, SLOTS * s->wp);
    AL_ALLOC(s->curve, 6 * (size_t)dp_net_width(&m->emb[0]));
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

// ---- rows -------------------------------------------------------------------------------------------------

// Input x of net e outside its table: the net and its slope there as an interval of its own.
static enum al_err FN(outside)(struct FN(state) *s, int e, double x, size_t *end, struct FN(row) *r)
{
    size_t size = (DEGREE + 1) * s->mp, width = (size_t)dp_net_width(&s->m->emb[e]);
    if (*end + size > s->table_cap) {
        size_t cap = *end + 2 * (*end - s->table_end) + 64 * size;
        AL_GROW(s->table, *end, cap);
        s->table_cap = cap;
    }
    double *y = s->curve, *y1 = y + width, *y2 = y1 + width, per_unit = s->grid[e].per_unit;
    REAL *c = s->table + *end;
    dp_net_curve(&s->m->emb[e], x, y, y1, y2, y2 + width);
    memset(c, 0, size * sizeof *c);
    for (int a = 0; a < s->m1; a++) {
        c[a] = (REAL)y[a];
        c[s->mp + (size_t)a] = (REAL)(y1[a] / per_unit);
    }
    r->t = 0;
    r->at = (unsigned)*end;
    *end += size;
    return AL_ERR_OK;
}

// Rows r0 .. r1 - 1 of the layout, which belong to net e and centres of type ti, into s->row from r0 - base.
static enum al_err FN(fill_rows)(struct FN(state) *s, const struct dp_geo *geo, int base, int r0, int r1, int ti, int e,
                                 size_t *end)
{
    const struct dp_table *g = &s->grid[e];
    v4d avg = v4_load(s->m->davg[ti]), inv = v4_set(1) / v4_load(s->m->dstd[ti]);
    const size_t size = (DEGREE + 1) * s->mp;
    for (int k = r0; k < r1; k++) {
        struct FN(row) *r = &s->row[k - base];
        double sk = geo[k].sr * geo[k].r;
        v4d R = ((v4d){sk, sk * geo[k].h[0], sk * geo[k].h[1], sk * geo[k].h[2]} - avg) * inv;
        for (int q = 0; q < 4; q++)
            r->R[q] = (REAL)R[q];
        if (!(R[0] >= g->lo && R[0] < g->up)) {
            AL_TRY(FN(outside)(s, e, R[0], end, r));
            continue;
        }
        double u = (R[0] - g->lo) * g->per_unit;
        int i = (int)u;
        i = i < g->nint ? i : g->nint - 1;
        r->t = (REAL)(u - i);
        r->at = (unsigned)(s->net_at[e] + (size_t)i * size);
    }
    return AL_ERR_OK;
}

// Blocks b0 .. b1 - 1: rows, then A of each centre, times 1/nnei.
static enum al_err FN(embed)(struct FN(state) *s, const struct dp_layout *l, const struct dp_geo *geo, int b0, int b1,
                             size_t *end)
{
    const struct dp_model *m = s->m;
    int ti = l->block_type[b0], base = dp_layout_seg(l, b0, 0)[0], first = l->block_first[b0];
    size_t size = 4 * s->mp, nslot = (size_t)(l->block_first[b1] - first);
    size_t rows = (size_t)(dp_block_end(l, b1 - 1) - base);
    if (rows > s->cap_row) {
        al_free(s->row);
        s->row = NULL;
        s->cap_row = 0;
        AL_ALLOC(s->row, rows + rows / 4);
        s->cap_row = rows + rows / 4;
    }
    memset(s->A, 0, nslot * size * sizeof *s->A);
    for (int t = 0; t < l->ntypes; t++)
        for (int b = b0; b < b1; b++) {
            const int *seg = dp_layout_seg(l, b, t);
            int nc = dp_block_size(l, b), sel = m->c.sel[t];
            AL_TRY(FN(fill_rows)(s, geo, base, seg[0], seg[nc + 1], ti, dp_model_emb_index(m, ti, t), end));
            for (int c = 0; c < nc; c++) {
                int n = seg[c + 1] - seg[c];
                REAL *A = s->A + (size_t)(l->block_first[b] - first + c) * size;
                FN(gather)(n, s->row + (seg[c] - base), s->mp, s->table, A);
                if (n == sel) continue;
                struct FN(row) empty = s->row[seg[nc] - base];
                for (int q = 0; q < 4; q++)
                    empty.R[q] *= (REAL)(sel - n);
                FN(gather)(1, &empty, s->mp, s->table, A);
            }
        }
    REAL inv = (REAL)(1.0 / m->nnei);
    for (size_t i = 0; i < nslot * size; i++)
        s->A[i] *= inv;
    return AL_ERR_OK;
}

// ---- fitting net ------------------------------------------------------------------------------------------

typedef REAL FN(part) __attribute__((vector_size(VEC_BYTES / 8 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

// h = tanh(z + b), y = h idt + x.
static void FN(activate)(const struct FN(layer) *la, size_t wp, int n, const REAL *x, REAL *h, REAL *y)
{
    for (size_t i = 0; i < (size_t)n; i++, h += wp, y += wp)
        for (size_t j = 0; j < (size_t)la->nout; j += VEC_BYTES / 8) {
            FN(part) z = *(const FN(part) *)(h + j) + *(const FN(part) *)(la->b + j);
            z = __builtin_convertvector(tanh_vec(__builtin_convertvector(z, vec)), FN(part));
            *(FN(part) *)(h + j) = z;
            if (la->idt) z *= *(const FN(part) *)(la->idt + j);
            if (la->skip) z += *(const FN(part) *)(x + i * wp + j);
            *(FN(part) *)(y + j) = z;
        }
}

// Energies of the centres of type t, and dE_i/dD in gD.
static void FN(fit)(struct FN(state) *s, int t, int n, const int *order, struct pot_result *res)
{
    const struct dp_model *m = s->m;
    int nfit = m->c.nfit;
    size_t wp = s->wp, all = SLOTS * wp;
    const struct FN(layer) *net = s->layer + t * nfit;
    const struct dp_layer *last = &m->fit[t].layer[nfit];
    const REAL *x = s->D;
    for (int l = 0; l < nfit; l++) {
        REAL *h = s->h + (size_t)l * all;
        FN(dp_panel_mul)(n, net[l].nout, net[l].nin, x, l ? wp : s->ndp, net[l].w, h, wp);
        FN(activate)(&net[l], wp, n, x, h, s->y + (size_t)l * all);
        x = s->y + (size_t)l * all;
    }
    for (size_t i = 0; i < (size_t)n; i++) {
        double e = last->b[0];
        for (size_t j = 0; j < (size_t)last->nin; j++)
            e += (double)x[i * wp + j] * last->w[j];
        e = (e + m->bias[t]) * m->out_std[t] + m->out_bias[t];
        res->energy += e;
        if (res->atomic_energy) res->atomic_energy[order[i]] = e;
        for (size_t j = 0; j < (size_t)last->nin; j++)
            s->gx[i * wp + j] = (REAL)(last->w[j] * m->out_std[t]);
    }
    for (int l = nfit - 1; l >= 0; l--) {
        const struct FN(layer) *la = &net[l];
        const REAL *restrict h = s->h + (size_t)l * all;
        for (size_t i = 0; i < (size_t)n; i++) {
            const REAL *restrict hi = h + i * wp, *restrict g = s->gx + i * wp;
            REAL *restrict out = s->gz + i * wp;
            for (size_t j = 0; j < (size_t)la->nout; j++)
                out[j] = g[j] * (1 - hi[j] * hi[j]);
            for (size_t j = 0; la->idt && j < (size_t)la->nout; j++)
                out[j] *= la->idt[j];
        }
        if (!l) {
            FN(dp_panel_mul)(n, la->nin, la->nout, s->gz, wp, la->wt, s->gD, s->ndp);
            return;
        }
        // the adjoint that the skip connection carries stays in y, which is not needed any more
        REAL *gx = s->y;
        FN(dp_panel_mul)(n, la->nin, la->nout, s->gz, wp, la->wt, gx, wp);
        for (size_t i = 0; i < (size_t)n; i++)
            for (size_t j = 0; j < (size_t)la->nin; j++)
                s->gx[i * wp + j] = la->skip ? s->gx[i * wp + j] + gx[i * wp + j] : gx[i * wp + j];
    }
}

// ---- forces -----------------------------------------------------------------------------------------------

struct FN(pull) { // of a centre
    v4d force, virial[3];
};

static void FN(row_forces)(const struct FN(state) *s, const struct dp_layout *l, const struct dp_geo *geo, int r0, int n,
                           const struct FN(row) *r, double per_unit, v4d scale, const REAL *gA, struct FN(pull) *sum,
                           double (*force)[3])
{
    enum { CHUNK = 64 };
    REAL P[CHUNK][4];
    for (int q = 0; q < n; q += CHUNK) {
        int m = n - q < CHUNK ? n - q : CHUNK;
        FN(spread)(m, r + q, s->mp, s->table, (REAL)per_unit, gA, P);
        for (int k = 0; k < m; k++) {
            const struct dp_geo *g = &geo[r0 + q + k];
            double F[3];
            dp_row_force(g, (v4d){(double)P[k][0], (double)P[k][1], (double)P[k][2], (double)P[k][3]} * scale, F);
            v4d f = {F[0], F[1], F[2], 0}, d = {g->h[0] * g->r, g->h[1] * g->r, g->h[2] * g->r, 0};
            sum->force += f;
            for (int a = 0; a < 3; a++)
                sum->virial[a] -= F[a] * d;
            if (!force) continue;
            double *fj = force[l->j[r0 + q + k]];
            for (int a = 0; a < 3; a++)
                fj[a] -= F[a];
        }
    }
}

static void FN(forces)(struct FN(state) *s, const struct dp_layout *l, const struct dp_geo *geo, int b0, int b1,
                       struct pot_result *res)
{
    const struct dp_model *m = s->m;
    int ti = l->block_type[b0], base = dp_layout_seg(l, b0, 0)[0], first = l->block_first[b0];
    size_t size = 4 * s->mp;
    v4d scale = v4_set(1.0 / m->nnei) / v4_load(m->dstd[ti]);
    int nslot = l->block_first[b1] - first;
    struct FN(pull) total = {0};
    memset(s->gA, 0, (size_t)nslot * size * sizeof *s->gA);
    for (size_t k = 0; k < (size_t)nslot; k++)
        FN(descriptor_back)(s->m1, s->m2, s->mp, s->A + k * size, s->gD + k * s->ndp, s->gA + k * size);
    for (int t = 0; t < l->ntypes; t++) {
        double per_unit = s->grid[dp_model_emb_index(m, ti, t)].per_unit;
        for (int b = b0; b < b1; b++) {
            const int *seg = dp_layout_seg(l, b, t);
            for (int c = 0; c < dp_block_size(l, b); c++) {
                int slot = l->block_first[b] - first + c, i = l->order[first + slot];
                total.force = v4_set(0);
                FN(row_forces)(s, l, geo, seg[c], seg[c + 1] - seg[c], s->row + (seg[c] - base), per_unit, scale,
                               s->gA + (size_t)slot * size, &total, res->forces);
                for (int a = 0; a < 3 && res->forces; a++)
                    res->forces[i][a] += total.force[a];
            }
        }
    }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            res->virial[a][b] += total.virial[a][b];
}

static enum al_err FN(run)(void *state, const struct dp_layout *l, const struct dp_geo *geo, struct pot_result *res,
                           long *outside)
{
    struct FN(state) *s = state;
    for (int b0 = 0, b1; b0 < l->nblock; b0 = b1) {
        for (b1 = b0 + 1; b1 < l->nblock && l->block_type[b1] == l->block_type[b0] &&
                          l->block_first[b1 + 1] - l->block_first[b0] <= SLOTS;)
            b1++;
        size_t end = s->table_end;
        int n = l->block_first[b1] - l->block_first[b0];
        AL_TRY(FN(embed)(s, l, geo, b0, b1, &end));
        *outside += (long)((end - s->table_end) / ((DEGREE + 1) * s->mp));
        for (size_t k = 0; k < (size_t)n; k++) {
            const REAL *A = s->A + k * 4 * s->mp;
            FN(descriptor)(s->m1, s->m2, s->mp, A, A, s->D + k * s->ndp);
        }
        FN(fit)(s, l->block_type[b0], n, l->order + l->block_first[b0], res);
        FN(forces)(s, l, geo, b0, b1, res);
    }
    return AL_ERR_OK;
}

#undef LANES
#undef VEC
#undef LOAD
#undef STORE
#undef INLINE
