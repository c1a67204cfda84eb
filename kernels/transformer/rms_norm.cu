// y = x/√(mean(x²) + ε)·weight for every row of x [rows, columns]; weight [columns]; everything in fp32, from the row in
// registers. With a residual [rows, columns], x += residual first, written back and rounded to x's type, and the norm is
// taken of what was written.
// A row belongs to a warp (kRowThreads = 32, several rows in a block) or to a block. Row strides in elements; kVector
// divides columns ≤ kRowThreads·kItems·kVector. y may be x (the same view) where there is no residual; otherwise the
// tensors do not overlap. A NaN makes its whole row NaN; an infinity becomes NaN and makes the finite rest 0. Oracle: RmsNormOracle.
#include "fc/row_values.cuh"
#include "fc/rows.cuh"
#include "config/rms_norm.cuh"

struct RmsNormArgs {
  X* x;                      // [rows, columns], written where there is a residual
  const Residual* residual;  // [rows, columns] or null
  const Weight* weight;      // [columns]
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

extern "C" __global__ void __launch_bounds__(kThreads) fc_rms_norm(const __grid_constant__ RmsNormArgs args) {
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

  const float squares = x.partial_sum(args.columns, [](float value) { return value * value; });
  const float mean_square = fc::row_sum<kRowThreads>(squares, shared.scratch) / static_cast<float>(args.columns);
  const float scale = 1.0f / sqrtf(mean_square + args.epsilon);

  Y* y_row = fc::element(args.y, row, args.y_stride, 0);
#pragma unroll
  for (int item = 0; item < kItems; item++) {
    const int column = x.column(item);
    if (column >= args.columns) break;
    float weight[kVector];
    fc::load_floats(weight, args.weight + column);
#pragma unroll
    for (int c = 0; c < kVector; c++) x.at[item][c] = x.at[item][c] * scale * weight[c];
    fc::store_floats(y_row + column, x.at[item]);
  }
}
