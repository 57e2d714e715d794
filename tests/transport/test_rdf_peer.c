// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Writes a trajectory and our g(r) of it for compare_rdf.py, which asks MDAnalysis. Positions and cell are exact in single precision
// (MDAnalysis keeps no more), so that no pair falls into another bin there.
#include <sys/wait.h>

#include "structure_cases.h"
#include "transport/rdf.h"

static double grain(struct al_rng *r, double length) // a multiple of 2^-16 Ang in [0, length)
{
    return floor(al_rng_uniform(r) * length * 65536.0) / 65536.0;
}

static void write_frames(const char *path, const struct al_frames *fs)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int t = 0; t < fs->n; t++)
        for (int i = 0; i < fs->f[t]->natoms; i++)
            fprintf(out, "%d %.17g %.17g %.17g\n", fs->f[t]->z[i], fs->f[t]->pos[i][0], fs->f[t]->pos[i][1], fs->f[t]->pos[i][2]);
    fclose(out);
}

// Box 16 x 8 x 32 Ang (powers of two: exact inverses); every other atom stays in an eighth of it, so that g is not flat.
static void test_against_mdanalysis(void **state)
{
    (void)state;
    enum { N = 60, FRAMES = 80 };
    char dir[] = "/tmp/alnd-rdf-peer-XXXXXX", path[AL_PATH], command[3 * AL_PATH];
    const char *python = getenv("ALND_TRAJ_PYTHON");
    if (!python) python = "/opt/trajvenv/bin/python";
    snprintf(command, sizeof command, "%s -c 'import MDAnalysis' 2>/dev/null", python);
    if (system(command) != 0) {
        printf("SKIP: no MDAnalysis: python3 -m venv /opt/trajvenv && /opt/trajvenv/bin/pip install MDAnalysis (or ALND_TRAJ_PYTHON)\n");
        fflush(stdout);
        _exit(77);
    }
    assert_non_null(mkdtemp(dir));
    struct scene *s = scene_new();
    struct al_rng r;
    al_rng_stream(&r, 6, "peer", 0, 0, 0);
    double box[3] = {16, 8, 32};
    for (int k = 0; k < 3; k++)
        s->cell[k][k] = box[k];
    for (int i = 0; i < N; i++)
        scene_atom(s, i < 25 ? 3 : 16, 0, 0, 0);
    for (int t = 0; t < FRAMES; t++) {
        for (int i = 0; i < N; i++)
            for (int q = 0; q < 3; q++)
                s->x[i][q] = grain(&r, i % 2 ? box[q] : 0.5 * box[q]);
        scene_shoot(s);
    }
    ok(al_path(path, "%s/frames.txt", dir));
    write_frames(path, s->fs);
    AL_OWN(tr_traj) t = scene_cut(&s, 1.0);
    const struct tr_traj *run = t;
    struct tr_rdf_options o = {.r_max = 4.0, .nbins = 80, .stride = 1};
    AL_OWN(tr_rdf) g = NULL;
    ok(tr_rdf_create(&run, 1, &o, &g));
    ok(al_path(path, "%s/rdf.csv", dir));
    ok(tr_rdf_write_csv(path, g));
    snprintf(command, sizeof command, "%s %s/tests/transport/compare_rdf.py %s %d 4.0 80", python, ALND_SOURCE_DIR, dir, N);
    int rc = system(command);
    ok(al_remove_tree(dir));
    assert_int_equal(WIFEXITED(rc) ? WEXITSTATUS(rc) : -1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_mdanalysis)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
