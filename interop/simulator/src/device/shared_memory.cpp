#include "device/shared_memory.hpp"

#include "device/fiber.hpp"

#include <cstdint>
#include <cstring>
#include <new>
#include <sys/mman.h>

#if defined(FLOWCUT_SIM_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace flowcut::sim {
namespace {

// Both patterns are NaN as fp32, fp16 and bf16, and negative as int.
constexpr unsigned char kPoison = 0xff;
constexpr std::uint64_t kGuard = 0xffa5ffa5ffa5ffa5u;

constexpr std::size_t kAlignment = 128;

std::size_t round_up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

void fill_guard(std::byte* from, std::byte* to) {
  for (; from < to; from++) *from = static_cast<std::byte>(kGuard >> (8 * (reinterpret_cast<std::uintptr_t>(from) % 8)));
}

// The first byte of [from, to) that is not the pattern; null if all are.
const std::byte* first_change(const std::byte* from, const std::byte* to) {
  for (; from < to; from++) {
    const bool whole = reinterpret_cast<std::uintptr_t>(from) % 8 == 0 && to - from >= 8;
    if (whole && std::memcmp(from, &kGuard, 8) == 0) from += 7;
    else if (*from != static_cast<std::byte>(kGuard >> (8 * (reinterpret_cast<std::uintptr_t>(from) % 8)))) return from;
  }
  return nullptr;
}

}  // namespace

SharedMemory::~SharedMemory() {
  if (region_ != nullptr) munmap(region_, region_bytes_);
}

void SharedMemory::map(std::size_t bytes) {
  const std::size_t page = FiberPool::guard_bytes();
  const std::size_t middle = round_up(bytes + 2 * kGuardBytes + kAlignment, page);
  if (region_ != nullptr) munmap(region_, region_bytes_);
  region_bytes_ = middle + 2 * page;
  void* const region = mmap(nullptr, region_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  region_ = region == MAP_FAILED ? nullptr : static_cast<std::byte*>(region);
  if (region_ == nullptr) throw std::bad_alloc();
  mprotect(region_, page, PROT_NONE);
  mprotect(region_ + region_bytes_ - page, page, PROT_NONE);
}

void SharedMemory::prepare(std::size_t bytes) {
  const std::size_t page = FiberPool::guard_bytes();
  if (region_ == nullptr || region_bytes_ < bytes + 2 * kGuardBytes + kAlignment + 2 * page) map(bytes);
  // as close to the unmapped page above as the alignment allows
  std::byte* const top = region_ + region_bytes_ - page;
  const auto wanted = reinterpret_cast<std::uintptr_t>(top) - kGuardBytes - bytes;
  data_ = top - kGuardBytes - bytes - wanted % kAlignment;
  size_ = bytes;
#if defined(FLOWCUT_SIM_ASAN)
  ASAN_UNPOISON_MEMORY_REGION(data_ - kGuardBytes, bytes + kAlignment + 2 * kGuardBytes);
#endif
  std::memset(data_, kPoison, bytes);
  fill_guard(data_ - kGuardBytes, data_);
  fill_guard(data_ + bytes, data_ + bytes + kGuardBytes);
#if defined(FLOWCUT_SIM_ASAN)
  ASAN_POISON_MEMORY_REGION(data_ - kGuardBytes, kGuardBytes);
  ASAN_POISON_MEMORY_REGION(data_ + bytes, kGuardBytes);
#endif
}

std::string SharedMemory::damage() const {
#if defined(FLOWCUT_SIM_ASAN)
  return {};  // a write into the bands has been reported already
#endif
  if (const std::byte* at = first_change(data_ + size_, data_ + size_ + kGuardBytes))
    return "wrote beyond the " + std::to_string(size_) + " bytes of dynamic shared memory, at offset " + std::to_string(at - data_);
  if (const std::byte* at = first_change(data_ - kGuardBytes, data_))
    return "wrote before the dynamic shared memory, at offset " + std::to_string(at - data_);
  return {};
}

std::string SharedMemory::place_of(const void* address) const {
  const auto* const at = static_cast<const std::byte*>(address);
  if (region_ == nullptr || at < region_ || at >= region_ + region_bytes_) return {};
  return "offset " + std::to_string(at - data_) + " of " + std::to_string(size_) + " bytes of dynamic shared memory";
}

}  // namespace flowcut::sim
