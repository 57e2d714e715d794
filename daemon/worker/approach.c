// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "worker/approach.h"

#include "base/fsio.h"
#include "base/mem.h"
#include "base/neigh.h"
#include "base/yaml.h"
#include "train/dataset.h"

static const double NEARER = 0.95; // of the labels' shortest distance: beyond what a longer look at the same crystal finds

static void note(struct approach *a, int z, int w, double r)
{
    double *s = &a->shortest[z][w];
    if (*s > 0 && *s <= r) return;
    *s = a->shortest[w][z] = r;
}

static enum al_err add_frames(struct approach *a, const struct al_frames *frames)
{
    AL_OWN(al_neigh) list = NULL;
    AL_TRY(al_neigh_create(APPROACH_CUTOFF, 0, &list));
    for (int k = 0; k < frames->n; k++) {
        const struct al_frame *f = frames->f[k];
        AL_TRY(al_neigh_update(list, f->natoms, (const double(*)[3])f->pos, f->cell, f->pbc));
        for (int i = 0; i < f->natoms; i++)
            for (int e = list->first[i]; e < list->first[i + 1]; e++)
                note(a, f->z[i], f->z[list->pair[e].j], list->pair[e].r);
    }
    a->nframes += frames->n;
    return AL_ERR_OK;
}

enum al_err approach_read(const char *dir, struct approach *ret)
{
    AL_OWN(dp_dataset) d = NULL;
    AL_OWN(al_frames) frames = NULL;
    *ret = (struct approach){0};
    if (!al_exists(dir)) return AL_ERR_OK;
    AL_TRY(dp_dataset_read(&dir, 1, &d));
    AL_TRY(dp_dataset_frames(d, &frames));
    AL_TRY(add_frames(ret, frames));
    return AL_ERR_OK;
}

void approach_write(FILE *out, int depth, const struct approach *a, const struct tr_rdf *met)
{
    char text[512] = "";
    size_t at = 0;
    if (!a->nframes || !met) return;
    al_yaml_open(out, depth, "shortest_distances");
    for (int q = 0; q < met->npairs; q++) {
        const struct tr_rdf_pair *p = &met->pair[q];
        const char *one = al_element_symbol(p->za), *other = al_element_symbol(p->zb);
        double labels = a->shortest[p->za][p->zb];
        if (!(p->r_shortest > 0)) continue;
        fprintf(out, "%*s- {pair: %s-%s, ang: %.4g, labels_ang: ", 2 * (depth + 1), "", one, other, p->r_shortest);
        if (labels > 0) fprintf(out, "%.4g}\n", labels);
        else fputs(".nan}\n", out);
        if (p->r_shortest > NEARER * (labels > 0 ? labels : APPROACH_CUTOFF) || at >= sizeof text) continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s-%s to %.2f Ang (", at ? ", " : "", one, other, p->r_shortest);
        if (at >= sizeof text) continue;
        if (labels > 0) at += (size_t)snprintf(text + at, sizeof text - at, "labels: %.2f)", labels);
        else at += (size_t)snprintf(text + at, sizeof text - at, "labels: none within %d)", APPROACH_CUTOFF);
    }
    if (at) al_yaml_str(out, depth, "closer_than_labels", text);
}
