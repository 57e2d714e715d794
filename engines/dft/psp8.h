// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Reader of the format psp8 (dft/pseudo.h).
#ifndef AL_DFT_PSP8_H
#define AL_DFT_PSP8_H

#include "dft/pseudo.h"

bool psp8_is(const char *text); // the third line tells: pspcod
enum al_err psp8_parse(const char *name, const char *text, struct pseudo **ret);

#endif
