// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The batch of the fast path (train/fast_impl.h, which includes it): slots, segments, rows. No include guard on purpose.

static void FN(lay_slots)(struct FN(fast) *f, int n, const struct gradient_frame *in)
{
    int s = 0;
    for (int t = 0; t < f->T; t++) {
        f->type_first[t] = s;
        for (int k = 0; k < n; k++) {
            const struct dp_layout *l = in[k].layout;
            for (int b = 0; b < l->nblock; b++)
                for (int c = 0; l->block_type[b] == t && c < dp_block_size(l, b); c++, s++) {
                    f->slot_atom[s] = f->atom0[k] + l->order[l->block_first[b] + c];
                    f->slot_frame[s] = k;
                    f->slot_of[f->slot_atom[s]] = s;
                }
        }
    }
    f->type_first[f->T] = s;
}

// Row of the neighbour q of the layout.
static void FN(lay_row)(struct FN(fast) *f, const struct dp_layout *l, const struct dp_cut *cut, int k, int q, int ti, int row,
                        bool near)
{
    const struct dp_model *m = f->m;
    v4d avg = v4_load(m->davg[ti]), inv = v4_set(1) / v4_load(m->dstd[ti]);
    v4d R = (dp_environment_row(l->d[q], cut, &f->geo[row]) - avg) * inv;
    f->j[row] = f->atom0[k] + l->j[q];
    f->x[row] = R[0];
    for (int i = 0; i < 4; i++)
        f->R[row][i] = (REAL)R[i];
    if (!near) return;
    double y[DP_HARMONICS];
    dp_harmonics_row(&f->geo[row], y);
    for (int i = 0; i < DP_HARMONICS; i++)
        f->H[row][i] = (REAL)(y[i] * inv[1]);
}

// Rows of neighbour type t around centre c of block b of frame k; the empty slots in one row at the end.
static void FN(lay_segment)(struct FN(fast) *f, const struct dp_layout *l, const struct dp_cut *cut, int k, int b,
                            int c, int t)
{
    const struct dp_model *m = f->m;
    const int *seg = dp_layout_seg(l, b, t);
    int n = seg[c + 1] - seg[c], ti = l->block_type[b], empty = m->c.sel[t] - n, row = f->nrow;
    double near2 = cut->ra * cut->ra;
    f->seg_slot[f->nseg] = f->slot_of[f->atom0[k] + l->order[l->block_first[b] + c]];
    f->seg_row[f->nseg] = row;
    f->seg_near[f->nseg] = 0;
    for (int far = 0; far < 2; far++)
        for (int q = seg[c]; q < seg[c + 1]; q++) {
            const double *d = l->d[q];
            if ((d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >= near2) != far) continue;
            FN(lay_row)(f, l, cut, k, q, ti, row++, !far);
            f->seg_near[f->nseg] += !far;
        }
    f->nseg++;
    if (empty > 0) {
        v4d R = -v4_load(m->davg[ti]) * (v4_set(1) / v4_load(m->dstd[ti]));
        f->x[row] = R[0];
        f->j[row] = -1;
        for (int i = 0; i < 4; i++) {
            f->R[row][i] = (REAL)(R[i] * empty);
            f->Rt[row][i] = 0;
        }
        row++;
    }
    f->nrow = row;
}

static void FN(lay_rows)(struct FN(fast) *f, int n, const struct gradient_frame *in)
{
    const struct dp_model *m = f->m;
    struct dp_cut cut = dp_cut_of(&m->c);
    f->nrow = f->nseg = 0;
    for (int e = 0; e < m->nemb; e++) {
        f->net_seg[e] = f->nseg;
        for (int k = 0; k < n; k++) {
            const struct dp_layout *l = in[k].layout;
            for (int b = 0; b < l->nblock; b++)
                for (int t = 0; t < f->T; t++)
                    for (int c = 0; dp_model_emb_index(m, l->block_type[b], t) == e && c < dp_block_size(l, b); c++)
                        FN(lay_segment)(f, l, &cut, k, b, c, t);
        }
    }
    f->net_seg[m->nemb] = f->nseg;
    f->seg_row[f->nseg] = f->nrow;
}

static enum al_err FN(lay)(struct FN(fast) *f, int n, const struct gradient_frame *in)
{
    size_t rows = 0;
    AL_TRY(FN(reserve_frames)(f, n));
    f->natoms = 0;
    for (int k = 0; k < n; k++) {
        f->atom0[k] = f->natoms;
        f->natoms += in[k].layout->natoms;
        rows += (size_t)in[k].layout->nrow;
    }
    f->atom0[n] = f->nslot = f->natoms;
    size_t nseg = (size_t)f->natoms * (size_t)f->T;
    AL_TRY(FN(reserve_atoms)(f, (size_t)f->natoms));
    AL_TRY(FN(reserve_rows)(f, rows + nseg, nseg));
    FN(lay_slots)(f, n, in);
    FN(lay_rows)(f, n, in);
    return AL_ERR_OK;
}

static struct FN(rows) FN(rows_of)(const struct FN(fast) *f, int seg)
{
    int r = f->seg_row[seg];
    return (struct FN(rows)){.n = f->seg_row[seg + 1] - r,
                             .R = &f->R[r][0],
                             .Rt = &f->Rt[r][0],
                             .x = (const REAL(*)[4])f->Rt + r,
                             .t = f->t + r,
                             .at = f->at + r};
}

// Those with harmonics, of which R and Rt are then.
static struct FN(rows) FN(near_of)(const struct FN(fast) *f, int seg)
{
    struct FN(rows) r = FN(rows_of)(f, seg);
    r.n = f->seg_near[seg];
    if (!r.n) return r;
    r.R = &f->H[f->seg_row[seg]][0];
    r.Rt = &f->Ht[f->seg_row[seg]][0];
    return r;
}
