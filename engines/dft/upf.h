// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Reader of Quantum ESPRESSO's format UPF 2 (dft/pseudo.h), norm-conserving files. The Rydberg units of the file
// become Hartree. Tables beyond 10 bohr are not used, projectors only up to the largest cutoff_radius_index: as
// Quantum ESPRESSO does.
#ifndef AL_DFT_UPF_H
#define AL_DFT_UPF_H

#include "dft/pseudo.h"

enum al_err upf_parse(const char *name, const char *text, struct pseudo **ret);

#endif
