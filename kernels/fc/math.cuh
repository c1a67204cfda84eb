// Scalar functions in fp32: activations by their definitions, tests for special values, small integer helpers.
#pragma once

namespace fc {

__device__ __forceinline__ float infinity() { return __uint_as_float(0x7f800000u); }
__device__ __forceinline__ float not_a_number() { return __uint_as_float(0x7fffffffu); }
__device__ __forceinline__ bool is_nan(float x) { return x != x; }
__device__ __forceinline__ bool is_finite(float x) { return fabsf(x) < infinity(); }

/// 1/(1 + e^-x): 0 and 1 at the infinities.
__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/// x·sigmoid(1.702·x), CLIP's activation.
__device__ __forceinline__ float quick_gelu(float x) { return x * sigmoid(1.702f * x); }

/// x·Φ(x) = x/2·(1 + erf(x/√2)), the exact form.
__device__ __forceinline__ float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

/// The form with tanh that SigLIP was trained with: x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
__device__ __forceinline__ float gelu_tanh(float x) {
  return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

/// x·sigmoid(x), also called swish.
__device__ __forceinline__ float silu(float x) { return x * sigmoid(x); }

/// ⌈a/b⌉ of a ≥ 0, b > 0.
__device__ constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

}  // namespace fc
