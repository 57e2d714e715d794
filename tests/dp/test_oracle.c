// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The other model files of shared/data/dp/testvec (h5py-written, minimal, two-sided, out_std, float32
// cut-offs, trained by deepmd-kit), of which no results are stored, against the reference program ref_se_a.py
// in TensorFlow mode: 1e-9; the fast ways 1e-8 in double, 1e-6 eV/atom and 1e-4 eV/Ang in mixed precision. Needs python with numpy and h5py: ALND_PEER_PYTHON or /opt/dpvenv/bin/python.
#include "dp_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "dp/potential.h"

static const char *python = "/opt/dpvenv/bin/python";
static char dir[] = "/tmp/alnd-oracle-XXXXXX";
static const char DATA[] = ALND_SHARED_DIR "/data/dp";

// Frame k of sample_frames.json: natoms, then periodic, cell, species and positions, then the results.
static const char PROGRAM[] = "import sys, json\n"
                              "sys.path.insert(0, sys.argv[1])\n"
                              "import numpy as np, ref_se_a as r\n"
                              "D = json.load(open(sys.argv[1] + '/sample_frames.json'))\n"
                              "M = r.SeA(sys.argv[2])\n"
                              "for f in D['frames']:\n"
                              "    x, t = np.array(f['coords']), np.array(f['types'])\n"
                              "    c = None if f['cell'] is None else np.array(f['cell'])\n"
                              "    e, F, V, ae, av = M.eval(x, c, t)\n"
                              "    print(len(x), int(c is not None), ' '.join(f['symbols']))\n"
                              "    for a in (np.zeros(9) if c is None else c, x, e, F, V):\n"
                              "        print(' '.join('%.17g' % v for v in np.ravel(a)))\n";

static void numbers(FILE *in, double *out, int n)
{
    for (int i = 0; i < n; i++)
        if (fscanf(in, "%lf", &out[i]) != 1) fail_msg("the reference program's output ends early");
}

static void compare(const char *what, int n, const double *a, const double *b, double tolerance)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance)) fail_msg("%s[%d]: %.17g, reference %.17g", what, i, a[i], b[i]);
}

static void check(const char *name, enum dp_way way)
{
    static const double energies[] = {1e-9, 1e-8, 1e-6}, forces[] = {1e-9, 1e-8, 1e-4}; // plain: of the whole frame
    char command[4096], path[1024];
    snprintf(path, sizeof path, "%s/testvec/%s", DATA, name);
    snprintf(command, sizeof command, "OMP_NUM_THREADS=1 %s -B %s/p.py %s %s > %s/out", python, dir, DATA,
             path, dir);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/out", dir);
    FILE *in = fopen(command, "r");
    assert_non_null(in);
    struct potential *p = NULL;
    MUST(dp_potential_open(path, way, &p));
    int n, pbc, frames = 0;
    while (fscanf(in, "%d %d", &n, &pbc) == 2) {
        struct al_frame *f = NULL;
        MUST(al_frame_create(n, &f));
        f->pbc = pbc;
        for (int i = 0; i < n; i++) {
            char symbol[8];
            assert_int_equal(fscanf(in, "%7s", symbol), 1);
            f->z[i] = al_element_z(symbol);
        }
        double e, force[256], virial[9];
        assert_true(n < 80);
        numbers(in, &f->cell[0][0], 9);
        numbers(in, &f->pos[0][0], 3 * n);
        numbers(in, &e, 1);
        numbers(in, force, 3 * n);
        numbers(in, virial, 9);
        struct pot_result r = {.forces = f->forces};
        MUST(p->ops->eval(p, f, &r));
        compare("energy", 1, &r.energy, &e, way == DP_WAY_PLAIN ? energies[way] : n * energies[way]);
        compare("force", 3 * n, &f->forces[0][0], force, forces[way]);
        compare("virial", 9, &r.virial[0][0], virial, way == DP_WAY_PLAIN ? forces[way] : n * forces[way]);
        al_frame_destroy(&f);
        frames++;
    }
    assert_int_equal(frames, 5);
    fclose(in);
    potential_destroy(&p);
}

static void test_vectors(void **state)
{
    (void)state;
    static const char *const names[] = {"h5py_full.dp",    "h5py_twosided.dp", "out_std2.dp",
                                        "rcut_5.1_0.3.dp", "tf_trained.dp",    "t_dbl.dp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int way = DP_WAY_PLAIN; way <= DP_WAY_MIXED; way++)
            check(names[i], (enum dp_way)way);
}

// The minimal file lacks every optional key; with the same random numbers it is the full one.
static void minimal_file(void **state)
{
    (void)state;
    struct dp_model *a = NULL, *b = NULL;
    MUST(dp_model_read(ALND_SHARED_DIR "/data/dp/testvec/h5py_minimal.dp", &a));
    MUST(dp_model_read(ALND_SHARED_DIR "/data/dp/testvec/h5py_full.dp", &b));
    assert_int_equal(a->nparam, b->nparam);
    assert_memory_equal(a->param, b->param, a->nparam * sizeof *a->param);
    assert_memory_equal(a->bias, b->bias, sizeof a->bias);
    dp_model_destroy(&a);
    dp_model_destroy(&b);
}

int main(void)
{
    struct stat st;
    char command[1024], file[64];
    if (getenv("ALND_PEER_PYTHON")) python = getenv("ALND_PEER_PYTHON");
    if (stat(ALND_SHARED_DIR "/data/dp/ref_se_a.py", &st)) {
        printf("skipped: no reference data in %s\n", DATA);
        return 77;
    }
    snprintf(command, sizeof command, "%s -c 'import numpy, h5py' 2>/dev/null", python);
    if (system(command)) {
        printf("skipped: no %s with numpy and h5py (set ALND_PEER_PYTHON)\n", python);
        return 77;
    }
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/p.py", dir);
    FILE *out = fopen(file, "w");
    if (!out || fputs(PROGRAM, out) < 0 || fclose(out)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(minimal_file)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    snprintf(file, sizeof file, "%s/out", dir);
    unlink(file);
    rmdir(dir);
    return rc;
}
