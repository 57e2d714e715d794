// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/xc_func.h"

#include <string.h>
#include <xc.h>

#include "base/mem.h"
#include "base/xcname.h"

static enum al_err add_part(struct xc_func *f, const char *name)
{
    int number = xc_functional_get_number(name);
    if (number <= 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "xc-info of libxc's package lists its names", "libxc %s has no functional %s",
                     xc_version_string(), name);
    xc_func_type *x = xc_func_alloc();
    if (!x) AL_FAIL(AL_ERR_NOMEM, "libxc");
    if (xc_func_init(x, number, XC_UNPOLARIZED) != 0) {
        xc_func_free(x);
        AL_FAIL(AL_ERR_INPUT, "libxc refuses functional %s", name);
    }
    f->part[f->nparts++] = x;
    int family = x->info->family, need = XC_FLAGS_HAVE_EXC | XC_FLAGS_HAVE_VXC;
    if ((family != XC_FAMILY_LDA && family != XC_FAMILY_GGA) || (x->info->flags & need) != need)
        AL_FAIL(AL_ERR_UNSUPPORTED, "functional %s is not an LDA or GGA with energy and potential", name);
    if (x->info->flags & XC_FLAGS_VV10)
        AL_FAIL(AL_ERR_UNSUPPORTED, "functional %s has a nonlocal correlation energy", name);
    if (family == XC_FAMILY_GGA) f->gga = true;
    return AL_ERR_OK;
}

static bool read_parameter(const xc_func_type *x, const char *name, double *ret)
{
    for (int i = 0; i < xc_func_info_get_n_ext_params(x->info); i++)
        if (strcmp(xc_func_info_get_ext_params_name(x->info, i), name) == 0) {
            *ret = xc_func_info_get_ext_params_default_value(x->info, i);
            return true;
        }
    return false;
}

// Whether this is exchange + correlation of the PBE family: then pbe with libxc's constants and thresholds.
static bool find_pbe(struct xc_func *f)
{
    if (f->nparts != 2) return false;
    const xc_func_type *x = f->part[0], *c = f->part[1];
    const int ix = x->info->number, ic = c->info->number;
    if (ix != XC_GGA_X_PBE && ix != XC_GGA_X_PBE_SOL && ix != XC_GGA_X_PBE_R) return false;
    if (ic != XC_GGA_C_PBE && ic != XC_GGA_C_PBE_SOL) return false;
    double b = 0;
    struct xc_pbe *p = &f->pbe;
    if (!read_parameter(x, "_kappa", &p->kappa) || !read_parameter(x, "_mu", &p->mu) ||
        !read_parameter(c, "_beta", &p->beta) || !read_parameter(c, "_gamma", &p->gamma) ||
        !read_parameter(c, "_B", &b) || b != 1)
        return false;
    p->x_min = x->dens_threshold;
    p->c_min = c->dens_threshold;
    p->x_sigma_min = x->sigma_threshold * x->sigma_threshold;
    p->c_sigma_min = c->sigma_threshold * c->sigma_threshold;
    return true;
}

enum al_err xc_func_create(const char *name, struct xc_func **ret)
{
    AL_OWN(xc_func) f = NULL;
    AL_ALLOC(f, 1);
    AL_TRY(al_xc_check(name));
    const char *at = al_xc_libxc(name);
    while (at) {
        char part[64];
        const char *plus = strchr(at, '+');
        size_t n = plus ? (size_t)(plus - at) : strlen(at);
        if (n == 0 || n >= sizeof part || f->nparts == AL_XC_PARTS)
            AL_FAIL(AL_ERR_INPUT, "bad functional name '%s'", name);
        memcpy(part, at, n);
        part[n] = '\0';
        AL_TRY(add_part(f, part));
        at = plus ? plus + 1 : NULL;
    }
    f->own = find_pbe(f);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

void xc_func_destroy(struct xc_func **f)
{
    if (!*f) return;
    for (int i = 0; i < (*f)->nparts; i++) {
        xc_func_end((*f)->part[i]);
        xc_func_free((*f)->part[i]);
    }
    al_free(*f);
    *f = NULL;
}

enum { BLOCK = 512 };

static void eval_block(const struct xc_func *f, int n, const double *rho, const double *sigma, double *e,
                       double *vrho, double *vsigma)
{
    double eps[BLOCK], vr[BLOCK], vs[BLOCK];
    memset(e, 0, (size_t)n * sizeof *e);
    memset(vrho, 0, (size_t)n * sizeof *vrho);
    if (f->gga) memset(vsigma, 0, (size_t)n * sizeof *vsigma);
    for (int p = 0; p < f->nparts; p++) {
        const xc_func_type *x = f->part[p];
        if (x->info->family == XC_FAMILY_GGA) {
            xc_gga_exc_vxc(x, (size_t)n, rho, sigma, eps, vr, vs);
            for (int i = 0; i < n; i++)
                vsigma[i] += rho[i] > 0 ? vs[i] : 0;
        } else {
            xc_lda_exc_vxc(x, (size_t)n, rho, eps, vr);
        }
        for (int i = 0; i < n; i++) {
            if (!(rho[i] > 0)) continue;
            e[i] += rho[i] * eps[i];
            vrho[i] += vr[i];
        }
    }
}

void xc_func_eval(const struct xc_func *f, int n, const double *rho, const double *sigma, double *e,
                  double *vrho, double *vsigma)
{
    if (f->own) {
        xc_pbe_eval(&f->pbe, n, rho, sigma, e, vrho, vsigma);
        return;
    }
    for (int i = 0; i < n; i += BLOCK) {
        int m = n - i < BLOCK ? n - i : BLOCK;
        eval_block(f, m, rho + i, sigma + i, e + i, vrho + i, vsigma + i);
    }
}
