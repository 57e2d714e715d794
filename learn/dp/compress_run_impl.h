// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// All groups of a layout, by several threads (end of dp/compress_impl.h, which includes it). No include guard on purpose.

struct FN(job) {
    struct FN(state) *s;
    const struct dp_layout *l;
    const struct dp_geo *geo;
    int threads;
};

static enum al_err FN(run_part)(void *ctx, int k)
{
    const struct FN(job) *j = ctx;
    const struct dp_layout *l = j->l;
    struct FN(state) *s = j->s;
    struct FN(work) *w = &s->work[k];
    // Groups whose rows' middle lies in the k-th part of all rows.
    double part = (double)l->nrow / j->threads;
    for (int g = 0; g < s->ngroup; g++) {
        int b0 = s->group[g], b1 = s->group[g + 1], n = l->block_first[b1] - l->block_first[b0];
        double middle = 0.5 * (dp_layout_seg(l, b0, 0)[0] + dp_block_end(l, b1 - 1));
        if ((int)fmin(middle / part, j->threads - 1) != k) continue;
        w->nout = 0;
        AL_TRY(FN(embed)(w, l, j->geo, b0, b1));
        w->outside += (long)w->nout;
        w->want = w->nout > w->want ? w->nout : w->want;
        for (size_t c = 0; c < (size_t)n; c++) {
            REAL *A = w->A + c * s->asize;
            FN(trim)(&s->size, A);
            FN(descriptor)(&s->size, A, A, w->D + c * s->ndp);
        }
        FN(fit)(w, l->block_type[b0], n, l->order + l->block_first[b0]);
        FN(forces)(w, l, j->geo, b0, b1);
    }
    return AL_ERR_OK;
}

// Groups of up to SLOTS centres of one type, smaller ones where there would be too few for the threads.
static enum al_err FN(make_groups)(struct FN(state) *s, const struct dp_layout *l, int threads)
{
    int centres = l->block_first[l->nblock], slots = threads > 1 ? centres / (2 * threads) : SLOTS;
    slots = slots > SLOTS ? SLOTS : slots < DP_BLOCK ? DP_BLOCK : slots;
    if ((size_t)l->nblock + 1 > s->cap_group) {
        AL_GROW(s->group, 0, (size_t)l->nblock + 1);
        s->cap_group = (size_t)l->nblock + 1;
    }
    s->ngroup = 0;
    for (int b0 = 0, b1; b0 < l->nblock; b0 = b1) {
        for (b1 = b0 + 1; b1 < l->nblock && l->block_type[b1] == l->block_type[b0] &&
                          l->block_first[b1 + 1] - l->block_first[b0] <= slots;)
            b1++;
        s->group[s->ngroup++] = b0;
        s->group[s->ngroup] = b1;
    }
    return AL_ERR_OK;
}

static enum al_err FN(ready)(struct FN(state) *s, const struct dp_layout *l, int threads, size_t room, struct pot_result *res)
{
    size_t size = (DEGREE + 1) * s->mp;
    if (threads > s->nwork) {
        AL_GROW(s->work, s->nwork, threads);
        memset(s->work + s->nwork, 0, (size_t)(threads - s->nwork) * sizeof *s->work);
        for (; s->nwork < threads; s->nwork++)
            AL_TRY(FN(work_create)(s, &s->work[s->nwork]));
        s->room = 0;
    }
    if (room > s->room) {
        REAL *more = NULL;
        AL_TRY(al_alloc_large(s->table_end + (size_t)s->nwork * room * size, sizeof *more, &more));
        memcpy(more, s->table, s->table_end * sizeof *more);
        al_free(s->table);
        s->table = more;
        s->room = room;
    }
    res->energy = 0;
    memset(res->virial, 0, sizeof res->virial);
    if (res->forces) memset(res->forces, 0, (size_t)l->natoms * sizeof *res->forces);
    for (int k = 0; k < threads; k++) {
        struct FN(work) *w = &s->work[k];
        w->s = s;
        w->table = s->table;
        w->room_at = s->table_end + (size_t)k * s->room * size;
        w->outside = 0;
        w->want = 0;
        w->res = (struct pot_result){.forces = res->forces, .atomic_energy = res->atomic_energy};
        if (k == 0 || !res->forces) continue;
        if ((size_t)l->natoms > w->cap_forces) {
            AL_GROW(w->forces, 0, (size_t)l->natoms);
            w->cap_forces = (size_t)l->natoms;
        }
        memset(w->forces, 0, (size_t)l->natoms * sizeof *w->forces);
        w->res.forces = w->forces;
    }
    return AL_ERR_OK;
}

static enum al_err FN(run)(void *state, const struct dp_layout *l, const struct dp_geo *geo, int threads, struct pot_result *res,
                           long *outside)
{
    struct FN(state) *s = state;
    struct FN(job) j = {.s = s, .l = l, .geo = geo, .threads = threads};
    AL_TRY(FN(make_groups)(s, l, threads));
    for (size_t room = 64, want = 0;; room = 2 * want) {
        AL_TRY(FN(ready)(s, l, threads, room, res));
        AL_TRY(al_parallel(threads, FN(run_part), &j));
        for (int k = 0; k < threads; k++)
            want = s->work[k].want > want ? s->work[k].want : want;
        if (want <= s->room) break;
    }
    for (int k = 0; k < threads; k++) { // in their order: the same sums whichever was first
        const struct FN(work) *w = &s->work[k];
        res->energy += w->res.energy;
        for (int a = 0; a < 9; a++)
            res->virial[a / 3][a % 3] += w->res.virial[a / 3][a % 3];
        *outside += w->outside;
        for (int i = 0; k && res->forces && i < l->natoms; i++)
            for (int a = 0; a < 3; a++)
                res->forces[i][a] += w->forces[i][a];
    }
    return AL_ERR_OK;
}
