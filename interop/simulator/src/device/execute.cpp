// Launches on a pool of worker threads. The pool is made at the first launch and never destroyed: the process may end while it waits.
#include "device/block_runner.hpp"

#include "device/faults.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <thread>

namespace flowcut::sim {
namespace {

class Workers {
 public:
  static Workers& instance() {
    static Workers* const workers = new Workers;
    return *workers;
  }

  void run(Launch& launch) {
    const std::lock_guard one_at_a_time(launches_);
    const auto wanted = static_cast<unsigned>(std::min<unsigned long long>(launch.blocks(), limit_));
    std::unique_lock lock(mutex_);
    while (threads_ < wanted) {
      std::thread worker([this, number = threads_] { work(number); });
      handles_.push_back(worker.native_handle());
      worker.detach();
      threads_++;
    }
    launch_ = &launch;
    wanted_ = wanted;
    active_ = wanted;
    generation_++;
    start_.notify_all();
    wait_for_end(lock, launch);
    launch_ = nullptr;
  }

 private:
  // A launch that finishes no block for a long time is taken for endless, and ended.
  void wait_for_end(std::unique_lock<std::mutex>& lock, const Launch& launch) {
    unsigned long long finished = 0;
    std::chrono::seconds idle{0};
    constexpr std::chrono::seconds kStep{1};
    while (!done_.wait_for(lock, kStep, [this] { return active_ == 0; })) {
      idle = launch.finished() == finished ? idle + kStep : std::chrono::seconds{0};
      finished = launch.finished();
      if (idle < patience_) continue;
      for (unsigned i = 0; i < wanted_; i++) interrupt_block(handles_[i]);
    }
  }

  Workers()
      : limit_(positive_setting("FLOWCUT_SIM_WORKERS", std::max(1u, std::thread::hardware_concurrency()))),
        patience_(positive_setting("FLOWCUT_SIM_TIMEOUT", 300)) {}

  static unsigned positive_setting(const char* name, unsigned standard) {
    const char* const set = std::getenv(name);
    const int value = set != nullptr ? std::atoi(set) : 0;
    return value > 0 ? static_cast<unsigned>(value) : standard;
  }

  void work(unsigned number) {
    BlockRunner runner;
    unsigned long long seen = 0;
    for (;;) {
      Launch* launch = nullptr;
      {
        std::unique_lock lock(mutex_);
        start_.wait(lock, [&] { return generation_ != seen && (active_ != 0 || number >= wanted_); });
        seen = generation_;
        if (number >= wanted_) continue;
        launch = launch_;
      }
      try {
        runner.run(*launch);
      } catch (const std::bad_alloc&) {
        launch->fail("kernel " + launch->kernel().name + ": no memory for the threads' stacks or the shared memory");
      }
      const std::lock_guard lock(mutex_);
      if (--active_ == 0) done_.notify_all();
    }
  }

  std::mutex launches_, mutex_;
  std::condition_variable start_, done_;
  Launch* launch_ = nullptr;
  std::vector<pthread_t> handles_;
  const unsigned limit_;
  const std::chrono::seconds patience_;
  unsigned threads_ = 0, wanted_ = 0, active_ = 0;
  unsigned long long generation_ = 0;
};

std::string refuse(const KernelEntry& kernel, const LaunchConfig& config) {
  const unsigned long long threads = static_cast<unsigned long long>(config.block.x) * config.block.y * config.block.z;
  const std::string name = "kernel " + kernel.name + ": ";
  if (threads == 0 || threads > kMaxThreads) return name + std::to_string(threads) + " threads in a block; 1 to 1024 are possible";
  if (kernel.max_threads > 0 && threads > static_cast<unsigned long long>(kernel.max_threads))
    return name + std::to_string(threads) + " threads in a block, but __launch_bounds__ allows " + std::to_string(kernel.max_threads);
  if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0) return name + "the grid is empty";
  return {};
}

}  // namespace

LaunchReport execute(const KernelEntry& kernel, const LaunchConfig& config, const void* args) {
  if (std::string reason = refuse(kernel, config); !reason.empty()) return {false, std::move(reason)};
  Launch launch(kernel, config, args);
  Workers::instance().run(launch);
  return launch.report();
}

}  // namespace flowcut::sim
