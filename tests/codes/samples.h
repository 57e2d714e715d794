// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#ifndef TEST_CODES_SAMPLES_H
#define TEST_CODES_SAMPLES_H

#include "codes/labeler.h"

enum { SAMPLE_ATOMS = 5 };

// A directory of this test's own below the current one, made empty; in it UPF headers and POTCARs without tables for Li, P, S.
void sample_directory(const char *name, char ret[AL_PATH]);
struct al_frame *sample_frame(void); // Li S Li P S in a skewed cell, none of them in a special place
// By what stands in for the engine's program (fake_pw.py, fake_label.py, replay_vasp.py, fake_abinit.py, fake_cp2k.py; DIR made by
// sample_directory); mode: what goes wrong, "" nothing. Labels into DIR/work. The strings live until the next call.
struct code_options sample_code(const char *engine, const char *dir, const char *mode);
// By the program itself under mpirun, at cut-offs for speed; Quantum ESPRESSO with UPF files DIR/Li.upf, ... that hold tables.
struct code_options sample_real(const char *engine, const char *dir);

#endif
