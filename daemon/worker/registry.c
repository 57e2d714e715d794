// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/registry.h"

#include "base/mem.h"
#include "base/units.h"
#include "dft/dft.h"

static void dft_step(void *ctx, const struct dft_scf_step *s)
{
    const struct label_hooks *h = ctx;
    struct label_progress p = {s->it, s->energy * AL_HARTREE_EV, s->residual * AL_HARTREE_EV};
    if (h->step) h->step(h->ctx, &p);
}

static bool dft_stop(void *ctx)
{
    const struct label_hooks *h = ctx;
    return h->stop && h->stop(h->ctx);
}

static enum al_err open_dft(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm,
                            struct labeler **ret)
{
    const struct cfg_label *l = &c->label;
    int n, z[CFG_MAX_LIST];
    double k[CFG_MAX_KPOINTS][3], w[CFG_MAX_KPOINTS];
    struct dft_pseudo pseudo[CFG_MAX_LIST];
    AL_AUTOFREE char(*path)[AL_PATH] = NULL;
    AL_ALLOC(path, CFG_MAX_LIST);
    AL_TRY(loop_config_elements(c, &n, z));
    for (int i = 0; i < n; i++) {
        AL_TRY(loop_config_pseudo(c, z[i], path[i]));
        pseudo[i] = (struct dft_pseudo){z[i], path[i]};
    }
    struct dft_options o;
    dft_options_init(&o);
    o.ecut = l->cutoff;
    o.functional = l->functional;
    o.pseudo = pseudo;
    o.npseudo = n;
    o.max_scf = l->max_scf;
    o.scf_tol = strcmp(l->convergence, "tight") == 0 ? 1e-13 : 1e-9;
    o.charge = l->charge;
    o.smearing = l->smearing == SM_GAUSSIAN ? DFT_SMEARING_GAUSSIAN
                 : l->smearing == SM_FERMI  ? DFT_SMEARING_FERMI
                 : l->smearing == SM_COLD   ? DFT_SMEARING_COLD
                                            : DFT_SMEARING_NONE;
    if (o.smearing != DFT_SMEARING_NONE) o.smearing_width = l->smearing_width / AL_HARTREE_EV;
    o.min_distance = c->select.min_distance / 2;
    memcpy(o.fft_grid, l->fft_grid, sizeof o.fft_grid);
    o.kpoints.kind = l->kmode == KP_GAMMA     ? DFT_KPOINTS_GAMMA
                     : l->kmode == KP_MESH    ? DFT_KPOINTS_MESH
                     : l->kmode == KP_SPACING ? DFT_KPOINTS_SPACING
                                              : DFT_KPOINTS_LIST;
    memcpy(o.kpoints.mesh, l->kmesh, sizeof l->kmesh);
    memcpy(o.kpoints.shift, l->kshift, sizeof l->kshift);
    o.kpoints.spacing = l->kspacing;
    for (int i = 0; i < l->nkpoint; i++) {
        memcpy(k[i], l->kpoint[i], sizeof k[i]);
        w[i] = l->kpoint[i][3];
    }
    o.kpoints.n = l->nkpoint;
    o.kpoints.k = (const double(*)[3])k;
    o.kpoints.weight = w;
    o.observe = dft_step;
    o.check_stop = dft_stop;
    o.ctx = (void *)(uintptr_t)hooks;
    AL_TRY(dft_labeler_open(&o, comm, ret));
    return AL_ERR_OK;
}

static const struct {
    const char *name;
    enum al_err (*open)(const struct loop_config *, const struct label_hooks *, struct comm *, struct labeler **);
} labelers[] = {
    {"dft", open_dft},
};

enum al_err registry_labeler_open(const struct loop_config *c, const struct label_hooks *hooks, struct comm *comm,
                                  struct labeler **ret)
{
    for (size_t i = 0; i < sizeof labelers / sizeof labelers[0]; i++)
        if (strcmp(labelers[i].name, c->label.engine) == 0) {
            AL_TRY(labelers[i].open(c, hooks, comm, ret));
            return AL_ERR_OK;
        }
    AL_FAIL(AL_ERR_UNSUPPORTED, "label.engine '%s' is not known", c->label.engine);
}
