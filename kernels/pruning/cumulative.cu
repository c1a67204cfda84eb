// S = (1 − w)·S + w·I, the running score (spec/flowcut.md, section 2); at the first scored layer S = I. Both [length].
// A thread owns one entry. S and I do not overlap. NaN and infinity as the formula. Oracle: CumulativeOracle.
#include "fc/ptx.cuh"
#include "config/cumulative.cuh"

struct CumulativeArgs {
  const float* __restrict__ scores;  // [length] I
  float* __restrict__ cumulative;    // [length] S
  int length;
  int first_layer;
  float weight;  // w
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_cumulative(const __grid_constant__ CumulativeArgs args) {
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (i >= args.length) return;
  const float score = args.scores[i];
  args.cumulative[i] = args.first_layer != 0 ? score : fmaf(args.weight, score, (1.0f - args.weight) * args.cumulative[i]);
}
