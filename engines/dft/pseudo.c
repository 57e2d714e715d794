// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/pseudo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/hash.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "dft/gth.h"
#include "dft/psp8.h"
#include "dft/upf.h"

// Trapezoid with Gregory's end corrections: weights of the first points, in steps.
enum { GREGORY = 7 };

static void end_weights(double w[GREGORY + 1])
{
    static const double c[GREGORY + 1] = {
        0, 1. / 12, 1. / 24, 19. / 720, 3. / 160, 863. / 60480, 275. / 24192, 33953. / 3628800};
    for (int j = 0; j <= GREGORY; j++) {
        double binomial = 1; // k over j
        w[j] = j ? 1 : 0.5;
        for (int k = j; k <= GREGORY; k++) {
            w[j] -= (j % 2 ? -1 : 1) * c[k] * binomial;
            binomial *= (k + 1.) / (k + 1 - j);
        }
    }
}

enum al_err pseudo_set_mesh(struct pseudo *p, int mmax, const double *r, const double *rab)
{
    double end[GREGORY + 1];
    end_weights(end);
    if (mmax < 20) AL_FAIL(AL_ERR_CORRUPT, "radial mesh of %d points", mmax);
    p->mmax = mmax;
    AL_ALLOC(p->r, mmax);
    AL_ALLOC(p->w, mmax);
    for (int i = 0; i < mmax; i++) {
        if (!(r[i] >= 0) || (i > 0 && !(r[i] > r[i - 1])) || (rab && !(rab[i] >= 0)))
            AL_FAIL(AL_ERR_CORRUPT, "the radial mesh does not grow at point %d", i + 1);
        p->r[i] = r[i];
        p->w[i] = rab ? rab[i] : (r[mmax - 1] - r[0]) / (mmax - 1);
        if (i <= GREGORY) p->w[i] *= end[i];
        if (mmax - 1 - i <= GREGORY) p->w[i] *= end[mmax - 1 - i];
    }
    return AL_ERR_OK;
}

// Eigenvectors of d as columns of u [n][n], values in e; a diagonal matrix keeps its order and signs.
static enum al_err diagonalise(int n, const double *d, double *u, double *e)
{
    bool diagonal = true;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            diagonal = diagonal && (i == j || d[i * n + j] == 0);
    if (!diagonal) {
        for (int i = 0; i < n * n; i++)
            u[i] = 0.5 * (d[i] + d[i % n * n + i / n]);
        AL_TRY(al_dsyevd(n, u, n, e));
        return AL_ERR_OK;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            u[i * n + j] = i == j;
        e[i] = d[i * n + i];
    }
    return AL_ERR_OK;
}

enum al_err pseudo_add_channels(struct pseudo *p, int l, int n, double *const *f, const double *d)
{
    double u[PSP_CHANNELS * PSP_CHANNELS], e[PSP_CHANNELS];
    if (n > PSP_CHANNELS || l > PSP_LMAX) AL_FAIL(AL_ERR_UNSUPPORTED, "too many projectors or l > 3");
    AL_TRY(diagonalise(n, d, u, e));
    for (int k = 0; k < n; k++) {
        if (e[k] == 0) continue;
        if (p->nchan == PSP_CHANNELS) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d projectors", PSP_CHANNELS);
        int c = p->nchan++;
        p->l[c] = l;
        p->ekb[c] = e[k];
        if (!f) { // Gaussians
            memcpy(p->mix[c], u + k * n, (size_t)n * sizeof *u);
            continue;
        }
        AL_ALLOC(p->beta[c], p->mmax);
        for (int j = 0; j < n; j++)
            for (int i = 0; i < p->mmax; i++)
                p->beta[c][i] += u[k * n + j] * f[j][i];
    }
    return AL_ERR_OK;
}

// What every file must fulfil, whatever wrote it.
static enum al_err check(const struct pseudo *p, const char *name)
{
    if (p->z < 1 || p->z > AL_ZMAX || !(p->zion > 0) || p->zion > p->z)
        AL_FAIL(AL_ERR_CORRUPT, "%s: atomic number %d, %g valence electrons", name, p->z, p->zion);
    if (!p->mmax) return AL_ERR_OK;
    // the tail of the local potential is -zion/r: otherwise the charge of the file is not that of its table
    int last = p->mmax - 1;
    double tail = -p->r[last] * p->vloc[last];
    if (fabs(tail - p->zion) > 0.05 * p->zion)
        AL_FAIL(AL_ERR_CORRUPT, "%s: the local potential ends as that of %.3f charges, not of %g", name, tail, p->zion);
    return AL_ERR_OK;
}

static const char *foreign(const char *text)
{
    static const char *const known[][2] = {{"<paw_dataset", "a PAW data set (XML)"}, {"<paw_setup", "a PAW data set (XML)"},
                                           {"<psml", "PSML"},                        {"<pseudo ", "a siesta or FPMD XML file"},
                                           {"<fpmd:species", "FPMD XML"},            {"<PP_HEADER", "UPF 1"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(text, known[i][0])) return known[i][1];
    return NULL;
}

static enum al_err by_format(const char *name, const char *text, size_t n, int z, const char *entry, struct pseudo **ret)
{
    if (n == 0) AL_FAIL(AL_ERR_CORRUPT, "%s: empty file", name);
    if (strlen(text) != n) AL_FAIL(AL_ERR_CORRUPT, "%s: not a text file", name);
    if (gth_is(text)) {
        struct al_gth g;
        AL_TRY(gth_parse(name, text, z, entry, &g));
        AL_TRY_MSG(pseudo_from_gth(&g, ret), "%s", name);
        return AL_ERR_OK;
    }
    if (entry) AL_FAIL(AL_ERR_INPUT, "%s is not a GTH file: no entry '%s' can be chosen", name, entry);
    if (strstr(text, "<UPF")) {
        AL_TRY(upf_parse(name, text, ret));
    } else if (foreign(text)) {
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "psp8, UPF 2 and GTH files are read", "%s: %s", name, foreign(text));
    } else if (psp8_is(text)) {
        AL_TRY(psp8_parse(name, text, ret));
    } else {
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "psp8, UPF 2 and GTH files are read", "%s: no known pseudopotential format", name);
    }
    struct al_sha256 s;
    al_sha256_init(&s);
    al_sha256_update(&s, text, n);
    al_sha256_hex(&s, (*ret)->sha256);
    return AL_ERR_OK;
}

enum al_err pseudo_read(const char *name, const char *text, size_t n, int z, const char *entry, struct pseudo **ret)
{
    AL_OWN(pseudo) p = NULL;
    AL_TRY(by_format(name, text, n, z, entry, &p));
    AL_TRY(check(p, name));
    if (z && p->z != z)
        AL_FAIL(AL_ERR_INPUT, "%s is a pseudopotential of %s, wanted one of %s", name, al_element_symbol(p->z),
                al_element_symbol(z));
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}

enum al_err pseudo_from_gth(const struct al_gth *g, struct pseudo **ret)
{
    AL_OWN(pseudo) p = NULL;
    AL_ALLOC(p, 1);
    AL_ALLOC(p->gth, 1);
    *p->gth = *g;
    p->z = g->z;
    p->zion = al_gth_charge(g);
    gth_functional(g, p->functional, sizeof p->functional);
    for (int l = 0; l < g->nl; l++) {
        int n = g->nl_part[l].n, k = 0;
        double d[AL_GTH_PROJ * AL_GTH_PROJ];
        for (int i = 0; i < n; i++)
            for (int j = i; j < n; j++)
                d[i * n + j] = d[j * n + i] = g->nl_part[l].h[k++];
        AL_TRY(pseudo_add_channels(p, l, n, NULL, d));
    }
    al_gth_hash(g, p->sha256);
    AL_TRY(check(p, g->name));
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}

void pseudo_destroy(struct pseudo **q)
{
    struct pseudo *p = *q;
    if (!p) return;
    for (int c = 0; c < PSP_CHANNELS; c++)
        al_free(p->beta[c]);
    void *all[] = {p->r, p->w, p->vloc, p->core, p->valence, p->gth, p};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        al_free(all[i]);
    *q = NULL;
}

int pseudo_nproj(const struct pseudo *p)
{
    int n = 0;
    for (int c = 0; c < p->nchan; c++)
        n += 2 * p->l[c] + 1;
    return n;
}
