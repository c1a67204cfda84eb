// y = (x − mean)/√(var + ε)·weight + bias for every row of x [rows, columns]; weight, bias [columns]; the variance is the
// mean of squared differences, from the row in registers, in fp32. With a residual [rows, columns], x += residual first,
// written back and rounded to x's type, and the norm is taken of what was written.
// A row belongs to a warp (kRowThreads = 32, several rows in a block) or to a block. Row strides in elements; kVector
// divides columns ≤ kRowThreads·kItems·kVector. y may be x (the same view) where there is no residual; otherwise the
// tensors do not overlap. A NaN or an infinity makes its whole row NaN. Oracle: LayerNormOracle.
#include "fc/row_values.cuh"
#include "fc/rows.cuh"
#include "config/layer_norm.cuh"

struct LayerNormArgs {
  X* x;                      // [rows, columns], written where there is a residual
  const Residual* residual;  // [rows, columns] or null
  const Weight* weight;      // [columns]
  const Weight* bias;        // [columns]
  Y* y;                      // [rows, columns]
  long long x_stride;
  long long residual_stride;
  long long y_stride;
  int rows;
  int columns;
  float epsilon;
};

struct alignas(16) Storage {
  fc::BlockScratch<float, kThreads> scratch;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

extern "C" __global__ void __launch_bounds__(kThreads) fc_layer_norm(const __grid_constant__ LayerNormArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int row = static_cast<int>(blockIdx.x) * (kThreads / kRowThreads) + static_cast<int>(threadIdx.x) / kRowThreads;
  if (row >= args.rows) return;  // a whole warp, or (one row per block) never
  X* x_row = fc::element(args.x, row, args.x_stride, 0);
  fc::RowValues<kRowThreads, kItems, kVector> x;
  x.load(x_row, args.columns);
  if constexpr (kResidual) {
    const Residual* residual_row = fc::element(args.residual, row, args.residual_stride, 0);
#pragma unroll
    for (int item = 0; item < kItems; item++) {
      const int column = x.column(item);
      if (column >= args.columns) break;
      float residual[kVector];
      fc::load_floats(residual, residual_row + column);
#pragma unroll
      for (int c = 0; c < kVector; c++) x.at[item][c] = fc::to_float(fc::from_float<X>(x.at[item][c] + residual[c]));
      fc::store_floats(x_row + column, x.at[item]);
    }
  }

  const float sum = x.partial_sum(args.columns, [](float value) { return value; });
  const float mean = fc::row_sum<kRowThreads>(sum, shared.scratch) / static_cast<float>(args.columns);
  const float squares = x.partial_sum(args.columns, [mean](float value) { return (value - mean) * (value - mean); });
  const float variance = fc::row_sum<kRowThreads>(squares, shared.scratch) / static_cast<float>(args.columns);
  const float scale = 1.0f / sqrtf(variance + args.epsilon);

  Y* y_row = fc::element(args.y, row, args.y_stride, 0);
#pragma unroll
  for (int item = 0; item < kItems; item++) {
    const int column = x.column(item);
    if (column >= args.columns) break;
    float weight[kVector], bias[kVector];
    fc::load_floats(weight, args.weight + column);
    fc::load_floats(bias, args.bias + column);
#pragma unroll
    for (int c = 0; c < kVector; c++) x.at[item][c] = fmaf((x.at[item][c] - mean) * scale, weight[c], bias[c]);
    fc::store_floats(y_row + column, x.at[item]);
  }
}
