// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Selection by the trust window: accurate below low, candidate in [low, high), failed from high on
// (a deviation that is not a number fails), and a seeded random choice of candidates.
#ifndef AL_COMMITTEE_SELECT_H
#define AL_COMMITTEE_SELECT_H

#include <stdint.h>

#include "base/err.h"

enum trust_class { TRUST_ACCURATE, TRUST_CANDIDATE, TRUST_FAILED, TRUST_BROKEN /* a caller's word: no frame at all */ };
struct trust_window {
    double low, high; // eV/Ang on max_f
};
struct trust_count {
    int accurate, candidate, failed;
};

enum trust_class trust_classify(const struct trust_window *w, double max_f);
const char *trust_name(enum trust_class c); // "accurate"
// Classes of n deviations and their counts.
void trust_classify_all(const struct trust_window *w, int n, const double max_f[],
                        enum trust_class ret_class[], struct trust_count *ret_count);
// At most max_frames of the candidates among n, without replacement, each set equally likely, from the stream
// (seed, "select", k0, k1, k2); ret_index ascending, room for min(n, max_frames).
enum al_err trust_choose(int n, const enum trust_class cls[], int max_frames, uint64_t seed, uint64_t k0,
                         uint64_t k1, uint64_t k2, int ret_index[], int *ret_n);

#endif
