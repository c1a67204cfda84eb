// Fibers: stacks that are switched by hand. Each CUDA thread that waits for others keeps one.
#pragma once

#include "flowcut_sim/device_api.hpp"

#include <cstddef>
#include <memory>
#include <vector>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace flowcut::sim {

// A place to continue at: a stack pointer where the switch is hand-written, else a ucontext.
class Context {
 public:
  // The next switch_to this context calls `entry` at the top of the stack. entry never returns.
  void prepare(void* stack_bottom, void* stack_top, void (*entry)());
  void switch_to(Context& target);

#if defined(FLOWCUT_SIM_ASAN)
  void* fake_stack = nullptr;
  const void* bottom = nullptr;  // of the stack; the worker's own is learned at the first switch
  std::size_t size = 0;
#endif

 private:
#if defined(__x86_64__)
  void* stack_pointer_ = nullptr;
#else
  ucontext_t context_;
#endif
};

// Must be the first thing that runs on a context's stack: tells the address sanitizer.
void entered_context(Context& context);

struct AsyncCopy {
  void* shared;
  const void* global;
  unsigned group;
  bool valid;
};

struct Fiber {
  Context context;
  flowcut_sim::Thread* thread = nullptr;  // at the upper end of the stack
  std::byte* stack = nullptr;             // its lowest page is the guard
  bool prepared = false;                  // stands in its main loop, or at its entry
  std::vector<AsyncCopy> copies;          // not yet performed, oldest first
  unsigned copy_groups = 0;               // closed so far
};

// A worker's fibers; they are made when first needed and used again.
class FiberPool {
 public:
  explicit FiberPool(void (*entry)()) : entry_(entry) {}
  Fiber& take();  // throws std::bad_alloc if there is no memory for stacks
  void give_back(Fiber& fiber) { free_.push_back(&fiber); }
  void reset();  // all fibers are free, whatever they were doing
  static std::size_t guard_bytes();

 private:
  void grow();
  void (*entry_)();
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
};

}  // namespace flowcut::sim
