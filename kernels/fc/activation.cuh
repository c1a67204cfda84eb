// Activation functions by name, so that a kernel's config chooses one at compile time.
#pragma once
#include "fc/math.cuh"

namespace fc {

enum class Activation { kNone, kQuickGelu, kGelu, kGeluTanh, kSilu };

template <Activation kActivation>
__device__ __forceinline__ float activate(float x) {
  if constexpr (kActivation == Activation::kQuickGelu) return quick_gelu(x);
  if constexpr (kActivation == Activation::kGelu) return gelu(x);
  if constexpr (kActivation == Activation::kGeluTanh) return gelu_tanh(x);
  if constexpr (kActivation == Activation::kSilu) return silu(x);
  return x;
}

}  // namespace fc
