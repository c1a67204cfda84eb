#include "host/machine.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace flowcut::sim::host {

namespace {

thread_local bool this_is_device_thread = false;

// How many operations of one stream may follow each other before another stream is drawn: often few, sometimes many, so that also an order
// shows in which one stream has come far before the other one starts.
constexpr std::size_t kBursts[] = {1, 1, 1, 2, 4, 16, 64, 1024};

}  // namespace

Machine::Machine(std::mutex& driver_mutex, Skip skip, Finish finish)
    : mutex_(driver_mutex), skip_(std::move(skip)), finish_(std::move(finish)) {}

bool Machine::on_device_thread() { return this_is_device_thread; }

OperationPtr Machine::submit(WorkPtr work, Context* context, std::uint64_t lane, const std::vector<OperationPtr>& after) {
  auto operation = std::make_shared<Operation>();
  operation->work = std::move(work);
  operation->context = context;
  operation->lane = lane;
  for (const OperationPtr& earlier : after) {
    if (earlier == nullptr || earlier->done) continue;
    earlier->dependents.push_back(operation);
    ++operation->waiting;
  }
  if (operation->waiting == 0) ready_.push_back(operation);
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { loop(); });
  if (idle_) wake_.notify_one();
  return operation;
}

void Machine::run_until(std::unique_lock<std::mutex>& lock, std::function<bool()> done) {
  if (done()) return;
  Waiter waiter{std::move(done)};
  waiters_.push_back(&waiter);
  wake_.notify_one();
  settled_.wait(lock, [&] { return waiter.satisfied || stopping_; });
  waiters_.remove(&waiter);
}

void Machine::run_one(std::unique_lock<std::mutex>& lock) {
  if (ready_.empty() && !executing_) return;
  ++steps_;
  wake_.notify_one();
  settled_.wait(lock, [&] { return steps_ == 0 || stopping_; });
}

void Machine::reset(std::unique_lock<std::mutex>& lock, std::uint64_t seed) {
  settled_.wait(lock, [&] { return !executing_ || stopping_; });
  ready_.clear();
  steps_ = 0;
  random_ = Random(seed);
  burst_ = 0;
  idle_least_ = std::chrono::microseconds(kIdleLeast);
  idle_most_ = std::chrono::microseconds(kIdleMost);
}

void Machine::set_idle_delay(std::chrono::microseconds least, std::chrono::microseconds most) {
  idle_least_ = least;
  idle_most_ = std::max(least, most);
  wake_.notify_one();
}

void Machine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  settled_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Machine::loop() {
  this_is_device_thread = true;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    settle_waiters();
    if (ready_.empty()) {
      if (std::exchange(steps_, 0) != 0) settled_.notify_all();
      idle_ = true;
      wake_.wait(lock);
      idle_ = false;
    } else if (!waiters_.empty()) {
      execute_next(lock);
    } else if (steps_ != 0) {
      execute_next(lock);
      --steps_;
      settled_.notify_all();
    } else if (idle_most_.count() == 0) {
      wake_.wait(lock);
    } else {
      const auto spread = static_cast<std::size_t>((idle_most_ - idle_least_).count()) + 1;
      const auto delay = idle_least_ + std::chrono::microseconds(static_cast<std::int64_t>(idle_random_.below(spread)));
      const Clock::time_point call = last_call_;
      if (wake_.wait_until(lock, call + delay) == std::cv_status::timeout)
        while (!stopping_ && !ready_.empty() && last_call_ == call) execute_next(lock);
    }
  }
}

void Machine::settle_waiters() {
  bool any = false;
  for (auto at = waiters_.begin(); at != waiters_.end();) {
    if ((*at)->done()) {
      (*at)->satisfied = any = true;
      at = waiters_.erase(at);
    } else {
      ++at;
    }
  }
  if (any) settled_.notify_all();
}

OperationPtr Machine::take_next() {
  std::vector<std::size_t> same;
  if (burst_ > 0) {
    --burst_;
    for (std::size_t i = 0; i < ready_.size(); ++i)
      if (ready_[i]->lane == burst_lane_) same.push_back(i);
  }
  const std::size_t chosen = same.empty() ? random_.below(ready_.size()) : same[random_.below(same.size())];
  if (same.empty()) {
    burst_lane_ = ready_[chosen]->lane;
    burst_ = kBursts[random_.below(std::size(kBursts))] - 1;
  }
  OperationPtr operation = std::move(ready_[chosen]);
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(chosen));
  return operation;
}

void Machine::execute_next(std::unique_lock<std::mutex>& lock) {
  const OperationPtr operation = take_next();
  Outcome outcome;
  if (operation->work->run && !skip_(*operation)) {
    executing_ = true;
    lock.unlock();
    try {
      outcome = operation->work->run();
    } catch (const std::exception& error) {
      outcome = {CUDA_ERROR_LAUNCH_FAILED, error.what()};
    }
    lock.lock();
    executing_ = false;
  }
  finish_(*operation, outcome);
  operation->finished = Clock::now();
  operation->done = true;
  for (OperationPtr& dependent : operation->dependents)
    if (--dependent->waiting == 0) ready_.push_back(std::move(dependent));
  operation->dependents.clear();
  settle_waiters();
  settled_.notify_all();
}

}  // namespace flowcut::sim::host
