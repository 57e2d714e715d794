// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Which atoms are bonded to the centres of the units (framework.h).
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/neigh.h"
#include "transport/framework.h"

static const int usual_centres[] = {15, 14, 32, 50, 33, 51, 5, 13, 31, 40, 22, 41, 73}; // P Si Ge Sn As Sb B Al Ga Zr Ti Nb Ta

static int count(const struct tr_reference *ref, const struct tr_species *s, int z)
{
    int n = 0;
    for (int i = 0; i < ref->natoms; i++)
        n += ref->z[i] == z && tr_in_framework(s, z);
    return n;
}

static enum al_err search(const struct tr_reference *ref, const struct tr_bond_options *o, double factor, struct tr_bonds *b)
{
    const double(*cell)[3] = ref->run[0].traj->cells[0];
    double rc = al_element_covalent_radius(b->centre_z), longest = 0.0;
    AL_OWN(al_neigh) list = NULL;
    AL_AUTOFREE double(*x)[3] = NULL;
    AL_ALLOC(x, ref->natoms);
    for (int i = 0; i < ref->natoms; i++) {
        tr_reference_instant(ref, 0, 0, i, x[i]);
        longest = fmax(longest, factor * (rc + al_element_covalent_radius(ref->z[i])));
    }
    AL_TRY(al_neigh_create(longest, 0.1, &list));
    AL_TRY(al_neigh_update(list, ref->natoms, (const double(*)[3])x, cell, true));
    AL_ALLOC(b->bond, list->first[ref->natoms]);
    AL_ALLOC(b->centre, b->ncentres);
    AL_ALLOC(b->first, b->ncentres + 1);
    double inv[3][3];
    al_inv3(cell, inv);
    for (int i = 0, c = 0; i < ref->natoms; i++) {
        if (ref->z[i] != b->centre_z) continue;
        b->centre[c] = i;
        for (int e = list->first[i]; e < list->first[i + 1]; e++) {
            const struct al_neigh_pair *p = &list->pair[e];
            int z = ref->z[p->j];
            double cutoff = factor * (rc + al_element_covalent_radius(z)), d[3];
            if (z == b->centre_z || !tr_in_framework(&o->species, z) || p->r > cutoff) continue;
            struct tr_bond *q = &b->bond[b->n++];
            *q = (struct tr_bond){.centre = i, .ligand = p->j, .cutoff = cutoff};
            for (int k = 0; k < 3; k++)
                d[k] = p->d[k] - (x[p->j][k] - x[i][k]);
            al_vecmat3(d, inv, q->image);
            for (int k = 0; k < 3; k++)
                q->image[k] = round(q->image[k]);
        }
        b->first[++c] = b->n;
    }
    return AL_ERR_OK;
}

enum al_err tr_bonds_create(const struct tr_reference *ref, const struct tr_bond_options *o, struct tr_bonds **ret)
{
    AL_OWN(tr_bonds) b = NULL;
    AL_ALLOC(b, 1);
    b->centre_z = o->centre_z;
    for (size_t k = 0; !b->centre_z && k < sizeof usual_centres / sizeof *usual_centres; k++)
        if (count(ref, &o->species, usual_centres[k])) b->centre_z = usual_centres[k];
    b->ncentres = count(ref, &o->species, b->centre_z);
    if (b->ncentres) AL_TRY(search(ref, o, o->factor > 0.0 ? o->factor : 1.25, b));
    *ret = b;
    b = NULL;
    return AL_ERR_OK;
}

void tr_bonds_destroy(struct tr_bonds **bp)
{
    struct tr_bonds *b = *bp;
    *bp = NULL;
    if (!b) return;
    al_free(b->bond);
    al_free(b->centre);
    al_free(b->first);
    al_free(b);
}

void tr_bond_vector(const struct tr_bond *b, const struct tr_reference *ref, int run, int t, double ret[3])
{
    double shift[3], from[3], to[3];
    al_vecmat3(b->image, ref->run[run].traj->cells[t], shift);
    tr_reference_instant(ref, run, t, b->centre, from);
    tr_reference_instant(ref, run, t, b->ligand, to);
    for (int k = 0; k < 3; k++)
        ret[k] = to[k] - from[k] + shift[k];
}
