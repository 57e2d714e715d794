// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The seam for optimisers: from the gradient of a batch to new parameters. One file each; optimiser_find knows the
// list. The state is a function of the gradients seen so far and nothing else, and save holds all of it, so that a run
// that was killed and resumed gives the bits of an undisturbed one.
#ifndef AL_TRAIN_OPTIMISER_H
#define AL_TRAIN_OPTIMISER_H

#include <stdio.h>

#include "dp/model.h"

struct optimiser_class {
    const char *name;
    enum al_err (*create)(const struct dp_model *m, void **ret); // the model's shape; its array stays where it is
    void (*destroy)(void *self);                                 // NULL is fine
    // Update number t = 1, 2, ... of theta [nparam].
    enum al_err (*update)(void *self, long t, double lr, const double *grad, double *theta);
    void (*save)(const void *self, FILE *out);
    enum al_err (*load)(void *self, const unsigned char **at, const unsigned char *end);
    size_t (*bytes)(const void *self); // of the state
};

enum optimiser_kind { OPTIMISER_ADAM, OPTIMISER_SOAP, OPTIMISER_KINDS };
extern const struct optimiser_class optimiser_adam, optimiser_soap;
const struct optimiser_class *optimiser_class_of(enum optimiser_kind kind);
// Kind by name; false when there is none.
bool optimiser_find(const char *name, enum optimiser_kind *ret);

// Adam (Kingma & Ba, arXiv:1412.6980) in TensorFlow's form:
//   theta -= lr sqrt(1 - b2^t)/(1 - b1^t) m/(sqrt(v) + eps),  b1 0.9, b2 0.999, eps 1e-8, t = 1, 2, ...
struct adam {
    size_t n;
    double *m, *v; // [n] first and second moment
    long t;        // of the powers b1^t, b2^t
    float power[2];
    bool *idle;    // by ADAM_CHUNK parameters: m = v = 0, as in nets of elements that the data do not hold; skipped
};
enum { ADAM_CHUNK = 4096 };
enum al_err adam_create(size_t n, struct adam *ret);
void adam_free(struct adam *a);
void adam_update(struct adam *a, long t, double lr, const double *grad, double *theta);
void adam_save(const struct adam *a, FILE *out);
enum al_err adam_load(struct adam *a, const unsigned char **at, const unsigned char *end);

// n bytes of a checkpoint.
enum al_err optimiser_take(const unsigned char **at, const unsigned char *end, void *dst, size_t n);

#endif
