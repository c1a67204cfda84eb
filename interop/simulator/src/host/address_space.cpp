#include "host/address_space.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>

namespace flowcut::sim::host {

namespace {

constexpr std::size_t kPage = 4096, kSlab = std::size_t{1} << 20, kSmall = std::size_t{64} << 10, kUnit = 256;
constexpr std::size_t kReserved = std::size_t{1} << 42;

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Large spans have one of eight sizes per power of two, so that one that was freed serves again for similar sizes.
std::size_t size_class(std::size_t bytes) {
  if (!AddressSpace::is_large(bytes)) return up(bytes, kUnit);
  return up(bytes, std::max(kPage, std::bit_floor(bytes) / 8));
}

}  // namespace

AddressSpace::AddressSpace() {
  // Only addresses: no memory is taken before open(), and what is never opened faults.
  void* reserved = mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return;
  madvise(reserved, kReserved, MADV_HUGEPAGE);
  next_ = reinterpret_cast<std::uintptr_t>(reserved);
  end_ = next_ + kReserved;
}

bool AddressSpace::is_large(std::size_t bytes) { return bytes >= kSmall; }

std::size_t AddressSpace::round(std::size_t bytes) { return is_large(bytes) ? up(bytes, kPage) : up(bytes, kUnit); }

void AddressSpace::open(std::uintptr_t begin, std::size_t bytes) {
  mprotect(reinterpret_cast<void*>(begin), up(bytes, kPage), PROT_READ | PROT_WRITE);
}

void AddressSpace::close(std::uintptr_t begin, std::size_t bytes) { mprotect(reinterpret_cast<void*>(begin), up(bytes, kPage), PROT_NONE); }

std::uintptr_t AddressSpace::bump(std::size_t bytes) {
  const std::uintptr_t begin = bytes >= kHugePage / 2 ? up(next_, kHugePage) : next_;
  // One page that is never opened lies between two spans.
  if (next_ == 0 || begin > end_ || end_ - begin < bytes + kPage) return 0;
  next_ = begin + bytes + kPage;
  return begin;
}

std::uintptr_t AddressSpace::take(std::size_t bytes) {
  bytes = size_class(bytes);
  if (const auto same = free_.find(bytes); same != free_.end() && !same->second.empty()) {
    const Span span = same->second.back();
    same->second.pop_back();
    if (span.kept) kept_bytes_ -= bytes;
    return span.begin;
  }
  if (is_large(bytes)) return bump(bytes);
  if (slab_end_ - slab_next_ < bytes) {
    slab_next_ = slab_end_ = bump(kSlab);
    if (slab_next_ == 0) return 0;
    open(slab_next_, kSlab);
    slab_end_ = slab_next_ + kSlab;
  }
  const std::uintptr_t begin = slab_next_;
  slab_next_ += bytes;
  return begin;
}

void AddressSpace::give(std::uintptr_t begin, std::size_t bytes) {
  bytes = size_class(bytes);
  const bool kept = !is_large(bytes) || kept_bytes_ + bytes <= kKeptBytes;
  if (kept)
    kept_bytes_ += bytes;
  else
    madvise(reinterpret_cast<void*>(begin), bytes, MADV_DONTNEED);
  free_[bytes].push_back({begin, kept});
}

}  // namespace flowcut::sim::host
