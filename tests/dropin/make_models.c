// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// make_models DIR N: random small models of Li, P, S, O as DIR/0.dp ... for the tests that are scripts.
#include "../dp/dp_fixture.h"

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    for (int k = 0; k < atoi(argv[2]); k++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%d.dp", argv[1], k);
        struct dp_model *m = fixture_model(NULL, 700 + (uint64_t)k);
        m->min_nbor_dist = 1.6; // for deepmd-kit's compression
        enum al_err e = dp_model_write(path, m);
        dp_model_destroy(&m);
        if (e) {
            fprintf(stderr, "%s\n", al_err_message());
            return 1;
        }
    }
    return 0;
}
