// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Goedecker-Teter-Hutter pseudopotentials (base/gth.h): CP2K's text and the closed forms of their transforms.
#ifndef AL_DFT_GTH_H
#define AL_DFT_GTH_H

#include "dft/pseudo.h"

// The first line that is not a comment names an element and a potential.
bool gth_is(const char *text);
// One entry of a file with any number of them, chosen as pseudo_read says.
enum al_err gth_parse(const char *name, const char *text, int z, const char *entry, struct al_gth *ret);
// "PBE" of "GTH-PBE-q3".
void gth_functional(const struct al_gth *g, char *ret, size_t size);

// Form factors as in dft/formfac.h at q: value, first and second derivative. local: F.
void gth_local(const struct al_gth *g, double q, double ret[3]);
void gth_channel(const struct pseudo *p, int c, double q, double ret[3]);
void gth_core(const struct al_gth *g, double q, double ret[3]);

#endif
