// The inner loops of a matrix product, for each vector width. Multiplication and addition may be fused here, as a GPU does it.
#pragma GCC optimize("O3", "fp-contract=fast")

#include "host/gemm.hpp"

#include "host/number_formats.hpp"

namespace flowcut::sim::host {

namespace {

// packed_a: `Rows` values per step of k; packed_b: Columns values. Columns = two vectors of Lanes floats, all sums stay in registers.
template <int Rows, int Lanes>
[[gnu::always_inline]] inline void add_tile(int depth, const float* packed_a, const float* packed_b, float* sums, std::int64_t stride) {
  using Vector [[gnu::vector_size(Lanes * sizeof(float)), gnu::aligned(4), gnu::may_alias]] = float;
  using Register [[gnu::vector_size(Lanes * sizeof(float))]] = float;
  Register low[Rows] = {}, high[Rows] = {};
  for (int step = 0; step < depth; ++step) {
    const Register b_low = *reinterpret_cast<const Vector*>(packed_b);
    const Register b_high = *reinterpret_cast<const Vector*>(packed_b + Lanes);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) {
      low[row] += packed_a[row] * b_low;
      high[row] += packed_a[row] * b_high;
    }
    packed_a += Rows;
    packed_b += 2 * Lanes;
  }
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
    *reinterpret_cast<Vector*>(sums + row * stride) += low[row];
    *reinterpret_cast<Vector*>(sums + row * stride + Lanes) += high[row];
  }
}

template <float (*Load)(std::uint16_t)>
[[gnu::always_inline]] inline void convert(const std::uint16_t* from, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = Load(from[i]);
}

// 32 sums side by side, added at the end in one order for all processors.
[[gnu::always_inline]] inline float dot(const float* a, const float* b, std::int64_t count) {
  constexpr int kSums = 32;
  float sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= count; i += kSums)
    for (int lane = 0; lane < kSums; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  for (int lane = 0; i < count; ++i, ++lane) sums[lane] += a[i] * b[i];
  for (int half = kSums / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

[[gnu::always_inline]] inline void add_scaled(float scale, const float* from, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += scale * from[i];
}

// One set of functions for each instruction set.
#define FLOWCUT_SIM_GEMM_KERNEL(name, target, rows, lanes)                                                                               \
  target void name##_tile(int depth, const float* a, const float* b, float* sums, std::int64_t stride) {                                 \
    add_tile<rows, lanes>(depth, a, b, sums, stride);                                                                                    \
  }                                                                                                                                      \
  target void name##_half(const std::uint16_t* from, std::int64_t count, float* to) { convert<half_to_float>(from, count, to); }         \
  target void name##_bfloat16(const std::uint16_t* from, std::int64_t count, float* to) { convert<bfloat16_to_float>(from, count, to); } \
  target float name##_dot(const float* a, const float* b, std::int64_t count) { return dot(a, b, count); }                               \
  target void name##_scaled(float scale, const float* from, std::int64_t count, float* to) { add_scaled(scale, from, count, to); }       \
  constexpr GemmKernel name{rows, 2 * (lanes), name##_tile, name##_half, name##_bfloat16, name##_dot, name##_scaled};

#if defined(__x86_64__)
FLOWCUT_SIM_GEMM_KERNEL(avx512, [[gnu::target("avx512f,avx512bw,avx512vl")]], 8, 16)
FLOWCUT_SIM_GEMM_KERNEL(avx2, [[gnu::target("avx2,fma")]], 6, 8)
#endif
FLOWCUT_SIM_GEMM_KERNEL(plain, [[]], 4, 4)
#undef FLOWCUT_SIM_GEMM_KERNEL

GemmKernel choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
  return plain;
}

}  // namespace

const GemmKernel& gemm_kernel() {
  static const GemmKernel kernel = choose();
  return kernel;
}

}  // namespace flowcut::sim::host
