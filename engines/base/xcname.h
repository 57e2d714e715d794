// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Names of exchange-correlation functionals: ours, or those of libxc (S. Lehtola et al., SoftwareX 7, 1, 2018), one or
// two joined by '+'. Constants inside of the functionals are libxc's.
#ifndef AL_BASE_XCNAME_H
#define AL_BASE_XCNAME_H

#include <stdio.h>

#include "base/err.h"

enum { AL_XC_PARTS = 2 };

// libxc's names of one of ours; others come back as they are.
const char *al_xc_libxc(const char *name);
// Whether the form is one that can be meant: AL_ERR_INPUT with the nearest name as hint, AL_ERR_UNSUPPORTED: meta-GGA,
// hybrid, kinetic. Whether libxc has the functional is seen when it is made.
enum al_err al_xc_check(const char *name);
// "PBE, PBEsol, ..." for messages and documentation.
const char *al_xc_list(void);
// The functional a pseudopotential was made with, from the words of its file ("PBE", "SLA PW PBX PBC", "ixc 11"), and
// the one that is asked for: our names, all LDAs alike, else libxc's. NULL: not recognised.
const char *al_xc_of_pseudo(const char *text);
const char *al_xc_kind(const char *name);

#endif
