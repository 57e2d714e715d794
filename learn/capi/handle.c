// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// libalnd: opening, closing and asking a model.
#include "capi/handle.h"

#include <stdlib.h>

#include <alnd.h>

#include "base/mem.h"

static const double SKIN = 1.0; // Ang; only speed depends on it
// libhdf5 is not built for threads everywhere. Files are open within this lock only.
static pthread_mutex_t files = PTHREAD_MUTEX_INITIALIZER;

const char *alnd_version(void)
{
    return ALND_VERSION;
}

const char *alnd_error(void)
{
    return al_err_message();
}

int capi_status(enum al_err e)
{
    switch (e) {
    case AL_ERR_OK: return ALND_OK;
    case AL_ERR_INPUT: return ALND_ERROR_INPUT;
    case AL_ERR_NOTFOUND:
    case AL_ERR_IO:
    case AL_ERR_CORRUPT: return ALND_ERROR_FILE;
    case AL_ERR_UNSUPPORTED: return ALND_ERROR_UNSUPPORTED;
    case AL_ERR_UNPHYSICAL: return ALND_ERROR_UNPHYSICAL;
    case AL_ERR_NOMEM: return ALND_ERROR_MEMORY;
    default: return ALND_ERROR_INTERNAL;
    }
}

enum al_err capi_reserve(size_t want, size_t size, size_t *cap, void *ptr)
{
    void *old, *fresh = NULL;
    memcpy(&old, ptr, sizeof old);
    if (old && want <= *cap) return AL_ERR_OK;
    want += want / 8;
    AL_TRY(al_alloc(want, size, &fresh));
    al_free(old);
    memcpy(ptr, &fresh, sizeof fresh);
    *cap = want;
    return AL_ERR_OK;
}

static void alnd_model_destroy(struct alnd_model **mp)
{
    struct alnd_model *m = *mp;
    if (!m) return;
    for (int k = 0; m->member && k < m->n; k++) {
        struct capi_member *c = &m->member[k];
        dp_engine_destroy(&c->engine);
        dp_layout_destroy(&c->layout);
        dp_model_destroy(&c->model);
        al_free(c->res.forces);
        al_free(c->res.atomic_energy);
        al_free(c->atom_virial);
    }
    al_free(m->member);
    al_free(m->atoms.from);
    al_free(m->atoms.type);
    al_free(m->atoms.x);
    al_free(m->atoms.to);
    al_neigh_destroy(&m->own);
    al_free(m->given.first);
    al_free(m->given.pair);
    al_free(m->row_atom);
    pthread_mutex_destroy(&m->lock);
    al_free(m);
    *mp = NULL;
}

static bool same_environment(const struct dp_config *a, const struct dp_config *b)
{
    if (a->rcut != b->rcut) return false;
    for (int t = 0; t < a->ntypes; t++)
        if (a->sel[t] != b->sel[t]) return false;
    return true;
}

static enum al_err check_types(const char *name, const struct dp_config *first, const struct dp_config *c)
{
    bool same = c->ntypes == first->ntypes;
    for (int t = 0; same && t < c->ntypes; t++)
        same = strcmp(c->type_map[t], first->type_map[t]) == 0;
    if (!same)
        AL_FAIL(AL_ERR_INPUT, "%s has other types, or in another order, than the first model", name);
    return AL_ERR_OK;
}

static enum al_err add_member(struct alnd_model *m, int k, const char *name)
{
    enum dp_way way = DP_WAY_DOUBLE;
    const char *precision = getenv("ALND_PRECISION");
    if (precision) AL_TRY_MSG(dp_way_of(precision, &way), "environment variable ALND_PRECISION");
    struct capi_member *c = &m->member[k];
    const struct dp_config *conf = &c->model->c;
    AL_TRY(check_types(name, &m->member[0].model->c, conf));
    AL_TRY(dp_engine_create(c->model, way, &c->engine));
    c->layout_of = k;
    for (int l = k - 1; l >= 0; l--)
        if (same_environment(&m->member[l].model->c, conf)) c->layout_of = m->member[l].layout_of;
    if (c->layout_of == k) AL_TRY(dp_layout_create(&c->layout));
    double rc = dp_cut_of(conf).rc;
    if (rc > m->cutoff) m->cutoff = rc;
    return AL_ERR_OK;
}

static enum al_err read_model(const char *name, const void *bytes, size_t size, struct dp_model **ret)
{
    pthread_mutex_lock(&files);
    enum al_err e = bytes ? dp_model_read_bytes(name, bytes, size, ret) : dp_model_read(name, ret);
    pthread_mutex_unlock(&files);
    AL_TRY(e);
    return AL_ERR_OK;
}

// bytes NULL: read the files.
static enum al_err open_models(const char *const *name, const void *const *bytes, const size_t *size, int n,
                               alnd_model **ret)
{
    if (!ret || !name || n < 1) AL_FAIL(AL_ERR_INPUT, "%s", n < 1 ? "no model is named" : "a pointer is NULL");
    AL_OWN(alnd_model) m = NULL;
    AL_ALLOC(m, 1);
    pthread_mutex_init(&m->lock, NULL);
    AL_ALLOC(m->member, n);
    m->n = n;
    for (int k = 0; k < n; k++) {
        if (!name[k] || (bytes && !bytes[k])) AL_FAIL(AL_ERR_INPUT, "the name or content of model %d is NULL", k);
        AL_TRY(read_model(name[k], bytes ? bytes[k] : NULL, bytes ? size[k] : 0, &m->member[k].model));
        AL_TRY(add_member(m, k, name[k]));
    }
    AL_TRY(al_neigh_create(m->cutoff, SKIN, &m->own));
    *ret = m;
    m = NULL;
    return AL_ERR_OK;
}

int alnd_open(const char *path, alnd_model **ret)
{
    return capi_status(open_models(&path, NULL, NULL, 1, ret));
}

int alnd_open_committee(const char *const *paths, int n, alnd_model **ret)
{
    return capi_status(open_models(paths, NULL, NULL, n, ret));
}

int alnd_open_bytes(const char *const *name, const void *const *bytes, const size_t *size, int n, alnd_model **ret)
{
    if (!bytes || !size) name = NULL; // refused like the others
    return capi_status(open_models(name, bytes, size, n, ret));
}

void alnd_close(alnd_model *m)
{
    alnd_model_destroy(&m);
}

int alnd_models(const alnd_model *m)
{
    return m->n;
}

double alnd_cutoff(const alnd_model *m)
{
    return m->cutoff;
}

int alnd_types(const alnd_model *m)
{
    return m->member[0].model->c.ntypes;
}

const char *alnd_type_name(const alnd_model *m, int type)
{
    return type >= 0 && type < alnd_types(m) ? m->member[0].model->c.type_map[type] : NULL;
}

int alnd_type_of(const alnd_model *m, const char *name)
{
    for (int t = 0; name && t < alnd_types(m); t++)
        if (strcmp(m->member[0].model->c.type_map[t], name) == 0) return t;
    return -1;
}

int alnd_sel(const alnd_model *m, int member, int type)
{
    if (member < 0 || member >= m->n || type < 0 || type >= alnd_types(m)) return -1;
    return m->member[member].model->c.sel[type];
}
