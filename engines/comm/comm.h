// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Facade of MPI: the only library that includes <mpi.h>. A communicator is an object passed explicitly. When
// MPI was not initialised (comm_init under no launcher) everything works with one process. Sums are taken in
// rank order, so that a result depends on the number of ranks only, never on timing.
//
// Collective: every function with a struct comm, except comm_agree's reading of fields rank and size.
#ifndef AL_COMM_COMM_H
#define AL_COMM_COMM_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct comm {
    int rank, size;
    struct comm_impl *impl; // NULL: one process without MPI
};

// Start MPI when the process was started by mpirun/srun (their environment variables), else one-process mode.
enum al_err comm_init(int *argc, char ***argv);
void comm_finalize(void);            // does nothing in one-process mode
bool comm_parallel(void);            // MPI is running
_Noreturn void comm_abort(int code); // end all ranks

enum al_err comm_world(struct comm **ret); // a duplicate of the world; one process: size 1
enum al_err comm_self(struct comm **ret);  // this process alone
enum al_err comm_split(struct comm *c, int color, int key, struct comm **ret);
void comm_destroy(struct comm **c);

void comm_barrier(struct comm *c);
void comm_bcast(struct comm *c, void *buf, size_t bytes, int root);
// buf[i] = sum over ranks, in rank order, the same bits on every rank.
enum al_err comm_sum_d(struct comm *c, double *buf, size_t n);
enum al_err comm_sum_z(struct comm *c, double complex *buf, size_t n);
int comm_max_i(struct comm *c, int v);
double comm_max_d(struct comm *c, double v);
// The same status on all ranks: the largest code; ranks that had none get "another rank failed".
enum al_err comm_agree(struct comm *c, enum al_err err);
// counts and displacements in elements, [size] each.
void comm_alltoallv_z(struct comm *c, const double complex *send, const int *nsend, const int *at_send,
                      double complex *recv, const int *nrecv, const int *at_recv);
void comm_alltoallv_c(struct comm *c, const float complex *send, const int *nsend, const int *at_send,
                      float complex *recv, const int *nrecv, const int *at_recv);
// Rank r's part buf[at[r] .. at[r] + n[r] - 1] to everyone, in place.
void comm_allgatherv_d(struct comm *c, double *buf, const int *n, const int *at);
void comm_allgatherv_z(struct comm *c, double complex *buf, const int *n, const int *at);

// n bytes to rank `to` while m bytes come from rank `from` (either may be this rank itself; equal on both sides).
void comm_sendrecv(struct comm *c, const void *send, size_t n, int to, void *recv, size_t m, int from);
// Rank 0's parts all[at[r]] .. of n[r] bytes each to their ranks, into mine; and back. all, n, at: on rank 0 only.
void comm_scatter(struct comm *c, const void *all, const int *n, const int *at, void *mine, int nmine);
void comm_gather(struct comm *c, const void *mine, int nmine, void *all, const int *n, const int *at);

// Contiguous split of n items: rank r has [comm_first(n, size, r), comm_first(n, size, r + 1)).
static inline int comm_first(int n, int size, int rank)
{
    return (int)((long)n * rank / size);
}

// Bytes that this rank has handed over for other ranks since the communicator was made: what a function here sends
// to each other rank (a broadcast: the root's bytes once for each receiver; a sum of n > 1024 doubles on p ranks: 2 n
// (p - 1)/p). What ScaLAPACK sends is not in it.
long long comm_bytes(const struct comm *c);

#define AL_TRY_ALL(c, expr) AL_TRY(comm_agree((c), (expr)))

#endif
