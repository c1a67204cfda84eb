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

/// Sine and cosine of an angle in radians within 2 ulp, also far from 0: the angle is reduced to a quarter turn in
/// double precision (π/2 as a sum of 33 bits, whose multiples below 2^20 are exact, and the rest), then Taylor's series.
__device__ __forceinline__ void sine_cosine(float angle, float& sine, float& cosine) {
  const double turns = rint(static_cast<double>(angle) * 0.63661977236758134);
  const float r = static_cast<float>((angle - turns * 1.57079632673412561417) - turns * 6.07710050650619224932e-11), z = r * r;
  const float s = r + r * z * (-1.0f / 6 + z * (1.0f / 120 + z * (-1.0f / 5040 + z * (1.0f / 362880))));
  const float c = 1.0f + z * (-0.5f + z * (1.0f / 24 + z * (-1.0f / 720 + z * (1.0f / 40320 + z * (-1.0f / 3628800)))));
  const int quarter = static_cast<int>(static_cast<long long>(turns) & 3);
  sine = quarter % 2 == 0 ? s : c;
  cosine = quarter % 2 == 0 ? c : s;
  if (quarter >= 2) sine = -sine;
  if (quarter == 1 || quarter == 2) cosine = -cosine;
}

/// product/(first·second), a cosine of two vectors with these norms; 0 where a norm is 0, NaN where one is not a number. In
/// double precision, so that equal vectors get exactly 1.
__device__ __forceinline__ float cosine_of(float product, double first, double second) {
  const double norms = first * second;
  return static_cast<float>(norms > 0.0 ? product / norms : norms);
}

/// ⌈a/b⌉ of a ≥ 0, b > 0.
__device__ constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

}  // namespace fc
