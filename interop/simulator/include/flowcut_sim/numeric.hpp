// Number formats and single instructions with exactly PTX's results, as functions on bits where the rule is about bits.
// NaN results are the canonical 0x7fffffff; f16 and bf16 conversions give 0x7fff for every NaN.
#pragma once

namespace flowcut_sim {

inline unsigned bits_of(float value) {
  unsigned bits;
  __builtin_memcpy(&bits, &value, 4);
  return bits;
}
inline float float_of(unsigned bits) {
  float value;
  __builtin_memcpy(&value, &bits, 4);
  return value;
}

constexpr unsigned kCanonicalNan = 0x7fffffffu;

inline bool is_nan_bits(unsigned bits) { return (bits & 0x7fffffffu) > 0x7f800000u; }
inline float canonical(float value) { return value == value ? value : float_of(kCanonicalNan); }

// .ftz: subnormal inputs and results become zero of the same sign
inline float flushed(float value) {
  const unsigned bits = bits_of(value);
  return (bits & 0x7f800000u) == 0 ? float_of(bits & 0x80000000u) : value;
}

// cvt.rn.f16.f32: ties to even, subnormals kept, overflow to infinity
inline unsigned short half_from_float(float value) {
  const unsigned bits = bits_of(value);
  const unsigned magnitude = bits & 0x7fffffffu;
  const unsigned sign = (bits >> 16) & 0x8000u;
  if (magnitude > 0x7f800000u) return 0x7fffu;
  if (magnitude >= 0x477ff000u) return static_cast<unsigned short>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    // below 2^-14 the result is a multiple of 2^-24: adding 0.5 lets the float adder round to exactly that grid
    const float shifted = float_of(magnitude) + 0.5f;
    return static_cast<unsigned short>(sign | (bits_of(shifted) - 0x3f000000u));
  }
  const unsigned odd = (magnitude >> 13) & 1u;
  return static_cast<unsigned short>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

// cvt.f32.f16: exact
inline float float_from_half(unsigned short half) {
  const unsigned sign = (half & 0x8000u) << 16;
  const unsigned magnitude = half & 0x7fffu;
  if (magnitude > 0x7c00u) return float_of(kCanonicalNan);
  if (magnitude == 0x7c00u) return float_of(sign | 0x7f800000u);
  if (magnitude < 0x400u) return float_of(sign | bits_of(static_cast<float>(magnitude) * 0x1p-24f));
  return float_of(sign | ((magnitude << 13) + 0x38000000u));
}

// cvt.rn.bf16.f32
inline unsigned short bfloat16_from_float(float value) {
  const unsigned bits = bits_of(value);
  if (is_nan_bits(bits)) return 0x7fffu;
  return static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// cvt.f32.bf16
inline float float_from_bfloat16(unsigned short value) {
  const unsigned bits = static_cast<unsigned>(value) << 16;
  return float_of(is_nan_bits(bits) ? kCanonicalNan : bits);
}

// cvt.rna.tf32.f32: ties away from zero, a NaN loses only its low bits
inline float tf32_from_float(float value) {
  const unsigned bits = bits_of(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) return float_of(bits & ~0x1fffu);
  return float_of((bits + 0x1000u) & ~0x1fffu);
}

// min.f32, max.f32: a NaN loses against a number, -0 is below +0
inline float min_number(float a, float b) {
  if (a < b) return a;
  if (b < a) return b;
  if (a == b) return float_of(bits_of(a) | bits_of(b));
  return a == a ? a : canonical(b);
}
inline float max_number(float a, float b) {
  if (a > b) return a;
  if (b > a) return b;
  if (a == b) return float_of(bits_of(a) & bits_of(b));
  return a == a ? a : canonical(b);
}
// min.NaN.f32, max.NaN.f32
inline float min_or_nan(float a, float b) { return a == a && b == b ? min_number(a, b) : float_of(kCanonicalNan); }
inline float max_or_nan(float a, float b) { return a == a && b == b ? max_number(a, b) : float_of(kCanonicalNan); }

// The approximations are computed better than PTX promises (ex2 2 ulp, rcp 1 ulp, rsqrt 2^-22.9, lg2 2^-22): code must not rely on the
// hardware's exact bits, and cannot here. Special values are exact.
inline float exp2_rounded(float x) { return canonical(__builtin_exp2f(x)); }
inline float log2_rounded(float x) { return canonical(__builtin_log2f(x)); }
inline float reciprocal_rounded(float x) { return canonical(1.0f / x); }
inline float square_root_rounded(float x) { return canonical(__builtin_sqrtf(x)); }
inline float reciprocal_square_root_rounded(float x) {
  return canonical(static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(x))));
}
inline float tanh_rounded(float x) { return canonical(__builtin_tanhf(x)); }

// cvt.rzi, cvt.rni to integers: NaN gives 0, values out of range saturate
inline int int_from_float(float value) {
  if (value != value) return 0;
  if (value >= 2147483648.0f) return 0x7fffffff;
  if (value < -2147483648.0f) return -0x7fffffff - 1;
  return static_cast<int>(value);
}
inline unsigned unsigned_from_float(float value) {
  if (!(value > 0.0f)) return 0;
  return value >= 4294967296.0f ? 0xffffffffu : static_cast<unsigned>(value);
}
inline float rounded_to_integer(float value) { return canonical(__builtin_rintf(value)); }
// cvt.sat.f32.f32
inline float saturated(float value) { return value > 1.0f ? 1.0f : value > 0.0f ? value : 0.0f; }

}  // namespace flowcut_sim
