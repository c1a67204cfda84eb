// Which elements of a [rows, columns] matrix a thread owns in kernels that treat every element alike: kRowThreads
// neighbouring threads share a row, each owns one pack of kVector neighbouring columns in kRows rows. Blocks extend along
// x, the grid has row blocks in x and column blocks in y.
#pragma once
#include "fc/types.cuh"

namespace fc {

template <int kThreads, int kRowThreads, int kVector, int kRows = 1>
struct RowTile {
  static_assert(kThreads % kRowThreads == 0, "whole rows");
  static constexpr int kRowsAtOnce = kThreads / kRowThreads;

  int column;
  int row;  // the first; the others follow kRowsAtOnce apart

  __device__ __forceinline__ RowTile()
      : column((static_cast<int>(blockIdx.y) * kRowThreads + static_cast<int>(threadIdx.x) % kRowThreads) * kVector),
        row(static_cast<int>(blockIdx.x) * (kRowsAtOnce * kRows) + static_cast<int>(threadIdx.x) / kRowThreads) {}

  __device__ __forceinline__ int row_at(int i) const { return row + i * kRowsAtOnce; }
};

/// The address of an element; row strides are in elements.
template <class T>
__device__ __forceinline__ T* element(T* matrix, int row, long long row_stride, int column) {
  return matrix + (row * row_stride + column);
}

}  // namespace fc
