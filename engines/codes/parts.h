// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the programs' writers have in common (kmesh.h: k-points).
#ifndef AL_CODES_PARTS_H
#define AL_CODES_PARTS_H

#include "codes/codes.h"

const struct code_pseudo *code_pseudo_find(const struct code_settings *s, int z); // NULL: none
// code_ops.electrons by the charge of each pseudopotential: NaN when one cannot be read, or an atom has none.
double code_count_electrons(const struct code_settings *s, const struct al_frame *f, enum al_err (*charge)(const struct code_pseudo *p, double *ret));
void code_same_order(const struct al_frame *f, int *ret_order);
// DIR/NAME as a link to a file. An older one of that name goes.
enum al_err code_link(const char *dir, const char *name, const char *file);
// Files and directories in dir that may be there; names: NULL at the end.
enum al_err code_remove(const char *dir, const char *const *names);

#endif
