/* bfloat16 as its bits, and threads where there is no OpenMP. */
#ifndef BF16_H
#define BF16_H

#include <stdint.h>

#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_thread_num(void) { return 0; }
#endif

typedef uint16_t bf16;

static inline float widen(bf16 value) {
    union { uint32_t bits; float number; } u = {(uint32_t)value << 16};
    return u.number;
}

static inline bf16 narrow(float value) { /* to nearest, ties to even */
    union { float number; uint32_t bits; } u = {value};
    return (bf16)((u.bits + 0x7fff + ((u.bits >> 16) & 1)) >> 16);
}

#endif
