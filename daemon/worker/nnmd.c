// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/nnmd.h"

#include "base/log.h"
#include "base/mem.h"
#include "domain/domain.h"
#include "md/integrators.h"
#include "worker/deaths.h"
#include "worker/domains.h"
#include "worker/lammps.h"

static const double checkpoint_seconds = 20;

void nnmd_destroy(struct nnmd **np)
{
    struct nnmd *n = *np;
    *np = NULL;
    if (!n) return;
    if (domain_is(n->mover)) potential_destroy(&n->mover);
    for (int k = 0; n->member && k < committee_size(n->committee); k++)
        al_free(n->member[k].forces);
    al_free(n->member);
    md_state_destroy(&n->s);
    committee_destroy(&n->committee);
    comm_destroy(&n->world);
    al_free(n);
}

static enum al_err open_models(struct nnmd *n, enum dp_way way)
{
    AL_AUTOFREE const char **models = NULL;
    AL_AUTOFREE struct potential **local = NULL;
    int nmodels;
    AL_TRY(task_input_list(n->t, "models", &models, &nmodels));
    AL_TRY(comm_world(&n->world));
    AL_TRY_ALL(n->world, committee_open(models, nmodels, way, &n->committee));
    committee_threads(n->committee, n->t->threads);
    n->mover = committee_leader(n->committee);
    if (n->world->size == 1) return AL_ERR_OK;
    n->mover = NULL;
    AL_ALLOC(local, nmodels);
    for (int k = 0; k < nmodels; k++)
        local[k] = committee_potential(n->committee, k);
    AL_TRY(domains_open(local, nmodels, false, n->world, &n->mover));
    return AL_ERR_OK;
}

enum al_err nnmd_serve(struct nnmd *n)
{
    AL_TRY(domain_potential_serve(n->mover));
    return AL_ERR_OK;
}

enum al_err nnmd_deviation(struct nnmd *n, struct deviation *ret)
{
    const struct al_frame *f = n->s->f;
    int size = committee_size(n->committee);
    if (!domain_is(n->mover)) {
        AL_TRY(committee_eval(n->committee, f, ret, NULL));
        return AL_ERR_OK;
    }
    if (!n->member) AL_ALLOC(n->member, size);
    for (int k = 0; k < size; k++) {
        if (!n->member[k].forces) AL_ALLOC(n->member[k].forces, f->natoms);
        AL_TRY(domain_potential_eval(n->mover, k, f, &n->member[k]));
    }
    deviation_of(size, n->member, f->natoms, ret);
    return AL_ERR_OK;
}

enum al_err nnmd_open(struct task *t, const char *precision, const int supercell[3], int which, const char *purpose,
                      const uint64_t key[3], struct nnmd **ret)
{
    AL_OWN(nnmd) n = NULL;
    AL_OWN(al_frames) base = NULL;
    AL_OWN(al_frame) cell = NULL;
    const char *start;
    struct al_rng rng;
    enum dp_way way;
    AL_ALLOC(n, 1);
    n->t = t;
    AL_TRY(task_input(t, "start", &start));
    AL_TRY(dp_way_of(precision, &way));
    AL_TRY(open_models(n, way));
    if (n->world->rank != 0) {
        *ret = n;
        n = NULL;
        return AL_ERR_OK;
    }
    AL_TRY(al_xyz_read(start, &base));
    if (!base->n) AL_FAIL(AL_ERR_CORRUPT, "%s has no frame", start);
    al_rng_stream(&rng, t->cfg->seed, purpose, key[0], key[1], key[2]);
    AL_TRY(al_frame_supercell(base->f[which % base->n], supercell, &cell));
    AL_TRY(md_state_create(cell, &rng, &n->s));
    AL_TRY(md_velocities_draw(n->s, 2 * t->temperature, 3, true));
    *ret = n;
    n = NULL;
    return AL_ERR_OK;
}

void nnmd_scale(struct nnmd *n, double factor)
{
    struct al_frame *f = n->s->f;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            f->cell[i][k] *= factor;
    for (int i = 0; i < f->natoms; i++)
        for (int k = 0; k < 3; k++)
            f->pos[i][k] *= factor;
}

long nnmd_steps(const struct nnmd_run *r)
{
    return (long)(r->time / r->timestep + 0.5);
}

static enum al_err on_step(void *ctx, const struct md_state *s, const struct md_thermo *th, bool *ret_end, char reason[MD_TEXT])
{
    struct nnmd *n = ctx;
    (void)s;
    (void)th;
    (void)ret_end;
    (void)reason;
    overflow_look(n->t, n->mover, &n->overflow, &n->overflow_seen);
    return AL_ERR_OK;
}

static enum al_err open_integrator(const struct nnmd *n, const struct nnmd_run *r, struct integrator **ret)
{
    const struct cfg_explore *c = &n->t->cfg->explore;
    const struct md_ensemble e = {
        .ensemble = r->ensemble,
        .thermostat = n->thermostat ? n->thermostat : "svr",
        .cell = n->cell ? n->cell : "isotropic",
        .o = {.heat = {.temperature = n->t->temperature, .tau = c->tau, .removed_dof = 3},
              .pressure = n->pressure,
              .tau = n->tau_p > 0 ? n->tau_p : c->tau_p,
              .compressibility = MD_COMPRESSIBILITY,
              .volume = al_frame_volume(n->s->f)}, // of the start: checkpoints are read later
    };
    AL_TRY(md_ensemble_open(&e, ret));
    return AL_ERR_OK;
}

enum al_err nnmd_run(struct nnmd *n, const struct nnmd_run *r, struct md_result *ret)
{
    struct task *t = n->t;
    char checkpoint[AL_PATH];
    struct integrator *g = NULL;
    if (strcmp(r->engine, "lammps") == 0) return lammps_run(n, r, ret);
    AL_TRY(task_path(t, checkpoint, r->checkpoint));
    char why[160];
    const char *give_up = NULL;
    if (strcmp(t->verb, "explore") == 0) AL_TRY(deaths_begin_trajectory(t, checkpoint, why, &give_up));
    AL_TRY(open_integrator(n, r, &g));
    struct md_observer observers[] = {*r->observer, {1, n, on_step, &n->overflow, sizeof n->overflow}};
    struct md_run_options o = {
        .nsteps = nnmd_steps(r),
        .dt = r->timestep,
        .removed_dof = 3,
        .checkpoint = checkpoint,
        .checkpoint_interval = checkpoint_seconds,
        .give_up = give_up,
        .identity = t->identity,
        .min_distance = t->cfg->select.min_distance,
        .max_temperature = 10 * t->temperature + 3000,
        .max_energy_change = MD_MAX_ENERGY_CHANGE,
        .max_volume_change = MD_MAX_VOLUME_CHANGE,
        .check_stop = task_should_stop,
        .stop_ctx = t,
        .observers = observers,
        .nobservers = 2,
        .outputs = r->outputs,
        .noutputs = r->noutputs,
    };
    enum al_err e = md_run(&o, n->s, n->mover, g, ret);
    integrator_destroy(&g);
    AL_TRY(e);
    deaths_over(t);
    long outside = domain_is(n->mover) ? domains_outside(n->mover) : committee_outside(n->committee);
    if (outside > 0)
        al_log(AL_LOG_WARN, "worker", "ev=outside_tables inputs=%ld note=\"atoms closer than in training; nets evaluated there\"",
               outside);
    return AL_ERR_OK;
}

enum al_err nnmd_clean(const struct nnmd *n)
{
    AL_TRY(lammps_clean(n->t));
    return AL_ERR_OK;
}

enum al_err nnmd_output(const struct task *t, const char *name, struct md_output **ret)
{
    char path[AL_PATH];
    AL_TRY(task_path(t, path, name));
    AL_TRY(md_output_create(path, ret));
    return AL_ERR_OK;
}
