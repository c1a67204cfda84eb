// Activation functions by number, so that a kernel's config chooses one at compile time.
#pragma once
#include "fc/math.cuh"

namespace fc {

enum Activation { kNoActivation, kQuickGelu, kGelu, kGeluTanh, kSilu };

template <int kActivation>
__device__ __forceinline__ float activate(float x) {
  if constexpr (kActivation == kQuickGelu) return quick_gelu(x);
  if constexpr (kActivation == kGelu) return gelu(x);
  if constexpr (kActivation == kGeluTanh) return gelu_tanh(x);
  if constexpr (kActivation == kSilu) return silu(x);
  return x;
}

}  // namespace fc
