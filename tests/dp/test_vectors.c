// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The stored results of deepmd-kit (TensorFlow) for models with random weights: energy, forces, virial,
// atomic energies to 1e-9, the tolerance of the task; the sums differ only in their order, so the true
// agreement is near 1e-13. The fast ways (dp/compress.h): 1e-8 in double; 1e-6 eV/atom, 1e-4 eV/Ang in mixed precision.
#include "dp_fixture.h"

#include <sys/stat.h>

#include "base/yaml.h"
#include "dp/potential.h"

static struct al_node *doc;
static const char *const dir = ALND_SHARED_DIR "/data/dp";

static int numbers(const struct al_node *n, double *out) // all scalars below n in order
{
    if (n->kind == AL_NODE_SCALAR) {
        *out = strtod(n->text, NULL);
        return 1;
    }
    int k = 0;
    for (const struct al_node *c = n->child; c; c = c->next)
        k += numbers(c, out + k);
    return k;
}

static struct al_frame *load_frame(const struct al_node *j)
{
    const struct al_node *symbols = al_node_get(j, "symbols"), *cell = al_node_get(j, "cell");
    struct al_frame *f = NULL;
    MUST(al_frame_create(symbols->nchild, &f));
    int i = 0;
    for (const struct al_node *s = symbols->child; s; s = s->next)
        f->z[i++] = al_element_z(s->text);
    assert_int_equal(numbers(al_node_get(j, "coords"), &f->pos[0][0]), 3 * f->natoms);
    f->pbc = cell->kind == AL_NODE_LIST;
    if (f->pbc) assert_int_equal(numbers(cell, &f->cell[0][0]), 9);
    return f;
}

static void compare(const char *what, int n, const double *a, const double *b, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance)) fail_msg("%s[%d]: %.17g, stored %.17g", what, i, a[i], b[i]);
}

// Energy (an atom's share of it) and the other results to these tolerances.
static void check_way(const char *name, const char *path, enum dp_way way, double tol_e, double tol)
{
    struct potential *p = NULL;
    MUST(dp_potential_open(path, way, &p));
    const struct al_node *frame = al_node_get(doc, "frames")->child;
    const struct al_node *r = al_node_get(al_node_get(doc, "results"), name)->child;
    int nframe = 0;
    for (; frame; frame = frame->next, r = r->next, nframe++) {
        struct al_frame *f = load_frame(frame);
        double e, virial[9], force[256], atomic[64];
        assert_true(f->natoms <= 64);
        struct pot_result res = {.forces = f->forces};
        AL_AUTOFREE double *ae = NULL;
        MUST(al_alloc((size_t)f->natoms, sizeof *ae, &ae));
        res.atomic_energy = ae;
        MUST(p->ops->eval(p, f, &res));
        numbers(al_node_get(r, "energy"), &e);
        numbers(al_node_get(r, "virial"), virial);
        assert_int_equal(numbers(al_node_get(r, "force"), force), 3 * f->natoms);
        assert_int_equal(numbers(al_node_get(r, "atomic_energy"), atomic), f->natoms);
        compare("energy", 1, &res.energy, &e, way == DP_WAY_PLAIN ? tol_e : tol_e * f->natoms);
        compare("virial", 9, &res.virial[0][0], virial, tol);
        compare("force", 3 * f->natoms, &f->forces[0][0], force, tol);
        compare("atomic energy", f->natoms, ae, atomic, tol);
        al_frame_destroy(&f);
    }
    assert_int_equal(nframe, 5);
    potential_destroy(&p);
}

static void check_model(const char *name, const char *path)
{
    check_way(name, path, DP_WAY_PLAIN, 1e-9, 1e-9);
    check_way(name, path, DP_WAY_DOUBLE, 1e-8, 1e-8);
    check_way(name, path, DP_WAY_MIXED, 1e-6, 1e-4);
}

static void sample_models(void **state)
{
    (void)state;
    check_model("sample.dp", ALND_SHARED_DIR "/data/dp/sample.dp");
    check_model("sample_full.dp", ALND_SHARED_DIR "/data/dp/sample_full.dp");
}

static void variants(void **state) // two-sided, resnet_dt, sel overflow, doubling widths
{
    (void)state;
    static const char *const names[] = {"t_two.dp", "t_one_dt.dp", "t_two_dt.dp", "t_over.dp", "t_dbl.dp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/testvec/%s", dir, names[i]);
        check_model(names[i], path);
    }
}

int main(void)
{
    struct stat st;
    if (stat(ALND_SHARED_DIR "/data/dp/sample_frames.json", &st)) {
        printf("skipped: no reference data in %s\n", dir);
        return 77;
    }
    if (al_yaml_read(ALND_SHARED_DIR "/data/dp/sample_frames.json", &doc) != AL_ERR_OK) {
        printf("%s\n", al_err_message());
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(sample_models), cmocka_unit_test(variants)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    al_node_destroy(&doc);
    return rc;
}
