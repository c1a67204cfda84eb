// What threads of a block do together: operations of a warp, barriers of the block, asynchronous copies.
#include "device/block_runner.hpp"

#include <cstring>

namespace flowcut::sim {
namespace {

std::atomic<MemoryCheck*> memory_check{nullptr};

bool same_place(const char* file, int line, const Request& request) {
  return line == request.line && (file == request.file || std::strcmp(file, request.file) == 0);
}

// __syncwarp may be called from several places for one meeting; everything else is one instruction.
bool same_instruction(const Request& a, const Request& b) {
  return a.operation == b.operation && a.mask == b.mask &&
         (a.operation == Operation::sync_warp || same_place(a.file, a.line, b));
}

bool is_whole_block(Operation operation) { return operation < Operation::barrier_sync; }

}  // namespace

void set_memory_check(MemoryCheck* check) { memory_check.store(check); }

void BlockRunner::check_warp_request(const Thread& me, const Request& request) {
  const Warp& warp = warps_[me.warp];
  if ((request.mask >> me.lane & 1) == 0)
    violation(me, "calls " + describe(request) + ", whose mask does not name its own lane " + std::to_string(me.lane), request.file, request.line);
  if (const std::uint32_t gone = request.mask & (warp.exited | ~warp.exists); gone != 0) {
    const unsigned lane = lowest_bit(gone);
    violation(me, "calls " + describe(request) + ", whose mask names lane " + std::to_string(lane) +
                      ((warp.exists >> lane & 1) != 0 ? ", which has returned" : ", which the block does not have"),
              request.file, request.line);
  }
}

// All lanes of the mask wait: whether in the same operation. A lane that waits for this one in another operation never comes.
bool BlockRunner::all_match(const Warp& warp, const Thread& me, const Request& request) {
  bool all = true;
  for (std::uint32_t lanes = request.mask; lanes != 0; lanes &= lanes - 1) {
    const Request& other = *warp.requests[lowest_bit(lanes)];
    if (other.line == request.line && other.operation == request.operation && other.mask == request.mask && other.file == request.file) continue;
    if (same_instruction(other, request)) continue;
    all = false;
    if ((other.mask >> me.lane & 1) == 0) continue;
    violation(me, "calls " + describe(request) + ", while lane " + std::to_string(lowest_bit(lanes)) + " of its warp waits for it in " +
                      describe(other) + place(other.file, other.line) + ": the lanes have diverged",
              request.file, request.line);
  }
  return all;
}

void BlockRunner::warp_operation(Thread& me, const Request& request) {
  Warp& warp = warps_[me.warp];
  const std::uint32_t bit = 1u << me.lane;
  check_warp_request(me, request);
  warp.requests[me.lane] = &request;
  warp.waiting |= bit;
  if ((request.mask & ~warp.waiting) != 0 || !all_match(warp, me, request)) {
    block_here(me);
    return;
  }
  const WarpFault fault = complete_warp_operation(warp, request, shared_);
  if (!fault.what.empty()) violation(*warp.threads[fault.lane], fault.what, request.file, request.line);
  warp.waiting &= ~request.mask;
  make_ready(me.warp, request.mask & ~bit);
  maybe_yield(me);
}

void BlockRunner::check_barrier_request(const Thread& me, const Request& request, const Barrier& barrier, unsigned threads) {
  if (!is_whole_block(request.operation)) {
    if (request.parameter == 0 || request.parameter >= kBarriers)
      violation(me, "uses " + describe(request) + ": named barriers are 1 to 15", request.file, request.line);
    if (threads == 0 || threads % kWarpSize != 0 || threads > (threads_ + kWarpSize - 1) / kWarpSize * kWarpSize)
      violation(me, "uses " + describe(request) + " in a block of " + std::to_string(threads_) + " threads: the count must be a multiple of 32 within the block",
                request.file, request.line);
  }
  if ((barrier.seen[me.warp] >> me.lane & 1) != 0)
    violation(me, "arrives a second time at " + describe(request) + " before the others have come", request.file, request.line);
  if (barrier.arrived == 0) return;
  if (barrier.expected != threads)
    violation(me, "uses " + describe(request) + ", where others wait for " + std::to_string(barrier.expected) + " threads", request.file, request.line);
  if (is_whole_block(request.operation) && !same_place(barrier.file, barrier.line, request))
    violation(me, "waits in " + describe(request) + ", while other threads of the block wait in " + sim::name_of(barrier.operation) +
                      place(barrier.file, barrier.line) + ": the barrier is in divergent code",
              request.file, request.line);
}

void BlockRunner::block_operation(Thread& me, const Request& request) {
  const bool whole = is_whole_block(request.operation);
  const unsigned id = whole ? 0 : request.parameter;
  const unsigned threads = whole ? threads_ : request.width;
  Barrier& barrier = barriers_[id % kBarriers];
  check_barrier_request(me, request, barrier, threads);
  const std::uint32_t bit = 1u << me.lane;
  if (barrier.arrived == 0) {
    barrier.expected = threads;
    barrier.operation = request.operation;
    barrier.file = request.file;
    barrier.line = request.line;
    used_barriers_ |= 1u << id;
  }
  barrier.arrived++;
  barrier.seen[me.warp] |= bit;
  if (request.input != nullptr && *static_cast<const int*>(request.input) != 0) barrier.true_predicates++;
  const bool waits = request.operation != Operation::barrier_arrive;
  if (waits) {
    barrier.waiting[me.warp] |= bit;
    warps_[me.warp].requests[me.lane] = &request;
    warps_[me.warp].in_barrier |= bit;
  }
  if (barrier.arrived < barrier.expected) {
    if (waits) block_here(me);
    return;
  }
  release_barrier(barrier);
  if (waits) take_self(me);
  maybe_yield(me);
}

// The thread that completed a barrier goes on at once.
void BlockRunner::take_self(const Thread& me) {
  Warp& warp = warps_[me.warp];
  warp.ready &= ~(1u << me.lane);
  if (warp.ready == 0) ready_warps_ &= ~(1u << me.warp);
}

void BlockRunner::release_barrier(Barrier& barrier) {
  int result = static_cast<int>(barrier.true_predicates);
  if (barrier.operation == Operation::sync_threads_and) result = barrier.true_predicates == barrier.expected;
  if (barrier.operation == Operation::sync_threads_or) result = barrier.true_predicates != 0;
  for (unsigned w = 0; w < warp_count_; w++) {
    Warp& warp = warps_[w];
    for (std::uint32_t lanes = barrier.waiting[w]; lanes != 0; lanes &= lanes - 1)
      if (void* output = warp.requests[lowest_bit(lanes)]->output) *static_cast<int*>(output) = result;
    warp.in_barrier &= ~barrier.waiting[w];
    make_ready(w, barrier.waiting[w]);
    barrier.waiting[w] = barrier.seen[w] = 0;
  }
  barrier.arrived = barrier.true_predicates = 0;
}

void BlockRunner::copy_async(Thread& me, const AsyncCopy& copy, const char* file, int line) {
  constexpr std::size_t kBytes = 16;
  const auto destination = reinterpret_cast<std::size_t>(copy.shared), source = reinterpret_cast<std::size_t>(copy.global);
  const auto shared = reinterpret_cast<std::size_t>(shared_.data());
  if (destination % kBytes != 0 || source % kBytes != 0)
    violation(me, "copy_async_16 from " + address_text(copy.global) + " to " + address_text(copy.shared) + ": both must be multiples of 16", file, line);
  if (destination < shared || destination + kBytes > shared + shared_.size())
    violation(me, "copy_async_16 to " + address_text(copy.shared) + ", which is not in the block's shared memory", file, line);
  MemoryCheck* const check = memory_check.load(std::memory_order_relaxed);
  if (copy.valid && check != nullptr && !check->is_device_range(copy.global, kBytes))
    violation(me, "copy_async_16 from " + address_text(copy.global) + ", which is not in a device allocation", file, line);
  Fiber& fiber = *static_cast<Fiber*>(me.fiber);
  fiber.copies.push_back({copy.shared, copy.global, fiber.copy_groups, copy.valid});
  std::memset(copy.shared, 0xff, kBytes);
}

void BlockRunner::copy_async_commit(Thread& me) { static_cast<Fiber*>(me.fiber)->copy_groups++; }

void BlockRunner::copy_async_wait(Thread& me, int pending) {
  Fiber& fiber = *static_cast<Fiber*>(me.fiber);
  if (fiber.copy_groups < static_cast<unsigned>(pending)) return;
  const unsigned complete = fiber.copy_groups - static_cast<unsigned>(pending);
  auto copy = fiber.copies.begin();
  for (; copy != fiber.copies.end() && copy->group < complete; ++copy) {
    if (copy->valid) std::memcpy(copy->shared, copy->global, 16);
    else std::memset(copy->shared, 0, 16);
  }
  fiber.copies.erase(fiber.copies.begin(), copy);
}

}  // namespace flowcut::sim
