// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Names of pseudopotentials, as loop.yaml and the DFT engine share them. The source of an element is
//   a directory      the file of the element in it: its name starts with the symbol, a number before it allowed
//                    (Li.upf, Li_ONCV_PBE-1.2.upf, 03_Li_3_1.6_1.6_pbe_v1.0.psp8, li_pbe.upf), and ends in .psp8, .upf,
//                    .UPF or .gth; of several the first by name. Else VASP's: Li/POTCAR, POTCAR.Li in it, or its own POTCAR
//   a file           FILE, or FILE#ENTRY in a GTH file with several entries for the element
//   GTH-PBE[-qN]     a built-in parameter set (base/gth.h); without a slash
// and resolves to a spec: the path of a file, with its #ENTRY, or GTH-PBE-qN.
#ifndef AL_BASE_PSEUDOFILE_H
#define AL_BASE_PSEUDOFILE_H

#include "base/fsio.h"
#include "base/gth.h"

struct al_pseudo_spec {
    const struct al_gth *gth; // built in, else NULL and
    char path[AL_PATH];
    char entry[64]; // "" when none is named
};

bool al_pseudo_is_builtin(const char *source);
// AL_ERR_NOTFOUND: no such file, or no file of the element in the directory.
enum al_err al_pseudo_find(const char *source, int z, char ret_spec[AL_PATH]);
enum al_err al_pseudo_parse(const char *spec, int z, struct al_pseudo_spec *ret);
// SHA-256 of the file's bytes and the entry, or of the built-in parameters.
enum al_err al_pseudo_hash(const char *spec, int z, char ret_hex[65]);

#endif
