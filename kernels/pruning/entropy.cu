// h[row] = E/log(columns) of every row of weights [rows, columns], with p = weight/Σ weights, E = −Σ p·log p and
// 0·log 0 = 0; h = 0 where a row has at most one column or sums to 0 (spec/flowcut.md, section 3). Weights are ≥ 0 and need
// not be normalised; a NaN makes h NaN.
// One block per row, two readings of it, the second from cache; fp32 sums in a fixed order. Row stride in elements.
// Overlap: none. Oracle: EntropyOracle.
#include "fc/block.cuh"
#include "fc/ptx.cuh"
#include "config/entropy.cuh"

struct EntropyArgs {
  const float* __restrict__ weights;  // [rows, columns]
  float* __restrict__ ratios;         // [rows]
  long long weight_stride;
  int rows;
  int columns;
};

struct alignas(16) Storage {
  fc::BlockScratch<float, kThreads> scratch;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

extern "C" __global__ void __launch_bounds__(kThreads) fc_entropy(const __grid_constant__ EntropyArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int row = static_cast<int>(blockIdx.x);
  const float* weights = args.weights + row * args.weight_stride;
  float sum = 0.0f;
  for (int column = static_cast<int>(threadIdx.x); column < args.columns; column += kThreads) sum += weights[column];
  sum = fc::block_sum(sum, shared.scratch);

  float entropy = 0.0f;
  for (int column = static_cast<int>(threadIdx.x); column < args.columns; column += kThreads) {
    const float p = weights[column] / sum;
    if (p != 0.0f) entropy -= p * logf(p);
  }
  entropy = fc::block_sum(entropy, shared.scratch);
  if (threadIdx.x == 0) args.ratios[row] = args.columns <= 1 || sum == 0.0f ? 0.0f : entropy / logf(static_cast<float>(args.columns));
}
