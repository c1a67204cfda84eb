// Rotary position embedding, rotate-half convention: entries i and i + kHeadSize/2 of a head turn by the angle
// positions[axis of i][row]·inverse_frequencies[i] (a product in fp32, as the models were trained with). The query turns in
// place, the key on its way into its cache, the value is copied beside it.
// query [rows, heads·kHeadSize], key, value [rows, kv heads·kHeadSize], caches [cache rows, kv heads·kHeadSize], at strides;
// row r goes to cache row cache_rows[r], or r without that table; a negative one is not written.
// positions [axes, position_stride], inverse_frequencies [kHeadSize/2] fp32. Pairs below first_axis_end use axis 0, those
// below second_axis_end axis 1, the others axis 2: one axis for text, two for Qwen's vision encoder (kHeadSize/4 pairs
// each, whose frequencies the caller repeats), three for M-RoPE.
// A block computes the angles of one row once and turns every gridDim.y-th part of its heads. Arithmetic in fp32, sine and
// cosine to 2 ulp. A cache may be the key's or value's own memory if no table moves the rows. Oracle: RotaryOracle.
#include "config/rotary_append.cuh"
#include "fc/math.cuh"
#include "fc/types.cuh"

namespace {

constexpr int kThreads = 128;
constexpr int kHalf = kHeadSize / 2;
constexpr int kWidth = kVector ? fc::kPackSize<Elem> : 1;  // neighbouring pairs of one thread
constexpr int kHeadThreads = kHalf / kWidth;               // threads for one head
static_assert(kHeadSize % 2 == 0 && kHalf % kWidth == 0, "");

struct alignas(16) Storage {
  float sines[kHalf];
  float cosines[kHalf];
};
static_assert(sizeof(Storage) <= kSharedBytes, "");

struct RotaryAppendArgs {
  Elem* query;
  const Elem* key;
  const Elem* value;
  Elem* key_cache;
  Elem* value_cache;
  const int* positions;
  const int* cache_rows;
  const float* inverse_frequencies;
  long long query_stride;
  long long key_stride;
  long long value_stride;
  long long key_cache_stride;
  long long value_cache_stride;
  long long position_stride;
  int heads;
  int key_value_heads;
  int first_axis_end;
  int second_axis_end;
};

/// Turns kWidth pairs of a head, from column i on.
__device__ __forceinline__ void rotate(const Elem* source, Elem* destination, int i, const Storage& shared) {
  float first[kWidth], second[kWidth];
  fc::load_floats(first, source + i);
  fc::load_floats(second, source + kHalf + i);
#pragma unroll
  for (int e = 0; e < kWidth; e++) {
    const float sine = shared.sines[i + e], cosine = shared.cosines[i + e], x = first[e], y = second[e];
    first[e] = x * cosine - y * sine;
    second[e] = y * cosine + x * sine;
  }
  fc::store_floats(destination + i, first);
  fc::store_floats(destination + kHalf + i, second);
}

__device__ __forceinline__ void copy(const Elem* source, Elem* destination, int i) {
  using Pack = fc::Pack<Elem, kWidth>;
  *reinterpret_cast<Pack*>(destination + i) = *reinterpret_cast<const Pack*>(source + i);
  *reinterpret_cast<Pack*>(destination + kHalf + i) = *reinterpret_cast<const Pack*>(source + kHalf + i);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) fc_rotary_append(const __grid_constant__ RotaryAppendArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int row = blockIdx.x;
  for (int i = threadIdx.x; i < kHalf; i += kThreads) {
    const int axis = i < args.first_axis_end ? 0 : i < args.second_axis_end ? 1 : 2;
    const float position = static_cast<float>(args.positions[axis * args.position_stride + row]);
    fc::sine_cosine(position * args.inverse_frequencies[i], shared.sines[i], shared.cosines[i]);
  }
  __syncthreads();

  const int cache_row = args.cache_rows ? args.cache_rows[row] : row;
  const int heads = args.heads + 2 * args.key_value_heads;  // of the query, then the key, then the value
  for (int item = blockIdx.y * kThreads + threadIdx.x; item < heads * kHeadThreads; item += gridDim.y * kThreads) {
    const int head = item / kHeadThreads, i = item % kHeadThreads * kWidth;
    const int key_head = head - args.heads, value_head = key_head - args.key_value_heads;
    if (key_head < 0) {
      Elem* query = args.query + row * args.query_stride + head * kHeadSize;
      rotate(query, query, i, shared);
    } else if (cache_row >= 0 && value_head < 0) {
      rotate(args.key + row * args.key_stride + key_head * kHeadSize, args.key_cache + cache_row * args.key_cache_stride + key_head * kHeadSize, i, shared);
    } else if (cache_row >= 0) {
      copy(args.value + row * args.value_stride + value_head * kHeadSize, args.value_cache + cache_row * args.value_cache_stride + value_head * kHeadSize, i);
    }
  }
}
