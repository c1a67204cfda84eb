// The largest of up to kThreads·kItems scores held by one block, by radix selection: exact, deterministic, ties to the
// lowest index. Keys lie in shared memory, where they cost no registers at 16384 scores; element `item·kThreads + thread`
// belongs to that thread alone, so that loads are coalesced and element order is (item, warp, lane) order.
#pragma once
#include "fc/block.cuh"

namespace fc {

/// A key that orders as the scores do: larger scores have larger keys, −0 equals +0, NaN is 0, below −∞.
__device__ __forceinline__ unsigned order_key(float score) {
  if (is_nan(score)) return 0u;
  const unsigned bits = __float_as_uint(score + 0.0f);  // −0 + 0 is +0
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/// The score of a key: what order_key was given, but +0 for −0 and one NaN for all.
__device__ __forceinline__ float key_score(unsigned key) {
  if (key == 0u) return not_a_number();
  return __uint_as_float((key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key);
}

/// Which elements belong to the largest: those whose leading bits are above `leading`, and the first `ties` that equal it.
struct Threshold {
  unsigned leading;
  int shift;  // bits that were not looked at, 0 … 32
  int ties;

  __device__ __forceinline__ unsigned leading_bits(unsigned key) const { return shift < 32 ? key >> shift : 0u; }
  __device__ __forceinline__ bool above(unsigned key) const { return leading_bits(key) > leading; }
  __device__ __forceinline__ bool equal(unsigned key) const { return leading_bits(key) == leading; }
};

template <int kThreads, int kItems>
struct SelectScratch {
  static constexpr int kSlots = kItems * (kThreads / kWarpSize);
  unsigned keys[kThreads * kItems];
  int histogram[2][256];
  int slots[kSlots];  // counts of each (item, warp), then their running sums; above in the low, equal in the high half
  unsigned smallest[kThreads / kWarpSize];
  unsigned largest[kThreads / kWarpSize];
  int digit;
  int rest;
  int in_bin;
};

// The bin, from the top, in which the count of elements reaches `rest`; the first warp, for digits of 8 bits.
__device__ __forceinline__ void find_bin(const int* histogram, int rest, int& digit, int& left, int& in_bin) {
  constexpr int kBins = 256 / kWarpSize;
  const int top = 255 - lane_id() * kBins;
  int counts[kBins], total = 0;
#pragma unroll
  for (int i = 0; i < kBins; i++) total += counts[i] = histogram[top - i];
  int above = warp_inclusive_sum(total) - total;
  if (above < rest && rest <= above + total) {
#pragma unroll
    for (int i = 0; i < kBins; i++) {
      if (above < rest && rest <= above + counts[i]) {
        digit = top - i;
        left = rest - above;
        in_bin = counts[i];
      }
      above += counts[i];
    }
  }
}

/// Calls visit(element) for each of this thread's elements below `length`.
template <int kThreads, int kItems, class Visit>
__device__ __forceinline__ void for_own_elements(int length, Visit visit) {
#pragma unroll 4
  for (int item = 0; item < kItems; item++) {
    const int element = item * kThreads + static_cast<int>(threadIdx.x);
    if (element < length) visit(element);
  }
}

/// The threshold of the `count` largest of scratch.keys[0 … length − 1], each written by its own thread; 1 ≤ count ≤ length. The bits that all keys
/// share are skipped: scores of one layer lie within a few octaves, so that digits spread over the bins at once.
template <int kThreads, int kItems>
__device__ __forceinline__ Threshold find_threshold(int length, int count, SelectScratch<kThreads, kItems>& scratch) {
  const int thread = static_cast<int>(threadIdx.x);
  unsigned smallest = ~0u, largest = 0u;
  for_own_elements<kThreads, kItems>(length, [&](int element) {
    smallest = min(smallest, scratch.keys[element]);
    largest = max(largest, scratch.keys[element]);
  });
  smallest = __reduce_min_sync(kAllLanes, smallest);
  largest = __reduce_max_sync(kAllLanes, largest);
  if (lane_id() == 0) {
    scratch.smallest[warp_id()] = smallest;
    scratch.largest[warp_id()] = largest;
  }
  for (int bin = thread; bin < 256; bin += kThreads) scratch.histogram[0][bin] = 0;
  __syncthreads();
#pragma unroll
  for (int warp = 0; warp < kThreads / kWarpSize; warp++) {
    smallest = min(smallest, scratch.smallest[warp]);
    largest = max(largest, scratch.largest[warp]);
  }

  Threshold found{0u, smallest == largest ? 0 : 32 - __clz(static_cast<int>(smallest ^ largest)), count};
  found.leading = found.leading_bits(largest);
  for (int round = 0; found.shift > 0; round ^= 1) {
    const int bits = min(8, found.shift), shift = found.shift - bits;
    for (int bin = thread; bin < 256; bin += kThreads) scratch.histogram[round ^ 1][bin] = 0;
    for_own_elements<kThreads, kItems>(length, [&](int element) {
      const unsigned key = scratch.keys[element];
      if (found.equal(key)) atomicAdd(&scratch.histogram[round][(key >> shift) & ((1u << bits) - 1u)], 1);
    });
    __syncthreads();
    if (warp_id() == 0) find_bin(scratch.histogram[round], found.ties, scratch.digit, scratch.rest, scratch.in_bin);
    __syncthreads();
    found.leading = (found.leading << bits) | static_cast<unsigned>(scratch.digit);
    found.shift = shift;
    found.ties = scratch.rest;
    if (scratch.rest == scratch.in_bin) break;  // the whole bin belongs to the largest
  }
  return found;
}

// Running counts of the elements above (low half) and equal to the threshold (high half) before each (item, warp); the first warp.
template <int kSlots>
__device__ __forceinline__ void scan_slots(int (&slots)[kSlots]) {
  int before = 0;
  for (int first = 0; first < kSlots; first += kWarpSize) {
    const int slot = first + lane_id();
    const int counts = slot < kSlots ? slots[slot] : 0;
    const int inclusive = warp_inclusive_sum(counts);
    if (slot < kSlots) slots[slot] = before + inclusive - counts;
    before += __shfl_sync(kAllLanes, inclusive, kWarpSize - 1);
  }
}

/// Calls emit(element, rank) for every element of this thread that the threshold keeps, ranks counted in element order from 0.
template <int kThreads, int kItems, class Emit>
__device__ __forceinline__ void emit_kept(int length, const Threshold& threshold, SelectScratch<kThreads, kItems>& scratch, Emit emit) {
  constexpr int kWarps = kThreads / kWarpSize;
  const int thread = static_cast<int>(threadIdx.x);
#pragma unroll 4
  for (int item = 0; item < kItems; item++) {
    const int element = item * kThreads + thread;
    const unsigned above = __ballot_sync(kAllLanes, element < length && threshold.above(scratch.keys[element]));
    const unsigned equal = __ballot_sync(kAllLanes, element < length && threshold.equal(scratch.keys[element]));
    if (lane_id() == 0) scratch.slots[item * kWarps + warp_id()] = __popc(above) | __popc(equal) << 16;
  }
  __syncthreads();
  if (warp_id() == 0) scan_slots(scratch.slots);
  __syncthreads();

  const unsigned below = (1u << lane_id()) - 1u;
#pragma unroll 4
  for (int item = 0; item < kItems; item++) {
    const int element = item * kThreads + thread, before = scratch.slots[item * kWarps + warp_id()];
    const bool is_above = element < length && threshold.above(scratch.keys[element]);
    const bool is_equal = element < length && threshold.equal(scratch.keys[element]);
    const int above_before = (before & 0xffff) + __popc(__ballot_sync(kAllLanes, is_above) & below);
    const int equal_before = static_cast<int>(static_cast<unsigned>(before) >> 16) + __popc(__ballot_sync(kAllLanes, is_equal) & below);
    if (is_above || (is_equal && equal_before < threshold.ties)) emit(element, above_before + min(equal_before, threshold.ties));
  }
}

}  // namespace fc
