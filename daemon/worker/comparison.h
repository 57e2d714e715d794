// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Do two systems of a campaign differ? Of each pair, in the order of loop.yaml: D at each temperature where both diffuse, activation
// energies, D extrapolated to 300 K, each with its 95 % interval.
#ifndef AL_WORKER_COMPARISON_H
#define AL_WORKER_COMPARISON_H

#include "base/yaml.h"

// transport [n]: trees of transport/SYSTEM.yaml. D of a nominal temperature are moved from the mean that the runs really had to the
// nominal one, each along its own Arrhenius fit; those without a fit, or not in it as they are molten, are not, and `moved` is false. Of a single system:
// an empty list.
enum al_err comparison_write(const char *path, const char *note, int n, struct al_node *const *transport);

#endif
