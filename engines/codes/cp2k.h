// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What the files of CP2K share.
#ifndef AL_CODES_CP2K_H
#define AL_CODES_CP2K_H

#include "codes/codes.h"

// An input as a tree: sections with what is in them, in its order.
struct cp2k_node {
    char *name;  // first word, in capitals, without '&'
    char *value; // the rest of the line; of a section its parameter
    int line;    // in the user's file; 0: ours
    bool section;
    struct cp2k_node *child, *next;
};
// AL_ERR_INPUT with file and line: sections that do not fit together, @INCLUDE and other directives but @SET.
enum al_err cp2k_tree_parse(const char *text, const char *path, struct cp2k_node **ret);
void cp2k_node_destroy(struct cp2k_node **n);
// A child by its name (capitals), and by the first word of its value where that is not NULL. NULL: none.
struct cp2k_node *cp2k_find(const struct cp2k_node *in, const char *name, const char *value);
// A section by its path ("FORCE_EVAL/DFT/SCF"); NULL: none.
struct cp2k_node *cp2k_section(struct cp2k_node *root, const char *path);
// The same, made where it is not there.
enum al_err cp2k_need(struct cp2k_node *root, const char *path, struct cp2k_node **ret);
[[gnu::format(printf, 4, 5)]] enum al_err cp2k_add(struct cp2k_node *in, bool section, const char *name, const char *fmt, ...);
void cp2k_remove(struct cp2k_node *in, const char *name); // every child of this name
void cp2k_print(FILE *out, const struct cp2k_node *in, int depth);

// The pseudopotentials of all elements in one file, each under the name "GTH-ALND".
enum al_err cp2k_pseudo_put(const struct code_settings *s, const char *path);
// Charge of the ion. AL_ERR_INPUT: not a text of GTH parameters, or no such entry.
enum al_err cp2k_pseudo_charge(const struct code_pseudo *p, double *ret);

enum { CP2K_RUNGS = 3 };
enum al_err cp2k_check(const struct code_settings *s);
enum al_err cp2k_write(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order);
enum al_err cp2k_physics(const struct code_settings *s, char **ret_text);
double cp2k_electrons(const struct code_settings *s, const struct al_frame *f);

#endif
