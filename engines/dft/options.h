// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside of dft.h: checked copy of the options and of the pseudopotential files they name.
#ifndef AL_DFT_OPTIONS_H
#define AL_DFT_OPTIONS_H

#include "dft/dft.h"
#include "dft/pseudo.h"

struct dft_setup {
    struct dft_options opt; // pointers into this object
    char functional[128];
    struct dft_pseudo *pseudo; // [opt.npseudo] paths are specs of base/pseudofile.h
    char **path;               // [opt.npseudo]
    double (*k)[3];
    double *weight;
    double sphere_cell[3][3];
    struct pseudo **psp; // [opt.npseudo]
    char warning[512]; // pseudopotentials made with another functional; "" when there are none
    char fingerprint[65];
};

// comm NULL: this process reads the files itself; else rank 0 reads for all (collective).
enum al_err dft_setup_create(const struct dft_options *opt, struct comm *comm, struct dft_setup **ret);
void dft_setup_destroy(struct dft_setup **s);

// Of a dft labeler that was opened with opt.follow; else NULL.
struct history;
struct history *dft_labeler_history(struct labeler *base);

#endif
