// Memory of the simulated devices and pinned host memory, with what shows its misuse: guard bands before and behind every allocation, a
// pattern in memory that was not written yet or was freed, and a quarantine that keeps freed memory from being used again soon. Large
// blocks are closed while they are not live, so that any use of them is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/address_space.hpp"
#include "kernel_image.hpp"

namespace flowcut::sim::host {

struct MemoryPool;
struct Context;

enum class MemoryKind { Device, Pool, Pinned, Registered };

// Stream-ordered memory has an address before its allocation is reached by the stream: Reserved until then.
enum class Life { Reserved, Live, Freed };

struct Allocation {
  std::uintptr_t address = 0;
  std::size_t size = 0;
  MemoryKind kind = MemoryKind::Device;
  Life life = Life::Reserved;
  bool free_requested = false;
  int device = 0;
  unsigned flags = 0;
  std::uint64_t number = 0;  // in the order of allocation, from 1
  const char* entry = "";    // that made it
  Context* context = nullptr;
  std::shared_ptr<MemoryPool> pool;  // of stream-ordered memory
  std::uintptr_t span_begin = 0;
  std::size_t span_bytes = 0;  // with the guard bands; 0: memory of the caller, without any

  bool is_device() const { return kind == MemoryKind::Device || kind == MemoryKind::Pool; }
  std::string describe() const;  // "allocation 3 (cuMemAlloc_v2, 1024 bytes)"
};

class GuardedMemory final : public MemoryCheck {
 public:
  // Null if the address space is used up. The allocation is Reserved.
  std::shared_ptr<Allocation> allocate(std::size_t bytes, MemoryKind kind, int device, const char* entry);

  // Makes host memory of the caller known (cuMemHostRegister). Null if some of it is known already.
  std::shared_ptr<Allocation> adopt(void* begin, std::size_t bytes, const char* entry);

  void begin_life(Allocation& allocation);

  // Returns what was wrong with the guard bands, or nothing.
  std::string end_life(Allocation& allocation);

  // The allocation whose bytes include `address`, in whatever state; freed ones are remembered for a while. Null if there is none.
  std::shared_ptr<Allocation> containing(std::uintptr_t address) const;

  // The allocation that contains all of the range and is not freed; null if there is none.
  std::shared_ptr<Allocation> range(std::uintptr_t address, std::size_t bytes) const;

  // Where an address lies: "offset 4 of allocation 3 (cuMemAlloc_v2, 1024 bytes), which was freed". Empty if nothing is near.
  std::string describe(std::uintptr_t address) const;

  // The first broken guard band of a live allocation, which is then repaired, or nothing.
  std::string broken_guard();
  // The same for the allocations that these addresses lie in.
  std::string broken_guard(const std::vector<std::uintptr_t>& pointers);

  // Writes into freed memory that is still in quarantine: one line each.
  std::vector<std::string> writes_after_free();

  // Makes the live memory that kernels of `device` may use visible to is_device_range(), until the next call. Before every kernel.
  void publish(int device);
  bool is_device_range(const void* pointer, std::size_t bytes) override;

  const std::map<std::uintptr_t, std::shared_ptr<Allocation>>& all() const { return allocations_; }

 private:
  struct Range {
    std::uintptr_t begin, end;
  };

  void evict(const Allocation& allocation);
  std::string check_guards(const Allocation& allocation);
  std::string stale_write(const Allocation& allocation);

  AddressSpace addresses_;
  std::map<std::uintptr_t, std::shared_ptr<Allocation>> allocations_;  // by address
  std::deque<std::shared_ptr<Allocation>> quarantine_;
  std::vector<std::string> stale_;  // found when a block left the quarantine
  std::size_t quarantine_bytes_ = 0;
  std::uint64_t count_ = 0;
  bool changed_ = true;
  int published_device_ = -1;
  std::vector<Range> ranges_;
};

}  // namespace flowcut::sim::host
