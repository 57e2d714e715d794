// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// make_models DIR N [full|zbl|full-zbl]: random models of Li, P, S, O as DIR/0.dp ... for the tests that are scripts. Small ones; full: of
// the sizes of ../shared/bench/deepmd_train.json; zbl: with repulsion, and DIR/0.without_zbl.dp ... as well.
#include "../dp/dp_fixture.h"

int main(int argc, char **argv)
{
    static const struct dp_config full = {.ntypes = 4, .type_map = {"Li", "P", "S", "O"}, .rcut = 6, .rcut_smth = 0.5,
                                          .sel = {48, 20, 60, 20}, .nneuron = 3, .neuron = {25, 50, 100},
                                          .axis_neuron = 16, .type_one_side = true, .nfit = 3, .fit = {120, 120, 120},
                                          .fit_resnet_dt = true};
    if (argc != 3 && argc != 4) return 2;
    for (int k = 0; k < atoi(argv[2]); k++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%d.dp", argv[1], k);
        bool zbl = argc == 4 && strstr(argv[3], "zbl"), large = argc == 4 && strncmp(argv[3], "full", 4) == 0;
        struct dp_model *m = fixture_model(large ? &full : NULL, 700 + (uint64_t)k);
        if (zbl) m->c.zbl = (struct dp_zbl_range){0.8, 1.4};
        m->min_nbor_dist = 1.6; // for deepmd-kit's compression
        enum al_err e = dp_model_write(path, m);
        snprintf(path, sizeof path, "%s/%d.without_zbl.dp", argv[1], k);
        if (zbl && !e) e = dp_model_write_networks(path, m);
        dp_model_destroy(&m);
        if (e) {
            fprintf(stderr, "%s\n", al_err_message());
            return 1;
        }
    }
    return 0;
}
