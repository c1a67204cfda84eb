// y = f(x·Wᵀ + bias) + residual for a handful of rows (single-token decode): x [kRows, inputs], W [outputs, inputs] in its
// stored type, bias [outputs] or null, residual and y [kRows, outputs]; sums in fp32. A GEMM would pad the rows to a tile
// and be bound by the same bytes.
// Bytes: W once, past L1; x comes from L1 after the first reading. kSplit warps share kOutputs rows of W and each lane has
// kOutputs·kUnroll packs of 16 bytes under way: 16 resident warps keep 64 KB in flight on an SM, three times what the
// latency of an H100's memory asks for. Partial sums are added in the warps' order, so every run gives the same bits.
// kVector divides inputs. y may be residual (the same view). NaN and infinity as the formula. Oracle: LinearVectorOracle.
#include "fc/activation.cuh"
#include "fc/rows.cuh"
#include "fc/warp.cuh"
#include "config/linear_vector.cuh"

struct LinearVectorArgs {
  const X* __restrict__ x;       // [kRows, inputs]
  const W* __restrict__ weight;  // [outputs, inputs]
  const Bias* __restrict__ bias;  // [outputs] or null
  const Residual* residual;      // [kRows, outputs] or null
  Y* y;                          // [kRows, outputs]
  long long x_stride;
  long long weight_stride;
  long long residual_stride;
  long long y_stride;
  int inputs;
  int outputs;
};

constexpr int kWarps = kThreads / fc::kWarpSize;
constexpr int kGroups = kWarps / kSplit;  // groups of warps, each with its own outputs
constexpr int kStep = kSplit * fc::kWarpSize * kVector;  // inputs that a group covers at once
static_assert(kWarps % kSplit == 0, "whole groups");

struct alignas(16) Storage {
  float partial[kGroups][kSplit][kOutputs][kRows];
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

using WeightPack = fc::Pack<W, kVector>;

// Past L1 where a pack fills a 16-byte access; still in its stored type, so that many packs fit into registers.
__device__ __forceinline__ WeightPack load_weights(const W* source) {
  if constexpr (sizeof(WeightPack) == 16) {
    const uint4 raw = fc::load_streaming(reinterpret_cast<const uint4*>(source));
    return reinterpret_cast<const WeightPack&>(raw);
  } else {
    return *reinterpret_cast<const WeightPack*>(source);
  }
}

// sums += the part of kOutputs·kRows dot products that lies in kSteps steps of inputs from `input` on.
template <int kSteps>
__device__ __forceinline__ void accumulate(float (&sums)[kOutputs][kRows], const LinearVectorArgs& args, const W* const (&rows)[kOutputs], int input) {
  WeightPack weights[kSteps][kOutputs];
#pragma unroll
  for (int step = 0; step < kSteps; step++) {
#pragma unroll
    for (int o = 0; o < kOutputs; o++) weights[step][o] = load_weights(rows[o] + input + step * kStep);
  }
#pragma unroll
  for (int step = 0; step < kSteps; step++) {
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      float x[kVector];
      fc::load_floats(x, args.x + r * args.x_stride + input + step * kStep);
#pragma unroll
      for (int o = 0; o < kOutputs; o++) {
#pragma unroll
        for (int i = 0; i < kVector; i++) sums[o][r] = fmaf(fc::to_float(weights[step][o].at[i]), x[i], sums[o][r]);
      }
    }
  }
}

__device__ __forceinline__ void write_output(const LinearVectorArgs& args, float sum, int row, int output) {
  if (args.bias != nullptr) sum += fc::to_float(args.bias[output]);
  sum = fc::activate<kActivation>(sum);
  if (args.residual != nullptr) sum += fc::to_float(args.residual[row * args.residual_stride + output]);
  args.y[row * args.y_stride + output] = fc::from_float<Y>(sum);
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) fc_linear_vector(const __grid_constant__ LinearVectorArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int group = fc::warp_id() / kSplit, part = fc::warp_id() % kSplit;
  const int first = (static_cast<int>(blockIdx.x) * kGroups + group) * kOutputs;

  const W* rows[kOutputs];  // beyond the last output: that one again, and its result is not written
#pragma unroll
  for (int o = 0; o < kOutputs; o++) rows[o] = args.weight + min(first + o, args.outputs - 1) * args.weight_stride;
  float sums[kOutputs][kRows] = {};
  int input = (part * fc::kWarpSize + fc::lane_id()) * kVector;
  for (; input + (kUnroll - 1) * kStep < args.inputs; input += kUnroll * kStep) accumulate<kUnroll>(sums, args, rows, input);
  for (; input < args.inputs; input += kStep) accumulate<1>(sums, args, rows, input);

#pragma unroll
  for (int o = 0; o < kOutputs; o++) {
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      const float sum = fc::warp_sum(sums[o][r]);
      if (fc::lane_id() == 0) shared.partial[group][part][o][r] = sum;
    }
  }
  if constexpr (kSplit > 1) __syncthreads(); else __syncwarp(fc::kAllLanes);
  const int mine = part * fc::kWarpSize + fc::lane_id();
  if (mine >= kOutputs * kRows || first + mine / kRows >= args.outputs) return;
  float sum = 0.0f;
#pragma unroll
  for (int p = 0; p < kSplit; p++) sum += shared.partial[group][p][mine / kRows][mine % kRows];
  write_output(args, sum, mine % kRows, first + mine / kRows);
}
