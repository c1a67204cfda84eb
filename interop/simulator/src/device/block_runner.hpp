// Runs the blocks of a launch on one worker thread: every CUDA thread is started as a plain call on a fiber, which becomes that thread's
// own as soon as it has to wait for others. A block whose threads never wait runs on a single fiber.
#pragma once

#include "device/fiber.hpp"
#include "device/launch.hpp"
#include "device/shared_memory.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace flowcut::sim {

using flowcut_sim::Operation;
using flowcut_sim::Request;
using flowcut_sim::Thread;

constexpr unsigned kWarpSize = 32;
constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxWarps = kMaxThreads / kWarpSize;
constexpr unsigned kBarriers = 16;

struct Warp {
  std::uint32_t exists = 0;   // lanes that the block has
  std::uint32_t ready = 0;    // may run: not started, or released
  std::uint32_t started = 0;
  std::uint32_t exited = 0;
  std::uint32_t waiting = 0;  // in an operation of the warp
  std::uint32_t in_barrier = 0;
  std::array<Thread*, kWarpSize> threads;
  std::array<const Request*, kWarpSize> requests;
};

struct Barrier {
  unsigned arrived = 0;
  unsigned expected = 0;
  unsigned true_predicates = 0;
  Operation operation = Operation::sync_threads;
  const char* file = nullptr;
  int line = 0;
  std::array<std::uint32_t, kMaxWarps> waiting{};  // to be released
  std::array<std::uint32_t, kMaxWarps> seen{};     // waiting or arrived
};

class BlockRunner {
 public:
  BlockRunner();

  // Runs blocks until there are none left. On the worker's own stack.
  void run(Launch& launch);

  // Called on fibers -------------------------------------------------------------------------------------------------
  void warp_operation(Thread& me, const Request& request);
  void block_operation(Thread& me, const Request& request);
  void copy_async(Thread& me, const AsyncCopy& copy, const char* file, int line);
  void copy_async_commit(Thread& me);
  void copy_async_wait(Thread& me, int pending);
  void yield(Thread& me);
  // Records the violation of a thread and ends the block. `file` may be null.
  [[noreturn]] void violation(const Thread& me, const std::string& what, const char* file, int line);
  [[noreturn]] void fiber_main();

  // Called by the fault handler --------------------------------------------------------------------------------------
  bool on_fiber() const { return on_fiber_; }
  const Thread& running_thread() const { return *warps_[warp_].threads[lane_]; }
  const SharedMemory& shared() const { return shared_; }
  

 private:
  void start_block(Dim3 block, unsigned long long number);
  void run_block();
  void end_block();
  void start_thread(Thread& thread);
  void finish_thread(Thread& me);
  void block_here(Thread& me, bool rotate = false);
  void maybe_yield(Thread& me);
  bool choose(bool rotate);
  void make_ready(unsigned warp, std::uint32_t lanes);
  void take_chosen();
  void take_self(const Thread& me);
  void check_warp_request(const Thread& me, const Request& request);
  bool all_match(const Warp& warp, const Thread& me, const Request& request);
  void check_barrier_request(const Thread& me, const Request& request, const Barrier& barrier, unsigned threads);
  void release_barrier(Barrier& barrier);
  [[noreturn]] void deadlock();
  [[noreturn]] void leave_block();
  std::string block_name() const;
  std::string name_of(const Thread& thread) const;
  std::string waiting_threads() const;
  Dim3 index_of(unsigned linear) const;

  Launch* launch_ = nullptr;
  Dim3 block_;
  FiberPool fibers_;
  SharedMemory shared_;
  Context main_;
  Choices choices_;
  bool random_ = false;
  unsigned warp_switch_percent_ = 0;  // how often a random schedule leaves a warp that could go on
  bool on_fiber_ = false;
  bool left_ = false;                 // by a violation
  unsigned threads_ = 0, warp_count_ = 0, alive_ = 0;
  std::uint32_t ready_warps_ = 0;
  unsigned warp_ = 0, lane_ = 0;      // running now, or chosen to run next
  std::array<Warp, kMaxWarps> warps_;
  std::array<Barrier, kBarriers> barriers_;
  std::uint32_t used_barriers_ = 0;
};

// What is wrong with a warp's operation, and the lane to blame; `what` is empty if nothing is.
struct WarpFault {
  unsigned lane = 0;
  std::string what;
};
// Carries out a complete operation for all lanes of its mask.
WarpFault complete_warp_operation(const Warp& warp, const Request& request, const SharedMemory& shared);

// Words for messages: the function's name as the kernel's source has it, the call with its mask or count, " (file:line)".
const char* name_of(Operation operation);
std::string describe(const Request& request);
std::string place(const char* file, int line);
std::string address_text(const void* address);
inline unsigned lowest_bit(std::uint32_t bits) { return static_cast<unsigned>(std::countr_zero(bits)); }

// The functions that images call.
extern const flowcut_sim::Api device_api;

}  // namespace flowcut::sim
