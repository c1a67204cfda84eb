// x += y·gamma, element by element, in fp32: x, y [rows, columns] with row strides in elements, gamma [columns]
// (InternViT's and DINOv2's scaled residual). A thread owns kVector columns of kRows rows; gamma is read once for all.
// x may not overlap y or gamma, except that x may be y. kVector divides columns. Oracle: LayerScaleOracle.
#include "fc/rows.cuh"
#include "config/layer_scale.cuh"

struct LayerScaleArgs {
  const Y* y;          // [rows, columns]
  const Gamma* gamma;  // [columns]
  X* x;                // [rows, columns], read and written
  long long y_stride;
  long long x_stride;
  int rows;
  int columns;
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_layer_scale(const __grid_constant__ LayerScaleArgs args) {
  const fc::RowTile<kThreads, kRowThreads, kVector, kRows> tile;
  if (tile.column >= args.columns) return;

  float gamma[kVector];
  fc::load_floats(gamma, args.gamma + tile.column);
  float x[kRows][kVector], y[kRows][kVector];
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
    fc::load_floats(x[i], fc::element(args.x, row, args.x_stride, tile.column));
    fc::load_floats(y[i], fc::element(args.y, row, args.y_stride, tile.column));
  }

#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
#pragma unroll
    for (int c = 0; c < kVector; c++) x[i][c] = fmaf(y[i][c], gamma[c], x[i][c]);
    fc::store_floats(fc::element(args.x, row, args.x_stride, tile.column), x[i]);
  }
}
