// y[i] = x[rows[i]]: rows of any element type, moved as units of up to 16 bytes: hidden states, scores, positions.
// x [source rows, units], y [count, units], row strides in units; rows [count]. The count is *row_count where that is not
// null (it was made on the device; the grid covers what it may be at most), else `count`.
// kRowThreads neighbouring threads share a row, each moves kRows rows' units, all under way before the first is written.
// Every row number names a row of x. Overlap: none. Bytes: each unit read and written once. Oracle: GatherRowsOracle.
#include "fc/rows.cuh"
#include "config/gather_rows.cuh"

template <int kBytes>
struct UnitOf {
  using Type = fc::Pack<unsigned, kBytes / 4>;
};
template <>
struct UnitOf<2> {
  using Type = unsigned short;
};
template <>
struct UnitOf<1> {
  using Type = unsigned char;
};
using Unit = UnitOf<kUnitBytes>::Type;

struct GatherRowsArgs {
  const Unit* __restrict__ x;        // [source rows, units]
  const int* __restrict__ rows;      // [count]
  const int* __restrict__ row_count;  // [1] or null
  Unit* __restrict__ y;              // [count, units]
  long long x_stride;
  long long y_stride;
  int count;
  int units;
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_gather_rows(const __grid_constant__ GatherRowsArgs args) {
  const fc::RowTile<kThreads, kRowThreads, 1, kRows> tile;
  const int count = args.row_count != nullptr ? min(*args.row_count, args.count) : args.count;
  if (tile.column >= args.units) return;

  Unit units[kRows];
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    if (tile.row_at(i) < count) units[i] = *fc::element(args.x, args.rows[tile.row_at(i)], args.x_stride, tile.column);
  }
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    if (tile.row_at(i) < count) *fc::element(args.y, tile.row_at(i), args.y_stride, tile.column) = units[i];
  }
}
