// 16-bit floating point formats on the host, written so that loops over them vectorise. Conversions to 16 bits round to nearest even.
#pragma once

#include <bit>
#include <cstdint>

namespace flowcut::sim::host {

[[gnu::always_inline]] inline float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

[[gnu::always_inline]] inline float half_to_float(std::uint16_t bits) {
  // The exponent's bias is corrected by a multiplication, which also normalises subnormal numbers; infinity and NaN keep all exponent bits.
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7FFF) << 13;
  const std::uint32_t scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  const std::uint32_t special = (bits & 0x7C00) == 0x7C00 ? 0x7F800000u : 0u;
  return std::bit_cast<float>(scaled | special | static_cast<std::uint32_t>(bits & 0x8000) << 16);
}

inline std::uint16_t float_to_bfloat16(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return 0x7FFF;  // NaN, as the device's conversion has it
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

inline std::uint16_t float_to_half(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value), magnitude = bits & 0x7FFFFFFF;
  const std::uint16_t sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  if (magnitude > 0x7F800000) return 0x7FFF;
  if (magnitude >= 0x477FF000) return sign | 0x7C00;  // rounds to more than 65504
  if (magnitude < 0x38800000) {
    // Subnormal: adding 0.5 leaves multiples of 2^-24 in the low bits, rounded by the addition.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000));
  }
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000 + 0xFFF + ((magnitude >> 13) & 1)) >> 13));
}

}  // namespace flowcut::sim::host
