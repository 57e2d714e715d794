// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A layout packed and unpacked is the layout again: with overflow, in a cell smaller than the cut-off (self images),
// with atoms outside the cell and without a cell. Images that do not fit a byte are refused.
#include "dp_fixture.h"

#include "dp/pack.h"

static const int LI_P_S_O[] = {3, 15, 16, 8};
enum { N = 12 };

// Packs and unpacks; returns whether it could be packed.
static bool round_trip(const struct dp_model *m, struct al_frame *f)
{
    struct al_neigh *list = NULL;
    struct dp_layout *a = NULL, *b = NULL;
    struct dp_packed *p = NULL;
    int types[N];
    const double(*x)[3] = (const double(*)[3])f->pos;
    for (int i = 0; i < N; i++)
        types[i] = dp_config_type(&m->c, f->z[i]);
    MUST(al_neigh_create(m->c.rcut, 0, &list));
    MUST(al_neigh_update(list, N, x, f->cell, f->pbc));
    MUST(dp_layout_create(&a));
    MUST(dp_layout_create(&b));
    MUST(dp_layout_build(a, &m->c, N, types, list));
    MUST(dp_layout_pack(a, x, (const double(*)[3])f->cell, f->pbc, &p));
    bool ok = p;
    if (ok) {
        MUST(dp_layout_unpack(b, &m->c, N, types, x, (const double(*)[3])f->cell, p));
        assert_true(a->nrow == b->nrow && a->nblock == b->nblock && a->nrow > N * 4);
        assert_memory_equal(a->j, b->j, (size_t)a->nrow * sizeof *a->j);
        assert_memory_equal(a->order, b->order, N * sizeof *a->order);
        for (int k = 0; k < a->nblock; k++)
            for (int t = 0; t < a->ntypes; t++)
                assert_memory_equal(dp_layout_seg(a, k, t), dp_layout_seg(b, k, t),
                                    (size_t)(dp_block_size(a, k) + 2) * sizeof(int));
        for (int r = 0; r < a->nrow; r++)
            for (int c = 0; c < 3; c++)
                assert_true(fabs(a->d[r][c] - b->d[r][c]) < 1e-12);
    }
    dp_packed_destroy(&p);
    dp_layout_destroy(&a);
    dp_layout_destroy(&b);
    al_neigh_destroy(&list);
    return ok;
}

static void layouts(void **state)
{
    (void)state;
    struct dp_model *m = fixture_model(NULL, 1);
    struct al_frame *f = fixture_frame(N, LI_P_S_O, 4, 7.0, 1.5, 2);
    assert_true(round_trip(m, f));
    for (int a = 0; a < 3; a++)
        f->pos[3][a] += 2 * f->cell[0][a] - 3 * f->cell[2][a];
    assert_true(round_trip(m, f));
    m->c.sel[0] = 2; // overflow
    assert_true(round_trip(m, f));
    for (int a = 0; a < 3; a++)
        f->pos[3][a] += 200 * f->cell[1][a];
    assert_false(round_trip(m, f));
    al_frame_destroy(&f);
    f = fixture_frame(N, LI_P_S_O, 4, 4.4, 0.8, 3);
    assert_true(round_trip(m, f));
    f->pbc = false;
    assert_true(round_trip(m, f));
    al_frame_destroy(&f);
    dp_model_destroy(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(layouts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
