// The arithmetic under cublasLt: conversions to and from 16 bits, and matrix products against sums in double precision.
#include "client.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <random>

#include "host/gemm.hpp"
#include "host/number_formats.hpp"

using namespace client;
using namespace flowcut::sim::host;

namespace {

// The value of a 16-bit pattern by its definition.
double value_of(std::uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1), mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa == 0 ? sign * HUGE_VAL : std::nan("");
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

// Every pattern; the numbers between neighbours, which are rounded to nearest, ties to even.
template <class ToFloat, class FromFloat>
void conversions(const char* name, int exponent_bits, ToFloat to_float, FromFloat from_float) {
  int wrong = 0;
  for (unsigned pattern = 0; pattern <= 0xFFFF; ++pattern) {
    const auto bits = static_cast<std::uint16_t>(pattern);
    const double value = value_of(bits, exponent_bits);
    const float converted = to_float(bits);
    if (std::isnan(value)) {
      wrong += std::isnan(converted) && std::isnan(to_float(from_float(converted))) ? 0 : 1;
      continue;
    }
    wrong += converted == static_cast<float>(value) && std::signbit(converted) == std::signbit(value) ? 0 : 1;
    wrong += from_float(converted) == bits ? 0 : 1;
    const double next = value_of(static_cast<std::uint16_t>(bits + 1), exponent_bits);
    if ((bits & 0x7FFF) == 0x7FFF || !std::isfinite(value) || !std::isfinite(next)) continue;
    const float middle = static_cast<float>((value + next) / 2);
    const auto even = static_cast<std::uint16_t>((bits & 1) == 0 ? bits : bits + 1);
    wrong += from_float(middle) == even ? 0 : 1;
    wrong += from_float(std::nextafter(middle, static_cast<float>(value))) == bits ? 0 : 1;
    wrong += from_float(std::nextafter(middle, static_cast<float>(next))) == bits + 1 ? 0 : 1;
  }
  same(0, wrong, name);
}

struct Case {
  std::int64_t m, n, k;
  ElementType type;
  bool a_transposed, b_transposed;
  int splits;
};

std::vector<char> stored(const std::vector<float>& values, ElementType type, std::vector<float>& exact) {
  std::vector<char> bytes(values.size() * size_of(type));
  exact = values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (type == ElementType::Float32) {
      std::memcpy(bytes.data() + i * 4, &values[i], 4);
      continue;
    }
    const bool half = type == ElementType::Float16;
    const std::uint16_t bits = half ? float_to_half(values[i]) : float_to_bfloat16(values[i]);
    exact[i] = half ? half_to_float(bits) : bfloat16_to_float(bits);
    std::memcpy(bytes.data() + i * 2, &bits, 2);
  }
  return bytes;
}

void product(const Case& c) {
  std::mt19937 random(static_cast<unsigned>(c.m * 31 + c.n * 7 + c.k));
  std::normal_distribution<float> normal;
  std::vector<float> a(static_cast<std::size_t>(c.m * c.k)), b(static_cast<std::size_t>(c.k * c.n)), exact_a, exact_b;
  for (float& value : a) value = normal(random);
  for (float& value : b) value = normal(random);
  const std::vector<char> bytes_a = stored(a, c.type, exact_a), bytes_b = stored(b, c.type, exact_b);
  Product given{c.m, c.n, c.k, {bytes_a.data(), c.type, c.k, 1}, {bytes_b.data(), c.type, c.n, 1}, c.splits};
  if (c.a_transposed) given.a = {bytes_a.data(), c.type, 1, c.m};
  if (c.b_transposed) given.b = {bytes_b.data(), c.type, 1, c.k};
  std::vector<float> result(static_cast<std::size_t>(c.m * c.n), NAN), again = result;
  for (std::vector<float>* target : {&result, &again}) {
    multiply(given, [&](const SumTile& tile) {
      for (std::int64_t i = 0; i < tile.rows; ++i)
        for (std::int64_t j = 0; j < tile.columns; ++j)
          (*target)[static_cast<std::size_t>((tile.row + i) * c.n + tile.column + j)] =
              tile.sums[i * tile.row_stride + j * tile.column_stride];
    });
  }
  double worst = 0;
  for (std::int64_t i = 0; i < c.m; ++i) {
    for (std::int64_t j = 0; j < c.n; ++j) {
      double sum = 0, size = 0;
      for (std::int64_t k = 0; k < c.k; ++k) {
        const double term = static_cast<double>(exact_a[static_cast<std::size_t>(c.a_transposed ? k * c.m + i : i * c.k + k)]) *
                            exact_b[static_cast<std::size_t>(c.b_transposed ? j * c.k + k : k * c.n + j)];
        sum += term;
        size += std::fabs(term);
      }
      const double error = std::fabs(sum - result[static_cast<std::size_t>(i * c.n + j)]);
      worst = std::isfinite(error) ? std::max(worst, error / (1e-30 + size)) : HUGE_VAL;
    }
  }
  const std::string shape = std::to_string(c.m) + "x" + std::to_string(c.n) + "x" + std::to_string(c.k);
  check(worst < 1e-6 || c.k == 0, shape + ": relative error " + std::to_string(worst * 1e6) + "e-6");
  check(result.empty() || std::memcmp(result.data(), again.data(), result.size() * 4) == 0, shape + ": the same twice");
}

}  // namespace

int main() {
  conversions("half", 5, half_to_float, float_to_half);
  conversions("bfloat16", 8, bfloat16_to_float, float_to_bfloat16);
  same(0x7C00, static_cast<int>(float_to_half(65520.f)), "rounds to infinity");
  same(0x7BFF, static_cast<int>(float_to_half(65519.f)), "largest half");
  for (const std::int64_t m : {1, 2, 3, 7, 33, 130})
    for (const std::int64_t n : {1, 5, 64, 577})
      for (const std::int64_t k : {0, 1, 15, 300})
        for (const ElementType type : {ElementType::Float32, ElementType::Float16, ElementType::BFloat16})
          for (int layout = 0; layout < 4; ++layout) product({m, n, k, type, layout % 2 == 1, layout / 2 == 1, 1});
  product({40, 50, 600, ElementType::Float16, false, true, 4});
  product({1, 50, 600, ElementType::Float32, false, true, 2});
  return summary();
}
