// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside sites: from the density to sites (sites_find.c); jumps and output (sites.c).
#ifndef AL_TRANSPORT_SITES_IMPL_H
#define AL_TRANSPORT_SITES_IMPL_H

#include "transport/sites.h"

// Fills site (geometry, peak, saddle, occupancy), basin, core, off_site. o: without zeros.
enum al_err tr_sites_find(const struct tr_density *d, const struct tr_sites_options *o, struct tr_sites *s);

#endif
