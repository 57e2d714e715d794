// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Models and their files: exact round trips, bytes that depend on the model only, refusal of what is not a
// model.
#include "dp_fixture.h"

#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "dp/h5.h"

static char dir[] = "/tmp/alnd-dp-XXXXXX";
static char file[64], file2[64];

static void same_models(const struct dp_model *a, const struct dp_model *b)
{
    assert_int_equal(a->nparam, b->nparam);
    assert_memory_equal(a->param, b->param, a->nparam * sizeof *a->param);
    assert_memory_equal(a->davg, b->davg, sizeof a->davg);
    assert_memory_equal(a->bias, b->bias, sizeof a->bias);
    assert_memory_equal(a->out_bias, b->out_bias, sizeof a->out_bias);
    for (int t = 0; t < a->c.ntypes; t++) {
        assert_memory_equal(a->dstd[t], b->dstd[t], sizeof a->dstd[t]);
        assert_true(a->out_std[t] == b->out_std[t] && a->c.sel[t] == b->c.sel[t]);
        assert_string_equal(a->c.type_map[t], b->c.type_map[t]);
    }
    assert_true(a->c.rcut == b->c.rcut && a->c.rcut_smth == b->c.rcut_smth);
    assert_true(a->c.axis_neuron == b->c.axis_neuron && a->c.type_one_side == b->c.type_one_side);
    assert_true(a->c.resnet_dt == b->c.resnet_dt && a->c.fit_resnet_dt == b->c.fit_resnet_dt);
    assert_true(a->min_nbor_dist == b->min_nbor_dist);
}

static void round_trip(struct dp_model *m)
{
    m->min_nbor_dist = 1.0 / 3;
    m->out_bias[1] = 0.25;
    MUST(dp_model_set_meta(m, "{\"fingerprint\":\"abc\",\"iteration\":3}"));
    MUST(dp_model_write(file, m));
    struct dp_model *n = NULL, *c = NULL;
    MUST(dp_model_read(file, &n));
    same_models(m, n);
    assert_string_equal(n->meta, m->meta);
    MUST(dp_model_copy(n, &c));
    same_models(m, c);
    usleep(1100000); // HDF5 keeps times in seconds: there must be none in the file
    MUST(dp_model_write(file2, c));
    char *a = NULL, *b = NULL;
    size_t na, nb;
    MUST(al_file_read(file, 0, &a, &na));
    MUST(al_file_read(file2, 0, &b, &nb));
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, na);
    al_free(a);
    al_free(b);
    dp_model_destroy(&n);
    dp_model_destroy(&c);
    dp_model_destroy(&m);
}

static void files(void **state)
{
    (void)state;
    round_trip(fixture_model(NULL, 1));
    round_trip(fixture_angular(1));
    struct dp_config c = {.ntypes = 2,
                          .type_map = {"S", "O"},
                          .rcut = 5.1,
                          .rcut_smth = 0.3,
                          .sel = {24, 12},
                          .nneuron = 3,
                          .neuron = {4, 4, 8},
                          .axis_neuron = 3,
                          .resnet_dt = true,
                          .nfit = 3,
                          .fit = {8, 8, 8}};
    struct dp_model *m =
        fixture_model(&c, 2); // two-sided, time steps in the embedding, none in the fitting nets
    assert_int_equal(m->nemb, 4);
    assert_non_null(m->emb[0].layer[1].idt);
    assert_null(m->fit[0].layer[1].idt);
    round_trip(m);
}

static void not_models(void **state)
{
    (void)state;
    struct dp_model *m = NULL;
    assert_int_equal(dp_model_read("/nowhere/x.dp", &m), AL_ERR_NOTFOUND);
    MUST(al_file_write(file, "text", 4));
    assert_int_equal(dp_model_read(file, &m), AL_ERR_CORRUPT);
    struct dp_model *good = fixture_model(NULL, 3);
    MUST(dp_model_write(file, good));
    char *a = NULL;
    size_t n;
    MUST(al_file_read(file, 0, &a, &n));
    MUST(al_file_write(file2, a, n / 2)); // truncated
    assert_true(dp_model_read(file2, &m) == AL_ERR_CORRUPT);
    al_free(a);
    assert_null(m);
    good->param[5] = (double)INFINITY;
    assert_int_equal(dp_model_write(file, good), AL_ERR_UNPHYSICAL);
    assert_int_equal(dp_model_set_meta(good, "[1"), AL_ERR_INPUT);
    dp_model_destroy(&good);
    MUST(dp_model_read(file, &good)); // what stood there is untouched
    dp_model_destroy(&good);
}

static void bad_sizes(void **state)
{
    (void)state;
    struct dp_model *m = fixture_model(NULL, 4), *n = NULL;
    struct dp_config c;
    c = m->c, c.rcut_smth = 5;
    assert_int_equal(dp_model_create(&c, &n), AL_ERR_INPUT);
    c = m->c, c.axis_neuron = 13;
    assert_int_equal(dp_model_create(&c, &n), AL_ERR_INPUT);
    c = m->c, snprintf(c.type_map[1], DP_TYPE_NAME, "Li");
    assert_int_equal(dp_model_create(&c, &n), AL_ERR_INPUT);
    c = m->c, c.neuron[1] = 0;
    assert_int_equal(dp_model_create(&c, &n), AL_ERR_INPUT);
    assert_int_equal(dp_config_type(&m->c, 16), 2);
    assert_int_equal(dp_config_type(&m->c, 17), -1);
    dp_model_destroy(&m);
}

// w of variance 1/(nin + nout), b of variance 1, idt near 0.1: within six standard errors.
static void initial_weights(void **state)
{
    (void)state;
    struct dp_config c;
    dp_config_default(&c);
    c.ntypes = 1;
    snprintf(c.type_map[0], DP_TYPE_NAME, "Li");
    c.sel[0] = 10;
    struct dp_model *m = fixture_model(&c, 5);
    const struct dp_layer *la = &m->fit[0].layer[1];
    int n = la->nin * la->nout;
    double sum = 0, sum2 = 0, idt = 0;
    for (int i = 0; i < n; i++) {
        sum += la->w[i];
        sum2 += la->w[i] * la->w[i];
    }
    for (int i = 0; i < la->nout; i++)
        idt += la->idt[i] / la->nout;
    double var = 1.0 / (la->nin + la->nout);
    assert_true(fabs(sum / n) < 6 * sqrt(var / n));
    assert_true(fabs(sum2 / n / var - 1) < 6 * sqrt(2.0 / n));
    assert_true(fabs(idt - 0.1) < 6 * 0.001 / sqrt(la->nout) && idt != 0.1);
    dp_model_destroy(&m);
}

// A file cannot make us read another one, wait, or take memory that it does not fill.
static void nothing_but_the_file(void **state)
{
    (void)state;
    struct h5 *h = NULL;
    static const size_t one = 1;
    static const double number = 7;
    double *v = NULL;
    size_t shape[H5_MAX_RANK];
    int rank;
    char raw[96];
    snprintf(raw, sizeof raw, "%s/raw", dir);
    MUST(h5_create(file2, &h));
    MUST(h5_write_double(h, "x", 1, &one, &number));
    MUST(h5_finish(&h));
    MUST(al_file_write(raw, &number, sizeof number));
    hid_t f = H5Fcreate(file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), dcpl = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t n = 1, huge = 1 << 27;
    hid_t space = H5Screate_simple(1, &n, NULL), large = H5Screate_simple(1, &huge, NULL);
    assert_true(H5Lcreate_external(file2, "/x", f, "link", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_external(file2, "/", f, "group", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Dclose(H5Dcreate2(f, "empty", H5T_IEEE_F64LE, large, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)); // 1 GiB of fill values
    H5Pset_external(dcpl, raw, 0, 8);
    H5Dclose(H5Dcreate2(f, "raw", H5T_IEEE_F64LE, space, H5P_DEFAULT, dcpl, H5P_DEFAULT));
    H5Dclose(H5Dcreate2(f, "own", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Sclose(large);
    H5Pclose(dcpl);
    assert_true(H5Fclose(f) >= 0);
    MUST(h5_open(file, &h));
    static const char *const not_ours[] = {"link", "group/x", "raw", "empty"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(h5_read_double(h, not_ours[i], &rank, shape, &v), AL_ERR_CORRUPT);
    assert_false(h5_exists(h, "/group/x"));
    assert_false(h5_is_group(h, "/group"));
    MUST(h5_read_double(h, "own", &rank, shape, &v));
    al_free(v);
    h5_destroy(&h);
    unlink(raw);
    assert_int_equal(mkfifo(raw, 0600), 0);
    assert_int_not_equal(h5_open(raw, &h), AL_ERR_OK); // and at once
    unlink(raw);
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/a.dp", dir);
    snprintf(file2, sizeof file2, "%s/b.dp", dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(not_models),
        cmocka_unit_test(bad_sizes),
        cmocka_unit_test(initial_weights),
        cmocka_unit_test(nothing_but_the_file),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    unlink(file2);
    rmdir(dir);
    return rc;
}
