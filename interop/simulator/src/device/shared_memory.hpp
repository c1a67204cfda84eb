// A block's dynamic shared memory: poisoned before each block, guard bands on both sides, unmapped pages beyond them.
#pragma once

#include <cstddef>
#include <string>

namespace flowcut::sim {

class SharedMemory {
 public:
  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void prepare(std::size_t bytes);       // throws std::bad_alloc
  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::string damage() const;            // empty if both guard bands are intact
  std::string place_of(const void* address) const;  // where an address near the memory lies, empty if it does not

  static constexpr std::size_t kGuardBytes = 1024;

 private:
  void map(std::size_t bytes);
  std::byte* region_ = nullptr;
  std::size_t region_bytes_ = 0;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace flowcut::sim
