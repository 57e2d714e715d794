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
void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia, const int *ja,
              const int *desca, double *w, double *z, const int *iz, const int *jz, const int *descz, double *work,
              const int *lwork, int *iwork, const int *liwork, int *info);
void pdpotrf_(const char *uplo, const int *n, double *a, const int *ia, const int *ja, const int *desca, int *info);
void pdtrtri_(const char *uplo, const char *diag, const int *n, double *a, const int *ia, const int *ja,
              const int *desca, int *info);
void pzpotrf_(const char *uplo, const int *n, double complex *a, const int *ia, const int *ja,
              const int *desca, int *info);
void pztrtri_(const char *uplo, const char *diag, const int *n, double complex *a, const int *ia,
              const int *ja, const int *desca, int *info);

static const int one = 1, zero = 0;

static size_t element(const struct dmat *m)
{
    return m->real ? sizeof(double) : sizeof(double complex);
}

enum al_err dgrid_create(struct comm *c, int block, int nprow, struct dgrid **ret)
{
    if (!c->impl || c->size < 2) AL_FAIL(AL_ERR_BUG, "block-cyclic matrices need two ranks or more");
    if (nprow < 0 || (nprow > 0 && c->size % nprow != 0))
        AL_FAIL(AL_ERR_BUG, "%d ranks cannot be split into %d rows", c->size, nprow);
    AL_OWN(dgrid) g = NULL;
    AL_ALLOC(g, 1);
    g->comm = c;
    g->block = block;
    g->nprow = nprow;
    for (int p = 1; nprow == 0 && p * p <= c->size; p++)
        if (c->size % p == 0) g->nprow = p;
    g->npcol = c->size / g->nprow;
    // of its own: BLACS knows a communicator by one handle, and two grids of one communicator would free it twice
    AL_TRY(comm_split(c, 0, c->rank, &g->own));
    g->handle = Csys2blacs_handle(g->own->impl->mpi);
    g->ctx = g->handle;
    Cblacs_gridinit(&g->ctx, "R", g->nprow, g->npcol);
    Cblacs_gridinfo(g->ctx, &g->nprow, &g->npcol, &g->myrow, &g->mycol);
    *ret = g;
    g = NULL;
    return AL_ERR_OK;
}

void dgrid_destroy(struct dgrid **g)
{
    if (!*g) return;
    if ((*g)->own) {
        Cblacs_gridexit((*g)->ctx);
        Cfree_blacs_system_handle((*g)->handle);
        comm_destroy(&(*g)->own);
    }
    al_free((*g)->work);
    al_free((*g)->rwork);
    al_free((*g)->iwork);
    al_free(*g);
    *g = NULL;
}

enum al_err dmat_create(struct dgrid *g, int nmax, bool real, struct dmat **ret)
{
    AL_OWN(dmat) m = NULL;
    AL_ALLOC(m, 1);
    m->grid = g;
    m->nmax = nmax;
    m->real = real;
    m->lrows = numroc_(&nmax, &g->block, &g->myrow, &zero, &g->nprow);
    m->lcols = numroc_(&nmax, &g->block, &g->mycol, &zero, &g->npcol);
    if (m->lrows < 1) m->lrows = 1; // a leading dimension must not be 0
    AL_TRY(al_alloc((size_t)m->lrows * (size_t)(m->lcols > 0 ? m->lcols : 1), element(m), &m->a));
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

// Global index of local index l on process p of np.
static int to_global(int l, int block, int p, int np)
{
    return (l / block * np + p) * block + l % block;
}

static char *local_column(const struct dmat *m, int j)
{
    const struct dgrid *g = m->grid;
    if (j / g->block % g->npcol != g->mycol) return NULL;
    int lj = j / (g->block * g->npcol) * g->block + j % g->block;
    return (char *)m->a + (size_t)lj * (size_t)m->lrows * element(m);
}

// A column between its local rows and the full column, block by block.
static void copy_column(const struct dmat *m, int n, char *local, char *full, bool in)
{
    const struct dgrid *g = m->grid;
    for (int l = 0; l < m->lrows; l += g->block) {
        int i = to_global(l, g->block, g->myrow, g->nprow), len = n - i < g->block ? n - i : g->block;
        if (len <= 0) break;
        char *a = local + (size_t)l * element(m), *b = full + (size_t)i * element(m);
        memcpy(in ? a : b, in ? b : a, (size_t)len * element(m));
    }
}

void dmat_put(struct dmat *m, int n, int j0, int nj, const void *panel, int ld)
{
    for (int j = 0; j < nj; j++) {
        char *col = local_column(m, j0 + j);
        if (col) copy_column(m, n, col, (char *)panel + (size_t)j * (size_t)ld * element(m), true);
    }
}

enum al_err dmat_get(const struct dmat *m, int n, int j0, int nj, void *panel)
{
    const size_t size = (size_t)n * element(m);
    memset(panel, 0, size * (size_t)nj);
    for (int j = 0; j < nj; j++) {
        char *col = local_column(m, j0 + j);
        if (col) copy_column(m, n, col, (char *)panel + (size_t)j * size, false);
    }
    return comm_sum_d(m->grid->comm, panel, size / sizeof(double) * (size_t)nj); // one owner each, others add 0
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

// The query forgets what pdlasrt needs on ranks with few columns, local rows x block: give generously.
static enum al_err solve_complex(struct dgrid *g, struct dmat *a, const int *da, int n, double *w, struct dmat *z,
                                 const int *dz, int *info)
{
    double complex wq[2] = {0};
    double rq[2] = {0};
    int iq[2] = {0}, query = -1;
    pzheevd_("V", "U", &n, a->a, &one, &one, da, w, z->a, &one, &one, dz, wq, &query, rq, &query, iq, &query, info);
    if (*info != 0) AL_FAIL(AL_ERR_BUG, "pzheevd workspace query: info %d", *info);
    int lwork = (int)creal(wq[0]) + 64 * g->block, lrwork = 2 * (int)rq[0] + 2 * n * (g->block + 4) + 64;
    int liwork = iq[0] + 8 * n + 16 * (g->npcol + 2);
    AL_TRY(workspace(g, 2 * (size_t)lwork, (size_t)lrwork, (size_t)liwork));
    pzheevd_("V", "U", &n, a->a, &one, &one, da, w, z->a, &one, &one, dz, (double complex *)g->work, &lwork,
             g->rwork, &lrwork, g->iwork, &liwork, info);
    return AL_ERR_OK;
}

static enum al_err solve_real(struct dgrid *g, struct dmat *a, const int *da, int n, double *w, struct dmat *z,
                              const int *dz, int *info)
{
    double wq[2] = {0};
    int iq[2] = {0}, query = -1;
    pdsyevd_("V", "U", &n, a->a, &one, &one, da, w, z->a, &one, &one, dz, wq, &query, iq, &query, info);
    if (*info != 0) AL_FAIL(AL_ERR_BUG, "pdsyevd workspace query: info %d", *info);
    int lwork = 2 * (int)wq[0] + 2 * n * (g->block + 4) + 64 * g->block, liwork = iq[0] + 8 * n + 16 * (g->npcol + 2);
    AL_TRY(workspace(g, (size_t)lwork, 0, (size_t)liwork));
    pdsyevd_("V", "U", &n, a->a, &one, &one, da, w, z->a, &one, &one, dz, g->work, &lwork, g->iwork, &liwork, info);
    return AL_ERR_OK;
}

enum al_err dmat_heevd(struct dmat *a, int n, double *w, struct dmat *z)
{
    struct dgrid *g = a->grid;
    int da[9], dz[9], info = 0; // pzheevd takes the matrix for as large as the descriptor says (M, N)
    memcpy(da, a->desc, sizeof da);
    memcpy(dz, z->desc, sizeof dz);
    da[2] = da[3] = dz[2] = dz[3] = n;
    AL_TRY((a->real ? solve_real : solve_complex)(g, a, da, n, w, z, dz, &info));
    if (comm_max_i(g->comm, info != 0)) AL_FAIL(AL_ERR_NOTCONV, "p?heevd: info %d, n %d", info, n);
    comm_bcast(g->comm, w, (size_t)n * sizeof *w, 0);
    return AL_ERR_OK;
}

// Largest diagonal element and zeros below the diagonal of an upper triangle.
static double clean_triangle(struct dmat *a, int n)
{
    const struct dgrid *g = a->grid;
    const size_t width = element(a) / sizeof(double);
    double most = 0, *p = a->a;
    for (int lj = 0; lj < a->lcols; lj++) {
        int j = to_global(lj, g->block, g->mycol, g->npcol);
        if (j >= n) break;
        for (int l = 0; l < a->lrows; l++, p += width) {
            int i = to_global(l, g->block, g->myrow, g->nprow);
            if (i > j) memset(p, 0, width * sizeof *p);
            if (i == j && *p > most) most = *p;
        }
    }
    return most;
}

enum al_err dmat_inverse_cholesky(struct dmat *a, int n, double *ret_pivot)
{
    struct dgrid *g = a->grid;
    int info = 0;
    if (a->real)
        pdpotrf_("U", &n, a->a, &one, &one, a->desc, &info);
    else
        pzpotrf_("U", &n, a->a, &one, &one, a->desc, &info);
    if (comm_max_i(g->comm, info != 0))
        AL_FAIL(AL_ERR_UNPHYSICAL, "p?potrf: not positive definite (info %d, n %d)", info, n);
    if (a->real)
        pdtrtri_("U", "N", &n, a->a, &one, &one, a->desc, &info);
    else
        pztrtri_("U", "N", &n, a->a, &one, &one, a->desc, &info);
    if (comm_max_i(g->comm, info != 0)) AL_FAIL(AL_ERR_UNPHYSICAL, "p?trtri: info %d, n %d", info, n);
    *ret_pivot = 1 / comm_max_d(g->comm, clean_triangle(a, n));
    return AL_ERR_OK;
}
