// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// CPU time of the orbitals' transforms: v psi (two 3-D transforms, with the potential between them) and |psi|^2 (one),
// spheres that just fit the grid.   bench_fft [seconds for each figure]
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "dft/fft.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Half the sphere of radius n/4 in each direction, G = 0 first: the density's sphere fits then.
static enum al_err half_sphere(const int n[3], int *ret_n, int (**ret)[3])
{
    int count = 0;
    AL_TRY(al_alloc((size_t)(n[0] * n[1] * n[2]), sizeof **ret, ret));
    for (int a = 0; a < n[0] / 4; a++)
        for (int b = -n[1] / 4 + 1; b < n[1] / 4; b++)
            for (int c = -n[2] / 4 + 1; c < n[2] / 4; c++) {
                const double x = 4.0 * a / n[0], y = 4.0 * b / n[1], z = 4.0 * c / n[2];
                const bool half = a > 0 || (a == 0 && (b > 0 || (b == 0 && c >= 0)));
                if (!half || x * x + y * y + z * z >= 1) continue;
                (*ret)[count][0] = a;
                (*ret)[count][1] = b;
                (*ret)[count++][2] = c;
            }
    *ret_n = count;
    return AL_ERR_OK;
}

static enum al_err measure(const int n[3], bool single, double seconds)
{
    const int nr = n[0] * n[1] * n[2];
    AL_OWN(wfft) w = NULL;
    AL_AUTOFREE double complex *c = NULL;
    AL_AUTOFREE double *v = NULL;
    int (*mill)[3] = NULL, npw;
    AL_TRY(half_sphere(n, &npw, &mill));
    enum al_err e = wfft_create(n, npw, (const int(*)[3])mill, true, single, &w);
    al_free(mill);
    if (e != AL_ERR_OK) return e;
    AL_ALLOC(c, npw);
    AL_ALLOC(v, nr);
    for (int i = 0; i < npw; i++)
        c[i] = CMPLX(1.0 / (1 + i), 0.5 / (1 + i));
    for (int i = 0; i < nr; i++)
        v[i] = 1 + 0.1 * (i % 7);
    double apply = 0, density = 0;
    int rounds = 0;
    for (double t0 = now(), t1 = t0; t1 - t0 < seconds; rounds++) {
        double a = now();
        wfft_put(w, c, c, 0, npw);
        wfft_apply(w, v);
        wfft_get(w, c, c, 0, npw);
        double b = now();
        wfft_put(w, c, c, 0, npw);
        wfft_density(w, 1e-9, 1e-9, v);
        t1 = now();
        apply += b - a;
        density += t1 - b;
    }
    printf("%3d x %3d x %3d %s  %6d PW  v psi %7.3f ms, |psi|^2 %7.3f ms, %.2f ns a point and transform\n", n[0], n[1],
           n[2], single ? "float " : "double", npw, 1e3 * apply / rounds, 1e3 * density / rounds,
           1e9 * (apply + density) / rounds / 3 / nr);
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    static const int grids[][3] = {{72, 60, 54}, {120, 72, 54}, {90, 72, 72}, {144, 90, 72}};
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++)
        for (int single = 0; single < 2; single++)
            if (measure(grids[i], single != 0, seconds) != AL_ERR_OK) {
                fprintf(stderr, "%s\n", al_err_message());
                return 1;
            }
    return 0;
}
