// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Writing of .dp model files; see file.c.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "dp/file_impl.h"

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

static json_t *range_tree(const struct dp_zbl_range *z)
{
    return json_pack("{sf sf}", "inner", z->inner, "outer", z->outer);
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
