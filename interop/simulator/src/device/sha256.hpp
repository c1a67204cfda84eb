// SHA-256 (FIPS 180-4), for cache keys and checksums.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace flowcut::sim {

using Digest = std::array<std::uint8_t, 32>;
Digest sha256(std::string_view bytes);
std::string hexadecimal(const Digest& digest);

}  // namespace flowcut::sim
