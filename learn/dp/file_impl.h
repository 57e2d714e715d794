// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Between file.c, which reads .dp files, and file_write.c.
#ifndef AL_DP_FILE_IMPL_H
#define AL_DP_FILE_IMPL_H

#include <jansson.h>

#include "dp/h5.h"
#include "dp/model.h"

static inline void json_release(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}
#define JSON_OWN __attribute__((cleanup(json_release))) json_t *

// A model with repulsion has a type that no other program knows, so that none can leave the repulsion out in silence;
// the name is what deepmd-kit then shows. So is the descriptor of a model with harmonics.
#define ZBL_KEY "alnd_zbl"
#define ZBL_TYPE                                                                                                                                  \
    ZBL_KEY " (Deep Potential + ZBL repulsion, for alnd only; deepmd-kit and its LAMMPS take the networks alone, "                                \
            "*.without_zbl.dp of `alnd train` and `alnd export`, together with pair_style zbl)"
#define ANGULAR_KEY "alnd_angular"
#define ANGULAR_TYPE                                                                                                                              \
    ANGULAR_KEY " (se_e2_a with harmonics of degree 2 and 3, for alnd only; deepmd-kit takes the .pb file that `dp_angular.py` of `alnd export` " \
                "makes of it)"
#define LEFT_OUT_KEY "alnd_zbl_left_out" // ROOT key of the networks alone

#endif
