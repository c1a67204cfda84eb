// FlowCut's scores of one layer for every sequence (spec/flowcut.md, sections 1 to 3), N = patches of a sequence:
//   a_j, s_j: head means of softmaxes    I_j = (a_j/Σa + s_j/Σs)·d_j    S_j = (1−w)·S_j + w·I_j    h = −Σ p·log p/log N, p = a/Σa
// With has_class the first row of a sequence is CLS: its entries become 0, and its S +∞, so that a selection keeps it.
// The patches' share of a softmax may underflow (1e-20 and less), so head h is kept as e_hj = exp(x_hj − max_h) ≤ 1 and a
// logarithmic weight; weights enter relative to the largest, and the normalised score never sees the small number.
// One block per sequence. A warp takes the row of one head and one criterion for its maximum and sum; a thread takes the
// patches t, t + kThreads, … (kItems at most) for the sums over heads. fp32 in a fixed order; a logarithmic weight is held
// in two floats. Bytes: (heads + value heads)·N·4, read twice, the second time from L1: at 16 heads and N = 577 74 KB,
// 1 µs of one SM; three rounds of barriers. A NaN in a used criterion makes I NaN and h NaN. Oracle: FlowScoreOracle.
#include "fc/block.cuh"
#include "fc/pair.cuh"
#include "fc/ptx.cuh"
#include "config/flow_score.cuh"

struct FlowScoreArgs {
  const float* __restrict__ log_probabilities;  // [heads, key rows]: log of a softmax over CLS and patches
  const float* __restrict__ products;           // [value heads, key rows]
  const float* __restrict__ density;            // [key rows]
  const float* __restrict__ squared_norms;      // [key rows]; read for the cosine
  const float* __restrict__ global_squared_norms;  // [sequences] or null: that of each sequence's first row
  const int* __restrict__ offsets;              // [sequences + 1]
  float* __restrict__ attention;                // [key rows] a, or null
  float* __restrict__ semantic;                 // [key rows] s, or null
  float* __restrict__ scores;                   // [key rows] I, or null
  float* __restrict__ cumulative;               // [key rows] S, read unless first_layer, written
  float* __restrict__ entropy_ratios;           // [sequences] h
  unsigned* mapped;                             // host memory, [sequences, 2]: bits of h, then `number`; or null
  long long log_probability_stride;
  long long product_stride;
  int heads;
  int value_heads;
  int criteria;       // 1 attention, 2 semantic, 4 density
  int semantic_kind;  // 0 softmax over all rows, 1 softmax over the patches, 2 cosine
  int attention_over_patches;
  int has_class;
  int first_layer;
  unsigned number;
  float semantic_scale;  // of the products inside a softmax over the patches
  float ema_weight;      // w
};

constexpr int kWarps = kThreads / fc::kWarpSize;
constexpr int kMaxHeads = 128;
constexpr int kItemsAtOnce = kItems < 4 ? kItems : 4;
constexpr int kHeadsUnrolled = 4 / kItemsAtOnce;  // four loads under way
enum { kUseAttention = 1, kUseSemantic = 2, kUseDensity = 4 };
enum { kSoftmaxOverAll, kSoftmaxOverPatches, kCosine };

// The softmax of one criterion: rows of heads, and what its scale is.
struct Criterion {
  const float* rows;  // the first patch of head 0
  long long stride;
  int heads;
  float scale;
};

struct HeadWeights {
  float largest[kMaxHeads];  // max over the patches of x
  float high[kMaxHeads];     // log of the head's weight, then the weight relative to the largest / heads
  float low[kMaxHeads];
  float log_scale;           // log of what the weights were divided by
};

struct alignas(16) Storage {
  HeadWeights attention;
  HeadWeights semantic;
  fc::BlockScratch<fc::Pair, kThreads> scratch;
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

// exp(scale·(x − largest)); where a whole head is −∞, 0.
__device__ __forceinline__ float below_largest(float x, float largest, float scale) {
  return expf(scale * (x - (largest == -fc::infinity() ? 0.0f : largest)));
}

// (a − b) − difference, exact, where difference is a − b rounded.
__device__ __forceinline__ float difference_error(float a, float b, float difference) {
  const float minus_b = difference - a;
  return (a - (difference - minus_b)) - (b + minus_b);
}

// One warp: the maximum of a head's row and the logarithm of the factor that turns exp(scale·(x − max)) into its share of
// the criterion: log max for logarithms of probabilities, −log Σ for a softmax over the patches; over CLS too if `first`.
__device__ __forceinline__ void weigh_head(const Criterion& criterion, int head, int patches, bool is_logarithm, bool over_first, HeadWeights& weights) {
  const float* row = criterion.rows + head * criterion.stride;
  float largest = -fc::infinity(), sum = 0.0f;
#pragma unroll 4
  for (int j = fc::lane_id(); j < patches; j += fc::kWarpSize) largest = fmaxf(largest, row[j]);
  largest = fc::warp_max(largest);
#pragma unroll 4
  for (int j = fc::lane_id(); j < patches; j += fc::kWarpSize) sum += below_largest(row[j], largest, criterion.scale);
  sum = fc::warp_sum(sum);
  if (fc::lane_id() != 0) return;

  float high = criterion.scale * largest, low = 0.0f;  // of a logarithm; also −∞ where nothing is seen
  if (fc::is_nan(sum)) {
    high = sum;
  } else if (!is_logarithm && largest != -fc::infinity()) {
    const float mass = logf(sum);
    high = -mass;
    if (over_first) {
      // −log(e^mass + e^first); first = x_cls − max may be some hundreds, so what its rounding loses is added back
      const float first = row[-1] - largest;
      const float rest = fc::is_finite(first) ? difference_error(row[-1], largest, first) : 0.0f;
      const float both = logf(1.0f + expf(-fabsf(mass - first)));
      high = first >= mass ? -first : -mass;
      low = first >= mass ? -(rest + both) : -both;
    }
  }
  weights.largest[head] = largest;
  weights.high[head] = high;
  weights.low[head] = low;
}

// One warp: logarithmic weights to weights relative to the largest, divided by the number of heads.
__device__ __forceinline__ void normalise_weights(int heads, HeadWeights& weights) {
  float largest = -fc::infinity();
  for (int head = fc::lane_id(); head < heads; head += fc::kWarpSize) largest = fmaxf(largest, weights.high[head]);
  largest = fc::warp_max(largest);
  const float reference = largest == -fc::infinity() ? 0.0f : largest;
  for (int head = fc::lane_id(); head < heads; head += fc::kWarpSize) {
    weights.high[head] = expf((weights.high[head] - reference) + weights.low[head]) / static_cast<float>(heads);
  }
  if (fc::lane_id() == 0) weights.log_scale = largest;
}

// means[i] = Σ over heads of weight·exp(scale·(x − max)) for this thread's patches.
__device__ __forceinline__ void head_means(const Criterion& criterion, int patches, const HeadWeights& weights, float (&means)[kItems]) {
#pragma unroll
  for (int first = 0; first < kItems; first += kItemsAtOnce) {
#pragma unroll kHeadsUnrolled
    for (int head = 0; head < criterion.heads; head++) {
      const float* row = criterion.rows + head * criterion.stride;
      const float weight = weights.high[head], largest = weights.largest[head];
#pragma unroll
      for (int item = first; item < first + kItemsAtOnce; item++) {
        const int j = item * kThreads + static_cast<int>(threadIdx.x);
        if (j < patches) means[item] = fmaf(weight, below_largest(row[j], largest, criterion.scale), means[item]);
      }
    }
  }
}

// cos(g, v_j) of the values of all heads joined, clamped to [0, 1]; 0 where a norm is 0.
__device__ __forceinline__ void cosines(const Criterion& criterion, const float* squared_norms, float global_squared_norm, int patches, float (&means)[kItems]) {
  const float global_norm = sqrtf(global_squared_norm);
#pragma unroll
  for (int item = 0; item < kItems; item++) {
    const int j = item * kThreads + static_cast<int>(threadIdx.x);
    if (j >= patches) break;
    float product = 0.0f;
    for (int head = 0; head < criterion.heads; head++) product += criterion.rows[head * criterion.stride + j];
    const float norms = global_norm * sqrtf(squared_norms[j]);
    const float cosine = norms == 0.0f ? 0.0f : product / norms;
    means[item] = cosine < 0.0f ? 0.0f : cosine > 1.0f ? 1.0f : cosine;  // NaN stays
  }
}

// I and S of this thread's patches, and a and s where they are asked for; returns whether all of I are numbers.
__device__ __forceinline__ bool write_scores(const FlowScoreArgs& args, int start, int patches, const float (&a)[kItems], const float (&s)[kItems], fc::Pair sums, fc::Pair scales) {
  const bool use_attention = (args.criteria & kUseAttention) != 0 && sums.x != 0.0f;
  const bool use_semantic = (args.criteria & kUseSemantic) != 0 && sums.y != 0.0f;
  bool numbers = true;
#pragma unroll
  for (int item = 0; item < kItems; item++) {
    const int j = item * kThreads + static_cast<int>(threadIdx.x), row = start + j;
    if (j >= patches) break;
    float score = args.criteria == kUseDensity ? 1.0f : 0.0f;
    if (use_attention) score += a[item] / sums.x;
    if (use_semantic) score += s[item] / sums.y;
    if ((args.criteria & kUseDensity) != 0) score *= args.density[row];
    numbers = numbers && !fc::is_nan(score);
    if (args.attention != nullptr) args.attention[row] = a[item] * scales.x;
    if (args.semantic != nullptr) args.semantic[row] = s[item] * scales.y;
    if (args.scores != nullptr) args.scores[row] = score;
    args.cumulative[row] = args.first_layer != 0 ? score : fmaf(args.ema_weight, score, (1.0f - args.ema_weight) * args.cumulative[row]);
  }
  return numbers;
}

__device__ __forceinline__ void write_class_row(const FlowScoreArgs& args, int row) {
  if (args.attention != nullptr) args.attention[row] = 0.0f;
  if (args.semantic != nullptr) args.semantic[row] = 0.0f;
  if (args.scores != nullptr) args.scores[row] = 0.0f;
  args.cumulative[row] = fc::infinity();
}

__device__ __forceinline__ void publish(const FlowScoreArgs& args, int sequence, float entropy_ratio) {
  args.entropy_ratios[sequence] = entropy_ratio;
  if (args.mapped == nullptr) return;
  args.mapped[2 * sequence] = __float_as_uint(entropy_ratio);
  fc::store_system_release(args.mapped + 2 * sequence + 1, args.number);
}

extern "C" __global__ void __launch_bounds__(kThreads) fc_flow_score(const __grid_constant__ FlowScoreArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int sequence = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int first_row = args.offsets[sequence], start = first_row + args.has_class;
  const int patches = args.offsets[sequence + 1] - start;
  if (thread == 0 && args.has_class != 0 && patches >= 0) write_class_row(args, first_row);
  if (patches <= 0) {
    if (thread == 0) publish(args, sequence, 0.0f);
    return;
  }

  const bool is_cosine = args.semantic_kind == kCosine, over_all = args.semantic_kind == kSoftmaxOverAll;
  const Criterion attention{args.log_probabilities + start, args.log_probability_stride, args.heads, 1.0f};
  const Criterion semantic{args.products + start, args.product_stride, args.value_heads, over_all ? 1.0f : args.semantic_scale};
  for (int row = fc::warp_id(); row < args.heads + (is_cosine ? 0 : args.value_heads); row += kWarps) {
    if (row < args.heads) {
      weigh_head(attention, row, patches, args.attention_over_patches == 0, false, shared.attention);
    } else {
      weigh_head(semantic, row - args.heads, patches, false, over_all, shared.semantic);
    }
  }
  __syncthreads();
  if (fc::warp_id() == 0) normalise_weights(args.heads, shared.attention);
  if (fc::warp_id() == 1 && !is_cosine) normalise_weights(args.value_heads, shared.semantic);
  __syncthreads();

  float a[kItems] = {}, s[kItems] = {};
  head_means(attention, patches, shared.attention, a);
  if (is_cosine) {
    const float global = args.global_squared_norms != nullptr ? args.global_squared_norms[sequence] : args.squared_norms[first_row];
    cosines(semantic, args.squared_norms + start, global, patches, s);
  } else {
    head_means(semantic, patches, shared.semantic, s);
  }
  fc::Pair sums{0.0f, 0.0f};
#pragma unroll
  for (int item = 0; item < kItems; item++) sums = sums + fc::Pair{a[item], s[item]};
  sums = fc::block_sum(sums, shared.scratch);

  const fc::Pair scales{expf(shared.attention.log_scale), is_cosine ? 1.0f : expf(shared.semantic.log_scale)};
  const bool numbers = write_scores(args, start, patches, a, s, sums, scales);
  fc::Pair entropy{0.0f, numbers ? 0.0f : 1.0f};  // Σ p·log p, threads that met a NaN
#pragma unroll
  for (int item = 0; item < kItems; item++) {
    const float p = a[item] / sums.x;
    if (a[item] != 0.0f && p != 0.0f) entropy.x -= p * logf(p);
  }
  entropy = fc::block_sum(entropy, shared.scratch);
  if (thread != 0) return;
  const float ratio = patches == 1 || sums.x == 0.0f ? 0.0f : entropy.x / logf(static_cast<float>(patches));
  publish(args, sequence, entropy.y != 0.0f ? fc::not_a_number() : ratio);
}
