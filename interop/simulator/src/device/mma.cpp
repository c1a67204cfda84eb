// Fragment maps of mma.sync m16n8k16, g = lane/4, t = lane%4:
//   A element i: row g + 8((i/2)%2), column 2t + i%2 + 8(i/4)      B element i: row 2t + i%2 + 8(i/2), column g
//   C, D element i: row g + 8(i/2), column 2t + i%2
#include "device/mma.hpp"

#include "flowcut_sim/numeric.hpp"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define FLOWCUT_SIM_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FLOWCUT_SIM_CLONES
#endif

namespace flowcut::sim {
namespace {

constexpr int kM = 16, kN = 8, kK = 16;

struct Tiles {
  alignas(64) unsigned short a[kM][kK], b[kK][kN];
  alignas(64) float a_values[kM][kK], b_values[kK][kN], d[kM][kN];
};

// Registers hold two neighbours of a row of A, two neighbours of a column of B.
void gather(Tiles& tiles, const flowcut_sim::MmaOperands* const (&lanes)[32]) {
  for (int lane = 0; lane < 32; lane++) {
    const flowcut_sim::MmaOperands& operands = *lanes[lane];
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) __builtin_memcpy(&tiles.a[g + 8 * (i % 2)][2 * t + 8 * (i / 2)], &operands.a[i], 4);
    for (int i = 0; i < 2; i++) {
      tiles.b[2 * t + 8 * i][g] = static_cast<unsigned short>(operands.b[i]);
      tiles.b[2 * t + 8 * i + 1][g] = static_cast<unsigned short>(operands.b[i] >> 16);
    }
    for (int i = 0; i < 4; i++) tiles.d[g + 8 * (i / 2)][2 * t + i % 2] = operands.d[i];
  }
}

void scatter(const Tiles& tiles, const flowcut_sim::MmaOperands* const (&lanes)[32]) {
  for (int lane = 0; lane < 32; lane++) {
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) lanes[lane]->d[i] = flowcut_sim::canonical(tiles.d[g + 8 * (i / 2)][2 * t + i % 2]);
  }
}

void widen_bfloat16(const unsigned short* from, float* to, int count) {
  for (int i = 0; i < count; i++) {
    const unsigned bits = static_cast<unsigned>(from[i]) << 16;
    __builtin_memcpy(&to[i], &bits, 4);
  }
}

void widen_half(const unsigned short* from, float* to, int count) {
  for (int i = 0; i < count; i++) to[i] = flowcut_sim::float_from_half(from[i]);
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx,f16c"))) void widen_half_f16c(const unsigned short* from, float* to, int count) {
  for (int i = 0; i < count; i += 8) _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
}
const bool has_f16c = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
#endif

void widen(const unsigned short* from, float* to, int count, bool bfloat16) {
  if (bfloat16) return widen_bfloat16(from, to, count);
#if defined(__x86_64__) && defined(__GNUC__)
  if (has_f16c) return widen_half_f16c(from, to, count);
#endif
  widen_half(from, to, count);
}

// Products of 16-bit values are exact in fp32; each addition rounds. Never contracted, so every CPU gives the same bits.
FLOWCUT_SIM_CLONES void multiply(Tiles& tiles) {
  using Row = float __attribute__((vector_size(kN * sizeof(float))));
  for (int m = 0; m < kM; m++) {
    Row sum;
    __builtin_memcpy(&sum, tiles.d[m], sizeof sum);
    for (int k = 0; k < kK; k++) {
      Row row;
      __builtin_memcpy(&row, tiles.b_values[k], sizeof row);
      sum += tiles.a_values[m][k] * row;
    }
    __builtin_memcpy(tiles.d[m], &sum, sizeof sum);
  }
}

}  // namespace

void mma_m16n8k16(const flowcut_sim::MmaOperands* const (&lanes)[32], bool bfloat16) {
  Tiles tiles;
  gather(tiles, lanes);
  widen(&tiles.a[0][0], &tiles.a_values[0][0], kM * kK, bfloat16);
  widen(&tiles.b[0][0], &tiles.b_values[0][0], kK * kN, bfloat16);
  multiply(tiles);
  scatter(tiles, lanes);
}

}  // namespace flowcut::sim
