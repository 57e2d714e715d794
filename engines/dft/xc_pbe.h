// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The PBE family for closed shells (J. P. Perdew, K. Burke and M. Ernzerhof, PRL 77, 3865, 1996): exchange factor
// 1 + kappa - kappa / (1 + mu s^2 / kappa), correlation of J. P. Perdew and Y. Wang (PRB 45, 13244, 1992) with its
// gradient correction H. Written so that the compiler vectorises it (libxc was a fifth of a small label, this is 2 %); libxc is its
// twin (tests/dft/test_xc.c).
#ifndef AL_DFT_XC_PBE_H
#define AL_DFT_XC_PBE_H

struct xc_pbe {
    double kappa, mu;                // exchange
    double beta, gamma;              // correlation
    double x_min, c_min;             // densities below which libxc's exchange (of one spin) and correlation are 0
    double x_sigma_min, c_sigma_min; // smaller sigma are taken as this
};

// As xc_func_eval.
void xc_pbe_eval(const struct xc_pbe *p, int n, const double *rho, const double *sigma, double *e, double *vrho,
                 double *vsigma);

#endif
