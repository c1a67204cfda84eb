// What greedy choices share that a chain of launches makes, one row each: every warp judges a row, the best goes to a word of
// global memory by one atomic maximum a block, and the next launch reads it. A maximum does not depend on the order in which
// it is formed, so every run picks the same row.
#pragma once
#include "fc/select.cuh"
#include "fc/warp.cuh"

namespace fc {

using Offer = unsigned long long;

/// No row: what the words hold before the first launch.
constexpr Offer kNoOffer = 0;

/// A row and what it is worth; the better one is the larger word, equally good ones the lower row.
__device__ __forceinline__ Offer make_offer(float value, int row) {
  return static_cast<Offer>(order_key(value)) << 32 | static_cast<unsigned>(~row);
}

/// −1 for no row.
__device__ __forceinline__ int offered_row(Offer offer) { return offer == kNoOffer ? -1 : static_cast<int>(~static_cast<unsigned>(offer)); }
__device__ __forceinline__ float offered_value(Offer offer) { return key_score(static_cast<unsigned>(offer >> 32)); }

/// Adds the offers of a block's warps (the same in all lanes) to a pick. All threads; scratch: one word a warp.
template <int kWarps>
__device__ __forceinline__ void give_offers(Offer offer, Offer (&scratch)[kWarps], Offer* pick) {
  if (lane_id() == 0) scratch[warp_id()] = offer;
  __syncthreads();
  if (threadIdx.x != 0) return;
#pragma unroll
  for (int warp = 0; warp < kWarps; warp++) offer = max(offer, scratch[warp]);
  if (offer != kNoOffer) atomicMax(pick, offer);
}

}  // namespace fc
