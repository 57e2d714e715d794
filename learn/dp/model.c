// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/model.h"

#include <math.h>
#include <string.h>

#include "base/frame.h"
#include "base/mem.h"

void dp_config_default(struct dp_config *c)
{
    *c = (struct dp_config){.rcut = 6.0,
                            .rcut_smth = 0.5,
                            .nneuron = 3,
                            .neuron = {10, 20, 40},
                            .axis_neuron = 4,
                            .type_one_side = true,
                            .nfit = 3,
                            .fit = {120, 120, 120},
                            .fit_resnet_dt = true};
}

static enum al_err check_widths(const char *what, int n, const int *w)
{
    if (n < 1 || n > DP_MAX_LAYERS)
        AL_FAIL(AL_ERR_INPUT, "%s net has %d layers; 1 to %d are possible", what, n, DP_MAX_LAYERS);
    for (int i = 0; i < n; i++)
        if (w[i] < 1 || w[i] > 4096) AL_FAIL(AL_ERR_INPUT, "%s net: width %d of layer %d", what, w[i], i);
    return AL_ERR_OK;
}

static enum al_err check_zbl(const struct dp_config *c)
{
    const struct dp_zbl_range *z = &c->zbl;
    if (!dp_zbl_present(z)) return AL_ERR_OK;
    if (!(z->inner > 0 && z->inner < z->outer && z->outer < c->rcut))
        AL_FAIL(AL_ERR_INPUT, "ZBL repulsion from %g to %g Ang with a cut-off of %g Ang", z->inner, z->outer, c->rcut);
    for (int t = 0; t < c->ntypes; t++) {
        if (!al_element_z(c->type_map[t]))
            AL_FAIL(AL_ERR_INPUT, "ZBL repulsion: type %s is no element", c->type_map[t]);
        if (!c->sel[t]) AL_FAIL(AL_ERR_INPUT, "ZBL repulsion: sel of %s is 0", c->type_map[t]);
    }
    return AL_ERR_OK;
}

enum al_err dp_config_check(const struct dp_config *c)
{
    if (c->ntypes < 1 || c->ntypes > DP_MAX_TYPES)
        AL_FAIL(AL_ERR_INPUT, "model with %d types; 1 to %d are possible", c->ntypes, DP_MAX_TYPES);
    int nnei = 0;
    for (int t = 0; t < c->ntypes; t++) {
        if (!memchr(c->type_map[t], '\0', DP_TYPE_NAME) || !c->type_map[t][0])
            AL_FAIL(AL_ERR_INPUT, "type %d has no name of at most %d letters", t, DP_TYPE_NAME - 1);
        for (int u = 0; u < t; u++)
            if (!strcmp(c->type_map[t], c->type_map[u]))
                AL_FAIL(AL_ERR_INPUT, "type %s stands twice in the type map", c->type_map[t]);
        if (c->sel[t] < 0 || c->sel[t] > 100000)
            AL_FAIL(AL_ERR_INPUT, "sel of %s is %d", c->type_map[t], c->sel[t]);
        nnei += c->sel[t];
    }
    if (nnei < 1) AL_FAIL(AL_ERR_INPUT, "sel is zero for every type");
    if (!(c->rcut > 0 && c->rcut < 100 && c->rcut_smth >= 0 && c->rcut_smth < c->rcut))
        AL_FAIL(AL_ERR_INPUT, "cut-off %g Ang with smoothing from %g Ang", c->rcut, c->rcut_smth);
    if (!(c->rcut_angular == 0 || (c->rcut_angular > c->rcut_smth && c->rcut_angular <= c->rcut)))
        AL_FAIL(AL_ERR_INPUT, "cut-off of angles %g Ang, neither 0 nor in %g to %g Ang", c->rcut_angular, c->rcut_smth, c->rcut);
    AL_TRY(check_zbl(c));
    AL_TRY(check_widths("embedding", c->nneuron, c->neuron));
    AL_TRY(check_widths("fitting", c->nfit, c->fit));
    if (c->axis_neuron < 1 || c->axis_neuron > c->neuron[c->nneuron - 1])
        AL_FAIL(AL_ERR_INPUT, "axis_neuron %d is not in 1 to %d (last embedding width)", c->axis_neuron,
                c->neuron[c->nneuron - 1]);
    if (dp_angular(c) ? c->neuron_angular < c->axis_neuron || c->neuron_angular > c->neuron[c->nneuron - 1] : c->neuron_angular != 0)
        AL_FAIL(AL_ERR_INPUT, "%d columns with angles; axis_neuron %d to %d (last embedding width) are possible, 0 without a cut-off of angles",
                c->neuron_angular, c->axis_neuron, c->neuron[c->nneuron - 1]);
    return AL_ERR_OK;
}

int dp_config_type(const struct dp_config *c, int z)
{
    const char *symbol = al_element_symbol(z);
    for (int t = 0; t < c->ntypes; t++)
        if (!strcmp(c->type_map[t], symbol)) return t;
    return -1;
}

static void embedding_shape(const struct dp_config *c, struct dp_net *net)
{
    net->nlayers = c->nneuron;
    for (int l = 0; l < c->nneuron; l++) {
        int nin = l ? c->neuron[l - 1] : 1, nout = c->neuron[l];
        net->layer[l] =
            (struct dp_layer){nin, nout, true, nout == nin ? 1 : nout == 2 * nin ? 2 : 0, NULL, NULL, NULL};
    }
}

static void fitting_shape(const struct dp_config *c, struct dp_net *net)
{
    net->nlayers = c->nfit + 1;
    for (int l = 0; l <= c->nfit; l++) {
        int nin = l ? c->fit[l - 1] : dp_config_width(c);
        int nout = l < c->nfit ? c->fit[l] : 1;
        int skip = l > 0 && l < c->nfit && nout == nin; // TensorFlow's rule
        net->layer[l] = (struct dp_layer){nin, nout, l < c->nfit, skip, NULL, NULL, NULL};
    }
}

// Give the layers their places in param (NULL: only count). Returns the number of parameters placed.
static size_t place_net(struct dp_net *net, bool resnet_dt, double *param)
{
    size_t n = 0;
    for (int l = 0; l < net->nlayers; l++) {
        struct dp_layer *la = &net->layer[l];
        bool idt = resnet_dt && la->skip;
        size_t nw = (size_t)la->nin * (size_t)la->nout, nb = (size_t)la->nout;
        if (param) {
            la->w = param + n;
            la->b = param + n + nw;
            la->idt = idt ? param + n + nw + nb : NULL;
        }
        n += nw + nb + (idt ? nb : 0);
    }
    return n;
}

static size_t place_all(struct dp_model *m, double *param)
{
    size_t n = 0;
    for (int e = 0; e < m->nemb; e++)
        n += place_net(&m->emb[e], m->c.resnet_dt, param ? param + n : NULL);
    for (int t = 0; t < m->c.ntypes; t++)
        n += place_net(&m->fit[t], m->c.fit_resnet_dt, param ? param + n : NULL);
    return n;
}

size_t dp_config_nparam(const struct dp_config *c)
{
    struct dp_net emb, fit;
    embedding_shape(c, &emb);
    fitting_shape(c, &fit);
    size_t nemb = (size_t)(c->type_one_side ? c->ntypes : c->ntypes * c->ntypes);
    return nemb * place_net(&emb, c->resnet_dt, NULL) + (size_t)c->ntypes * place_net(&fit, c->fit_resnet_dt, NULL);
}

enum al_err dp_model_create(const struct dp_config *c, struct dp_model **ret)
{
    AL_TRY(dp_config_check(c));
    AL_OWN(dp_model) m = NULL;
    AL_ALLOC(m, 1);
    m->c = *c;
    for (int t = 0; t < c->ntypes; t++) {
        m->nnei += c->sel[t];
        m->out_std[t] = 1;
        for (int k = 0; k < 4; k++)
            m->dstd[t][k] = 1;
    }
    m->nemb = c->type_one_side ? c->ntypes : c->ntypes * c->ntypes;
    AL_ALLOC(m->emb, m->nemb);
    AL_ALLOC(m->fit, c->ntypes);
    for (int e = 0; e < m->nemb; e++)
        embedding_shape(c, &m->emb[e]);
    for (int t = 0; t < c->ntypes; t++)
        fitting_shape(c, &m->fit[t]);
    m->nparam = place_all(m, NULL);
    AL_ALLOC(m->param, m->nparam);
    place_all(m, m->param);
    *ret = m;
    m = NULL;
    return AL_ERR_OK;
}

void dp_model_destroy(struct dp_model **m)
{
    if (!*m) return;
    al_free((*m)->emb);
    al_free((*m)->fit);
    al_free((*m)->param);
    al_free((*m)->meta);
    al_free(*m);
    *m = NULL;
}

enum al_err dp_model_copy(const struct dp_model *m, struct dp_model **ret)
{
    AL_OWN(dp_model) n = NULL;
    AL_TRY(dp_model_create(&m->c, &n));
    memcpy(n->param, m->param, m->nparam * sizeof *m->param);
    memcpy(n->davg, m->davg, sizeof m->davg);
    memcpy(n->dstd, m->dstd, sizeof m->dstd);
    memcpy(n->bias, m->bias, sizeof m->bias);
    memcpy(n->out_bias, m->out_bias, sizeof m->out_bias);
    memcpy(n->out_std, m->out_std, sizeof m->out_std);
    n->min_nbor_dist = m->min_nbor_dist;
    n->left_out = m->left_out;
    AL_TRY(al_strdup(m->meta, &n->meta));
    *ret = n;
    n = NULL;
    return AL_ERR_OK;
}

static void init_net(struct dp_net *net, double idt_mean, struct al_rng *rng)
{
    for (int l = 0; l < net->nlayers; l++) {
        struct dp_layer *la = &net->layer[l];
        double std = 1 / sqrt(la->nin + la->nout);
        for (int i = 0; i < la->nin * la->nout; i++)
            la->w[i] = std * al_rng_normal(rng);
        for (int i = 0; i < la->nout; i++)
            la->b[i] = al_rng_normal(rng);
        for (int i = 0; la->idt && i < la->nout; i++)
            la->idt[i] = idt_mean + 0.001 * al_rng_normal(rng);
    }
}

void dp_model_init(struct dp_model *m, struct al_rng *rng)
{
    for (int e = 0; e < m->nemb; e++)
        init_net(&m->emb[e], 1.0, rng);
    for (int t = 0; t < m->c.ntypes; t++)
        init_net(&m->fit[t], 0.1, rng);
}
