// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// SOAP (Vyas et al., arXiv:2409.11321): Adam in the eigenbasis of Shampoo's covariances (Gupta et al.,
// arXiv:1802.09568). The weights of a layer are a tensor with one covariance a side, C_k = <G G^T> over the other
// sides, averaged over the gradients of every SAMPLE-th step; gradient and moments live in the product of their
// eigenbases Q_k, which are renewed every RENEW steps. The first fitting layer is a tensor of three sides, D = M1 x M2 (M1 of all
// blocks of D together) and the output: 100 x 16 x 120 instead of 1600 x 120, so that the covariances stay small. Vectors (biases, time
// steps, one-wide layers) go to Adam. State and arithmetic are single precision, the parameters double.
// The rms of a layer's update is held at the learning rate (CLIP; update clipping of Shazeer and Stern, arXiv:1804.04235): after new
// bases the second moments belong to other vectors for a while, and a hard frame then kicks the weights far away.
#include <math.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "dp/gemm.h"
#include "train/optimiser.h"

enum { SIDES = 3, RENEW = 20, SAMPLE = 5, WIDEST = 1024 };
static const double BETA1 = 0.9, BETA2 = 0.99, EPSILON = 1e-8, BETA_COV = 0.8, CLIP = 1;

struct block { // the weights of a layer
    size_t first, n;
    int nside, side[SIDES];
    float *m, *v;      // [n] moments in the eigenbasis
    float *cov[SIDES]; // [side][side]; NULL: not rotated
    float *q[SIDES];   // [side][side], eigenvectors in columns; NULL: not rotated
    float *qt[SIDES];  // [side][side], in rows
    float *mem;
    size_t mem_n;
    bool idle; // no gradient so far: a net of an element that the data do not hold
};
struct soap {
    struct block *block;
    int nblock, cap;
    struct adam rest;
    size_t *place; // [rest.n] parameters of Adam
    double *rest_grad, *rest_theta;
    float *work[3]; // [largest block]
    double *eigen, *value;
    size_t work_n;
};

// ---- shape -----------------------------------------------------------------------------------------------

static enum al_err add_rest(struct soap *s, size_t first, size_t n)
{
    AL_GROW(s->place, s->rest.n, s->rest.n + n);
    for (size_t i = 0; i < n; i++)
        s->place[s->rest.n++] = first + i;
    return AL_ERR_OK;
}

static enum al_err add_block(struct soap *s, size_t first, int nside, const int *side)
{
    if (s->nblock == s->cap) {
        AL_GROW(s->block, s->cap, s->cap + 16);
        s->cap += 16;
    }
    struct block *b = &s->block[s->nblock++];
    *b = (struct block){.first = first, .n = 1, .nside = nside, .idle = true};
    size_t covs = 0;
    for (int k = 0; k < nside; k++) {
        b->side[k] = side[k];
        b->n *= (size_t)side[k];
        if (side[k] <= WIDEST) covs += 3 * (size_t)side[k] * (size_t)side[k];
    }
    b->mem_n = 2 * b->n + covs;
    AL_ALLOC(b->mem, b->mem_n);
    float *p = b->mem;
    b->m = p;
    b->v = p + b->n;
    p += 2 * b->n;
    for (int k = 0; k < nside; k++) {
        size_t n = (size_t)side[k];
        if (side[k] > WIDEST) continue;
        b->cov[k] = p;
        b->q[k] = p + n * n;
        b->qt[k] = p + 2 * n * n;
        p += 3 * n * n;
        for (size_t i = 0; i < n; i++)
            b->q[k][i * n + i] = b->qt[k][i * n + i] = 1;
    }
    if (b->n > s->work_n) s->work_n = b->n;
    return AL_ERR_OK;
}

static enum al_err add_net(struct soap *s, const struct dp_model *m, const struct dp_net *net, bool fitting)
{
    for (int l = 0; l < net->nlayers; l++) {
        const struct dp_layer *la = &net->layer[l];
        size_t first = (size_t)(la->w - m->param), nw = (size_t)la->nin * (size_t)la->nout;
        int split[SIDES] = {dp_config_width(&m->c) / m->c.axis_neuron, m->c.axis_neuron, la->nout}, plain[2] = {la->nin, la->nout};
        if (la->nin == 1 || la->nout == 1)
            AL_TRY(add_rest(s, first, nw));
        else if (fitting && l == 0 && m->c.axis_neuron > 1)
            AL_TRY(add_block(s, first, SIDES, split));
        else
            AL_TRY(add_block(s, first, 2, plain));
        AL_TRY(add_rest(s, (size_t)(la->b - m->param), (size_t)la->nout));
        if (la->idt) AL_TRY(add_rest(s, (size_t)(la->idt - m->param), (size_t)la->nout));
    }
    return AL_ERR_OK;
}

static void destroy(void *self)
{
    struct soap *s = self;
    if (!s) return;
    for (int i = 0; i < s->nblock; i++)
        al_free(s->block[i].mem);
    al_free(s->block);
    adam_free(&s->rest);
    al_free(s->place);
    al_free(s->rest_grad);
    al_free(s->rest_theta);
    for (int i = 0; i < 3; i++)
        al_free(s->work[i]);
    al_free(s->eigen);
    al_free(s->value);
    al_free(s);
}

static enum al_err build(struct soap *s, const struct dp_model *m)
{
    for (int e = 0; e < m->nemb; e++)
        AL_TRY(add_net(s, m, &m->emb[e], false));
    for (int t = 0; t < m->c.ntypes; t++)
        AL_TRY(add_net(s, m, &m->fit[t], true));
    size_t rest = s->rest.n, widest = 1;
    AL_TRY(adam_create(rest, &s->rest));
    AL_ALLOC(s->rest_grad, rest);
    AL_ALLOC(s->rest_theta, rest);
    for (int i = 0; i < 3; i++)
        AL_ALLOC(s->work[i], s->work_n);
    for (int i = 0; i < s->nblock; i++)
        for (int k = 0; k < s->block[i].nside; k++)
            if ((size_t)s->block[i].side[k] > widest) widest = (size_t)s->block[i].side[k];
    AL_ALLOC(s->eigen, widest * widest);
    AL_ALLOC(s->value, widest);
    return AL_ERR_OK;
}

static enum al_err create(const struct dp_model *m, void **ret)
{
    struct soap *s = NULL;
    AL_ALLOC(s, 1);
    enum al_err e = build(s, m);
    if (e != AL_ERR_OK) {
        destroy(s);
        return e;
    }
    *ret = s;
    return AL_ERR_OK;
}

// ---- products along a side -------------------------------------------------------------------------------

struct slices { // a tensor as [count][n][inner], n the side in question
    int count, n, inner;
};
static struct slices slices_of(const struct block *b, int k)
{
    struct slices s = {1, b->side[k], 1};
    for (int i = 0; i < k; i++)
        s.count *= b->side[i];
    for (int i = k + 1; i < b->nside; i++)
        s.inner *= b->side[i];
    return s;
}

// y = x with side k multiplied by q^T (into the basis) or by q (back); qt is q transposed.
static void turn(const struct block *b, int k, bool back, const float *x, float *y)
{
    struct slices s = slices_of(b, k);
    size_t n = (size_t)s.n, inner = (size_t)s.inner, size = n * inner;
    if (inner == 1) {
        dp_gemm_single((size_t)s.count, n, n, x, n, 1, back ? b->qt[k] : b->q[k], y);
        return;
    }
    for (int a = 0; a < s.count; a++, x += size, y += size)
        dp_gemm_single(n, inner, n, b->q[k], back ? n : 1, back ? 1 : n, x, y);
}

// All sides; x is destroyed, the result stands in *ret, one of x and y.
static void turn_all(const struct block *b, bool back, float *x, float *y, float **ret)
{
    for (int k = 0; k < b->nside; k++) {
        if (!b->q[k]) continue;
        turn(b, k, back, x, y);
        float *t = x;
        x = y;
        y = t;
    }
    *ret = x;
}

static void add_covariance(const struct block *b, int k, const float *g)
{
    struct slices s = slices_of(b, k);
    int n = s.n;
    float *c = b->cov[k], w = 1 - (float)BETA_COV;
    for (size_t i = 0; i < (size_t)n * (size_t)n; i++)
        c[i] *= (float)BETA_COV;
    if (s.inner == 1) {
        al_sgemm('N', 'T', n, n, s.count, w, g, n, g, n, 1, c, n);
        return;
    }
    size_t size = (size_t)n * (size_t)s.inner;
    for (int a = 0; a < s.count; a++, g += size)
        al_sgemm('T', 'N', n, n, s.inner, w, g, s.inner, g, s.inner, 1, c, n);
}

// New eigenbases; the first moment moves along, the second stays with the index of its vector.
static enum al_err renew(struct soap *s, struct block *b)
{
    float *m;
    memcpy(s->work[0], b->m, b->n * sizeof *b->m);
    turn_all(b, true, s->work[0], s->work[1], &m);
    for (int k = 0; k < b->nside; k++) {
        if (!b->q[k]) continue;
        size_t n = (size_t)b->side[k];
        for (size_t i = 0; i < n * n; i++)
            s->eigen[i] = (double)b->cov[k][i];
        AL_TRY(al_dsyevd((int)n, s->eigen, (int)n, s->value));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                b->q[k][i * n + j] = b->qt[k][j * n + i] = (float)s->eigen[j * n + i];
    }
    turn_all(b, false, m, m == s->work[0] ? s->work[1] : s->work[0], &m);
    memcpy(b->m, m, b->n * sizeof *m);
    return AL_ERR_OK;
}

// ---- an update -------------------------------------------------------------------------------------------

static enum al_err update_block(struct soap *s, struct block *b, long t, double lr, const double *grad, double *theta)
{
    float *g = s->work[2], *u;
    bool some = false;
    for (size_t i = 0; i < b->n; i++) {
        g[i] = (float)grad[b->first + i];
        some |= g[i] != 0;
    }
    if (b->idle && !some) return AL_ERR_OK;
    b->idle = false;
    bool young = t < RENEW;
    for (int k = 0; k < b->nside && (young || t % SAMPLE == 0); k++)
        if (b->cov[k]) add_covariance(b, k, g);
    if (t % RENEW == 0 || (young && (t == 1 || t % 3 == 0))) AL_TRY(renew(s, b));
    memcpy(s->work[0], g, b->n * sizeof *g);
    turn_all(b, false, s->work[0], s->work[1], &u);
    const float b1 = (float)BETA1, b2 = (float)BETA2, eps = (float)EPSILON;
    float *restrict m = b->m, *restrict v = b->v, *restrict x = u;
    double square = 0;
    for (size_t i = 0; i < b->n; i++) {
        m[i] = b1 * m[i] + (1 - b1) * x[i];
        v[i] = b2 * v[i] + (1 - b2) * x[i] * x[i];
        x[i] = m[i] / (sqrtf(v[i]) + eps);
        square += (double)(x[i] * x[i]);
    }
    turn_all(b, true, u, u == s->work[0] ? s->work[1] : s->work[0], &u);
    double rate = lr * sqrt(1 - pow(BETA2, (double)t)) / (1 - pow(BETA1, (double)t));
    rate /= fmax(1, rate / lr * sqrt(square / (double)b->n) / CLIP);
    for (size_t i = 0; i < b->n; i++)
        theta[b->first + i] -= rate * (double)u[i];
    return AL_ERR_OK;
}

static enum al_err update(void *self, long t, double lr, const double *grad, double *theta)
{
    struct soap *s = self;
    for (int i = 0; i < s->nblock; i++)
        AL_TRY(update_block(s, &s->block[i], t, lr, grad, theta));
    for (size_t i = 0; i < s->rest.n; i++) {
        s->rest_grad[i] = grad[s->place[i]];
        s->rest_theta[i] = theta[s->place[i]];
    }
    adam_update(&s->rest, t, lr, s->rest_grad, s->rest_theta);
    for (size_t i = 0; i < s->rest.n; i++)
        theta[s->place[i]] = s->rest_theta[i];
    return AL_ERR_OK;
}

// ---- checkpoint ------------------------------------------------------------------------------------------

static void save(const void *self, FILE *out)
{
    const struct soap *s = self;
    for (int i = 0; i < s->nblock; i++) {
        unsigned char idle = s->block[i].idle;
        fwrite(&idle, 1, 1, out);
        if (!idle) fwrite(s->block[i].mem, sizeof(float), s->block[i].mem_n, out);
    }
    adam_save(&s->rest, out);
}

static enum al_err load(void *self, const unsigned char **at, const unsigned char *end)
{
    struct soap *s = self;
    for (int i = 0; i < s->nblock; i++) {
        unsigned char idle;
        AL_TRY(optimiser_take(at, end, &idle, 1));
        s->block[i].idle = idle;
        if (!idle) AL_TRY(optimiser_take(at, end, s->block[i].mem, s->block[i].mem_n * sizeof(float)));
    }
    return adam_load(&s->rest, at, end);
}

static size_t bytes(const void *self)
{
    const struct soap *s = self;
    size_t n = 2 * s->rest.n * sizeof(double);
    for (int i = 0; i < s->nblock; i++)
        n += s->block[i].mem_n * sizeof(float);
    return n;
}

const struct optimiser_class optimiser_soap = {"soap", create, destroy, update, save, load, bytes};
