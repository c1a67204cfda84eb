// Two sums that are reduced together: one round of shuffles and barriers instead of two.
#pragma once
#include "fc/warp.cuh"

namespace fc {

struct Pair {
  float x, y;
};

__device__ __forceinline__ Pair operator+(Pair a, Pair b) { return {a.x + b.x, a.y + b.y}; }

__device__ __forceinline__ Pair shuffle_xor(Pair value, int mask) {
  return {__shfl_xor_sync(kAllLanes, value.x, mask), __shfl_xor_sync(kAllLanes, value.y, mask)};
}

}  // namespace fc
