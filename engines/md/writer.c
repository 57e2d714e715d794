// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "md/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"

static const size_t QUEUE_BYTES = 64 << 20; // at least one item is let in, whatever its size

struct item {
    struct item *next;
    struct al_frame *frame; // or bytes
    char *bytes;
    size_t n; // of bytes; of a frame's memory
};

struct md_writer {
    char *path;
    FILE *file; // the thread's, except while the queue is empty and it is not at work
    struct al_dcd_spec dcd;
    bool is_dcd;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; // of all below
    pthread_cond_t filled, taken;
    struct item *first, **last;
    size_t pending; // bytes in the queue and in hand
    bool end;
    enum al_err error;
    char text[AL_ERR_TEXT];
};

static void item_free(struct item *it)
{
    al_frame_destroy(&it->frame);
    al_free(it->bytes);
    al_free(it);
}

static enum al_err write_item(struct md_writer *w, const struct item *it)
{
    if (it->frame && w->is_dcd) AL_TRY(al_dcd_write_frame(w->file, it->frame));
    else if (it->frame) AL_TRY(al_xyz_write_frame(w->file, it->frame));
    else if (fwrite(it->bytes, 1, it->n, w->file) != it->n)
        AL_FAIL(al_err_from_errno(errno), "%s", strerror(errno));
    return AL_ERR_OK;
}

// Under the lock.
static void keep_error(struct md_writer *w, enum al_err e)
{
    if (w->error || !e) return;
    w->error = e;
    snprintf(w->text, sizeof w->text, "writing %s: %s", w->path, al_err_message());
}

static void *work(void *ctx)
{
    struct md_writer *w = ctx;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->first && !w->end)
            pthread_cond_wait(&w->filled, &w->lock);
        struct item *it = w->first;
        if (!it) break;
        w->first = it->next;
        if (!w->first) w->last = &w->first;
        bool sound = w->error == AL_ERR_OK;
        pthread_mutex_unlock(&w->lock);
        enum al_err e = sound ? write_item(w, it) : AL_ERR_OK;
        size_t n = it->n;
        item_free(it);
        pthread_mutex_lock(&w->lock);
        keep_error(w, e);
        w->pending -= n;
        pthread_cond_broadcast(&w->taken);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

// Signals stay with the thread that knows what to do about them.
static enum al_err start(struct md_writer *w)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0) AL_FAIL(al_err_from_errno(rc), "cannot start the thread that writes %s: %s", w->path, strerror(rc));
    w->running = true;
    return AL_ERR_OK;
}

void md_writer_destroy(struct md_writer **wp)
{
    struct md_writer *w = *wp;
    *wp = NULL;
    if (!w) return;
    if (w->running) {
        pthread_mutex_lock(&w->lock);
        w->end = true;
        pthread_cond_signal(&w->filled);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    if (w->file) fclose(w->file);
    pthread_cond_destroy(&w->filled);
    pthread_cond_destroy(&w->taken);
    pthread_mutex_destroy(&w->lock);
    al_free(w->path);
    al_free(w);
}

enum al_err md_writer_create(const char *path, FILE **file, const struct al_dcd_spec *dcd, struct md_writer **ret)
{
    AL_OWN(md_writer) w = NULL;
    AL_ALLOC(w, 1);
    w->file = *file;
    *file = NULL;
    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->filled, NULL);
    pthread_cond_init(&w->taken, NULL);
    AL_TRY(al_strdup(path, &w->path));
    if (dcd) {
        w->is_dcd = true;
        w->dcd = *dcd;
        if (ftell(w->file) == 0) AL_TRY_MSG(al_dcd_write_head(w->file, dcd), "writing %s", path);
    }
    AL_TRY(start(w));
    *ret = w;
    w = NULL;
    return AL_ERR_OK;
}

static enum al_err error_of(struct md_writer *w) // under the lock
{
    if (w->error) AL_FAIL(w->error, "%s", w->text);
    return AL_ERR_OK;
}

enum al_err md_writer_check(struct md_writer *w)
{
    pthread_mutex_lock(&w->lock);
    enum al_err e = error_of(w);
    pthread_mutex_unlock(&w->lock);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err push(struct md_writer *w, struct item *it)
{
    pthread_mutex_lock(&w->lock);
    while (w->pending > 0 && w->pending + it->n > QUEUE_BYTES && !w->error)
        pthread_cond_wait(&w->taken, &w->lock);
    enum al_err e = error_of(w);
    if (!e) {
        *w->last = it;
        w->last = &it->next;
        w->pending += it->n;
        pthread_cond_signal(&w->filled);
    }
    pthread_mutex_unlock(&w->lock);
    if (e) item_free(it);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err md_writer_bytes(struct md_writer *w, const void *data, size_t n)
{
    AL_AUTOFREE char *bytes = NULL;
    struct item *it = NULL;
    if (!n) return AL_ERR_OK;
    AL_ALLOC(bytes, n);
    AL_ALLOC(it, 1);
    memcpy(bytes, data, n);
    it->bytes = bytes;
    it->n = n;
    bytes = NULL;
    AL_TRY(push(w, it));
    return AL_ERR_OK;
}

enum al_err md_writer_frame(struct md_writer *w, struct al_frame **f)
{
    struct item *it = NULL;
    AL_ALLOC(it, 1);
    it->frame = *f;
    *f = NULL;
    it->n = sizeof *it->frame + (size_t)it->frame->natoms * (sizeof(int) + 9 * sizeof(double));
    AL_TRY(push(w, it));
    return AL_ERR_OK;
}

// With nothing in the queue or in hand the file is ours.
static enum al_err settle(struct md_writer *w, long *ret_offset)
{
    if (fflush(w->file) != 0) AL_FAIL(al_err_from_errno(errno), "%s", strerror(errno));
    long size = ftell(w->file);
    if (w->is_dcd) AL_TRY(al_dcd_seal(w->file, &w->dcd, size));
    if (fflush(w->file) != 0 || ferror(w->file) || fsync(fileno(w->file)) != 0)
        AL_FAIL(al_err_from_errno(errno), "%s", strerror(errno));
    *ret_offset = size;
    return AL_ERR_OK;
}

enum al_err md_writer_sync(struct md_writer *w, long *ret_offset)
{
    long size = 0;
    pthread_mutex_lock(&w->lock);
    while (w->pending > 0)
        pthread_cond_wait(&w->taken, &w->lock);
    if (!w->error) keep_error(w, settle(w, &size));
    enum al_err e = error_of(w);
    pthread_mutex_unlock(&w->lock);
    AL_TRY(e);
    if (ret_offset) *ret_offset = size;
    return AL_ERR_OK;
}
