// The columns of the `count` largest groups of every row of x [rows, groups·group], a group's value the sum of its `group`
// neighbouring columns in their order (2×2 patches that become one token; group = 1: single columns). Ties to the lowest
// group, NaN below every number, −0 equal to +0. Written ascending, all columns of a group, `add` added to each, to indices
// [rows, count·group]; sums, where asked for, to values [rows, count]. 0 ≤ count ≤ groups ≤ kThreads·kItems.
// One block per row; the row is read once and held as radix keys in shared memory (fc/select.cuh). Row strides in elements; overlap: none.
// Oracle: SelectTopOracle.
#include "fc/ptx.cuh"
#include "fc/select.cuh"
#include "config/select_top.cuh"

struct SelectTopArgs {
  const float* __restrict__ x;    // [rows, groups·group]
  int* __restrict__ indices;      // [rows, count·group]
  float* __restrict__ values;     // [rows, count] or null
  long long x_stride;
  long long index_stride;
  long long value_stride;
  int rows;
  int groups;
  int group;
  int count;
  int add;
  int reserved;
};

struct alignas(16) Storage {
  fc::SelectScratch<kThreads, kItems> select;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

__device__ __forceinline__ float group_sum(const float* x, int group) {
  float sum = x[0];
  for (int i = 1; i < group; i++) sum += x[i];
  return sum;
}

extern "C" __global__ void __launch_bounds__(kThreads) fc_select_top(const __grid_constant__ SelectTopArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const long long row = blockIdx.x;
  const float* x = args.x + row * args.x_stride;
  fc::for_own_elements<kThreads, kItems>(args.groups, [&](int g) { shared.select.keys[g] = fc::order_key(group_sum(x + g * args.group, args.group)); });

  const fc::Threshold threshold = fc::find_threshold(args.groups, args.count, shared.select);
  fc::emit_kept(args.groups, threshold, shared.select, [&](int g, int rank) {
    int* indices = args.indices + row * args.index_stride + rank * args.group;
    for (int i = 0; i < args.group; i++) indices[i] = g * args.group + i + args.add;
    if (args.values != nullptr) args.values[row * args.value_stride + rank] = fc::key_score(shared.select.keys[g]);
  });
}
