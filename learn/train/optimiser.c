// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/optimiser.h"

#include <string.h>

static const struct optimiser_class *const CLASSES[OPTIMISER_KINDS] = {
    [OPTIMISER_ADAM] = &optimiser_adam, [OPTIMISER_SOAP] = &optimiser_soap};

const struct optimiser_class *optimiser_class_of(enum optimiser_kind kind)
{
    return CLASSES[kind];
}

bool optimiser_find(const char *name, enum optimiser_kind *ret)
{
    for (int k = 0; k < OPTIMISER_KINDS; k++)
        if (!strcmp(CLASSES[k]->name, name)) {
            *ret = (enum optimiser_kind)k;
            return true;
        }
    return false;
}

enum al_err optimiser_take(const unsigned char **at, const unsigned char *end, void *dst, size_t n)
{
    if ((size_t)(end - *at) < n) AL_FAIL(AL_ERR_CORRUPT, "checkpoint is too short");
    memcpy(dst, *at, n);
    *at += n;
    return AL_ERR_OK;
}
