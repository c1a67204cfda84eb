// y = f(gate)·up, element by element, in fp32: gate, up, y [rows, columns] with row strides in elements; f is SiLU in
// Llama's MLP (SwiGLU), a GELU in others. Gate and up may be the halves of one matrix [rows, 2·columns].
// A thread owns kVector columns of kRows rows; all loads are under way before the first is needed.
// y may be gate or up (the same view). kVector divides columns. Oracle: GatedActivationOracle.
#include "fc/activation.cuh"
#include "fc/rows.cuh"
#include "config/gated_activation.cuh"

struct GatedActivationArgs {
  const X* gate;  // [rows, columns]
  const X* up;    // [rows, columns]
  Y* y;           // [rows, columns]
  long long gate_stride;
  long long up_stride;
  long long y_stride;
  int rows;
  int columns;
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_gated_activation(const __grid_constant__ GatedActivationArgs args) {
  const fc::RowTile<kThreads, kRowThreads, kVector, kRows> tile;
  if (tile.column >= args.columns) return;

  float gate[kRows][kVector], up[kRows][kVector];
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
    fc::load_floats(gate[i], fc::element(args.gate, row, args.gate_stride, tile.column));
    fc::load_floats(up[i], fc::element(args.up, row, args.up_stride, tile.column));
  }

#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
#pragma unroll
    for (int c = 0; c < kVector; c++) gate[i][c] = fc::activate<kActivation>(gate[i][c]) * up[i][c];
    fc::store_floats(fc::element(args.y, row, args.y_stride, tile.column), gate[i]);
  }
}
