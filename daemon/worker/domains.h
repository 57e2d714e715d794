// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Deep Potentials on all ranks (domain/domain.h), and what they count beside their results: neighbours beyond sel, inputs outside the
// tables.
#ifndef AL_WORKER_DOMAINS_H
#define AL_WORKER_DOMAINS_H

#include "comm/comm.h"
#include "dp/potential.h"

// Collective; local [n]: each rank's instances of the same models. own: they go with the domain (also when opening fails).
enum al_err domains_open(struct potential *local[], int n, bool own, struct comm *comm, struct potential **ret);
// On rank 0; as dp_potential_overflow of the first model, and dp_potential_outside, the sum over models and ranks.
const struct dp_overflow *domains_overflow(const struct potential *p);
long domains_outside(const struct potential *p);

#endif
