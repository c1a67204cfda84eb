// sums[j] += weight·mean over heads of e^x[head, j]: the attention that a column gets, from the logarithms that attention
// writes down. x [heads, columns], row stride in elements; sums [columns]; fp32, heads added in their order.
// A thread owns a column; kBatch heads are under way at once, because there is nothing but latency here (32×576: 74 KB).
// NaN and infinity as the formula; e^−∞ is 0. heads ≥ 1. Overlap: none. Oracle: MeanProbabilitiesOracle.
#include "fc/ptx.cuh"
#include "config/mean_probabilities.cuh"

struct MeanProbabilitiesArgs {
  const float* __restrict__ x;  // [heads, columns]
  float* __restrict__ sums;     // [columns]
  long long x_stride;
  int heads;
  int columns;
  float weight;
  int reserved;
};

constexpr int kBatch = 8;

extern "C" __global__ void __launch_bounds__(kThreads) fc_mean_probabilities(const __grid_constant__ MeanProbabilitiesArgs args) {
  const int column = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (column >= args.columns) return;
  const float* x = args.x + column;
  float sum = 0.0f;
  int head = 0;
  for (; head + kBatch <= args.heads; head += kBatch) {
    float logs[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; i++) logs[i] = x[(head + i) * args.x_stride];
#pragma unroll
    for (int i = 0; i < kBatch; i++) sum += expf(logs[i]);
  }
  for (; head < args.heads; head++) sum += expf(x[head * args.x_stride]);
  args.sums[column] += args.weight * sum / static_cast<float>(args.heads);
}
