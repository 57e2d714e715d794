// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Files of score.h, written frame by frame.
#ifndef AL_TRAIN_SCORE_FILES_H
#define AL_TRAIN_SCORE_FILES_H

#include "train/train.h"

struct score_files;
enum al_err score_files_open(const char *dir, struct score_files **ret);
enum al_err score_files_frame(struct score_files *f, const struct dp_system *s, const struct train_error *e);
enum al_err score_files_publish(struct score_files *f);
void score_files_destroy(struct score_files **f); // drops what is not published

#endif
