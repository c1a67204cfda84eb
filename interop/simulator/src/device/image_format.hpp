// The bytes of a kernel image, as nvrtcGetCUBIN returns them.
#pragma once

#include "device/sha256.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace flowcut::sim {

struct ImageHeader {
  char magic[16];  // kImageMagic
  std::uint64_t payload_bytes;
  Digest checksum;  // of the payload, which follows
};
inline constexpr char kImageMagic[16] = "FLOWCUT-SIM 001";

std::string make_image(std::string_view shared_object);
// Whether the bytes are a whole and undamaged image. size 0: as long as the header says.
bool check_image(const unsigned char* bytes, std::size_t size, std::string& error);
ImageHeader read_image_header(const unsigned char* bytes);

}  // namespace flowcut::sim
