#include "device/launch.hpp"

#include <cstring>
#include <numeric>

namespace flowcut::sim {

Launch::Launch(const KernelEntry& kernel, const LaunchConfig& config, const void* args)
    : kernel_(kernel),
      config_(config),
      args_((kernel.args_bytes + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t) + 1),
      blocks_(static_cast<unsigned long long>(config.grid.x) * config.grid.y * config.grid.z) {
  if (kernel.args_bytes != 0) std::memcpy(args_.data(), args, kernel.args_bytes);
  if (config.seed != 0 && blocks_ > 1) {
    // i -> (offset + i * stride) mod blocks visits every block once if the stride has no divisor in common with their number
    Choices choices(config.seed);
    offset_ = choices.next() % blocks_;
    do stride_ = 1 + choices.next() % blocks_;
    while (std::gcd(stride_, blocks_) != 1);
  }
}

bool Launch::take_block(Dim3& block, unsigned long long& number) {
  if (failed()) return false;
  const unsigned long long i = next_.fetch_add(1, std::memory_order_relaxed);
  if (i >= blocks_) return false;
  number = static_cast<unsigned long long>((static_cast<unsigned __int128>(i) * stride_ + offset_) % blocks_);
  const unsigned long long plane = static_cast<unsigned long long>(config_.grid.x) * config_.grid.y;
  block.z = static_cast<unsigned>(number / plane);
  block.y = static_cast<unsigned>(number % plane / config_.grid.x);
  block.x = static_cast<unsigned>(number % config_.grid.x);
  return true;
}

void Launch::fail(std::string message) {
  const std::lock_guard lock(mutex_);
  if (failed_.exchange(true)) return;
  message_ = std::move(message);
}

LaunchReport Launch::report() {
  const std::lock_guard lock(mutex_);
  return {!failed(), message_};
}

}  // namespace flowcut::sim
