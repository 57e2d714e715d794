// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "readers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/dcd.h"
#include "base/frame.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/traj.h"
#include "base/yaml.h"
#include "codes/codes.h"
#include "config/loop_config.h"
#include "dft/pseudo.h"
#include "dp/h5.h"
#include "dp/model.h"
#include "train/npy.h"

#define REQUIRE(what)                                                                                        \
    do {                                                                                                     \
        if (!(what)) {                                                                                       \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #what);                         \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

// A file in memory that readers open by its name; one for each slot.
static const char *file_of(int slot, const void *bytes, size_t n)
{
    static int fd[2] = {-1, -1};
    static char path[2][32];
    if (fd[slot] < 0) {
        fd[slot] = memfd_create("fuzz", MFD_CLOEXEC);
        REQUIRE(fd[slot] >= 0);
        snprintf(path[slot], sizeof path[slot], "/proc/self/fd/%d", fd[slot]);
    }
    REQUIRE(ftruncate(fd[slot], 0) == 0);
    REQUIRE(n == 0 || pwrite(fd[slot], bytes, n, 0) == (ssize_t)n);
    return path[slot];
}

static void check_frame(const struct al_frame *f)
{
    double sum = 0;
    REQUIRE(f->natoms > 0);
    for (int i = 0; i < f->natoms; i++) {
        REQUIRE(f->z[i] > 0 && f->z[i] <= AL_ZMAX);
        for (int k = 0; k < 3; k++) {
            REQUIRE(isfinite(f->pos[i][k]));
            sum += (f->have & AL_HAVE_FORCES ? f->forces[i][k] : 0) + (f->have & AL_HAVE_VELOCITIES ? f->vel[i][k] : 0);
        }
    }
    for (int k = 0; k < 9; k++)
        REQUIRE(isfinite(f->cell[k / 3][k % 3]) && isfinite(f->virial[k / 3][k % 3]));
    REQUIRE(!isnan(sum));
    REQUIRE(isfinite(f->energy));
}

// ---- structures and trajectories -----------------------------------------------------------------------------

static void run_extxyz(const unsigned char *b, size_t n)
{
    AL_OWN(al_frames) fs = NULL;
    if (al_xyz_read(file_of(0, b, n), &fs)) return;
    for (int i = 0; i < fs->n; i++)
        check_frame(fs->f[i]);
}

static void run_poscar(const unsigned char *b, size_t n)
{
    AL_OWN(al_frame) f = NULL;
    if (!al_poscar_read(file_of(0, b, n), &f)) check_frame(f);
}

static void run_cif(const unsigned char *b, size_t n)
{
    AL_OWN(al_frame) f = NULL;
    if (!al_cif_read(file_of(0, b, n), &f)) check_frame(f);
}

static void read_all(const struct al_traj_format *format, const char *path, const struct al_traj_options *o)
{
    void *reader = NULL;
    struct al_traj_step step;
    if (format->open(path, o, &reader)) return;
    for (;;) {
        AL_OWN(al_frame) f = NULL;
        if (format->next(reader, &f, &step) || !f) break;
        check_frame(f);
        format->tell(reader);
    }
    format->close(reader);
}

static void run_traj(const struct al_traj_format *format, const unsigned char *b, size_t n)
{
    static const struct al_traj_options none, some = {.timestep = 2, .ntypes = 3, .type_z = {3, 15, 16}};
    char head[4097];
    size_t k = n < sizeof head - 1 ? n : sizeof head - 1;
    memcpy(head, b, k);
    head[k] = '\0';
    const char *path = file_of(0, b, n);
    format->is(path, head, k);
    read_all(format, path, &none);
    read_all(format, path, &some);
    AL_OWN(al_traj) t = NULL;
    if (!al_traj_open(path, NULL, &t)) REQUIRE(al_traj_format_name(t));
}

static void run_lammps(const unsigned char *b, size_t n)
{
    run_traj(&al_traj_lammps, b, n);
}

static void run_xdatcar(const unsigned char *b, size_t n)
{
    run_traj(&al_traj_xdatcar, b, n);
}

static void run_dcd(const unsigned char *b, size_t n)
{
    static const char topology[] = "3\nLattice=\"4 0 0 1 5 0 0 1 6\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\nLi 0 0 0\nLi 1 1 1\nS 2 2 2\n";
    AL_OWN(al_dcd) d = NULL;
    const char *atoms = file_of(1, topology, sizeof topology - 1);
    if (al_dcd_open(file_of(0, b, n), atoms, &d)) return;
    for (;;) {
        AL_OWN(al_frame) f = NULL;
        double time;
        if (al_dcd_next(d, &f, &time) || !f) break;
        check_frame(f);
    }
}

// ---- outputs of other programs -------------------------------------------------------------------------------

static void run_code(const struct code_format *format, const unsigned char *b, size_t n)
{
    char head[4097];
    size_t k = n < sizeof head - 1 ? n : sizeof head - 1;
    memcpy(head, b, k);
    head[k] = '\0';
    const char *path = file_of(0, b, n);
    void *reader = NULL;
    format->is(path, head, k);
    if (format->open(path, &reader)) return;
    for (;;) {
        struct code_step step = {0};
        if (format->next(reader, &step) || !step.frame) break;
        check_frame(step.frame);
        REQUIRE(!step.converged || (step.frame->have & AL_HAVE_ENERGY));
        REQUIRE(strlen(step.note) < sizeof step.note);
        al_frame_destroy(&step.frame);
    }
    format->complete(reader);
    format->close(reader);
}

static void run_outcar(const unsigned char *b, size_t n)
{
    run_code(&code_vasp_outcar, b, n);
}

static void run_vasprun(const unsigned char *b, size_t n)
{
    run_code(&code_vasp_xml, b, n);
}

static void run_qe(const unsigned char *b, size_t n)
{
    run_code(&code_qe, b, n);
}

static void run_abinit(const unsigned char *b, size_t n)
{
    run_code(&code_abinit, b, n);
}

static void run_cp2k(const unsigned char *b, size_t n)
{
    run_code(&code_cp2k, b, n);
}

// ---- settings, pseudopotentials ------------------------------------------------------------------------------

static size_t walk(const struct al_node *n)
{
    size_t count = 1;
    for (const struct al_node *c = n->child; c; c = c->next)
        count += walk(c) + (c->key ? strlen(c->key) : 0) + (c->text ? strlen(c->text) : 0);
    return count;
}

static void run_yaml(const unsigned char *b, size_t n)
{
    AL_OWN(al_node) root = NULL;
    if (!al_yaml_parse("fuzz", (const char *)b, n, &root)) REQUIRE(walk(root) > 0);
}

static void run_loop(const unsigned char *b, size_t n)
{
    AL_OWN(loop_config) c = NULL;
    AL_OWN(loop_config) engine = NULL;
    const char *path = file_of(0, b, n);
    char hex[65];
    if (!loop_config_read(path, &c)) REQUIRE(!loop_config_section_hash(c, "label", hex));
    if (!loop_config_read_engine(path, &engine)) REQUIRE(engine);
}

static void run_pseudo(const unsigned char *b, size_t n)
{
    static const char *const entry[] = {NULL, "q3"};
    AL_AUTOFREE char *text = NULL;
    REQUIRE(!al_alloc(n + 1, 1, &text));
    memcpy(text, b, n);
    for (int i = 0; i < 2; i++) {
        AL_OWN(pseudo) p = NULL;
        if (pseudo_read("fuzz", text, n, i ? 3 : 0, entry[i], &p)) continue;
        REQUIRE(pseudo_nproj(p) >= 0 && p->nchan <= PSP_CHANNELS);
        for (int k = 0; k < p->mmax; k++)
            REQUIRE(!isnan(p->r[k] + p->w[k]));
    }
}

// ---- models, arrays ------------------------------------------------------------------------------------------

static void run_npy(const unsigned char *b, size_t n)
{
    AL_OWN(npy) a = NULL;
    if (npy_read(file_of(0, b, n), &a)) return;
    size_t product = 1;
    double sum = 0;
    for (int k = 0; k < a->ndim; k++)
        REQUIRE(!__builtin_mul_overflow(product, a->shape[k], &product));
    REQUIRE(product == a->n);
    for (size_t i = 0; i < a->n; i++)
        sum += a->data[i];
    REQUIRE(sum < 1 || sum >= 1 || isnan(sum));
}

static struct dp_model *tiny_model(bool angular)
{
    struct dp_config c = {.ntypes = 2, .type_map = {"Li", "S"}, .rcut = 4, .rcut_smth = 1, .sel = {2, 2}, .nneuron = 2,
                                       .neuron = {1, 2}, .axis_neuron = 1, .type_one_side = true, .nfit = 2, .fit = {2, 2},
                                       .fit_resnet_dt = true};
    struct dp_model *m = NULL;
    struct al_rng r;
    if (angular) c.rcut_angular = 3, c.neuron_angular = 1;
    REQUIRE(!dp_model_create(&c, &m));
    al_rng_stream(&r, 1, "fuzz", 0, 0, 0);
    dp_model_init(m, &r);
    REQUIRE(!dp_model_set_meta(m, "{\"a\": 1}"));
    return m;
}

static void check_model(const struct dp_model *m)
{
    REQUIRE(!dp_config_check(&m->c));
    for (size_t i = 0; i < m->nparam; i++)
        REQUIRE(isfinite(m->param[i]));
}

// The bytes of a file, libhdf5 and all.
static void run_dp(const unsigned char *b, size_t n)
{
    AL_OWN(dp_model) m = NULL;
    if (!dp_model_read_bytes("fuzz", b, n, &m)) check_model(m); // from memory: libhdf5 does not open a memfd
}

// The tree of a model: what is ours to understand, over a sound HDF5 file with the arrays.
static void run_dp_tree(const unsigned char *b, size_t n)
{
    static struct h5 *arrays;
    AL_AUTOFREE char *json = NULL;
    AL_OWN(dp_model) m = NULL;
    if (!arrays) {
        AL_OWN(dp_model) tiny = tiny_model(false);
        char dir[] = "/tmp/alnd-fuzz-XXXXXX", path[64];
        REQUIRE(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/m.dp", dir);
        REQUIRE(!dp_model_write(path, tiny));
        REQUIRE(!h5_open(path, &arrays));
        unlink(path);
        rmdir(dir);
    }
    REQUIRE(!al_alloc(n + 1, 1, &json));
    memcpy(json, b, n);
    if (!dp_model_read_tree(arrays, "fuzz", json, &m)) check_model(m);
}

int fuzz_seed_models(const char *dir)
{
    for (int angular = 0; angular < 2; angular++) {
        AL_OWN(dp_model) m = tiny_model(angular);
        AL_OWN(h5) h = NULL;
        AL_AUTOFREE char *json = NULL;
        const char *name = angular ? "angular" : "model";
        char path[AL_PATH];
        if (al_path(path, "%s/dp/%s.dp", dir, name) || dp_model_write(path, m) || h5_open(path, &h) || h5_read_text(h, "json", &json)) return 1;
        if (al_path(path, "%s/dp_tree/%s.json", dir, name) || al_file_write(path, json, strlen(json))) return 1;
    }
    return 0;
}

const struct fuzz_reader fuzz_readers[] = {
    {"extxyz", run_extxyz}, {"poscar", run_poscar}, {"cif", run_cif},     {"lammps", run_lammps},   {"xdatcar", run_xdatcar},
    {"dcd", run_dcd},       {"yaml", run_yaml},     {"loop", run_loop},   {"psp8", run_pseudo},     {"upf", run_pseudo},
    {"gth", run_pseudo},    {"npy", run_npy},       {"dp_tree", run_dp_tree}, {"dp", run_dp},       {"qe", run_qe},
    {"outcar", run_outcar}, {"vasprun", run_vasprun}, {"abinit", run_abinit}, {"cp2k", run_cp2k},   {NULL, NULL},
};

const struct fuzz_reader *fuzz_find(const char *name)
{
    for (const struct fuzz_reader *r = fuzz_readers; r->name; r++)
        if (strcmp(r->name, name) == 0) return r;
    return NULL;
}
