// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <string.h>

#include "md/integrators.h"

enum al_err md_ensemble_open(const struct md_ensemble *e, struct integrator **ret)
{
    static const struct {
        const char *name;
        enum md_heat kind;
        enum al_err (*open)(const struct md_thermostat *t, struct integrator **ret);
    } heats[] = {
        {"svr", MD_SVR, md_svr_open}, {"langevin", MD_LANGEVIN, md_langevin_open}, {"nhc", MD_NHC, md_nhc_open}};
    unsigned k = 0, n = sizeof heats / sizeof heats[0];
    if (strcmp(e->ensemble, "nve") == 0) {
        AL_TRY(md_nve_open(ret));
        return AL_ERR_OK;
    }
    while (k < n && strcmp(e->thermostat, heats[k].name) != 0)
        k++;
    if (k == n) AL_FAIL(AL_ERR_INPUT, "thermostat '%s': svr, langevin or nhc", e->thermostat);
    struct md_barostat o = e->o;
    o.kind = heats[k].kind;
    bool npt = strcmp(e->ensemble, "npt") == 0, full = strcmp(e->cell, "full") == 0;
    if (!npt && strcmp(e->ensemble, "nvt") != 0) AL_FAIL(AL_ERR_INPUT, "ensemble '%s': nve, nvt or npt", e->ensemble);
    if (!full && strcmp(e->cell, "isotropic") != 0) AL_FAIL(AL_ERR_INPUT, "cell '%s': isotropic or full", e->cell);
    if (!npt) AL_TRY(heats[k].open(&o.heat, ret));
    else if (full) AL_TRY(md_npt_full_open(&o, ret));
    else AL_TRY(md_npt_open(&o, ret));
    return AL_ERR_OK;
}
