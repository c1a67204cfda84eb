// The columns of the `count` largest entries of every row of x [rows, columns], ties to the lowest column, NaN below every
// number, −0 equal to +0; written ascending, `add` added to each, to indices [rows, count]; values, where asked for, in
// the same order. 0 ≤ count ≤ columns ≤ kThreads·kItems.
// One block per row; the row is read once and held as radix keys (fc/select.cuh). Row strides in elements; overlap: none.
// Oracle: SelectTopOracle.
#include "fc/ptx.cuh"
#include "fc/select.cuh"
#include "config/select_top.cuh"

struct SelectTopArgs {
  const float* __restrict__ x;    // [rows, columns]
  int* __restrict__ indices;      // [rows, count]
  float* __restrict__ values;     // [rows, count] or null
  long long x_stride;
  long long index_stride;
  long long value_stride;
  int rows;
  int columns;
  int count;
  int add;
};

struct alignas(16) Storage {
  fc::SelectScratch<kThreads, kItems> select;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

extern "C" __global__ void __launch_bounds__(kThreads) fc_select_top(const __grid_constant__ SelectTopArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const long long row = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x);
  const float* x = args.x + row * args.x_stride;
  float scores[kItems];
  unsigned keys[kItems];
#pragma unroll
  for (int item = 0; item < kItems; item++) {
    const int column = item * kThreads + thread;
    scores[item] = column < args.columns ? x[column] : 0.0f;
    keys[item] = fc::order_key(scores[item]);
  }

  const fc::Threshold threshold = fc::find_threshold(keys, args.columns, args.count, shared.select);
  fc::emit_kept(keys, args.columns, threshold, shared.select, [&](int item, int rank) {
    args.indices[row * args.index_stride + rank] = item * kThreads + thread + args.add;
    if (args.values != nullptr) args.values[row * args.value_stride + rank] = scores[item];
  });
}
