// One step of choosing rows of x [rows, columns] that lie far apart by 1 − cosine, launched step = 0 … count, one after the other:
//   0:     distance[i] = 1 − cosine to the nearest other row (nearest, from fc_nearest_rows)
//   k > 0: points[k − 1] = the row that step k − 1 picked; distance[i] = the least of 1 − cosine to it and, from the second
//          on, distance[i]; that row leaves. The last step, k = count, only writes the last point, with one block.
// The pick of a step: the row with the largest distance, the lowest on ties. It goes from launch to launch in picks [count]
// (fc/pick.cuh), all 0 before step 0. Where a norm is not finite (*damaged) nothing is picked, and every point is −1.
// norms [rows] from fc_row_norms; row stride in elements. A warp owns a row; x comes from L2 in every step where it fits
// (576×4096 fp16: 4.7 MB, 1 µs of an H100's L2 at the least), and nothing but a row number goes from step to step.
// kVector divides columns. Overlap: none. Oracle: FarthestPointsOracle.
#include "fc/pick.cuh"
#include "fc/ptx.cuh"
#include "fc/row_product.cuh"
#include "fc/rows.cuh"
#include "config/farthest_points.cuh"

struct FarthestPointsArgs {
  const Elem* __restrict__ x;             // [rows, columns]
  const double* __restrict__ norms;       // [rows]
  const unsigned* __restrict__ nearest;   // [rows]
  const int* __restrict__ damaged;        // [1]
  float* __restrict__ distances;          // [rows]
  fc::Offer* picks;                       // [count]
  int* __restrict__ points;               // [count]
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

// The distance of a row from what has been picked; −∞ for the latest pick itself.
__device__ __forceinline__ float distance_of(const FarthestPointsArgs& args, int row, int latest) {
  if (args.step == 0) return args.nearest[row] == 0u ? fc::infinity() : 1.0f - fc::key_score(args.nearest[row]);
  if (row == latest) return -fc::infinity();
  const float before = args.step == 1 ? fc::infinity() : args.distances[row];
  if (before == -fc::infinity()) return before;  // picked earlier
  const float product = fc::row_product<kVector>(fc::element(args.x, latest, args.x_stride, 0), fc::element(args.x, row, args.x_stride, 0), args.columns);
  return fminf(before, 1.0f - fc::cosine_of(product, args.norms[row], args.norms[latest]));
}

extern "C" __global__ void __launch_bounds__(kThreads) fc_farthest_points(const __grid_constant__ FarthestPointsArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int latest = args.step == 0 ? -1 : fc::offered_row(args.picks[args.step - 1]);
  if (args.step > 0 && blockIdx.x == 0 && threadIdx.x == 0) args.points[args.step - 1] = latest;
  if (args.step == args.count || (args.step == 0 ? *args.damaged != 0 : latest < 0)) return;  // whole blocks

  const int row = static_cast<int>(blockIdx.x) * kWarps + fc::warp_id();
  fc::Offer offer = fc::kNoOffer;
  if (row < args.rows) {
    const float distance = distance_of(args, row, latest);
    __syncwarp(fc::kAllLanes);  // all lanes have read what the first one overwrites
    if (args.step > 0 && fc::lane_id() == 0) args.distances[row] = distance;
    if (distance != -fc::infinity()) offer = fc::make_offer(distance, row);
  }
  fc::give_offers(offer, shared.offers, args.picks + args.step);
}
