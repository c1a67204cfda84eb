// y[i] = Σ weights[s]·x[sources[s]] over s = ends[i − 1] … ends[i] − 1 (ends[−1] = 0), added in that order in fp32 and
// rounded once: tokens that are merged or averaged. Without sources a row is 0.
// x [source rows, columns], y [rows, columns], row strides in elements; every source names a row of x.
// kRowThreads neighbouring threads share a row, each owns kVector neighbouring columns; kBatch sources are under way at once.
// Bytes: what the sources have and y, once (576 → 64 rows of 4096 fp32: 10.5 MB, 3 µs of an H100's memory at the least).
// kVector divides columns. Overlap: none. NaN and infinity as the formula. Oracle: MixRowsOracle.
#include "fc/rows.cuh"
#include "config/mix_rows.cuh"

struct MixRowsArgs {
  const X* __restrict__ x;              // [source rows, columns]
  const int* __restrict__ ends;         // [rows]
  const int* __restrict__ sources;      // [ends[rows − 1]]
  const float* __restrict__ weights;    // [ends[rows − 1]]
  Y* __restrict__ y;                    // [rows, columns]
  long long x_stride;
  long long y_stride;
  int rows;
  int columns;
};

constexpr int kBatch = 4;

// sum += the rows of kCount sources from `first` on.
template <int kCount>
__device__ __forceinline__ void add_sources(float (&sum)[kVector], const MixRowsArgs& args, int first, int column) {
  fc::Pack<X, kVector> packs[kCount];
#pragma unroll
  for (int i = 0; i < kCount; i++) packs[i] = *reinterpret_cast<const fc::Pack<X, kVector>*>(fc::element(args.x, args.sources[first + i], args.x_stride, column));
#pragma unroll
  for (int i = 0; i < kCount; i++) {
    const float weight = args.weights[first + i];
#pragma unroll
    for (int c = 0; c < kVector; c++) sum[c] = fmaf(weight, fc::to_float(packs[i].at[c]), sum[c]);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) fc_mix_rows(const __grid_constant__ MixRowsArgs args) {
  const fc::RowTile<kThreads, kRowThreads, kVector, kRows> tile;
  if (tile.column >= args.columns || tile.row >= args.rows) return;

  float sum[kVector] = {};
  const int end = args.ends[tile.row];
  int source = tile.row == 0 ? 0 : args.ends[tile.row - 1];
  for (; source + kBatch <= end; source += kBatch) add_sources<kBatch>(sum, args, source, tile.column);
  for (; source < end; source++) add_sources<1>(sum, args, source, tile.column);
  fc::store_floats(fc::element(args.y, tile.row, args.y_stride, tile.column), sum);
}
