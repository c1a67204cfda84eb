// A row of a matrix held in the registers of the kRowThreads threads that share it: thread t has the packs t,
// t + kRowThreads, … of kVector neighbouring columns. Row-wise reductions see the whole row without reading it twice.
#pragma once
#include "fc/block.cuh"
#include "fc/types.cuh"

namespace fc {

template <int kRowThreads, int kItems, int kVector>
struct RowValues {
  float at[kItems][kVector];

  /// The column of the first element of pack `item`.
  __device__ __forceinline__ static int column(int item) {
    return (item * kRowThreads + static_cast<int>(threadIdx.x) % kRowThreads) * kVector;
  }

  /// Reads the row; what lies beyond `columns` is 0. kVector divides columns.
  template <class Elem>
  __device__ __forceinline__ void load(const Elem* row, int columns) {
#pragma unroll
    for (int item = 0; item < kItems; item++) {
      if (column(item) < columns) {
        load_floats(at[item], row + column(item));
      } else {
#pragma unroll
        for (int c = 0; c < kVector; c++) at[item][c] = 0.0f;
      }
    }
  }

  /// This thread's part of Σ f(x); elements beyond the row do not count.
  template <class Function>
  __device__ __forceinline__ float partial_sum(int columns, Function f) const {
    float sum = 0.0f;
#pragma unroll
    for (int item = 0; item < kItems; item++) {
      if (column(item) >= columns) break;
#pragma unroll
      for (int c = 0; c < kVector; c++) sum += f(at[item][c]);
    }
    return sum;
  }
};

/// The sum over the threads of a row: one warp, or the whole block.
template <int kRowThreads, int kThreads>
__device__ __forceinline__ float row_sum(float value, BlockScratch<float, kThreads>& scratch) {
  static_assert(kRowThreads == kWarpSize || kRowThreads == kThreads, "a row belongs to a warp or to the block");
  if constexpr (kRowThreads == kWarpSize) return warp_sum(value);
  return block_sum(value, scratch);
}

}  // namespace fc
