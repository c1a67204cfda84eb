#include "host/guarded_memory.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define FLOWCUT_SIM_FORBID(begin, bytes) ASAN_POISON_MEMORY_REGION(reinterpret_cast<void*>(begin), bytes)
#define FLOWCUT_SIM_ALLOW(begin, bytes) ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<void*>(begin), bytes)
#else
#define FLOWCUT_SIM_FORBID(begin, bytes) static_cast<void>(0)
#define FLOWCUT_SIM_ALLOW(begin, bytes) static_cast<void>(0)
#endif

namespace flowcut::sim::host {

namespace {

// Each pattern is a NaN read as double, float, half or bfloat16, and a large number read as an integer of 16 or 32 bits.
constexpr std::uint16_t kGuard = 0x7FF9, kUnwritten = 0x7FF3, kFreed = 0x7FF5;

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kLargeBytes = 64 << 10;
constexpr std::size_t kQuarantineBlocks = 1024, kQuarantineBytes = std::size_t{64} << 20;
constexpr std::size_t kPatternBytes = std::size_t{256} << 20;  // of a larger allocation only this much, at both ends, gets a pattern

std::size_t guard_bytes(std::size_t size) { return size < kLargeBytes ? 256 : 1024; }

std::size_t up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

unsigned char* at(std::uintptr_t address) { return reinterpret_cast<unsigned char*>(address); }

// The pattern's byte at an address: the low byte of the word at even addresses.
unsigned char pattern_byte(std::uint16_t word, std::uintptr_t address) {
  return static_cast<unsigned char>((address & 1) == 0 ? word : word >> 8);
}

void fill(std::uintptr_t begin, std::size_t bytes, std::uint16_t word) {
  std::uintptr_t end = begin + bytes;
  if (begin < end && (begin & 1) != 0) *at(begin) = pattern_byte(word, begin), ++begin;
  if (begin < end && (end & 1) != 0) --end, *at(end) = pattern_byte(word, end);
  std::fill(reinterpret_cast<std::uint16_t*>(begin), reinterpret_cast<std::uint16_t*>(end), word);
}

// Offset of the first byte that is not the pattern's, or `bytes`.
std::size_t mismatch(std::uintptr_t begin, std::size_t bytes, std::uint16_t word) {
  static_assert(sizeof(std::uint64_t) == 8);
  const std::uint64_t wide = word * 0x0001000100010001ull;
  std::size_t i = 0;
  while (i < bytes) {
    if (((begin + i) & 7) == 0 && bytes - i >= 8) {
      std::uint64_t found;
      std::memcpy(&found, at(begin + i), 8);
      if (found == wide) {
        i += 8;
        continue;
      }
    }
    if (*at(begin + i) != pattern_byte(word, begin + i)) return i;
    ++i;
  }
  return bytes;
}

// Whether guard bytes are as they were written, quickly.
bool intact(std::uintptr_t begin, std::size_t bytes) {
  static const auto expected = [] {
    std::array<std::uint16_t, 1024> words{};
    words.fill(kGuard);
    return words;
  }();
  const auto* pattern = reinterpret_cast<const unsigned char*>(expected.data()) + (begin & 1);
  while (bytes > 0) {
    const std::size_t part = std::min(bytes, sizeof expected - 2);
    if (std::memcmp(at(begin), pattern, part) != 0) return false;
    begin += part;  // an even number, so that the pattern goes on
    bytes -= part;
  }
  return true;
}

void fill_ends(const Allocation& allocation, std::uint16_t word) {
  if (allocation.size <= 2 * kPatternBytes) return fill(allocation.address, allocation.size, word);
  fill(allocation.address, kPatternBytes, word);
  fill(allocation.address + allocation.size - kPatternBytes, kPatternBytes, word);
}

}  // namespace

std::string Allocation::describe() const {
  return "allocation " + std::to_string(number) + " (" + entry + ", " + std::to_string(size) + " bytes)";
}

std::shared_ptr<Allocation> GuardedMemory::allocate(std::size_t bytes, MemoryKind kind, int device, const char* entry) {
  const std::size_t guard = guard_bytes(bytes);
  const std::size_t span = AddressSpace::round(guard + up(bytes, kAlignment) + guard);
  const std::uintptr_t begin = addresses_.take(span);
  if (begin == 0) return nullptr;
  auto allocation = std::make_shared<Allocation>();
  allocation->address = begin + guard;
  allocation->size = bytes;
  allocation->kind = kind;
  allocation->device = device;
  allocation->entry = entry;
  allocation->number = ++count_;
  allocation->span_begin = begin;
  allocation->span_bytes = span;
  allocations_.emplace(allocation->address, allocation);
  return allocation;
}

std::shared_ptr<Allocation> GuardedMemory::adopt(void* begin, std::size_t bytes, const char* entry) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const auto next = allocations_.lower_bound(address);
  if (next != allocations_.end() && next->second->address < address + bytes) return nullptr;
  if (next != allocations_.begin()) {
    const Allocation& previous = *std::prev(next)->second;
    if (previous.address + previous.size > address) return nullptr;
  }
  auto allocation = std::make_shared<Allocation>();
  allocation->address = address;
  allocation->size = bytes;
  allocation->kind = MemoryKind::Registered;
  allocation->life = Life::Live;
  allocation->entry = entry;
  allocation->number = ++count_;
  allocations_.emplace(address, allocation);
  changed_ = true;
  return allocation;
}

void GuardedMemory::begin_life(Allocation& allocation) {
  if (AddressSpace::is_large(allocation.span_bytes)) AddressSpace::open(allocation.span_begin, allocation.span_bytes);
  FLOWCUT_SIM_ALLOW(allocation.span_begin, allocation.span_bytes);
  const std::uintptr_t end = allocation.address + allocation.size;
  fill(allocation.span_begin, allocation.address - allocation.span_begin, kGuard);
  fill(end, allocation.span_begin + allocation.span_bytes - end, kGuard);
  fill_ends(allocation, kUnwritten);
  FLOWCUT_SIM_FORBID(allocation.span_begin, allocation.address - allocation.span_begin);
  FLOWCUT_SIM_FORBID(end, allocation.span_begin + allocation.span_bytes - end);
  allocation.life = Life::Live;
  changed_ = true;
}

std::string GuardedMemory::end_life(Allocation& allocation) {
  changed_ = true;
  const std::shared_ptr<Allocation> self = allocations_.at(allocation.address);
  const bool was_live = allocation.life == Life::Live;
  allocation.life = Life::Freed;
  if (allocation.span_bytes == 0) {
    allocations_.erase(allocation.address);
    return {};
  }
  std::string broken = was_live ? check_guards(allocation) : std::string();
  if (AddressSpace::is_large(allocation.span_bytes)) {
    AddressSpace::close(allocation.span_begin, allocation.span_bytes);
  } else {
    FLOWCUT_SIM_ALLOW(allocation.address, allocation.size);
    fill(allocation.address, allocation.size, kFreed);
    FLOWCUT_SIM_FORBID(allocation.span_begin, allocation.span_bytes);
  }
  quarantine_.push_back(self);
  quarantine_bytes_ += allocation.span_bytes;
  while (quarantine_.size() > 1 && (quarantine_.size() > kQuarantineBlocks || quarantine_bytes_ > kQuarantineBytes)) {
    const std::shared_ptr<Allocation> oldest = std::move(quarantine_.front());
    quarantine_.pop_front();
    evict(*oldest);
  }
  return broken;
}

void GuardedMemory::evict(const Allocation& allocation) {
  if (std::string found = stale_write(allocation); !found.empty()) stale_.push_back(std::move(found));
  quarantine_bytes_ -= allocation.span_bytes;
  addresses_.give(allocation.span_begin, allocation.span_bytes);
  allocations_.erase(allocation.address);
}

std::shared_ptr<Allocation> GuardedMemory::containing(std::uintptr_t address) const {
  auto next = allocations_.upper_bound(address);
  if (next == allocations_.begin()) return nullptr;
  const std::shared_ptr<Allocation>& candidate = std::prev(next)->second;
  return address - candidate->address < candidate->size ? candidate : nullptr;
}

std::shared_ptr<Allocation> GuardedMemory::range(std::uintptr_t address, std::size_t bytes) const {
  std::shared_ptr<Allocation> found = containing(address);
  if (found == nullptr || found->life == Life::Freed || found->size - (address - found->address) < bytes) return nullptr;
  return found;
}

std::string GuardedMemory::check_guards(const Allocation& allocation) {
  if (allocation.span_bytes == 0) return {};
#if defined(__SANITIZE_ADDRESS__)
  return {};  // the sanitizer has stopped the write itself
#endif
  const std::size_t before = allocation.address - allocation.span_begin;
  const std::uintptr_t end = allocation.address + allocation.size;
  const std::size_t behind = allocation.span_begin + allocation.span_bytes - end;
  if (intact(allocation.span_begin, before) && intact(end, behind)) return {};
  std::string found;
  // Backwards from the allocation, so that the byte nearest to it is named.
  if (mismatch(allocation.span_begin, before, kGuard) != before) {
    std::size_t distance = 1;
    while (*at(allocation.address - distance) == pattern_byte(kGuard, allocation.address - distance)) ++distance;
    found = "write " + std::to_string(distance) + " bytes before the start of " + allocation.describe();
    fill(allocation.span_begin, before, kGuard);
  }
  if (const std::size_t offset = mismatch(end, behind, kGuard); offset != behind) {
    if (!found.empty()) found += "; ";
    found += "write " + std::to_string(offset) + " bytes behind the end of " + allocation.describe();
    fill(end, behind, kGuard);
  }
  return found;
}

std::string GuardedMemory::describe(std::uintptr_t address) const {
  const auto place = [](std::uintptr_t at, const Allocation& allocation) {
    const std::uintptr_t end = allocation.address + allocation.size;
    const std::string state = allocation.life == Life::Freed      ? ", which was freed"
                              : allocation.life == Life::Reserved ? ", whose stream has not reached it yet"
                                                                  : "";
    if (at >= end) return std::to_string(at - end) + " bytes behind the end of " + allocation.describe() + state;
    if (at < allocation.address)
      return std::to_string(allocation.address - at) + " bytes before the start of " + allocation.describe() + state;
    return "offset " + std::to_string(at - allocation.address) + " of " + allocation.describe() + state;
  };
  constexpr std::uintptr_t kNear = std::uintptr_t{1} << 20;
  const auto next = allocations_.upper_bound(address);
  const Allocation* before = next == allocations_.begin() ? nullptr : std::prev(next)->second.get();
  const Allocation* behind = next == allocations_.end() ? nullptr : next->second.get();
  if (before != nullptr && address - before->address < before->size) return place(address, *before);
  const std::uintptr_t from_before = before == nullptr ? kNear : address - (before->address + before->size);
  const std::uintptr_t to_behind = behind == nullptr ? kNear : behind->address - address;
  if (std::min(from_before, to_behind) >= kNear) return {};
  return from_before <= to_behind ? place(address, *before) : place(address, *behind);
}

std::string GuardedMemory::broken_guard(const std::vector<std::uintptr_t>& pointers) {
  for (const std::uintptr_t pointer : pointers) {
    const auto found = containing(pointer);
    if (found == nullptr || found->life != Life::Live) continue;
    if (std::string broken = check_guards(*found); !broken.empty()) return broken;
  }
  return {};
}

std::string GuardedMemory::broken_guard() {
  for (const auto& [address, allocation] : allocations_) {
    if (allocation->life != Life::Live) continue;
    if (std::string found = check_guards(*allocation); !found.empty()) return found;
  }
  return {};
}

std::string GuardedMemory::stale_write(const Allocation& allocation) {
#if defined(__SANITIZE_ADDRESS__)
  return {};
#endif
  if (AddressSpace::is_large(allocation.span_bytes)) return {};  // closed: the write has faulted
  const std::size_t offset = mismatch(allocation.address, allocation.size, kFreed);
  if (offset == allocation.size) return {};
  fill(allocation.address, allocation.size, kFreed);
  return "write to freed memory at offset " + std::to_string(offset) + " of " + allocation.describe();
}

std::vector<std::string> GuardedMemory::writes_after_free() {
  std::vector<std::string> found = std::move(stale_);
  stale_.clear();
  for (const auto& allocation : quarantine_)
    if (std::string text = stale_write(*allocation); !text.empty()) found.push_back(std::move(text));
  return found;
}

void GuardedMemory::publish(int device) {
  if (!changed_ && published_device_ == device) return;
  ranges_.clear();
  for (const auto& [address, allocation] : allocations_)
    if (allocation->life == Life::Live && (!allocation->is_device() || allocation->device == device))
      ranges_.push_back({address, address + allocation->size});
  changed_ = false;
  published_device_ = device;
}

bool GuardedMemory::is_device_range(const void* pointer, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto next = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                     [](std::uintptr_t value, const Range& range) { return value < range.begin; });
  if (next == ranges_.begin()) return false;
  const Range& range = *std::prev(next);
  return address < range.end && range.end - address >= bytes;
}

}  // namespace flowcut::sim::host
