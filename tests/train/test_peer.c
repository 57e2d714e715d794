// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A model trained here, converted by deepmd-kit (`dp convert-backend x.dp x.pb`) and evaluated with its
// DeepPot: energy, forces and virial as ours to 1e-6 (the agreement is near 1e-12; cut-offs are multiples of
// 1/16). The data set that we write is what deepmd-kit reads. Needs deepmd-kit with TensorFlow:
// ALND_PEER_PYTHON or /opt/dpvenv/bin/python.
#include "train_fixture.h"

#include <unistd.h>

#include "base/fsio.h"

static const char *python = "/opt/dpvenv/bin/python";
static char dir[] = "/tmp/alnd-peer-XXXXXX";

static const char PROGRAM[] =
    "import sys, glob\n"
    "import numpy as np\n"
    "from deepmd.infer import DeepPot\n"
    "d = sys.argv[1]\n"
    "p = DeepPot(d + '/m.pb')\n"
    "tm = p.get_type_map()\n"
    "names = open(d + '/sys/type_map.raw').read().split()\n"
    "t = [tm.index(names[int(k)]) for k in open(d + '/sys/type.raw').read().split()]\n"
    "x, b = np.load(d + '/sys/set.000/coord.npy'), np.load(d + '/sys/set.000/box.npy')\n"
    "with open(d + '/out', 'w') as o:\n"
    "    for k in range(len(x)):\n"
    "        e, f, v = p.eval(x[k:k+1], b[k:k+1], t)[:3]\n"
    "        print(' '.join('%.17g' % q for a in (e, f, v) for q in np.ravel(a)), file=o)\n";

static void shell(const char *command) // with $P = python and $D = our directory
{
    char full[4096];
    snprintf(
        full, sizeof full,
        "export TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= P=%s D=%s; (%s) > %s/log 2>&1",
        python, dir, command, dir);
    if (system(full)) {
        char path[256], *log = NULL;
        snprintf(path, sizeof path, "%s/log", dir);
        if (al_file_read(path, 0, &log, NULL) == AL_ERR_OK) print_message("%s\n", log);
        al_free(log);
        fail_msg("failed: %s", command);
    }
}

static void number(FILE *in, const char *what, double ours)
{
    double theirs;
    if (fscanf(in, "%lf", &theirs) != 1) fail_msg("deepmd-kit's output ends early");
    if (!(fabs(theirs - ours) <= 1e-6)) fail_msg("%s: ours %.12g, deepmd-kit %.12g", what, ours, theirs);
}

static void compare(struct potential *p, const struct al_frames *fs)
{
    char path[256];
    snprintf(path, sizeof path, "%s/out", dir);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    for (int k = 0; k < fs->n; k++) {
        struct al_frame *f = fs->f[k];
        struct pot_result r = {.forces = f->forces};
        MUST(p->ops->eval(p, f, &r));
        number(in, "energy", r.energy);
        for (int i = 0; i < 3 * f->natoms; i++)
            number(in, "force", (&f->forces[0][0])[i]);
        for (int a = 0; a < 9; a++)
            number(in, "virial", r.virial[a / 3][a % 3]);
        assert_true(fabs(f->forces[0][0]) > 1e-6 && fabs(r.virial[0][0]) > 1e-6);
    }
    fclose(in);
}

static void trained_model(bool one_side)
{
    struct dp_dataset *d = fixture_data(6, false, 900);
    struct al_frames *fs = NULL;
    struct train_options o = fixture_options(40);
    struct trainer *t = NULL;
    struct potential *p = NULL;
    char path[256], sys[256];
    o.model.type_one_side = one_side;
    snprintf(path, sizeof path, "%s/m.dp", dir);
    snprintf(sys, sizeof sys, "%s/sys", dir);
    MUST(al_remove_tree(sys));
    MUST(dp_dataset_frames(d, &fs));
    MUST(dp_dataset_append_set(sys, (const struct al_frame *const *)fs->f, fs->n, NULL, 0, NULL, NULL));
    o.meta = "{\"fingerprint\":\"peer\"}";
    MUST(trainer_create(&o, d, NULL, &t));
    MUST(trainer_run(t));
    MUST(dp_model_write(path, trainer_model(t)));
    shell("$(dirname $P)/dp convert-backend $D/m.dp $D/m.pb");
    shell("$P $D/p.py $D");
    MUST(dp_potential_open(path, DP_WAY_PLAIN, &p));
    compare(p, fs);
    potential_destroy(&p);
    trainer_destroy(&t);
    al_frames_destroy(&fs);
    dp_dataset_destroy(&d);
}

static void one_sided(void **state)
{
    (void)state;
    trained_model(true);
}

static void two_sided(void **state)
{
    (void)state;
    trained_model(false);
}

// And back: what deepmd-kit writes from the .pb is our model again, bit for bit.
static void round_trip(void **state)
{
    (void)state;
    char a[256], b[256];
    struct dp_model *m = NULL, *n = NULL;
    shell("$(dirname $P)/dp convert-backend $D/m.pb $D/back.dp");
    snprintf(a, sizeof a, "%s/m.dp", dir);
    snprintf(b, sizeof b, "%s/back.dp", dir);
    MUST(dp_model_read(a, &m));
    MUST(dp_model_read(b, &n));
    assert_int_equal(m->nparam, n->nparam);
    assert_memory_equal(m->param, n->param, m->nparam * sizeof *m->param);
    assert_memory_equal(m->davg, n->davg, sizeof m->davg);
    assert_memory_equal(m->bias, n->bias, sizeof m->bias);
    dp_model_destroy(&m);
    dp_model_destroy(&n);
}

int main(void)
{
    char command[1024], file[256];
    if (getenv("ALND_PEER_PYTHON")) python = getenv("ALND_PEER_PYTHON");
    snprintf(command, sizeof command, "%s -c 'import deepmd, tensorflow' >/dev/null 2>&1", python);
    if (system(command)) {
        printf("skipped: no %s with deepmd-kit and TensorFlow (set ALND_PEER_PYTHON)\n", python);
        return 77;
    }
    if (!mkdtemp(dir)) return 1;
    snprintf(file, sizeof file, "%s/p.py", dir);
    if (al_file_write(file, PROGRAM, sizeof PROGRAM - 1) != AL_ERR_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_sided), cmocka_unit_test(two_sided),
                                       cmocka_unit_test(round_trip)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (al_remove_tree(dir) != AL_ERR_OK) return 1;
    return rc;
}
