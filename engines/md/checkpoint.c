// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Checkpoint file: magic, version, sizes, identity, then the fields in the order of body(), then the SHA-256
// of all before it. Native byte order: it is read by the machine type that wrote it. Written whole by rename
// after the outputs are on disk, so a checkpoint never promises more than the outputs hold.
#include "base/fsio.h"
#include "base/mem.h"
#include "base/stream.h"
#include "md/md_impl.h"

enum { VERSION = 2 };
static const char magic[8] = "ALNDMD1";

struct head {
    char magic[8], identity[MD_IDENTITY];
    int version, natoms, noutputs, nobservers;
};

static void body(struct al_stream *st, const struct md_run_options *o, struct md_state *s, struct md_progress *p,
                 long *offset)
{
    struct al_frame *f = s->f;
    size_t n = (size_t)f->natoms;
    al_stream_pass(st, &s->step, sizeof s->step);
    al_stream_pass(st, &s->time, sizeof s->time);
    al_stream_pass(st, &s->bath, sizeof s->bath);
    al_stream_pass(st, s->chain, sizeof s->chain);
    al_stream_pass(st, &s->rng, sizeof s->rng);
    al_stream_pass(st, &f->pbc, sizeof f->pbc);
    al_stream_pass(st, f->cell, sizeof f->cell);
    al_stream_pass(st, f->pos, n * sizeof *f->pos);
    al_stream_pass(st, f->vel, n * sizeof *f->vel);
    al_stream_pass(st, f->forces, n * sizeof *f->forces);
    al_stream_pass(st, s->mass, n * sizeof *s->mass);
    al_stream_pass(st, &f->energy, sizeof f->energy);
    al_stream_pass(st, f->virial, sizeof f->virial);
    al_stream_pass(st, &f->have, sizeof f->have);
    al_stream_pass(st, &p->stats, sizeof p->stats);
    al_stream_pass(st, &p->volume, sizeof p->volume);
    al_stream_pass(st, &p->end, sizeof p->end);
    al_stream_pass(st, p->text, sizeof p->text);
    al_stream_pass(st, offset, (size_t)o->noutputs * sizeof *offset);
    for (int i = 0; i < o->nobservers; i++)
        al_stream_pass(st, o->observers[i].memory, o->observers[i].memory_size);
}

static void make_head(const struct md_run_options *o, const struct md_state *s, struct head *h)
{
    *h = (struct head){
        .version = VERSION, .natoms = s->f->natoms, .noutputs = o->noutputs, .nobservers = o->nobservers};
    memcpy(h->magic, magic, sizeof magic);
    snprintf(h->identity, sizeof h->identity, "%s", o->identity ? o->identity : "");
}

// Sizes of the variable parts, so that a file of another build or another set of observers is recognised.
static size_t total_size(const struct md_run_options *o, struct md_state *s, struct md_progress *p)
{
    struct al_stream st = {.mode = AL_COUNT};
    body(&st, o, s, p, NULL);
    size_t n = (size_t)s->f->natoms;
    return sizeof(struct head) + n * sizeof *s->f->z + st.at + AL_SEAL;
}

enum al_err md_checkpoint_write(const struct md_run_options *o, const struct md_state *s,
                                const struct md_progress *p)
{
    AL_AUTOFREE long *offset = NULL;
    AL_AUTOFREE char *buf = NULL;
    struct md_state state = *s; // body() takes both directions; PUT only reads
    struct md_progress progress = *p;
    AL_ALLOC(offset, o->noutputs);
    for (int i = 0; i < o->noutputs; i++)
        AL_TRY(md_output_sync(o->outputs[i], &offset[i]));
    struct al_stream st = {.mode = AL_PUT, .size = total_size(o, &state, &progress)};
    AL_ALLOC(buf, st.size + 1);
    st.buf = buf;
    struct head h;
    make_head(o, s, &h);
    al_stream_pass(&st, &h, sizeof h);
    al_stream_pass(&st, s->f->z, (size_t)s->f->natoms * sizeof *s->f->z);
    body(&st, o, &state, &progress, offset);
    al_stream_seal(buf, st.at);
    AL_TRY_MSG(al_file_write(o->checkpoint, buf, st.size), "writing checkpoint");
    return AL_ERR_OK;
}

static enum al_err check(const struct md_run_options *o, struct md_state *s, struct md_progress *p,
                         const char *buf, size_t n)
{
    struct head want, have;
    if (n < sizeof have + AL_SEAL || memcmp(buf, magic, sizeof magic) != 0)
        AL_FAIL(AL_ERR_CORRUPT, "%s is not an MD checkpoint", o->checkpoint);
    if (!al_stream_sealed(buf, n))
        AL_FAIL(AL_ERR_CORRUPT, "%s is damaged: its checksum does not fit", o->checkpoint);
    make_head(o, s, &want);
    memcpy(&have, buf, sizeof have);
    if (memcmp(&want, &have, sizeof want) != 0 || n != total_size(o, s, p) ||
        memcmp(buf + sizeof have, s->f->z, (size_t)s->f->natoms * sizeof *s->f->z) != 0)
        AL_FAIL_HINT(AL_ERR_CORRUPT, "remove it to start the run from its beginning",
                     "%s belongs to another run (other inputs, atoms or outputs)", o->checkpoint);
    return AL_ERR_OK;
}

enum al_err md_checkpoint_read(const struct md_run_options *o, struct md_state *s, struct md_progress *p)
{
    AL_AUTOFREE long *offset = NULL;
    AL_AUTOFREE char *buf = NULL;
    size_t n;
    AL_ALLOC(offset, o->noutputs);
    AL_TRY(al_file_read(o->checkpoint, 0, &buf, &n));
    AL_TRY(check(o, s, p, buf, n));
    struct al_stream st = {.mode = AL_GET, .buf = buf, .size = n - AL_SEAL};
    st.at = sizeof(struct head) + (size_t)s->f->natoms * sizeof *s->f->z;
    body(&st, o, s, p, offset);
    p->text[MD_TEXT - 1] = '\0';
    for (int i = 0; i < o->noutputs; i++)
        AL_TRY(md_output_start(o->outputs[i], offset[i]));
    return AL_ERR_OK;
}
