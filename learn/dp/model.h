// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The Deep Potential model se_e2_a (DeepPot-SE: Zhang et al., NeurIPS 2018, arXiv:1805.09003), numerically
// the model of deepmd-kit 3 (TensorFlow rules: sel overflow keeps the nearest of each type, the cut-offs are
// rounded to float32, fitting layers have a skip connection only where the width repeats).
//
// Environment row of neighbour j of centre i, d = r_j - r_i, r = |d|:   R = (s, s dx/r, s dy/r, s dz/r),
//   s(r) = w(u)/r, u = clip((r - rcut_smth)/(rcut - rcut_smth), 0, 1), w = 1 - 10u^3 + 15u^4 - 6u^5;
// normalised R~ = (R - davg[ti])/dstd[ti]; empty slots are rows R = 0 and count too.
//   A = 1/nnei sum_k G(R~_k0) (x) R~_k;  D[a*M2 + b] = sum_c A[a][c] A[b][c];  E_i = fit_ti(D) + bias.
//
// Those sums know distances and the lengths of sums of directions (l = 0 and 1), not angles. With rcut_angular the rows within that
// radius have twelve components more, the harmonics of degree l = 2 and 3 of the direction (dp/harmonics.h):
//   R~_lm = q(r) Y_lm(d/r) / dstd[ti][1],  q = s with rcut_angular as cut-off,
// A has those components, too, in its first MH columns, and D three blocks after each other: of the first four components, M1 x M2, of l = 2 and
// of l = 3, MH x M2 each. So the pairs of neighbours j, k in D have G_a(j) G_b(k) P_l(cos of the angle between them). Ours alone: no other program reads such a model.
//
// All trainable numbers live in one array (param), so that optimiser, gradient and checkpoint are vectors.
#ifndef AL_DP_MODEL_H
#define AL_DP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/rng.h"

enum { DP_MAX_TYPES = 16, DP_MAX_LAYERS = 8, DP_TYPE_NAME = 8 };

// Repulsion between nuclei (dp/zbl.h), Ang: switched off from inner to outer; outer 0: none.
struct dp_zbl_range {
    double inner, outer;
};
static inline bool dp_zbl_present(const struct dp_zbl_range *r)
{
    return r->inner != 0 || r->outer != 0;
}

// Sizes and cut-offs: what is fixed before training.
struct dp_config {
    int ntypes;                                // T
    char type_map[DP_MAX_TYPES][DP_TYPE_NAME]; // element symbols; index = type
    double rcut, rcut_smth;                    // Ang; multiples of 1/16 make all programs agree to 1e-14
    double rcut_angular;                       // Ang, rcut_smth < rcut_angular <= rcut; 0: no harmonics, se_e2_a
    int neuron_angular;                        // MH, columns of the embedding that harmonics go with, M2 <= MH <= M1; 0 without them
    int sel[DP_MAX_TYPES];                     // neighbour slots of each type; part of the model
    int nneuron, neuron[DP_MAX_LAYERS];        // embedding widths; the last is M1
    int axis_neuron;                           // M2 <= M1
    bool type_one_side;           // embedding net by neighbour type only, else by (centre, neighbour)
    bool resnet_dt;               // embedding: time step vectors on skip layers
    int nfit, fit[DP_MAX_LAYERS]; // fitting widths (hidden layers)
    bool fit_resnet_dt;
    struct dp_zbl_range zbl; // energies, forces and virials of the model are the networks' and this together
};

struct dp_layer { // y = tanh(x w + b) [* idt] [+ skip]; row vectors
    int nin, nout;
    bool tanh;   // false: linear (last fitting layer)
    int skip;    // 0 none, 1 y += x, 2 y += (x, x)
    double *w;   // [nin][nout], into dp_model.param
    double *b;   // [nout]
    double *idt; // [nout] or NULL
};

struct dp_net {
    int nlayers;
    struct dp_layer layer[DP_MAX_LAYERS + 1];
};

struct dp_model {
    struct dp_config c;
    int nnei;           // sum of sel
    int nemb;           // T, or T*T two-sided; net of pair: dp_model_emb_index
    struct dp_net *emb; // [nemb]
    struct dp_net *fit; // [T]
    size_t nparam;
    double *param;                // [nparam] embedding nets, then fitting nets; each layer w, b, idt
    double davg[DP_MAX_TYPES][4]; // by centre type; component (s, x, y, z)
    double dstd[DP_MAX_TYPES][4];
    double bias[DP_MAX_TYPES];     // bias_atom_e, eV
    double out_bias[DP_MAX_TYPES]; // eV
    double out_std[DP_MAX_TYPES];  // E_i = (fit + bias)*out_std + out_bias (TensorFlow's rule)
    double min_nbor_dist;          // Ang, shortest distance in the training set; 0 = not known
    struct dp_zbl_range left_out;  // repulsion that the networks were trained with and that is not in c (dp_model_write_networks)
    char *meta;                    // extra ROOT key "alnd" as JSON text (our metadata), or NULL
};

enum { DP_GROUPS = 5 }; // fours of components: 0; 1, 2: l = 2, three of them 0; 3, 4: l = 3, one of them 0
static inline bool dp_angular(const struct dp_config *c)
{
    return c->rcut_angular > 0;
}
// Sizes of D: M1 x M2, and twice MH x M2 with harmonics.
struct dp_sizes {
    int m1, m2, mh; // mh 0: no harmonics
};
static inline struct dp_sizes dp_config_sizes(const struct dp_config *c)
{
    return (struct dp_sizes){c->neuron[c->nneuron - 1], c->axis_neuron, dp_angular(c) ? c->neuron_angular : 0};
}
static inline int dp_groups(struct dp_sizes n)
{
    return n.mh ? DP_GROUPS : 1;
}
// Numbers of a descriptor.
static inline int dp_config_width(const struct dp_config *c)
{
    struct dp_sizes s = dp_config_sizes(c);
    return (s.m1 + 2 * s.mh) * s.m2;
}

// What deepmd-kit uses when nothing is said (INTEROP section 5), no types: rcut 6, [10,20,40] x 4,
// [120,120,120], one-sided, fitting resnet_dt.
void dp_config_default(struct dp_config *c);
// AL_ERR_INPUT, saying which member is wrong.
enum al_err dp_config_check(const struct dp_config *c);
// Trainable numbers of a model with these sizes (which are checked).
size_t dp_config_nparam(const struct dp_config *c);
// Zero parameters, davg 0, dstd 1, out_std 1.
enum al_err dp_model_create(const struct dp_config *c, struct dp_model **ret);
enum al_err dp_model_copy(const struct dp_model *m, struct dp_model **ret);
void dp_model_destroy(struct dp_model **m);
// w ~ N(0, 1/(nin + nout)), b ~ N(0, 1), idt ~ N(0.1, 0.001^2) in fitting nets, N(1, 0.001^2) in embedding
// nets.
void dp_model_init(struct dp_model *m, struct al_rng *rng);
static inline int dp_model_emb_index(const struct dp_model *m, int centre, int neighbour)
{
    return m->c.type_one_side ? neighbour : centre + m->c.ntypes * neighbour;
}
// Type of an element, -1 when the model does not know it.
int dp_config_type(const struct dp_config *c, int z);

// .dp files (HDF5 + JSON, INTEROP section 1). Reading: AL_ERR_CORRUPT (not a model, shapes disagree),
// AL_ERR_UNSUPPORTED (another descriptor, activation, excluded types, ...). Writing is durable and its bytes
// depend on the model only. meta, where set, must be a JSON object.
enum al_err dp_model_read(const char *path, struct dp_model **ret);
// The bytes of a .dp file that is in memory; name: for messages.
enum al_err dp_model_read_bytes(const char *name, const void *bytes, size_t n, struct dp_model **ret);
// Its inner part: the tree as text, over an open file with the arrays (dp/h5.h).
struct h5;
enum al_err dp_model_read_tree(struct h5 *h, const char *name, const char *json, struct dp_model **ret);
enum al_err dp_model_write(const char *path, const struct dp_model *m);
// The networks of a model with repulsion alone: what deepmd-kit can take. Refused for one without.
enum al_err dp_model_write_networks(const char *path, const struct dp_model *m);
enum al_err dp_model_set_meta(struct dp_model *m, const char *json); // NULL: none

#endif
