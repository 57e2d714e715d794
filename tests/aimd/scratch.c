// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum al_err label(const struct dft_options *o, struct comm *comm, const struct al_frame *f, struct al_frame **ret,
                         struct label_report *rep)
{
    struct labeler *l = NULL;
    AL_TRY(al_frame_copy(f, ret));
    AL_TRY(dft_labeler_open(o, comm, &l));
    enum al_err e = l->ops->label(l, *ret, rep);
    labeler_destroy(&l);
    return e;
}

struct al_frame *from_scratch(const struct dft_options *o, struct comm *comm, const struct al_frame *f, struct label_report *rep)
{
    struct al_frame *c = NULL;
    enum al_err e = label(o, comm, f, &c, rep);
    if (e) fail_msg("%s: %s", al_err_name(e), al_err_message());
    return c;
}
