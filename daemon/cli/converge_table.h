// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What `alnd label --converge` measured, judged and written; and read again by `alnd plan` and `alnd start`.
//
// Two series for each frame: cut-offs at the cheapest k-points (Gamma), k-points at the lowest cut-off. Errors are against the
// tightest of the series; that one's own error is taken to be what the last step changed. For a pair (cut-off, k-points) the two
// errors are added as squares (they are independent), the times multiplied: t(cut-off, Gamma) t(lowest, k)/t(lowest, Gamma).
#ifndef AL_CLI_CONVERGE_TABLE_H
#define AL_CLI_CONVERGE_TABLE_H

#include "base/frame.h"
#include "config/loop_config.h"

enum { CONV_MAX = 16, CONV_TEXT = 64 };

struct conv_row {              // a frame at one setting
    bool have;
    double force_rms, force_max; // eV/Ang, over components
    double energy;             // eV/atom
    double stress, pressure;   // GPa: largest component; pressure minus the tightest one's
    double pulay;              // GPa: (2/3V) dE/dln(cut-off), which the pressure of fixed plane waves is off by; NaN: not known
    double seconds, flops;     // core-seconds
    int nkpt, npw;
};

struct converge {
    int nframes, nc, nk;
    double cutoff[CONV_MAX];   // [nc] Ha, rising
    char kpoints[CONV_MAX][CONV_TEXT]; // [nk] as in loop.yaml; the first is gamma, the last the tightest
    double wanted;             // eV/Ang
    char (*name)[96];          // [nframes]
    struct conv_row *c;        // [nframes][nc]
    struct conv_row *k;        // [nframes][nk]
    // judged
    double force_c[CONV_MAX], force_k[CONV_MAX]; // eV/Ang rms, worst of the frames; NaN where nothing was measured
    double time_c[CONV_MAX], time_k[CONV_MAX];   // core-seconds of a frame at Gamma (mean); factor over Gamma
    int best_c, best_k;        // -1: none of the combinations is good enough
};

enum al_err converge_create(int nframes, struct converge **ret);
void converge_destroy(struct converge **c);
// label, ref: of the same frame. Sets the errors of row; have is the caller's.
void converge_compare(const struct al_frame *label, const struct al_frame *ref, struct conv_row *row);
// Pulay pressures along the cut-offs of frame i out of energies e [nc] (NaN: none), eV, and the volume, Ang^3.
void converge_pulay(struct converge *c, int i, const double *e, double volume);
void converge_judge(struct converge *c);
double converge_combined(const struct converge *c, int ic, int ik); // eV/Ang
void converge_print(const struct converge *c, FILE *out);
// The table as YAML: settings are those all calculations had in common; pseudo_hash is loop_config_pseudo_hash of their elements.
enum al_err converge_write(const struct converge *c, const struct loop_config *settings, const char *pseudo_hash, FILE *out);

// What a table says about the settings of a loop.yaml.
struct converge_verdict {
    bool found;                // there is a table
    bool known;                // and it covers the settings
    double error;              // eV/Ang; a lower bound when `at_least`
    bool at_least;
    char path[AL_PATH], why[AL_ERR_TEXT]; // why it is not known
    double core_seconds, flops; // sums over the table, for the cost model; 0: none
};
// AL_ERR_INPUT when the table cannot be read.
enum al_err converge_verdict(const struct loop_config *c, struct converge_verdict *ret);
// The warning of plan and start; "" when there is nothing to say.
void converge_warning(const struct loop_config *c, const struct converge_verdict *v, char *ret, size_t n);

#endif
