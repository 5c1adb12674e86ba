/* Batch normalisation over the batch's own statistics, with the clip that follows it:
 * bfloat16, channels last, as dense rows (N*H*W, C); statistics in float32.
 *
 * Each is one pass over memory. Sums go over a fixed share of rows a thread and are added
 * up in order: the same threads, the same bits.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bf16.h"

enum { BLOCK = 256 }; /* rows that are added up in float32 before they join a double */

/* Room for each thread's sums: 2c doubles, then 2c floats. */
typedef struct { double *total; float *block; } sums_t;

static sums_t sums_of(void *room, int64_t c, int thread) {
    char *start = (char *)room + (size_t)thread * 2 * c * (sizeof(double) + sizeof(float));
    sums_t sums = {(double *)start, (float *)(start + 2 * c * sizeof(double))};
    return sums;
}

static void *make_room(int64_t c, int threads) {
    return calloc((size_t)threads, 2 * c * (sizeof(double) + sizeof(float)));
}

static void close_block(sums_t sums, int64_t c) {
    for (int64_t i = 0; i < 2 * c; i++) sums.total[i] += sums.block[i];
    memset(sums.block, 0, 2 * c * sizeof(float));
}

static void add_up(void *room, int64_t c, int threads, float *first, float *second) {
    for (int64_t i = 0; i < c; i++) {
        double a = 0, b = 0;
        for (int thread = 0; thread < threads; thread++) {
            sums_t sums = sums_of(room, c, thread);
            a += sums.total[i];
            b += sums.total[c + i];
        }
        first[i] = (float)a;
        second[i] = (float)b;
    }
}

/* to = max(x, 0); what is no number stays none. */
static inline void rectify(const bf16 *restrict x, bf16 *restrict to, int64_t c) {
#pragma omp simd
    for (int64_t i = 0; i < c; i++) to[i] = widen(x[i]) < 0 ? 0 : x[i];
}

/* Sums over rows of x - origin, and of its square; where y is given, of y = max(x, 0) instead.
 * Returns 0, or 1 where memory is short. */
int norm_moments(const bf16 *restrict x, const float *restrict origin, bf16 *restrict y,
                 float *restrict sum, float *restrict square, int64_t rows, int64_t c,
                 int threads) {
    void *room = make_room(c, threads);
    if (!room) return 1;
#pragma omp parallel num_threads(threads)
    {
        sums_t sums = sums_of(room, c, omp_get_thread_num());
        float *restrict a = sums.block, *restrict b = sums.block + c;
#pragma omp for schedule(static)
        for (int64_t start = 0; start < rows; start += BLOCK) {
            int64_t end = start + BLOCK < rows ? start + BLOCK : rows;
            for (int64_t row = start; row < end; row++) {
                const bf16 *xs = y ? y + row * c : x + row * c;
                if (y) rectify(x + row * c, y + row * c, c);
#pragma omp simd
                for (int64_t i = 0; i < c; i++) {
                    float value = widen(xs[i]) - origin[i];
                    a[i] += value;
                    b[i] += value * value;
                }
            }
            close_block(sums, c);
        }
    }
    add_up(room, c, threads, sum, square);
    free(room);
    return 0;
}

/* y = clip(x * scale + shift). */
int norm_forward(const bf16 *restrict x, const float *restrict scale, const float *restrict shift,
                 bf16 *restrict y, int64_t rows, int64_t c, float low, float high, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const bf16 *xs = x + row * c;
        bf16 *ys = y + row * c;
#pragma omp simd
        for (int64_t i = 0; i < c; i++) {
            float value = widen(xs[i]) * scale[i] + shift[i];
            value = value < low ? low : value;
            ys[i] = narrow(value > high ? high : value);
        }
    }
    return 0;
}

/* Sums over rows of the gradient g where y was not clipped, and of g * (x - mean). */
int norm_sums(const bf16 *restrict g, const bf16 *restrict y, const bf16 *restrict x,
              const float *restrict mean, float *restrict sum, float *restrict product,
              int64_t rows, int64_t c, float low, float high, int threads) {
    void *room = make_room(c, threads);
    if (!room) return 1;
#pragma omp parallel num_threads(threads)
    {
        sums_t sums = sums_of(room, c, omp_get_thread_num());
        float *restrict a = sums.block, *restrict b = sums.block + c;
#pragma omp for schedule(static)
        for (int64_t start = 0; start < rows; start += BLOCK) {
            int64_t end = start + BLOCK < rows ? start + BLOCK : rows;
            for (int64_t row = start; row < end; row++) {
                const bf16 *gs = g + row * c, *ys = y + row * c, *xs = x + row * c;
#pragma omp simd
                for (int64_t i = 0; i < c; i++) {
                    float out = widen(ys[i]);
                    float passed = out > low && out < high ? widen(gs[i]) : 0.0f;
                    a[i] += passed;
                    b[i] += passed * (widen(xs[i]) - mean[i]);
                }
            }
            close_block(sums, c);
        }
    }
    add_up(room, c, threads, sum, product);
    free(room);
    return 0;
}

/* Gradient of x: g * by_g + x * by_x + rest, g where y was not clipped; where x is what a
 * ReLU left, that of its input: 0 where nothing is left. */
int norm_backward(const bf16 *restrict g, const bf16 *restrict y, const bf16 *restrict x,
                  const float *restrict by_g, const float *restrict by_x,
                  const float *restrict rest, bf16 *restrict out, int64_t rows, int64_t c,
                  float low, float high, int rectified, int threads) {
    float least = rectified ? 0.0f : -INFINITY;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const bf16 *gs = g + row * c, *ys = y + row * c, *xs = x + row * c;
        bf16 *to = out + row * c;
#pragma omp simd
        for (int64_t i = 0; i < c; i++) {
            float was = widen(ys[i]);
            float passed = was > low && was < high ? widen(gs[i]) : 0.0f;
            float in = widen(xs[i]), change = passed * by_g[i] + in * by_x[i] + rest[i];
            to[i] = in > least ? narrow(change) : 0;
        }
    }
    return 0;
}
