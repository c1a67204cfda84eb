#include "device/image_format.hpp"

#include <cstring>

namespace flowcut::sim {

std::string make_image(std::string_view shared_object) {
  ImageHeader header = {};
  std::memcpy(header.magic, kImageMagic, sizeof header.magic);
  header.payload_bytes = shared_object.size();
  header.checksum = sha256(shared_object);
  std::string image(reinterpret_cast<const char*>(&header), sizeof header);
  return image.append(shared_object);
}

ImageHeader read_image_header(const unsigned char* bytes) {
  ImageHeader header;
  std::memcpy(&header, bytes, sizeof header);
  return header;
}

bool check_image(const unsigned char* bytes, std::size_t size, std::string& error) {
  if (bytes == nullptr || (size != 0 && size < sizeof(ImageHeader)) || std::memcmp(bytes, kImageMagic, sizeof kImageMagic) != 0) {
    error = "not an image of the simulator";
    return false;
  }
  const ImageHeader header = read_image_header(bytes);
  if (size != 0 && size - sizeof header < header.payload_bytes) {
    error = "the image is cut off";
    return false;
  }
  if (sha256({reinterpret_cast<const char*>(bytes) + sizeof header, header.payload_bytes}) == header.checksum) return true;
  error = "the image is damaged: its checksum is wrong";
  return false;
}

}  // namespace flowcut::sim
