// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/dft.h"
#include "dft/estimate.h"
#include "dft/potential.h"
#include "deepmd/deepmd.h"
#include "domain/domain.h"
#include "dp/potential.h"
#include "worker/codes.h"
#include "worker/domains.h"

static void dft_step(void *ctx, const struct dft_scf_step *s)
{
    const struct label_hooks *h = ctx;
    struct label_progress p = {s->it, s->energy * AL_HARTREE_EV, s->residual * AL_HARTREE_EV};
    if (h->step) h->step(h->ctx, &p);
}

static enum al_err dft_density(void *ctx, const int n[3], const double *rho)
{
    const struct label_hooks *h = ctx;
    AL_TRY(h->density(h->ctx, n, rho));
    return AL_ERR_OK;
}

static bool dft_stop(void *ctx)
{
    const struct label_hooks *h = ctx;
    return h->stop && h->stop(h->ctx);
}

// What struct dft_options points to while it is used.
struct dft_store {
    double k[CFG_MAX_KPOINTS][3], w[CFG_MAX_KPOINTS];
    struct dft_pseudo pseudo[CFG_MAX_LIST];
    char path[CFG_MAX_LIST][AL_PATH];
};

static enum al_err make_options(const struct loop_config *c, struct dft_store *s, struct dft_options *o)
{
    const struct cfg_label *l = &c->label;
    int n, z[CFG_MAX_LIST];
    AL_TRY(loop_config_elements(c, &n, z));
    for (int i = 0; i < n; i++) {
        AL_TRY(loop_config_pseudo(c, z[i], s->path[i]));
        s->pseudo[i] = (struct dft_pseudo){z[i], s->path[i]};
    }
    dft_options_init(o);
    o->ecut = l->cutoff;
    o->functional = l->functional;
    o->pseudo = s->pseudo;
    o->npseudo = n;
    o->max_scf = l->max_scf;
    o->scf_tol = strcmp(l->convergence, "tight") == 0 ? 1e-13 : 1e-9;
    o->charge = l->charge;
    o->smearing = l->smearing == SM_GAUSSIAN ? DFT_SMEARING_GAUSSIAN
                  : l->smearing == SM_FERMI  ? DFT_SMEARING_FERMI
                  : l->smearing == SM_COLD   ? DFT_SMEARING_COLD
                                             : DFT_SMEARING_NONE;
    if (o->smearing != DFT_SMEARING_NONE) o->smearing_width = l->smearing_width / AL_HARTREE_EV;
    o->min_distance = c->select.min_distance / 2;
    o->pulay = l->pulay;
    o->follow = l->follow;
    memcpy(o->fft_grid, l->fft_grid, sizeof o->fft_grid);
    o->kpoints.kind = l->kpoints.mode == KP_GAMMA     ? DFT_KPOINTS_GAMMA
                      : l->kpoints.mode == KP_MESH    ? DFT_KPOINTS_MESH
                      : l->kpoints.mode == KP_SPACING ? DFT_KPOINTS_SPACING
                                               : DFT_KPOINTS_LIST;
    memcpy(o->kpoints.mesh, l->kpoints.mesh, sizeof l->kpoints.mesh);
    memcpy(o->kpoints.shift, l->kpoints.shift, sizeof l->kpoints.shift);
    o->kpoints.spacing = l->kpoints.spacing;
    for (int i = 0; i < l->kpoints.n; i++) {
        memcpy(s->k[i], l->kpoints.point[i], sizeof s->k[i]);
        s->w[i] = l->kpoints.point[i][3];
    }
    o->kpoints.n = l->kpoints.n;
    o->kpoints.k = (const double(*)[3])s->k;
    o->kpoints.weight = s->w;
    return AL_ERR_OK;
}

static enum al_err open_dft(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm,
                            struct labeler **ret)
{
    AL_AUTOFREE struct dft_store *s = NULL;
    struct dft_options o;
    AL_ALLOC(s, 1);
    AL_TRY(make_options(c, s, &o));
    o.observe = dft_step;
    o.check_stop = dft_stop;
    o.ctx = (void *)(uintptr_t)hooks;
    if (hooks->density) o.density = dft_density;
    AL_TRY(dft_labeler_open(&o, comm, ret));
    const char *warning = dft_labeler_warning(*ret);
    char text[600];
    if (warning[0] && comm->rank == 0)
        al_log(AL_LOG_WARN, "dft", "ev=pseudopotentials note=%s", al_log_quote(text, sizeof text, warning));
    return AL_ERR_OK;
}

static enum al_err estimate_dft(const struct loop_config *c, const struct al_frame *f, int ranks, struct label_estimate *ret)
{
    AL_AUTOFREE struct dft_store *s = NULL;
    struct dft_options o;
    struct dft_estimate e;
    AL_ALLOC(s, 1);
    AL_TRY(make_options(c, s, &o));
    AL_TRY(dft_estimate(&o, f, ranks, &e));
    *ret = (struct label_estimate){.natoms = f->natoms, .nbands = e.nbands, .nkpt = e.nkpt, .npw = e.npw, .nproj = e.nproj,
                                   .bytes = e.bytes, .flops = e.flops};
    memcpy(ret->fft, e.fft, sizeof ret->fft);
    return AL_ERR_OK;
}

static const struct {
    const char *name;
    enum al_err (*open)(const struct loop_config *, const struct label_hooks *, struct comm *, struct labeler **);
    enum al_err (*estimate)(const struct loop_config *, const struct al_frame *, int, struct label_estimate *);
} labelers[] = {
    {"dft", open_dft, estimate_dft},
};

enum al_err registry_labeler_open(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm,
                                  struct labeler **ret)
{
    for (size_t i = 0; i < sizeof labelers / sizeof labelers[0]; i++)
        if (strcmp(labelers[i].name, c->label.engine) == 0) {
            AL_TRY(labelers[i].open(c, hooks, comm, ret));
            return AL_ERR_OK;
        }
    if (codes_know(c->label.engine)) {
        AL_TRY(codes_open(c, hooks, comm, ret));
        return AL_ERR_OK;
    }
    AL_FAIL(AL_ERR_UNSUPPORTED, "label.engine '%s' is not known", c->label.engine);
}

enum al_err registry_labeler_estimate(const struct loop_config *c, const struct al_frame *f, int ranks,
                                      struct label_estimate *ret)
{
    for (size_t i = 0; i < sizeof labelers / sizeof labelers[0]; i++)
        if (strcmp(labelers[i].name, c->label.engine) == 0) {
            AL_TRY(labelers[i].estimate(c, f, ranks, ret));
            return AL_ERR_OK;
        }
    if (codes_know(c->label.engine)) {
        AL_TRY(codes_estimate(c, f, ranks, ret));
        return AL_ERR_OK;
    }
    AL_FAIL(AL_ERR_UNSUPPORTED, "label.engine '%s' is not known", c->label.engine);
}

static const struct trainer_ops *const trainers[] = {&trainer_builtin, &trainer_deepmd};

enum al_err registry_trainer(const char *engine, const struct trainer_ops **ret)
{
    for (size_t i = 0; i < sizeof trainers / sizeof trainers[0]; i++)
        if (strcmp(trainers[i]->name, engine) == 0) {
            *ret = trainers[i];
            return AL_ERR_OK;
        }
    AL_FAIL(AL_ERR_UNSUPPORTED, "train.engine '%s' is not known", engine);
}

// First number of a line "KEY ..." (KEY "": of the first line) of a file; 0 when there is none.
static double number_in(const char *path, const char *key)
{
    char line[256];
    double v = 0;
    FILE *in = fopen(path, "re");
    while (in && v == 0 && fgets(line, sizeof line, in))
        if (strncmp(line, key, strlen(key)) == 0) v = strtod(line + strlen(key), NULL);
    if (in) fclose(in);
    return v;
}

// What processes of this machine or container may have in all, bytes. Not what is free at the moment: the answer must not depend
// on what else runs, or the same campaign would fail one day and not the next.
static double machine_memory(void)
{
    double total = 1024 * number_in("/proc/meminfo", "MemTotal:"), most = number_in("/sys/fs/cgroup/memory.max", "");
    if (most == 0) most = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", "");
    return 0.9 * (most > 0 && most < total ? most : total);
}

double registry_label_memory(const struct loop_config *c)
{
    const struct cfg_job *j = &c->resources.label;
    if (c->resources.label_memory > 0) return c->resources.label_memory * 1048576;
    int cores = c->resources.cores > 0 ? c->resources.cores : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int tasks = cores / (j->ranks * j->threads);
    return machine_memory() / (tasks > 1 ? tasks : 1);
}

static enum al_err open_dft_potential(const struct loop_config *c, const char *name, struct comm *comm, struct potential **ret)
{
    AL_AUTOFREE struct dft_store *s = NULL;
    struct dft_options o;
    (void)name;
    AL_ALLOC(s, 1);
    AL_TRY(make_options(c, s, &o));
    AL_TRY(dft_potential_open(&o, comm, ret));
    return AL_ERR_OK;
}

static enum al_err open_dp_potential(const struct loop_config *c, const char *name, struct comm *comm, struct potential **ret)
{
    enum dp_way way;
    struct potential *p = NULL;
    AL_TRY(dp_way_of(c->explore.precision, &way));
    enum al_err e = dp_potential_open(name, way, &p);
    if (comm_agree(comm, e) != AL_ERR_OK) potential_destroy(&p);
    AL_TRY(e);
    if (!p) AL_FAIL(AL_ERR_LOST, "%s: another rank could not open it", name);
    if (comm->size == 1) *ret = p;
    else AL_TRY(domains_open(&p, 1, true, comm, ret));
    return AL_ERR_OK;
}

static const struct {
    const char *name, *extension; // one of them
    enum al_err (*open)(const struct loop_config *, const char *, struct comm *, struct potential **);
} potentials[] = {
    {"dft", NULL, open_dft_potential},
    {NULL, ".dp", open_dp_potential},
};

enum al_err registry_potential_open(const struct loop_config *c, const char *name, struct comm *comm, struct potential **ret)
{
    const char *dot = strrchr(name, '.');
    *ret = NULL;
    for (size_t i = 0; i < sizeof potentials / sizeof potentials[0]; i++) {
        bool same = potentials[i].name ? strcmp(potentials[i].name, name) == 0
                                       : dot && strcmp(dot, potentials[i].extension) == 0;
        if (!same) continue;
        AL_TRY(potentials[i].open(c, name, comm, ret));
        return AL_ERR_OK;
    }
    AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "dft, or a model file *.dp", "there is no potential '%s'", name);
}

static bool is_dft(const struct potential *p)
{
    return p && strcmp(p->ops->name, "dft") == 0;
}

enum al_err registry_potential_serve(struct potential *p)
{
    if (is_dft(p)) AL_TRY(dft_potential_serve(p));
    if (domain_is(p)) AL_TRY(domain_potential_serve(p));
    return AL_ERR_OK;
}

void registry_potential_threads(struct potential *p, int threads)
{
    if (domain_is(p)) p = domain_potential_local(p, 0);
    if (strcmp(p->ops->name, "dp") == 0) dp_potential_threads(p, threads);
}

enum al_err registry_potential_twin(struct potential *of, struct potential **ret)
{
    *ret = of;
    if (strcmp(of->ops->name, "dp") == 0) AL_TRY(dp_potential_twin(of, ret));
    return AL_ERR_OK;
}

long registry_potential_outside(const struct potential *p)
{
    return domain_is(p) ? domains_outside(p) : p && strcmp(p->ops->name, "dp") == 0 ? dp_potential_outside(p) : 0;
}

const char *registry_potential_fingerprint(const struct potential *p)
{
    return is_dft(p) ? dft_potential_fingerprint(p) : NULL;
}

int registry_potential_scf(const struct potential *p)
{
    return is_dft(p) ? dft_potential_report(p)->scf_iterations : 0;
}
