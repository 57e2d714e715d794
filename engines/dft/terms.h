// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The energy terms, one file each. Contract: energies in Ha per cell; strain[a][b] += dE/d(strain_ab) with
// plane-wave coefficients, FFT grid and fractional coordinates fixed (q -> (1 - strain) q); forces f[i] +=
// -dE/dR_i, Ha/bohr. Fields on the density's sphere: n(r) = sum_G n(G) exp(iG.r), [ng]; a product integrates
// to int u v = volume sum_G conj(u) v.
#ifndef AL_DFT_TERMS_H
#define AL_DFT_TERMS_H

#include "dft/system.h"

// ewald.c: point ions in a uniform background. eta: splitting (1/bohr), 0 = own choice. f, strain may be
// NULL.
enum al_err ewald(const struct dft_system *s, double eta, double *ret_energy, double (*f)[3],
                  double (*strain)[3]);

// superpose.c: X(G) = (1/volume) sum_I exp(-iG.tau_I) x_I(|G|) for x = local potential (G = 0: its regular
// part, the alpha Z term), core charge, atomic valence charge.
enum form { FORM_LOCAL, FORM_CORE, FORM_VALENCE };
enum al_err superpose(const struct dft_system *s, enum form form, double complex *x);
// E = int h X: forces, and the part of the strain derivative from x_I(|G|) alone (no volume factors).
enum al_err superpose_force(const struct dft_system *s, enum form form, const double complex *h,
                            double (*f)[3]);
enum al_err superpose_strain(const struct dft_system *s, enum form form, const double complex *h,
                             double (*strain)[3]);

// hartree.c
double hartree_energy(const struct basis *b, const double complex *rho);
void hartree_potential(const struct basis *b, const double complex *rho, double complex *v); // v +=
void hartree_strain(const struct basis *b, const double complex *rho, double (*strain)[3]);
// local.c: int rho Vloc
double local_energy(const struct basis *b, const double complex *rho, const double complex *vloc);
enum al_err local_strain(const struct dft_system *s, const double complex *rho, const double complex *vloc,
                         double (*strain)[3]);

// xc.c: exchange and correlation of rho + core. Collective (the grid is split over the ranks).
struct xc_func;
struct xc_term {
    const struct xc_func *func;
    struct basis *b;
    int i0, ni;                                 // this rank's slab of the grid: points i0 .. i0 + ni - 1
    double *rho, *grad[3], *sigma, *e, *vsigma; // [ni]
    double complex *pair;                       // [ni] of two fields
    int *counts;                                // [4][ranks]
    double complex *ga, *gb, *gc;               // [ng]
};
enum al_err xc_term_create(const struct xc_func *func, struct basis *b, struct xc_term **ret);
void xc_term_destroy(struct xc_term **p);
// Collective. core may be NULL. v [nr]: the potential on the grid. more [ng], vmore [nr], both or none NULL: vmore = v + more
// on the grid, in the same transform.
enum al_err xc_potential(struct xc_term *t, const double complex *rho, const double complex *core,
                         const double complex *more, double *ret_energy, double *v, double *vmore);
// After xc_potential with the same density: strain derivative without the core's form factors
// (superpose_strain).
enum al_err xc_strain(struct xc_term *t, double energy, const double *v, double (*strain)[3]);

// kinetic.c: occ[j] includes the k-point's weight. This rank's rows only: sum over ranks is the caller's.
double kinetic_energy(const struct kbasis *k, int nb, const double *occ, const double complex *c);
void kinetic_strain(const struct kbasis *k, int nb, const double *occ, const double complex *c,
                    double (*strain)[3]);

// nonlocal.c: separable projectors at one k-point; V = sum_p |B_p> d_p <B_p|, this rank's rows. Projections p
// are [nb][nproj] numbers of the orbitals' kind (blocks.h): double when k->gamma, else double complex, which is
// block_width() doubles each.
struct nonlocal {
    const struct dft_system *s; // borrowed
    const struct kbasis *k;
    int nproj;
    double *d;         // [nproj] Ha
    int *atom;         // [nproj]
    double complex *b; // [nproj][nloc]
    // For nonlocal_apply_single, made by its first call: b, projections [NONLOCAL_PANEL][nproj].
    float complex *bs;
    float *ps;
};
enum { NONLOCAL_PANEL = 32 };
enum al_err nonlocal_create(const struct dft_system *s, const struct kbasis *k, struct nonlocal **ret);
void nonlocal_destroy(struct nonlocal **n);
// p [nb][nproj] = <B_p|c_j>, summed over ranks.
enum al_err nonlocal_project(const struct nonlocal *n, int nb, const double complex *c, double *p);
// hc += V c; p is scratch [nb][nproj].
enum al_err nonlocal_apply(const struct nonlocal *n, int nb, const double complex *c, double *p,
                           double complex *hc);
// The same in single precision but for the sums over ranks (relative error of V c about 1e-6).
enum al_err nonlocal_apply_single(struct nonlocal *n, int nb, const float complex *c, double *p, float complex *hc);
double nonlocal_energy(const struct nonlocal *n, int nb, const double *occ, const double *p);
// Partial sums of this rank's rows, with p from nonlocal_project.
enum al_err nonlocal_force(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                           const double *p, double (*f)[3]);
// Includes the volume factor of the projectors on rank 0.
enum al_err nonlocal_strain(const struct nonlocal *n, int nb, const double *occ, const double complex *c,
                            const double *p, double (*strain)[3]);

// Real solid harmonics q^l Y_lm and their gradients; m runs over 2 l + 1 values, l <= 3.
void solid_harmonics(int l, const double q[3], double *ret_s, double (*ret_ds)[3]);

#endif
