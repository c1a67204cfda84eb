// One launch, as the workers share it.
#pragma once

#include "kernel_image.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

namespace flowcut::sim {

class Launch {
 public:
  Launch(const KernelEntry& kernel, const LaunchConfig& config, const void* args);

  const KernelEntry& kernel() const { return kernel_; }
  const LaunchConfig& config() const { return config_; }
  const void* args() const { return args_.data(); }
  unsigned threads() const { return config_.block.x * config_.block.y * config_.block.z; }
  unsigned long long blocks() const { return blocks_; }

  // The next block to run, in the order that the seed determines; false if there is none or the launch has failed.
  bool take_block(Dim3& block, unsigned long long& number);
  void block_done() { finished_.fetch_add(1, std::memory_order_relaxed); }
  unsigned long long finished() const { return finished_.load(std::memory_order_relaxed); }

  void fail(std::string message);  // the first message stays
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  LaunchReport report();

 private:
  const KernelEntry& kernel_;
  LaunchConfig config_;
  std::vector<std::max_align_t> args_;
  unsigned long long blocks_;
  unsigned long long stride_ = 1, offset_ = 0;
  std::atomic<unsigned long long> next_{0}, finished_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::string message_;
};

// A small generator of reproducible choices (splitmix64).
class Choices {
 public:
  explicit Choices(std::uint64_t seed = 0) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  unsigned below(unsigned count) { return static_cast<unsigned>(((next() >> 32) * count) >> 32); }

 private:
  std::uint64_t state_;
};

}  // namespace flowcut::sim
