// A small seeded generator (SplitMix64): the same sequence everywhere, and a stream of its own for every part that draws.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flowcut::sim::host {

class Random {
 public:
  explicit Random(std::uint64_t seed = 0) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t value = state_ += 0x9E3779B97F4A7C15ull;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ull;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBull;
    return value ^ (value >> 31);
  }

  // A number below `bound` (> 0). The bias of the remainder does not matter for schedules.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }

 private:
  std::uint64_t state_;
};

}  // namespace flowcut::sim::host
