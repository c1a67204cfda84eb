// nearest[i] = the largest of nearest[i] and the keys (fc::order_key) of cosine(x_i, x_j) over all j ≠ i: how near the nearest
// other row is. x [rows, columns], row stride in elements; norms [rows] from fc_row_norms, all finite.
// A block makes the pairs of two runs of kTile rows (fc/pair_tile.cuh) and keeps their maxima alone, by atomics whose result
// does not depend on their order: memory grows with the rows, not with their square. Pairs are made once, for both their
// rows; blocks below the diagonal have nothing to do. The first step of fc_farthest_points.
// Bound by fp32 arithmetic: 576 rows of 4096 are 0.7 G multiply-adds, 20 µs of an H100 at the least.
// Overlap: none. Oracle: FarthestPointsOracle.
#include "fc/pair_tile.cuh"
#include "fc/rows.cuh"
#include "fc/select.cuh"
#include "config/nearest_rows.cuh"

struct NearestRowsArgs {
  const Elem* __restrict__ x;        // [rows, columns]
  const double* __restrict__ norms;  // [rows]
  unsigned* nearest;                 // [rows]
  long long x_stride;
  int rows;
  int columns;
};

using Tile = fc::PairTile<kTile, kPack, kVector>;
static_assert(sizeof(Tile::Storage) <= kSharedBytes, "the plan's shared memory is too small");
static_assert(kTile == fc::kWarpSize, "a warp holds a row of pairs");

extern "C" __global__ void __launch_bounds__(Tile::kThreads, 2) fc_nearest_rows(const __grid_constant__ NearestRowsArgs args) {
  if (blockIdx.x > blockIdx.y) return;
  auto& shared = fc::dynamic_shared<Tile::Storage>();
  const int first_i = static_cast<int>(blockIdx.x) * kTile, first_j = static_cast<int>(blockIdx.y) * kTile;
  float products[Tile::kOwnPairs];
  fc::make_pairs<Tile, fc::Product>(
      products, shared, fc::element(args.x, first_i, args.x_stride, 0), args.x_stride, args.rows - first_i,
      fc::element(args.x, first_j, args.x_stride, 0), args.x_stride, args.rows - first_j, args.columns, nullptr, nullptr);

  const int j = first_j + fc::lane_id();
  const double norm = j < args.rows ? args.norms[j] : 0.0;
  unsigned of_column = 0u;
#pragma unroll
  for (int q = 0; q < Tile::kOwnPairs; q++) {
    const int i = first_i + fc::warp_id() + q * (Tile::kThreads / fc::kWarpSize);
    const bool pair = i < args.rows && j < args.rows && i != j;
    const unsigned key = pair ? fc::order_key(fc::cosine_of(products[q], args.norms[i], norm)) : 0u;
    of_column = max(of_column, key);
    const unsigned of_row = __reduce_max_sync(fc::kAllLanes, key);
    if (fc::lane_id() == 0 && of_row != 0u) atomicMax(args.nearest + i, of_row);
  }
  if (blockIdx.x != blockIdx.y && of_column != 0u) atomicMax(args.nearest + j, of_column);
}
