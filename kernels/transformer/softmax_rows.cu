// y = softmax(scale·x) for every row of x [rows, columns], or its logarithm (kLogarithm); the largest entry is subtracted
// first; sums in fp32. −∞ counts as masked; a row with a NaN, a +∞ or nothing but −∞ becomes NaN.
// One block per row. Each thread keeps the largest entry and the sum of exponentials relative to it over its columns in
// one reading; a second reading, from cache, writes the result. Row strides in elements. y may be x (the same view).
// Oracle: SoftmaxRowsOracle.
#include "fc/block.cuh"
#include "fc/rows.cuh"
#include "config/softmax_rows.cuh"

struct SoftmaxRowsArgs {
  const X* x;  // [rows, columns]
  Y* y;        // [rows, columns]
  long long x_stride;
  long long y_stride;
  int rows;
  int columns;
  float scale;
};

struct alignas(16) Storage {
  fc::BlockScratch<float, kThreads> scratch;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

extern "C" __global__ void __launch_bounds__(kThreads) fc_softmax_rows(const __grid_constant__ SoftmaxRowsArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int row = static_cast<int>(blockIdx.x);
  const X* x = fc::element(args.x, row, args.x_stride, 0);
  Y* y = fc::element(args.y, row, args.y_stride, 0);

  float largest = -fc::infinity(), sum = 0.0f;
  for (int column = static_cast<int>(threadIdx.x); column < args.columns; column += kThreads) {
    const float value = args.scale * fc::to_float(x[column]);
    if (value > largest) {
      sum = sum * expf(largest - value) + (1.0f + (value - value));  // +∞ leaves NaN
      largest = value;
    } else if (value != -fc::infinity()) {
      sum += expf(value - largest);  // NaN arrives here and stays
    }
  }

  const float row_largest = fc::block_max(largest, shared.scratch);
  // a thread that saw only −∞ adds its sum of 0, or NaN, as it is
  if (largest != -fc::infinity()) sum *= expf(largest - row_largest);
  const float row_sum = fc::block_sum(sum, shared.scratch);

  const float log_sum = logf(row_sum), inverse = 1.0f / row_sum;
  for (int column = static_cast<int>(threadIdx.x); column < args.columns; column += kThreads) {
    const float below = args.scale * fc::to_float(x[column]) - row_largest;
    y[column] = fc::from_float<Y>(kLogarithm ? below - log_sum : expf(below) * inverse);
  }
}
