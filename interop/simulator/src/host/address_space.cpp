#include "host/address_space.hpp"

#include <sys/mman.h>

namespace flowcut::sim {

namespace {

constexpr std::size_t kPage = 4096, kSlab = std::size_t{1} << 20, kSmall = std::size_t{64} << 10, kUnit = 256;

std::size_t up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

AddressSpace::AddressSpace() {
  // Only addresses: pages are provided by the system when they are touched.
  void* reserved = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return;
  begin_ = next_ = reinterpret_cast<std::uintptr_t>(reserved);
  end_ = begin_ + kBytes;
}

std::size_t AddressSpace::round(std::size_t bytes) { return bytes < kSmall ? up(bytes, kUnit) : up(bytes, kPage); }

std::uintptr_t AddressSpace::bump(std::size_t bytes, std::size_t alignment) {
  const std::uintptr_t at = up(next_, alignment);
  if (begin_ == 0 || at > end_ || end_ - at < bytes) return 0;
  next_ = at + bytes;
  return at;
}

std::uintptr_t AddressSpace::take(std::size_t bytes) {
  bytes = round(bytes);
  if (const auto same = free_.find(bytes); same != free_.end() && !same->second.empty()) {
    const std::uintptr_t begin = same->second.back();
    same->second.pop_back();
    return begin;
  }
  if (bytes >= kSmall) return bump(bytes, kPage);
  if (slab_end_ - slab_next_ < bytes) {
    slab_next_ = bump(kSlab, kPage);
    if (slab_next_ == 0) {
      slab_end_ = 0;
      return 0;
    }
    slab_end_ = slab_next_ + kSlab;
  }
  const std::uintptr_t begin = slab_next_;
  slab_next_ += bytes;
  return begin;
}

void AddressSpace::give(std::uintptr_t begin, std::size_t bytes) {
  bytes = round(bytes);
  if (bytes >= kSmall && kept_bytes_ + bytes > kKeptBytes)
    madvise(reinterpret_cast<void*>(begin), bytes, MADV_DONTNEED);
  else
    kept_bytes_ += bytes;
  free_[bytes].push_back(begin);
}

}  // namespace flowcut::sim
