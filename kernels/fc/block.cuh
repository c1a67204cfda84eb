// What the threads of a block do together; all kThreads take part, in a block that extends along x alone. Warps are
// combined in their order, so every run gives the same bits, and every thread gets the same result. The scratch is a
// field of the kernel's shared storage and free again on return.
#pragma once
#include "fc/warp.cuh"

namespace fc {

template <class T, int kThreads>
struct BlockScratch {
  static_assert(kThreads % kWarpSize == 0 && kThreads <= 1024, "whole warps");
  T warps[kThreads / kWarpSize];
};

template <class T, int kThreads, class Combine>
__device__ __forceinline__ T block_reduce(T value, BlockScratch<T, kThreads>& scratch, Combine combine) {
  value = warp_reduce<kWarpSize>(value, combine);
  if constexpr (kThreads > kWarpSize) {
    if (lane_id() == 0) scratch.warps[warp_id()] = value;
    __syncthreads();
    value = scratch.warps[0];
#pragma unroll
    for (int warp = 1; warp < kThreads / kWarpSize; warp++) value = combine(value, scratch.warps[warp]);
    __syncthreads();
  }
  return value;
}

template <class T, int kThreads>
__device__ __forceinline__ T block_sum(T value, BlockScratch<T, kThreads>& scratch) { return block_reduce(value, scratch, Add{}); }

template <class T, int kThreads>
__device__ __forceinline__ T block_max(T value, BlockScratch<T, kThreads>& scratch) { return block_reduce(value, scratch, Max{}); }

template <int kThreads>
__device__ __forceinline__ Ranked block_arg_max(Ranked value, BlockScratch<Ranked, kThreads>& scratch) {
  return block_reduce(value, scratch, First{});
}

/// The sum of integers over all threads below this one; `total` becomes the sum over the block.
template <class T, int kThreads>
__device__ __forceinline__ T block_exclusive_sum(T value, BlockScratch<T, kThreads>& scratch, T& total) {
  const T inclusive = warp_inclusive_sum(value);
  if (lane_id() == kWarpSize - 1) scratch.warps[warp_id()] = inclusive;
  __syncthreads();
  T before = T(0);
  total = T(0);
#pragma unroll
  for (int warp = 0; warp < kThreads / kWarpSize; warp++) {
    if (warp == warp_id()) before = total;
    total += scratch.warps[warp];
  }
  __syncthreads();
  return before + (inclusive - value);
}

}  // namespace fc
