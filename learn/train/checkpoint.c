// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// checkpoint.bin: magic, identity of the run, step, length of lcurve.out, factor of the learning rate and how often
// it was halved, watch over the validation error, network, optimiser, batches with their random numbers; then the
// SHA-256 of all that. Native (little-endian) doubles: a restart gives the same bits.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/hash.h"
#include "base/mem.h"
#include "train/trainer_impl.h"

static const char MAGIC[8] = "ALNDCK02";
enum { HEX = 64 };

static void hash_doubles(struct al_sha256 *h, const double *x, size_t n)
{
    al_sha256_int(h, (int64_t)n);
    al_sha256_update(h, x, n * sizeof *x);
}

static void hash_data(struct al_sha256 *h, const struct dp_dataset *d)
{
    al_sha256_int(h, d->nsys);
    for (int i = 0; i < d->nsys; i++) {
        const struct dp_system *s = &d->sys[i];
        size_t nf = (size_t)s->nframes, n = 3 * (size_t)s->natoms * nf;
        al_sha256_int(h, s->pbc);
        al_sha256_int(h, s->have);
        al_sha256_int(h, s->natoms);
        al_sha256_update(h, s->z, (size_t)s->natoms * sizeof *s->z);
        al_sha256_int(h, s->nsets);
        al_sha256_update(h, s->set_frames, (size_t)s->nsets * sizeof *s->set_frames);
        hash_doubles(h, s->coord, n);
        hash_doubles(h, s->box, 9 * nf);
        hash_doubles(h, s->energy, nf);
        hash_doubles(h, s->force, n);
        hash_doubles(h, s->virial, 9 * nf);
        hash_doubles(h, s->weight, nf);
    }
}

// Everything that decides the numbers: options, data, and the network as it stands at step 0.
void train_identity(const struct trainer *t, char ret_hex[65])
{
    const struct train_options *o = &t->o;
    struct al_sha256 h;
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-train-2");
    al_sha256_string(&h, o->fingerprint ? o->fingerprint : "");
    al_sha256_int(&h, o->steps);
    al_sha256_int(&h, o->batch);
    al_sha256_int(&h, o->pooled);
    al_sha256_int(&h, (int64_t)o->path);
    al_sha256_int(&h, o->decay_steps);
    al_sha256_int(&h, (int64_t)o->optimiser);
    al_sha256_int(&h, (int64_t)o->schedule);
    al_sha256_int(&h, o->patience);
    if (o->patience) {
        al_sha256_int(&h, o->report_every);
        al_sha256_int(&h, o->valid_batches);
        if (t->valid) hash_data(&h, t->valid);
    }
    const double numbers[] = {o->lr_start,  o->lr_stop,   o->pref_e[0], o->pref_e[1],
                              o->pref_f[0], o->pref_f[1], o->pref_v[0], o->pref_v[1]};
    hash_doubles(&h, numbers, sizeof numbers / sizeof *numbers);
    al_sha256_int(&h, (int64_t)o->seed);
    for (int i = 0; i < 3; i++)
        al_sha256_int(&h, (int64_t)o->key[i]);
    const struct dp_config *c = &t->model->c;
    al_sha256_int(&h, c->ntypes);
    for (int i = 0; i < c->ntypes; i++) {
        al_sha256_string(&h, c->type_map[i]);
        al_sha256_int(&h, c->sel[i]);
        hash_doubles(&h, t->model->davg[i], 4);
        hash_doubles(&h, t->model->dstd[i], 4);
    }
    al_sha256_double(&h, c->rcut);
    al_sha256_double(&h, c->rcut_smth);
    al_sha256_int(&h, c->axis_neuron);
    if (dp_angular(c)) {
        al_sha256_double(&h, c->rcut_angular);
        al_sha256_int(&h, c->neuron_angular);
    }
    if (dp_zbl_present(&c->zbl)) hash_doubles(&h, (const double[]){c->zbl.inner, c->zbl.outer}, 2);
    hash_doubles(&h, t->model->bias, (size_t)c->ntypes);
    hash_doubles(&h, t->model->param, t->model->nparam);
    hash_data(&h, t->train);
    al_sha256_hex(&h, ret_hex);
}

static void hash_bytes(const void *data, size_t n, char ret_hex[65])
{
    struct al_sha256 h;
    al_sha256_init(&h);
    al_sha256_update(&h, data, n);
    al_sha256_hex(&h, ret_hex);
}

// lcurve.out up to here is durable before a checkpoint names its length.
static enum al_err sync_lcurve(struct trainer *t)
{
    if (!t->lcurve) return AL_ERR_OK;
    if (fflush(t->lcurve) || fsync(fileno(t->lcurve)))
        AL_FAIL(AL_ERR_IO, "cannot write %s/lcurve.out", t->dir);
    t->lcurve_bytes = ftell(t->lcurve);
    return AL_ERR_OK;
}

enum al_err checkpoint_pack(struct trainer *t, char **ret, size_t *ret_n)
{
    char *buf = NULL, hex[65];
    size_t n = 0;
    FILE *out = open_memstream(&buf, &n);
    if (!out) AL_FAIL(AL_ERR_NOMEM, "no memory for a checkpoint");
    int64_t step = t->step, bytes = t->lcurve_bytes, nparam = (int64_t)t->model->nparam, halved = t->recoveries;
    fwrite(MAGIC, sizeof MAGIC, 1, out);
    fwrite(t->identity, HEX, 1, out);
    fwrite(&step, sizeof step, 1, out);
    fwrite(&bytes, sizeof bytes, 1, out);
    fwrite(&t->lr_scale, sizeof t->lr_scale, 1, out);
    fwrite(&halved, sizeof halved, 1, out);
    int64_t cool[2] = {t->o.cool_from, t->o.cool_steps};
    fwrite(&t->best, sizeof t->best, 1, out);
    fwrite(&t->waited, sizeof t->waited, 1, out);
    fwrite(cool, sizeof cool, 1, out);
    fwrite(&nparam, sizeof nparam, 1, out);
    fwrite(t->model->param, sizeof(double), t->model->nparam, out);
    t->optimiser->save(t->optimiser_state, out);
    batcher_save(t->batcher, out);
    fflush(out);
    hash_bytes(buf, n, hex);
    fwrite(hex, HEX, 1, out);
    int bad = ferror(out);
    if (fclose(out) || bad) {
        free(buf);
        AL_FAIL(AL_ERR_NOMEM, "no memory for a checkpoint");
    }
    *ret = buf;
    *ret_n = n;
    return AL_ERR_OK;
}

enum al_err checkpoint_write(struct trainer *t)
{
    char *buf, path[AL_PATH];
    size_t n;
    for (size_t i = 0; i < t->model->nparam; i++)
        if (!isfinite(t->model->param[i]))
            AL_FAIL(AL_ERR_UNPHYSICAL, "step %ld: the weights are not finite", t->step);
    AL_TRY(sync_lcurve(t));
    AL_TRY(al_path(path, "%s/checkpoint.bin", t->dir));
    AL_TRY(checkpoint_pack(t, &buf, &n));
    enum al_err e = al_file_write(path, buf, n);
    free(buf);
    t->retried = false;
    return e;
}

enum al_err checkpoint_unpack(struct trainer *t, const char *path, const char *buf, size_t n)
{
    const unsigned char *p = (const unsigned char *)buf;
    char hex[65], magic[sizeof MAGIC], identity[HEX];
    if (n < 2 * HEX) AL_FAIL(AL_ERR_CORRUPT, "%s is damaged", path);
    hash_bytes(p, n - HEX, hex);
    if (memcmp(hex, p + n - HEX, HEX))
        AL_FAIL(AL_ERR_CORRUPT, "%s is damaged: its checksum does not fit", path);
    const unsigned char *end = p + n - HEX;
    int64_t step, bytes, nparam, halved;
    double scale;
    AL_TRY(optimiser_take(&p, end, magic, sizeof magic));
    AL_TRY(optimiser_take(&p, end, identity, sizeof identity));
    if (memcmp(magic, MAGIC, sizeof magic))
        AL_FAIL(AL_ERR_CORRUPT, "%s is no checkpoint of this version", path);
    if (memcmp(identity, t->identity, HEX))
        AL_FAIL_HINT(AL_ERR_CORRUPT, "remove it to train from the start",
                     "%s belongs to other data or options", path);
    AL_TRY(optimiser_take(&p, end, &step, sizeof step));
    AL_TRY(optimiser_take(&p, end, &bytes, sizeof bytes));
    AL_TRY(optimiser_take(&p, end, &scale, sizeof scale));
    AL_TRY(optimiser_take(&p, end, &halved, sizeof halved));
    int64_t cool[2];
    AL_TRY(optimiser_take(&p, end, &t->best, sizeof t->best));
    AL_TRY(optimiser_take(&p, end, &t->waited, sizeof t->waited));
    AL_TRY(optimiser_take(&p, end, cool, sizeof cool));
    AL_TRY(optimiser_take(&p, end, &nparam, sizeof nparam));
    if (cool[0] < 0 || cool[1] < (cool[0] > 0) || cool[0] > t->o.steps - cool[1])
        AL_FAIL(AL_ERR_CORRUPT, "%s: cooling from step %ld", path, (long)cool[0]);
    t->o.cool_from = (long)cool[0];
    t->o.cool_steps = (long)cool[1];
    if (nparam != (int64_t)t->model->nparam || step < 0 || step > t->o.steps || bytes < 0 || !(scale > 0) || halved < 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s does not fit the model", path);
    size_t len = t->model->nparam * sizeof(double);
    AL_TRY(optimiser_take(&p, end, t->model->param, len));
    AL_TRY(t->optimiser->load(t->optimiser_state, &p, end));
    AL_TRY(batcher_load(t->batcher, &p, end));
    if (p != end) AL_FAIL(AL_ERR_CORRUPT, "%s has extra bytes", path);
    t->step = (long)step;
    t->lcurve_bytes = (long)bytes;
    t->lr_scale = scale;
    t->recoveries = (int)halved;
    return AL_ERR_OK;
}

enum al_err checkpoint_read(struct trainer *t, bool *ret_found)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/checkpoint.bin", t->dir));
    *ret_found = false;
    if (!al_exists(path)) return AL_ERR_OK;
    AL_AUTOFREE char *buf = NULL;
    size_t n;
    AL_TRY(al_file_read(path, (size_t)1 << 34, &buf, &n));
    AL_TRY(checkpoint_unpack(t, path, buf, n));
    *ret_found = true;
    return AL_ERR_OK;
}
