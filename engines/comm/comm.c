// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// MPI behind struct comm. Sums: each rank owns a slice, collects all ranks' copies of it, adds them in rank
// order and hands the sum back, so that no tree shape or message timing can change a bit.
#include "comm/comm.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "comm/impl.h"

static bool running;

static bool under_launcher(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i])) return true;
    return false;
}

enum al_err comm_init(int *argc, char ***argv)
{
    if (running || !under_launcher()) return AL_ERR_OK;
    if (MPI_Init(argc, argv) != MPI_SUCCESS) AL_FAIL(AL_ERR_LOST, "MPI_Init failed");
    running = true;
    return AL_ERR_OK;
}

void comm_finalize(void)
{
    if (running) MPI_Finalize();
    running = false;
}

bool comm_parallel(void)
{
    return running;
}

void comm_abort(int code)
{
    if (running) MPI_Abort(MPI_COMM_WORLD, code);
    _Exit(code);
}

static enum al_err wrap(MPI_Comm mpi, struct comm **ret)
{
    struct comm *c = NULL;
    AL_ALLOC(c, 1);
    enum al_err e = al_alloc(1, sizeof *c->impl, &c->impl);
    if (e != AL_ERR_OK) {
        al_free(c);
        return e;
    }
    c->impl->mpi = mpi;
    MPI_Comm_rank(mpi, &c->rank);
    MPI_Comm_size(mpi, &c->size);
    *ret = c;
    return AL_ERR_OK;
}

static enum al_err single(struct comm **ret)
{
    struct comm *c = NULL;
    AL_ALLOC(c, 1);
    c->size = 1;
    *ret = c;
    return AL_ERR_OK;
}

static enum al_err duplicate(MPI_Comm from, struct comm **ret)
{
    if (!running) return single(ret);
    MPI_Comm mpi;
    if (MPI_Comm_dup(from, &mpi) != MPI_SUCCESS) AL_FAIL(AL_ERR_LOST, "MPI_Comm_dup failed");
    return wrap(mpi, ret);
}

enum al_err comm_world(struct comm **ret)
{
    return duplicate(MPI_COMM_WORLD, ret);
}

enum al_err comm_self(struct comm **ret)
{
    return duplicate(MPI_COMM_SELF, ret);
}

enum al_err comm_split(struct comm *c, int color, int key, struct comm **ret)
{
    if (!c->impl) return single(ret);
    MPI_Comm mpi;
    if (MPI_Comm_split(c->impl->mpi, color, key, &mpi) != MPI_SUCCESS)
        AL_FAIL(AL_ERR_LOST, "MPI_Comm_split failed");
    return wrap(mpi, ret);
}

void comm_destroy(struct comm **c)
{
    if (!*c) return;
    if ((*c)->impl) {
        if (running) MPI_Comm_free(&(*c)->impl->mpi);
        al_free((*c)->impl->scratch);
        al_free((*c)->impl->counts);
        al_free((*c)->impl);
    }
    al_free(*c);
    *c = NULL;
}

void comm_barrier(struct comm *c)
{
    if (c->impl) MPI_Barrier(c->impl->mpi);
}

long long comm_bytes(const struct comm *c)
{
    return c->impl ? c->impl->sent : 0;
}

// n items of some bytes to each of the others.
static void count(struct comm *c, size_t n, size_t bytes)
{
    c->impl->sent += (long long)(n * bytes) * (c->size - 1);
}

void comm_bcast(struct comm *c, void *buf, size_t bytes, int root)
{
    if (c->size == 1) return;
    char *p = buf;
    if (c->rank == root) count(c, bytes, 1);
    const size_t most = (size_t)1 << 30;
    while (bytes > 0) {
        size_t n = bytes < most ? bytes : most;
        MPI_Bcast(p, (int)n, MPI_BYTE, root, c->impl->mpi);
        p += n;
        bytes -= n;
    }
}

static enum al_err room(struct comm *c, size_t n)
{
    struct comm_impl *m = c->impl;
    if (!m->counts) AL_ALLOC(m->counts, 4 * c->size);
    if (m->nscratch >= n) return AL_ERR_OK;
    double *p = NULL;
    AL_ALLOC(p, n);
    al_free(m->scratch);
    m->scratch = p;
    m->nscratch = n;
    return AL_ERR_OK;
}

// Few numbers: everyone gets all copies.
static enum al_err sum_small(struct comm *c, double *buf, int n)
{
    AL_TRY(room(c, (size_t)n * (size_t)c->size));
    double *all = c->impl->scratch;
    count(c, (size_t)n, sizeof *buf);
    MPI_Allgather(buf, n, MPI_DOUBLE, all, n, MPI_DOUBLE, c->impl->mpi);
    for (int i = 0; i < n; i++) {
        double s = all[i];
        for (int r = 1; r < c->size; r++)
            s += all[(size_t)r * (size_t)n + (size_t)i];
        buf[i] = s;
    }
    return AL_ERR_OK;
}

static enum al_err sum_block(struct comm *c, double *buf, int n)
{
    const int mine = comm_first(n, c->size, c->rank + 1) - comm_first(n, c->size, c->rank);
    AL_TRY(room(c, (size_t)mine * (size_t)c->size));
    double *all = c->impl->scratch;
    int *ns = c->impl->counts, *as = ns + c->size, *nr = as + c->size, *ar = nr + c->size;
    for (int r = 0; r < c->size; r++) {
        as[r] = comm_first(n, c->size, r);
        ns[r] = comm_first(n, c->size, r + 1) - as[r];
        nr[r] = mine;
        ar[r] = mine * r;
    }
    c->impl->sent += (long long)sizeof *buf * (n - mine);
    MPI_Alltoallv(buf, ns, as, MPI_DOUBLE, all, nr, ar, MPI_DOUBLE, c->impl->mpi);
    double *own = buf + as[c->rank];
    for (int i = 0; i < mine; i++) {
        double s = all[i];
        for (int r = 1; r < c->size; r++)
            s += all[(size_t)r * (size_t)mine + (size_t)i];
        own[i] = s;
    }
    comm_allgatherv_d(c, buf, ns, as);
    return AL_ERR_OK;
}

enum al_err comm_sum_d(struct comm *c, double *buf, size_t n)
{
    if (c->size == 1) return AL_ERR_OK;
    if (n <= 1024) return sum_small(c, buf, (int)n);
    const size_t most = (size_t)1 << 24; // bounds the scratch
    for (size_t at = 0; at < n; at += most)
        AL_TRY(sum_block(c, buf + at, (int)(n - at < most ? n - at : most)));
    return AL_ERR_OK;
}

enum al_err comm_sum_z(struct comm *c, double complex *buf, size_t n)
{
    return comm_sum_d(c, (double *)buf, 2 * n);
}

int comm_max_i(struct comm *c, int v)
{
    int most = v;
    if (c->size == 1) return v;
    count(c, 1, sizeof v);
    MPI_Allreduce(&v, &most, 1, MPI_INT, MPI_MAX, c->impl->mpi);
    return most;
}

double comm_max_d(struct comm *c, double v)
{
    double most = v;
    if (c->size == 1) return v;
    count(c, 1, sizeof v);
    MPI_Allreduce(&v, &most, 1, MPI_DOUBLE, MPI_MAX, c->impl->mpi);
    return most;
}

enum al_err comm_agree(struct comm *c, enum al_err err)
{
    int worst = comm_max_i(c, (int)err);
    if (worst != (int)AL_ERR_OK && err == AL_ERR_OK) AL_FAIL((enum al_err)worst, "another rank failed");
    return (enum al_err)worst;
}

void comm_alltoallv_z(struct comm *c, const double complex *send, const int *nsend, const int *at_send,
                      double complex *recv, const int *nrecv, const int *at_recv)
{
    if (c->size == 1) {
        memcpy(recv + at_recv[0], send + at_send[0], (size_t)nsend[0] * sizeof *send);
        return;
    }
    for (int r = 0; r < c->size; r++)
        if (r != c->rank) c->impl->sent += (long long)sizeof *send * nsend[r];
    MPI_Alltoallv(send, nsend, at_send, MPI_C_DOUBLE_COMPLEX, recv, nrecv, at_recv, MPI_C_DOUBLE_COMPLEX,
                  c->impl->mpi);
}

void comm_alltoallv_c(struct comm *c, const float complex *send, const int *nsend, const int *at_send,
                      float complex *recv, const int *nrecv, const int *at_recv)
{
    if (c->size == 1) {
        memcpy(recv + at_recv[0], send + at_send[0], (size_t)nsend[0] * sizeof *send);
        return;
    }
    for (int r = 0; r < c->size; r++)
        if (r != c->rank) c->impl->sent += (long long)sizeof *send * nsend[r];
    MPI_Alltoallv(send, nsend, at_send, MPI_C_FLOAT_COMPLEX, recv, nrecv, at_recv, MPI_C_FLOAT_COMPLEX,
                  c->impl->mpi);
}

void comm_allgatherv_d(struct comm *c, double *buf, const int *n, const int *at)
{
    if (c->size == 1) return;
    count(c, (size_t)n[c->rank], sizeof *buf);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, buf, n, at, MPI_DOUBLE, c->impl->mpi);
}

void comm_allgatherv_z(struct comm *c, double complex *buf, const int *n, const int *at)
{
    if (c->size == 1) return;
    count(c, (size_t)n[c->rank], sizeof *buf);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, buf, n, at, MPI_C_DOUBLE_COMPLEX, c->impl->mpi);
}

void comm_sendrecv(struct comm *c, const void *send, size_t n, int to, void *recv, size_t m, int from)
{
    if (to == c->rank && from == c->rank) {
        if (n) memcpy(recv, send, n);
        return;
    }
    c->impl->sent += to == c->rank ? 0 : (long long)n;
    MPI_Sendrecv(send, (int)n, MPI_BYTE, to, 0, recv, (int)m, MPI_BYTE, from, 0, c->impl->mpi, MPI_STATUS_IGNORE);
}

void comm_scatter(struct comm *c, const void *all, const int *n, const int *at, void *mine, int nmine)
{
    if (c->size == 1) {
        if (nmine) memcpy(mine, (const char *)all + at[0], (size_t)nmine);
        return;
    }
    for (int r = 1; c->rank == 0 && r < c->size; r++)
        c->impl->sent += n[r];
    MPI_Scatterv(all, n, at, MPI_BYTE, mine, nmine, MPI_BYTE, 0, c->impl->mpi);
}

void comm_gather(struct comm *c, const void *mine, int nmine, void *all, const int *n, const int *at)
{
    if (c->size == 1) {
        if (nmine) memcpy((char *)all + at[0], mine, (size_t)nmine);
        return;
    }
    if (c->rank) c->impl->sent += nmine;
    MPI_Gatherv(mine, nmine, MPI_BYTE, all, n, at, MPI_BYTE, 0, c->impl->mpi);
}
