// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Conformance of every optimiser of the seam: it goes down a quadratic valley, a copy through save and load gives the
// same bits from there on, nets without gradient stay as they are. And what SOAP claims: that valleys whose axes are
// combinations of parameters cost it no more than valleys along the parameters; Adam is slow in them.
#include "dp_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/linalg.h"
#include "dp/gemm.h"
#include "train/optimiser.h"

static double gauss(struct al_rng *r)
{
    double s = 0;
    for (int i = 0; i < 12; i++)
        s += al_rng_uniform(r);
    return s - 6;
}

static void product(void **state) // every remainder of rows and columns against the plain one
{
    (void)state;
    struct al_rng rng;
    al_rng_stream(&rng, 5, "turn", 0, 0, 0);
    for (int m = 1; m < 20; m += 3)
        for (int n = 1; n < 130; n += n < 50 ? 1 : 13)
            for (int t = 0; t < 2; t++) {
                int k = 1 + (m * n) % 37;
                float *a = calloc((size_t)(m * k), sizeof *a), *b = calloc((size_t)(k * n), sizeof *b);
                float *c = calloc((size_t)(m * n), sizeof *c);
                for (int i = 0; i < m * k; i++)
                    a[i] = (float)gauss(&rng);
                for (int i = 0; i < k * n; i++)
                    b[i] = (float)gauss(&rng);
                size_t rs = t ? 1 : (size_t)k, cs = t ? (size_t)m : 1;
                dp_gemm_single((size_t)m, (size_t)n, (size_t)k, a, rs, cs, b, c);
                for (int i = 0; i < m; i++)
                    for (int j = 0; j < n; j++) {
                        double s = 0, size = 0;
                        for (int q = 0; q < k; q++) {
                            double x = (double)a[(size_t)i * rs + (size_t)q * cs] * (double)b[q * n + j];
                            s += x;
                            size += fabs(x);
                        }
                        if (!(fabs((double)c[i * n + j] - s) <= 1e-6 * size))
                            fail_msg("%d %d %d: %d %d", m, n, k, i, j);
                    }
                free(a);
                free(b);
                free(c);
            }
}

struct valley { // 0.5 sum_c x_c^T H x_c over the columns c of the weights of the fitting nets' second layers
    const struct dp_model *m;
    double *h; // [n][n]
    int n;
};

static double valley_gradient(const struct valley *v, const double *theta, double *grad)
{
    double loss = 0;
    memset(grad, 0, v->m->nparam * sizeof *grad);
    for (int t = 0; t < v->m->c.ntypes; t++) {
        const struct dp_layer *la = &v->m->fit[t].layer[1];
        size_t at = (size_t)(la->w - v->m->param);
        assert_int_equal(la->nin, v->n);
        for (int i = 0; i < la->nin; i++)
            for (int c = 0; c < la->nout; c++) {
                double g = 0;
                for (int j = 0; j < la->nin; j++)
                    g += v->h[i * v->n + j] * theta[at + (size_t)(j * la->nout + c)];
                grad[at + (size_t)(i * la->nout + c)] = g;
                loss += 0.5 * g * theta[at + (size_t)(i * la->nout + c)];
            }
    }
    return loss;
}

// H with eigenvalues 1 ... 1e-4 along the axes, or along axes turned at random.
static void valley_open(const struct dp_model *m, bool turned, struct valley *v)
{
    int n = m->fit[0].layer[1].nin;
    double *a = calloc((size_t)(n * n), sizeof *a), *w = calloc((size_t)n, sizeof *w);
    struct al_rng rng;
    al_rng_stream(&rng, 6, "valley", 0, 0, 0);
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++)
            a[i * n + j] = a[j * n + i] = turned ? gauss(&rng) : i == j ? i : 0;
    MUST(al_dsyevd(n, a, n, w));
    *v = (struct valley){m, calloc((size_t)(n * n), sizeof *v->h), n};
    for (int q = 0; q < n; q++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                v->h[i * n + j] += pow(1e-4, q / (n - 1.0)) * a[q * n + i] * a[q * n + j];
    free(a);
    free(w);
}

// Loss after as a fraction of that before.
static double descend(enum optimiser_kind kind, bool turned, long steps)
{
    const struct optimiser_class *k = optimiser_class_of(kind);
    struct dp_model *m = fixture_model(NULL, 3);
    struct valley v;
    void *o = NULL;
    valley_open(m, turned, &v);
    double *grad = calloc(m->nparam, sizeof *grad), before = valley_gradient(&v, m->param, grad);
    MUST(k->create(m, &o));
    for (long t = 1; t <= steps; t++) {
        valley_gradient(&v, m->param, grad);
        MUST(k->update(o, t, 0.02 * (1 - (double)t / (double)(steps + 1)), grad, m->param));
    }
    double after = valley_gradient(&v, m->param, grad);
    print_message("%s, valley %s: loss x %.1e in %ld steps\n", k->name, turned ? "turned" : "along the axes",
                  after / before, steps);
    k->destroy(o);
    free(grad);
    free(v.h);
    dp_model_destroy(&m);
    return after / before;
}

static void valleys(void **state)
{
    (void)state;
    for (int k = 0; k < OPTIMISER_KINDS; k++)
        assert_true(descend((enum optimiser_kind)k, false, 300) < 1e-3);
    double adam = descend(OPTIMISER_ADAM, true, 300), soap = descend(OPTIMISER_SOAP, true, 300);
    assert_true(soap < 0.01 * adam);
}

static void saved(void **state) // 7 steps, save, load into a fresh one; both go on alike through a renewal
{
    (void)state;
    for (int q = 0; q < OPTIMISER_KINDS; q++) {
        const struct optimiser_class *k = optimiser_class_of((enum optimiser_kind)q);
        struct dp_model *m = fixture_model(NULL, 3);
        size_t n = m->nparam, quiet = (size_t)(m->fit[2].layer[0].w - m->param);
        size_t loud = (size_t)(m->fit[3].layer[0].w - m->param);
        double *grad = calloc(n, sizeof *grad), *x = calloc(2 * n, sizeof *x), *y = x + n;
        memcpy(x, m->param, n * sizeof *x);
        void *a = NULL, *b = NULL;
        struct al_rng rng;
        al_rng_stream(&rng, 8, "saved", 0, 0, 0);
        MUST(k->create(m, &a));
        MUST(k->create(m, &b));
        assert_true(k->bytes(a) >= 2 * sizeof(float) * n);
        for (long t = 1; t <= 30; t++) {
            for (size_t i = 0; i < n; i++)
                grad[i] = i >= quiet && i < loud ? 0 : gauss(&rng) * (1 + (double)(i % 7));
            MUST(k->update(a, t, 1e-3, grad, x));
            if (t > 7) MUST(k->update(b, t, 1e-3, grad, y));
            if (t != 7) continue;
            char *buf = NULL;
            size_t len;
            FILE *out = open_memstream(&buf, &len);
            k->save(a, out);
            fclose(out);
            const unsigned char *at = (const unsigned char *)buf;
            MUST(k->load(b, &at, at + len));
            assert_true(at == (const unsigned char *)buf + len);
            at = (const unsigned char *)buf;
            assert_int_equal(k->load(b, &at, at + len - 1), AL_ERR_CORRUPT);
            memcpy(y, x, n * sizeof *x);
            free(buf);
        }
        assert_memory_equal(x, y, n * sizeof *x);
        assert_memory_equal(x + quiet, m->param + quiet, (loud - quiet) * sizeof *x);
        size_t moved = 0;
        for (size_t i = 0; i < n; i++)
            moved += x[i] != m->param[i];
        assert_true(moved >= n - (loud - quiet) - 2);
        k->destroy(a);
        k->destroy(b);
        k->destroy(NULL);
        free(grad);
        free(x);
        dp_model_destroy(&m);
    }
}

// Gradients that are small for long and then large for ten steps: no step of a layer is longer than the learning rate (rms), and the last
// ones are just that long.
static void no_step_is_longer_than_the_rate(void **state)
{
    (void)state;
    const struct optimiser_class *k = optimiser_class_of(OPTIMISER_SOAP);
    struct dp_model *m = fixture_model(NULL, 3);
    const struct dp_layer *la = &m->fit[0].layer[1];
    size_t n = m->nparam, at = (size_t)(la->w - m->param), count = (size_t)la->nin * (size_t)la->nout;
    double *grad = calloc(2 * n, sizeof *grad), *sign = grad + n, lr = 1e-3, last = 0;
    struct al_rng rng;
    void *o = NULL;
    al_rng_stream(&rng, 9, "kick", 0, 0, 0);
    MUST(k->create(m, &o));
    for (size_t i = 0; i < n; i++)
        sign[i] = gauss(&rng);
    for (long t = 1; t <= 410; t++) {
        double square = 0;
        for (size_t i = 0; i < n; i++)
            grad[i] = t > 400 ? 100 * sign[i] : gauss(&rng);
        double *was = malloc(count * sizeof *was);
        memcpy(was, m->param + at, count * sizeof *was);
        MUST(k->update(o, t, lr, grad, m->param));
        for (size_t i = 0; i < count; i++)
            square += (m->param[at + i] - was[i]) * (m->param[at + i] - was[i]);
        free(was);
        last = sqrt(square / (double)count) / lr;
        if (!(last <= 1 + 1e-5)) fail_msg("step %ld: %.6f of the rate", t, last);
    }
    assert_true(last > 0.999);
    k->destroy(o);
    free(grad);
    dp_model_destroy(&m);
}

static void names(void **state)
{
    (void)state;
    enum optimiser_kind k;
    assert_true(optimiser_find("soap", &k) && k == OPTIMISER_SOAP);
    assert_true(optimiser_find("adam", &k) && k == OPTIMISER_ADAM);
    assert_false(optimiser_find("sgd", &k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(product), cmocka_unit_test(valleys), cmocka_unit_test(saved),
                                       cmocka_unit_test(no_step_is_longer_than_the_rate), cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
