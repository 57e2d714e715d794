// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Which frames a step gets: passes, systems by their numbers of batches, sets in order or pooled, saved states.
#include "train_fixture.h"

#include <stdlib.h>

#include "train/batch.h"

static void batches(void **state) // every frame of a set once per pass; the state survives a save
{
    (void)state;
    enum { FRAMES = 9 };
    struct dp_dataset *d = fixture_data(FRAMES, true, 300);
    struct al_rng rng;
    al_rng_stream(&rng, 1, "b", 0, 0, 0);
    struct batcher *b = NULL, *c = NULL;
    MUST(batcher_create(d, 2, false, &rng, &b));
    int seen[2][FRAMES] = {0}, calls[2] = {0}, s, n;
    const int *f;
    for (int k = 0; k < 60; k++) {
        batcher_next(b, &s, &n, &f);
        assert_int_equal(n, 2);
        calls[s]++;
        for (int i = 0; i < n; i++)
            assert_true(f[i] >= 0 && f[i] < d->sys[s].nframes && ++seen[s][f[i]]);
    }
    for (int i = 0; i < 6; i++) // system 0: 6 frames, 3 batches a pass
        assert_true(seen[0][i] >= calls[0] / 3 && seen[0][i] <= calls[0] / 3 + 1);
    assert_true(calls[0] > calls[1] && calls[1] > 0); // 3 batches against 1
    char *buf = NULL;
    size_t len;
    FILE *out = open_memstream(&buf, &len);
    batcher_save(b, out);
    fclose(out);
    MUST(batcher_create(d, 2, false, &rng, &c));
    const unsigned char *at = (const unsigned char *)buf;
    MUST(batcher_load(c, &at, at + len));
    assert_true(at == (const unsigned char *)buf + len);
    for (int k = 0; k < 30; k++) {
        int s2, n2;
        const int *f2;
        batcher_next(b, &s, &n, &f);
        batcher_next(c, &s2, &n2, &f2);
        assert_true(s == s2 && n == n2 && f[0] == f2[0] && f[1] == f2[1]);
    }
    at = (const unsigned char *)buf;
    assert_int_equal(batcher_load(c, &at, at + len - 1), AL_ERR_CORRUPT);
    free(buf);
    batcher_destroy(&b);
    batcher_destroy(&c);
    dp_dataset_destroy(&d);
}

// Two sets of a system, 6 and 3 frames: in order, the second waits for the first; pooled, a pass of 9 draws has them
// all, mixed.
static void pools(void **state)
{
    (void)state;
    struct dp_dataset *d = fixture_data(9, false, 300);
    int sets[2] = {6, 3}, s, n, *own = d->sys[0].set_frames;
    const int *f;
    d->sys[0].nsets = 2;
    d->sys[0].set_frames = sets;
    for (int pooled = 0; pooled < 2; pooled++) {
        struct al_rng rng;
        struct batcher *b = NULL;
        al_rng_stream(&rng, 1, "b", 0, 0, 0);
        MUST(batcher_create(d, 1, pooled, &rng, &b));
        int seen[9] = {0}, early = 0;
        for (int k = 0; k < 18; k++) {
            batcher_next(b, &s, &n, &f);
            assert_int_equal(n, 1);
            seen[f[0]]++;
            early += k < 6 && f[0] >= 6;
        }
        for (int i = 0; i < 9; i++)
            assert_int_equal(seen[i], 2);
        assert_true(pooled ? early > 0 : early == 0);
        batcher_destroy(&b);
    }
    d->sys[0].nsets = 1;
    d->sys[0].set_frames = own;
    dp_dataset_destroy(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(batches), cmocka_unit_test(pools)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
