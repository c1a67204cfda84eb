// Addresses for device and pinned memory: one large reservation, handed out in spans that are not used again before they have to be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace flowcut::sim {

class AddressSpace {
 public:
  AddressSpace();
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  // `bytes` is rounded up to what round() returns. 0 if no address is left. The content is undefined.
  std::uintptr_t take(std::size_t bytes);

  // Gives a span of the size that take() was given back for use at another time.
  void give(std::uintptr_t begin, std::size_t bytes);

  static std::size_t round(std::size_t bytes);

  bool contains(std::uintptr_t address) const { return address - begin_ < kBytes; }

 private:
  std::uintptr_t bump(std::size_t bytes, std::size_t alignment);

  static constexpr std::size_t kBytes = std::size_t{1} << 42;
  static constexpr std::size_t kKeptBytes = std::size_t{128} << 20;  // memory of free spans that stays with the process

  std::uintptr_t begin_ = 0, next_ = 0, end_ = 0;
  std::uintptr_t slab_next_ = 0, slab_end_ = 0;
  std::size_t kept_bytes_ = 0;
  std::map<std::size_t, std::vector<std::uintptr_t>> free_;
};

}  // namespace flowcut::sim
