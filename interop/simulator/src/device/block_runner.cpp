#include "device/block_runner.hpp"

#include "device/faults.hpp"

#include <cstring>

namespace flowcut::sim {
namespace {

std::uint32_t bits_above(unsigned bit) { return ~((2u << bit) - 1); }

// One of the bits; not all are equally likely, which does not matter here.
unsigned any_bit(std::uint32_t bits, Choices& choices) {
  const int turn = static_cast<int>(choices.next() & 31);
  return (lowest_bit(std::rotr(bits, turn)) + static_cast<unsigned>(turn)) & 31;
}

void fiber_entry() { static_cast<BlockRunner*>(flowcut_sim::current_thread()->block)->fiber_main(); }

Fiber& fiber_of(Thread& thread) { return *static_cast<Fiber*>(thread.fiber); }

}  // namespace

BlockRunner::BlockRunner() : fibers_(fiber_entry) {}

void BlockRunner::run(Launch& launch) {
  launch_ = &launch;
  threads_ = launch.threads();
  warp_count_ = (threads_ + kWarpSize - 1) / kWarpSize;
  unsigned long long number = 0;
  const FaultScope faults(*this);
  while (launch.take_block(block_, number)) {
    start_block(block_, number);
    run_block();
    end_block();
  }
  launch_ = nullptr;
}

void BlockRunner::start_block(Dim3 block, unsigned long long number) {
  block_ = block;
  shared_.prepare(launch_->config().shared_bytes);
  const std::uint64_t seed = launch_->config().seed;
  random_ = seed != 0;
  choices_ = Choices(seed * 0x9e3779b97f4a7c15u + number);
  constexpr unsigned kSwitchPercent[] = {0, 10, 100};
  warp_switch_percent_ = random_ ? kSwitchPercent[choices_.below(3)] : 0;
  for (unsigned w = 0; w < warp_count_; w++) {
    Warp& warp = warps_[w];
    const unsigned lanes = threads_ - w * kWarpSize;
    warp.exists = lanes >= kWarpSize ? ~0u : (1u << lanes) - 1;
    warp.ready = warp.exists;
    warp.started = warp.exited = warp.waiting = warp.in_barrier = 0;
  }
  ready_warps_ = warp_count_ == kMaxWarps ? ~0u : (1u << warp_count_) - 1;
  for (std::uint32_t used = used_barriers_; used != 0; used &= used - 1) barriers_[lowest_bit(used)] = Barrier{};
  used_barriers_ = 0;
  alive_ = threads_;
  warp_ = 0;
  lane_ = kWarpSize - 1;
}

void BlockRunner::run_block() {
  left_ = false;
  choose(false);
  take_chosen();
  Fiber& first = fibers_.take();
  start_thread(*first.thread);
  on_fiber_ = true;
  main_.switch_to(first.context);
  on_fiber_ = false;
  if (left_) fibers_.reset();
}

void BlockRunner::end_block() {
  if (!left_) launch_->block_done();
  if (launch_->failed()) return;
  const std::string damage = shared_.damage();
  if (damage.empty()) return;
  launch_->fail(block_name() + ": a thread " + damage);
}

// The chosen thread begins on the fiber that `thread` belongs to.
void BlockRunner::start_thread(Thread& thread) {
  Warp& warp = warps_[warp_];
  const LaunchConfig& config = launch_->config();
  const unsigned linear = warp_ * kWarpSize + lane_;
  const Dim3 index = index_of(linear);
  thread.thread_index = {index.x, index.y, index.z};
  thread.block_index = {block_.x, block_.y, block_.z};
  thread.block_dim = {config.block.x, config.block.y, config.block.z};
  thread.grid_dim = {config.grid.x, config.grid.y, config.grid.z};
  thread.linear = linear;
  thread.lane = lane_;
  thread.warp = warp_;
  thread.shared = reinterpret_cast<unsigned char*>(shared_.data());
  thread.shared_bytes = static_cast<unsigned>(shared_.size());
  thread.request = nullptr;
  thread.block = this;
  Fiber& fiber = fiber_of(thread);
  fiber.copies.clear();
  fiber.copy_groups = 0;
  warp.started |= 1u << lane_;
  warp.threads[lane_] = &thread;
}

void BlockRunner::fiber_main() {
  Thread& me = *flowcut_sim::current_thread();
  entered_context(fiber_of(me).context);
  for (;;) {
    launch_->kernel().run(launch_->args());
    finish_thread(me);
  }
}

// Returns when the fiber has another thread to run.
void BlockRunner::finish_thread(Thread& me) {
  Warp& warp = warps_[me.warp];
  const std::uint32_t bit = 1u << me.lane;
  for (std::uint32_t waiting = warp.waiting; waiting != 0; waiting &= waiting - 1) {
    const Request& request = *warp.requests[lowest_bit(waiting)];
    if ((request.mask & bit) == 0) continue;
    violation(me, "returns, but a lane of its warp waits for it in " + describe(request), request.file, request.line);
  }
  warp.exited |= bit;
  alive_--;
  Fiber& fiber = fiber_of(me);
  if (alive_ == 0) {
    fibers_.give_back(fiber);
    fiber.context.switch_to(main_);
    return;
  }
  if (!choose(false)) deadlock();
  const bool is_new = (warps_[warp_].started >> lane_ & 1) == 0;
  take_chosen();
  if (is_new) {
    start_thread(me);
    return;
  }
  fibers_.give_back(fiber);
  fiber.context.switch_to(fiber_of(*warps_[warp_].threads[lane_]).context);
}

void BlockRunner::make_ready(unsigned warp, std::uint32_t lanes) {
  if (lanes == 0) return;
  warps_[warp].ready |= lanes;
  ready_warps_ |= 1u << warp;
}

void BlockRunner::take_chosen() {
  Warp& warp = warps_[warp_];
  warp.ready &= ~(1u << lane_);
  if (warp.ready == 0) ready_warps_ &= ~(1u << warp_);
}

// Which thread runs next: in order, the next lane of the warp, and the next warp when the warp cannot go on.
// `rotate`: the running thread only lets others go first. False if nobody can run.
bool BlockRunner::choose(bool rotate) {
  if (ready_warps_ == 0) return false;
  if (random_) {
    if (rotate || warps_[warp_].ready == 0 || choices_.below(100) < warp_switch_percent_) warp_ = any_bit(ready_warps_, choices_);
    lane_ = any_bit(warps_[warp_].ready, choices_);
    return true;
  }
  const std::uint32_t ready = warps_[warp_].ready;
  if (const std::uint32_t above = ready & bits_above(lane_); above != 0) {
    lane_ = lowest_bit(above);
  } else if (ready != 0 && !rotate) {
    lane_ = lowest_bit(ready);
  } else {
    const std::uint32_t warps_above = ready_warps_ & bits_above(warp_);
    warp_ = lowest_bit(warps_above != 0 ? warps_above : ready_warps_);
    lane_ = lowest_bit(warps_[warp_].ready);
  }
  return true;
}

// The thread waits (or, if it is ready itself, lets others run) and returns when it is its turn again.
void BlockRunner::block_here(Thread& me, bool rotate) {
  if (!choose(rotate)) deadlock();
  take_chosen();
  Warp& warp = warps_[warp_];
  Thread* target;
  if ((warp.started >> lane_ & 1) != 0) {
    target = warp.threads[lane_];
    if (target == &me) return;
  } else {
    target = fibers_.take().thread;
    start_thread(*target);
  }
  fiber_of(me).context.switch_to(fiber_of(*target).context);
}

void BlockRunner::yield(Thread& me) {
  if (ready_warps_ == 0) return;
  make_ready(me.warp, 1u << me.lane);
  block_here(me, true);
}

// After an operation that released others: in a random schedule they may overtake.
void BlockRunner::maybe_yield(Thread& me) {
  if (!random_ || ready_warps_ == 0 || (choices_.next() & 1) != 0) return;
  make_ready(me.warp, 1u << me.lane);
  block_here(me);
}

void BlockRunner::leave_block() {
  left_ = true;
  Context abandoned;
  abandoned.switch_to(main_);
  __builtin_unreachable();
}

void BlockRunner::violation(const Thread& me, const std::string& what, const char* file, int line) {
  launch_->fail(name_of(me) + ": " + what + place(file, line));
  leave_block();
}

}  // namespace flowcut::sim
