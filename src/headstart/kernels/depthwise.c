/* Gradients of depthwise convolutions on bfloat16, channels last, and folded norms.
 *
 * PyTorch's path for them is some five to ten times slower than the arithmetic needs
 * (benchmarks/README.md). Tensors are dense: images (N, H, W, C), weights (K, K, C).
 * Sums are float32, and added up in a fixed order: the same threads, the same bits.
 */
#include <stdlib.h>
#include <string.h>

#include "bf16.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#include <immintrin.h>
#define PAIRED 1
#endif

typedef struct { int64_t n, h, w, c, out_h, out_w, k, stride, pad_top, pad_left; } shape_t;

enum { LANES = 32 };

/* Add up a part of the threads' sums, first thread first; each thread has `stride` of them. */
static void reduce_to(const float *partial, float *total, int64_t start, int64_t size,
                      int64_t stride, int threads) {
    memset(total, 0, size * sizeof(float));
    for (int thread = 0; thread < threads; thread++)
        for (int64_t i = 0; i < size; i++) total[i] += partial[thread * stride + start + i];
}

static void reduce(const float *partial, float *total, int64_t size, int threads) {
    reduce_to(partial, total, 0, size, size, threads);
}

/* masked = gradient where low < output < high, else 0; bias = its sums over rows.
 * Returns 0, or 1 where memory is short. */
int clip_gradient(const bf16 *restrict gradient, const bf16 *restrict output,
                  bf16 *restrict masked, float *restrict bias, int64_t rows, int64_t c,
                  float low, float high, int threads) {
    float *partial = calloc((size_t)threads * c, sizeof(float));
    if (!partial) return 1;
#pragma omp parallel num_threads(threads)
    {
        float *sum = partial + omp_get_thread_num() * c;
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; row++) {
            const bf16 *g = gradient + row * c, *y = output + row * c;
            bf16 *m = masked + row * c;
#pragma omp simd
            for (int64_t i = 0; i < c; i++) {
                float value = widen(y[i]);
                m[i] = value > low && value < high ? g[i] : 0;
                sum[i] += widen(m[i]);
            }
        }
    }
    reduce(partial, bias, c, threads);
    free(partial);
    return 0;
}

/* First and one-past-last output column whose input column lies inside. */
static inline int64_t first_inside(int64_t offset, int64_t stride) {
    return offset >= 0 ? 0 : (-offset + stride - 1) / stride;
}
static inline int64_t end_inside(int64_t offset, int64_t stride, int64_t size, int64_t out) {
    int64_t last = (size - 1 - offset) / stride; /* size > offset always holds here */
    return last + 1 < out ? last + 1 : out;
}

/* One row of gradients against one row of inputs, for one column of the kernel. */
static void add_row(const bf16 *restrict x, const bf16 *restrict g, float *restrict sum,
                    int64_t c, int64_t stride, int64_t offset, int64_t from, int64_t to) {
    int64_t start = 0;
    for (; start + LANES <= c; start += LANES) {
        float lanes[LANES] = {0};
        for (int64_t column = from; column < to; column++) {
            const bf16 *xs = x + (column * stride + offset) * c + start;
            const bf16 *gs = g + column * c + start;
#pragma omp simd
            for (int i = 0; i < LANES; i++) lanes[i] += widen(xs[i]) * widen(gs[i]);
        }
        for (int i = 0; i < LANES; i++) sum[start + i] += lanes[i];
    }
    for (int64_t column = from; column < to; column++) {
        const bf16 *xs = x + (column * stride + offset) * c, *gs = g + column * c;
        for (int64_t i = start; i < c; i++) sum[i] += widen(xs[i]) * widen(gs[i]);
    }
}

#ifdef PAIRED
/* The processor multiplies pairs of bfloat16 and adds both products: a pair is a channel of
 * two output columns. 32 channels at a time; their order in a pair of registers is the
 * unpacking's, and put right at the end. */
enum { WIDEST = 7 };
typedef struct { __m512i low, high; } pairs_t;
typedef struct { __m512 low, high; } sums_t;

static inline pairs_t pair(__m512i first, __m512i second) {
    pairs_t pairs = {_mm512_unpacklo_epi16(first, second), _mm512_unpackhi_epi16(first, second)};
    return pairs;
}

static inline __m512i load(const bf16 *row, int64_t column, int64_t columns, int64_t c,
                           __mmask32 here) {
    if (column < 0 || column >= columns) return _mm512_setzero_si512();
    return _mm512_maskz_loadu_epi16(here, row + column * c);
}

/* Every column a kernel may start at, with the one that the next output column has. */
static void pair_inputs(const bf16 *row, shape_t s, __mmask32 here, pairs_t *to, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int64_t column = i - s.pad_left;
        to[i] = pair(load(row, column, s.w, s.c, here),
                     load(row, column + s.stride, s.w, s.c, here));
    }
}

static inline void add_pairs(const pairs_t *x, const pairs_t *g, int64_t pairs, int64_t step,
                             sums_t *sums, const int k) {
    sums_t of[WIDEST];
    for (int i = 0; i < k; i++) of[i] = sums[i];
    for (int64_t j = 0; j < pairs; j++)
        for (int i = 0; i < k; i++) {
            const pairs_t *at = x + j * step + i;
            of[i].low = _mm512_dpbf16_ps(of[i].low, (__m512bh)at->low, (__m512bh)g[j].low);
            of[i].high = _mm512_dpbf16_ps(of[i].high, (__m512bh)at->high, (__m512bh)g[j].high);
        }
    for (int i = 0; i < k; i++) sums[i] = of[i];
}

static void add_pairs_of(const pairs_t *x, const pairs_t *g, int64_t pairs, int64_t step,
                         sums_t *sums, int k) {
    if (k == 3) add_pairs(x, g, pairs, step, sums, 3);
    else if (k == 5) add_pairs(x, g, pairs, step, sums, 5);
    else add_pairs(x, g, pairs, step, sums, k);
}

static void add_in_order(const sums_t *sums, float *to, int64_t c, int64_t count, __mmask32 here) {
    const __m512i first = _mm512_set_epi32(23, 22, 21, 20, 7, 6, 5, 4, 19, 18, 17, 16, 3, 2, 1, 0);
    const __m512i rest = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    for (int64_t i = 0; i < count; i++) {
        float *at = to + i * c;
        __m512 low = _mm512_permutex2var_ps(sums[i].low, first, sums[i].high);
        __m512 high = _mm512_permutex2var_ps(sums[i].low, rest, sums[i].high);
        __mmask16 lower = (__mmask16)here, upper = (__mmask16)(here >> 16);
        low = _mm512_add_ps(low, _mm512_maskz_loadu_ps(lower, at));
        high = _mm512_add_ps(high, _mm512_maskz_loadu_ps(upper, at + 16));
        _mm512_mask_storeu_ps(at, lower, low);
        _mm512_mask_storeu_ps(at + 16, upper, high);
    }
}

/* One image's 32 channels from `x` and `g` on, added to `sum`. */
static void add_image(const bf16 *x, const bf16 *g, float *sum, shape_t s, __mmask32 here,
                      pairs_t *room) {
    sums_t sums[WIDEST * WIDEST] = {0};
    int64_t pairs = (s.out_w + 1) / 2, step = 2 * s.stride, count = step * (pairs - 1) + s.k;
    pairs_t *gs = room + s.k * count;
    int64_t next = 0; /* input rows below it are paired */
    for (int64_t y = 0; y < s.out_h; y++) {
        int64_t top = y * s.stride - s.pad_top, end = top + s.k < s.h ? top + s.k : s.h;
        if (next < top) next = top;
        for (; next < end; next++)
            pair_inputs(x + next * s.w * s.c, s, here, room + next % s.k * count, count);
        for (int64_t j = 0; j < pairs; j++)
            gs[j] = pair(load(g + y * s.out_w * s.c, 2 * j, s.out_w, s.c, here),
                         load(g + y * s.out_w * s.c, 2 * j + 1, s.out_w, s.c, here));
        for (int64_t ky = top < 0 ? -top : 0; top + ky < end; ky++)
            add_pairs_of(room + (top + ky) % s.k * count, gs, pairs, step, sums + ky * s.k,
                         (int)s.k);
    }
    add_in_order(sums, sum, s.c, s.k * s.k, here);
}

static int weight_gradient_paired(const bf16 *x, const bf16 *g, float *out, shape_t s,
                                  int threads) {
    int64_t size = s.k * s.k * s.c, pairs = (s.out_w + 1) / 2;
    int64_t room = s.k * (2 * s.stride * (pairs - 1) + s.k) + pairs;
    float *partial = calloc((size_t)threads * size, sizeof(float));
    pairs_t *rooms = aligned_alloc(64, (size_t)threads * room * sizeof(pairs_t));
    if (partial && rooms) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t n = 0; n < s.n; n++)
            for (int64_t c = 0; c < s.c; c += LANES)
                add_image(x + n * s.h * s.w * s.c + c, g + n * s.out_h * s.out_w * s.c + c,
                          partial + omp_get_thread_num() * size + c, s,
                          s.c - c < LANES ? (1u << (s.c - c)) - 1 : 0xffffffffu,
                          rooms + omp_get_thread_num() * room);
        reduce(partial, out, size, threads);
    }
    int failed = !(partial && rooms);
    free(partial);
    free(rooms);
    return failed;
}
/* All gradients in one pass, 32 channels of an image at a time: what of the gradient went
 * through the clip stays in the cache for both convolutions that need it. Rows of it are kept
 * twice: as bfloat16 for the weights, as float32 between zeros for the input. */
enum { TOGETHER = 4 }; /* input columns whose sums are in registers at a time */
typedef struct { __m512 low, high; } lanes_t;
typedef struct {
    bf16 *row;         /* one row of the gradient, (out_w + 1, LANES), a zero column behind it */
    float *rows;       /* the last k of them, (k, breadth, LANES), zeros beside them */
    float *weight;     /* (k, k, LANES) */
    pairs_t *pairs;    /* input rows and a gradient row, paired */
    int64_t breadth;   /* columns of `rows` */
} room_t;

static inline lanes_t widened(__m512i values) {
    __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(values));
    __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(values, 1));
    lanes_t lanes = {_mm512_castsi512_ps(_mm512_slli_epi32(low, 16)),
                     _mm512_castsi512_ps(_mm512_slli_epi32(high, 16))};
    return lanes;
}

static inline __mmask16 inside(__m512 value, __m512 low, __m512 high) {
    __mmask16 above = _mm512_cmp_ps_mask(value, low, _CMP_GT_OQ);
    return _mm512_mask_cmp_ps_mask(above, value, high, _CMP_LT_OQ);
}

/* One row of the gradient, without what was clipped, into the room; added to `bias`. */
static void take_row(const bf16 *g, const bf16 *y, room_t room, float *to, lanes_t *bias,
                     shape_t s, __mmask32 here, float low, float high) {
    const __m512 lowest = _mm512_set1_ps(low), highest = _mm512_set1_ps(high);
    lanes_t sums = *bias;
    for (int64_t j = 0; j < s.out_w; j++) {
        __m512i values = _mm512_maskz_loadu_epi16(here, g + j * s.c);
        if (y) {
            lanes_t out = widened(_mm512_maskz_loadu_epi16(here, y + j * s.c));
            __mmask32 first = inside(out.low, lowest, highest);
            __mmask32 second = inside(out.high, lowest, highest);
            values = _mm512_maskz_mov_epi16(first | second << 16, values);
        }
        lanes_t wide = widened(values);
        sums.low = _mm512_add_ps(sums.low, wide.low);
        sums.high = _mm512_add_ps(sums.high, wide.high);
        _mm512_storeu_si512(room.row + j * LANES, values);
        _mm512_storeu_ps(to + (j + s.k) * LANES, wide.low);
        _mm512_storeu_ps(to + (j + s.k) * LANES + 16, wide.high);
    }
    *bias = sums;
}

/* The input gradient of one row: columns of one remainder by the stride at a time. */
static void put_row(bf16 *to, int64_t row, room_t room, shape_t s, __mmask32 here) {
    for (int64_t first = 0; first < s.stride && first < s.w; first++) {
        int64_t columns = (s.w - first + s.stride - 1) / s.stride;
        for (int64_t j = 0; j < columns; j += TOGETHER) {
            lanes_t sums[TOGETHER] = {{_mm512_setzero_ps(), _mm512_setzero_ps()}};
            for (int q = 1; q < TOGETHER; q++) sums[q] = sums[0];
            for (int64_t ky = 0; ky < s.k; ky++) {
                int64_t from = row + s.pad_top - ky;
                if (from < 0 || from % s.stride || from / s.stride >= s.out_h) continue;
                const float *g = room.rows + from / s.stride % s.k * room.breadth * LANES;
                for (int64_t kx = 0; kx < s.k; kx++) {
                    int64_t offset = first + s.pad_left - kx;
                    if (offset % s.stride) continue;
                    const float *w = room.weight + (ky * s.k + kx) * LANES;
                    const float *at = g + (j + offset / s.stride + s.k) * LANES;
                    __m512 low = _mm512_loadu_ps(w), high = _mm512_loadu_ps(w + 16);
                    for (int q = 0; q < TOGETHER; q++) {
                        __m512 one = _mm512_loadu_ps(at + q * LANES);
                        __m512 two = _mm512_loadu_ps(at + q * LANES + 16);
                        sums[q].low = _mm512_fmadd_ps(one, low, sums[q].low);
                        sums[q].high = _mm512_fmadd_ps(two, high, sums[q].high);
                    }
                }
            }
            for (int q = 0; q < TOGETHER && j + q < columns; q++) {
                __m512bh both = _mm512_cvtne2ps_pbh(sums[q].high, sums[q].low);
                bf16 *place = to + (row * s.w + first + (j + q) * s.stride) * s.c;
                _mm512_mask_storeu_epi16(place, here, (__m512i)both);
            }
        }
    }
}

/* One image's 32 channels; y and to may be none. */
static void go_back(const bf16 *x, const bf16 *g, const bf16 *y, bf16 *to, float *weight,
                    float *bias, shape_t s, __mmask32 here, room_t room, float low, float high) {
    sums_t sums[WIDEST * WIDEST] = {0};
    lanes_t total = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    int64_t pairs = (s.out_w + 1) / 2, step = 2 * s.stride, count = step * (pairs - 1) + s.k;
    pairs_t *gs = room.pairs + s.k * count;
    int64_t next = 0, done = 0; /* input rows below them are paired, are written */
    for (int64_t row = 0; row < s.out_h; row++) {
        const bf16 *clipped = y ? y + row * s.out_w * s.c : NULL;
        take_row(g + row * s.out_w * s.c, clipped, room,
                 room.rows + row % s.k * room.breadth * LANES, &total, s, here, low, high);
        int64_t top = row * s.stride - s.pad_top, end = top + s.k < s.h ? top + s.k : s.h;
        if (next < top) next = top;
        for (; next < end; next++)
            pair_inputs(x + next * s.w * s.c, s, here, room.pairs + next % s.k * count, count);
        for (int64_t j = 0; j < pairs; j++)
            gs[j] = pair(_mm512_loadu_si512(room.row + 2 * j * LANES),
                         _mm512_loadu_si512(room.row + (2 * j + 1) * LANES));
        for (int64_t ky = top < 0 ? -top : 0; top + ky < end; ky++)
            add_pairs_of(room.pairs + (top + ky) % s.k * count, gs, pairs, step,
                         sums + ky * s.k, (int)s.k);
        for (; to && done < s.h && (done + s.pad_top) / s.stride <= row; done++)
            put_row(to, done, room, s, here);
    }
    for (; to && done < s.h; done++) put_row(to, done, room, s, here);
    add_in_order(sums, weight, s.c, s.k * s.k, here);
    __mmask16 lower = (__mmask16)here, upper = (__mmask16)(here >> 16);
    _mm512_mask_storeu_ps(bias, lower,
                          _mm512_add_ps(total.low, _mm512_maskz_loadu_ps(lower, bias)));
    _mm512_mask_storeu_ps(bias + 16, upper,
                          _mm512_add_ps(total.high, _mm512_maskz_loadu_ps(upper, bias + 16)));
}

/* Cuts one thread's part of the memory up, and fills what does not change. */
static size_t lay_out(room_t *room, char *memory, shape_t s) {
    int64_t pairs = (s.out_w + 1) / 2;
    room->breadth = s.w / s.stride + 3 * s.k + TOGETHER;
    size_t sizes[] = {
        (size_t)(s.k * (2 * s.stride * (pairs - 1) + s.k) + pairs) * sizeof(pairs_t),
        (size_t)(s.k * room->breadth) * LANES * sizeof(float),
        (size_t)(s.k * s.k) * LANES * sizeof(float),
        (size_t)(2 * pairs) * LANES * sizeof(bf16),
    };
    char *at = memory;
    room->pairs = (pairs_t *)at, at += sizes[0];
    room->rows = (float *)at, at += sizes[1];
    room->weight = (float *)at, at += sizes[2];
    room->row = (bf16 *)at, at += sizes[3];
    if (memory) {
        memset(room->rows, 0, sizes[1]);
        memset(room->row, 0, sizes[3]);
    }
    return ((size_t)(at - memory) + 63) / 64 * 64;
}

static int backward_paired(const bf16 *x, const bf16 *g, const bf16 *y, const float *weight,
                           bf16 *to, float *of_weight, float *of_bias, shape_t s, float low,
                           float high, int threads) {
    int64_t size = (s.k * s.k + 1) * s.c; /* sums for the weights, then for the bias */
    room_t none;
    size_t each = lay_out(&none, NULL, s);
    float *partial = calloc((size_t)threads * size, sizeof(float));
    char *memory = aligned_alloc(64, (size_t)threads * each);
    if (partial && memory) {
#pragma omp parallel num_threads(threads)
        {
            float *sums = partial + omp_get_thread_num() * size;
            room_t room;
            lay_out(&room, memory + omp_get_thread_num() * each, s);
#pragma omp for schedule(static) collapse(2)
            for (int64_t n = 0; n < s.n; n++)
                for (int64_t c = 0; c < s.c; c += LANES) {
                    int64_t in = n * s.h * s.w * s.c + c, out = n * s.out_h * s.out_w * s.c + c;
                    int64_t left = s.c - c < LANES ? s.c - c : LANES;
                    __mmask32 here = left < LANES ? (1u << left) - 1 : 0xffffffffu;
                    for (int64_t i = 0; i < s.k * s.k; i++)
                        memcpy(room.weight + i * LANES, weight + i * s.c + c,
                               (size_t)left * sizeof(float));
                    go_back(x + in, g + out, y ? y + out : NULL, to ? to + in : NULL, sums + c,
                            sums + s.k * s.k * s.c + c, s, here, room, low, high);
                }
        }
        reduce_to(partial, of_weight, 0, s.k * s.k * s.c, size, threads);
        reduce_to(partial, of_bias, s.k * s.k * s.c, s.c, size, threads);
    }
    int failed = !(partial && memory);
    free(partial);
    free(memory);
    return failed;
}
#endif

/* Whether depthwise_gradients can be called. */
int has_pairs(void) {
#ifdef PAIRED
    return 1;
#else
    return 0;
#endif
}

/* Gradients of weights, bias and (unless `to` is none) input of a depthwise convolution with a
 * clip behind it; y is its output, none without a clip. Returns 0, or 1 where memory is short.
 */
int depthwise_gradients(const bf16 *x, const bf16 *g, const bf16 *y, const float *weight,
                        bf16 *to, float *of_weight, float *of_bias, const shape_t *shape,
                        float low, float high, int threads) {
#ifdef PAIRED
    return backward_paired(x, g, y, weight, to, of_weight, of_bias, *shape, low, high, threads);
#else
    (void)x, (void)g, (void)y, (void)weight, (void)to, (void)of_weight, (void)of_bias;
    (void)shape, (void)low, (void)high, (void)threads;
    return 1;
#endif
}

/* Gradient of the weights. Returns 0, or 1 where memory is short. */
int weight_gradient(const bf16 *restrict x, const bf16 *restrict g, float *restrict out,
                    const shape_t *shape, int threads) {
    const shape_t s = *shape;
    const int64_t size = s.k * s.k * s.c;
#ifdef PAIRED
    if (s.k <= WIDEST) return weight_gradient_paired(x, g, out, s, threads);
#endif
    float *partial = calloc((size_t)threads * size, sizeof(float));
    if (!partial) return 1;
#pragma omp parallel num_threads(threads)
    {
        float *sum = partial + omp_get_thread_num() * size;
#pragma omp for collapse(2) schedule(static)
        for (int64_t n = 0; n < s.n; n++)
            for (int64_t y = 0; y < s.out_h; y++)
                for (int64_t ky = 0; ky < s.k; ky++) {
                    int64_t row = y * s.stride + ky - s.pad_top;
                    if (row < 0 || row >= s.h) continue;
                    const bf16 *xs = x + (n * s.h + row) * s.w * s.c;
                    const bf16 *gs = g + (n * s.out_h + y) * s.out_w * s.c;
                    for (int64_t kx = 0; kx < s.k; kx++) {
                        int64_t offset = kx - s.pad_left;
                        if (offset >= s.w) continue;
                        add_row(xs, gs, sum + (ky * s.k + kx) * s.c, s.c, s.stride, offset,
                                first_inside(offset, s.stride),
                                end_inside(offset, s.stride, s.w, s.out_w));
                    }
                }
    }
    reduce(partial, out, size, threads);
    free(partial);
    return 0;
}

/* Output position that a kernel position made of an input position, or -1. */
static inline int64_t source(int64_t position, int64_t pad, int64_t k, int64_t stride, int64_t out) {
    int64_t shifted = position + pad - k;
    if (shifted < 0 || shifted % stride) return -1;
    return shifted / stride < out ? shifted / stride : -1;
}

/* Gradient of the input. Returns 0, or 1 where memory is short. */
int input_gradient(const bf16 *restrict g, const float *restrict weight, bf16 *restrict out,
                   const shape_t *shape, int threads) {
    const shape_t s = *shape;
    float *sums = malloc((size_t)threads * s.c * sizeof(float));
    if (!sums) return 1;
#pragma omp parallel num_threads(threads)
    {
        float *sum = sums + omp_get_thread_num() * s.c;
#pragma omp for collapse(3) schedule(static)
        for (int64_t n = 0; n < s.n; n++)
            for (int64_t y = 0; y < s.h; y++)
                for (int64_t x = 0; x < s.w; x++) {
                    memset(sum, 0, s.c * sizeof(float));
                    for (int64_t ky = 0; ky < s.k; ky++) {
                        int64_t gy = source(y, s.pad_top, ky, s.stride, s.out_h);
                        if (gy < 0) continue;
                        for (int64_t kx = 0; kx < s.k; kx++) {
                            int64_t gx = source(x, s.pad_left, kx, s.stride, s.out_w);
                            if (gx < 0) continue;
                            const bf16 *gs = g + ((n * s.out_h + gy) * s.out_w + gx) * s.c;
                            const float *ws = weight + (ky * s.k + kx) * s.c;
#pragma omp simd
                            for (int64_t i = 0; i < s.c; i++) sum[i] += widen(gs[i]) * ws[i];
                        }
                    }
                    bf16 *to = out + ((n * s.h + y) * s.w + x) * s.c;
#pragma omp simd
                    for (int64_t i = 0; i < s.c; i++) to[i] = narrow(sum[i]);
                }
    }
    free(sums);
    return 0;
}

/* packed = weight * scale, one factor a row. Returns 0. */
int fold(const float *restrict weight, const float *restrict scale, bf16 *restrict packed,
         int64_t rows, int64_t columns, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *w = weight + row * columns, factor = scale[row];
        bf16 *p = packed + row * columns;
#pragma omp simd
        for (int64_t i = 0; i < columns; i++) p[i] = narrow(w[i] * factor);
    }
    return 0;
}

/* Gradients of fold's arguments from that of its result. Returns 0. */
int fold_gradient(const bf16 *restrict gradient, const float *restrict weight,
                  const float *restrict scale, float *restrict of_weight,
                  float *restrict of_scale, int64_t rows, int64_t columns, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const bf16 *g = gradient + row * columns;
        const float *w = weight + row * columns, factor = scale[row];
        float *to = of_weight + row * columns, lanes[LANES] = {0}, sum = 0;
        int64_t start = 0;
        for (; start + LANES <= columns; start += LANES)
#pragma omp simd
            for (int i = 0; i < LANES; i++) {
                float value = widen(g[start + i]);
                to[start + i] = value * factor;
                lanes[i] += value * w[start + i];
            }
        for (; start < columns; start++) {
            float value = widen(g[start]);
            to[start] = value * factor;
            sum += value * w[start];
        }
        for (int i = 0; i < LANES; i++) sum += lanes[i];
        of_scale[row] = sum;
    }
    return 0;
}
