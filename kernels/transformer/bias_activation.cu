// y = f(x + bias) + residual, element by element, in fp32: x, residual, y [rows, columns] with row strides in elements,
// bias [columns]; bias and residual may be null. What a GEMM library's epilogue cannot do (CLIP's quick GELU).
// A thread owns kVector columns of kRows rows; the bias is read once for all of them, and all rows are under way before
// the first is needed. y may be x or residual (the same view); otherwise the tensors do not overlap.
// kVector divides columns. NaN and infinity pass through as the formula says. Oracle: BiasActivationOracle.
#include "fc/activation.cuh"
#include "fc/rows.cuh"
#include "config/bias_activation.cuh"

struct BiasActivationArgs {
  const X* x;             // [rows, columns]
  const Bias* bias;       // [columns] or null
  const Residual* residual;  // [rows, columns] or null
  Y* y;                   // [rows, columns]
  long long x_stride;
  long long residual_stride;
  long long y_stride;
  int rows;
  int columns;
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_bias_activation(const __grid_constant__ BiasActivationArgs args) {
  const fc::RowTile<kThreads, kRowThreads, kVector, kRows> tile;
  if (tile.column >= args.columns) return;

  float bias[kVector] = {};
  if (args.bias != nullptr) fc::load_floats(bias, args.bias + tile.column);
  float x[kRows][kVector], residual[kRows][kVector];
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
    fc::load_floats(x[i], fc::element(args.x, row, args.x_stride, tile.column));
    if (args.residual != nullptr) fc::load_floats(residual[i], fc::element(args.residual, row, args.residual_stride, tile.column));
  }

#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
#pragma unroll
    for (int c = 0; c < kVector; c++) {
      x[i][c] = fc::activate<kActivation>(x[i][c] + bias[c]);
      if (args.residual != nullptr) x[i][c] += residual[i][c];
    }
    fc::store_floats(fc::element(args.y, row, args.y_stride, tile.column), x[i]);
  }
}
