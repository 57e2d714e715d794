// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Inside of struct comm, for the files of this directory only.
#ifndef AL_COMM_IMPL_H
#define AL_COMM_IMPL_H

#include <mpi.h>
#include <stddef.h>

struct comm_impl {
    MPI_Comm mpi;
    double *scratch; // [nscratch] grows, for sums
    size_t nscratch;
    int *counts; // [4 * size]
    long long sent;
};

#endif
