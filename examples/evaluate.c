/* SPDX-License-Identifier: GPL-3.0-or-later
 * Copyright the alnd authors
 *
 * evaluate MODEL.dp...: energy, forces and (with several models) their deviation of a PS4 tetrahedron. Valid C and C++.
 *     cc evaluate.c $(pkg-config --cflags --libs alnd) -o evaluate
 */
#include <stdio.h>
#include <stdlib.h>

#include <alnd.h>

enum { N = 5 };

int main(int argc, char **argv)
{
    static const double d = 2.05 / 1.7320508075688772; /* P-S bond of 2.05 Angstrom */
    const double x[N][3] = {{0, 0, 0}, {d, d, d}, {d, -d, -d}, {-d, d, -d}, {-d, -d, d + 0.1}};
    static const char *const symbol[N] = {"P", "S", "S", "S", "S"};
    alnd_model *model;
    alnd_result result = {NULL, NULL, NULL, NULL, NULL};
    int i, k, members, failed, type[N];

    if (argc < 2 || alnd_open_committee((const char *const *)argv + 1, argc - 1, &model)) {
        fprintf(stderr, "%s\n", argc < 2 ? "usage: evaluate MODEL.dp..." : alnd_error());
        return 2;
    }
    for (i = 0; i < N; i++) {
        type[i] = alnd_type_of(model, symbol[i]);
        if (type[i] < 0) {
            fprintf(stderr, "the model does not know %s\n", symbol[i]);
            return 2;
        }
    }
    members = alnd_models(model);
    result.energy = (double *)calloc((size_t)members, sizeof(double));
    result.forces = (double *)calloc((size_t)members * 3 * N, sizeof(double));
    result.virial = (double *)calloc((size_t)members * 9, sizeof(double));
    failed = alnd_eval(model, ALND_ALL, N, &x[0][0], type, NULL, &result); /* NULL: no cell, not periodic */
    if (failed) {
        fprintf(stderr, "%s\n", alnd_error());
    } else {
        for (k = 0; k < members; k++)
            printf("%s: %.10f eV\n", argv[k + 1], result.energy[k]);
        for (i = 0; i < N; i++)
            printf("%-2s %12.8f %12.8f %12.8f eV/Ang\n", symbol[i], result.forces[3 * i], result.forces[3 * i + 1],
                   result.forces[3 * i + 2]);
    }
    if (!failed && members > 1) {
        alnd_deviation deviation;
        double atom[N];
        alnd_deviation_of(members, N, result.energy, result.forces, result.virial, &deviation, atom);
        printf("force deviation: up to %.8f eV/Ang, %.8f at P\n", deviation.max_force, atom[0]);
    }
    free(result.energy);
    free(result.forces);
    free(result.virial);
    alnd_close(model);
    return failed ? 1 : 0;
}
