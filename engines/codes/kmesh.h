// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The k-points of a code_settings as a list, for programs whose own meshes are laid out otherwise.
#ifndef AL_CODES_KMESH_H
#define AL_CODES_KMESH_H

#include "codes/codes.h"

// k and -k are one (time reversal), weights sum to 1; in units of the reciprocal vectors. *ret is freed by al_free.
enum al_err code_kpoints(const struct code_settings *s, int *ret_n, double (**ret)[4]);
bool code_is_gamma(const struct code_settings *s);

#endif
