// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// npy files and deepmd/npy systems: round trips, foreign number types, damaged and contradictory input.
#include "dp_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "train/dataset.h"
#include "train/npy.h"

static const int LI_P_S[] = {3, 15, 16, 3};
static char dir[] = "/tmp/alnd-data-XXXXXX";

static const char *at(const char *name)
{
    static char buf[4][256];
    static int k;
    k = (k + 1) % 4;
    snprintf(buf[k], sizeof buf[k], "%s/%s", dir, name);
    return buf[k];
}

static void npy_round_trip(void **state)
{
    (void)state;
    const double data[6] = {0.1, -2, 1e300, 5e-324, 1.0 / 3, 7};
    size_t shape[2] = {3, 2};
    struct npy *a = NULL;
    MUST(npy_write(at("a.npy"), 2, shape, data));
    MUST(npy_read(at("a.npy"), &a));
    assert_true(a->ndim == 2 && a->shape[0] == 3 && a->shape[1] == 2 && a->n == 6);
    assert_memory_equal(a->data, data, sizeof data);
    npy_destroy(&a);
    size_t one[1] = {6};
    MUST(npy_write(at("a.npy"), 1, one, data));
    MUST(npy_read(at("a.npy"), &a));
    assert_true(a->ndim == 1 && a->n == 6);
    npy_destroy(&a);
}

static void write_raw(const char *name, const char *dict, const void *data, size_t n)
{
    char buf[256] = "\x93NUMPY\x01";
    size_t len = strlen(dict) + 1;
    buf[7] = 0;
    buf[8] = (char)len;
    buf[9] = 0;
    memcpy(buf + 10, dict, len - 1);
    buf[10 + len - 1] = '\n';
    memcpy(buf + 10 + len, data, n);
    MUST(al_file_write(at(name), buf, 10 + len + n));
}

static void npy_types(void **state) // float32, big-endian doubles, integers
{
    (void)state;
    struct npy *a = NULL;
    const float f[2] = {0.5f, -3.25f};
    write_raw("b.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", f, sizeof f);
    MUST(npy_read(at("b.npy"), &a));
    assert_true(a->data[0] == 0.5 && a->data[1] == -3.25);
    npy_destroy(&a);
    const unsigned char big[8] = {0xc0, 0x08, 0, 0, 0, 0, 0, 0}; // -3.0
    write_raw("b.npy", "{'descr': '>f8', 'fortran_order': False, 'shape': (), }", big, sizeof big);
    MUST(npy_read(at("b.npy"), &a));
    assert_true(a->ndim == 0 && a->n == 1 && a->data[0] == -3);
    npy_destroy(&a);
    const int32_t i[3] = {-1, 2, 3};
    write_raw("b.npy", "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 3), }", i, sizeof i);
    MUST(npy_read(at("b.npy"), &a));
    assert_true(a->n == 3 && a->data[0] == -1 && a->data[2] == 3);
    npy_destroy(&a);
    write_raw("b.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", f, sizeof f); // too short
    assert_int_equal(npy_read(at("b.npy"), &a), AL_ERR_CORRUPT);
    write_raw("b.npy", "{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", i, sizeof i);
    assert_int_equal(npy_read(at("b.npy"), &a), AL_ERR_CORRUPT);
    write_raw("b.npy", "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", f, sizeof f);
    assert_int_equal(npy_read(at("b.npy"), &a), AL_ERR_UNSUPPORTED);
    MUST(al_file_write(at("b.npy"), "no npy file at all", 18));
    assert_int_equal(npy_read(at("b.npy"), &a), AL_ERR_CORRUPT);
    assert_int_equal(npy_read(at("none.npy"), &a), AL_ERR_NOTFOUND);
}

static struct al_frame *labelled(int n, uint64_t seed)
{
    struct al_frame *f = fixture_frame(n, LI_P_S, 4, 8, 1.5, seed);
    struct al_rng r;
    al_rng_stream(&r, seed, "label", 0, 0, 0);
    f->energy = al_rng_normal(&r);
    for (int i = 0; i < 3 * n; i++)
        (&f->forces[0][0])[i] = al_rng_normal(&r);
    for (int a = 0; a < 9; a++)
        f->virial[a / 3][a % 3] = al_rng_normal(&r);
    f->have = AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
    return f;
}

static void same_frames(const struct al_frame *a, const struct al_frame *b)
{
    size_t n = (size_t)a->natoms;
    assert_int_equal(a->natoms, b->natoms);
    assert_int_equal(a->have, b->have);
    assert_memory_equal(a->z, b->z, n * sizeof *a->z);
    assert_memory_equal(a->pos, b->pos, n * sizeof *a->pos);
    assert_memory_equal(a->forces, b->forces, n * sizeof *a->forces);
    assert_memory_equal(a->cell, b->cell, sizeof a->cell);
    assert_memory_equal(a->virial, b->virial, sizeof a->virial);
    assert_memory_equal(&a->energy, &b->energy, sizeof a->energy);
}

static void systems(void **state) // append twice, read back; a directory of systems is searched
{
    (void)state;
    enum { N = 5 };
    const char *map[] = {"Li", "P", "S", "O"};
    struct al_frame *f[N];
    int set;
    for (int i = 0; i < N; i++)
        f[i] = labelled(8, 20 + (uint64_t)i);
    MUST(dp_dataset_append_set(at("sys/a"), (const struct al_frame *const *)f, 3, map, 4, "task-1", &set));
    assert_int_equal(set, 0);
    MUST(dp_dataset_append_set(at("sys/a"), (const struct al_frame *const *)f + 3, 2, NULL, 0, "task-2",
                               &set));
    assert_int_equal(set, 1);
    // a gathering that was killed after this and is repeated writes nothing
    MUST(dp_dataset_append_set(at("sys/a"), (const struct al_frame *const *)f, 3, map, 4, "task-1", &set));
    assert_int_equal(set, 0);
    struct al_frame *g = labelled(12, 40);
    g->have = AL_HAVE_ENERGY; // no forces in this system
    MUST(dp_dataset_append_set(at("sys/b"), (const struct al_frame *const *)&g, 1, NULL, 0, NULL, NULL));
    const char *paths[] = {at("sys")};
    struct dp_dataset *d = NULL;
    MUST(dp_dataset_read(paths, 1, &d));
    assert_int_equal(d->nsys, 2);
    assert_string_equal(d->sys[0].name, "a");
    assert_true(d->sys[0].nframes == N && d->sys[0].nsets == 2 && d->sys[0].set_frames[1] == 2);
    assert_int_equal(d->sys[1].have, AL_HAVE_ENERGY);
    assert_int_equal(dp_dataset_nframes(d), N + 1);
    for (int i = 0; i < N; i++) {
        struct al_frame *h = NULL;
        MUST(dp_system_frame(&d->sys[0], i, &h));
        same_frames(f[i], h);
        al_frame_destroy(&h);
    }
    dp_dataset_destroy(&d);
    g->have |= AL_HAVE_FORCES;
    assert_int_equal(
        dp_dataset_append_set(at("sys/a"), (const struct al_frame *const *)&g, 1, NULL, 0, NULL, NULL),
        AL_ERR_INPUT);
    for (int i = 0; i < N; i++)
        al_frame_destroy(&f[i]);
    al_frame_destroy(&g);
}

static void from_frames(void **state) // grouped by composition, and back
{
    (void)state;
    struct al_frames *fs = NULL, *back = NULL;
    struct dp_dataset *d = NULL;
    MUST(al_frames_create(&fs));
    for (int i = 0; i < 4; i++) {
        struct al_frame *f = labelled(i % 2 ? 12 : 8, 60 + (uint64_t)i);
        MUST(al_frames_push(fs, &f));
    }
    MUST(dp_dataset_create(&d));
    MUST(dp_dataset_add_frames(d, "x", fs));
    assert_int_equal(d->nsys, 2);
    assert_int_equal(d->sys[1].nframes, 2);
    assert_string_equal(d->sys[1].name, "x-2");
    MUST(dp_dataset_frames(d, &back));
    same_frames(fs->f[2], back->f[1]);
    same_frames(fs->f[3], back->f[3]);
    al_frames_destroy(&fs);
    al_frames_destroy(&back);
    dp_dataset_destroy(&d);
}

static void kinds_and_weights(void **state) // frames with other labels are systems of their own; weights survive npy and extxyz
{
    (void)state;
    struct al_frames *fs = NULL;
    struct dp_dataset *d = NULL, *back = NULL;
    static const unsigned have[6] = {7, AL_HAVE_FORCES, 7, AL_HAVE_VIRIAL, AL_HAVE_FORCES, 7};
    MUST(al_frames_create(&fs));
    for (int i = 0; i < 6; i++) {
        struct al_frame *f = labelled(8, 100 + (uint64_t)i);
        f->have = have[i];
        if (i == 2) MUST(al_frame_info_set(f, "weight", "0.25"));
        MUST(al_frames_push(fs, &f));
    }
    MUST(dp_dataset_create(&d));
    MUST(dp_dataset_add_frames(d, "k", fs));
    assert_int_equal(d->nsys, 3);
    assert_true(d->sys[0].nframes == 3 && d->sys[0].have == 7 && d->sys[1].nframes == 2 && d->sys[1].have == AL_HAVE_FORCES);
    assert_true(d->sys[2].have == AL_HAVE_VIRIAL && d->sys[0].weight[1] == 0.25 && d->sys[0].weight[0] == 1);
    MUST(dp_dataset_write_npy(d, at("kinds")));
    MUST(dp_dataset_write_xyz(d, at("kinds.extxyz")));
    const char *paths[2] = {at("kinds"), at("kinds.extxyz")};
    for (int p = 0; p < 2; p++) {
        MUST(dp_dataset_read(&paths[p], 1, &back));
        assert_int_equal(back->nsys, 3);
        for (int s = 0; s < 3; s++) {
            const struct dp_system *q = &back->sys[s];
            int k = 0;
            while (d->sys[k].have != q->have)
                k++;
            assert_string_equal(q->name, d->sys[k].name);
            for (int i = 0; i < q->nframes; i++) {
                struct al_frame *a = NULL, *b = NULL;
                assert_true(q->weight[i] == d->sys[k].weight[i]);
                MUST(dp_system_frame(&d->sys[k], i, &a));
                MUST(dp_system_frame(q, i, &b));
                assert_int_equal(a->have, b->have);
                assert_memory_equal(a->pos, b->pos, 8 * sizeof *a->pos);
                if (a->have & AL_HAVE_FORCES) assert_memory_equal(a->forces, b->forces, 8 * sizeof *a->forces);
                if (a->have & AL_HAVE_VIRIAL) assert_memory_equal(a->virial, b->virial, sizeof a->virial);
                al_frame_destroy(&a);
                al_frame_destroy(&b);
            }
        }
        dp_dataset_destroy(&back);
    }
    assert_int_equal(dp_dataset_write_npy(d, at("kinds")), AL_ERR_INPUT); // never into what is there
    // sets of one directory with other files: systems of their own as well
    unlink(at("sys/a/set.001/energy.npy"));
    const char *two = at("sys/a");
    MUST(dp_dataset_read(&two, 1, &back));
    assert_true(back->nsys == 2 && back->sys[0].nframes == 3 && back->sys[1].nframes == 2);
    assert_int_equal(back->sys[1].have, AL_HAVE_FORCES | AL_HAVE_VIRIAL);
    dp_dataset_destroy(&back);
    MUST(al_frame_info_set(fs->f[0], "weight", "-3"));
    assert_int_equal(dp_dataset_add_frames(d, "k", fs), AL_ERR_INPUT);
    al_frames_destroy(&fs);
    dp_dataset_destroy(&d);
}

static void mixed_type(void **state) // two compositions in one directory, padding atoms, sorted by type
{
    (void)state;
    enum { N = 4 };
    const double type[2][N] = {{1, 0, 1, -1}, {0, 1, 0, 1}};
    double coord[2][3 * N], force[2][3 * N], box[2][9] = {{9, 0, 0, 0, 9, 0, 0, 0, 9}, {9, 0, 0, 0, 9, 0, 0, 0, 9}}, energy[2] = {-1, -2};
    for (int k = 0; k < 2 * 3 * N; k++) {
        (&coord[0][0])[k] = 0.3 * k;
        (&force[0][0])[k] = -k;
    }
    MUST(al_mkdirs(at("mixed/set.000")));
    MUST(al_file_write(at("mixed/type.raw"), "0 0 0 0\n", 8));
    MUST(al_file_write(at("mixed/type_map.raw"), "S\nLi\n", 5));
    MUST(npy_write(at("mixed/set.000/coord.npy"), 2, (size_t[]){2, 3 * N}, &coord[0][0]));
    MUST(npy_write(at("mixed/set.000/force.npy"), 2, (size_t[]){2, 3 * N}, &force[0][0]));
    MUST(npy_write(at("mixed/set.000/box.npy"), 2, (size_t[]){2, 9}, &box[0][0]));
    MUST(npy_write(at("mixed/set.000/energy.npy"), 1, (size_t[]){2}, energy));
    MUST(npy_write(at("mixed/set.000/real_atom_types.npy"), 2, (size_t[]){2, N}, &type[0][0]));
    const char *path = at("mixed");
    struct dp_dataset *d = NULL;
    MUST(dp_dataset_read(&path, 1, &d));
    assert_int_equal(d->nsys, 2);
    const struct dp_system *s = &d->sys[0], *q = &d->sys[1];
    assert_true(s->natoms == 3 && s->z[0] == 16 && s->z[1] == 3 && s->z[2] == 3 && s->energy[0] == -1);
    assert_true(s->coord[0] == coord[0][3] && s->coord[3] == coord[0][0] && s->force[8] == force[0][8]);
    assert_true(q->natoms == 4 && q->z[1] == 16 && q->z[2] == 3 && q->energy[0] == -2 && q->coord[3] == coord[1][6]);
    dp_dataset_destroy(&d);
    const double bad[2][N] = {{1, 0, 1, -1}, {0, 1, 0, 2}};
    MUST(npy_write(at("mixed/set.000/real_atom_types.npy"), 2, (size_t[]){2, N}, &bad[0][0]));
    assert_int_equal(dp_dataset_read(&path, 1, &d), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "type 2 of atom 3 in frame 1"));
}

static void split(void **state) // every frame in one of the two, the same for the same seed
{
    (void)state;
    double all = 0, kept = 0, out = 0;
    struct dp_dataset *part[2] = {NULL, NULL}, *valid[2] = {NULL, NULL};
    for (int r = 0; r < 2; r++) {
        struct al_frames *fs = NULL;
        MUST(al_frames_create(&fs));
        for (int i = 0; i < 24; i++) {
            struct al_frame *f = labelled(i % 6 ? 8 : 12, 200 + (uint64_t)i);
            f->energy = 1 << (i % 24);
            MUST(al_frames_push(fs, &f));
        }
        MUST(dp_dataset_create(&part[r]));
        MUST(dp_dataset_add_frames(part[r], "x", fs));
        al_frames_destroy(&fs);
        if (!r)
            for (int s = 0; s < 2; s++)
                for (int i = 0; i < part[r]->sys[s].nframes; i++)
                    all += part[r]->sys[s].energy[i];
        MUST(dp_dataset_split(part[r], 0.1, 7, &valid[r]));
    }
    assert_true(part[0]->sys[0].nframes == 4 && part[0]->sys[1].nframes == 18); // a tenth of 4 is none, of 20 two
    assert_true(valid[0]->nsys == 1 && valid[0]->sys[0].nframes == 2 && part[0]->sys[1].set_frames[0] == 18);
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < part[0]->sys[s].nframes; i++)
            kept += part[0]->sys[s].energy[i];
    for (int i = 0; i < 2; i++)
        out += valid[0]->sys[0].energy[i];
    assert_true(all == kept + out); // each frame is a bit of its own
    assert_memory_equal(valid[0]->sys[0].energy, valid[1]->sys[0].energy, 2 * sizeof(double));
    for (int r = 0; r < 2; r++) {
        dp_dataset_destroy(&part[r]);
        dp_dataset_destroy(&valid[r]);
    }
}

static void leave_out(void **state) // frames with a hard atom go, a system of nothing else with them
{
    (void)state;
    struct al_frames *fs = NULL;
    struct dp_dataset *d = NULL;
    int n;
    MUST(al_frames_create(&fs));
    for (int i = 0; i < 8; i++) {
        struct al_frame *f = labelled(i == 7 ? 12 : 8, 300 + (uint64_t)i);
        f->energy = i;
        for (int a = 0; a < f->natoms; a++)
            f->forces[a][0] = f->forces[a][1] = f->forces[a][2] = 0.1;
        if (i == 2 || i == 7) f->forces[5][0] = f->forces[5][1] = f->forces[5][2] = -6; // 10.4 eV/Ang
        MUST(al_frames_push(fs, &f));
    }
    MUST(dp_dataset_create(&d));
    MUST(dp_dataset_add_frames(d, "x", fs));
    al_frames_destroy(&fs);
    MUST(dp_dataset_leave_out(d, 0, &n));
    assert_true(n == 0 && dp_dataset_nframes(d) == 8);
    MUST(dp_dataset_leave_out(d, 10.5, &n));
    assert_true(n == 0 && d->nsys == 2);
    MUST(dp_dataset_leave_out(d, 10, &n));
    assert_true(n == 2 && d->nsys == 1 && d->sys[0].nframes == 6 && d->sys[0].natoms == 8 && d->sys[0].set_frames[0] == 6);
    for (int i = 0; i < 6; i++)
        assert_true(d->sys[0].energy[i] == (i < 2 ? i : i + 1) && d->sys[0].force[24 * i + 15] == 0.1);
    dp_dataset_destroy(&d);
}

static enum al_err read_bad(void)
{
    const char *paths[] = {at("bad")};
    struct dp_dataset *d = NULL;
    enum al_err e = dp_dataset_read(paths, 1, &d);
    assert_null(d);
    return e;
}

static void bad_systems(void **state)
{
    (void)state;
    struct al_frame *f = labelled(8, 80);
    assert_int_equal(read_bad(), AL_ERR_NOTFOUND);
    MUST(al_mkdirs(at("bad")));
    assert_int_equal(read_bad(), AL_ERR_INPUT); // nothing there
    MUST(dp_dataset_append_set(at("bad"), (const struct al_frame *const *)&f, 1, NULL, 0, NULL, NULL));
    double few[9] = {0};
    size_t shape[2] = {1, 9};
    MUST(npy_write(at("bad/set.000/force.npy"), 2, shape, few));
    assert_int_equal(read_bad(), AL_ERR_INPUT); // wrong number of force components
    unlink(at("bad/set.000/force.npy"));
    few[3] = (double)NAN;
    MUST(npy_write(at("bad/set.000/virial.npy"), 2, shape, few));
    assert_int_equal(read_bad(), AL_ERR_INPUT); // NaN
    unlink(at("bad/set.000/virial.npy"));
    unlink(at("bad/set.000/box.npy"));
    assert_int_equal(read_bad(), AL_ERR_INPUT); // periodic without a cell
    MUST(al_file_write(at("bad/nopbc"), "", 0));
    const char *paths[] = {at("bad")};
    struct dp_dataset *d = NULL;
    MUST(dp_dataset_read(paths, 1, &d));
    assert_true(!d->sys[0].pbc && d->sys[0].have == AL_HAVE_ENERGY);
    dp_dataset_destroy(&d);
    MUST(al_file_write(at("bad/type.raw"), "0 1 2 0 0 1 2 9\n", 16));
    assert_int_equal(read_bad(), AL_ERR_INPUT); // type beyond the map
    al_frame_destroy(&f);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(npy_round_trip), cmocka_unit_test(npy_types),   cmocka_unit_test(systems),
        cmocka_unit_test(from_frames),    cmocka_unit_test(kinds_and_weights), cmocka_unit_test(mixed_type),
        cmocka_unit_test(split),          cmocka_unit_test(leave_out),   cmocka_unit_test(bad_systems),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    MUST(al_remove_tree(dir));
    return rc;
}
