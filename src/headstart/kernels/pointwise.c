/* Gradient of a 1x1 convolution's weights, gradient^T x over dense rows: bfloat16 with
 * float32 sums, on the processor's matrix tiles (Intel AMX).
 *
 * The sum runs over rows, and both operands lie row by row, so both are packed first. A
 * tile holds 16 columns of 32 rows as pairs of rows; 32 columns make two tiles, in the
 * order that unpacking gives (see `place`), and are put in order at the end.
 *
 * Each thread takes a fixed share of the rows; shares are added up in order: the same
 * threads, the same bits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AMX_BF16__) && defined(__AVX512BW__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) { return 0; }
#endif

typedef uint16_t bf16;

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

static inline bf16 narrow(float value) { /* to nearest, ties to even */
    union { float number; uint32_t bits; } u = {value};
    return (bf16)((u.bits + 0x7fff + ((u.bits >> 16) & 1)) >> 16);
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

/* out (O, I) = gradient (R, O)^T x (R, I), dense. Returns 0, or 1 where memory is short. */
int pointwise_gradient(const bf16 *gradient, const bf16 *x, bf16 *out, int64_t rows, int64_t outs,
                       int64_t ins, int threads) {
    sizes_t s = {outs, ins, up(outs, WIDE) * WIDE, up(ins, WIDE) * WIDE};
    if (threads > up(rows, DEEP)) threads = (int)up(rows, DEEP);
    if (threads < 1) threads = 1;
    size_t each = up(room_of(s), 64) * 64;
    char *room = keep_room(each * threads);
    if (!room) return 1;
    int64_t share = up(up(rows, threads), DEEP) * DEEP;
#pragma omp parallel num_threads(threads)
    {
        int thread = omp_get_thread_num();
        float *sums = (float *)(room + each * thread);
        int64_t end = (thread + 1) * share < rows ? (thread + 1) * share : rows;
        memset(sums, 0, floats_of(s) * sizeof(float));
        configure();
        for (int64_t at = thread * share; at < end; at += SHARE)
            add_share(gradient + at * outs, x + at * ins, end - at < SHARE ? end - at : SHARE, s,
                      sums);
        _tile_release();
#pragma omp barrier
#pragma omp for schedule(static)
        for (int64_t o = 0; o < outs; o++) {
            float *line = (float *)room + place(o) * s.broad;
            for (int t = 1; t < threads; t++) {
                const float *more = (float *)(room + each * t) + place(o) * s.broad;
                for (int64_t i = 0; i < s.broad; i++) line[i] += more[i];
            }
            in_order(line, out + o * ins, ins);
        }
    }
    return 0;
}
#else
int has_tiles(void) { return 0; }

int pointwise_gradient(const void *gradient, const void *x, void *out, int64_t rows, int64_t outs,
                       int64_t ins, int threads) {
    (void)gradient, (void)x, (void)out, (void)rows, (void)outs, (void)ins, (void)threads;
    return 1;
}
#endif
