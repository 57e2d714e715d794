// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Other people's first-principles programs (VASP, Quantum ESPRESSO, ABINIT, CP2K): their input written, their output read. One
// file pair for each, NAME_write.c and NAME_read.c. Who uses them: the labeler of this room (labeler.c: writes, runs the program as
// a child, reads, climbs the program's ladder) and alnd import (outputs that somebody else's runs have left).
//
// Units and signs are ours here: Ang, eV, eV/Ang; virial as base/frame.h has it. energy is the one that the forces belong to (with
// smearing the free energy), as our own labels are.
#ifndef AL_CODES_CODES_H
#define AL_CODES_CODES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/frame.h"
#include "base/fsio.h"

// --- reading -------------------------------------------------------------------------------------------

// One ionic step of an output.
struct code_step {
    struct al_frame *frame; // atoms in the output's order, the caller's own; energy, forces, virial by have; NULL: no more steps
    bool converged;         // its SCF did; an output that cannot say so is not converged
    int scf;                // SCF steps; 0: not said
    double energy_zero;     // extrapolated to zero smearing, eV; NaN: not said
    double electrons;       // in the cell; NaN: not said
    char note[200];         // what the program warned of or what looks wrong; "": nothing
};

// An output format.
struct code_format {
    const char *name; // "vasp-outcar", "vasp-xml", "qe", "abinit", "cp2k"
    // head: the file's first bytes as text, NUL-terminated at n.
    bool (*is)(const char *path, const char *head, size_t n);
    enum al_err (*open)(const char *path, void **ret);
    // AL_ERR_INPUT with file and line for what cannot be read; a file that ends in the middle of a step gives the whole steps
    // before it and then the end.
    enum al_err (*next)(void *reader, struct code_step *ret);
    bool (*complete)(void *reader); // at the end: the program said that it ended in order
    void (*close)(void *reader);
};
extern const struct code_format code_vasp_outcar, code_vasp_xml, code_qe, code_abinit, code_cp2k;

// --- writing and running -------------------------------------------------------------------------------

enum code_smearing { CODE_FIXED, CODE_GAUSSIAN, CODE_FERMI, CODE_COLD };

struct code_pseudo {
    int z;
    const char *path; // UPF, psp8, GTH text, POTCAR or what else the program takes (a spec of base/pseudofile.h: FILE, FILE#ENTRY or
                      // GTH-PBE-q3); absolute where it is a file; checked by ops->check
};

// What loop.yaml says of labels, for any program.
struct code_settings {
    double ecut;              // eV, plane waves of orbitals (CP2K: of the density grid's finest level)
    const char *functional;   // as label.functional: "PBE", "PBEsol", "LDA", ...
    int mesh[3];              // k-points: mesh and shift (in steps: 0 or 0.5); 1 1 1 unshifted is Gamma. A spacing has become a mesh
    double shift[3];          //   for the frame at hand (the labeler does it)
    int nkpoint;              // > 0: these points instead, x y z (of reciprocal vectors) and weight
    const double (*kpoint)[4];
    enum code_smearing smearing;
    double width;             // eV
    double charge;
    bool tight;               // label.convergence: tight
    int max_scf;
    const struct code_pseudo *pseudo;
    int npseudo;
    const char *user;         // text of the user's template, NULL: none
    const char *user_path;    // its name in messages
};

// A program.
struct code_ops {
    const char *name;                    // label.engine
    const char *program;                 // looked up in PATH unless label.program says otherwise
    const struct code_format *format;    // of the file `output`
    const char *const *args;             // after the program, NULL-terminated; files are relative to the run's directory
    const char *input;                   // fed to standard input; NULL: none
    const char *output;                  // what `format` reads
    const char *screen;                  // where standard output goes (may be the same as output)
    int nrung;                           // its ladder: rung 0 is the default
    const char *const *rung;             // names
    // AL_ERR_INPUT or AL_ERR_UNSUPPORTED with a hint: settings that this program cannot have (a pseudopotential of another format,
    // a functional without a name there). Once, before anything runs.
    enum al_err (*check)(const struct code_settings *s);
    // Everything into dir (exists, empty but for files of earlier rungs). f: the frame. Species must not be guessed: the program's
    // own order of atoms is kept in ret_order (ret_order[i] = index in f of the program's atom i).
    enum al_err (*write)(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order);
    // After a run that gave no label: why, in the program's own words, and which rung to try next (-1: none helps). output and
    // screen are in dir. now: the rung that failed.
    int (*failure)(const char *dir, int now, char *ret_why, size_t n);
    // Adds to a hash (base/hash.h is the caller's) what of the input is physics and not in code_settings: "" or a text, e.g. the
    // template with its comments and parallelisation keys taken out.
    enum al_err (*physics)(const struct code_settings *s, char **ret_text); // freed by al_free
    // From here on NULL where there is none.
    const char *const *probe;   // arguments with which the program tells its version, without a launcher and in an empty directory
                                // ({NULL}: none, standard input is empty); its exit code does not matter
    const char *version;        // what stands before the version in that answer; "": its first word
    const char *const *scratch; // large files and directories of a run, removed after it; NULL-terminated
    // Valence electrons of the cell by the pseudopotentials and the charge; NaN: not known. The output must agree.
    double (*electrons)(const struct code_settings *s, const struct al_frame *f);
};
extern const struct code_ops code_ops_vasp, code_ops_qe, code_ops_abinit, code_ops_cp2k;
extern const struct code_ops code_ops_command; // the user's own program; settings.user: its words, one a line

// The lists (list.c), NULL at the end. A new program is a line in each.
extern const struct code_ops *const code_list[];
extern const struct code_format *const code_formats[];
const struct code_ops *code_find(const char *engine); // NULL: not one of them

#endif
