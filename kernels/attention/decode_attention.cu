// Decoding: output = softmax(query·keyᵀ·scale)·value for one query row of each sequence over its rows of a key/value cache.
// query, output [sequences, heads·kHeadSize], caches [cache rows, kv heads·kHeadSize], at strides; sequence s has lengths[s]
// keys from cache row first_rows[s] on; query head h reads kv head h·kv heads/heads. Sums in fp32.
// Grid (splits, heads/kGroup, sequences). A block takes kGroup query heads of one kv head, so each key and value is read
// once for all of them, and a range of the keys: lengths/splits, so the lengths may live on the device. Groups of lanes
// hold one row each and keep their own running softmax; the block merges them in order and leaves sum, maximum and
// unnormalised output in `statistics` and `partial`. The last block of a group of heads to arrive merges the splits, in
// their order whoever it is, and sets its counter back to 0 for the next launch; counters start as 0.
// A sequence without keys gives 0. A NaN or +infinity among the scores of a head makes it NaN.
// Oracle: AttentionOracle.
#include "config/decode_attention.cuh"
#include "fc/row.cuh"

namespace {

using Slice = fc::RowSlice<Elem, kHeadSize, kVector>;
constexpr int kThreads = 128;
constexpr int kUnroll = kGroup > 4 ? 2 : 4;                            // rows under way for each group of lanes
constexpr int kStates = kThreads / fc::kWarpSize * Slice::kRows;       // running softmaxes of a block
constexpr int kMaxSplits = 128;
constexpr float kLog2e = 1.44269504088896341f;

struct alignas(16) Storage {
  float maxima[kStates][kGroup];
  float sums[kStates][kGroup];
  float outputs[kStates][kGroup][kHeadSize];
  float weights[kGroup][kMaxSplits];  // what each state, later each split, counts in the merged result
  float totals[kGroup];               // sum of the merged probabilities
  float tops[kGroup];                 // maximum of the merged scores
  unsigned arrived;
};
static_assert(sizeof(Storage) <= kSharedBytes && kStates <= kMaxSplits, "");

struct DecodeAttentionArgs {
  const Elem* query;
  const Elem* key_cache;
  const Elem* value_cache;
  Elem* output;
  const int* first_rows;  // [sequences]
  const int* lengths;     // [sequences]
  float* partial;         // [sequences, heads, splits, kHeadSize]
  float* statistics;      // [sequences, heads, splits, 2]: maximum, sum
  unsigned* arrivals;     // [sequences, heads/kGroup]
  long long query_stride;
  long long key_stride;
  long long value_stride;
  long long output_stride;
  int heads;
  int key_value_heads;
  float scale;
  int reserved;
};

/// The softmax of one lane group's rows, with scores in units of log2: every lane of it holds the same maxima and sums, and
/// its own columns of the outputs.
struct RunningSoftmax {
  float maximum[kGroup], sum[kGroup];
  float output[kGroup][Slice::kWidth];

  __device__ __forceinline__ RunningSoftmax() {
#pragma unroll
    for (int g = 0; g < kGroup; g++) {
      maximum[g] = -fc::infinity(), sum[g] = 0.0f;
#pragma unroll
      for (int i = 0; i < Slice::kWidth; i++) output[g][i] = 0.0f;
    }
  }

  /// kUnroll more keys of head g.
  __device__ __forceinline__ void add(int g, const float (&scores)[kUnroll], const Slice (&values)[kUnroll]) {
    float top = maximum[g];
#pragma unroll
    for (int u = 0; u < kUnroll; u++) top = fmaxf(top, scores[u]);
    const float base = top == -fc::infinity() ? 0.0f : top, shrink = exp2f(maximum[g] - base);
    maximum[g] = top;
    sum[g] *= shrink;
#pragma unroll
    for (int i = 0; i < Slice::kWidth; i++) output[g][i] *= shrink;
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
      const float p = exp2f(scores[u] - base);
      sum[g] += p;
      values[u].add_scaled(output[g], p);
    }
  }
};

/// Keys first … end − 1 of the cache rows that start at `key` and `value`.
__device__ __forceinline__ void attend(RunningSoftmax& running, const float (&query)[kGroup][Slice::kWidth], const DecodeAttentionArgs& args,
                                       const Elem* key, const Elem* value, int first, int end) {
  for (int block_row = first; block_row < end; block_row += kStates * kUnroll) {
    const int row = block_row + fc::warp_id() * Slice::kRows + Slice::row();
    Slice keys[kUnroll], values[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; u++) keys[u].load(key + (row + u * kStates) * args.key_stride, row + u * kStates < end);
#pragma unroll
    for (int u = 0; u < kUnroll; u++) values[u].load(value + (row + u * kStates) * args.value_stride, row + u * kStates < end);
#pragma unroll
    for (int g = 0; g < kGroup; g++) {
      float scores[kUnroll];
#pragma unroll
      for (int u = 0; u < kUnroll; u++) {
        const float score = keys[u].dot(query[g]);
        scores[u] = row + u * kStates < end ? score : -fc::infinity();
      }
      running.add(g, scores, values);
    }
  }
}

/// Weights of `count` partial results of head g, of which `statistics` gives maximum and sum; one warp.
template <class Statistics>
__device__ __forceinline__ void weigh(Storage& shared, int g, int count, Statistics statistics) {
  float top = -fc::infinity();
  for (int i = fc::lane_id(); i < count; i += fc::kWarpSize) top = fmaxf(top, statistics(i).x);
  top = fc::warp_max(top);
  const float base = top == -fc::infinity() ? 0.0f : top;
  float total = 0.0f;
  for (int i = fc::lane_id(); i < count; i += fc::kWarpSize) {
    const float2 s = statistics(i);
    shared.weights[g][i] = exp2f(s.x - base);
    total += s.y * shared.weights[g][i];
  }
  total = fc::warp_sum(total);
  if (fc::lane_id() == 0) shared.totals[g] = total, shared.tops[g] = top;
}

/// Merges the block's running softmaxes into its partial result.
__device__ __forceinline__ void merge_states(Storage& shared, const RunningSoftmax& running, float* partial, float* statistics) {
  const int state = fc::warp_id() * Slice::kRows + Slice::row();
#pragma unroll
  for (int g = 0; g < kGroup; g++) {
    if (Slice::column() == 0) shared.maxima[state][g] = running.maximum[g], shared.sums[state][g] = running.sum[g];
#pragma unroll
    for (int i = 0; i < Slice::kWidth; i++)
      if (Slice::column() + i < kHeadSize) shared.outputs[state][g][Slice::column() + i] = running.output[g][i];
  }
  __syncthreads();
  for (int g = fc::warp_id(); g < kGroup; g += kThreads / fc::kWarpSize)
    weigh(shared, g, kStates, [&](int i) { return make_float2(shared.maxima[i][g], shared.sums[i][g]); });
  __syncthreads();
  const int splits = gridDim.x, split = blockIdx.x;
  for (int i = threadIdx.x; i < kGroup * kHeadSize; i += kThreads) {
    const int g = i / kHeadSize, column = i % kHeadSize;
    float sum = 0.0f;
    for (int s = 0; s < kStates; s++) sum += shared.weights[g][s] * shared.outputs[s][g][column];
    partial[(g * splits + split) * kHeadSize + column] = sum;
  }
  for (int g = threadIdx.x; g < kGroup; g += kThreads) {
    statistics[(g * splits + split) * 2] = shared.tops[g];
    statistics[(g * splits + split) * 2 + 1] = shared.totals[g];
  }
}

/// Merges the partial results of all splits; `output` is the first of kGroup heads.
__device__ __forceinline__ void merge_splits(Storage& shared, const float* partial, const float* statistics, Elem* output) {
  const int splits = gridDim.x;
  for (int g = fc::warp_id(); g < kGroup; g += kThreads / fc::kWarpSize)
    weigh(shared, g, splits, [&](int i) { return make_float2(statistics[(g * splits + i) * 2], statistics[(g * splits + i) * 2 + 1]); });
  __syncthreads();
  for (int i = threadIdx.x; i < kGroup * kHeadSize; i += kThreads) {
    const int g = i / kHeadSize, column = i % kHeadSize;
    float sum = 0.0f;
    for (int s = 0; s < splits; s++) sum += shared.weights[g][s] * partial[(g * splits + s) * kHeadSize + column];
    // No key: the sum 0 and the output 0; a NaN stays one.
    const float total = shared.totals[g];
    output[i] = fc::from_float<Elem>(sum * (total > 0.0f ? 1.0f / total : total));
  }
}

}  // namespace

// One block is enough: without saying so the compiler spills for an occupancy of its own choice.
extern "C" __global__ void __launch_bounds__(kThreads, 1) fc_decode_attention(const __grid_constant__ DecodeAttentionArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int splits = gridDim.x, split = blockIdx.x, head = blockIdx.y * kGroup, sequence = blockIdx.z;
  const int column = head / (args.heads / args.key_value_heads) * kHeadSize;
  const int length = max(0, args.lengths[sequence]), range = fc::ceil_div(fc::ceil_div(length, splits), kStates * kUnroll) * kStates * kUnroll;
  const long long first_row = args.first_rows[sequence];
  float query[kGroup][Slice::kWidth];
#pragma unroll
  for (int g = 0; g < kGroup; g++) {
    const Elem* row = args.query + sequence * args.query_stride + (head + g) * kHeadSize;
#pragma unroll
    for (int i = 0; i < Slice::kWidth; i++) query[g][i] = Slice::column() + i < kHeadSize ? fc::to_float(row[Slice::column() + i]) * (args.scale * kLog2e) : 0.0f;
  }
  RunningSoftmax running;
  const Elem* key = args.key_cache + first_row * args.key_stride + column;
  const Elem* value = args.value_cache + first_row * args.value_stride + column;
  attend(running, query, args, key, value, min(length, split * range), min(length, (split + 1) * range));

  const long long first_partial = (static_cast<long long>(sequence) * args.heads + head) * splits;
  float* partial = args.partial + first_partial * kHeadSize;
  float* statistics = args.statistics + first_partial * 2;
  merge_states(shared, running, partial, statistics);

  unsigned* arrivals = args.arrivals + sequence * gridDim.y + blockIdx.y;
  __threadfence();  // this thread's part of the partial result, before the arrival
  __syncthreads();
  if (threadIdx.x == 0) shared.arrived = atomicAdd(arrivals, 1u) + 1;
  __syncthreads();
  if (shared.arrived != gridDim.x) return;
  __threadfence();  // the other blocks' parts
  merge_splits(shared, partial, statistics, args.output + sequence * args.output_stride + head * kHeadSize);
  if (threadIdx.x == 0) *arrivals = 0;
}
