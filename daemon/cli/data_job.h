// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What `alnd data`, `alnd train` and `alnd test` share: lists of data paths, what the worker says of them, one task in a directory
// (label_job.h, core/bag.h).
#ifndef AL_CLI_DATA_JOB_H
#define AL_CLI_DATA_JOB_H

#include "base/hash.h"
#include "cli/label_job.h"

struct paths {
    const char **p; // [n] as given
    int n;
};

// Takes argv[*i + 1 ...] up to the next option into p (*i is left on the last one taken).
enum al_err paths_take(struct paths *p, int argc, char **argv, int *i);
enum al_err paths_add(struct paths *p, const char *path);
void paths_free(struct paths *p);
// Names and contents of all files below (FILE.h5#/group: of FILE.h5, and the group's name).
enum al_err paths_hash(const struct paths *p, struct al_sha256 *h);
// "data:" with the absolute paths.
enum al_err paths_write(FILE *out, const char *key, const struct paths *p);

// alnd-worker data: read and checked. out: NULL or where to write them again.
enum al_err data_ask(const struct paths *train, const struct paths *valid, const char *out, struct al_node **ret);
// Systems, notes and warnings for people; AL_ERR_INPUT when a finding is fatal.
void data_tell(const struct al_node *answer, FILE *out);
enum al_err data_refuse(const struct al_node *answer);
// Those findings that need the model (kinds sel, reference), of a result.
void data_tell_model(const struct al_node *result, FILE *out);

// The file RUN in the job's directory, made when absent; another one with another identity is refused.
enum al_err data_job_check(const struct label_job *j, const char *run, const char *identity);
// One task of the verb with the input run: RUN.
enum al_err data_job_task(const struct label_job *j, const char *verb, const char *run, const char *identity, const char *name,
                          struct bag_task *ret);
// A YAML file of the job's directory as JSON on stdout.
enum al_err data_job_json(const struct label_job *j, const char *file);

#endif
