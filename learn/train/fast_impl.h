// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The fast path for one precision; included in fast.c twice, with REAL and FN(name) defined. No include guard on
// purpose. A slot is an atom of the batch, sorted by type, then frame, then the order of the frame's layout; a segment
// the rows of one slot that belong to one embedding net, sorted by net; those within rcut_angular
// come first.

struct FN(fast) {
    const struct dp_model *m;
    struct FN(sizes) size;
    int m1, nd, nz, T;      // widths: embedding, descriptor, first fitting layer; types
    size_t mp, ndp, zp;     // rounded up
    size_t asize;           // numbers of A of a slot
    int *place;             // [nd] our row of the first fitting layer -> the model's
    struct dp_net *tail;    // [T] fitting nets without the first layer
    REAL **w, **wt;         // [T] packed first layer and its transpose
    // batch
    int natoms, nslot, nrow, nseg;
    int type_first[DP_MAX_TYPES + 1]; // slots of a type
    int *atom0;             // [n] of each frame
    int *slot_atom, *slot_of, *slot_frame; // [nslot]; slot_of: atom -> slot
    int *seg_slot, *seg_row, *seg_near; // [nseg + 1]; seg_near: how many rows have harmonics
    int *net_seg;           // [nemb + 1]
    int *net_at;            // [nemb] offset of the net's table, in intervals
    double *x;              // [nrow]
    int *interval, *j;      // [nrow]; j: neighbour's atom, -1 empty slots
    struct dp_geo *geo;     // [nrow]
    REAL (*R)[4], (*Rt)[4], *t;
    REAL (*H)[DP_HARMONICS], (*Ht)[DP_HARMONICS]; // of the rows that have them; NULL: no row has
    unsigned *at;
    struct nodes *nodes;    // [nemb]
    REAL *table, *bar;
    // slots
    REAL *A, *gA, *At, *Abar; // [nslot][asize]: [4][mp], [DP_HARMONICS][hp]
    REAL *DD, *gD, *Dbar;     // [2 nslot][ndp] D and Dt of a type after each other; [nslot][ndp]
    REAL *z, *az, *zpack;     // [nslot][zp] products and factors; packed
    double *h0, *zt0, *yt0, *gx, *gxt, *stack; // [nslot][nz], the last [2 nslot]
    struct dp_tape tape;
    double *tape_mem, *gy, *gyt, *fit_work;
    double (*force)[3], (*virial)[3][3], *energy, *c; // [natoms], [n]
    size_t cap_frames, cap_atoms, cap_rows, cap_seg, cap_table, cap_bar;
};

void FN(fast_destroy)(struct FN(fast) **fp)
{
    struct FN(fast) *f = *fp;
    if (!f) return;
    for (int t = 0; t < f->T; t++) {
        if (f->w) al_free(f->w[t]);
        if (f->wt) al_free(f->wt[t]);
    }
    for (int e = 0; f->nodes && e < f->m->nemb; e++)
        nodes_free(&f->nodes[e]);
    void *p[] = {f->place,    f->tail,   f->w,     f->wt,      f->atom0,   f->slot_atom, f->slot_of, f->slot_frame,
                 f->seg_slot, f->seg_row, f->net_seg, f->net_at, f->x,      f->interval,  f->j,       f->geo,
                 f->R,        f->Rt,     f->t,     f->at,      f->nodes,   f->table,     f->bar,     f->A,
                 f->gA,       f->At,     f->Abar,  f->DD,      f->gD,      f->Dbar,      f->z,       f->az,
                 f->zpack,    f->h0,     f->zt0,   f->yt0,     f->gx,      f->gxt,       f->stack,   f->tape_mem,
                 f->gy,       f->gyt,    f->fit_work, f->force, f->virial, f->energy,    f->c,
                 f->seg_near, f->H,      f->Ht};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        al_free(p[i]);
    al_free(f);
    *fp = NULL;
}

enum al_err FN(fast_create)(const struct dp_model *m, struct FN(fast) **ret)
{
    __attribute__((cleanup(FN(fast_destroy)))) struct FN(fast) *f = NULL;
    AL_ALLOC(f, 1);
    f->m = m;
    f->T = m->c.ntypes;
    f->size = FN(sizes_of)(&m->c);
    f->m1 = f->size.m1;
    f->nd = dp_config_width(&m->c);
    f->nz = m->fit[0].layer[0].nout;
    f->mp = f->size.mp;
    f->ndp = FN(size_D)(&f->size);
    f->zp = FN(dp_panel_width)((size_t)f->nz);
    f->asize = FN(size_A)(&f->size);
    AL_ALLOC(f->place, f->nd);
    FN(places)(&f->size, f->place);
    AL_ALLOC(f->tail, f->T);
    AL_ALLOC(f->w, f->T);
    AL_ALLOC(f->wt, f->T);
    AL_ALLOC(f->nodes, m->nemb);
    AL_ALLOC(f->net_seg, m->nemb + 1);
    AL_ALLOC(f->net_at, m->nemb + 1);
    for (int t = 0; t < f->T; t++) {
        f->tail[t] = tail_of(&m->fit[t]);
        AL_ALLOC(f->w[t], (size_t)f->nd * f->zp);
        AL_ALLOC(f->wt[t], (size_t)f->nz * f->ndp);
    }
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

static enum al_err FN(reserve_frames)(struct FN(fast) *f, int n)
{
    if ((size_t)n <= f->cap_frames) return AL_ERR_OK;
    void **p[] = {(void **)&f->atom0, (void **)&f->virial, (void **)&f->energy, (void **)&f->c};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        al_free(*p[i]);
        *p[i] = NULL;
    }
    f->cap_frames = 0;
    AL_ALLOC(f->atom0, n + 1);
    AL_ALLOC(f->virial, n);
    AL_ALLOC(f->energy, n);
    AL_ALLOC(f->c, n);
    f->cap_frames = (size_t)n;
    return AL_ERR_OK;
}

static enum al_err FN(reserve_atoms)(struct FN(fast) *f, size_t n)
{
    if (n <= f->cap_atoms) return AL_ERR_OK;
    size_t one[] = {f->ndp, f->zp, f->asize}, width = 1;
    for (int t = 0; t < f->T; t++)
        if ((size_t)dp_net_width(&f->tail[t]) > width) width = (size_t)dp_net_width(&f->tail[t]);
    n += n / 4;
    struct {
        void *at;
        size_t bytes;
    } list[] = {{&f->slot_atom, sizeof(int)},
                {&f->slot_of, sizeof(int)},
                {&f->slot_frame, sizeof(int)},
                {&f->A, one[2] * sizeof(REAL)},
                {&f->gA, one[2] * sizeof(REAL)},
                {&f->At, one[2] * sizeof(REAL)},
                {&f->Abar, one[2] * sizeof(REAL)},
                {&f->DD, 2 * one[0] * sizeof(REAL)},
                {&f->gD, one[0] * sizeof(REAL)},
                {&f->Dbar, one[0] * sizeof(REAL)},
                {&f->z, one[1] * sizeof(REAL)},
                {&f->az, one[1] * sizeof(REAL)},
                {&f->zpack, 2 * one[1] * sizeof(REAL)},
                {&f->h0, (size_t)f->nz * sizeof(double)},
                {&f->zt0, (size_t)f->nz * sizeof(double)},
                {&f->yt0, (size_t)f->nz * sizeof(double)},
                {&f->gx, (size_t)f->nz * sizeof(double)},
                {&f->gxt, (size_t)f->nz * sizeof(double)},
                {&f->stack, 2 * (size_t)f->nz * sizeof(double)},
                {&f->gy, width * sizeof(double)},
                {&f->gyt, width * sizeof(double)},
                {&f->fit_work, 2 * width * sizeof(double)},
                {&f->force, sizeof *f->force}};
    f->cap_atoms = 0;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        void **p = list[i].at;
        al_free(*p);
        *p = NULL;
        AL_TRY(al_alloc(n, list[i].bytes, p));
    }
    AL_TRY(dp_tape_alloc(&f->tail[0], n, &f->tape, &f->tape_mem));
    f->cap_atoms = n;
    return AL_ERR_OK;
}

static enum al_err FN(reserve_rows)(struct FN(fast) *f, size_t n, size_t nseg)
{
    if (n > f->cap_rows) {
        n += n / 4;
        size_t harmonics = f->size.mh ? sizeof *f->H : 0;
        struct {
            void *at;
            size_t bytes;
        } list[] = {{&f->x, sizeof *f->x},     {&f->interval, sizeof(int)}, {&f->j, sizeof(int)},
                    {&f->geo, sizeof *f->geo}, {&f->R, sizeof *f->R},       {&f->Rt, sizeof *f->Rt},
                    {&f->t, sizeof *f->t},     {&f->at, sizeof *f->at},     {&f->H, harmonics},
                    {&f->Ht, harmonics}};
        f->cap_rows = 0;
        for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
            void **p = list[i].at;
            if (!list[i].bytes) continue;
            al_free(*p);
            *p = NULL;
            AL_TRY(al_alloc(n, list[i].bytes, p));
        }
        f->cap_rows = n;
    }
    if (nseg > f->cap_seg) {
        al_free(f->seg_slot);
        al_free(f->seg_row);
        al_free(f->seg_near);
        f->seg_slot = f->seg_row = f->seg_near = NULL;
        f->cap_seg = 0;
        nseg += nseg / 4;
        AL_ALLOC(f->seg_slot, nseg + 1);
        AL_ALLOC(f->seg_row, nseg + 1);
        AL_ALLOC(f->seg_near, nseg + 1);
        f->cap_seg = nseg;
    }
    return AL_ERR_OK;
}

#include "train/fast_lay_impl.h"

// ---- energy and forces ------------------------------------------------------------------------------------

// Nets on their nodes, tables of all nets. *ret_ok false: see nodes_choose.
static enum al_err FN(embed)(struct FN(fast) *f, bool *ret_ok)
{
    int nint = 0, last = f->m->c.nneuron - 1;
    size_t m1 = (size_t)f->m1, size = 4 * f->mp, most = 0;
    for (int e = 0; e < f->m->nemb; e++) {
        int r0 = f->seg_row[f->net_seg[e]], r1 = f->seg_row[f->net_seg[e + 1]];
        AL_TRY(nodes_choose(&f->nodes[e], r1 - r0, f->x + r0, f->interval + r0, ret_ok));
        if (!*ret_ok) return AL_ERR_OK;
        for (int r = r0; r < r1; r++) {
            f->t[r] = (REAL)nodes_fraction(f->x[r]);
            f->at[r] = (unsigned)((size_t)f->interval[r] * size);
        }
        f->net_at[e] = nint;
        nint += f->nodes[e].nint;
        if ((size_t)f->nodes[e].nint > most) most = (size_t)f->nodes[e].nint;
    }
    AL_TRY(room((size_t)nint * size, sizeof(REAL), &f->cap_table, &f->table));
    AL_TRY(room(most * size, sizeof(REAL), &f->cap_bar, &f->bar));
    for (int e = 0; e < f->m->nemb; e++) {
        struct nodes *nd = &f->nodes[e];
        AL_TRY(nodes_evaluate(nd, &f->m->emb[e]));
        for (int k = 0; k < nd->nint; k++) {
            size_t l = (size_t)nd->left[k] * m1;
            const double *y = nd->tape.y[last] + l, *s = nd->tape.yt[last] + l;
            FN(coefficients)(f->m1, f->mp, y, y + m1, s, s + m1, f->table + (size_t)(f->net_at[e] + k) * size);
        }
    }
    return AL_ERR_OK;
}

static REAL *FN(D_of)(struct FN(fast) *f, int t, int slot, bool tangent)
{
    int s0 = f->type_first[t], n = f->type_first[t + 1] - s0;
    return f->DD + (size_t)(s0 + slot + (tangent ? n : 0)) * f->ndp;
}

// D[b][a] of all slots from A (tangent: Dt from A and At), which is divided by nnei first.
static void FN(descriptors)(struct FN(fast) *f, bool tangent)
{
    REAL *X = tangent ? f->At : f->A, inv = (REAL)(1.0 / f->m->nnei);
    size_t size = f->asize;
    for (size_t i = 0; i < (size_t)f->nslot * size; i++)
        X[i] *= inv;
    for (int t = 0; t < f->T; t++)
        for (int s = f->type_first[t]; s < f->type_first[t + 1]; s++) {
            size_t at = (size_t)s * size;
            FN(trim)(&f->size, X + at);
            FN(descriptor)(&f->size, f->A + at, X + at, FN(D_of)(f, t, s, tangent));
        }
}

static void FN(sum_rows)(struct FN(fast) *f, bool tangent)
{
    REAL *X = tangent ? f->At : f->A;
    memset(X, 0, (size_t)f->nslot * f->asize * sizeof *X);
    for (int e = 0; e < f->m->nemb; e++) {
        const REAL *table = f->table + (size_t)f->net_at[e] * 4 * f->mp;
        for (int g = f->net_seg[e]; g < f->net_seg[e + 1]; g++) {
            struct FN(rows) r = FN(rows_of)(f, g), near = FN(near_of)(f, g);
            REAL *A = X + (size_t)f->seg_slot[g] * f->asize, *Ah = A + f->size.a2;
            if (tangent)
                FN(tangent)(&r, f->mp, table, A);
            else
                FN(accumulate)(&r, f->mp, table, A);
            if (near.n && tangent)
                FN(tangent_harmonics)(&near, f->mp, f->size.hp, table, Ah);
            else if (near.n)
                FN(accumulate_harmonics)(&near, f->mp, f->size.hp, table, Ah);
        }
    }
}

// dst [n][zp] of REAL from src [n][nz].
static void FN(to_factor)(const struct FN(fast) *f, int n, const double *src, REAL *dst)
{
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = 0; j < (size_t)f->nz; j++)
            dst[i * f->zp + j] = (REAL)src[i * (size_t)f->nz + j];
}

// Product with the first fitting layer's weights: [n][nz] of double.
static void FN(first_layer)(struct FN(fast) *f, int t, int n, const REAL *D, double *dst)
{
    FN(dp_panel_mul)(n, f->nz, f->nd, D, f->ndp, f->w[t], f->z, f->zp);
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = 0; j < (size_t)f->nz; j++)
            dst[i * (size_t)f->nz + j] = (double)f->z[i * f->zp + j];
}

// Energies of the atoms of type t, and dE_i/dD.
static void FN(fit)(struct FN(fast) *f, int t)
{
    const struct dp_model *m = f->m;
    const struct dp_layer *la = &m->fit[t].layer[0];
    const struct dp_net *net = &f->tail[t];
    int s0 = f->type_first[t], n = f->type_first[t + 1] - s0;
    size_t nz = (size_t)f->nz, s = (size_t)s0;
    if (!n) return;
    FN(dp_panel_pack)(f->nd, f->nz, la->w, nz, f->place, f->w[t]);
    FN(dp_panel_pack_t)(f->nz, f->nd, la->w, nz, f->place, f->wt[t]);
    double *h = f->h0 + s * nz, *gx = f->gx + s * nz, *stack = f->stack + (2 * s + (size_t)n) * nz;
    FN(first_layer)(f, t, n, FN(D_of)(f, t, s0, false), h);
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = 0; j < nz; j++)
            h[i * nz + j] += la->b[j];
    dp_tanh(h, (size_t)n * nz);
    struct dp_tape tape = dp_tape_from(net, &f->tape, s0);
    dp_net_forward(net, n, h, &tape);
    for (int i = 0; i < n; i++) {
        f->energy[f->slot_frame[s0 + i]] +=
            (tape.y[net->nlayers - 1][i] + m->bias[t]) * m->out_std[t] + m->out_bias[t];
        f->gy[i] = m->out_std[t];
    }
    dp_net_backward(net, n, &tape, f->gy, f->fit_work, gx);
    for (size_t i = 0; i < (size_t)n * nz; i++) // adjoint of z, which is that of zt in the second pass, too
        stack[i] = gx[i] * (1 - h[i] * h[i]);
    FN(to_factor)(f, n, stack, f->az);
    FN(dp_panel_mul)(n, f->nd, f->nz, f->az, f->zp, f->wt[t], f->gD + s * f->ndp, f->ndp);
}

static void FN(segment_forces)(struct FN(fast) *f, int g, const REAL *table)
{
    enum { CHUNK = 64 };
    REAL P[CHUNK * 4], Ph[CHUNK * DP_HARMONICS], slope[CHUNK], slope_h[CHUNK];
    int s = f->seg_slot[g], i = f->slot_atom[s], k0 = f->slot_frame[s], t = 0;
    while (s >= f->type_first[t + 1])
        t++;
    v4d scale = v4_set(1.0 / f->m->nnei) / v4_load(f->m->dstd[t]);
    struct FN(rows) all = FN(rows_of)(f, g), near = FN(near_of)(f, g);
    const REAL *gA = f->gA + (size_t)s * f->asize;
    for (int q = 0; q < all.n; q += CHUNK) {
        int n = all.n - q < CHUNK ? all.n - q : CHUNK, nh = near.n - q < n ? near.n - q : n;
        struct FN(rows) r = {n, all.R + 4 * q, NULL, NULL, all.t + q, all.at + q};
        struct FN(rows) h = {nh, near.R + DP_HARMONICS * q, NULL, NULL, all.t + q, all.at + q};
        FN(project)(&r, f->mp, table, gA, P, slope);
        if (nh > 0) FN(project_harmonics)(&h, f->mp, f->size.hp, table, gA + f->size.a2, Ph, slope_h);
        for (int k = 0; k < n; k++) {
            int row = f->seg_row[g] + q + k;
            const struct dp_geo *geo = &f->geo[row];
            if (f->j[row] < 0) continue;
            double F[3], *v = &f->virial[k0][0][0], a0 = (double)P[4 * k] + (double)slope[k] + (k < nh ? (double)slope_h[k] : 0);
            dp_row_force(geo, (v4d){a0, (double)P[4 * k + 1], (double)P[4 * k + 2], (double)P[4 * k + 3]} * scale, F);
            if (k < nh) {
                double y[DP_HARMONICS];
                for (int m = 0; m < DP_HARMONICS; m++)
                    y[m] = (double)Ph[DP_HARMONICS * k + m] * scale[1];
                dp_row_force_harmonics(geo, y, F);
            }
            for (int a = 0; a < 3; a++) {
                f->force[i][a] += F[a];
                f->force[f->j[row]][a] -= F[a];
                for (int b = 0; b < 3; b++)
                    v[3 * a + b] -= F[a] * geo->h[b] * geo->r;
            }
        }
    }
}

static void FN(forces)(struct FN(fast) *f)
{
    size_t size = f->asize;
    memset(f->gA, 0, (size_t)f->nslot * size * sizeof *f->gA);
    memset(f->force, 0, (size_t)f->natoms * sizeof *f->force);
    for (size_t s = 0; s < (size_t)f->nslot; s++)
        FN(descriptor_back)(&f->size, f->A + s * size, f->gD + s * f->ndp, f->gA + s * size);
    for (int e = 0; e < f->m->nemb; e++)
        for (int g = f->net_seg[e]; g < f->net_seg[e + 1]; g++)
            FN(segment_forces)(f, g, f->table + (size_t)f->net_at[e] * 4 * f->mp);
}

// ---- the second pass --------------------------------------------------------------------------------------

// Tangents of the rows along lambda_i - lambda_j - W d.
static void FN(row_tangents)(struct FN(fast) *f)
{
    for (int g = 0, t; g < f->nseg; g++) {
        int s = f->seg_slot[g], i = f->slot_atom[s];
        const double(*W)[3] = (const double(*)[3])f->virial[f->slot_frame[s]];
        for (t = 0; s >= f->type_first[t + 1];)
            t++;
        v4d inv = v4_set(1) / v4_load(f->m->dstd[t]);
        for (int r = f->seg_row[g]; r < f->seg_row[g + 1]; r++) {
            if (f->j[r] < 0) continue;
            const struct dp_geo *geo = &f->geo[r];
            const double *li = f->force[i], *lj = f->force[f->j[r]], *h = geo->h;
            double v[3];
            for (int a = 0; a < 3; a++)
                v[a] = li[a] - lj[a] - geo->r * (W[a][0] * h[0] + W[a][1] * h[1] + W[a][2] * h[2]);
            v4d Rt = dp_row_tangent(geo, v) * inv;
            for (int a = 0; a < 4; a++)
                f->Rt[r][a] = (REAL)Rt[a];
            if (r >= f->seg_row[g] + f->seg_near[g]) continue;
            double y[DP_HARMONICS];
            dp_row_tangent_harmonics(geo, v, y);
            for (int a = 0; a < DP_HARMONICS; a++)
                f->Ht[r][a] = (REAL)(y[a] * inv[1]);
        }
    }
}

// Fitting nets of type t: gradient, and the adjoint of D.
static void FN(fit_reverse)(struct FN(fast) *f, int t, double *grad)
{
    const struct dp_model *m = f->m;
    const struct dp_layer *la = &m->fit[t].layer[0];
    const struct dp_net *net = &f->tail[t];
    int s0 = f->type_first[t], n = f->type_first[t + 1] - s0;
    size_t nz = (size_t)f->nz, s = (size_t)s0, all = (size_t)n * nz;
    if (!n) return;
    double *h = f->h0 + s * nz, *zt = f->zt0 + s * nz, *yt = f->yt0 + s * nz;
    double *gz = f->stack + 2 * s * nz, *gzt = gz + all, *gx = f->gxt + s * nz;
    FN(first_layer)(f, t, n, FN(D_of)(f, t, s0, true), zt);
    for (size_t i = 0; i < all; i++)
        yt[i] = (1 - h[i] * h[i]) * zt[i];
    struct dp_tape tape = dp_tape_from(net, &f->tape, s0);
    dp_net_tangent(net, n, yt, &tape);
    for (int i = 0; i < n; i++) {
        f->gy[i] = f->c[f->slot_frame[s0 + i]] * m->out_std[t];
        f->gyt[i] = m->out_std[t];
    }
    dp_net_reverse2(net, n, h, yt, &tape, f->gy, f->gyt, f->fit_work, m->param, grad, gx);
    double *restrict gb = grad + (la->b - m->param);
    for (size_t i = 0; i < all; i++) // gzt = (1 - h^2) dE/dy already, so that (1 - h^2) 2 h zt dE/dy = 2 h zt gzt
        gz[i] = (1 - h[i] * h[i]) * gx[i] - 2 * h[i] * zt[i] * gzt[i];
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = 0; j < nz; j++)
            gb[j] += gz[i * nz + j];
    FN(dp_panel_pack)(2 * n, f->nz, gz, nz, NULL, f->zpack);
    FN(dp_panel_add)(f->nd, f->nz, 2 * n, FN(D_of)(f, t, s0, false), f->ndp, f->zpack, f->place,
                     grad + (la->w - m->param), nz);
    FN(to_factor)(f, n, gz, f->az);
    FN(dp_panel_mul)(n, f->nd, f->nz, f->az, f->zp, f->wt[t], f->Dbar + s * f->ndp, f->ndp);
}

// Adjoints of A (and gA) divided by nnei, then those of the tables, of the nodes, of the nets.
static void FN(embed_reverse)(struct FN(fast) *f, double *grad)
{
    const struct dp_model *m = f->m;
    size_t size = f->asize, interval = 4 * f->mp, m1 = (size_t)f->m1;
    REAL inv = (REAL)(1.0 / m->nnei);
    memset(f->Abar, 0, (size_t)f->nslot * size * sizeof *f->Abar);
    for (size_t s = 0; s < (size_t)f->nslot; s++) {
        REAL *Abar = f->Abar + s * size, *gA = f->gA + s * size;
        FN(descriptor_back)(&f->size, f->A + s * size, f->Dbar + s * f->ndp, Abar);
        FN(descriptor_back)(&f->size, f->At + s * size, f->gD + s * f->ndp, Abar);
        for (size_t i = 0; i < size; i++) {
            Abar[i] *= inv;
            gA[i] *= inv;
        }
    }
    for (int e = 0; e < m->nemb; e++) {
        struct nodes *nd = &f->nodes[e];
        memset(f->bar, 0, (size_t)nd->nint * interval * sizeof *f->bar);
        for (int g = f->net_seg[e]; g < f->net_seg[e + 1]; g++) {
            struct FN(rows) r = FN(rows_of)(f, g), near = FN(near_of)(f, g);
            size_t s = (size_t)f->seg_slot[g] * size, h = s + f->size.a2;
            FN(scatter)(&r, f->mp, f->Abar + s, f->gA + s, f->bar);
            if (near.n) FN(scatter_harmonics)(&near, f->mp, f->size.hp, f->Abar + h, f->gA + h, f->bar);
        }
        for (int k = 0; k < nd->nint; k++) {
            size_t l = (size_t)nd->left[k] * m1;
            double *y = nd->gy + l, *s = nd->gyt + l;
            FN(coefficients_back)(f->m1, f->mp, f->bar + (size_t)k * interval, y, y + m1, s, s + m1);
        }
        nodes_reverse(nd, &m->emb[e], m->param, grad);
    }
}

enum al_err FN(fast_batch)(struct FN(fast) *f, int n, const struct gradient_frame *in, const struct loss_weights *p,
                           double scale, double *grad, struct frame_loss *ret, bool *ret_ok)
{
    AL_TRY(FN(lay)(f, n, in));
    AL_TRY(FN(embed)(f, ret_ok));
    if (!*ret_ok) return AL_ERR_OK;
    FN(sum_rows)(f, false);
    FN(descriptors)(f, false);
    memset(f->energy, 0, (size_t)n * sizeof *f->energy);
    memset(f->virial, 0, (size_t)n * sizeof *f->virial);
    for (int t = 0; t < f->T; t++)
        FN(fit)(f, t);
    FN(forces)(f);
    for (int k = 0; k < n; k++)
        AL_TRY(frame_loss(in[k].layout->natoms, &in[k].label, p, scale * in[k].weight, f->energy[k], f->force + f->atom0[k],
                          f->virial[k], &ret[k], &f->c[k]));
    if (!grad) return AL_ERR_OK;
    FN(row_tangents)(f);
    FN(sum_rows)(f, true);
    FN(descriptors)(f, true);
    for (int t = 0; t < f->T; t++)
        FN(fit_reverse)(f, t, grad);
    FN(embed_reverse)(f, grad);
    return AL_ERR_OK;
}

#undef LANES
#undef VEC
#undef LOAD
#undef STORE
#undef INLINE
