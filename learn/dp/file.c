// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// .dp model files: a JSON tree in the root attribute `json`, arrays as datasets whose paths stand in the tree
// (docs of the tree: INTEROP section 1.3). Reading; file_write.c writes. jansson.h is included by file_impl.h alone.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "dp/file_impl.h"

enum { MAX_PARAM = 50000000 }; // 400 MB; deepmd-kit's largest networks have a hundredth of it

struct reader {
    struct h5 *h;
    const char *path;
};

static enum al_err need(const struct reader *r, const json_t *obj, const char *key, const json_t **ret)
{
    const json_t *v = json_object_get(obj, key);
    if (!v || json_is_null(v)) AL_FAIL(AL_ERR_CORRUPT, "%s: key '%s' is missing", r->path, key);
    *ret = v;
    return AL_ERR_OK;
}

static enum al_err need_number(const struct reader *r, const json_t *obj, const char *key, double *ret)
{
    const json_t *v;
    AL_TRY(need(r, obj, key, &v));
    if (!json_is_number(v)) AL_FAIL(AL_ERR_CORRUPT, "%s: '%s' is not a number", r->path, key);
    *ret = json_number_value(v);
    return AL_ERR_OK;
}

// A count of columns.
static enum al_err need_width(const struct reader *r, const json_t *obj, const char *key, int *ret)
{
    double w;
    AL_TRY(need_number(r, obj, key, &w));
    if (!(w >= 1 && w <= 4096)) AL_FAIL(AL_ERR_CORRUPT, "%s: %s %g", r->path, key, w);
    *ret = (int)w;
    return AL_ERR_OK;
}

static enum al_err need_ints(const struct reader *r, const json_t *obj, const char *key, int max, int *ret_n,
                             int *ret)
{
    const json_t *v;
    AL_TRY(need(r, obj, key, &v));
    if (!json_is_array(v) || json_array_size(v) > (size_t)max)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: '%s' is not a list of at most %d numbers", r->path, key, max);
    int n = (int)json_array_size(v);
    for (int i = 0; i < n; i++) {
        const json_t *e = json_array_get(v, (size_t)i);
        if (!json_is_integer(e) || json_integer_value(e) < 0 || json_integer_value(e) > 1000000)
            AL_FAIL(AL_ERR_CORRUPT, "%s: element %d of '%s' is not a count", r->path, i, key);
        ret[i] = (int)json_integer_value(e);
    }
    *ret_n = n;
    return AL_ERR_OK;
}

static bool bool_or(const json_t *obj, const char *key, bool otherwise)
{
    const json_t *v = json_object_get(obj, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

// A key that must be absent, null, false, zero or empty.
static enum al_err refuse(const struct reader *r, const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    bool empty = !v || json_is_null(v) || json_is_false(v) || (json_is_array(v) && json_array_size(v) == 0) ||
                 (json_is_number(v) && json_number_value(v) == 0);
    if (!empty) AL_FAIL(AL_ERR_UNSUPPORTED, "%s: models with '%s' are not supported", r->path, key);
    return AL_ERR_OK;
}

// A string key that, where present, must be one of a and b.
static enum al_err expect(const struct reader *r, const json_t *obj, const char *key, const char *a,
                          const char *b)
{
    const json_t *v = json_object_get(obj, key);
    if (!v || json_is_null(v)) return AL_ERR_OK;
    const char *s = json_string_value(v);
    if (!s || (strcmp(s, a) != 0 && strcmp(s, b) != 0))
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: '%s' is '%s'; only '%s' is supported", r->path, key, s ? s : "?", a);
    return AL_ERR_OK;
}

static enum al_err expect_precision(const struct reader *r, const json_t *obj)
{
    const char *p = json_string_value(json_object_get(obj, "precision"));
    if (p && strcmp(p, "float64") != 0 && strcmp(p, "double") != 0 && strcmp(p, "default") != 0 && strcmp(p, "float32") != 0)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: precision '%s'", r->path, p);
    return AL_ERR_OK;
}

// obj["@variables"][key]: NULL with *ret_n = 0 when null or absent.
static enum al_err variable(const struct reader *r, const json_t *obj, const char *key, int *ret_rank,
                            size_t shape[H5_MAX_RANK], size_t *ret_n, double **ret)
{
    const json_t *v = json_object_get(json_object_get(obj, "@variables"), key);
    if (!v || json_is_null(v)) {
        *ret = NULL;
        *ret_n = 0;
        return AL_ERR_OK;
    }
    if (!json_is_string(v)) AL_FAIL(AL_ERR_CORRUPT, "%s: variable '%s' is not a dataset path", r->path, key);
    AL_TRY(h5_read_double(r->h, json_string_value(v), ret_rank, shape, ret));
    size_t n = 1;
    for (int i = 0; i < *ret_rank; i++)
        n *= shape[i];
    for (size_t i = 0; i < n; i++) {
        if (isfinite((*ret)[i])) continue;
        al_free(*ret);
        *ret = NULL;
        AL_FAIL(AL_ERR_CORRUPT, "%s: variable '%s' holds a number that is not finite", r->path, key);
    }
    *ret_n = n;
    return AL_ERR_OK;
}

// Exactly n numbers into dst; optional ones keep what dst holds.
static enum al_err fill(const struct reader *r, const json_t *obj, const char *key, bool optional, size_t n,
                        double *dst)
{
    AL_AUTOFREE double *data = NULL;
    size_t shape[H5_MAX_RANK], got;
    int rank;
    AL_TRY(variable(r, obj, key, &rank, shape, &got, &data));
    if (!data && optional) return AL_ERR_OK;
    if (!data) AL_FAIL(AL_ERR_CORRUPT, "%s: array '%s' is missing", r->path, key);
    if (got != n)
        AL_FAIL(AL_ERR_CORRUPT, "%s: array '%s' has %zu elements instead of %zu", r->path, key, got, n);
    memcpy(dst, data, n * sizeof *dst);
    return AL_ERR_OK;
}

static enum al_err read_net(const struct reader *r, const json_t *obj, bool resnet_dt, struct dp_net *net)
{
    const json_t *layers;
    AL_TRY(need(r, obj, "layers", &layers));
    if (json_array_size(layers) != (size_t)net->nlayers)
        AL_FAIL(AL_ERR_CORRUPT, "%s: net with %zu layers instead of %d", r->path, json_array_size(layers),
                net->nlayers);
    for (int l = 0; l < net->nlayers; l++) {
        const json_t *j = json_array_get(layers, (size_t)l);
        struct dp_layer *la = &net->layer[l];
        AL_TRY(expect(r, j, "activation_function", la->tanh ? "tanh" : "none", la->tanh ? "tanh" : "linear"));
        // resnet=false on a layer whose widths would make a skip connection: deepmd's own files never have
        // it.
        if (la->skip && !bool_or(j, "resnet", true))
            AL_FAIL(AL_ERR_UNSUPPORTED, "%s: layer %d without its skip connection", r->path, l);
        AL_TRY_MSG(fill(r, j, "w", false, (size_t)la->nin * (size_t)la->nout, la->w), "layer %d", l);
        AL_TRY_MSG(fill(r, j, "b", true, (size_t)la->nout, la->b), "layer %d", l);
        if (la->idt) AL_TRY_MSG(fill(r, j, "idt", !resnet_dt, (size_t)la->nout, la->idt), "layer %d", l);
    }
    return AL_ERR_OK;
}

static enum al_err read_nets(const struct reader *r, const json_t *coll, int ndim, int n, bool resnet_dt,
                             struct dp_net *nets)
{
    double d;
    AL_TRY(need_number(r, coll, "ndim", &d));
    if (d != ndim)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: network collection with ndim %g instead of %d", r->path, d, ndim);
    const json_t *list;
    AL_TRY(need(r, coll, "networks", &list));
    if (json_array_size(list) != (size_t)n)
        AL_FAIL(AL_ERR_CORRUPT, "%s: %zu networks instead of %d", r->path, json_array_size(list), n);
    for (int i = 0; i < n; i++)
        AL_TRY_MSG(read_net(r, json_array_get(list, (size_t)i), resnet_dt, &nets[i]), "network %d", i);
    return AL_ERR_OK;
}

// (T, nnei, 4) -> (T, 4): deepmd's statistics never depend on the slot, and neither can ours.
static enum al_err read_stat(const struct reader *r, const json_t *desc, const char *key,
                             const struct dp_model *m, double dst[DP_MAX_TYPES][4])
{
    AL_AUTOFREE double *a = NULL;
    size_t slots = (size_t)m->nnei, n = (size_t)m->c.ntypes * slots * 4, shape[H5_MAX_RANK], got;
    int rank;
    AL_TRY(variable(r, desc, key, &rank, shape, &got, &a)); // as large as the file, not as its tree claims
    if (!a || got != n) AL_FAIL(AL_ERR_CORRUPT, "%s: array '%s' has %zu elements instead of %zu", r->path, key, got, n);
    for (size_t t = 0; t < (size_t)m->c.ntypes; t++)
        for (size_t k = 0; k < slots; k++)
            for (size_t c = 0; c < 4; c++)
                if (a[(t * slots + k) * 4 + c] != a[t * slots * 4 + c])
                    AL_FAIL(AL_ERR_UNSUPPORTED, "%s: '%s' differs between slots of a type", r->path, key);
    for (size_t t = 0; t < (size_t)m->c.ntypes; t++)
        memcpy(dst[t], a + t * slots * 4, sizeof dst[t]);
    return AL_ERR_OK;
}

static enum al_err read_type_map(const struct reader *r, const json_t *model, const json_t *desc,
                                 struct dp_config *c)
{
    const json_t *tm = json_object_get(model, "type_map");
    if (!json_is_array(tm)) tm = json_object_get(desc, "type_map");
    if (!json_is_array(tm)) AL_FAIL(AL_ERR_CORRUPT, "%s has no type map", r->path);
    if (json_array_size(tm) > DP_MAX_TYPES)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: %zu types; at most %d", r->path, json_array_size(tm), DP_MAX_TYPES);
    c->ntypes = (int)json_array_size(tm);
    for (int t = 0; t < c->ntypes; t++) {
        const char *s = json_string_value(json_array_get(tm, (size_t)t));
        if (!s || strlen(s) >= DP_TYPE_NAME) AL_FAIL(AL_ERR_CORRUPT, "%s: name of type %d", r->path, t);
        snprintf(c->type_map[t], DP_TYPE_NAME, "%s", s);
    }
    return AL_ERR_OK;
}

static enum al_err read_range(const struct reader *r, const json_t *zbl, struct dp_zbl_range *ret)
{
    AL_TRY(need_number(r, zbl, "inner", &ret->inner));
    AL_TRY(need_number(r, zbl, "outer", &ret->outer));
    if (!dp_zbl_present(ret)) AL_FAIL(AL_ERR_CORRUPT, "%s: ZBL repulsion without a range", r->path);
    return AL_ERR_OK;
}

static enum al_err read_zbl(const struct reader *r, const json_t *model, struct dp_zbl_range *ret)
{
    const char *type = json_string_value(json_object_get(model, "type"));
    const json_t *zbl;
    if (!type || strncmp(type, ZBL_KEY, strlen(ZBL_KEY)) != 0) {
        AL_TRY(expect(r, model, "type", "standard", "standard"));
        if (json_object_get(model, "zbl")) AL_FAIL(AL_ERR_CORRUPT, "%s: 'zbl' in a standard model", r->path);
        return AL_ERR_OK;
    }
    AL_TRY(need(r, model, "zbl", &zbl));
    return read_range(r, zbl, ret);
}

static enum al_err read_descriptor_type(const struct reader *r, const json_t *desc, struct dp_config *c)
{
    const char *type = json_string_value(json_object_get(desc, "type"));
    if (!type || strncmp(type, ANGULAR_KEY, strlen(ANGULAR_KEY)) != 0) {
        AL_TRY(expect(r, desc, "type", "se_e2_a", "se_a"));
        if (json_object_get(desc, "rcut_angular")) AL_FAIL(AL_ERR_CORRUPT, "%s: 'rcut_angular' in a se_e2_a descriptor", r->path);
        return AL_ERR_OK;
    }
    AL_TRY(need_number(r, desc, "rcut_angular", &c->rcut_angular));
    if (!dp_angular(c)) AL_FAIL(AL_ERR_CORRUPT, "%s: 'rcut_angular' of a descriptor with angles is %g", r->path, c->rcut_angular);
    AL_TRY(need_width(r, desc, "neuron_angular", &c->neuron_angular));
    return AL_ERR_OK;
}

static enum al_err read_config(const struct reader *r, const json_t *model, const json_t *desc,
                               const json_t *fit, struct dp_config *c)
{
    AL_TRY(read_zbl(r, model, &c->zbl));
    AL_TRY(read_descriptor_type(r, desc, c));
    AL_TRY(expect(r, fit, "type", "ener", "ener"));
    static const char *const none_m[] = {"atom_exclude_types", "pair_exclude_types"};
    static const char *const none_d[] = {"exclude_types", "env_protection", "spin"};
    static const char *const none_f[] = {"exclude_types", "mixed_types", "numb_fparam",  "numb_aparam",
                                         "dim_case_embd", "spin",        "tot_ener_zero"};
    for (size_t i = 0; i < sizeof none_m / sizeof *none_m; i++)
        AL_TRY(refuse(r, model, none_m[i]));
    for (size_t i = 0; i < sizeof none_d / sizeof *none_d; i++)
        AL_TRY(refuse(r, desc, none_d[i]));
    for (size_t i = 0; i < sizeof none_f / sizeof *none_f; i++)
        AL_TRY(refuse(r, fit, none_f[i]));
    AL_TRY(refuse(r, json_object_get(desc, "env_mat"), "use_exp_switch"));
    AL_TRY(expect(r, desc, "activation_function", "tanh", "tanh"));
    AL_TRY(expect(r, fit, "activation_function", "tanh", "tanh"));
    AL_TRY(expect_precision(r, desc));
    AL_TRY(expect_precision(r, fit));
    AL_TRY(read_type_map(r, model, desc, c));
    AL_TRY(need_number(r, desc, "rcut", &c->rcut));
    AL_TRY(need_number(r, desc, "rcut_smth", &c->rcut_smth));
    int nsel;
    AL_TRY(need_ints(r, desc, "sel", DP_MAX_TYPES, &nsel, c->sel));
    if (nsel != c->ntypes)
        AL_FAIL(AL_ERR_CORRUPT, "%s: sel has %d entries for %d types", r->path, nsel, c->ntypes);
    AL_TRY(need_ints(r, desc, "neuron", DP_MAX_LAYERS, &c->nneuron, c->neuron));
    AL_TRY(need_ints(r, fit, "neuron", DP_MAX_LAYERS, &c->nfit, c->fit));
    AL_TRY(need_width(r, desc, "axis_neuron", &c->axis_neuron));
    c->resnet_dt = bool_or(desc, "resnet_dt", false);
    c->type_one_side = bool_or(desc, "type_one_side", true);
    c->fit_resnet_dt = bool_or(fit, "resnet_dt", true);
    if (dp_config_check(c) != AL_ERR_OK) AL_FAIL(AL_ERR_CORRUPT, "%s: sizes that make no model", r->path);
    return AL_ERR_OK;
}

static enum al_err read_tree(const struct reader *r, const json_t *root, struct dp_model **ret)
{
    const json_t *model, *desc, *fit, *coll;
    AL_TRY(need(r, root, "model", &model));
    AL_TRY(need(r, model, "descriptor", &desc));
    AL_TRY(need(r, model, "fitting", &fit));
    struct dp_config c = {0};
    AL_TRY(read_config(r, model, desc, fit, &c));
    AL_OWN(dp_model) m = NULL;
    if (dp_config_nparam(&c) > MAX_PARAM)
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: a model of %zu parameters, at most %d", r->path, dp_config_nparam(&c), MAX_PARAM);
    AL_TRY(dp_model_create(&c, &m));
    AL_TRY(need(r, desc, "embeddings", &coll));
    AL_TRY_MSG(read_nets(r, coll, c.type_one_side ? 1 : 2, m->nemb, c.resnet_dt, m->emb), "embeddings");
    AL_TRY(need(r, fit, "nets", &coll));
    AL_TRY_MSG(read_nets(r, coll, 1, c.ntypes, c.fit_resnet_dt, m->fit), "fitting nets");
    AL_TRY(read_stat(r, desc, "davg", m, m->davg));
    AL_TRY(read_stat(r, desc, "dstd", m, m->dstd));
    for (int t = 0; t < c.ntypes; t++)
        for (int k = 0; k < 4; k++)
            if (m->dstd[t][k] == 0) AL_FAIL(AL_ERR_CORRUPT, "%s: dstd is zero", r->path);
    AL_TRY(fill(r, fit, "bias_atom_e", true, (size_t)c.ntypes, m->bias));
    AL_TRY(fill(r, model, "out_bias", true, (size_t)c.ntypes, m->out_bias));
    AL_TRY(fill(r, model, "out_std", true, (size_t)c.ntypes, m->out_std));
    if (json_is_number(json_object_get(root, "min_nbor_dist")))
        m->min_nbor_dist = json_number_value(json_object_get(root, "min_nbor_dist"));
    AL_TRY(fill(r, root, "min_nbor_dist", true, 1, &m->min_nbor_dist));
    const json_t *left_out = json_object_get(root, LEFT_OUT_KEY);
    if (left_out) AL_TRY(read_range(r, left_out, &m->left_out));
    const json_t *meta = json_object_get(root, "alnd");
    if (json_is_object(meta)) {
        char *text = json_dumps(meta, JSON_COMPACT | JSON_REAL_PRECISION(17));
        enum al_err e = text ? dp_model_set_meta(m, text) : AL_ERR_OK;
        free(text);
        AL_TRY(e);
    }
    *ret = m;
    m = NULL;
    return AL_ERR_OK;
}

enum al_err dp_model_read_tree(struct h5 *h, const char *name, const char *json, struct dp_model **ret)
{
    json_error_t err;
    JSON_OWN root = json_loads(json, 0, &err);
    if (!root) AL_FAIL(AL_ERR_CORRUPT, "%s: JSON: %s (column %d)", name, err.text, err.column);
    struct reader r = {h, name};
    AL_TRY_MSG(read_tree(&r, root, ret), "model %s", name);
    return AL_ERR_OK;
}

static enum al_err read_file(struct h5 *h, const char *path, struct dp_model **ret)
{
    AL_AUTOFREE char *text = NULL;
    AL_TRY(h5_read_text(h, "json", &text));
    AL_TRY(dp_model_read_tree(h, path, text, ret));
    return AL_ERR_OK;
}

enum al_err dp_model_read(const char *path, struct dp_model **ret)
{
    AL_OWN(h5) h = NULL;
    AL_TRY(h5_open(path, &h));
    AL_TRY(read_file(h, path, ret));
    return AL_ERR_OK;
}

enum al_err dp_model_read_bytes(const char *name, const void *bytes, size_t n, struct dp_model **ret)
{
    AL_OWN(h5) h = NULL;
    AL_TRY(h5_open_bytes(name, bytes, n, &h));
    AL_TRY(read_file(h, name, ret));
    return AL_ERR_OK;
}

enum al_err dp_model_set_meta(struct dp_model *m, const char *json)
{
    char *copy = NULL;
    if (json) {
        JSON_OWN j = json_loads(json, 0, NULL);
        if (!json_is_object(j)) AL_FAIL(AL_ERR_INPUT, "metadata of the model is not a JSON object");
        AL_TRY(al_strdup(json, &copy));
    }
    al_free(m->meta);
    m->meta = copy;
    return AL_ERR_OK;
}
