/* Mean, maximum and deviation over the places of an activation, and their gradient:
 * bfloat16, channels last (N, places, C); statistics in float32, (N, C).
 *
 * An image stays in the processor's cache from one pass over it to the next.
 */
#include <math.h>
#include <stdlib.h>

#include "bf16.h"

static void mean_and_maximum(const bf16 *restrict x, float *restrict mean, float *restrict high,
                             int64_t places, int64_t c) {
    for (int64_t i = 0; i < c; i++) mean[i] = high[i] = widen(x[i]);
    for (int64_t place = 1; place < places; place++) {
        const bf16 *row = x + place * c;
#pragma omp simd
        for (int64_t i = 0; i < c; i++) {
            float value = widen(row[i]);
            mean[i] += value;
            high[i] = value > high[i] ? value : high[i];
        }
    }
    for (int64_t i = 0; i < c; i++) mean[i] /= places;
}

static void deviation(const bf16 *restrict x, const float *restrict mean, float *restrict std,
                      int64_t places, int64_t c, float least) {
    for (int64_t i = 0; i < c; i++) std[i] = 0;
    for (int64_t place = 0; place < places; place++) {
        const bf16 *row = x + place * c;
#pragma omp simd
        for (int64_t i = 0; i < c; i++) {
            float off = widen(row[i]) - mean[i];
            std[i] += off * off;
        }
    }
    for (int64_t i = 0; i < c; i++) std[i] = sqrtf(fmaxf(std[i] / places, least));
}

/* The deviation is not below sqrt(least). Returns 0. */
int pool_forward(const bf16 *x, float *mean, float *high, float *std, int64_t n, int64_t places,
                 int64_t c, float least, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t image = 0; image < n; image++) {
        const bf16 *own = x + image * places * c;
        int64_t at = image * c;
        mean_and_maximum(own, mean + at, high + at, places, c);
        deviation(own, mean + at, std + at, places, c, least);
    }
    return 0;
}

/* What the gradient adds up from: rest + slope x, and share where x is the maximum. */
typedef struct { float *rest, *slope, *share; } parts_t;

static void count_highest(const bf16 *restrict x, const float *restrict high,
                          float *restrict count, int64_t places, int64_t c) {
    for (int64_t i = 0; i < c; i++) count[i] = 0;
    for (int64_t place = 0; place < places; place++) {
        const bf16 *row = x + place * c;
#pragma omp simd
        for (int64_t i = 0; i < c; i++) count[i] += widen(row[i]) == high[i] ? 1.0f : 0.0f;
    }
}

static void gradient(const bf16 *restrict x, const float *restrict high, parts_t of,
                     bf16 *restrict out, int64_t places, int64_t c) {
    for (int64_t place = 0; place < places; place++) {
        const bf16 *row = x + place * c;
        bf16 *to = out + place * c;
#pragma omp simd
        for (int64_t i = 0; i < c; i++) {
            float value = widen(row[i]);
            float peak = value == high[i] ? of.share[i] : 0.0f;
            to[i] = narrow(of.rest[i] + of.slope[i] * value + peak);
        }
    }
}

/* Equal maxima share their gradient; a deviation held at its least has none.
 * Gradients of statistics nobody asked for are zeros. Returns 0, or 1 where memory is short. */
int pool_backward(const bf16 *x, const float *mean, const float *high, const float *std,
                  const float *to_mean, const float *to_high, const float *to_std, bf16 *out,
                  int64_t n, int64_t places, int64_t c, float least, int threads) {
    int failed = 0;
#pragma omp parallel num_threads(threads) reduction(|| : failed)
    {
        float *room = malloc(3 * c * sizeof(float));
        parts_t of = {room, room + c, room + 2 * c};
        failed = !room;
#pragma omp for schedule(static)
        for (int64_t image = 0; image < n; image++) {
            if (!room) continue;
            const bf16 *own = x + image * places * c;
            int64_t at = image * c;
            count_highest(own, high + at, of.share, places, c);
            for (int64_t i = 0; i < c; i++) {
                float deviates = std[at + i], flat = deviates * deviates <= least;
                of.share[i] = to_high[at + i] / of.share[i];
                of.slope[i] = flat ? 0.0f : to_std[at + i] / (deviates * places);
                of.rest[i] = to_mean[at + i] / places - of.slope[i] * mean[at + i];
            }
            gradient(own, high + at, of, out + image * places * c, places, c);
        }
        free(room);
    }
    return failed;
}
