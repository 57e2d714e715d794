// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/waves_keys.h"

#include <string.h>

#include "base/schema.h"
#include "base/units.h"
#include "config/loop_config.h"

static enum al_err parse_three_ints(const struct al_node *n, double min, double max, int v[3])
{
    if (n->kind != AL_NODE_LIST || n->nchild != 3) AL_TRY(al_node_error(n, "%s: three whole numbers wanted", n->key));
    for (int i = 0; i < 3; i++) {
        long x;
        AL_TRY(schema_int(al_node_at(n, i), min, max, &x));
        v[i] = (int)x;
    }
    return AL_ERR_OK;
}

// points: [[kx, ky, kz, weight], ...]; the weight may be left out (1)
static enum al_err parse_points(const struct al_node *n, struct cfg_kpoints *kp)
{
    if (n->kind != AL_NODE_LIST || !n->nchild || n->nchild > CFG_MAX_KPOINTS)
        AL_TRY(al_node_error(n, "points: a list of up to %d points [kx, ky, kz] is wanted", CFG_MAX_KPOINTS));
    kp->n = 0;
    for (const struct al_node *p = n->child; p; p = p->next, kp->n++) {
        double *k = kp->point[kp->n];
        if (p->kind != AL_NODE_LIST || p->nchild < 3 || p->nchild > 4)
            AL_TRY(al_node_error(p, "points: each point is [kx, ky, kz] or [kx, ky, kz, weight]"));
        k[3] = 1;
        for (int i = 0; i < p->nchild; i++)
            AL_TRY(schema_real(al_node_at(p, i), AL_DIM_NONE, i < 3 ? -1 : 1e-6, i < 3 ? 1 : 1e6, &k[i]));
    }
    return AL_ERR_OK;
}

// gamma | {spacing: 0.52 1/Ang} | {mesh: [1,2,2], shift: [0,1,1]} | {points: [...]}
static enum al_err read_kpoints(const struct al_node *n, struct cfg_kpoints *kp)
{
    if (n->kind == AL_NODE_SCALAR && strcmp(n->text, "gamma") == 0) {
        kp->mode = KP_GAMMA;
        return AL_ERR_OK;
    }
    if (n->kind != AL_NODE_MAP || !n->nchild)
        AL_TRY(al_node_error(n, "kpoints: gamma, {spacing: ...}, {mesh: ...} or {points: ...} is wanted"));
    const struct al_node *shift = al_node_get(n, "shift");
    const char *mode = NULL;
    for (const struct al_node *c = n->child; c; c = c->next) {
        if (c == shift) continue;
        if (mode) AL_TRY(al_node_error(c, "kpoints: '%s' and '%s' exclude each other", mode, c->key));
        mode = c->key;
        if (strcmp(c->key, "spacing") == 0) {
            kp->mode = KP_SPACING;
            AL_TRY(schema_real(c, AL_DIM_INVLENGTH, 0.01, 10, &kp->spacing));
        } else if (strcmp(c->key, "mesh") == 0) {
            kp->mode = KP_MESH;
            AL_TRY(parse_three_ints(c, 1, 64, kp->mesh));
        } else if (strcmp(c->key, "points") == 0) {
            kp->mode = KP_POINTS;
            AL_TRY(parse_points(c, kp));
        } else {
            AL_TRY(al_node_error(c, "kpoints: unknown key '%.40s'; spacing, mesh, shift, points are known", c->key));
        }
    }
    if (shift && kp->mode != KP_MESH) AL_TRY(al_node_error(shift, "kpoints: shift goes with mesh only"));
    if (!mode) AL_TRY(al_node_error(n, "kpoints: shift goes with mesh"));
    if (shift) AL_TRY(parse_three_ints(shift, 0, 1, kp->shift));
    return AL_ERR_OK;
}

static void add_kpoints(const struct cfg_kpoints *kp, struct al_sha256 *s)
{
    al_sha256_int(s, kp->mode);
    if (kp->mode == KP_SPACING) al_sha256_double(s, kp->spacing);
    for (int i = 0; i < 3 && kp->mode == KP_MESH; i++) {
        al_sha256_int(s, kp->mesh[i]);
        al_sha256_int(s, kp->shift[i]);
    }
    for (int i = 0; i < kp->n && kp->mode == KP_POINTS; i++)
        for (int k = 0; k < 4; k++)
            al_sha256_double(s, kp->point[i][k]);
}

enum al_err waves_parse_kpoints(const struct al_node *n, void *base)
{
    return read_kpoints(n, &((struct loop_config *)base)->label.kpoints);
}

void waves_hash_kpoints(const void *base, struct al_sha256 *s)
{
    add_kpoints(&((const struct loop_config *)base)->label.kpoints, s);
}

// Cut-offs are kept in Ha.
static enum al_err read_cutoff(const struct al_node *n, double *ret)
{
    double ev;
    AL_TRY(schema_real(n, AL_DIM_ENERGY, 2 * AL_HARTREE_EV, 500 * AL_HARTREE_EV, &ev));
    *ret = ev / AL_HARTREE_EV;
    return AL_ERR_OK;
}

enum al_err waves_parse_cutoff(const struct al_node *n, void *base)
{
    return read_cutoff(n, &((struct loop_config *)base)->label.cutoff);
}

void waves_hash_cutoff(const void *base, struct al_sha256 *s)
{
    al_sha256_double(s, ((const struct loop_config *)base)->label.cutoff);
}

static bool says_label(const struct al_node *n)
{
    return n->kind == AL_NODE_SCALAR && strcmp(n->text, "label") == 0;
}

// initial.aimd.cutoff: an energy, or label: label.cutoff
enum al_err waves_parse_aimd_cutoff(const struct al_node *n, void *base)
{
    struct cfg_aimd *a = &((struct loop_config *)base)->initial.aimd;
    a->cutoff = 0;
    return says_label(n) ? AL_ERR_OK : read_cutoff(n, &a->cutoff);
}

void waves_hash_aimd_cutoff(const void *base, struct al_sha256 *s)
{
    const struct cfg_aimd *a = &((const struct loop_config *)base)->initial.aimd;
    if (a->cutoff > 0) al_sha256_double(s, a->cutoff);
}

// initial.aimd.kpoints: the same, or label: those of label.kpoints
enum al_err waves_parse_aimd_kpoints(const struct al_node *n, void *base)
{
    struct cfg_aimd *a = &((struct loop_config *)base)->initial.aimd;
    a->own_kpoints = !says_label(n);
    return a->own_kpoints ? read_kpoints(n, &a->kpoints) : AL_ERR_OK;
}

void waves_hash_aimd_kpoints(const void *base, struct al_sha256 *s)
{
    const struct cfg_aimd *a = &((const struct loop_config *)base)->initial.aimd;
    if (a->own_kpoints) add_kpoints(&a->kpoints, s);
}
