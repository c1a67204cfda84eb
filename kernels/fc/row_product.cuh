// The product of two rows of a matrix by one warp, which reads both once.
#pragma once
#include "fc/types.cuh"
#include "fc/warp.cuh"

namespace fc {

/// Σ a·b in fp32, for every lane; a lane adds in the order of its columns, so that equal rows give equal bits. kVector divides columns.
template <int kVector, class A, class B>
__device__ __forceinline__ float row_product(const A* __restrict__ a, const B* __restrict__ b, int columns) {
  constexpr int kStep = kWarpSize * kVector, kUnroll = 4, kChains = kVector < 4 ? kVector : 4;
  float sums[kChains] = {};  // several, because each waits for its own last addition
  const auto add = [&](const Pack<A, kVector>& x, const Pack<B, kVector>& y) {
#pragma unroll
    for (int i = 0; i < kVector; i++) sums[i % kChains] = fmaf(to_float(x.at[i]), to_float(y.at[i]), sums[i % kChains]);
  };
  int column = lane_id() * kVector;
  for (; column + (kUnroll - 1) * kStep < columns; column += kUnroll * kStep) {
    Pack<A, kVector> x[kUnroll];
    Pack<B, kVector> y[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
      x[u] = *reinterpret_cast<const Pack<A, kVector>*>(a + column + u * kStep);
      y[u] = *reinterpret_cast<const Pack<B, kVector>*>(b + column + u * kStep);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; u++) add(x[u], y[u]);
  }
  for (; column < columns; column += kStep) add(*reinterpret_cast<const Pack<A, kVector>*>(a + column), *reinterpret_cast<const Pack<B, kVector>*>(b + column));
  float sum = sums[0];
#pragma unroll
  for (int i = 1; i < kChains; i++) sum += sums[i];
  return warp_sum(sum);
}

}  // namespace fc
