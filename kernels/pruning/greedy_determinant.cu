// One step of the greedy choice of rows of x [rows, columns] whose matrix L[i, j] = r_i·cosine(x_i, x_j)·r_j has the largest
// determinant (Chen, Zhang, Zhou 2018, algorithm 1), launched step = 0 … count, one after the other:
//   0:     gain[i] = L[i, i]
//   k > 0: points[k − 1] = p, the row that step k − 1 picked;
//          e = (L[i, p] − Σ factor[i, t]·factor[p, t] over t < k − 1)/√gain[p], factor[i, k − 1] = e, gain[i] −= e²; p leaves.
//          The last step, k = count, only writes the last point, with one block.
// The pick of a step: the row with the largest gain, the lowest on ties, among those whose gain is positive and finite; where
// there is none all further points are −1. It goes from launch to launch in picks [count] (fc/pick.cuh), all 0 before step 0.
// A gain never grows: a row without a positive finite one is not looked at again, and its factor not written.
// norms [rows] from fc_row_norms, relevance r [rows], factor [rows, count]; row stride of x in elements; fp32 sums. A warp owns a
// row. Bytes of a step: x, from L2 where it fits, and k columns of the factor. kVector divides columns. Overlap: none.
// Oracle: GreedyDeterminantOracle.
#include "fc/pick.cuh"
#include "fc/ptx.cuh"
#include "fc/row_product.cuh"
#include "fc/rows.cuh"
#include "config/greedy_determinant.cuh"

struct GreedyDeterminantArgs {
  const Elem* __restrict__ x;           // [rows, columns]
  const double* __restrict__ norms;     // [rows]
  const float* __restrict__ relevance;  // [rows]
  float* gains;                         // [rows]
  float* factor;                        // [rows, count]
  fc::Offer* picks;                     // [count]
  int* __restrict__ points;             // [count]
  long long x_stride;
  int rows;
  int columns;
  int step;
  int count;
};

constexpr int kWarps = kThreads / fc::kWarpSize;

struct alignas(16) Storage {
  fc::Offer offers[kWarps];
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

__device__ __forceinline__ bool is_gain(float gain) { return gain > 0.0f && fc::is_finite(gain); }

// The diagonal: the cosine of a row with itself is 1, but 0 or NaN where its norm is.
__device__ __forceinline__ float first_gain(const GreedyDeterminantArgs& args, int row) {
  const double norm = args.norms[row];
  const float cosine = norm == 0.0 ? 0.0f : norm < static_cast<double>(fc::infinity()) ? 1.0f : fc::not_a_number();
  return args.relevance[row] * cosine * args.relevance[row];
}

// What the pick leaves of the gain of another row; its entry of the factor is written.
__device__ __forceinline__ float reduced_gain(const GreedyDeterminantArgs& args, int row, float gain, int pick, float pick_gain) {
  float* own = args.factor + static_cast<long long>(row) * args.count;
  const float* other = args.factor + static_cast<long long>(pick) * args.count;
  const float product = fc::row_product<kVector>(fc::element(args.x, pick, args.x_stride, 0), fc::element(args.x, row, args.x_stride, 0), args.columns);
  float explained = 0.0f;
  for (int t = fc::lane_id(); t < args.step - 1; t += fc::kWarpSize) explained = fmaf(own[t], other[t], explained);
  explained = fc::warp_sum(explained);
  const float entry = (args.relevance[row] * fc::cosine_of(product, args.norms[row], args.norms[pick]) * args.relevance[pick] - explained) / sqrtf(pick_gain);
  if (fc::lane_id() == 0) own[args.step - 1] = entry;
  return gain - entry * entry;
}

extern "C" __global__ void __launch_bounds__(kThreads) fc_greedy_determinant(const __grid_constant__ GreedyDeterminantArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const fc::Offer latest = args.step == 0 ? fc::kNoOffer : args.picks[args.step - 1];
  const int pick = fc::offered_row(latest);
  if (args.step > 0 && blockIdx.x == 0 && threadIdx.x == 0) args.points[args.step - 1] = pick;
  if (args.step == args.count || (args.step > 0 && pick < 0)) return;  // whole blocks

  const int row = static_cast<int>(blockIdx.x) * kWarps + fc::warp_id();
  float gain = -fc::infinity();
  if (row < args.rows && row != pick) {
    gain = args.step == 0 ? first_gain(args, row) : args.gains[row];
    if (args.step > 0 && is_gain(gain)) gain = reduced_gain(args, row, gain, pick, fc::offered_value(latest));
  }
  __syncwarp(fc::kAllLanes);  // all lanes have read what the first one overwrites
  if (row < args.rows && fc::lane_id() == 0) args.gains[row] = gain;
  fc::give_offers(is_gain(gain) ? fc::make_offer(gain, row) : fc::kNoOffer, shared.offers, args.picks + args.step);
}
