// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Everything beyond D that the verbs analyze and diffusion say about the runs of one temperature: did the framework stay whole,
// collective conductivity, radial distribution, van Hove functions, density, sites and jumps, rotation of the anions.
#ifndef AL_WORKER_STRUCTURE_H
#define AL_WORKER_STRUCTURE_H

#include "transport/collective.h"
#include "transport/rdf.h"
#include "transport/rotation.h"
#include "transport/sites.h"
#include "transport/vanhove.h"
#include "worker/task.h"

struct transport;
struct transport_point;

enum structure_part { PART_FRAMEWORK, PART_COLLECTIVE, PART_RDF, PART_VANHOVE, PART_DENSITY, PART_SITES, PART_ROTATION, NPARTS };

struct structure {
    struct tr_framework *framework, **of_run; // of all runs; [nruns] of each
    int nruns;
    struct tr_collective *collective;
    struct tr_rdf *rdf;
    struct tr_vanhove *vanhove;
    struct tr_density *density;
    struct tr_sites *sites;
    struct tr_rotation *rotation;
    char why[NPARTS][AL_ERR_TEXT];            // where the part is NULL
    char dir[AL_PATH];
};

// Analyses the point's runs and writes its files into PREFIXstructure-LABEL/. What cannot be said (AL_ERR_INPUT: too short, no
// such atoms, no cell) is kept in why and is no failure.
enum al_err structure_create(const struct transport *t, const struct transport_point *p, struct task *task, const char *prefix,
                             struct structure **ret);
void structure_destroy(struct structure **s);
// "structure:" with everything below it.
void structure_write(FILE *out, int depth, const struct transport *t, const struct transport_point *p, const struct structure *s);

#endif
