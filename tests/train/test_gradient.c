// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The gradient of the loss against central differences, over every parameter block (each w, b, idt of each
// net), for each term of the loss. In a block the derivative along one random direction is compared: it holds
// every element. Truncation error of the difference is h^2, rounding error 1e-15/h; with h = 1e-5 both are
// near 1e-9 of the loss.
#include "dp_fixture.h"

#include "dp/potential.h"
#include "train/gradient.h"

struct setup {
    enum gradient_path path;
    struct dp_model *m;
    struct al_frame *f;
    struct al_neigh *list;
    struct dp_layout *layout;
    struct gradient *g;
    struct frame_label label;
    double *force, virial[9], *grad;
};

static const int LI_P_S_O[] = {3, 15, 16, 8, 16, 3};

static void open_setup(struct setup *s, enum gradient_path path, const struct dp_config *c, uint64_t seed, int natoms,
                       double edge)
{
    *s = (struct setup){.path = path, .m = fixture_model(c, seed)};
    s->m->out_std[1] = 1.7; // TensorFlow's rule for out_std is part of the chain
    s->f = fixture_frame(natoms, LI_P_S_O, 6, edge, 1.4, seed);
    int types[64];
    for (int i = 0; i < natoms; i++)
        types[i] = dp_config_type(&s->m->c, s->f->z[i]);
    MUST(al_neigh_create(s->m->c.rcut, 0, &s->list));
    MUST(al_neigh_update(s->list, natoms, (const double(*)[3])s->f->pos, s->f->cell, true));
    MUST(dp_layout_create(&s->layout));
    MUST(dp_layout_build(s->layout, &s->m->c, natoms, types, s->list));
    MUST(gradient_create(s->m, s->path, &s->g));
    MUST(al_alloc(3 * (size_t)natoms, sizeof *s->force, &s->force));
    MUST(al_alloc(s->m->nparam, sizeof *s->grad, &s->grad));
    struct al_rng r;
    al_rng_stream(&r, seed, "labels", 0, 0, 0);
    for (int i = 0; i < 3 * natoms; i++)
        s->force[i] = al_rng_normal(&r);
    for (int a = 0; a < 9; a++)
        s->virial[a] = 3 * al_rng_normal(&r);
    s->label = (struct frame_label){true, -5.0 * natoms, s->force, s->virial};
}

static void close_setup(struct setup *s)
{
    gradient_destroy(&s->g);
    dp_layout_destroy(&s->layout);
    al_neigh_destroy(&s->list);
    al_frame_destroy(&s->f);
    dp_model_destroy(&s->m);
    al_free(s->force);
    al_free(s->grad);
}

static double loss_at(struct setup *s, const struct loss_weights *w)
{
    struct frame_loss l;
    MUST(gradient_frame(s->g, s->layout, &s->label, w, 1, NULL, &l));
    return l.loss;
}

// One block of n parameters. Returns whether its gradient is not zero.
static bool check_block(struct setup *s, const struct loss_weights *w, double *p, int n, const char *what,
                        int net, int layer)
{
    struct al_rng r;
    al_rng_stream(&r, 5, what, (uint64_t)net, (uint64_t)layer, 0);
    AL_AUTOFREE double *dir = NULL, *keep = NULL;
    MUST(al_alloc((size_t)n, sizeof *dir, &dir));
    MUST(al_alloc((size_t)n, sizeof *keep, &keep));
    const double h = 1e-5, *grad = s->grad + (p - s->m->param);
    double analytic = 0, norm = 0, e[4], at[4] = {h, -h, 2 * h, -2 * h};
    for (int i = 0; i < n; i++) {
        dir[i] = al_rng_normal(&r);
        keep[i] = p[i];
        analytic += grad[i] * dir[i];
        norm += fabs(grad[i]);
    }
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < n; i++)
            p[i] = keep[i] + at[k] * dir[i];
        e[k] = loss_at(s, w);
    }
    memcpy(p, keep, (size_t)n * sizeof *p);
    double numeric = (8 * (e[0] - e[1]) - (e[2] - e[3])) / (12 * h);
    double scale = fabs(loss_at(s, w));
    if (!(fabs(numeric - analytic) <= 1e-6 * norm + 1e-9 * scale))
        fail_msg("%s of net %d layer %d: gradient %.12g, difference quotient %.12g", what, net, layer,
                 analytic, numeric);
    return analytic != 0 && numeric != 0;
}

static void check_nets(struct setup *s, const struct loss_weights *w, struct dp_net *nets, int n, bool fit,
                       int *zeros)
{
    for (int k = 0; k < n; k++)
        for (int l = 0; l < nets[k].nlayers; l++) {
            struct dp_layer *la = &nets[k].layer[l];
            int net = k + (fit ? 1000 : 0);
            *zeros += !check_block(s, w, la->w, la->nin * la->nout, "w", net, l);
            *zeros += !check_block(s, w, la->b, la->nout, "b", net, l);
            if (la->idt) *zeros += !check_block(s, w, la->idt, la->nout, "idt", net, l);
        }
}

static void check_path(enum gradient_path path, const struct dp_config *c, uint64_t seed, int natoms, double edge)
{
    static const struct loss_weights term[] = {{0.7, 0, 0}, {0, 300, 0}, {0, 0, 5}, {0.7, 300, 5}};
    struct setup s;
    open_setup(&s, path, c, seed, natoms, edge);
    for (int k = 0; k < 4; k++) {
        struct frame_loss l;
        int zeros = 0;
        memset(s.grad, 0, s.m->nparam * sizeof *s.grad);
        MUST(gradient_frame(s.g, s.layout, &s.label, &term[k], 1, s.grad, &l));
        assert_true(l.loss > 1e-3);
        check_nets(&s, &term[k], s.m->emb, s.m->nemb, false, &zeros);
        check_nets(&s, &term[k], s.m->fit, s.m->c.ntypes, true, &zeros);
        // forces and virial do not depend on the last bias of the fitting nets; everything else counts
        assert_int_equal(zeros, term[k].e > 0 ? 0 : s.m->c.ntypes);
    }
    close_setup(&s);
}

static double rms(const double *a, const double *b, size_t n) // of a - b
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (a[i] - (b ? b[i] : 0)) * (a[i] - (b ? b[i] : 0));
    return sqrt(sum / (double)n);
}

// The paths against each other, two frames in a batch (the second a shifted copy with other labels): loss and gradient
// differ by the error of interpolation, in the mixed path by that of float. Tolerances are relative, ten times what is
// found here; the derivatives of a net with random weights are like those of a trained one.
static void check_against_plain(const struct dp_config *c, uint64_t seed, int natoms, double edge)
{
    static const struct loss_weights w = {0.7, 300, 5};
    struct setup plain, other;
    open_setup(&plain, GRADIENT_PLAIN, c, seed, natoms, edge);
    struct frame_label second = {false, 0, plain.force + 3, NULL};
    AL_AUTOFREE double *shifted = NULL;
    MUST(al_alloc(3 * (size_t)natoms, sizeof *shifted, &shifted));
    for (int i = 3; i < 3 * natoms; i++)
        shifted[i] = plain.force[i - 3];
    second.force = shifted;
    struct gradient_frame in[2] = {{plain.layout, plain.label, 1}, {plain.layout, second, 1}};
    struct frame_loss lp[2], lo[2];
    size_t n = plain.m->nparam;
    MUST(gradient_batch(plain.g, 2, in, &w, 0.5, plain.grad, lp));
    for (enum gradient_path path = GRADIENT_MIXED; path <= GRADIENT_DOUBLE; path++) {
        open_setup(&other, path, c, seed, natoms, edge);
        MUST(gradient_batch(other.g, 2, in, &w, 0.5, other.grad, lo));
        double dg = rms(plain.grad, other.grad, n) / rms(plain.grad, NULL, n), dl = 0;
        for (int k = 0; k < 2; k++)
            dl = fmax(dl, fabs(lo[k].loss / lp[k].loss - 1));
        print_message("%s: loss %.1e, gradient %.1e\n", path == GRADIENT_MIXED ? "mixed" : "double", dl, dg);
        assert_true(dl < (path == GRADIENT_MIXED ? 4e-7 : 3e-8) && dg < (path == GRADIENT_MIXED ? 3e-6 : 6e-7));
        // one frame after another gives the same as both at once
        double *sum = NULL;
        MUST(al_alloc(n, sizeof *sum, &sum));
        for (int k = 0; k < 2; k++)
            MUST(gradient_frame(other.g, in[k].layout, &in[k].label, &w, 0.5, sum, &lo[k]));
        assert_true(rms(sum, other.grad, n) < (path == GRADIENT_MIXED ? 3e-6 : 1e-12) * rms(sum, NULL, n));
        al_free(sum);
        close_setup(&other);
    }
    close_setup(&plain);
}

static void check_gradient(const struct dp_config *c, uint64_t seed, int natoms, double edge)
{
    check_path(GRADIENT_PLAIN, c, seed, natoms, edge);
    check_path(GRADIENT_DOUBLE, c, seed, natoms, edge);
    check_against_plain(c, seed, natoms, edge);
}

static void one_sided(void **state)
{
    (void)state;
    check_gradient(NULL, 1, 18, 8.0);
}

static void two_sided_resnet_dt(void **state)
{
    (void)state;
    struct dp_config c = {.ntypes = 4,
                          .type_map = {"Li", "P", "S", "O"},
                          .rcut = 4.5,
                          .rcut_smth = 2.0,
                          .sel = {24, 12, 24, 12},
                          .nneuron = 3,
                          .neuron = {4, 4, 8},
                          .axis_neuron = 3,
                          .resnet_dt = true,
                          .nfit = 3,
                          .fit = {8, 8, 12},
                          .fit_resnet_dt = true};
    check_gradient(&c, 2, 18, 8.0);
}

static void overflow_and_scalar_skip(void **state) // sel too small; first layer 1 -> 2 with a skip connection
{
    (void)state;
    struct dp_config c = {.ntypes = 4,
                          .type_map = {"Li", "P", "S", "O"},
                          .rcut = 5.0,
                          .rcut_smth = 0.5,
                          .sel = {6, 3, 7, 2},
                          .nneuron = 4,
                          .neuron = {2, 2, 5, 10},
                          .axis_neuron = 4,
                          .type_one_side = true,
                          .resnet_dt = true,
                          .nfit = 2,
                          .fit = {9, 9}};
    check_gradient(&c, 3, 12, 7.0);
}

static void harmonics(void **state) // of all rows, and of the nearer ones only
{
    (void)state;
    struct dp_config c = fixture_config();
    for (int k = 0; k < 2; k++) {
        c.rcut_angular = k ? 3.5 : 4.5;
        c.neuron_angular = k ? 12 : 5;
        check_gradient(&c, 1, 18, 8.0);
    }
    c.sel[0] = 5; // overflow
    check_gradient(&c, 11, 6, 4.4);
}

static void small_cell(void **state) // an atom is its own neighbour through the boundary
{
    (void)state;
    check_gradient(NULL, 4, 6, 4.4);
}

// Energy, forces and virial of the trainer are those of the potential: the loss against the potential's own
// results is 0.
static void agrees_with_potential(void **state)
{
    (void)state;
    struct setup s;
    open_setup(&s, GRADIENT_PLAIN, NULL, 6, 18, 8.0);
    struct potential *p = NULL;
    MUST(dp_potential_from_model(s.m, DP_WAY_PLAIN, &p));
    struct pot_result res = {.forces = s.f->forces};
    MUST(p->ops->eval(p, s.f, &res));
    s.label = (struct frame_label){true, res.energy, &s.f->forces[0][0], &res.virial[0][0]};
    struct frame_loss l;
    MUST(gradient_frame(s.g, s.layout, &s.label, &(struct loss_weights){1, 1, 1}, 1, NULL, &l));
    assert_true(l.loss < 1e-22 && res.virial[0][0] != 0 && s.f->forces[0][0] != 0);
    potential_destroy(&p);
    close_setup(&s);
}

// Atoms on top of each other are beyond the grid of the nodes: the fast paths give the frame to the plain one.
static void overlapping_atoms(void **state)
{
    (void)state;
    double loss[3];
    for (enum gradient_path path = GRADIENT_MIXED; path <= GRADIENT_PLAIN; path++) {
        struct setup s;
        int types[18];
        open_setup(&s, path, NULL, 8, 18, 8.0);
        for (int a = 0; a < 3; a++)
            s.f->pos[1][a] = s.f->pos[0][a] + 1e-6;
        for (int i = 0; i < 18; i++)
            types[i] = dp_config_type(&s.m->c, s.f->z[i]);
        MUST(al_neigh_update(s.list, 18, (const double(*)[3])s.f->pos, s.f->cell, true));
        MUST(dp_layout_build(s.layout, &s.m->c, 18, types, s.list));
        loss[path] = loss_at(&s, &(struct loss_weights){1, 1, 1});
        close_setup(&s);
    }
    assert_true(loss[0] == loss[2] && loss[1] == loss[2] && loss[2] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sided),
        cmocka_unit_test(two_sided_resnet_dt),
        cmocka_unit_test(overflow_and_scalar_skip),
        cmocka_unit_test(harmonics),
        cmocka_unit_test(small_cell),
        cmocka_unit_test(agrees_with_potential),
        cmocka_unit_test(overlapping_atoms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
