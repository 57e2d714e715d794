// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/estimate.h"

#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/units.h"
#include "dft/davidson.h"
#include "dft/extrapolate.h"
#include "dft/kpoints.h"
#include "dft/occupation.h"
#include "dft/options.h"

#define COMPLEX 16.0 // bytes
#define REAL    8.0
// Program, libraries, OpenBLAS's and MPI's buffers, resident before the first orbital: measured on the smallest frames.
#define PROCESS 16e6
#define PROCESS_MPI 12e6 // more of it under mpirun
// H|psi> of a usual SCF, for each band and k-point, and Rayleigh-Ritz steps: measured on Li3PS4 of 16 and 32 atoms.
enum { USUAL_APPLIES = 45, USUAL_STEPS = 14, PROJECTOR_KEEP_MIB = 768 };

struct sizes {
    double ng, nr, natoms, nk, nb, npw, nloc, nproj, phases; // npw: largest of the k-points
    double half;  // real orbitals (Gamma alone): 1/2, else 1
    bool core;
};

static enum al_err count_atoms(const struct dft_setup *s, const struct al_frame *f, struct sizes *z, double *ret_electrons)
{
    double electrons = 0;
    z->natoms = f->natoms;
    for (int i = 0; i < f->natoms; i++) {
        const struct pseudo *p = NULL;
        for (int t = 0; t < s->opt.npseudo; t++)
            if (s->pseudo[t].z == f->z[i]) p = s->psp[t];
        if (!p) AL_FAIL(AL_ERR_INPUT, "no pseudopotential for %s (atom %d)", al_element_symbol(f->z[i]), i + 1);
        electrons += p->zion;
        z->nproj += pseudo_nproj(p);
        z->core |= p->core != NULL;
    }
    *ret_electrons = electrons;
    return AL_ERR_OK;
}

// Plane waves, densities, potentials and mixing history: every rank has all of them.
static double replicated_bytes(const struct sizes *z, const struct dft_options *o)
{
    double g = 48 + 5 * COMPLEX + (z->core ? COMPLEX : 0) + 2 * COMPLEX // basis, fields, xc work
               + (2 * o->mix_history + 2) * COMPLEX;
    double r = COMPLEX + 4 * REAL; // FFT work, potentials and density
    return g * z->ng + r * z->nr + COMPLEX * z->phases * z->natoms + z->nk * 12 * z->npw;
}

// Slabs of the grid: xc fields.
static double slab_bytes(const struct sizes *z, int ranks)
{
    return (7 * REAL + COMPLEX) * z->nr / ranks;
}

static double subspace_bytes(const struct sizes *z, int ranks, bool dist)
{
    double n = DAVIDSON_GROWTH * z->nb;
    return z->half * COMPLEX * (n * n + n * 64 + (dist ? 3 * n * n / ranks : 2 * n * n));
}

// Earlier frames, and one array more while they change to the plane waves of the next.
static double history_bytes(const struct sizes *z, const struct dft_options *o)
{
    return o->follow ? COMPLEX * (HISTORY_DEPTH * (z->ng + z->nk * z->nb * z->nloc) + z->ng + z->nb * z->nloc) : 0;
}

// Orbitals, projectors (once more in single precision) and the eigensolver's vectors: split over the ranks.
static double orbital_bytes(const struct sizes *z, int ranks)
{
    double projectors = 1.5 * COMPLEX * z->nproj * z->nloc, all = projectors * z->nk;
    double kept = z->nk == 1 || all * ranks < PROJECTOR_KEEP_MIB * 1e6 ? all : projectors;
    double vectors = (2 * DAVIDSON_GROWTH + 1) * z->nb * z->nloc;
    double transposed = ranks > 1 ? 2 * z->npw * (z->nb / ranks + 1) : 0;
    double temporary = z->nb * z->nloc + 2 * z->nproj * z->nb; // of rotations, of the projectors' strain derivative
    return kept + COMPLEX * (z->nk * z->nb * z->nloc + vectors + transposed + temporary) + z->nk * 40 * z->nloc;
}

// FFT of a sphere of diameter half the grid's: about 0.45 of a whole transform; projectors as two GEMMs;
// Rayleigh-Ritz with up to DAVIDSON_GROWTH times the bands. Real orbitals: two bands in one FFT, real GEMMs.
static double usual_flops(const struct sizes *z)
{
    double fft = 2 * 0.45 * 5 * z->nr * log2(z->nr > 2 ? z->nr : 2), nonlocal = 2 * 8 * z->nproj * z->npw;
    double apply = fft + nonlocal, dense = 8 * 6 * z->nb * z->nb * z->npw;
    return z->half * z->nk * (USUAL_APPLIES * z->nb * apply + USUAL_STEPS * dense);
}

// A metal, for which a label begins again with more bands, takes about a sixth more.
static double usual_bands(const struct dft_options *opt, double nelec)
{
    return opt->nextra >= 0 ? occupation_full(nelec) + opt->nextra : occupation_bands_of_insulator(nelec);
}

enum al_err dft_estimate(const struct dft_options *opt, const struct al_frame *f, int ranks, struct dft_estimate *ret)
{
    AL_OWN(dft_setup) s = NULL;
    AL_OWN(kpoint_set) k = NULL;
    struct sizes z = {0};
    double electrons, cell[3][3];
    struct dft_estimate e = {0};
    AL_TRY(dft_setup_create(opt, NULL, &s));
    AL_TRY(count_atoms(s, f, &z, &electrons));
    if (!f->pbc) AL_FAIL(AL_ERR_INPUT, "frame is not periodic");
    AL_TRY(kpoint_set_create(&s->opt.kpoints, (const double(*)[3])f->cell, &k));
    for (int i = 0; i < 9; i++)
        cell[i / 3][i % 3] = f->cell[i / 3][i % 3] / AL_BOHR_ANG;
    if (!(fabs(al_det3((const double(*)[3])cell)) > 1e-6)) AL_FAIL(AL_ERR_INPUT, "the cell has no volume");
    AL_TRY(basis_count(opt->ecut, (const double(*)[3])cell, opt->fft_grid, e.fft, &z.ng));
    z.nr = (double)e.fft[0] * e.fft[1] * e.fft[2];
    z.phases = e.fft[0] + e.fft[1] + e.fft[2];
    for (int i = 0; i < k->n; i++) {
        double n = kbasis_count(opt->ecut, (const double(*)[3])cell, k->k[i]);
        if (i == 0) e.npw = (int)n;
        z.npw = fmax(z.npw, n);
    }
    if (ranks < 1) ranks = 1;
    z.nk = k->n;
    z.half = k->n == 1 && k->k[0][0] == 0 && k->k[0][1] == 0 && k->k[0][2] == 0 ? 0.5 : 1;
    z.nloc = ceil(z.npw / ranks);
    z.nb = usual_bands(opt, electrons - opt->charge);
    e.nbands = (int)z.nb;
    e.nkpt = k->n;
    e.nproj = (int)z.nproj;
    e.replicated = PROCESS + (ranks > 1 ? PROCESS_MPI : 0) + replicated_bytes(&z, opt);
    e.bytes = e.replicated + subspace_bytes(&z, ranks, subspace_distributed(ranks, (int)(DAVIDSON_GROWTH * z.nb), z.half < 1, opt->dense)) + orbital_bytes(&z, ranks) + slab_bytes(&z, ranks) + history_bytes(&z, opt);
    e.flops = usual_flops(&z);
    *ret = e;
    return AL_ERR_OK;
}
