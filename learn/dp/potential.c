// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dp/potential.h"

#include "base/mem.h"
#include "dp/arrange.h"
#include "dp/engine.h"

static const double SKIN = 1.0; // Ang; only speed depends on it

struct dp_potential {
    struct potential base;
    struct dp_model *model;
    struct dp_engine *engine;
    struct al_neigh *list;
    struct dp_layout *layout;
    int *types; // [cap] in the order of list and layout
    size_t cap;
    struct {             // an order of its own for frames of n atoms; 0: none
        int n;
        int *number;     // [n] the caller's numbers
        double (*pos)[3]; // [n]
    } own;
    struct { // the last evaluation, for dp_potential_recall
        bool known, pbc;
        int natoms;
        double cell[3][3], energy, virial[3][3];
        double (*pos)[3], (*forces)[3]; // [cap]
    } last;
    int type_of[AL_ZMAX + 1]; // -1 = unknown
    struct dp_overflow overflow;
    bool twin; // model is another's
};

static enum al_err reserve_atoms(struct dp_potential *p, int natoms)
{
    if ((size_t)natoms > p->cap) {
        size_t want = (size_t)natoms + (size_t)natoms / 16; // the ghosts of a part come and go
        al_free(p->types);
        al_free(p->last.pos);
        al_free(p->last.forces);
        p->types = NULL;
        p->last.pos = p->last.forces = NULL;
        p->cap = 0;
        AL_ALLOC(p->types, want);
        AL_ALLOC(p->last.pos, want);
        AL_ALLOC(p->last.forces, want);
        p->cap = want;
    }
    return AL_ERR_OK;
}

static int type_of(const struct dp_potential *p, int z)
{
    return z >= 0 && z <= AL_ZMAX ? p->type_of[z] : -1;
}

// number (may be NULL): the atoms of z in the order of types.
static enum al_err set_types(struct dp_potential *p, int natoms, const int *z, const int *tag, const int *number)
{
    AL_TRY(reserve_atoms(p, natoms));
    for (int i = 0; i < natoms; i++)
        if (type_of(p, z[i]) < 0)
            AL_FAIL(AL_ERR_INPUT, "atom %d is %s, which the model does not know", tag ? tag[i] : i, al_element_symbol(z[i]));
    for (int i = 0; i < natoms; i++)
        p->types[i] = type_of(p, z[number ? number[i] : i]);
    return AL_ERR_OK;
}

static const int *numbers_for(const struct dp_potential *p, int natoms)
{
    return p->own.n == natoms ? p->own.number : NULL;
}

static enum al_err update_list(struct dp_potential *p, const struct al_frame *f, const int *number)
{
    enum al_err e = AL_ERR_OK;
    if (number) {
        for (int i = 0; i < f->natoms; i++)
            memcpy(p->own.pos[i], f->pos[number[i]], sizeof f->pos[0]);
        e = al_neigh_update(p->list, f->natoms, (const double(*)[3])p->own.pos, f->cell, f->pbc);
    }
    // Once more in the caller's order: what fails names atoms by his numbers.
    if (!number || e) AL_TRY(al_neigh_update(p->list, f->natoms, (const double(*)[3])f->pos, f->cell, f->pbc));
    AL_TRY(e);
    return AL_ERR_OK;
}

// The list reaches as far as the cut-off: its entries beyond float32's rounding of it are few, and checked.
static void count_overflow(struct dp_potential *p, int natoms, const struct al_neigh *list)
{
    const struct dp_config *c = &p->model->c;
    double rc = dp_cut_of(c).rc;
    int atoms = 0;
    for (int i = 0; i < natoms; i++) {
        int n[DP_MAX_TYPES] = {0};
        bool over = false;
        for (int k = list->first[i]; k < list->first[i + 1]; k++)
            n[p->types[list->pair[k].j]] += list->pair[k].r < rc;
        for (int t = 0; t < c->ntypes; t++) {
            if (n[t] <= c->sel[t]) continue;
            over = true;
            if (n[t] - c->sel[t] <= p->overflow.most - p->overflow.sel) continue;
            p->overflow.most = n[t];
            p->overflow.sel = c->sel[t];
            p->overflow.z = al_element_z(c->type_map[t]);
        }
        atoms += over;
    }
    p->overflow.now = atoms;
    if (!atoms) return;
    p->overflow.evaluations++;
    if (atoms > p->overflow.atoms) p->overflow.atoms = atoms;
}

enum al_err dp_potential_layout(struct potential *base, const struct al_frame *f, const struct dp_layout **ret)
{
    struct dp_potential *p = (struct dp_potential *)base;
    const int *number = numbers_for(p, f->natoms);
    p->last.known = false;
    AL_TRY(set_types(p, f->natoms, f->z, NULL, number));
    AL_TRY(update_list(p, f, number));
    AL_TRY(dp_layout_build(p->layout, &p->model->c, f->natoms, p->types, p->list));
    p->layout->number = number;
    *ret = p->layout;
    return AL_ERR_OK;
}

static void remember(struct dp_potential *p, const struct al_frame *f, const struct pot_result *res)
{
    if (!res->forces) return;
    p->last.pbc = f->pbc;
    p->last.natoms = f->natoms;
    p->last.energy = res->energy;
    memcpy(p->last.cell, f->cell, sizeof p->last.cell);
    memcpy(p->last.virial, res->virial, sizeof p->last.virial);
    memcpy(p->last.pos, f->pos, (size_t)f->natoms * sizeof *f->pos);
    memcpy(p->last.forces, res->forces, (size_t)f->natoms * sizeof *res->forces);
    p->last.known = true;
}

static enum al_err eval_dp(struct potential *base, const struct al_frame *f, struct pot_result *res)
{
    struct dp_potential *p = (struct dp_potential *)base;
    const struct dp_layout *l;
    AL_TRY(dp_potential_layout(base, f, &l));
    count_overflow(p, f->natoms, p->list);
    AL_TRY(dp_engine_run(p->engine, l, NULL, res));
    remember(p, f, res);
    return AL_ERR_OK;
}

static enum al_err eval_local_dp(struct potential *base, const struct pot_part *part, struct pot_result *res)
{
    struct dp_potential *p = (struct dp_potential *)base;
    p->last.known = false;
    AL_TRY(set_types(p, part->natoms, part->z, part->tag, NULL));
    count_overflow(p, part->ncentre, part->list);
    AL_TRY(dp_layout_build_local(p->layout, &p->model->c, part->ncentre, part->natoms, p->types, part->list));
    p->layout->number = NULL;
    AL_TRY(dp_engine_run(p->engine, p->layout, NULL, res));
    return AL_ERR_OK;
}

// Types stand in p->types: another list of elements with the same positions does not pass.
static bool same_frame(const struct dp_potential *p, const struct al_frame *f)
{
    if (!p->last.known || f->natoms != p->last.natoms || f->pbc != p->last.pbc) return false;
    for (int i = 0; i < f->natoms; i++)
        if (type_of(p, f->z[dp_layout_number(p->layout, i)]) != p->types[i]) return false;
    return memcmp(f->cell, p->last.cell, sizeof p->last.cell) == 0 &&
           memcmp(f->pos, p->last.pos, (size_t)f->natoms * sizeof *f->pos) == 0;
}

bool dp_potential_recall(struct potential *base, const struct al_frame *f, struct pot_result *res,
                         const struct dp_layout **ret)
{
    struct dp_potential *p = (struct dp_potential *)base;
    if (!same_frame(p, f)) return false;
    res->energy = p->last.energy;
    memcpy(res->virial, p->last.virial, sizeof res->virial);
    memcpy(res->forces, p->last.forces, (size_t)f->natoms * sizeof *res->forces);
    *ret = p->layout;
    return true;
}

static void forget_order(struct dp_potential *p)
{
    if (p->own.n) p->last.known = false; // its layout goes by these numbers
    p->own.n = 0;
    p->layout->number = NULL;
    al_free(p->own.number);
    al_free(p->own.pos);
    p->own.number = NULL;
    p->own.pos = NULL;
}

static enum al_err arrange_dp(struct potential *base, const struct al_frame *f)
{
    struct dp_potential *p = (struct dp_potential *)base;
    forget_order(p);
    if (!f || !dp_scattered(f, dp_cut_of(&p->model->c).rc)) return AL_ERR_OK;
    AL_ALLOC(p->own.number, f->natoms);
    AL_ALLOC(p->own.pos, f->natoms);
    AL_TRY(dp_arrange(f, dp_cut_of(&p->model->c).rc, p->own.number));
    p->own.n = f->natoms;
    p->last.known = false;
    return AL_ERR_OK;
}

static double cutoff_dp(const struct potential *base)
{
    return dp_cut_of(&((const struct dp_potential *)base)->model->c).rc;
}

static void dp_potential_destroy(struct dp_potential **pp)
{
    struct dp_potential *p = *pp;
    if (!p) return;
    if (p->layout) forget_order(p);
    dp_engine_destroy(&p->engine);
    dp_layout_destroy(&p->layout);
    al_neigh_destroy(&p->list);
    if (!p->twin) dp_model_destroy(&p->model);
    al_free(p->types);
    al_free(p->last.pos);
    al_free(p->last.forces);
    al_free(p);
    *pp = NULL;
}

static void close_dp(struct potential *base)
{
    struct dp_potential *p = (struct dp_potential *)base;
    dp_potential_destroy(&p);
}

static const struct potential_ops dp_ops = {.name = "dp",
                                            .caps = POT_VIRIAL | POT_ATOMIC_ENERGY | POT_LOCAL,
                                            .eval = eval_dp,
                                            .eval_local = eval_local_dp,
                                            .cutoff = cutoff_dp,
                                            .arrange = arrange_dp,
                                            .close = close_dp};

static enum al_err prepare(struct dp_potential *p)
{
    p->base.ops = &dp_ops;
    for (int z = 0; z <= AL_ZMAX; z++)
        p->type_of[z] = z ? dp_config_type(&p->model->c, z) : -1;
    AL_TRY(dp_layout_create(&p->layout));
    AL_TRY(al_neigh_create(dp_cut_of(&p->model->c).rc, SKIN, &p->list));
    return AL_ERR_OK;
}

enum al_err dp_potential_twin(struct potential *of, struct potential **ret)
{
    const struct dp_potential *from = (const struct dp_potential *)of;
    AL_OWN(dp_potential) p = NULL;
    AL_ALLOC(p, 1);
    p->twin = true;
    p->model = from->model;
    AL_TRY(prepare(p));
    AL_TRY(dp_engine_twin(from->engine, p->model, &p->engine));
    *ret = &p->base;
    p = NULL;
    return AL_ERR_OK;
}

static enum al_err open_model(struct dp_model **m, enum dp_way way, struct potential **ret) // takes the model over
{
    AL_OWN(dp_potential) p = NULL;
    AL_ALLOC(p, 1);
    p->model = *m;
    *m = NULL;
    AL_TRY(prepare(p));
    AL_TRY(dp_engine_create(p->model, way, &p->engine));
    *ret = &p->base;
    p = NULL;
    return AL_ERR_OK;
}

enum al_err dp_potential_open(const char *path, enum dp_way way, struct potential **ret)
{
    AL_OWN(dp_model) m = NULL;
    AL_TRY(dp_model_read(path, &m));
    if (dp_zbl_present(&m->left_out))
        AL_FAIL_HINT(AL_ERR_INPUT, "the file without .without_zbl in its name holds both",
                     "%s holds the networks of a model without its ZBL repulsion (%g to %g Ang), for LAMMPS with pair_style zbl", path,
                     m->left_out.inner, m->left_out.outer);
    return open_model(&m, way, ret);
}

enum al_err dp_potential_from_model(const struct dp_model *model, enum dp_way way, struct potential **ret)
{
    AL_OWN(dp_model) m = NULL;
    AL_TRY(dp_model_copy(model, &m));
    return open_model(&m, way, ret);
}

void dp_potential_threads(struct potential *p, int threads)
{
    dp_engine_threads(((struct dp_potential *)p)->engine, threads);
}

const struct dp_overflow *dp_potential_overflow(const struct potential *p)
{
    return p->ops == &dp_ops ? &((const struct dp_potential *)p)->overflow : NULL;
}

const struct dp_model *dp_potential_model(const struct potential *p)
{
    return ((const struct dp_potential *)p)->model;
}

struct dp_engine *dp_potential_engine(struct potential *p)
{
    return ((struct dp_potential *)p)->engine;
}

long dp_potential_outside(const struct potential *p)
{
    return dp_engine_outside(((const struct dp_potential *)p)->engine);
}
