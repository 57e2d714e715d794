// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "codes/kmesh.h"

#include "base/mem.h"

enum { MAX_POINTS = 1000000 };

bool code_is_gamma(const struct code_settings *s)
{
    if (s->nkpoint > 0)
        return s->nkpoint == 1 && s->kpoint[0][0] == 0 && s->kpoint[0][1] == 0 && s->kpoint[0][2] == 0;
    for (int k = 0; k < 3; k++)
        if (s->mesh[k] != 1 || s->shift[k] != 0) return false;
    return true;
}

static enum al_err given(const struct code_settings *s, int *ret_n, double (**ret)[4])
{
    double(*list)[4], sum = 0;
    for (int i = 0; i < s->nkpoint; i++)
        sum += s->kpoint[i][3];
    if (!(sum > 0)) AL_FAIL(AL_ERR_INPUT, "k-points without weight");
    AL_ALLOC(list, s->nkpoint);
    for (int i = 0; i < s->nkpoint; i++) {
        for (int k = 0; k < 3; k++)
            list[i][k] = s->kpoint[i][k];
        list[i][3] = s->kpoint[i][3] / sum;
    }
    *ret_n = s->nkpoint;
    *ret = list;
    return AL_ERR_OK;
}

// Points are counted in half steps: twice = 2 i + h is exact, and so is the search for -k.
enum al_err code_kpoints(const struct code_settings *s, int *ret_n, double (**ret)[4])
{
    double(*list)[4];
    int n[3], h[3], count = 0;
    long total = 1;
    if (s->nkpoint > 0) return given(s, ret_n, ret);
    for (int k = 0; k < 3; k++) {
        n[k] = s->mesh[k];
        h[k] = s->shift[k] == 0.5;
        if (n[k] < 1 || (s->shift[k] != 0 && s->shift[k] != 0.5) || (total *= n[k]) > MAX_POINTS)
            AL_FAIL(AL_ERR_INPUT, "no k-point mesh: %d with a shift of %g steps", n[k], s->shift[k]);
    }
    AL_ALLOC(list, total);
    for (long at = 0; at < total; at++) {
        int i[3] = {(int)(at / n[2] / n[1]), (int)(at / n[2] % n[1]), (int)(at % n[2])}, m[3];
        for (int k = 0; k < 3; k++)
            m[k] = ((-2 * i[k] - 2 * h[k]) % (2 * n[k]) + 2 * n[k]) % (2 * n[k]) / 2; // index of -k
        long minus = ((long)m[0] * n[1] + m[1]) * n[2] + m[2];
        if (minus < at) continue;
        for (int k = 0; k < 3; k++)
            list[count][k] = (2 * i[k] + h[k]) / (2.0 * n[k]);
        list[count++][3] = (minus == at ? 1.0 : 2.0) / (double)total;
    }
    *ret_n = count;
    *ret = list;
    return AL_ERR_OK;
}
