// y = x in another element type, [rows, columns] with row strides in elements: exact when widening, rounded to nearest
// even when narrowing (beyond the largest number to infinity; NaN stays NaN). With equal types a strided copy.
// A thread owns kVector columns of kRows rows. x and y do not overlap. kVector divides columns. Oracle: ConvertTypeOracle.
#include "fc/rows.cuh"
#include "config/convert_type.cuh"

struct ConvertTypeArgs {
  const X* __restrict__ x;  // [rows, columns]
  Y* __restrict__ y;        // [rows, columns]
  long long x_stride;
  long long y_stride;
  int rows;
  int columns;
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_convert_type(const __grid_constant__ ConvertTypeArgs args) {
  const fc::RowTile<kThreads, kRowThreads, kVector, kRows> tile;
  if (tile.column >= args.columns) return;

  float x[kRows][kVector];
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    if (tile.row_at(i) < args.rows) fc::load_floats(x[i], fc::element(args.x, tile.row_at(i), args.x_stride, tile.column));
  }
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    if (tile.row_at(i) < args.rows) fc::store_floats(fc::element(args.y, tile.row_at(i), args.y_stride, tile.column), x[i]);
  }
}
