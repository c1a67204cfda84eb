// What the 32 lanes of a warp do together; all lanes take part. Sums are added in a fixed order, so every run gives the
// same bits, and every lane gets the same result. kWidth < 32: neighbouring groups of that many lanes, each by itself.
#pragma once
#include "fc/math.cuh"

namespace fc {

constexpr int kWarpSize = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

/// For blocks that extend along x alone.
__device__ __forceinline__ int lane_id() { return static_cast<int>(threadIdx.x) % kWarpSize; }
__device__ __forceinline__ int warp_id() { return static_cast<int>(threadIdx.x) / kWarpSize; }

/// A candidate of an arg-max: larger values first, equal ones by the lower index, NaN below every number.
struct Ranked {
  float value;
  int index;
};

/// Whether a comes before b.
__device__ __forceinline__ bool ranks_before(Ranked a, Ranked b) {
  if (is_nan(a.value) || is_nan(b.value)) return is_nan(a.value) == is_nan(b.value) ? a.index < b.index : is_nan(b.value);
  return a.value != b.value ? a.value > b.value : a.index < b.index;
}

/// A candidate that loses against every other one.
__device__ __forceinline__ Ranked ranked_last() { return {not_a_number(), 0x7fffffff}; }

// Associative operations of the reductions below. Max passes over NaN as fmaxf does: NaN only if all are.
struct Add {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const { return a + b; }
};

struct Max {
  __device__ __forceinline__ float operator()(float a, float b) const { return fmaxf(a, b); }
  __device__ __forceinline__ int operator()(int a, int b) const { return max(a, b); }
};

struct Min {
  __device__ __forceinline__ float operator()(float a, float b) const { return fminf(a, b); }
  __device__ __forceinline__ int operator()(int a, int b) const { return min(a, b); }
};

struct First {
  __device__ __forceinline__ Ranked operator()(Ranked a, Ranked b) const { return ranks_before(a, b) ? a : b; }
};

template <class T>
__device__ __forceinline__ T shuffle_xor(T value, int mask) { return __shfl_xor_sync(kAllLanes, value, mask); }

__device__ __forceinline__ Ranked shuffle_xor(Ranked ranked, int mask) {
  return {__shfl_xor_sync(kAllLanes, ranked.value, mask), __shfl_xor_sync(kAllLanes, ranked.index, mask)};
}

template <int kWidth, class T, class Combine>
__device__ __forceinline__ T warp_reduce(T value, Combine combine) {
  static_assert(kWidth >= 1 && kWidth <= kWarpSize && (kWidth & (kWidth - 1)) == 0, "a power of two");
#pragma unroll
  for (int mask = kWidth / 2; mask > 0; mask /= 2) value = combine(value, shuffle_xor(value, mask));
  return value;
}

template <int kWidth = kWarpSize, class T>
__device__ __forceinline__ T warp_sum(T value) { return warp_reduce<kWidth>(value, Add{}); }

template <int kWidth = kWarpSize, class T>
__device__ __forceinline__ T warp_max(T value) { return warp_reduce<kWidth>(value, Max{}); }

template <int kWidth = kWarpSize>
__device__ __forceinline__ Ranked warp_arg_max(Ranked value) { return warp_reduce<kWidth>(value, First{}); }

/// The sum over this lane and all lanes below it.
template <class T>
__device__ __forceinline__ T warp_inclusive_sum(T value) {
#pragma unroll
  for (int distance = 1; distance < kWarpSize; distance *= 2) {
    const T below = __shfl_up_sync(kAllLanes, value, distance);
    if (lane_id() >= distance) value += below;
  }
  return value;
}

}  // namespace fc
