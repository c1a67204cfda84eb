// The simulated devices' engine: runs queued operations one at a time on a thread of its own, in a random order that their dependencies
// allow, and not before somebody waits for a result (or the host has been silent for a while).
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "host/random.hpp"
#include "host/work.hpp"

namespace flowcut::sim::host {

class Machine {
 public:
  // `finish` is called with the driver's lock held when an operation has run; it returns nothing and must not wait.
  using Finish = std::function<void(Operation&, const Outcome&)>;
  // Whether the operation is to be skipped because its context is lost. With the lock held.
  using Skip = std::function<bool(const Operation&)>;

  Machine(std::mutex& driver_mutex, Skip skip, Finish finish);

  // All of these are called with the driver's lock held.
  OperationPtr submit(WorkPtr work, Context* context, std::uint64_t lane, const std::vector<OperationPtr>& after);

  // Runs operations in random order until `done` holds. The lock is released meanwhile: look up again what may have gone.
  void run_until(std::unique_lock<std::mutex>& lock, std::function<bool()> done);

  // What a query does: at most one operation is run.
  void run_one(std::unique_lock<std::mutex>& lock);

  // The host has called: idle time starts anew.
  void called() { last_call_ = Clock::now(); }

  // Forgets everything that is queued, once the running operation has ended.
  void reset(std::unique_lock<std::mutex>& lock, std::uint64_t seed);

  void set_idle_delay(std::chrono::microseconds least, std::chrono::microseconds most);

  // Ends the thread. Nothing runs after that.
  void stop();

  // Whether this thread is the one that runs operations: host functions must not call the driver.
  static bool on_device_thread();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kIdleLeast = 300, kIdleMost = 2000;  // microseconds
  struct Waiter {
    std::function<bool()> done;
    bool satisfied = false;
  };

  void loop();
  void execute_next(std::unique_lock<std::mutex>& lock);
  OperationPtr take_next();
  void settle_waiters();

  std::mutex& mutex_;
  Skip skip_;
  Finish finish_;
  std::condition_variable wake_, settled_;
  std::thread thread_;
  std::vector<OperationPtr> ready_;
  std::list<Waiter*> waiters_;
  unsigned steps_ = 0;  // that queries have asked for
  bool executing_ = false, stopping_ = false;
  bool idle_ = false;  // the thread waits without a time, as there is nothing to run
  Random random_;
  Random idle_random_;  // of its own: how long the host was silent must not change the order that a seed gives
  std::uint64_t burst_lane_ = 0;
  std::size_t burst_ = 0;
  Clock::time_point last_call_ = Clock::now();
  std::chrono::microseconds idle_least_{kIdleLeast}, idle_most_{kIdleMost};
};

}  // namespace flowcut::sim::host
