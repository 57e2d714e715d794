#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
# mpirun for the daemon's tests that are not about MPI: one process, no start-up time.
while [ "$1" != "-np" ]; do shift; done
shift 2
exec "$@"
