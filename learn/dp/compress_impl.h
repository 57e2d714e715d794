// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The fast evaluation for one precision and machine; included in compress_kernels.h twice, with REAL, INDEX, IOTA, DEGREE
// and FN(name) defined. No include guard on purpose. A group is up to SLOTS centres of one type: whole blocks of the
// layout, whose rows follow each other there.
#include "dp/desc_impl.h"

#include "dp/rows_impl.h"

struct FN(list) { // rows of a group, see struct rows
    REAL *R, *t;
    unsigned *at;
    size_t cap;
};

struct FN(layer) { // of a fitting net, without the last
    int nin, nout;
    REAL *w, *wt; // packed; of the first layer with our order of the descriptor
    REAL *b, *idt; // [wp] zeros beyond nout; idt NULL: none
    bool skip;
};

struct FN(state) { // read by all threads
    const struct dp_model *m;
    const struct dp_table *grid; // [nemb] ranges
    struct FN(sizes) size;
    int m1, nd;         // widths of embedding and descriptor
    size_t mp, ndp, wp; // rounded up: embedding, descriptor, widest fitting layer
    size_t asize;       // numbers of A of a centre
    REAL *table;        // all nets', then of each thread the intervals of its rows outside
    size_t *net_at;     // [nemb]
    size_t table_end;   // numbers of all nets
    size_t room;        // intervals of each thread
    struct FN(layer) *layer; // [ntypes][nfit]
    REAL *weight;            // of all layers, in one piece
    bool twin;               // layer and net_at are another state's
    struct FN(work) *work;   // [nwork]
    int nwork;
    int *group, ngroup; // first block of each group, and the end
    size_t cap_group;
};

struct FN(work) { // of a thread, for one group at a time
    const struct FN(state) *s;
    struct FN(list) row;  // in the order of the layout
    struct FN(list) near; // those with harmonics, which they hold: by neighbour type, then centre
    int *near_row;        // [near.cap] their row of the layout
    double *near_geo;     // [5][near.cap] their d/r, dq/dr, q/r
    int *near_first;      // [ntypes*SLOTS + 1] rows of neighbour type t and slot s begin at t*SLOTS + s
    REAL *A, *gA;         // [SLOTS][asize]: [4][mp], [DP_HARMONICS][hp]
    REAL *D, *gD;  // [SLOTS][ndp]
    REAL *h, *y;   // [nfit][SLOTS][wp]
    REAL *gz, *gx; // [SLOTS][wp]
    double *curve; // work of dp_net_curve
    REAL *table;   // the state's
    size_t room_at, nout; // where its intervals begin; how many the group has, if need be more than there is room for
    long outside;         // rows, of all groups
    size_t want;          // the largest nout
    struct pot_result res; // sums; forces: of the caller (the first thread), or own
    double (*forces)[3];   // [cap_forces]
    size_t cap_forces;
};

static void FN(work_clear)(struct FN(work) *w)
{
    void *p[] = {w->row.R, w->row.t, w->row.at, w->near.R, w->near.t, w->near.at, w->near_row, w->near_geo, w->near_first, w->A,
                 w->gA,    w->D,     w->gD,     w->h,      w->y,      w->gz,      w->gx,       w->curve,    w->forces};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        al_free(p[i]);
}

static void FN(destroy)(void *state)
{
    struct FN(state) *s = state;
    if (!s) return;
    for (int k = 0; s->work && k < s->nwork; k++)
        FN(work_clear)(&s->work[k]);
    if (s->twin) s->layer = NULL;
    if (s->twin) s->net_at = NULL;
    void *p[] = {s->table, s->net_at, s->layer, s->weight, s->work, s->group};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        al_free(p[i]);
    al_free(s);
}

static void FN(destroy_at)(struct FN(state) **s)
{
    FN(destroy)(*s);
}

// n numbers of the state's weights from *at on.
static REAL *FN(piece)(const struct FN(state) *s, size_t n, size_t *at)
{
    REAL *p = s->weight + *at;
    *at += (n * sizeof(REAL) + LINE - 1) / LINE * LINE / sizeof(REAL);
    return p;
}

static enum al_err FN(pack_layers)(struct FN(state) *s, const int *place)
{
    const struct dp_model *m = s->m;
    AL_ALLOC(s->layer, m->c.ntypes * m->c.nfit);
    size_t at = 0;
    for (int k = 0; k < m->c.ntypes * m->c.nfit; k++) {
        const struct dp_layer *from = &m->fit[k / m->c.nfit].layer[k % m->c.nfit];
        at += (size_t)from->nin * FN(dp_panel_width)((size_t)from->nout) + (size_t)from->nout * FN(dp_panel_width)((size_t)from->nin);
        at += 2 * s->wp + 4 * LINE / sizeof(REAL); // b and idt; each piece up to a whole line
    }
    AL_TRY(al_alloc_large(at, sizeof *s->weight, &s->weight));
    at = 0;
    for (int k = 0; k < m->c.ntypes * m->c.nfit; k++) {
        const struct dp_layer *from = &m->fit[k / m->c.nfit].layer[k % m->c.nfit];
        struct FN(layer) *la = &s->layer[k];
        const int *order = k % m->c.nfit ? NULL : place;
        la->nin = from->nin;
        la->nout = from->nout;
        la->skip = from->skip != 0;
        la->w = FN(piece)(s, (size_t)la->nin * FN(dp_panel_width)((size_t)la->nout), &at);
        la->wt = FN(piece)(s, (size_t)la->nout * FN(dp_panel_width)((size_t)la->nin), &at);
        FN(dp_panel_pack)(la->nin, la->nout, from->w, (size_t)la->nout, order, la->w);
        FN(dp_panel_pack_t)(la->nout, la->nin, from->w, (size_t)la->nout, order, la->wt);
        la->b = FN(piece)(s, s->wp, &at);
        if (from->idt) la->idt = FN(piece)(s, s->wp, &at);
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
    AL_TRY(al_alloc_large(s->table_end, sizeof *s->table, &s->table));
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
    s->size = FN(sizes_of)(&m->c);
    s->m1 = s->size.m1;
    s->nd = dp_config_width(&m->c);
    s->mp = s->size.mp;
    s->ndp = FN(size_D)(&s->size);
    s->wp = FN(dp_panel_width)((size_t)dp_net_width(&m->fit[0]));
    s->asize = FN(size_A)(&s->size);
    AL_ALLOC(place, s->nd);
    FN(places)(&s->size, place);
    AL_TRY(FN(pack_layers)(s, place));
    AL_TRY(FN(pack_tables)(s));
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

// Weights are those of the other state, which must live longer; tables are copied, because rows outside them are written behind them.
static enum al_err FN(twin)(const void *of, void **ret)
{
    const struct FN(state) *from = of;
    __attribute__((cleanup(FN(destroy_at)))) struct FN(state) *s = NULL;
    AL_ALLOC(s, 1);
    s->twin = true;
    s->m = from->m;
    s->grid = from->grid;
    s->size = from->size;
    s->m1 = from->m1;
    s->nd = from->nd;
    s->mp = from->mp;
    s->ndp = from->ndp;
    s->wp = from->wp;
    s->asize = from->asize;
    s->net_at = from->net_at;
    s->table_end = from->table_end;
    s->layer = from->layer;
    AL_TRY(al_alloc_large(s->table_end, sizeof *s->table, &s->table));
    memcpy(s->table, from->table, s->table_end * sizeof *s->table);
    *ret = s;
    s = NULL;
    return AL_ERR_OK;
}

static enum al_err FN(work_create)(const struct FN(state) *s, struct FN(work) *w)
{
    size_t nfit = (size_t)s->m->c.nfit;
    AL_ALLOC(w->A, SLOTS * s->asize);
    AL_ALLOC(w->gA, SLOTS * s->asize);
    AL_ALLOC(w->near_first, s->m->c.ntypes * SLOTS + 1);
    AL_ALLOC(w->D, SLOTS * s->ndp);
    AL_ALLOC(w->gD, SLOTS * s->ndp);
    AL_ALLOC(w->h, nfit * SLOTS * s->wp);
    AL_ALLOC(w->y, nfit * SLOTS * s->wp);
    AL_ALLOC(w->gz, SLOTS * s->wp);
    AL_ALLOC(w->gx, SLOTS * s->wp);
    AL_ALLOC(w->curve, 6 * (size_t)dp_net_width(&s->m->emb[0]));
    return AL_ERR_OK;
}

// ---- rows -------------------------------------------------------------------------------------------------

// Input x of net e outside its table: the net and its slope there as an interval of its own.
static void FN(outside)(struct FN(work) *w, int e, double x, REAL *ret_t, unsigned *ret_at)
{
    const struct FN(state) *s = w->s;
    size_t size = (DEGREE + 1) * s->mp, width = (size_t)dp_net_width(&s->m->emb[e]), at = w->room_at + w->nout * size;
    *ret_t = 0;
    *ret_at = 0;
    if (w->nout++ >= s->room) return; // run() makes more room and begins again
    double *y = w->curve, *y1 = y + width, *y2 = y1 + width, per_unit = s->grid[e].per_unit;
    REAL *c = w->table + at;
    dp_net_curve(&s->m->emb[e], x, y, y1, y2, y2 + width);
    memset(c, 0, size * sizeof *c);
    for (int a = 0; a < s->m1; a++) {
        c[a] = (REAL)y[a];
        c[s->mp + (size_t)a] = (REAL)(y1[a] / per_unit);
    }
    *ret_at = (unsigned)at;
}

// Rows r0 .. r1 - 1 of the layout, which belong to net e and centres of type ti, into w->row from r0 - base.
static void FN(fill_rows)(struct FN(work) *w, const struct dp_geo *geo, int base, int r0, int r1, int ti, int e)
{
    const struct FN(state) *s = w->s;
    const struct dp_table *g = &s->grid[e];
    v4d avg = v4_load(s->m->davg[ti]), inv = v4_set(1) / v4_load(s->m->dstd[ti]);
    const size_t size = (DEGREE + 1) * s->mp;
    for (int k = r0; k < r1; k++) {
        size_t i = (size_t)(k - base);
        REAL *to = w->row.R + 4 * i;
        double sk = geo[k].sr * geo[k].r;
        v4d R = ((v4d){sk, sk * geo[k].h[0], sk * geo[k].h[1], sk * geo[k].h[2]} - avg) * inv;
        for (int q = 0; q < 4; q++)
            to[q] = (REAL)R[q];
        if (!(R[0] >= g->lo && R[0] < g->up)) {
            FN(outside)(w, e, R[0], &w->row.t[i], &w->row.at[i]);
            continue;
        }
        double u = (R[0] - g->lo) * g->per_unit;
        int interval = (int)u;
        interval = interval < g->nint ? interval : g->nint - 1;
        w->row.t[i] = (REAL)(u - interval);
        w->row.at[i] = (unsigned)(s->net_at[e] + (size_t)interval * size);
    }
}

// Of the rows r0 .. r1 - 1 of the layout those with harmonics, from *at of the near ones on.
static void FN(fill_near)(struct FN(work) *w, const struct dp_geo *geo, int base, int r0, int r1, double inv, int *at)
{
    for (int k = r0; k < r1; k++) {
        if (!geo[k].qr) continue;
        double y[DP_HARMONICS];
        dp_harmonics_row(&geo[k], y);
        for (int m = 0; m < DP_HARMONICS; m++)
            w->near.R[*at * DP_HARMONICS + m] = (REAL)(y[m] * inv);
        w->near.t[*at] = w->row.t[k - base];
        w->near.at[*at] = w->row.at[k - base];
        double *g = w->near_geo + *at;
        for (int a = 0; a < 3; a++)
            g[(size_t)a * w->near.cap] = geo[k].h[a];
        g[3 * w->near.cap] = geo[k].dq;
        g[4 * w->near.cap] = geo[k].qr;
        w->near_row[(*at)++] = k;
    }
}

static enum al_err FN(list_reserve)(struct FN(list) *l, size_t n, size_t nc)
{
    if (n <= l->cap) return AL_ERR_OK;
    al_free(l->R);
    al_free(l->t);
    al_free(l->at);
    *l = (struct FN(list)){0};
    n += n / 4;
    AL_ALLOC(l->R, n * nc);
    AL_ALLOC(l->t, n);
    AL_ALLOC(l->at, n + ROWS_AHEAD);
    l->cap = n;
    return AL_ERR_OK;
}

static enum al_err FN(reserve)(struct FN(work) *w, size_t rows)
{
    bool more = rows > w->near.cap;
    AL_TRY(FN(list_reserve)(&w->row, rows, 4));
    if (!w->s->size.mh) return AL_ERR_OK;
    AL_TRY(FN(list_reserve)(&w->near, rows, DP_HARMONICS));
    if (!more) return AL_ERR_OK;
    al_free(w->near_row);
    al_free(w->near_geo);
    w->near_row = NULL;
    w->near_geo = NULL;
    AL_ALLOC(w->near_row, w->near.cap);
    AL_ALLOC(w->near_geo, 5 * w->near.cap);
    return AL_ERR_OK;
}

static struct FN(rows) FN(rows_at)(const struct FN(work) *w, int first, int n)
{
    return (struct FN(rows)){n, w->row.R + 4 * (size_t)first, NULL, w->row.t + first, w->row.at + first};
}

static struct FN(rows) FN(near_at)(const struct FN(work) *w, int first, int n)
{
    return (struct FN(rows)){n, NULL, w->near.R + DP_HARMONICS * (size_t)first, w->near.t + first, w->near.at + first};
}

// Adds the rows r, of which h have harmonics, to A.
static void FN(gather_both)(const struct FN(work) *w, struct FN(rows) r, const struct FN(rows) *h, REAL *A)
{
    const struct FN(sizes) *n = &w->s->size;
    if (h->n && h->n == r.n && n->hp == n->mp) {
        r.H = h->H;
        FN(gather_all)(&r, n->mp, w->table, A);
        return;
    }
    FN(gather)(&r, n->mp, w->table, A);
    if (h->n) FN(gather_harmonics)(h, n->mp, n->hp, w->table, A + n->a2);
}

// Blocks b0 .. b1 - 1: rows, then A of each centre, times 1/nnei.
static enum al_err FN(embed)(struct FN(work) *w, const struct dp_layout *l, const struct dp_geo *geo, int b0, int b1)
{
    const struct FN(state) *s = w->s;
    const struct dp_model *m = s->m;
    int ti = l->block_type[b0], base = dp_layout_seg(l, b0, 0)[0], first = l->block_first[b0];
    size_t size = s->asize, nslot = (size_t)(l->block_first[b1] - first);
    int near = 0;
    AL_TRY(FN(reserve)(w, (size_t)(dp_block_end(l, b1 - 1) - base)));
    memset(w->A, 0, nslot * size * sizeof *w->A);
    for (int t = 0; t < l->ntypes; t++)
        for (int b = b0; b < b1; b++) {
            const int *seg = dp_layout_seg(l, b, t);
            int nc = dp_block_size(l, b), sel = m->c.sel[t];
            FN(fill_rows)(w, geo, base, seg[0], seg[nc + 1], ti, dp_model_emb_index(m, ti, t));
            for (int c = 0; c < nc; c++) {
                int n = seg[c + 1] - seg[c], slot = l->block_first[b] - first + c, *from = &w->near_first[t * SLOTS + slot];
                REAL *A = w->A + (size_t)slot * size, none[4];
                from[0] = near;
                if (s->size.mh) FN(fill_near)(w, geo, base, seg[c], seg[c + 1], 1 / m->dstd[ti][1], &near);
                from[1] = near;
                struct FN(rows) h = {0}, empty = FN(rows_at)(w, seg[nc] - base, 1);
                if (near > from[0]) h = FN(near_at)(w, from[0], near - from[0]);
                FN(gather_both)(w, FN(rows_at)(w, seg[c] - base, n), &h, A);
                if (n == sel) continue;
                for (int q = 0; q < 4; q++)
                    none[q] = empty.R[q] * (REAL)(sel - n);
                empty.R = none;
                FN(gather)(&empty, s->mp, w->table, A);
            }
        }
    REAL inv = (REAL)(1.0 / m->nnei);
    for (size_t i = 0; i < nslot * size; i++)
        w->A[i] *= inv;
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
static void FN(fit)(struct FN(work) *w, int t, int n, const int *order)
{
    const struct FN(state) *s = w->s;
    struct pot_result *res = &w->res;
    const struct dp_model *m = s->m;
    int nfit = m->c.nfit;
    size_t wp = s->wp, all = SLOTS * wp;
    const struct FN(layer) *net = s->layer + t * nfit;
    const struct dp_layer *last = &m->fit[t].layer[nfit];
    const REAL *x = w->D;
    for (int l = 0; l < nfit; l++) {
        REAL *h = w->h + (size_t)l * all;
        FN(dp_panel_mul)(n, net[l].nout, net[l].nin, x, l ? wp : s->ndp, net[l].w, h, wp);
        FN(activate)(&net[l], wp, n, x, h, w->y + (size_t)l * all);
        x = w->y + (size_t)l * all;
    }
    for (size_t i = 0; i < (size_t)n; i++) {
        double e = last->b[0];
        for (size_t j = 0; j < (size_t)last->nin; j++)
            e += (double)x[i * wp + j] * last->w[j];
        e = (e + m->bias[t]) * m->out_std[t] + m->out_bias[t];
        res->energy += e;
        if (res->atomic_energy) res->atomic_energy[order[i]] = e;
        for (size_t j = 0; j < (size_t)last->nin; j++)
            w->gx[i * wp + j] = (REAL)(last->w[j] * m->out_std[t]);
    }
    for (int l = nfit - 1; l >= 0; l--) {
        const struct FN(layer) *la = &net[l];
        const REAL *restrict h = w->h + (size_t)l * all;
        for (size_t i = 0; i < (size_t)n; i++) {
            const REAL *restrict hi = h + i * wp, *restrict g = w->gx + i * wp;
            REAL *restrict out = w->gz + i * wp;
            for (size_t j = 0; j < (size_t)la->nout; j++)
                out[j] = g[j] * (1 - hi[j] * hi[j]);
            for (size_t j = 0; la->idt && j < (size_t)la->nout; j++)
                out[j] *= la->idt[j];
        }
        if (!l) {
            FN(dp_panel_mul)(n, la->nin, la->nout, w->gz, wp, la->wt, w->gD, s->ndp);
            return;
        }
        // the adjoint that the skip connection carries stays in y, which is not needed any more
        REAL *gx = w->y;
        FN(dp_panel_mul)(n, la->nin, la->nout, w->gz, wp, la->wt, gx, wp);
        for (size_t i = 0; i < (size_t)n; i++)
            for (size_t j = 0; j < (size_t)la->nin; j++)
                w->gx[i * wp + j] = la->skip ? w->gx[i * wp + j] + gx[i * wp + j] : gx[i * wp + j];
    }
}

// ---- forces -----------------------------------------------------------------------------------------------

struct FN(pull) { // of a centre
    v4d force, virial[3];
};

// dE/dd of the harmonics of n rows from `first` of the near ones on; T: see spread_harmonics. A loop for vectors.
static void FN(near_forces)(const struct FN(work) *w, int first, int n, const REAL *T, double scale, double F[3][CHUNK])
{
    const size_t cap = w->near.cap;
    const double *restrict x = w->near_geo + first, *restrict y = x + cap, *restrict z = y + cap, *restrict dq = z + cap, *restrict qr = dq + cap;
    double *restrict fx = F[0], *restrict fy = F[1], *restrict fz = F[2];
    for (int k = 0; k < n; k++) {
        const REAL *t = T + k;
        const double a[DP_HARMONICS] = {(double)t[0],         (double)t[CHUNK],     (double)t[2 * CHUNK], (double)t[3 * CHUNK],
                                        (double)t[4 * CHUNK], (double)t[5 * CHUNK], (double)t[6 * CHUNK], (double)t[7 * CHUNK],
                                        (double)t[8 * CHUNK], (double)t[9 * CHUNK], (double)t[10 * CHUNK], (double)t[11 * CHUNK]};
        double h[3] = {x[k], y[k], z[k]}, Y[DP_HARMONICS], g[3];
        dp_harmonics(h, Y);
        dp_harmonics_gradient(h, a, g);
        double c = dq[k] * dp_harmonics_sum(a, Y) - qr[k] * (h[0] * g[0] + h[1] * g[1] + h[2] * g[2]);
        fx[k] = scale * (c * h[0] + qr[k] * g[0]);
        fy[k] = scale * (c * h[1] + qr[k] * g[1]);
        fz[k] = scale * (c * h[2] + qr[k] * g[2]);
    }
}

// Rows of a centre and a neighbour type: r of the layout from r0 on, h those of them that have harmonics, from `near` of these on.
static void FN(row_forces)(const struct FN(work) *w, const struct dp_layout *l, const struct dp_geo *geo, int r0, struct FN(rows) r,
                           struct FN(rows) h, int near, double per_unit, v4d scale, const REAL *gA, struct FN(pull) *sum,
                           double (*force)[3])
{
    REAL T[(4 + 1 + DP_HARMONICS + 1) * CHUNK];
    double Fh[3][CHUNK];
    const size_t mp = w->s->mp, hp = w->s->size.hp;
    const int *h_row = w->near_row;
    while (r.n) {
        int n = r.n < CHUNK ? r.n : CHUNK, nh = 0, ih = 0;
        while (nh < h.n && h_row[near + nh] < r0 + n)
            nh++;
        struct FN(rows) part = {n, r.R, h.H, r.t, r.at}, part_h = {nh, NULL, h.H, h.t, h.at};
        bool all = nh == n && hp == mp;
        REAL *slope = T + (all ? 4 + DP_HARMONICS : 4) * CHUNK, *Th = T + (all ? 4 : 5) * CHUNK, *slope_h = Th + DP_HARMONICS * CHUNK;
        if (all) FN(spread_all)(&part, mp, w->table, (REAL)per_unit, gA, T);
        else FN(spread)(&part, mp, w->table, (REAL)per_unit, gA, T);
        if (nh && !all) FN(spread_harmonics)(&part_h, mp, hp, w->table, (REAL)per_unit, gA + w->s->size.a2, Th);
        if (nh) FN(near_forces)(w, near, nh, Th, scale[1], Fh);
        for (int k = 0; k < n; k++) {
            const struct dp_geo *g = &geo[r0 + k];
            bool is_near = ih < nh && h_row[near + ih] == r0 + k;
            double F[3], a0 = (double)T[k] + (double)slope[k] + (is_near && !all ? (double)slope_h[ih] : 0);
            dp_row_force(g, (v4d){a0, (double)T[CHUNK + k], (double)T[2 * CHUNK + k], (double)T[3 * CHUNK + k]} * scale, F);
            for (int a = 0; a < 3 && is_near; a++)
                F[a] += Fh[a][ih];
            ih += is_near;
            v4d f = {F[0], F[1], F[2], 0}, d = {g->h[0] * g->r, g->h[1] * g->r, g->h[2] * g->r, 0};
            sum->force += f;
            for (int a = 0; a < 3; a++)
                sum->virial[a] -= F[a] * d;
            if (!force) continue;
            double *fj = force[l->j[r0 + k]];
            for (int a = 0; a < 3; a++)
                fj[a] -= F[a];
        }
        r0 += n;
        r = (struct FN(rows)){r.n - n, r.R + 4 * n, NULL, r.t + n, r.at + n};
        h = (struct FN(rows)){h.n - nh, NULL, h.H + DP_HARMONICS * nh, h.t + nh, h.at + nh};
        near += nh;
    }
}

static void FN(forces)(struct FN(work) *w, const struct dp_layout *l, const struct dp_geo *geo, int b0, int b1)
{
    const struct FN(state) *s = w->s;
    struct pot_result *res = &w->res;
    const struct dp_model *m = s->m;
    int ti = l->block_type[b0], base = dp_layout_seg(l, b0, 0)[0], first = l->block_first[b0];
    size_t size = s->asize;
    v4d scale = v4_set(1.0 / m->nnei) / v4_load(m->dstd[ti]);
    int nslot = l->block_first[b1] - first;
    struct FN(pull) total = {0};
    memset(w->gA, 0, (size_t)nslot * size * sizeof *w->gA);
    for (size_t k = 0; k < (size_t)nslot; k++)
        FN(descriptor_back)(&s->size, w->A + k * size, w->gD + k * s->ndp, w->gA + k * size);
    for (int t = 0; t < l->ntypes; t++) {
        double per_unit = s->grid[dp_model_emb_index(m, ti, t)].per_unit;
        for (int b = b0; b < b1; b++) {
            const int *seg = dp_layout_seg(l, b, t);
            for (int c = 0; c < dp_block_size(l, b); c++) {
                int slot = l->block_first[b] - first + c, i = l->order[first + slot];
                const int *near = &w->near_first[t * SLOTS + slot];
                struct FN(rows) h = {0};
                if (s->size.mh) h = FN(near_at)(w, near[0], near[1] - near[0]);
                total.force = v4_set(0);
                FN(row_forces)(w, l, geo, seg[c], FN(rows_at)(w, seg[c] - base, seg[c + 1] - seg[c]), h, near[0],
                               per_unit, scale, w->gA + (size_t)slot * size, &total, res->forces);
                for (int a = 0; a < 3 && res->forces; a++)
                    res->forces[i][a] += total.force[a];
            }
        }
    }
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            res->virial[a][b] += total.virial[a][b];
}

#include "dp/compress_run_impl.h"

#undef LANES
#undef VEC
#undef LOAD
#undef STORE
#undef INLINE
