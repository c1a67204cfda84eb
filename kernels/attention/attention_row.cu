// log_probabilities[head, j] = log softmax_j(query[s, head]·key[j, kv head]·scale) over all keys of sequence s: one query row
// for each sequence, no values. For encoders without a CLS token, whose query is the mean of the sequence's query rows
// (sequence_mean.cu), which no block of the attention pass owns.
// query [sequences, heads·kHeadSize] fp32, key [key rows, kv heads·kHeadSize], log_probabilities [heads, key rows] at a
// stride; sequence s is key rows key_offsets[s] … [s + 1] − 1, query head h reads kv head h·kv heads/heads. Sums in fp32.
// A block owns one head of one sequence: it writes the scaled scores, then subtracts their log-sum-exp. A warp takes
// kUnroll groups of rows at a time. Sequences without keys write nothing; a NaN score makes the row NaN.
// Oracle: AttentionOracle.
#include "config/attention_row.cuh"
#include "fc/block.cuh"
#include "fc/row.cuh"

namespace {

using Slice = fc::RowSlice<Elem, kHeadSize, kVector>;
constexpr int kThreads = 256;
constexpr int kUnroll = 4;
constexpr int kStep = kThreads / Slice::kLanes;  // rows of a block at a time

struct alignas(16) Storage {
  fc::BlockScratch<float, kThreads> scratch;
};
static_assert(sizeof(Storage) <= kSharedBytes, "");

struct AttentionRowArgs {
  const float* query;
  const Elem* key;
  const int* key_offsets;
  float* log_probabilities;
  long long query_stride;
  long long key_stride;
  long long log_probability_stride;
  int heads;
  int key_value_heads;
  float scale;
  int reserved;
};

/// The largest of scores and the sum of e^(score − maximum), over the rows that one lane has seen.
struct RunningSum {
  float maximum, sum;

  __device__ __forceinline__ void add(float score) {
    const float top = fmaxf(maximum, score), base = top == -fc::infinity() ? 0.0f : top;
    sum = sum * expf(maximum - base) + expf(score - base);
    maximum = top;
  }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) fc_attention_row(const __grid_constant__ AttentionRowArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int head = blockIdx.x, sequence = blockIdx.y;
  const int first = args.key_offsets[sequence], keys = args.key_offsets[sequence + 1] - first;
  if (keys <= 0) return;
  const float* query_row = args.query + sequence * args.query_stride + head * kHeadSize;
  float query[Slice::kWidth];
#pragma unroll
  for (int i = 0; i < Slice::kWidth; i++) query[i] = Slice::column() + i < kHeadSize ? query_row[Slice::column() + i] * args.scale : 0.0f;
  const Elem* key = args.key + first * args.key_stride + head / (args.heads / args.key_value_heads) * kHeadSize;
  float* values = args.log_probabilities + head * args.log_probability_stride + first;

  RunningSum running{-fc::infinity(), 0.0f};
  const int own = fc::warp_id() * Slice::kRows + Slice::row();
  for (int row = 0; row < keys; row += kUnroll * kStep) {
    Slice slices[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; u++) slices[u].load(key + (row + own + u * kStep) * args.key_stride, row + own + u * kStep < keys);
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
      const float score = slices[u].dot(query);
      if (row + own + u * kStep >= keys || Slice::column() != 0) continue;  // one lane speaks for the row
      values[row + own + u * kStep] = score;
      running.add(score);
    }
  }

  const float top = fc::block_max(running.maximum, shared.scratch), base = top == -fc::infinity() ? 0.0f : top;
  const float sum = fc::block_sum(running.sum * expf(running.maximum - base), shared.scratch);
  const float log_sum = top + logf(sum);
  for (int j = threadIdx.x; j < keys; j += kThreads) values[j] -= log_sum;  // written before the barriers of the reductions
}
