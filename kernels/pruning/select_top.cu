// The columns of the `count` largest entries of every row of x [rows, columns], ties to the lowest column, NaN below every
// number, −0 equal to +0; written ascending, `add` added to each, to indices [rows, count]; values, where asked for, in
// the same order. 0 ≤ count ≤ columns ≤ kThreads·kItems.
// One block per row; the row is read once and held as radix keys in shared memory (fc/select.cuh). Row strides in elements; overlap: none.
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
  const float* x = args.x + row * args.x_stride;
  fc::for_own_elements<kThreads, kItems>(args.columns, [&](int column) { shared.select.keys[column] = fc::order_key(x[column]); });

  const fc::Threshold threshold = fc::find_threshold(args.columns, args.count, shared.select);
  fc::emit_kept(args.columns, threshold, shared.select, [&](int column, int rank) {
    args.indices[row * args.index_stride + rank] = column + args.add;
    if (args.values != nullptr) args.values[row * args.value_stride + rank] = fc::key_score(shared.select.keys[column]);
  });
}
