// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef TEST_CODES_SAMPLES_H
#define TEST_CODES_SAMPLES_H

#include "codes/labeler.h"

enum { SAMPLE_ATOMS = 5 };

// A directory of this test's own below the current one, made empty; UPF headers for Li, P, S in it.
void sample_directory(const char *name, char ret[AL_PATH]);
struct al_frame *sample_frame(void); // Li S Li P S in a skewed cell, none of them in a special place
// By fake_pw.py; mode: what goes wrong, "" nothing. Labels into DIR/work. The strings live until the next call.
struct code_options sample_qe(const char *dir, const char *mode);
// By fake_label.py.
struct code_options sample_command(const char *dir, const char *mode);

#endif
