/* Gradients of depthwise convolutions on bfloat16, channels last, and folded norms.
 *
 * PyTorch's path for them is some five to ten times slower than the arithmetic needs
 * (benchmarks/README.md). Tensors are dense: images (N, H, W, C), weights (K, K, C).
 * Sums are float32, and added up in a fixed order: the same threads, the same bits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_thread_num(void) { return 0; }
#endif

typedef uint16_t bf16;
typedef struct { int64_t n, h, w, c, out_h, out_w, k, stride, pad_top, pad_left; } shape_t;

enum { LANES = 32 };

static inline float widen(bf16 value) {
    union { uint32_t bits; float number; } u = {(uint32_t)value << 16};
    return u.number;
}

static inline bf16 narrow(float value) { /* to nearest, ties to even */
    union { float number; uint32_t bits; } u = {value};
    return (bf16)((u.bits + 0x7fff + ((u.bits >> 16) & 1)) >> 16);
}

/* Add up the threads' partial sums, first thread first. */
static void reduce(const float *partial, float *total, int64_t size, int threads) {
    memset(total, 0, size * sizeof(float));
    for (int thread = 0; thread < threads; thread++)
        for (int64_t i = 0; i < size; i++) total[i] += partial[thread * size + i];
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

/* Gradient of the weights. Returns 0, or 1 where memory is short. */
int weight_gradient(const bf16 *restrict x, const bf16 *restrict g, float *restrict out,
                    const shape_t *shape, int threads) {
    const shape_t s = *shape;
    const int64_t size = s.k * s.k * s.c;
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
