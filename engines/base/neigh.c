// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// One scheme for every cell: the cell is cut into nb[0] x nb[1] x nb[2] bins, and around the bin of an atom
// all bins within the wide cut-off are visited, s[k] to each side, where
//   s[k] = ceil(nb[k] * wide / height[k]).
// A bin number beyond the cell is a bin inside it plus an image, so a cell smaller than the cut-off
// (nb = 1, s >= 1) is the direct sum over images, and a big one (height/nb ~ wide/2, s = 2) costs O(N).
//
// Order without sorting: pairs are found for j = 0, 1, ... as (i, image) and then transposed into the lists
// of the i, which keeps j ascending; for one (i, j) the bins are visited with the image ascending.
//
// d = (x_j - x_i) + image.cell is taken from the present, unwrapped positions with the integer image, so
// it does not know when the wide list was built, and d of (i, j) is exactly -d of (j, i).
#include "base/neigh.h"

#include <limits.h>
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"

// The wide list is made from wrapped positions, the exact one from the given ones: they differ by rounding.
static const double margin = 1e-6;   // Ang
static const double max_wraps = 1e6; // an atom that far away has left the simulation

struct wide {
    int j;
    double shift[3]; // image . cell
};

struct found {
    int i, image[3];
};

struct al_neigh_impl {
    double cell[3][3], inv[3][3], x_cell[3]; // binning cell; origin (0 when periodic)
    bool pbc, valid;
    int nb[3], s[3];
    int cap_atoms, cap_bins;
    long cap_found, cap_wide, cap_pair, nfound;
    double (*x0)[3];        // [natoms] positions when the wide list was built
    double (*xw)[3];        // [natoms] wrapped into the cell
    int (*wrap)[3];         // [natoms] x = xw + wrap.cell
    int *bin_first;         // [nbins + 1]
    int *bin_of, *bin_atom; // [natoms] bin of an atom; atoms ordered by bin, ascending inside a bin
    int *bin3;              // [natoms][3]
    int *wide_first;        // [natoms + 1]
    int *cursor;            // [natoms]
    struct found *found;    // [nfound] by j
    int *found_first;       // [natoms + 1]
    struct wide *wide;      // [wide_first[natoms]] by i
};

enum al_err al_neigh_create(double cutoff, double skin, struct al_neigh **ret)
{
    if (!(cutoff > 0.0) || !(skin >= 0.0) || !isfinite(cutoff + skin))
        AL_FAIL(AL_ERR_INPUT, "neighbour list: cut-off %g Ang must be > 0, skin %g Ang >= 0", cutoff, skin);
    AL_OWN(al_neigh) n = NULL;
    AL_ALLOC(n, 1);
    n->cutoff = cutoff;
    n->skin = skin;
    AL_ALLOC(n->impl, 1);
    AL_ALLOC(n->first, 1);
    AL_ALLOC(n->pair, 1);
    *ret = n;
    n = NULL;
    return AL_ERR_OK;
}

void al_neigh_destroy(struct al_neigh **n)
{
    if (!*n) return;
    struct al_neigh_impl *p = (*n)->impl;
    if (p) {
        al_free(p->x0);
        al_free(p->xw);
        al_free(p->wrap);
        al_free(p->bin_first);
        al_free(p->bin_of);
        al_free(p->bin_atom);
        al_free(p->bin3);
        al_free(p->wide_first);
        al_free(p->cursor);
        al_free(p->found);
        al_free(p->found_first);
        al_free(p->wide);
        al_free(p);
    }
    al_free((*n)->first);
    al_free((*n)->pair);
    al_free(*n);
    *n = NULL;
}

static enum al_err reserve_atoms(struct al_neigh *n, int natoms)
{
    struct al_neigh_impl *p = n->impl;
    if (natoms <= p->cap_atoms) return AL_ERR_OK;
    AL_GROW(p->x0, 0, natoms);
    AL_GROW(p->xw, 0, natoms);
    AL_GROW(p->wrap, 0, natoms);
    AL_GROW(p->bin_of, 0, natoms);
    AL_GROW(p->bin_atom, 0, natoms);
    AL_GROW(p->bin3, 0, 3 * (size_t)natoms);
    AL_GROW(p->wide_first, 0, (size_t)natoms + 1);
    AL_GROW(p->cursor, 0, natoms);
    AL_GROW(p->found_first, 0, (size_t)natoms + 1);
    AL_GROW(n->first, 0, (size_t)natoms + 1);
    p->cap_atoms = natoms;
    return AL_ERR_OK;
}

// The cell that is cut into bins: the periodic cell, or a box around the atoms.
static enum al_err binning_cell(struct al_neigh_impl *p, int natoms, const double (*x)[3],
                                const double cell[3][3], bool pbc)
{
    double lo[3] = {0}, hi[3] = {0};
    for (int k = 0; k < 3; k++) {
        p->x_cell[k] = 0.0;
        for (int c = 0; c < 3; c++)
            p->cell[k][c] = pbc ? cell[k][c] : 0.0;
    }
    if (!pbc) {
        for (int i = 0; i < natoms; i++)
            for (int k = 0; k < 3; k++) {
                if (i == 0 || x[i][k] < lo[k]) lo[k] = x[i][k];
                if (i == 0 || x[i][k] > hi[k]) hi[k] = x[i][k];
            }
        for (int k = 0; k < 3; k++) {
            p->x_cell[k] = lo[k];
            p->cell[k][k] = (hi[k] - lo[k]) * (1.0 + 1e-12) + margin;
        }
    }
    double volume = fabs(al_det3(p->cell));
    if (!(volume > 1e-9) && pbc) AL_FAIL(AL_ERR_INPUT, "the periodic cell has no volume (%g Ang^3)", volume);
    al_inv3(p->cell, p->inv);
    return AL_ERR_OK;
}

static enum al_err choose_bins(struct al_neigh_impl *p, int natoms, double wide)
{
    double volume = fabs(al_det3(p->cell)), height[3];
    double pairs = 4.0 / 3.0 * AL_PI * wide * wide * wide / volume * natoms * natoms;
    for (int k = 0; k < 3; k++) {
        double n[3];
        al_cross3(p->cell[(k + 1) % 3], p->cell[(k + 2) % 3], n);
        height[k] = volume / sqrt(al_dot3(n, n));
        if (p->pbc && (height[k] < wide / 100.0 || pairs > INT_MAX / 4))
            AL_FAIL(AL_ERR_INPUT, "cell of %g Ang^3: too small for %d atoms and a cut-off of %g Ang", volume,
                    natoms, wide);
        p->nb[k] = (int)fmin(fmax(floor(height[k] / (0.5 * wide)), 1.0), 1024.0);
    }
    // Mostly empty space: more bins than atoms only cost time.
    while ((double)p->nb[0] * p->nb[1] * p->nb[2] > 2.0 * natoms + 64.0) {
        int k = p->nb[0] >= p->nb[1] ? 0 : 1;
        if (p->nb[2] > p->nb[k]) k = 2;
        p->nb[k] = (p->nb[k] + 1) / 2;
    }
    for (int k = 0; k < 3; k++)
        p->s[k] = (int)ceil(p->nb[k] * wide / height[k]);
    int nbins = p->nb[0] * p->nb[1] * p->nb[2];
    if (nbins > p->cap_bins) {
        AL_GROW(p->bin_first, 0, (size_t)nbins + 1);
        p->cap_bins = nbins;
    }
    return AL_ERR_OK;
}

// Wrap, and order the atoms by bin (counting sort, so ascending inside a bin).
static enum al_err fill_bins(struct al_neigh_impl *p, int natoms, const double (*x)[3])
{
    int nbins = p->nb[0] * p->nb[1] * p->nb[2];
    for (int b = 0; b <= nbins; b++)
        p->bin_first[b] = 0;
    for (int i = 0; i < natoms; i++) {
        double r[3], f[3];
        for (int k = 0; k < 3; k++)
            r[k] = x[i][k] - p->x_cell[k];
        al_vecmat3(r, p->inv, f);
        int b[3];
        for (int k = 0; k < 3; k++) {
            double w = p->pbc ? floor(f[k]) : 0.0;
            if (!(fabs(w) < max_wraps))
                AL_FAIL(AL_ERR_UNPHYSICAL, "atom %d is %g cells away or not a number", i, f[k]);
            p->wrap[i][k] = (int)w;
            b[k] = (int)((f[k] - w) * p->nb[k]);
            if (b[k] >= p->nb[k]) b[k] = p->nb[k] - 1;
            if (b[k] < 0) b[k] = 0;
            p->bin3[3 * i + k] = b[k];
        }
        for (int c = 0; c < 3; c++)
            p->xw[i][c] = x[i][c] - (p->wrap[i][0] * p->cell[0][c] + p->wrap[i][1] * p->cell[1][c] +
                                     p->wrap[i][2] * p->cell[2][c]);
        p->bin_of[i] = (b[0] * p->nb[1] + b[1]) * p->nb[2] + b[2];
        p->bin_first[p->bin_of[i] + 1]++;
    }
    for (int b = 0; b < nbins; b++)
        p->bin_first[b + 1] += p->bin_first[b];
    for (int i = natoms - 1; i >= 0; i--) // fills each bin from its end, then restores the starts
        p->bin_atom[--p->bin_first[p->bin_of[i] + 1]] = i;
    for (int b = 0; b < nbins; b++)
        p->bin_first[b] = p->bin_first[b + 1];
    p->bin_first[nbins] = natoms;
    return AL_ERR_OK;
}

// All i of one bin shifted by image q that lie within the wide cut-off of j.
static enum al_err scan_bin(struct al_neigh_impl *p, int j, int bin, const int q[3], double wide2)
{
    double shift[3];
    for (int c = 0; c < 3; c++)
        shift[c] = q[0] * p->cell[0][c] + q[1] * p->cell[1][c] + q[2] * p->cell[2][c];
    bool home = q[0] == 0 && q[1] == 0 && q[2] == 0;
    long need = p->nfound + p->bin_first[bin + 1] - p->bin_first[bin];
    if (need > p->cap_found) {
        if (need > INT_MAX / 2) AL_FAIL(AL_ERR_NOMEM, "more than %d neighbour pairs", INT_MAX / 2);
        long cap = need + need / 2 + 256;
        AL_GROW(p->found, p->nfound, cap);
        p->cap_found = cap;
    }
    for (int a = p->bin_first[bin]; a < p->bin_first[bin + 1]; a++) {
        int i = p->bin_atom[a];
        double dx = p->xw[j][0] - (p->xw[i][0] + shift[0]), dy = p->xw[j][1] - (p->xw[i][1] + shift[1]),
               dz = p->xw[j][2] - (p->xw[i][2] + shift[2]);
        if (dx * dx + dy * dy + dz * dz >= wide2 || (home && i == j)) continue;
        // Here i stands at xw_i + q; seen from i where it was given, j has the image -q - wrap_j + wrap_i.
        struct found *f = &p->found[p->nfound++];
        f->i = i;
        for (int k = 0; k < 3; k++)
            f->image[k] = -q[k] - p->wrap[j][k] + p->wrap[i][k];
    }
    return AL_ERR_OK;
}

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

// Bins around the one of j, from high to low, so that the image of j seen from i ascends.
static enum al_err scan_atom(struct al_neigh_impl *p, int j, double wide2)
{
    const int *b = &p->bin3[3 * j];
    int lo[3], hi[3], q[3], c[3];
    for (int k = 0; k < 3; k++) {
        lo[k] = b[k] - p->s[k];
        hi[k] = b[k] + p->s[k];
        if (!p->pbc && lo[k] < 0) lo[k] = 0;
        if (!p->pbc && hi[k] >= p->nb[k]) hi[k] = p->nb[k] - 1;
    }
    for (int u = hi[0]; u >= lo[0]; u--) {
        q[0] = floor_div(u, p->nb[0]);
        c[0] = u - q[0] * p->nb[0];
        for (int v = hi[1]; v >= lo[1]; v--) {
            q[1] = floor_div(v, p->nb[1]);
            c[1] = v - q[1] * p->nb[1];
            for (int w = hi[2]; w >= lo[2]; w--) {
                q[2] = floor_div(w, p->nb[2]);
                c[2] = w - q[2] * p->nb[2];
                AL_TRY(scan_bin(p, j, (c[0] * p->nb[1] + c[1]) * p->nb[2] + c[2], q, wide2));
            }
        }
    }
    return AL_ERR_OK;
}

static enum al_err transpose(struct al_neigh_impl *p, int natoms)
{
    if (p->nfound > p->cap_wide) {
        AL_GROW(p->wide, 0, p->cap_found);
        p->cap_wide = p->cap_found;
    }
    for (int i = 0; i <= natoms; i++)
        p->wide_first[i] = 0;
    for (long k = 0; k < p->nfound; k++)
        p->wide_first[p->found[k].i + 1]++;
    for (int i = 0; i < natoms; i++) {
        p->wide_first[i + 1] += p->wide_first[i];
        p->cursor[i] = p->wide_first[i];
    }
    for (int j = 0; j < natoms; j++)
        for (int k = p->found_first[j]; k < p->found_first[j + 1]; k++) {
            const struct found *f = &p->found[k];
            struct wide *w = &p->wide[p->cursor[f->i]++];
            w->j = j;
            for (int c = 0; c < 3; c++)
                w->shift[c] = f->image[0] * p->cell[0][c] + f->image[1] * p->cell[1][c] + f->image[2] * p->cell[2][c];
        }
    return AL_ERR_OK;
}

static enum al_err build_wide(struct al_neigh *n, int natoms, const double (*x)[3], const double cell[3][3],
                              bool pbc)
{
    struct al_neigh_impl *p = n->impl;
    double wide = n->cutoff + n->skin + margin;
    p->valid = false;
    p->pbc = pbc;
    AL_TRY(reserve_atoms(n, natoms));
    AL_TRY(binning_cell(p, natoms, x, cell, pbc));
    AL_TRY(choose_bins(p, natoms, wide));
    AL_TRY(fill_bins(p, natoms, x));
    p->nfound = 0;
    for (int j = 0; j < natoms; j++) {
        p->found_first[j] = (int)p->nfound;
        AL_TRY(scan_atom(p, j, wide * wide));
    }
    p->found_first[natoms] = (int)p->nfound;
    AL_TRY(transpose(p, natoms));
    memcpy(p->x0, x, (size_t)natoms * sizeof *x);
    n->natoms = natoms;
    n->nbuilds++;
    p->valid = true;
    return AL_ERR_OK;
}

static bool wide_is_good(const struct al_neigh *n, int natoms, const double (*x)[3], const double cell[3][3],
                         bool pbc)
{
    const struct al_neigh_impl *p = n->impl;
    if (!p->valid || natoms != n->natoms || pbc != p->pbc) return false;
    if (pbc && memcmp(cell, p->cell, sizeof p->cell) != 0) return false;
    double limit = 0.25 * n->skin * n->skin * (1.0 - 1e-9);
    for (int i = 0; i < natoms; i++) {
        double dx = x[i][0] - p->x0[i][0], dy = x[i][1] - p->x0[i][1], dz = x[i][2] - p->x0[i][2];
        if (!(dx * dx + dy * dy + dz * dz <= limit)) return false;
    }
    return true;
}

// The exact list at the present positions. Every wide pair is written and the next one overwrites it unless it is in: a third are out, in no order
// that a branch could be foretold by.
static enum al_err narrow(struct al_neigh *n, const double (*x)[3])
{
    struct al_neigh_impl *p = n->impl;
    double cutoff2 = n->cutoff * n->cutoff;
    int m = 0;
    for (int i = 0; i < n->natoms; i++) {
        const double xi = x[i][0], yi = x[i][1], zi = x[i][2];
        bool apart = true;
        n->first[i] = m;
        for (int k = p->wide_first[i]; k < p->wide_first[i + 1]; k++) {
            const struct wide *w = &p->wide[k];
            const double *xj = x[w->j];
            double dx = (xj[0] - xi) + w->shift[0], dy = (xj[1] - yi) + w->shift[1], dz = (xj[2] - zi) + w->shift[2];
            double r2 = dx * dx + dy * dy + dz * dz;
            apart &= r2 > 0.0;
            n->pair[m] = (struct al_neigh_pair){w->j, {dx, dy, dz}, sqrt(r2)};
            m += r2 < cutoff2;
        }
        for (int k = n->first[i]; !apart && k < m; k++)
            if (!(n->pair[k].r > 0.0)) AL_FAIL(AL_ERR_UNPHYSICAL, "atoms %d and %d are at the same place", i + 1, n->pair[k].j + 1);
    }
    n->first[n->natoms] = m;
    return AL_ERR_OK;
}

enum al_err al_neigh_update(struct al_neigh *n, int natoms, const double (*x)[3], const double cell[3][3],
                            bool pbc)
{
    struct al_neigh_impl *p = n->impl;
    if (natoms < 0) AL_FAIL(AL_ERR_INPUT, "%d atoms", natoms);
    for (int i = 0; i < natoms; i++)
        if (!isfinite(x[i][0] + x[i][1] + x[i][2]))
            AL_FAIL(AL_ERR_UNPHYSICAL, "position of atom %d is not a number", i);
    if (!wide_is_good(n, natoms, x, cell, pbc)) AL_TRY(build_wide(n, natoms, x, cell, pbc));
    if (p->cap_pair < p->wide_first[natoms]) {
        AL_GROW(n->pair, 0, p->cap_wide);
        p->cap_pair = p->cap_wide;
    }
    enum al_err e = narrow(n, x);
    if (e) p->valid = false;
    AL_TRY(e);
    return AL_ERR_OK;
}
