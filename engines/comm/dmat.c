// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "comm/dmat.h"

#include <string.h>

#include "base/mem.h"
#include "comm/impl.h"

// ScaLAPACK and the C interface of BLACS have no header in Debian.
int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *ctx, const char *order, int nprow, int npcol);
void Cblacs_gridinfo(int ctx, int *nprow, int *npcol, int *myrow, int *mycol);
void Cblacs_gridexit(int ctx);
int numroc_(const int *n, const int *nb, const int *iproc, const int *isrc, const int *nprocs);
void descinit_(int *desc, const int *m, const int *n, const int *mb, const int *nb, const int *irsrc,
               const int *icsrc, const int *ctx, const int *lld, int *info);
void pzheevd_(const char *jobz, const char *uplo, const int *n, double complex *a, const int *ia,
              const int *ja, const int *desca, double *w, double complex *z, const int *iz, const int *jz,
              const int *descz, double complex *work, const int *lwork, double *rwork, const int *lrwork,
              int *iwork, const int *liwork, int *info);
void pzpotrf_(const char *uplo, const int *n, double complex *a, const int *ia, const int *ja,
              const int *desca, int *info);
void pztrtri_(const char *uplo, const char *diag, const int *n, double complex *a, const int *ia,
              const int *ja, const int *desca, int *info);

static const int one = 1, zero = 0;

enum al_err dgrid_create(struct comm *c, int block, struct dgrid **ret)
{
    if (!c->impl || c->size < 2) AL_FAIL(AL_ERR_BUG, "block-cyclic matrices need two ranks or more");
    struct dgrid *g = NULL;
    AL_ALLOC(g, 1);
    g->comm = c;
    g->block = block;
    g->nprow = 1;
    for (int p = 1; p * p <= c->size; p++)
        if (c->size % p == 0) g->nprow = p;
    g->npcol = c->size / g->nprow;
    g->handle = Csys2blacs_handle(c->impl->mpi);
    g->ctx = g->handle;
    Cblacs_gridinit(&g->ctx, "R", g->nprow, g->npcol);
    Cblacs_gridinfo(g->ctx, &g->nprow, &g->npcol, &g->myrow, &g->mycol);
    *ret = g;
    return AL_ERR_OK;
}

void dgrid_destroy(struct dgrid **g)
{
    if (!*g) return;
    Cblacs_gridexit((*g)->ctx);
    Cfree_blacs_system_handle((*g)->handle);
    al_free((*g)->work);
    al_free((*g)->rwork);
    al_free((*g)->iwork);
    al_free(*g);
    *g = NULL;
}

enum al_err dmat_create(struct dgrid *g, int nmax, struct dmat **ret)
{
    AL_OWN(dmat) m = NULL;
    AL_ALLOC(m, 1);
    m->grid = g;
    m->nmax = nmax;
    m->lrows = numroc_(&nmax, &g->block, &g->myrow, &zero, &g->nprow);
    m->lcols = numroc_(&nmax, &g->block, &g->mycol, &zero, &g->npcol);
    if (m->lrows < 1) m->lrows = 1; // a leading dimension must not be 0
    AL_ALLOC(m->a, (size_t)m->lrows * (size_t)(m->lcols > 0 ? m->lcols : 1));
    int info = 0;
    descinit_(m->desc, &nmax, &nmax, &g->block, &g->block, &zero, &zero, &g->ctx, &m->lrows, &info);
    if (info != 0) AL_FAIL(AL_ERR_BUG, "descinit: info %d", info);
    *ret = m;
    m = NULL;
    return AL_ERR_OK;
}

void dmat_destroy(struct dmat **m)
{
    if (!*m) return;
    al_free((*m)->a);
    al_free(*m);
    *m = NULL;
}

// Global index of local index l on process p of np, and the first local index whose global one is >= i.
static int to_global(int l, int block, int p, int np)
{
    return (l / block * np + p) * block + l % block;
}

static double complex *local_column(const struct dmat *m, int j)
{
    const struct dgrid *g = m->grid;
    if (j / g->block % g->npcol != g->mycol) return NULL;
    int lj = j / (g->block * g->npcol) * g->block + j % g->block;
    return m->a + (size_t)lj * (size_t)m->lrows;
}

void dmat_put(struct dmat *m, int n, int j0, int nj, const double complex *panel, int ld)
{
    const struct dgrid *g = m->grid;
    for (int j = 0; j < nj; j++) {
        double complex *col = local_column(m, j0 + j);
        if (!col) continue;
        const double complex *src = panel + (size_t)j * (size_t)ld;
        for (int l = 0; l < m->lrows; l++) {
            int i = to_global(l, g->block, g->myrow, g->nprow);
            if (i >= n) break;
            col[l] = src[i];
        }
    }
}

enum al_err dmat_get(const struct dmat *m, int n, int j0, int nj, double complex *panel)
{
    const struct dgrid *g = m->grid;
    memset(panel, 0, (size_t)n * (size_t)nj * sizeof *panel);
    for (int j = 0; j < nj; j++) {
        const double complex *col = local_column(m, j0 + j);
        if (!col) continue;
        double complex *dst = panel + (size_t)j * (size_t)n;
        for (int l = 0; l < m->lrows; l++) {
            int i = to_global(l, g->block, g->myrow, g->nprow);
            if (i >= n) break;
            dst[i] = col[l];
        }
    }
    return comm_sum_z(g->comm, panel, (size_t)n * (size_t)nj); // one owner each, the others add 0
}

static enum al_err workspace(struct dgrid *g, size_t nw, size_t nr, size_t ni)
{
    if (nw > g->nwork) AL_GROW(g->work, g->nwork, nw);
    if (nw > g->nwork) g->nwork = nw;
    if (nr > g->nrwork) AL_GROW(g->rwork, g->nrwork, nr);
    if (nr > g->nrwork) g->nrwork = nr;
    if (ni > g->niwork) AL_GROW(g->iwork, g->niwork, ni);
    if (ni > g->niwork) g->niwork = ni;
    return AL_ERR_OK;
}

enum al_err dmat_heevd(struct dmat *a, int n, double *w, struct dmat *z)
{
    struct dgrid *g = a->grid;
    int da[9], dz[9]; // pzheevd takes the matrix for as large as the descriptor says (M, N)
    memcpy(da, a->desc, sizeof da);
    memcpy(dz, z->desc, sizeof dz);
    da[2] = da[3] = dz[2] = dz[3] = n;
    double complex wq[2] = {0};
    double rq[2] = {0};
    int iq[2] = {0}, info = 0, query = -1;
    pzheevd_("V", "U", &n, a->a, &one, &one, da, w, z->a, &one, &one, dz, wq, &query, rq, &query, iq, &query,
             &info);
    if (info != 0) AL_FAIL(AL_ERR_BUG, "pzheevd workspace query: info %d", info);
    // The query forgets what pdlasrt needs on ranks with few columns, local rows x block: give generously.
    int lwork = (int)creal(wq[0]) + 64 * g->block, lrwork = 2 * (int)rq[0] + 2 * n * (g->block + 4) + 64;
    int liwork = iq[0] + 8 * n + 16 * (g->npcol + 2);
    AL_TRY(workspace(g, (size_t)lwork, (size_t)lrwork, (size_t)liwork));
    pzheevd_("V", "U", &n, a->a, &one, &one, da, w, z->a, &one, &one, dz, g->work, &lwork, g->rwork, &lrwork,
             g->iwork, &liwork, &info);
    if (comm_max_i(g->comm, info != 0)) AL_FAIL(AL_ERR_NOTCONV, "pzheevd: info %d, n %d", info, n);
    comm_bcast(g->comm, w, (size_t)n * sizeof *w, 0);
    return AL_ERR_OK;
}

enum al_err dmat_inverse_cholesky(struct dmat *a, int n)
{
    struct dgrid *g = a->grid;
    int info = 0;
    pzpotrf_("U", &n, a->a, &one, &one, a->desc, &info);
    if (comm_max_i(g->comm, info != 0))
        AL_FAIL(AL_ERR_UNPHYSICAL, "pzpotrf: not positive definite (info %d, n %d)", info, n);
    pztrtri_("U", "N", &n, a->a, &one, &one, a->desc, &info);
    if (comm_max_i(g->comm, info != 0)) AL_FAIL(AL_ERR_UNPHYSICAL, "pztrtri: info %d, n %d", info, n);
    for (int lj = 0; lj < a->lcols; lj++) {
        int j = to_global(lj, g->block, g->mycol, g->npcol);
        for (int l = 0; l < a->lrows; l++)
            if (to_global(l, g->block, g->myrow, g->nprow) > j)
                a->a[(size_t)lj * (size_t)a->lrows + (size_t)l] = 0;
    }
    return AL_ERR_OK;
}
