// The column of the largest entry in every row of x [rows, columns], the lowest on ties; −1 where the row holds a NaN
// (no number is the largest of it) or has no columns. index [rows].
// One block per row: thread t looks at columns t, t + kThreads, …, kUnroll of them under way at once; only comparisons, so
// the order of the reduction does not matter. Row stride in elements. Overlap: none. Oracle: ArgMaxOracle.
#include "fc/block.cuh"
#include "fc/rows.cuh"
#include "config/arg_max.cuh"

struct ArgMaxArgs {
  const X* __restrict__ x;    // [rows, columns]
  int* __restrict__ index;    // [rows]
  long long x_stride;
  int rows;
  int columns;
};

struct alignas(16) Storage {
  fc::BlockScratch<fc::Ranked, kThreads> scratch;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

constexpr int kUnroll = 8;

extern "C" __global__ void __launch_bounds__(kThreads) fc_arg_max(const __grid_constant__ ArgMaxArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int row = static_cast<int>(blockIdx.x);
  const X* x = fc::element(args.x, row, args.x_stride, 0);
  fc::Ranked best = fc::ranked_last();
  bool has_nan = false;
  for (int first = static_cast<int>(threadIdx.x); first < args.columns; first += kThreads * kUnroll) {
    float values[kUnroll];
#pragma unroll
    for (int i = 0; i < kUnroll; i++) {
      const int column = first + i * kThreads;
      values[i] = column < args.columns ? fc::to_float(x[column]) : -fc::infinity();
    }
#pragma unroll
    for (int i = 0; i < kUnroll; i++) {
      const int column = first + i * kThreads;
      has_nan |= fc::is_nan(values[i]);
      // columns rise within a thread, so a tie never replaces what was found; all entries may be −∞
      if (column < args.columns && (fc::is_nan(best.value) || values[i] > best.value)) best = {values[i], column};
    }
  }

  best = fc::block_arg_max<kThreads>(best, shared.scratch);
  const bool nowhere = __syncthreads_or(has_nan) != 0 || args.columns == 0;
  if (threadIdx.x == 0) args.index[row] = nowhere ? -1 : best.index;
}
