// Element types of tensors in memory, and 16-byte packs of them. Arithmetic is fp32 everywhere: values are widened when
// they are read and rounded once, to nearest even, when they are written.
#pragma once
#include "fc/ptx.cuh"

namespace fc {

struct Half {
  unsigned short bits;
};

struct BFloat16 {
  unsigned short bits;
};

__device__ __forceinline__ float to_float(Half value) { return half_value(value.bits); }
__device__ __forceinline__ float to_float(BFloat16 value) { return bfloat16_value(value.bits); }
__device__ __forceinline__ float to_float(float value) { return value; }

/// Rounds to the element type: from_float<Elem>(x).
template <class Elem>
__device__ __forceinline__ Elem from_float(float value);
template <>
__device__ __forceinline__ Half from_float<Half>(float value) { return Half{half_bits(value)}; }
template <>
__device__ __forceinline__ BFloat16 from_float<BFloat16>(float value) { return BFloat16{bfloat16_bits(value)}; }
template <>
__device__ __forceinline__ float from_float<float>(float value) { return value; }

/// Two values in one register, the first in the low half: the operands of tensor cores.
template <class Elem>
__device__ __forceinline__ unsigned pack2(float low, float high);
template <>
__device__ __forceinline__ unsigned pack2<Half>(float low, float high) { return pack_half2(low, high); }
template <>
__device__ __forceinline__ unsigned pack2<BFloat16>(float low, float high) { return pack_bfloat16x2(low, high); }

/// Whether two types are the same: for `if constexpr` on the element type.
template <class A, class B>
constexpr bool kIsSame = false;
template <class A>
constexpr bool kIsSame<A, A> = true;

/// Elements in 16 bytes, the widest access.
template <class Elem>
constexpr int kPackSize = 16 / static_cast<int>(sizeof(Elem));

/// kCount neighbouring elements that move in one access, aligned to their total size.
template <class Elem, int kCount = kPackSize<Elem>>
struct alignas(sizeof(Elem) * kCount) Pack {
  Elem at[kCount];
};

/// Reads kCount neighbouring elements, widened. The address is aligned to their total size.
template <int kCount, class Elem>
__device__ __forceinline__ void load_floats(float (&values)[kCount], const Elem* source) {
  const auto pack = *reinterpret_cast<const Pack<Elem, kCount>*>(source);
#pragma unroll
  for (int i = 0; i < kCount; i++) values[i] = to_float(pack.at[i]);
}

/// Writes kCount neighbouring elements, rounded. The address is aligned to their total size.
template <int kCount, class Elem>
__device__ __forceinline__ void store_floats(Elem* destination, const float (&values)[kCount]) {
  Pack<Elem, kCount> pack;
#pragma unroll
  for (int i = 0; i < kCount; i++) pack.at[i] = from_float<Elem>(values[i]);
  *reinterpret_cast<Pack<Elem, kCount>*>(destination) = pack;
}

}  // namespace fc
