// All pairs of some rows of x and some rows of y, long rows and few of them: a block makes kTile × kTile pairs on CUDA cores
// in fp32. Because there are few tiles, a block divides the depth too: groups of lanes make the same pairs from different
// columns, and their sums are added in the groups' order, so that every run gives the same bits.
// Slabs of kDepth columns go through registers, where they are widened, to two buffers in shared memory: the next slab is
// under way while this one is used, and one barrier a slab suffices. Rows of a slab are 4 floats longer than its columns, so
// that 8 neighbouring rows fall into different banks.
#pragma once
#include "fc/types.cuh"
#include "fc/warp.cuh"

namespace fc {

struct Product {
  __device__ __forceinline__ float operator()(float a, float b, float sum) const { return fmaf(a, b, sum); }
};

struct SquaredDifference {
  __device__ __forceinline__ float operator()(float a, float b, float sum) const { return fmaf(a - b, a - b, sum); }
};

/// How a block shares out its pairs. kVector: all rows start and end at multiples of 16 bytes.
template <int kTileRows, int kPackColumns, bool kVectorLoads>
struct PairTile {
  static_assert(kTileRows == 16 || kTileRows == 32, "");
  static constexpr int kTile = kTileRows, kPack = kPackColumns;
  static constexpr bool kVector = kVectorLoads;
  static constexpr int kThreads = 256;
  static constexpr int kOwnX = kTile / 4, kOwnY = 4;              // rows of a lane: 4 lanes along x, kTile/4 along y
  static constexpr int kLanesX = 4, kLanesY = kTile / kOwnY;
  static constexpr int kGroups = kThreads / (kLanesX * kLanesY);  // each with its own columns
  static constexpr int kDepth = 2048 / kTile;
  static constexpr int kSteps = kDepth / 4 / kGroups;             // packs of 4 columns of a group in a slab
  static constexpr int kStride = kDepth + 4;
  static constexpr int kRowLanes = kDepth / kPack;                // threads that load a row
  static constexpr int kRowsAtOnce = kThreads / kRowLanes;
  static constexpr int kLoads = kTile / kRowsAtOnce;
  static constexpr int kOwnPairs = kTile * kTile / kThreads;      // results of a thread
  static_assert(kRowLanes <= kWarpSize && kLoads * kRowsAtOnce == kTile && kSteps * kGroups * 4 == kDepth, "");

  struct alignas(16) Slab {
    float x[kTile * kStride], y[kTile * kStride];
  };
  union alignas(16) Storage {
    Slab slabs[2];
    float partial[kGroups][kTile * kTile];
  };

  /// The pack of 4 columns of a slab that a group takes. Two groups in a warp stay half the banks apart.
  static __device__ __forceinline__ int chunk(int group, int step) {
    if constexpr (kLanesX * kLanesY == kWarpSize) return step * kGroups + group;
    return step * kGroups + group / 8 * 8 + group / 2 % 4 + 4 * (group % 2);
  }
};

/// One thread's part of the next slab of up to kTile rows, in their stored type.
template <class Tile, class Elem>
struct PairLoader {
  Pack<Elem, Tile::kPack> packs[Tile::kLoads];

  static __device__ __forceinline__ int row(int load) { return load * Tile::kRowsAtOnce + static_cast<int>(threadIdx.x) / Tile::kRowLanes; }
  static __device__ __forceinline__ int column() { return static_cast<int>(threadIdx.x) % Tile::kRowLanes * Tile::kPack; }

  /// Columns from `first` on; rows from `rows` and columns from `columns` on are 0.
  __device__ __forceinline__ void load(const Elem* __restrict__ source, long long stride, int rows, int first, int columns) {
    const int left = columns - first - column();
#pragma unroll
    for (int i = 0; i < Tile::kLoads; i++) {
      packs[i] = {};
      if (row(i) >= rows || left <= 0) continue;
      const Elem* from = source + row(i) * stride + first + column();
      if constexpr (Tile::kVector) {
        packs[i] = *reinterpret_cast<const Pack<Elem, Tile::kPack>*>(from);
      } else {
#pragma unroll
        for (int e = 0; e < Tile::kPack; e++)
          if (e < left) packs[i].at[e] = from[e];
      }
    }
  }

  /// Widened to shared memory; squares[i] grows by those of load i.
  __device__ __forceinline__ void store(float* slab, float (&squares)[Tile::kLoads]) const {
#pragma unroll
    for (int i = 0; i < Tile::kLoads; i++) {
      float* to = slab + row(i) * Tile::kStride + column();
#pragma unroll
      for (int e = 0; e < Tile::kPack; e += 4) {
        Pack<float, 4> four;
#pragma unroll
        for (int c = 0; c < 4; c++) {
          four.at[c] = to_float(packs[i].at[e + c]);
          squares[i] = fmaf(four.at[c], four.at[c], squares[i]);
        }
        *reinterpret_cast<Pack<float, 4>*>(to + e) = four;
      }
    }
  }

  /// The norms of the rows from the squares of all slabs, by the first of the lanes that loaded a row.
  static __device__ __forceinline__ void write_norms(const float (&squares)[Tile::kLoads], double* norms) {
#pragma unroll
    for (int i = 0; i < Tile::kLoads; i++) {
      const float sum = warp_sum<Tile::kRowLanes>(squares[i]);
      if (column() == 0) norms[row(i)] = sqrt(static_cast<double>(sum));
    }
  }
};

/// sums += this group's part of a slab: a lane owns rows lane_x + 4·i of x and lane_y + kLanesY·j of y.
template <class Tile, class Measure>
__device__ __forceinline__ void add_slab(float (&sums)[Tile::kOwnX][Tile::kOwnY], const typename Tile::Slab& slab, int group, int lane_x, int lane_y) {
#pragma unroll
  for (int step = 0; step < Tile::kSteps; step++) {
    const int column = 4 * Tile::chunk(group, step);
    Pack<float, 4> y[Tile::kOwnY];
#pragma unroll
    for (int j = 0; j < Tile::kOwnY; j++) y[j] = *reinterpret_cast<const Pack<float, 4>*>(slab.y + (lane_y + Tile::kLanesY * j) * Tile::kStride + column);
#pragma unroll
    for (int i = 0; i < Tile::kOwnX; i++) {
      const auto x = *reinterpret_cast<const Pack<float, 4>*>(slab.x + (lane_x + Tile::kLanesX * i) * Tile::kStride + column);
#pragma unroll
      for (int c = 0; c < 4; c++)
#pragma unroll
        for (int j = 0; j < Tile::kOwnY; j++) sums[i][j] = Measure{}(x.at[c], y[j].at[c], sums[i][j]);
    }
  }
}

/// Makes the pairs of rows 0 … x_rows − 1 of x and 0 … y_rows − 1 of y (no more than kTile count) and leaves with result[q]
/// the pair (thread/kTile + q·kThreads/kTile, thread % kTile). x_norms, y_norms [kTile]: norms of the rows, or null.
/// All threads of the block; `shared` is free again after the next barrier.
template <class Tile, class Measure, class X, class Y>
__device__ __forceinline__ void make_pairs(float (&result)[Tile::kOwnPairs], typename Tile::Storage& shared, const X* x, long long x_stride, int x_rows,
                                           const Y* y, long long y_stride, int y_rows, int columns, double* x_norms, double* y_norms) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / (Tile::kLanesX * Tile::kLanesY);
  const int lane_y = thread % Tile::kLanesY, lane_x = thread / Tile::kLanesY % Tile::kLanesX;
  PairLoader<Tile, X> next_x;
  PairLoader<Tile, Y> next_y;
  float sums[Tile::kOwnX][Tile::kOwnY] = {}, x_squares[Tile::kLoads] = {}, y_squares[Tile::kLoads] = {};
  next_x.load(x, x_stride, x_rows, 0, columns);
  next_y.load(y, y_stride, y_rows, 0, columns);
  for (int first = 0, buffer = 0; first < columns; first += Tile::kDepth, buffer ^= 1) {
    auto& slab = shared.slabs[buffer];
    next_x.store(slab.x, x_squares);
    next_y.store(slab.y, y_squares);
    __syncthreads();  // what was read of this buffer two slabs ago lies before the last barrier
    if (first + Tile::kDepth < columns) {
      next_x.load(x, x_stride, x_rows, first + Tile::kDepth, columns);
      next_y.load(y, y_stride, y_rows, first + Tile::kDepth, columns);
    }
    add_slab<Tile, Measure>(sums, slab, group, lane_x, lane_y);
  }

  if (x_norms != nullptr) PairLoader<Tile, X>::write_norms(x_squares, x_norms);
  if (y_norms != nullptr) PairLoader<Tile, Y>::write_norms(y_squares, y_norms);
  __syncthreads();  // the slabs become the groups' sums
#pragma unroll
  for (int i = 0; i < Tile::kOwnX; i++)
#pragma unroll
    for (int j = 0; j < Tile::kOwnY; j++) shared.partial[group][(lane_x + Tile::kLanesX * i) * Tile::kTile + lane_y + Tile::kLanesY * j] = sums[i][j];
  __syncthreads();
#pragma unroll
  for (int q = 0; q < Tile::kOwnPairs; q++) {
    result[q] = shared.partial[0][thread + q * Tile::kThreads];
#pragma unroll
    for (int g = 1; g < Tile::kGroups; g++) result[q] += shared.partial[g][thread + q * Tile::kThreads];
  }
}

}  // namespace fc
