// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Vectors of one precision and the kernels over one descriptor, for training (train/fast.c) and evaluation
// (dp/compress_impl.h); included once for each precision, with REAL, INDEX, IOTA, VEC_BYTES and FN(name) defined. No include
// guard on purpose. Channels run in vectors; the arrays of a centre are [4][mp] (component, channel), mp the width M1
// in whole vectors with zeros (or finite numbers that meet zeros) beyond M1. Descriptors are kept as D[b][a], a < M1
// fastest: stores of a row run over into the next row, which is written later.

typedef REAL FN(vec) __attribute__((vector_size(VEC_BYTES), aligned(sizeof(REAL)), may_alias));
typedef INDEX FN(ivec) __attribute__((vector_size(VEC_BYTES), aligned(sizeof(INDEX)), may_alias));

#define LANES  (VEC_BYTES / sizeof(REAL))
#define VEC    FN(vec)
#define LOAD(p) (*(const VEC *)(p))
#define STORE(p) (*(VEC *)(p))
#define INLINE static inline __attribute__((always_inline))

INLINE REAL FN(sum)(VEC v)
{
    const FN(ivec) lane = *(const FN(ivec) *)IOTA;
    for (INDEX s = LANES / 2; s; s /= 2)
        v += __builtin_shuffle(v, lane ^ s);
    return v[0];
}

// D[b][a] = A[a] . B[b] (+ B[a] . A[b] when both differ: the tangent).
static void FN(descriptor)(int m1, int m2, size_t mp, const REAL *A, const REAL *B, REAL *D)
{
    for (int b = 0; b < m2; b++, D += m1)
        for (size_t j = 0; j < mp; j += LANES) {
            VEC s = {0};
            for (size_t c = 0; c < 4; c++)
                s += B[c * mp + (size_t)b] * LOAD(A + c * mp + j);
            for (size_t c = 0; c < 4 && A != B; c++)
                s += A[c * mp + (size_t)b] * LOAD(B + c * mp + j);
            STORE(D + j) = s;
        }
}

// gA[a] += sum_b gD[b][a] A[b];  gA[b] += sum_a gD[b][a] A[a]
static void FN(descriptor_back)(int m1, int m2, size_t mp, const REAL *A, const REAL *gD, REAL *gA)
{
    for (size_t j = 0; j < mp; j += LANES) {
        VEC s[4];
        for (size_t c = 0; c < 4; c++)
            s[c] = LOAD(gA + c * mp + j);
        for (size_t b = 0; b < (size_t)m2; b++) {
            VEC g = LOAD(gD + b * (size_t)m1 + j);
#pragma GCC unroll 4
            for (size_t c = 0; c < 4; c++)
                s[c] += A[c * mp + b] * g;
        }
        for (size_t c = 0; c < 4; c++)
            STORE(gA + c * mp + j) = s[c];
    }
    for (size_t b = 0; b < (size_t)m2; b++) {
        VEC s[4] = {{0}};
        for (size_t j = 0; j < mp; j += LANES) {
            VEC g = LOAD(gD + b * (size_t)m1 + j);
#pragma GCC unroll 4
            for (size_t c = 0; c < 4; c++)
                s[c] += g * LOAD(A + c * mp + j);
        }
        for (size_t c = 0; c < 4; c++)
            gA[c * mp + b] += FN(sum)(s[c]);
    }
}
