// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Vectors of one precision and the kernels over one descriptor, for training (train/fast.c) and evaluation
// (dp/compress_impl.h); included once for each precision, with REAL, INDEX, IOTA, VEC_BYTES and FN(name) defined. No include
// guard on purpose. Channels run in vectors; the arrays of a centre are [4][mp] (component, channel), with harmonics
// [DP_HARMONICS][hp] after these, mp the width M1
// in whole vectors with zeros (or finite numbers that meet zeros) beyond M1. Descriptors are kept as D[block][b][a], a < M1
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

// Of vectors that are s apart in v: lanes whose number has the bit s come from the second of two.
INLINE void FN(fold)(VEC v[LANES], const size_t s)
{
    const FN(ivec) lane = *(const FN(ivec) *)IOTA;
    const FN(ivec) second = lane + (((lane & (INDEX)s) != 0) & (INDEX)LANES), other = second ^ (INDEX)s;
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i += 2 * s)
        v[i] = __builtin_shuffle(v[i], v[i + s], second) + __builtin_shuffle(v[i], v[i + s], other);
}

// Lane i: the sum of v[i].
INLINE VEC FN(sums)(const VEC from[LANES])
{
    VEC v[LANES];
#pragma GCC unroll 16
    for (size_t i = 0; i < LANES; i++)
        v[i] = from[i];
    FN(fold)(v, 1);
    if (LANES > 2) FN(fold)(v, LANES > 2 ? 2 : 1);
    if (LANES > 4) FN(fold)(v, LANES > 4 ? 4 : 1);
    if (LANES > 8) FN(fold)(v, LANES > 8 ? 8 : 1);
    return v[0];
}

// D[b][a] = A[a] . B[b] (+ B[a] . A[b] when both differ: the tangent), of n components.
INLINE void FN(descriptor_block)(int m1, int m2, size_t mp, const REAL *A, const REAL *B, REAL *D, const size_t n)
{
    for (int b = 0; b < m2; b++, D += m1)
        for (size_t j = 0; j < mp; j += LANES) {
            VEC s = {0};
#pragma GCC unroll 7
            for (size_t c = 0; c < n; c++)
                s += B[c * mp + (size_t)b] * LOAD(A + c * mp + j);
#pragma GCC unroll 7
            for (size_t c = 0; c < n && A != B; c++)
                s += A[c * mp + (size_t)b] * LOAD(B + c * mp + j);
            STORE(D + j) = s;
        }
}

// gA[a] += sum_b gD[b][a] A[b];  gA[b] += sum_a gD[b][a] A[a], of n components.
INLINE void FN(descriptor_block_back)(int m1, int m2, size_t mp, const REAL *A, const REAL *gD, REAL *gA, const size_t n)
{
    for (size_t j = 0; j < mp; j += LANES) {
        VEC s[DP_HARMONICS_3];
        for (size_t c = 0; c < n; c++)
            s[c] = LOAD(gA + c * mp + j);
        for (size_t b = 0; b < (size_t)m2; b++) {
            VEC g = LOAD(gD + b * (size_t)m1 + j);
#pragma GCC unroll 7
            for (size_t c = 0; c < n; c++)
                s[c] += A[c * mp + b] * g;
        }
        for (size_t c = 0; c < n; c++)
            STORE(gA + c * mp + j) = s[c];
    }
    for (size_t b = 0; b < (size_t)m2; b++) {
        VEC s[DP_HARMONICS_3] = {{0}};
        for (size_t j = 0; j < mp; j += LANES) {
            VEC g = LOAD(gD + b * (size_t)m1 + j);
#pragma GCC unroll 7
            for (size_t c = 0; c < n; c++)
                s[c] += g * LOAD(A + c * mp + j);
        }
        for (size_t c = 0; c < n; c++)
            gA[c * mp + b] += FN(sum)(s[c]);
    }
}

// Sizes of a descriptor: m1, m2 and mh, and m1 and mh in whole vectors. A is [4][mp], then [DP_HARMONICS][hp].
struct FN(sizes) {
    int m1, m2, mh;
    size_t mp, hp;
    size_t a2, a3, d2, d3; // where l = 2 and 3 begin in A and in D
};

INLINE struct FN(sizes) FN(sizes_of)(const struct dp_config *c)
{
    struct dp_sizes n = dp_config_sizes(c);
    size_t mp = ((size_t)n.m1 + LANES - 1) / LANES * LANES, hp = ((size_t)n.mh + LANES - 1) / LANES * LANES;
    size_t d2 = (size_t)n.m1 * (size_t)n.m2, d3 = d2 + (size_t)n.mh * (size_t)n.m2;
    return (struct FN(sizes)){n.m1, n.m2, n.mh, mp, hp, 4 * mp, 4 * mp + DP_HARMONICS_2 * hp, d2, d3};
}

// Numbers of A, and of D: the last row of D runs over into nothing.
INLINE size_t FN(size_A)(const struct FN(sizes) *n)
{
    return 4 * n->mp + DP_HARMONICS * n->hp;
}
INLINE size_t FN(size_D)(const struct FN(sizes) *n)
{
    size_t last = n->mh ? n->hp - (size_t)n->mh : n->mp - (size_t)n->m1;
    return ((size_t)((n->m1 + 2 * n->mh) * n->m2) + last + LANES - 1) / LANES * LANES;
}

// Place in the model's D of each number of ours.
static void FN(places)(const struct FN(sizes) *n, int *ret)
{
    for (int l = 0, at = 0; l < (n->mh ? 3 : 1); l++) {
        int m = l ? n->mh : n->m1;
        for (int b = 0; b < n->m2; b++)
            for (int a = 0; a < m; a++)
                *ret++ = at + a * n->m2 + b;
        at += m * n->m2;
    }
}

// Zeros beyond MH, where the tables, unlike beyond M1, hold the net's other columns: for A when it is summed up; descriptor_back sees to gA.
static void FN(trim)(const struct FN(sizes) *n, REAL *A)
{
    for (size_t c = 0; c < DP_HARMONICS; c++)
        for (size_t j = (size_t)n->mh; j < n->hp; j++)
            A[n->a2 + c * n->hp + j] = 0;
}

// All blocks.
static void FN(descriptor)(const struct FN(sizes) *n, const REAL *A, const REAL *B, REAL *D)
{
    FN(descriptor_block)(n->m1, n->m2, n->mp, A, B, D, 4);
    if (!n->mh) return;
    FN(descriptor_block)(n->mh, n->m2, n->hp, A + n->a2, B + n->a2, D + n->d2, DP_HARMONICS_2);
    FN(descriptor_block)(n->mh, n->m2, n->hp, A + n->a3, B + n->a3, D + n->d3, DP_HARMONICS_3);
}

static void FN(descriptor_back)(const struct FN(sizes) *n, const REAL *A, const REAL *gD, REAL *gA)
{
    FN(descriptor_block_back)(n->m1, n->m2, n->mp, A, gD, gA, 4);
    if (!n->mh) return;
    FN(descriptor_block_back)(n->mh, n->m2, n->hp, A + n->a2, gD + n->d2, gA + n->a2, DP_HARMONICS_2);
    FN(descriptor_block_back)(n->mh, n->m2, n->hp, A + n->a3, gD + n->d3, gA + n->a3, DP_HARMONICS_3);
    FN(trim)(n, gA);
}
