// What the pruning criteria need of a layer's values, in one reading of V [key rows, heads·size] (key/value heads side by
// side), with g the value that stands for the whole picture: the first row (CLS) of the key row's sequence, or a mean:
//   products[h, j] = g_h·v_jh    density[j] = ‖mean over heads of v_jh‖₁    squared_norms[j] = ‖v_j‖²
// Sequence s is key rows offsets[s] … offsets[s + 1] − 1; rows outside all sequences are not written. fp32 sums.
// A warp owns a row: groups of kGroup lanes take one head each, so that a product is a sum over a group and the mean over
// heads a sum over groups. Four rounds of loads are under way at once.
// Bytes: rows·heads·size elements once (577×1024 fp16: 1.2 MB, 0.4 µs of an H100's L2, latency included about 2 µs); g
// comes from L1. kVector divides size. Overlap: none. NaN and infinity as the formulas. Oracle: ValueStatisticsOracle.
#include "fc/rows.cuh"
#include "fc/warp.cuh"
#include "config/value_statistics.cuh"

struct ValueStatisticsArgs {
  const Elem* __restrict__ values;     // [key rows, heads·size]
  const Global* __restrict__ means;    // [sequences, heads·size], dense: g where kGiven
  const int* __restrict__ offsets;     // [sequences + 1]
  float* __restrict__ products;        // [heads, key rows]
  float* __restrict__ density;         // [key rows]
  float* __restrict__ squared_norms;   // [key rows]
  float* __restrict__ global_squared_norms;  // [sequences] or null: ‖g‖²
  long long value_stride;
  long long product_stride;
  int heads;
  int sequences;
};

constexpr int ceil_power_of_two(int n) { return n <= 1 ? 1 : 2 * ceil_power_of_two((n + 1) / 2); }
constexpr int kPacks = kHeadSize / kVector;
constexpr int kGroup = ceil_power_of_two(kPacks) < fc::kWarpSize ? ceil_power_of_two(kPacks) : fc::kWarpSize;
constexpr int kSteps = (kPacks + kGroup - 1) / kGroup;  // packs of a head that one lane owns
constexpr int kHeadsAtOnce = fc::kWarpSize / kGroup;
constexpr int kRounds = kSteps < 4 ? 4 / kSteps : 1;
static_assert(kHeadSize % kVector == 0, "whole packs");
static_assert(kGiven || fc::kIsSame<Global, Elem>, "g is a row of the values");

// The sequence of a key row at or after offsets[0]: sequences that begin no later, less one. Empty ones are passed over.
__device__ __forceinline__ int find_sequence(const ValueStatisticsArgs& args, int row) {
  int begun = 0;
  for (int first = 1; first < args.sequences; first += fc::kWarpSize) {
    const int sequence = first + fc::lane_id();
    begun += __popc(__ballot_sync(fc::kAllLanes, sequence < args.sequences && args.offsets[sequence] <= row));
  }
  return begun;
}

struct Statistics {
  float sums[kSteps][kVector];  // over the heads of this lane's group
  float squares;
  float global_squares;
};

// kRounds·kHeadsAtOnce heads from `first` on; all loads before the first sum.
__device__ __forceinline__ void add_heads(const ValueStatisticsArgs& args, const Elem* value, const Global* global, int row, int first, Statistics& statistics) {
  const int lane = fc::lane_id() % kGroup, group = fc::lane_id() / kGroup;
  fc::Pack<Elem, kVector> v[kRounds][kSteps];
  fc::Pack<Global, kVector> g[kRounds][kSteps];
#pragma unroll
  for (int round = 0; round < kRounds; round++) {
    const int head = first + round * kHeadsAtOnce + group;
#pragma unroll
    for (int step = 0; step < kSteps; step++) {
      const int column = (step * kGroup + lane) * kVector;
      if (head >= args.heads || column >= kHeadSize) continue;
      v[round][step] = *reinterpret_cast<const fc::Pack<Elem, kVector>*>(value + head * kHeadSize + column);
      g[round][step] = *reinterpret_cast<const fc::Pack<Global, kVector>*>(global + head * kHeadSize + column);
    }
  }

#pragma unroll
  for (int round = 0; round < kRounds; round++) {
    const int head = first + round * kHeadsAtOnce + group;
    float product = 0.0f;
#pragma unroll
    for (int step = 0; step < kSteps; step++) {
      if (head >= args.heads || (step * kGroup + lane) * kVector >= kHeadSize) continue;
#pragma unroll
      for (int i = 0; i < kVector; i++) {
        const float x = fc::to_float(v[round][step].at[i]), y = fc::to_float(g[round][step].at[i]);
        product = fmaf(x, y, product);
        statistics.sums[step][i] += x;
        statistics.squares = fmaf(x, x, statistics.squares);
        statistics.global_squares = fmaf(y, y, statistics.global_squares);
      }
    }
    product = fc::warp_sum<kGroup>(product);
    if (lane == 0 && head < args.heads) args.products[head * args.product_stride + row] = product;
  }
}

// Σ over the head size of |Σ over heads|: each lane's sums joined across groups, then added up within a group.
__device__ __forceinline__ float sum_of_magnitudes(Statistics& statistics) {
  float total = 0.0f;
#pragma unroll
  for (int step = 0; step < kSteps; step++) {
#pragma unroll
    for (int i = 0; i < kVector; i++) {
      float sum = statistics.sums[step][i];
#pragma unroll
      for (int mask = kGroup; mask < fc::kWarpSize; mask *= 2) sum += __shfl_xor_sync(fc::kAllLanes, sum, mask);
      total += fabsf(sum);
    }
  }
  return fc::warp_sum<kGroup>(total);
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) fc_value_statistics(const __grid_constant__ ValueStatisticsArgs args) {
  const int row = args.offsets[0] + static_cast<int>(blockIdx.x) * (kThreads / fc::kWarpSize) + fc::warp_id();
  if (row >= args.offsets[args.sequences]) return;  // a whole warp: the grid covers what the sequences may hold at most
  const int sequence = find_sequence(args, row);
  const int first_row = args.offsets[sequence];
  const Elem* value = fc::element(args.values, row, args.value_stride, 0);
  const Global* global = kGiven ? args.means + static_cast<long long>(sequence) * args.heads * kHeadSize
                                : reinterpret_cast<const Global*>(fc::element(args.values, first_row, args.value_stride, 0));

  Statistics statistics = {};
  for (int first = 0; first < args.heads; first += kRounds * kHeadsAtOnce) add_heads(args, value, global, row, first, statistics);
  const float magnitudes = sum_of_magnitudes(statistics);
  const float squares = fc::warp_sum(statistics.squares), global_squares = fc::warp_sum(statistics.global_squares);
  if (fc::lane_id() != 0) return;
  args.density[row] = magnitudes / static_cast<float>(args.heads);
  args.squared_norms[row] = squares;
  if (args.global_squared_norms != nullptr && row == first_row) args.global_squared_norms[sequence] = global_squares;
}
