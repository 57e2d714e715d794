// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The user's part of an input of Fortran namelists (pw.x): &SECTION, KEY = VALUE, /, then cards. Messages name file and line.
#ifndef AL_CODES_TEMPLATE_H
#define AL_CODES_TEMPLATE_H

#include <stdio.h>

#include "base/err.h"

struct template_entry {
    char section[16], key[48]; // small letters; key with its index: "hubbard_u(fe)"
    char value[512];           // as written, without blanks around it
    int line;
};

struct template {
    struct template_entry *entry; // [n]
    int n;
    char *cards;   // what follows the namelists, without comments and blank lines; "" when nothing does
    int card_line; // where it begins
};

// text NULL: empty. name: in messages.
enum al_err template_read(const char *text, const char *name, struct template **ret);
void template_destroy(struct template **t);
const struct template_entry *template_get(const struct template *t, const char *section, const char *key); // NULL: not there

#endif
