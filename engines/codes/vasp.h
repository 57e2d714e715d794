// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// VASP: what its files of this room share. Documented formats: vasp.at/wiki (INCAR, POSCAR, KPOINTS, POTCAR).
#ifndef AL_CODES_VASP_H
#define AL_CODES_VASP_H

#include <stdio.h>

#include "codes/codes.h"

enum { VASP_RUNGS = 4, VASP_KINDS = 64 };

// One data set of a POTCAR.
struct vasp_potcar {
    char *text;     // [n] the whole of it, with an end of line
    size_t n;
    char title[64]; // "PAW_PBE Li_sv 10Sep2004"
    char lexch[4];  // "PE", "CA", "91", ...
    int z;
    double zval, enmax; // electrons; eV
};
// One data set for the element z, plain text. AL_ERR_INPUT: what else it is.
enum al_err vasp_potcar_read(const char *path, int z, struct vasp_potcar *ret);
void vasp_potcar_release(struct vasp_potcar *p);
// Element of a title or of a line "POTCAR:": 0 when there is none ("PAW_PBE H1.25 07Sep2000" is hydrogen).
int vasp_title_z(const char *title);

struct vasp_key {
    char *name, *value; // upper case; blanks made one
    int line;
};
struct vasp_incar { // the user's, in its order
    struct vasp_key *key;
    int n;
    const char *path; // for messages
};
enum al_err vasp_incar_parse(const char *text, const char *path, struct vasp_incar **ret);
void vasp_incar_destroy(struct vasp_incar **k);
// What in it must not be (contradictions, what would make a label another thing): AL_ERR_INPUT with file and line. kinds: atomic
// numbers in POSCAR's order and their numbers of atoms; nkinds 0: not known yet.
enum al_err vasp_incar_write(FILE *out, const struct vasp_incar *user, const struct code_settings *s, int rung, double nelect, int nkinds,
                             const int *kind_z, const int *kind_n);
// Lines NAME=VALUE, sorted, of what changes numbers.
enum al_err vasp_incar_physics(const struct vasp_incar *user, char **ret);

// The tags of a functional: "GGA = PE" or "METAGGA = R2SCAN" or libxc's, one a line; NULL: none.
struct vasp_xc {
    const char *gga, *metagga;
    char libxc[2][64]; // with gga "LIBXC"
    const char *lexch; // what the POTCARs must have been made with; NULL: any
};
enum al_err vasp_xc(const char *functional, struct vasp_xc *ret);

enum al_err vasp_check(const struct code_settings *s);
enum al_err vasp_write(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order);
enum al_err vasp_physics(const struct code_settings *s, char **ret_text);
double vasp_electrons(const struct code_settings *s, const struct al_frame *f);
int vasp_failure(const char *dir, int now, char *ret_why, size_t n);

// What VASP warns of in OUTCAR or on the screen.
struct vasp_sign {
    const char *text; // in the line
    const char *why;  // in short
    int rung;         // the first that may help; -1: none does
};
const struct vasp_sign *vasp_sign_of(const char *line); // NULL: nothing known

#define VASP_KBAR_EV_A3 (0.1 / 160.21766340) // 1 kB in eV/Ang^3 (base/units.h: AL_EV_A3_GPA)

#endif
