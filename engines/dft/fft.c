// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/fft.h"

#include <fftw3.h>
#include <string.h>

#include "base/mem.h"

int fft_length(int n)
{
    static const int prime[] = {2, 3, 5, 7};
    for (n = n < 1 ? 1 : n;; n++) {
        int m = n;
        for (int i = 0; i < 4; i++)
            while (m % prime[i] == 0)
                m /= prime[i];
        if (m == 1) return n;
    }
}

enum al_err fft3_create(const int n[3], struct fft3 **ret)
{
    AL_OWN(fft3) f = NULL;
    AL_ALLOC(f, 1);
    memcpy(f->n, n, sizeof f->n);
    f->nr = n[0] * n[1] * n[2];
    AL_ALLOC(f->work, f->nr);
    f->to_r = fftw_plan_dft_3d(n[2], n[1], n[0], f->work, f->work, FFTW_BACKWARD, FFTW_ESTIMATE);
    f->to_g = fftw_plan_dft_3d(n[2], n[1], n[0], f->work, f->work, FFTW_FORWARD, FFTW_ESTIMATE);
    if (!f->to_r || !f->to_g) AL_FAIL(AL_ERR_BUG, "no FFTW plan for %d x %d x %d", n[0], n[1], n[2]);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

static void drop(void *plan)
{
    if (plan) fftw_destroy_plan(plan);
}

void fft3_destroy(struct fft3 **f)
{
    if (!*f) return;
    drop((*f)->to_r);
    drop((*f)->to_g);
    al_free((*f)->work);
    al_free(*f);
    *f = NULL;
}

void fft3_to_r(struct fft3 *f)
{
    fftw_execute(f->to_r);
}

void fft3_to_g(struct fft3 *f)
{
    fftw_execute(f->to_g);
}
