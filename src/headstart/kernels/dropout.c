/* Dropout of bfloat16: which values stay is a function of a seed and of their place alone, so
 * the backward pass needs no mask, and the number of threads changes nothing.
 */
#include "bf16.h"

static inline uint32_t mixed(uint32_t x) { /* Wellons, "Prospecting for hash functions", 2018 */
    x = (x ^ (x >> 16)) * 0x7feb352dU;
    x = (x ^ (x >> 15)) * 0x846ca68bU;
    return x ^ (x >> 16);
}

/* y = x * factor where a uniform draw of 32 bits is not below `least`, else 0. */
int dropout(const bf16 *restrict x, bf16 *restrict y, uint64_t seed, uint32_t least, float factor,
            int64_t count, int threads) {
    uint32_t first = (uint32_t)seed, second = (uint32_t)(seed >> 32);
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (int64_t i = 0; i < count; i++) {
        uint32_t draw = mixed(mixed((uint32_t)i + first) ^ second ^ (uint32_t)(i >> 32));
        y[i] = draw < least ? 0 : narrow(widen(x[i]) * factor);
    }
    return 0;
}
