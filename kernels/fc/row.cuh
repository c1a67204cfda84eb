// A row of a matrix held by neighbouring lanes of a warp: for kernels that read each row once and reduce along it.
#pragma once
#include "fc/types.cuh"
#include "fc/warp.cuh"

namespace fc {

/// The smallest power of two that is not below n.
__device__ constexpr int power_of_two(int n) { return n <= 1 ? 1 : 2 * power_of_two((n + 1) / 2); }

/// kLanes lanes hold a row of kColumns elements, each kWidth neighbouring ones (16 bytes), zeros beyond the row's end; a
/// warp holds kRows rows at a time. kVector: every row starts at a multiple of 16 bytes and ends at one.
template <class Elem, int kColumns, bool kVector>
struct RowSlice {
  static constexpr int kWidth = kPackSize<Elem>;
  static constexpr int kLanes = power_of_two(ceil_div(kColumns, kWidth));
  static constexpr int kRows = kWarpSize / kLanes;
  static_assert(kLanes <= kWarpSize && (kColumns % kWidth == 0 || !kVector), "");

  Pack<Elem> pack;

  /// Which of the warp's rows this lane shares, and its first column of it.
  static __device__ __forceinline__ int row() { return lane_id() / kLanes; }
  static __device__ __forceinline__ int column() { return lane_id() % kLanes * kWidth; }

  /// Reads this lane's part of a row, past the caches where it can; zeros if not `valid`.
  __device__ __forceinline__ void load(const Elem* first, bool valid) {
    if constexpr (kVector) {
      uint4 raw = make_uint4(0, 0, 0, 0);
      if (valid && column() < kColumns) raw = load_streaming(reinterpret_cast<const uint4*>(first + column()));
      pack = *reinterpret_cast<const Pack<Elem>*>(&raw);
    } else {
#pragma unroll
      for (int i = 0; i < kWidth; i++) pack.at[i] = valid && column() + i < kColumns ? first[column() + i] : Elem{};
    }
  }

  /// The product of the row with one whose entries of these columns are `other`: every lane of the row gets it.
  __device__ __forceinline__ float dot(const float (&other)[kWidth]) const {
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < kWidth; i++) sum += to_float(pack.at[i]) * other[i];
    return warp_sum<kLanes>(sum);
  }

  /// total += weight·row.
  __device__ __forceinline__ void add_scaled(float (&total)[kWidth], float weight) const {
#pragma unroll
    for (int i = 0; i < kWidth; i++) total[i] += weight * to_float(pack.at[i]);
  }
};

}  // namespace fc
