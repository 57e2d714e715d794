// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// For the tests of dft: records of shared/data/dft_reference.json and the SPMS pseudopotentials.
#ifndef AL_TEST_DFT_REFERENCE_H
#define AL_TEST_DFT_REFERENCE_H

#include "dft/dft.h"

struct reference {
    struct al_frame *f; // cell and positions only
    char id[32], code[16];
    double ecut; // Ha
    int fft[3];
    bool has_point, has_mesh; // k-points; neither: Gamma
    double point[3];
    int mesh[3], shift[3];
    double energy;       // eV
    double (*forces)[3]; // eV/Ang
    double stress[3][3]; // eV/Ang^3, positive = stretched
};

// Record of the set "spms" by frame, code ("abinit", "qe"), cut-off and kind of k-points ('g', 'p', 'm').
enum al_err reference_read(const char *id, const char *code, double ecut, char kpoints,
                           struct reference **ret);
// The same of another set: "spms", "gth" (Li-q3), "gthq1".
enum al_err reference_read_set(const char *set, const char *id, const char *code, double ecut, char kpoints,
                               struct reference **ret);
void reference_destroy(struct reference **r);

// Directory of the SPMS set: $ALND_PSEUDO_DIR/SPMS, then SOURCE/.alnd/pseudo/SPMS; NULL with the reason
// printed.
const char *spms_dir(void);
// Options for a record or a frame: Li, O, P, S from dir.
void spms_options(const char *dir, struct dft_options *opt);
// The same with the built-in GTH-PBE set; set "gth" or "gthq1".
void gth_options(const char *set, struct dft_options *opt);
// Exits with 77 and a reason when SPMS or (with_shared) the shared data is missing.
void skip_without_data(bool with_shared);

struct comparison {
    double energy;           // meV/atom
    double force, force_rms; // largest component and rms, eV/Ang
    double stress;           // largest component, GPa
};
void reference_compare(const struct reference *r, const struct al_frame *f, struct comparison *ret);
// Options with the record's cut-off, grid and k-points on top.
void reference_options(const struct reference *r, struct dft_options *opt);

#endif
