// Draws a token from every row of logits [rows, columns]: temperature, then top-k, then top-p, then the token at which the
// running sum of probabilities passes uniform·sum; tokens in the order (probability falling, number rising). Every step is
// one question, "at which token of that order does a running measure reach a target?", the measure being 1 or e^((x − max)/T):
// top-k asks for the k-th, top-p (the smallest set that reaches p, the crossing token included) for p·sum, the draw for
// uniform·sum. Answered by radix descent over order-preserving keys, 11 bits a round, without a sort.
// Probabilities are fixed-point numbers of 2⁻⁴⁴, so that sums by atomics are exact and every run gives the same token; what
// is below 2⁻⁴⁴ of the largest is never drawn. One block per row, columns ≤ 2¹⁹. uniforms [rows] in [0, 1).
// index [rows]: −1 where a logit is NaN or the largest is infinite; −∞ is a masked token. Oracle: SampleTopPOracle.
#include "fc/block.cuh"
#include "fc/rows.cuh"
#include "fc/select.cuh"
#include "config/sample_top_p.cuh"

struct SampleTopPArgs {
  const X* __restrict__ logits;         // [rows, columns]
  const double* __restrict__ uniforms;  // [rows]
  int* __restrict__ index;              // [rows]
  long long logit_stride;
  int rows;
  int columns;
  int top_k;  // ≤ 0 or ≥ columns: no limit
  float top_p;  // ≥ 1: no limit
  float temperature;
};

using Measure = unsigned long long;
constexpr int kDigitBits = 11;
constexpr int kBins = 1 << kDigitBits;
static_assert(kBins == 2 * kThreads, "each thread scans two bins");

struct alignas(16) Storage {
  unsigned low[kBins];   // the measure in each bin, in two words
  unsigned high[kBins];
  fc::BlockScratch<Measure, kThreads> scratch;
  fc::BlockScratch<int, kThreads> int_scratch;
  fc::BlockScratch<float, kThreads> float_scratch;
  Measure above;  // in bins above the one that was found
  int found;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

// The tokens up to and including one of the order: all with a larger key, and those of its key up to its number.
struct Prefix {
  unsigned key;
  int last;
  __device__ __forceinline__ bool has(unsigned other, int token) const { return other > key || (other == key && token <= last); }
};

struct Row {
  const X* logits;
  int columns;
  float largest;
  float temperature;

  __device__ __forceinline__ float at(int token) const { return fc::to_float(logits[token]); }

  template <bool kWeighted>
  __device__ __forceinline__ Measure measure(float logit) const {
    if constexpr (!kWeighted) return 1;
    return static_cast<Measure>(expf((logit - largest) / temperature) * 17592186044416.0f);  // 2⁴⁴
  }
};

// low, high += value, exactly, in any order.
__device__ __forceinline__ void add_to_bin(Storage& shared, unsigned bin, Measure value) {
  const unsigned low = static_cast<unsigned>(value);
  const unsigned before = atomicAdd(&shared.low[bin], low);
  const unsigned high = static_cast<unsigned>(value >> 32) + (before + low < before ? 1u : 0u);
  if (high != 0) atomicAdd(&shared.high[bin], high);
}

// The bin, from the top, in which the running measure reaches the target; takes what lies above it off the target.
__device__ __forceinline__ unsigned find_digit(Storage& shared, Measure& target) {
  const int top = kBins - 1 - 2 * static_cast<int>(threadIdx.x);
  const Measure first = static_cast<Measure>(shared.high[top]) << 32 | shared.low[top];
  const Measure second = static_cast<Measure>(shared.high[top - 1]) << 32 | shared.low[top - 1];
  Measure total;
  const Measure above = fc::block_exclusive_sum(first + second, shared.scratch, total);
  if (above < target && target <= above + first) {
    shared.found = top;
    shared.above = above;
  } else if (above + first < target && target <= above + first + second) {
    shared.found = top - 1;
    shared.above = above + first;
  }
  __syncthreads();
  target -= shared.above;
  return static_cast<unsigned>(shared.found);
}

// The number of the `count`-th token (from 1) of that key in the prefix, by rising number.
__device__ __forceinline__ int find_tie(const Row& row, const Prefix& prefix, unsigned key, int count, Storage& shared) {
  for (int first = 0;; first += kThreads) {
    const int token = first + static_cast<int>(threadIdx.x);
    const bool is_tie = token < row.columns && fc::order_key(row.at(token)) == key && prefix.has(key, token);
    const int ties = __syncthreads_count(is_tie);
    if (ties < count) {
      count -= ties;
      continue;
    }
    int total;
    const int before = fc::block_exclusive_sum(is_tie ? 1 : 0, shared.int_scratch, total);
    if (is_tie && before == count - 1) shared.found = token;
    __syncthreads();
    return shared.found;
  }
}

// The token of the prefix at which the running measure reaches the target, 1 ≤ target ≤ the measure of the whole prefix;
// `reached` becomes the measure up to and including it.
template <bool kWeighted>
__device__ __forceinline__ Prefix find_crossing(const Row& row, const Prefix& prefix, Measure target, Measure& reached, Storage& shared) {
  const Measure wanted = target;
  unsigned leading = 0;
  for (int seen = 0; seen < 32;) {
    const int bits = min(kDigitBits, 32 - seen), shift = 32 - seen - bits;
    for (int bin = static_cast<int>(threadIdx.x); bin < kBins; bin += kThreads) shared.low[bin] = shared.high[bin] = 0;
    __syncthreads();
    for (int token = static_cast<int>(threadIdx.x); token < row.columns; token += kThreads) {
      const float logit = row.at(token);
      const unsigned key = fc::order_key(logit);
      if ((seen > 0 && key >> (32 - seen) != leading) || !prefix.has(key, token)) continue;
      const Measure measure = row.measure<kWeighted>(logit);
      if (measure != 0) add_to_bin(shared, key >> shift & ((1u << bits) - 1u), measure);
    }
    __syncthreads();
    leading = leading << bits | find_digit(shared, target);
    seen += bits;
  }
  const Measure each = row.measure<kWeighted>(fc::key_score(leading));
  const int ties = static_cast<int>((target + each - 1) / each);
  reached = wanted - target + ties * each;
  return {leading, find_tie(row, prefix, leading, ties, shared)};
}

// Σ over the row's tokens of the prefix.
__device__ __forceinline__ Measure sum_of_weights(const Row& row, const Prefix& prefix, Storage& shared) {
  Measure sum = 0;
  for (int token = static_cast<int>(threadIdx.x); token < row.columns; token += kThreads) {
    const float logit = row.at(token);
    if (prefix.has(fc::order_key(logit), token)) sum += row.measure<true>(logit);
  }
  return fc::block_sum(sum, shared.scratch);
}

// ⌈share·sum⌉, from 1 to sum.
__device__ __forceinline__ Measure share_of(double share, Measure sum) {
  const double target = -floor(-share * static_cast<double>(sum));
  const Measure whole = target < 1.0 ? 1 : static_cast<Measure>(target);
  return whole < sum ? whole : sum;
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) fc_sample_top_p(const __grid_constant__ SampleTopPArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int row_number = static_cast<int>(blockIdx.x);
  Row row{fc::element(args.logits, row_number, args.logit_stride, 0), args.columns, -fc::infinity(), args.temperature};
  bool has_nan = false;
  for (int token = static_cast<int>(threadIdx.x); token < row.columns; token += kThreads) {
    const float logit = row.at(token);
    has_nan |= fc::is_nan(logit);
    row.largest = fmaxf(row.largest, logit);
  }
  row.largest = fc::block_max(row.largest, shared.float_scratch);
  if (__syncthreads_or(has_nan) != 0 || !fc::is_finite(row.largest)) {
    if (threadIdx.x == 0) args.index[row_number] = -1;
    return;
  }

  Prefix prefix{0u, row.columns};
  Measure sum;
  if (args.top_k > 0 && args.top_k < row.columns) prefix = find_crossing<false>(row, prefix, static_cast<Measure>(args.top_k), sum, shared);
  sum = sum_of_weights(row, prefix, shared);
  if (args.top_p < 1.0f) prefix = find_crossing<true>(row, prefix, share_of(static_cast<double>(args.top_p), sum), sum, shared);
  // the first token whose running sum is above uniform·sum
  const Measure passed = static_cast<Measure>(args.uniforms[row_number] * static_cast<double>(sum)) + 1;
  Measure reached;
  const Prefix drawn = find_crossing<true>(row, prefix, passed < sum ? passed : sum, reached, shared);
  if (threadIdx.x == 0) args.index[row_number] = drawn.last;
}
