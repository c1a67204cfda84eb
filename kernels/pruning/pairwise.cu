// result[i, j] = a measure of row i of x and row j of y: Σ a·b (kMeasure 0), Σ a·b/(‖a‖·‖b‖), 0 where a norm is 0 (1), or
// Σ (a − b)² (2), which is not made of products, because near rows would cancel. x [x rows, columns], y [y rows, columns],
// result [x rows, y rows] in fp32; row strides in elements.
// A block makes kTile × kTile pairs (fc/pair_tile.cuh) in fp32, also of 16-bit elements: no sum is rounded more coarsely than
// the CPU's. Norms come from what the block reads anyway; the quotient is made in double precision.
// Bound by fp32 arithmetic: 576 × 384 rows of 4096 are 0.9 G multiply-adds, 27 µs of an H100 at the least, and run once per
// picture. The small tile is for sets that would not fill the device with the large one.
// Without columns every measure is 0. NaN and infinity as the formula. x and y may overlap. Oracle: PairwiseOracle.
#include "fc/pair_tile.cuh"
#include "fc/rows.cuh"
#include "config/pairwise.cuh"

struct PairwiseArgs {
  const X* __restrict__ x;      // [x rows, columns]
  const Y* __restrict__ y;      // [y rows, columns]
  float* __restrict__ result;   // [x rows, y rows]
  long long x_stride;
  long long y_stride;
  long long result_stride;
  int x_rows;
  int y_rows;
  int columns;
  int reserved;
};

constexpr int kProduct = 0, kCosine = 1, kSquaredDistance = 2;
static_assert(kMeasure == kProduct || kMeasure == kCosine || kMeasure == kSquaredDistance, "");

using Tile = fc::PairTile<kTile, kPack, kVector>;

struct alignas(16) Storage {
  Tile::Storage pairs;
  double x_norms[kTile], y_norms[kTile];
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

template <bool kDifference>
struct MeasureOf {
  using Type = fc::Product;
};
template <>
struct MeasureOf<true> {
  using Type = fc::SquaredDifference;
};

extern "C" __global__ void __launch_bounds__(Tile::kThreads, 2) fc_pairwise(const __grid_constant__ PairwiseArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int first_x = static_cast<int>(blockIdx.x) * kTile, first_y = static_cast<int>(blockIdx.y) * kTile;
  float result[Tile::kOwnPairs];
  fc::make_pairs<Tile, MeasureOf<kMeasure == kSquaredDistance>::Type>(
      result, shared.pairs, fc::element(args.x, first_x, args.x_stride, 0), args.x_stride, args.x_rows - first_x,
      fc::element(args.y, first_y, args.y_stride, 0), args.y_stride, args.y_rows - first_y, args.columns,
      kMeasure == kCosine ? shared.x_norms : nullptr, kMeasure == kCosine ? shared.y_norms : nullptr);

#pragma unroll
  for (int q = 0; q < Tile::kOwnPairs; q++) {
    const int pair = static_cast<int>(threadIdx.x) + q * Tile::kThreads, i = pair / kTile, j = pair % kTile;
    if (first_x + i >= args.x_rows || first_y + j >= args.y_rows) continue;
    if constexpr (kMeasure == kCosine) result[q] = fc::cosine_of(result[q], shared.x_norms[i], shared.y_norms[j]);
    *fc::element(args.result, first_x + i, args.result_stride, first_y + j) = result[q];
  }
}
