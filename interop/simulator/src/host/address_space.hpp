// Addresses for device and pinned memory: one large reservation, handed out in spans that are not used again before they have to be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace flowcut::sim::host {

class AddressSpace {
 public:
  AddressSpace();
  AddressSpace(const AddressSpace&) = delete;
  AddressSpace& operator=(const AddressSpace&) = delete;

  // `bytes` is rounded up to what round() returns. 0 if no address is left. The content is undefined, and a large span is closed.
  std::uintptr_t take(std::size_t bytes);

  // Gives back a span of the size that take() was given, closed if it is large, for use at another time.
  void give(std::uintptr_t begin, std::size_t bytes);

  // Bytes of a span with this many in use.
  static std::size_t round(std::size_t bytes);

  // A large span has pages of its own. Any use of it while it is closed is a fault, which the device side reports.
  static bool is_large(std::size_t bytes);
  static void open(std::uintptr_t begin, std::size_t bytes);
  static void close(std::uintptr_t begin, std::size_t bytes);

 private:
  std::uintptr_t bump(std::size_t bytes);

  static constexpr std::size_t kKeptBytes = std::size_t{512} << 20;

  std::uintptr_t next_ = 0, end_ = 0;
  std::uintptr_t slab_next_ = 0, slab_end_ = 0;
  struct Span {
    std::uintptr_t begin;
    bool kept;  // its pages are still the process's: new ones are expensive
  };
  std::map<std::size_t, std::vector<Span>> free_;  // by size class
  std::size_t kept_bytes_ = 0;
};

}  // namespace flowcut::sim::host
