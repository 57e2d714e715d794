// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// libalnd: evaluation. The atoms that are there are numbered anew, centres first; then it is the kernels of learn/dp on one
// layout for all members with the same cut-off and sel.
#include <math.h>

#include <alnd.h>

#include "base/mem.h"
#include "capi/handle.h"
#include "committee/committee.h"

static enum al_err check(const alnd_model *m, int member, int natoms, const double *x, const int *types,
                         const alnd_result *res)
{
    if (!m || !res) AL_FAIL(AL_ERR_INPUT, "the model or the result is NULL");
    if (member != ALND_ALL && (member < 0 || member >= m->n))
        AL_FAIL(AL_ERR_INPUT, "member %d of a committee of %d", member, m->n);
    if (natoms < 0) AL_FAIL(AL_ERR_INPUT, "%d atoms", natoms);
    if (natoms && (!x || !types)) AL_FAIL(AL_ERR_INPUT, "positions or types are NULL");
    int nt = alnd_types(m);
    for (int i = 0; i < natoms; i++)
        if (types[i] >= nt) AL_FAIL(AL_ERR_INPUT, "atom %d has type %d; the model has %d types", i, types[i], nt);
    return AL_ERR_OK;
}

static enum al_err reserve_atoms(struct capi_atoms *a, int natoms)
{
    size_t cap[4] = {a->cap, a->cap, a->cap, a->cap};
    a->cap = 0; // until all have grown
    CAPI_RESERVE(a->from, cap[0], natoms);
    CAPI_RESERVE(a->type, cap[1], natoms);
    CAPI_RESERVE(a->x, cap[2], natoms);
    CAPI_RESERVE(a->to, cap[3], natoms);
    a->cap = cap[0];
    a->n = a->ncentre = 0;
    for (int i = 0; i < natoms; i++)
        a->to[i] = -1;
    return AL_ERR_OK;
}

static void add_atom(struct capi_atoms *a, int i, const double *x, int type)
{
    a->from[a->n] = i;
    a->type[a->n] = type;
    memcpy(a->x[a->n], x + 3 * (size_t)i, sizeof a->x[0]);
    a->to[i] = a->n++;
}

static enum al_err find_neighbours(alnd_model *m, int natoms, const double *x, const int *types, const double *cell,
                                   const struct al_neigh **ret)
{
    struct capi_atoms *a = &m->atoms;
    double h[3][3] = {0};
    AL_TRY(reserve_atoms(a, natoms));
    for (int i = 0; i < natoms; i++)
        if (types[i] >= 0) add_atom(a, i, x, types[i]);
    a->ncentre = a->n;
    if (cell) memcpy(h, cell, sizeof h);
    for (int k = 0; k < 9; k++)
        if (!isfinite(h[k / 3][k % 3])) AL_FAIL(AL_ERR_INPUT, "the cell is not finite");
    AL_TRY(al_neigh_update(m->own, a->n, (const double(*)[3])a->x, h, cell != NULL));
    *ret = m->own;
    return AL_ERR_OK;
}

// Centres in the order of the list, then the others.
static enum al_err number_atoms(struct capi_atoms *a, int natoms, const double *x, const int *types,
                                const alnd_list *list)
{
    AL_TRY(reserve_atoms(a, natoms));
    for (int k = 0; k < list->n; k++) {
        int i = list->centre[k];
        if (i < 0 || i >= natoms) AL_FAIL(AL_ERR_INPUT, "centre %d of the list is atom %d of %d", k, i, natoms);
        if (a->to[i] >= 0) AL_FAIL(AL_ERR_INPUT, "atom %d is twice a centre of the list", i);
        if (types[i] >= 0) add_atom(a, i, x, types[i]);
    }
    a->ncentre = a->n;
    for (int i = 0; i < natoms; i++)
        if (types[i] >= 0 && a->to[i] < 0) add_atom(a, i, x, types[i]);
    return AL_ERR_OK;
}

// Pairs within the cut-off of the centre that is number i here and number k in the list.
static enum al_err take_pairs(alnd_model *m, const alnd_list *list, int natoms, int k, int i, int *npair)
{
    const struct capi_atoms *a = &m->atoms;
    int mask = list->mask ? list->mask : -1, n = *npair;
    double cut2 = m->cutoff * m->cutoff;
    for (int l = 0; l < list->count[k]; l++) {
        int from = list->neighbour[k][l] & mask;
        if (from < 0 || from >= natoms)
            AL_FAIL(AL_ERR_INPUT, "neighbour %d of atom %d is atom %d of %d", l, list->centre[k], from, natoms);
        int j = a->to[from];
        if (j < 0) continue;
        double d[3], r2 = 0;
        for (int c = 0; c < 3; c++) {
            d[c] = a->x[j][c] - a->x[i][c];
            r2 += d[c] * d[c];
        }
        if (r2 >= cut2) continue;
        if (!(r2 > 0))
            AL_FAIL(AL_ERR_UNPHYSICAL, "atoms %d and %d are at the same place, or a position is not a number",
                    list->centre[k], from);
        m->given.pair[n++] = (struct al_neigh_pair){j, {d[0], d[1], d[2]}, sqrt(r2)};
    }
    *npair = n;
    return AL_ERR_OK;
}

static enum al_err take_list(alnd_model *m, int natoms, const double *x, const int *types, const alnd_list *list,
                             const struct al_neigh **ret)
{
    if (!list || list->n < 0 || (list->n && (!list->centre || !list->count || !list->neighbour)))
        AL_FAIL(AL_ERR_INPUT, "the neighbour list is NULL or has a negative length");
    AL_TRY(number_atoms(&m->atoms, natoms, x, types, list));
    size_t most = 0;
    for (int k = 0; k < list->n; k++) {
        if (list->count[k] < 0 || (list->count[k] && !list->neighbour[k]))
            AL_FAIL(AL_ERR_INPUT, "atom %d has %d neighbours, or their list is NULL", list->centre[k], list->count[k]);
        most += (size_t)list->count[k];
    }
    if (most > INT32_MAX / 2) AL_FAIL(AL_ERR_INPUT, "%zu neighbour pairs are too many", most);
    CAPI_RESERVE(m->given.first, m->cap_first, m->atoms.ncentre + 1);
    CAPI_RESERVE(m->given.pair, m->cap_pair, most);
    int i = 0, npair = 0;
    m->given.first[0] = 0;
    for (int k = 0; k < list->n; k++) {
        if (types[list->centre[k]] < 0) continue;
        AL_TRY(take_pairs(m, list, natoms, k, i, &npair));
        m->given.first[++i] = npair;
    }
    m->given.natoms = m->atoms.ncentre;
    m->given.cutoff = m->cutoff;
    *ret = &m->given;
    return AL_ERR_OK;
}

// Atom virials: each row of the layout gets an atom of its own, so that forces come for rows, not for neighbours.
static enum al_err run_rows(alnd_model *m, struct capi_member *c, struct dp_layout *l)
{
    int n = m->atoms.n, *j = l->j;
    CAPI_RESERVE(c->res.forces, c->cap_force, n + l->nrow);
    CAPI_RESERVE(c->atom_virial, c->cap_virial, n);
    CAPI_RESERVE(m->row_atom, m->cap_row, l->nrow);
    for (int row = 0; row < l->nrow; row++)
        m->row_atom[row] = j[row] < 0 ? -1 : n + row;
    l->j = m->row_atom;
    l->natoms = n + l->nrow;
    enum al_err e = dp_engine_run(c->engine, l, NULL, &c->res);
    l->j = j;
    l->natoms = n;
    AL_TRY(e);
    memset(c->atom_virial, 0, (size_t)n * sizeof *c->atom_virial);
    for (int row = 0; row < l->nrow; row++) {
        if (j[row] < 0) continue;
        const double *f = c->res.forces[n + row];
        for (int a = 0; a < 3; a++) {
            c->res.forces[j[row]][a] += f[a];
            for (int b = 0; b < 3; b++)
                c->atom_virial[j[row]][3 * a + b] += f[a] * l->d[row][b];
        }
    }
    return AL_ERR_OK;
}

static enum al_err run_member(alnd_model *m, int k, const struct al_neigh *list, bool *built, bool atom_virial)
{
    struct capi_member *c = &m->member[k], *home = &m->member[c->layout_of];
    struct capi_atoms *a = &m->atoms;
    if (!built[c->layout_of])
        AL_TRY(dp_layout_build_local(home->layout, &home->model->c, a->ncentre, a->n, a->type, list));
    built[c->layout_of] = true;
    CAPI_RESERVE(c->res.atomic_energy, c->cap_atom, a->n);
    if (atom_virial) {
        AL_TRY(run_rows(m, c, home->layout));
        return AL_ERR_OK;
    }
    CAPI_RESERVE(c->res.forces, c->cap_force, a->n);
    AL_TRY(dp_engine_run(c->engine, home->layout, NULL, &c->res));
    return AL_ERR_OK;
}

// Member c's results, the slot-th that are handed out.
static void hand_out(const alnd_model *m, const struct capi_member *c, size_t slot, size_t natoms,
                     const alnd_result *res)
{
    const struct capi_atoms *a = &m->atoms;
    if (res->energy) res->energy[slot] = c->res.energy;
    if (res->virial) memcpy(res->virial + 9 * slot, c->res.virial, sizeof c->res.virial);
    double *f = res->forces ? res->forces + 3 * natoms * slot : NULL;
    double *e = res->atom_energy ? res->atom_energy + natoms * slot : NULL;
    double *v = res->atom_virial ? res->atom_virial + 9 * natoms * slot : NULL;
    for (size_t i = 0; i < natoms; i++) {
        int k = a->to[i];
        for (int d = 0; f && d < 3; d++)
            f[3 * i + (size_t)d] = k < 0 ? 0 : c->res.forces[k][d];
        if (e) e[i] = k < 0 || k >= a->ncentre ? 0 : c->res.atomic_energy[k];
        for (int d = 0; v && d < 9; d++)
            v[9 * i + (size_t)d] = k < 0 ? 0 : c->atom_virial[k][d];
    }
}

static enum al_err run(alnd_model *m, int member, int natoms, const struct al_neigh *list, const alnd_result *res)
{
    int first = member == ALND_ALL ? 0 : member, end = member == ALND_ALL ? m->n : member + 1;
    AL_AUTOFREE bool *built = NULL;
    AL_ALLOC(built, m->n);
    for (int k = first; k < end; k++)
        AL_TRY(run_member(m, k, list, built, res->atom_virial != NULL));
    for (int k = first; k < end; k++)
        hand_out(m, &m->member[k], (size_t)(k - first), (size_t)natoms, res);
    return AL_ERR_OK;
}

static enum al_err eval_own(alnd_model *m, int member, int natoms, const double *x, const int *types,
                            const double *cell, const alnd_result *res)
{
    const struct al_neigh *list;
    AL_TRY(check(m, member, natoms, x, types, res));
    AL_TRY(find_neighbours(m, natoms, x, types, cell, &list));
    AL_TRY(run(m, member, natoms, list, res));
    return AL_ERR_OK;
}

static enum al_err eval_given(alnd_model *m, int member, int natoms, const double *x, const int *types,
                              const alnd_list *list, const alnd_result *res)
{
    const struct al_neigh *pairs;
    AL_TRY(check(m, member, natoms, x, types, res));
    AL_TRY(take_list(m, natoms, x, types, list, &pairs));
    AL_TRY(run(m, member, natoms, pairs, res));
    return AL_ERR_OK;
}

int alnd_eval(alnd_model *m, int member, int natoms, const double *positions, const int *types, const double *cell,
              const alnd_result *result)
{
    if (m) pthread_mutex_lock(&m->lock);
    enum al_err e = eval_own(m, member, natoms, positions, types, cell, result);
    if (m) pthread_mutex_unlock(&m->lock);
    return capi_status(e);
}

int alnd_eval_list(alnd_model *m, int member, int natoms, const double *positions, const int *types,
                   const alnd_list *list, const alnd_result *result)
{
    if (m) pthread_mutex_lock(&m->lock);
    enum al_err e = eval_given(m, member, natoms, positions, types, list, result);
    if (m) pthread_mutex_unlock(&m->lock);
    return capi_status(e);
}

static enum al_err deviate(int members, int natoms, const double *energy, const double *forces, const double *virial,
                           alnd_deviation *ret, double *atom)
{
    if (members < 1 || natoms < 1) AL_FAIL(AL_ERR_INPUT, "deviation of %d members, %d atoms", members, natoms);
    if (!energy || !forces || !virial || !ret) AL_FAIL(AL_ERR_INPUT, "a pointer is NULL");
    AL_AUTOFREE struct pot_result *res = NULL;
    AL_ALLOC(res, members);
    for (int k = 0; k < members; k++) {
        res[k].energy = energy[k];
        res[k].forces = (double(*)[3])(forces + 3 * (size_t)natoms * (size_t)k); // read only
        memcpy(res[k].virial, virial + 9 * k, sizeof res[k].virial);
    }
    struct deviation d = {.f = atom};
    deviation_of(members, res, natoms, &d);
    *ret = (alnd_deviation){d.max_f, d.min_f, d.avg_f, d.max_v, d.min_v, d.avg_v, d.e};
    return AL_ERR_OK;
}

int alnd_deviation_of(int members, int natoms, const double *energy, const double *forces, const double *virial,
                      alnd_deviation *ret, double *atom)
{
    return capi_status(deviate(members, natoms, energy, forces, virial, ret, atom));
}
