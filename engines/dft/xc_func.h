// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Exchange-correlation functionals by libxc (S. Lehtola et al., SoftwareX 7, 1, 2018); the only file that
// calls it. Closed shells; LDA and GGA. The PBE family is evaluated by xc_pbe.c, with the constants that libxc gives.
#ifndef AL_DFT_XC_FUNC_H
#define AL_DFT_XC_FUNC_H

#include <stdbool.h>

#include "base/err.h"
#include "dft/xc_pbe.h"

struct xc_func {
    void *part[2]; // exchange, correlation (or one combined)
    int nparts;
    bool gga;
    bool own; // PBE, PBEsol, revPBE: by pbe instead of libxc (false: libxc, for tests)
    struct xc_pbe pbe;
};

// A name of base/xcname.h ("PBE", "LDA", ...), or one or two libxc names joined by '+'. The constants inside are
// libxc's: its PBE has kappa, mu and beta with all digits, which other programs cut (Quantum ESPRESSO, ABINIT's own).
// AL_ERR_INPUT: unknown; AL_ERR_UNSUPPORTED: hybrid, meta-GGA, nonlocal correlation.
enum al_err xc_func_create(const char *name, struct xc_func **ret);
void xc_func_destroy(struct xc_func **f);
// n points: e = energy per volume, vrho = de/drho, vsigma = de/dsigma (sigma = |grad rho|^2; both unused for
// LDA). Points with rho <= 0 give 0.
void xc_func_eval(const struct xc_func *f, int n, const double *rho, const double *sigma, double *e,
                  double *vrho, double *vsigma);

#endif
