// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the files of ABINIT share.
#ifndef AL_CODES_ABINIT_H
#define AL_CODES_ABINIT_H

#include "codes/codes.h"

// The statements of an input (a name and its values), without comments. Names in lower case.
struct abinit_key {
    char *name;   // "ecut"
    char *values; // as they stand, blanks for ends of lines
    int line;
};
struct abinit_keys {
    struct abinit_key *key; // [n]
    int n, cap;
};
// AL_ERR_INPUT with file and line: a value without a name, an include, a string without end.
enum al_err abinit_keys_parse(const char *text, const char *path, struct abinit_keys **ret);
void abinit_keys_destroy(struct abinit_keys **k);
const struct abinit_key *abinit_keys_find(const struct abinit_keys *k, const char *name);

// Names of libxc's functionals as ABINIT's ixc; 0: not known here.
int abinit_ixc(const char *functional);
// Charge of the ion of a pseudopotential file in a form that ABINIT reads, or of a built-in one ("GTH-PBE-q3").
enum al_err abinit_pseudo_charge(const struct code_pseudo *p, double *ret_charge);
// The file (a link, or the built-in numbers in ABINIT's form) in dir; its name there.
enum al_err abinit_pseudo_put(const struct code_pseudo *p, const char *dir, char ret_name[64]);

enum { ABINIT_RUNGS = 3 };
enum al_err abinit_check(const struct code_settings *s);
enum al_err abinit_write(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order);
enum al_err abinit_physics(const struct code_settings *s, char **ret_text);
double abinit_electrons(const struct code_settings *s, const struct al_frame *f);

#endif
