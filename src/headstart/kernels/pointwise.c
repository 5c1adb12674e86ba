/* Gradients of a 1x1 convolution and the clip behind it over dense rows: bfloat16 with float32
 * sums, on the processor's matrix tiles (Intel AMX). Some hundred rows at a time, so what of the
 * gradient went through the clip is read from the cache by both products.
 *
 * That of the weights sums over rows, and both operands lie row by row, so both are packed. A
 * tile holds 16 columns of 32 rows as pairs of rows; 32 columns make two tiles, in the
 * order that unpacking gives (see `place`), and are put in order at the end.
 *
 * Each thread takes a fixed share of the rows; shares are added up in order: the same
 * threads, the same bits.
 */
#include <stdlib.h>
#include <string.h>

#include "bf16.h"

#if defined(__AMX_BF16__) && defined(__AVX512BW__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SIDE = 16,          /* columns in a tile */
    WIDE = 2 * SIDE,    /* columns packed at a time */
    DEEP = 32,          /* rows in a tile */
    TILE = SIDE * DEEP, /* numbers in a tile */
    SHARE = 512,        /* rows packed at a time: they stay in the cache */
    MAY_USE = 0x1023, TILE_DATA = 18 /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
};

int has_tiles(void) { return syscall(SYS_arch_prctl, MAY_USE, TILE_DATA) == 0; }

static void configure(void) {
    struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; }
        __attribute__((packed)) config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = SIDE;
    }
    _tile_loadconfig(&config);
}

static inline int64_t up(int64_t value, int64_t step) { return (value + step - 1) / step; }

/* Where a column of 32 lies among the columns of its two tiles; four neighbours stay so. */
static inline int64_t place(int64_t column) {
    int64_t group = column / WIDE * WIDE, four = column % WIDE / 4;
    return group + four % 2 * SIDE + four / 2 * 4 + column % 4;
}

/* 16 lines of 16 pairs, the other way round. */
static inline void transpose(__m512i r[SIDE]) {
    __m512i t[SIDE];
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
        r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/* Up to 32 rows of 32 columns as two tiles; what is past either end is zero. */
static inline void pack_tiles(const bf16 *x, int64_t columns, int64_t rows, __mmask32 here,
                              int turned, bf16 *first, bf16 *second) {
    __m512i low[SIDE], high[SIDE];
    for (int i = 0; i < SIDE; i++) {
        const bf16 *row = x + 2 * i * columns;
        __m512i a = _mm512_maskz_loadu_epi16(2 * i < rows ? here : 0, row);
        __m512i b = _mm512_maskz_loadu_epi16(2 * i + 1 < rows ? here : 0, row + columns);
        low[i] = _mm512_unpacklo_epi16(a, b);
        high[i] = _mm512_unpackhi_epi16(a, b);
    }
    if (turned) {
        transpose(low);
        transpose(high);
    }
    for (int i = 0; i < SIDE; i++) {
        _mm512_store_si512(first + WIDE * i, low[i]);
        _mm512_store_si512(second + WIDE * i, high[i]);
    }
}

/* Packs up to SHARE rows; the tiles of 16 columns lie together. */
static void pack(const bf16 *x, int64_t columns, int64_t rows, int turned, bf16 *packed) {
    int64_t deep = up(rows, DEEP);
    for (int64_t d = 0; d < deep; d++)
        for (int64_t c = 0; c < columns; c += WIDE) {
            bf16 *first = packed + (c / SIDE * deep + d) * TILE;
            __mmask32 here = columns - c < WIDE ? (1u << (columns - c)) - 1 : 0xffffffffu;
            pack_tiles(x + d * DEEP * columns + c, columns, rows - d * DEEP, here, turned, first,
                       first + deep * TILE);
        }
}

/* Adds the product of two by two columns of tiles to 32 by 32 sums. */
static void multiply(const bf16 *a, const bf16 *b, int64_t deep, float *sums, int64_t pitch) {
    float *below = sums + SIDE * pitch;
    size_t bytes = pitch * sizeof(float);
    _tile_loadd(0, sums, bytes);
    _tile_loadd(1, sums + SIDE, bytes);
    _tile_loadd(2, below, bytes);
    _tile_loadd(3, below + SIDE, bytes);
    for (int64_t d = 0; d < deep; d++) {
        _tile_loadd(4, a + d * TILE, 64);
        _tile_loadd(6, b + d * TILE, 64);
        _tile_loadd(7, b + (deep + d) * TILE, 64);
        _tile_loadd(5, a + (deep + d) * TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, bytes);
    _tile_stored(1, sums + SIDE, bytes);
    _tile_stored(2, below, bytes);
    _tile_stored(3, below + SIDE, bytes);
}

typedef struct { int64_t out, in, high, broad; } sizes_t; /* the last two: rounded up */

static size_t floats_of(sizes_t s) { return (size_t)s.high * s.broad; }

static size_t room_of(sizes_t s) { /* sums, then both operands packed */
    return floats_of(s) * sizeof(float) + (size_t)(s.high + s.broad) * SHARE * sizeof(bf16);
}

static void add_share(const bf16 *g, const bf16 *x, int64_t rows, sizes_t s, float *sums) {
    bf16 *a = (bf16 *)(sums + floats_of(s)), *b = a + s.high * SHARE;
    int64_t deep = up(rows, DEEP), tiles = deep * TILE;
    pack(g, s.out, rows, 1, a);
    pack(x, s.in, rows, 0, b);
    for (int64_t j = 0; j < s.broad; j += WIDE)
        for (int64_t i = 0; i < s.high; i += WIDE)
            multiply(a + i / SIDE * tiles, b + j / SIDE * tiles, deep, sums + i * s.broad + j,
                     s.broad);
}

static void in_order(const float *sums, bf16 *out, int64_t columns) {
    for (int64_t i = 0; i < columns; i += 4) {
        const float *four = sums + place(i);
        for (int64_t k = 0; k < 4 && i + k < columns; k++) out[i + k] = narrow(four[k]);
    }
}

/* Room that stays with the calling thread: fresh memory costs more than the product. */
static char *keep_room(size_t bytes) {
    static _Thread_local char *room;
    static _Thread_local size_t held;
    if (held < bytes) {
        free(room);
        room = aligned_alloc(64, bytes);
        held = room ? bytes : 0;
    }
    return room;
}

/* What one thread has for all gradients at once. */
typedef struct {
    float *sums, *bias, *square; /* of the weights, of the bias, 32 by 32 of the input's */
    bf16 *rows;                  /* a share of the gradient without what was clipped */
} room_t;

static inline __mmask16 inside(__m256i values, __m512 low, __m512 high) {
    __m512 wide = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16));
    __mmask16 above = _mm512_cmp_ps_mask(wide, low, _CMP_GT_OQ);
    return _mm512_mask_cmp_ps_mask(above, wide, high, _CMP_LT_OQ);
}

static inline void add_wide(float *to, __m256i values) {
    __m512 wide = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16));
    _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), wide));
}

/* Rows of the gradient where y was not clipped, zeros up to the next 32 columns; their sums. */
static void take_rows(const bf16 *g, const bf16 *y, bf16 *to, float *bias, int64_t rows, sizes_t s,
                      float low, float high) {
    const __m512 lowest = _mm512_set1_ps(low), highest = _mm512_set1_ps(high);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t c = 0; c < s.out; c += WIDE) {
            __mmask32 here = s.out - c < WIDE ? (1u << (s.out - c)) - 1 : 0xffffffffu;
            __m512i values = _mm512_maskz_loadu_epi16(here, g + row * s.out + c);
            if (y) {
                __m512i out = _mm512_maskz_loadu_epi16(here, y + row * s.out + c);
                __mmask32 kept = inside(_mm512_castsi512_si256(out), lowest, highest);
                kept |= (__mmask32)inside(_mm512_extracti64x4_epi64(out, 1), lowest, highest)
                        << SIDE;
                values = _mm512_maskz_mov_epi16(kept, values);
            }
            _mm512_storeu_si512(to + row * s.high + c, values);
            add_wide(bias + c, _mm512_castsi512_si256(values));
            add_wide(bias + c + SIDE, _mm512_extracti64x4_epi64(values, 1));
        }
}

/* 32 rows of the input's gradient, 32 columns of them: rows times tiles of weights. */
static void multiply_rows(const bf16 *rows, const bf16 *b, sizes_t s, float *square) {
    int64_t deep = s.high / DEEP;
    size_t pitch = s.high * sizeof(bf16), bytes = WIDE * sizeof(float);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t d = 0; d < deep; d++) {
        _tile_loadd(4, rows + d * DEEP, pitch);
        _tile_loadd(6, b + d * TILE, 64);
        _tile_loadd(7, b + (deep + d) * TILE, 64);
        _tile_loadd(5, rows + SIDE * s.high + d * DEEP, pitch);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, square, bytes);
    _tile_stored(1, square + SIDE, bytes);
    _tile_stored(2, square + SIDE * WIDE, bytes);
    _tile_stored(3, square + SIDE * WIDE + SIDE, bytes);
}

static void put_rows(const bf16 *rows, const bf16 *weights, bf16 *to, int64_t count, sizes_t s,
                     float *square) {
    const __m512i in_turn = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
    for (int64_t row = 0; row < count; row += WIDE)
        for (int64_t c = 0; c < s.in; c += WIDE) {
            __mmask32 here = s.in - c < WIDE ? (1u << (s.in - c)) - 1 : 0xffffffffu;
            multiply_rows(rows + row * s.high, weights + c / SIDE * s.high / DEEP * TILE, s,
                          square);
            for (int64_t i = 0; i < WIDE && row + i < count; i++) {
                __m512 first = _mm512_load_ps(square + i * WIDE);
                __m512 second = _mm512_load_ps(square + i * WIDE + SIDE);
                __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
                _mm512_mask_storeu_epi16(to + (row + i) * s.in + c, here,
                                         _mm512_permutexvar_epi64(in_turn, both));
            }
        }
}

static size_t lay_out(room_t *room, char *memory, sizes_t s) {
    size_t sums = up(room_of(s), 64) * 64, rows = (size_t)SHARE * s.high * sizeof(bf16);
    size_t square = WIDE * WIDE * sizeof(float), bias = (size_t)s.high * sizeof(float);
    room->sums = (float *)memory;
    room->rows = (bf16 *)(memory + sums);
    room->square = (float *)(memory + sums + rows);
    room->bias = (float *)(memory + sums + rows + square);
    return up(sums + rows + square + bias, 64) * 64;
}

/* Gradients of input (R, I; unless `to` is none), weights (O, I) and bias (O) of a 1x1
 * convolution with a clip behind it, in one pass over memory; y (R, O) is its output, none
 * without a clip. Returns 0, or 1 where memory is short. */
int pointwise_gradients(const bf16 *g, const bf16 *y, const bf16 *x, const bf16 *weight, bf16 *to,
                        bf16 *of_weight, float *of_bias, int64_t rows, int64_t outs, int64_t ins,
                        float low, float high, int threads) {
    sizes_t s = {outs, ins, up(outs, WIDE) * WIDE, up(ins, WIDE) * WIDE};
    sizes_t padded = {s.high, ins, s.high, s.broad};
    if (threads > up(rows, DEEP)) threads = (int)up(rows, DEEP);
    if (threads < 1) threads = 1;
    room_t unused;
    size_t each = lay_out(&unused, NULL, s), tiles = floats_of(s) * sizeof(bf16);
    char *memory = keep_room(each * threads + tiles);
    if (!memory) return 1;
    bf16 *weights = (bf16 *)(memory + each * threads);
    if (to) pack(weight, ins, outs, 0, weights);
    int64_t share = up(up(rows, threads), DEEP) * DEEP;
#pragma omp parallel num_threads(threads)
    {
        int thread = omp_get_thread_num();
        room_t room;
        lay_out(&room, memory + each * thread, s);
        memset(room.sums, 0, floats_of(s) * sizeof(float));
        memset(room.rows, 0, (size_t)SHARE * s.high * sizeof(bf16));
        memset(room.bias, 0, (size_t)s.high * sizeof(float));
        int64_t end = (thread + 1) * share < rows ? (thread + 1) * share : rows;
        configure();
        for (int64_t at = thread * share; at < end; at += SHARE) {
            int64_t count = end - at < SHARE ? end - at : SHARE;
            take_rows(g + at * outs, y ? y + at * outs : NULL, room.rows, room.bias, count, s, low,
                      high);
            add_share(room.rows, x + at * ins, count, padded, room.sums);
            if (to) put_rows(room.rows, weights, to + at * ins, count, s, room.square);
        }
        _tile_release();
#pragma omp barrier
#pragma omp for schedule(static)
        for (int64_t o = 0; o < outs; o++) {
            float *line = (float *)memory + place(o) * s.broad, sum = 0;
            for (int t = 0; t < threads; t++) {
                room_t other;
                lay_out(&other, memory + each * t, s);
                sum += other.bias[o];
                const float *more = other.sums + place(o) * s.broad;
                for (int64_t i = 0; t && i < s.broad; i++) line[i] += more[i];
            }
            of_bias[o] = sum;
            in_order(line, of_weight + o * ins, ins);
        }
    }
    return 0;
}
#else
int has_tiles(void) { return 0; }

int pointwise_gradients(const void *g, const void *y, const void *x, const void *weight, void *to,
                        void *of_weight, float *of_bias, int64_t rows, int64_t outs, int64_t ins,
                        float low, float high, int threads) {
    (void)g, (void)y, (void)x, (void)weight, (void)to, (void)of_weight, (void)of_bias;
    (void)rows, (void)outs, (void)ins, (void)low, (void)high, (void)threads;
    return 1;
}
#endif
