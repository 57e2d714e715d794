// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// .dp model files: a JSON tree in the root attribute `json`, arrays as datasets whose paths stand in the tree
// (docs of the tree: INTEROP section 1.3). The only file that includes jansson.h.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "dp/h5.h"
#include "dp/model.h"

static void json_release(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}
#define JSON_OWN __attribute__((cleanup(json_release))) json_t *

// ---- reading -------------------------------------------------------------------------------------------

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
    if (!s || (strcmp(s, a) && strcmp(s, b)))
        AL_FAIL(AL_ERR_UNSUPPORTED, "%s: '%s' is '%s'; only '%s' is supported", r->path, key, s ? s : "?", a);
    return AL_ERR_OK;
}

static enum al_err expect_precision(const struct reader *r, const json_t *obj)
{
    const char *p = json_string_value(json_object_get(obj, "precision"));
    if (p && strcmp(p, "float64") && strcmp(p, "double") && strcmp(p, "default") && strcmp(p, "float32"))
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
    if (got != n) AL_FAIL(AL_ERR_CORRUPT, "%s: array '%s' has %zu elements instead of %zu", r->path, key, got, n);
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

// A model with repulsion has a type that no other program knows, so that none can leave the repulsion out in silence;
// the name is what deepmd-kit then shows.
#define ZBL_KEY "alnd_zbl"
static const char ZBL_TYPE[] =
    ZBL_KEY " (Deep Potential + ZBL repulsion, for alnd only; deepmd-kit and its LAMMPS take the networks alone, "
            "*.without_zbl.dp of `alnd train` and `alnd export`, together with pair_style zbl)";

static const char LEFT_OUT_KEY[] = "alnd_zbl_left_out"; // ROOT key of the networks alone

static enum al_err read_range(const struct reader *r, const json_t *zbl, struct dp_zbl_range *ret)
{
    AL_TRY(need_number(r, zbl, "inner", &ret->inner));
    AL_TRY(need_number(r, zbl, "outer", &ret->outer));
    if (!dp_zbl_present(ret)) AL_FAIL(AL_ERR_CORRUPT, "%s: ZBL repulsion without a range", r->path);
    return AL_ERR_OK;
}

static json_t *range_tree(const struct dp_zbl_range *z)
{
    return json_pack("{sf sf}", "inner", z->inner, "outer", z->outer);
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

// So is the descriptor of a model with harmonics.
#define ANGULAR_KEY "alnd_angular"
static const char ANGULAR_TYPE[] =
    ANGULAR_KEY " (se_e2_a with harmonics of degree 2 and 3, for alnd only; deepmd-kit takes the .pb file that `dp_angular.py` of `alnd export` "
                "makes of it)";

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
    double columns;
    AL_TRY(need_number(r, desc, "neuron_angular", &columns));
    if (!(columns >= 1 && columns <= 4096)) AL_FAIL(AL_ERR_CORRUPT, "%s: neuron_angular %g", r->path, columns);
    c->neuron_angular = (int)columns;
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
    double axis;
    AL_TRY(need_number(r, desc, "axis_neuron", &axis));
    if (!(axis >= 1 && axis <= 4096)) AL_FAIL(AL_ERR_CORRUPT, "%s: axis_neuron %g", r->path, axis);
    c->axis_neuron = (int)axis;
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

enum al_err dp_model_read_tree(struct h5 *h, const char *path, const char *text, struct dp_model **ret)
{
    json_error_t err;
    JSON_OWN root = json_loads(text, 0, &err);
    if (!root) AL_FAIL(AL_ERR_CORRUPT, "%s: JSON: %s (column %d)", path, err.text, err.column);
    struct reader r = {h, path};
    AL_TRY_MSG(read_tree(&r, root, ret), "model %s", path);
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

// ---- writing -------------------------------------------------------------------------------------------

struct writer {
    struct h5 *h;
    int count;
    enum al_err status; // first error; later arrays are skipped
};

// Writes the next dataset and returns its path as a JSON string.
static json_t *array(struct writer *w, int rank, const size_t shape[], const double *data)
{
    char name[32];
    snprintf(name, sizeof name, "/variable_%04d", w->count++);
    if (w->status == AL_ERR_OK) w->status = h5_write_double(w->h, name + 1, rank, shape, data);
    return json_string(name);
}

static json_t *int_list(int n, const int *v)
{
    json_t *a = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_integer(v[i]));
    return a;
}

static json_t *type_list(const struct dp_config *c)
{
    json_t *a = json_array();
    for (int t = 0; t < c->ntypes; t++)
        json_array_append_new(a, json_string(c->type_map[t]));
    return a;
}

// resnet is true on every tanh layer whatever the widths, as deepmd-kit writes it.
static json_t *layer_tree(struct writer *w, const struct dp_layer *la)
{
    size_t shape[2] = {(size_t)la->nin, (size_t)la->nout};
    json_t *jw = array(w, 2, shape, la->w), *jb = array(w, 1, shape + 1, la->b);
    json_t *jt = la->idt ? array(w, 1, shape + 1, la->idt) : json_null();
    return json_pack("{ss si sb sb ss sb ss sb s{so so so}}", "@class", "Layer", "@version", 2, "bias", 1,
                     "use_timestep", la->idt != NULL, "activation_function", la->tanh ? "tanh" : "none",
                     "resnet", la->tanh, "precision", "float64", "trainable", 1, "@variables", "w", jw, "b",
                     jb, "idt", jt);
}

static json_t *layers_tree(struct writer *w, const struct dp_net *net)
{
    json_t *layers = json_array();
    for (int l = 0; l < net->nlayers; l++)
        json_array_append_new(layers, layer_tree(w, &net->layer[l]));
    return layers;
}

static json_t *embeddings_tree(struct writer *w, const struct dp_model *m)
{
    json_t *nets = json_array();
    for (int e = 0; e < m->nemb; e++)
        json_array_append_new(nets, json_pack("{ss si si so ss sb sb ss so}", "@class", "EmbeddingNetwork",
                                              "@version", 2, "in_dim", 1, "neuron",
                                              int_list(m->c.nneuron, m->c.neuron), "activation_function",
                                              "tanh", "resnet_dt", m->c.resnet_dt, "bias", 1, "precision",
                                              "float64", "layers", layers_tree(w, &m->emb[e])));
    return json_pack("{ss si si si ss so}", "@class", "NetworkCollection", "@version", 1, "ndim",
                     m->c.type_one_side ? 1 : 2, "ntypes", m->c.ntypes, "network_type", "embedding_network",
                     "networks", nets);
}

static json_t *stat_array(struct writer *w, const struct dp_model *m, const double stat[DP_MAX_TYPES][4])
{
    size_t shape[3] = {(size_t)m->c.ntypes, (size_t)m->nnei, 4};
    AL_AUTOFREE double *a = NULL;
    if (w->status == AL_ERR_OK) w->status = al_alloc(shape[0] * shape[1] * 4, sizeof *a, &a);
    for (size_t i = 0; a && i < shape[0] * shape[1]; i++)
        memcpy(a + 4 * i, stat[i / shape[1]], sizeof stat[0]);
    return array(w, 3, shape, a);
}

static json_t *descriptor_tree(struct writer *w, const struct dp_model *m)
{
    const struct dp_config *c = &m->c;
    json_t *d =
        json_pack("{ss ss si sf sf so so si sb sb sb s[] sf sb ss ss sn s{sf sf sf sb}}", "@class",
                  "Descriptor", "type", dp_angular(c) ? ANGULAR_TYPE : "se_e2_a", "@version", 2, "rcut", c->rcut, "rcut_smth", c->rcut_smth,
                  "sel", int_list(c->ntypes, c->sel), "neuron", int_list(c->nneuron, c->neuron),
                  "axis_neuron", c->axis_neuron, "resnet_dt", c->resnet_dt, "trainable", 1, "type_one_side",
                  c->type_one_side, "exclude_types", "env_protection", 0.0, "set_davg_zero", 0,
                  "activation_function", "tanh", "precision", "float64", "spin", "env_mat", "rcut", c->rcut,
                  "rcut_smth", c->rcut_smth, "protection", 0.0, "use_exp_switch", 0);
    if (dp_angular(c)) {
        json_object_set_new(d, "rcut_angular", json_real(c->rcut_angular));
        json_object_set_new(d, "neuron_angular", json_integer(c->neuron_angular));
    }
    json_object_set_new(d, "embeddings", embeddings_tree(w, m));
    json_t *davg = stat_array(w, m, m->davg), *dstd = stat_array(w, m, m->dstd);
    json_object_set_new(d, "@variables", json_pack("{so so}", "davg", davg, "dstd", dstd));
    json_object_set_new(d, "type_map", type_list(c));
    return d;
}

static json_t *fit_nets_tree(struct writer *w, const struct dp_model *m)
{
    const struct dp_config *c = &m->c;
    json_t *nets = json_array();
    for (int t = 0; t < c->ntypes; t++)
        json_array_append_new(nets, json_pack("{ss si si si so ss sb ss sb so}", "@class", "FittingNetwork",
                                              "@version", 1, "in_dim", m->fit[t].layer[0].nin, "out_dim", 1,
                                              "neuron", int_list(c->nfit, c->fit), "activation_function",
                                              "tanh", "resnet_dt", c->fit_resnet_dt, "precision", "float64",
                                              "bias_out", 1, "layers", layers_tree(w, &m->fit[t])));
    return json_pack("{ss si si si ss so}", "@class", "NetworkCollection", "@version", 1, "ndim", 1, "ntypes",
                     c->ntypes, "network_type", "fitting_network", "networks", nets);
}

static json_t *fitting_tree(struct writer *w, const struct dp_model *m)
{
    const struct dp_config *c = &m->c;
    json_t *trainable = json_array();
    for (int l = 0; l <= c->nfit; l++)
        json_array_append_new(trainable, json_true());
    json_t *f =
        json_pack("{ss si ss si si so sb si si si sn sn ss ss sb s[] so}", "@class", "Fitting", "@version", 4,
                  "var_name", "energy", "ntypes", c->ntypes, "dim_descrpt", m->fit[0].layer[0].nin, "neuron",
                  int_list(c->nfit, c->fit), "resnet_dt", c->fit_resnet_dt, "numb_fparam", 0, "numb_aparam",
                  0, "dim_case_embd", 0, "default_fparam", "rcond", "activation_function", "tanh",
                  "precision", "float64", "mixed_types", 0, "exclude_types", "nets", fit_nets_tree(w, m));
    size_t shape[2] = {(size_t)c->ntypes, 1};
    json_object_set_new(f, "@variables",
                        json_pack("{so sn sn sn sn sn}", "bias_atom_e", array(w, 2, shape, m->bias),
                                  "case_embd", "fparam_avg", "fparam_inv_std", "aparam_avg",
                                  "aparam_inv_std"));
    json_object_update_new(f, json_pack("{so sb so sn sb sn ss si s[]}", "type_map", type_list(c),
                                        "tot_ener_zero", 0, "trainable", trainable, "layer_name",
                                        "use_aparam_as_mask", 0, "spin", "type", "ener", "dim_out", 1,
                                        "atom_ener"));
    return f;
}

static json_t *model_tree(struct writer *w, const struct dp_model *m)
{
    size_t shape[3] = {1, (size_t)m->c.ntypes, 1};
    bool zbl = dp_zbl_present(&m->c.zbl);
    json_t *bias = array(w, 3, shape, m->out_bias), *std = array(w, 3, shape, m->out_std);
    json_t *j =
        json_pack("{so s[] s[] sn sn s{so so} ss ss si}", "type_map", type_list(&m->c), "atom_exclude_types",
                  "pair_exclude_types", "rcond", "preset_out_bias", "@variables", "out_bias", bias, "out_std",
                  std, "@class", "Model", "type", zbl ? ZBL_TYPE : "standard", "@version", 2);
    if (zbl) json_object_set_new(j, "zbl", range_tree(&m->c.zbl));
    json_object_set_new(j, "descriptor", descriptor_tree(w, m));
    json_object_set_new(j, "fitting", fitting_tree(w, m));
    return j;
}

// The `model` section of a training input; must be complete for .pb -> .dp, compression, further training.
static json_t *script_tree(const struct dp_config *c)
{
    return json_pack("{so s{ss sf sf so so si sb sb ss ss} s{ss so sb ss ss}}", "type_map", type_list(c),
                     "descriptor", "type", dp_angular(c) ? ANGULAR_TYPE : "se_e2_a", "rcut", c->rcut, "rcut_smth", c->rcut_smth, "sel",
                     int_list(c->ntypes, c->sel), "neuron", int_list(c->nneuron, c->neuron), "axis_neuron",
                     c->axis_neuron, "resnet_dt", c->resnet_dt, "type_one_side", c->type_one_side,
                     "activation_function", "tanh", "precision", "float64", "fitting_net", "type", "ener",
                     "neuron", int_list(c->nfit, c->fit), "resnet_dt", c->fit_resnet_dt,
                     "activation_function", "tanh", "precision", "float64");
}

static enum al_err write_tree(struct h5 *h, const struct dp_model *m)
{
    struct writer w = {h, 0, AL_ERR_OK};
    // `time` is fixed: the bytes of a model file depend on the model only.
    JSON_OWN root = json_pack("{ss ss ss ss}", "software", "alnd", "version", "0.1.0", "time",
                              "2026-01-01 00:00:00.000000+00:00", "backend", "alnd");
    json_object_set_new(root, "model", model_tree(&w, m));
    json_object_set_new(root, "model_def_script", script_tree(&m->c));
    if (m->min_nbor_dist > 0)
        json_object_set_new(root, "@variables",
                            json_pack("{so}", "min_nbor_dist", array(&w, 0, NULL, &m->min_nbor_dist)));
    if (dp_zbl_present(&m->left_out)) json_object_set_new(root, LEFT_OUT_KEY, range_tree(&m->left_out));
    if (m->meta) json_object_set_new(root, "alnd", json_loads(m->meta, 0, NULL));
    AL_TRY(w.status);
    if (!json_object_get(root, "model") || !json_object_get(root, "model_def_script"))
        AL_FAIL(AL_ERR_NOMEM, "no memory for the JSON tree of the model");
    char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text) AL_FAIL(AL_ERR_NOMEM, "no memory for the JSON text of the model");
    enum al_err e = h5_write_text(h, "json", text);
    free(text);
    return e;
}

enum al_err dp_model_write(const char *path, const struct dp_model *m)
{
    for (size_t i = 0; i < m->nparam; i++)
        if (!isfinite(m->param[i]))
            AL_FAIL(AL_ERR_UNPHYSICAL, "model for %s holds numbers that are not finite", path);
    char tmp[AL_PATH];
    AL_TRY(al_path(tmp, "%s.tmp", path));
    AL_OWN(h5) h = NULL;
    AL_TRY(h5_create(tmp, &h));
    enum al_err e = write_tree(h, m);
    if (e == AL_ERR_OK) e = h5_finish(&h);
    if (e != AL_ERR_OK) {
        remove(tmp);
        AL_TRY_MSG(e, "writing model %s", path);
    }
    return al_file_publish(tmp, path);
}

enum al_err dp_model_write_networks(const char *path, const struct dp_model *m)
{
    AL_OWN(dp_model) n = NULL;
    if (!dp_zbl_present(&m->c.zbl)) AL_FAIL(AL_ERR_INPUT, "the model for %s has no ZBL repulsion to leave out", path);
    AL_TRY(dp_model_copy(m, &n));
    n->left_out = n->c.zbl;
    n->c.zbl = (struct dp_zbl_range){0};
    return dp_model_write(path, n);
}
