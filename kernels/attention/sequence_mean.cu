// mean[s, c] = Σ over the rows i of sequence s of x[i, c] / rows: the query (and the value) that stands for the whole picture
// in encoders without a CLS token.
// x [rows, columns] at a stride, mean [sequences, columns] fp32 at a stride; sequence s is rows offsets[s] … [s + 1] − 1,
// and 0 if it has none. Sums in fp32, always in the same order.
// A block owns 32 columns of one sequence; each of its warps takes every kWarps-th row, and the first adds them up.
// Oracle: AttentionOracle.
#include "config/sequence_mean.cuh"
#include "fc/types.cuh"
#include "fc/warp.cuh"

namespace {

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / fc::kWarpSize;

struct alignas(16) Storage {
  float sums[kWarps][fc::kWarpSize];
};
static_assert(sizeof(Storage) <= kSharedBytes, "");

struct SequenceMeanArgs {
  const Elem* x;
  const int* offsets;
  float* mean;
  long long x_stride;
  long long mean_stride;
  int columns;
  int reserved;
};

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) fc_sequence_mean(const __grid_constant__ SequenceMeanArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int sequence = blockIdx.y, column = blockIdx.x * fc::kWarpSize + fc::lane_id();
  const int first = args.offsets[sequence], end = args.offsets[sequence + 1];
  float sum = 0.0f;
  if (column < args.columns) {
    const Elem* x = args.x + column;
#pragma unroll 4
    for (int row = first + fc::warp_id(); row < end; row += kWarps) sum += fc::to_float(x[row * args.x_stride]);
  }
  shared.sums[fc::warp_id()][fc::lane_id()] = sum;
  __syncthreads();
  if (fc::warp_id() != 0 || column >= args.columns) return;
#pragma unroll
  for (int warp = 1; warp < kWarps; warp++) sum += shared.sums[warp][fc::lane_id()];
  args.mean[sequence * args.mean_stride + column] = end > first ? sum / static_cast<float>(end - first) : 0.0f;
}
