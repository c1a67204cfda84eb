#include "device/fiber.hpp"

#include <new>
#include <sys/mman.h>
#include <unistd.h>

#if defined(FLOWCUT_SIM_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace flowcut::sim {

#if defined(__x86_64__)

// Saves the callee-saved registers on the current stack, and continues where the other stack pointer was saved.
extern "C" void flowcut_sim_switch(void** save, void* load);
asm(R"(
.text
.p2align 4
.hidden flowcut_sim_switch
.globl flowcut_sim_switch
.type flowcut_sim_switch, @function
flowcut_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size flowcut_sim_switch, .-flowcut_sim_switch
)");

void Context::prepare([[maybe_unused]] void* stack_bottom, void* stack_top, void (*entry)()) {
  // six registers, the address that `ret` takes, and one word that keeps the alignment of a called function
  auto** top = static_cast<void**>(stack_top);
  for (int i = 1; i <= 8; i++) top[-i] = nullptr;
  top[-2] = reinterpret_cast<void*>(entry);
  stack_pointer_ = top - 8;
#if defined(FLOWCUT_SIM_ASAN)
  fake_stack = nullptr;
  bottom = stack_bottom;
  size = static_cast<std::size_t>(static_cast<char*>(stack_top) - static_cast<char*>(stack_bottom));
  ASAN_UNPOISON_MEMORY_REGION(stack_bottom, size);
#endif
}

#else

void Context::prepare(void* stack_bottom, void* stack_top, void (*entry)()) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_bottom;
  context_.uc_stack.ss_size = static_cast<std::size_t>(static_cast<char*>(stack_top) - static_cast<char*>(stack_bottom));
  context_.uc_link = nullptr;
  makecontext(&context_, entry, 0);
#if defined(FLOWCUT_SIM_ASAN)
  fake_stack = nullptr;
  bottom = stack_bottom;
  size = context_.uc_stack.ss_size;
  ASAN_UNPOISON_MEMORY_REGION(stack_bottom, size);
#endif
}

#endif

#if defined(FLOWCUT_SIM_ASAN)
namespace {
thread_local Context* left_context;  // the one that was switched away from
}
#endif

void Context::switch_to(Context& target) {
#if defined(FLOWCUT_SIM_ASAN)
  left_context = this;
  __sanitizer_start_switch_fiber(&fake_stack, target.bottom, target.size);
#endif
#if defined(__x86_64__)
  flowcut_sim_switch(&stack_pointer_, target.stack_pointer_);
#else
  swapcontext(&context_, &target.context_);
#endif
#if defined(FLOWCUT_SIM_ASAN)
  entered_context(*this);
#endif
}

void entered_context([[maybe_unused]] Context& context) {
#if defined(FLOWCUT_SIM_ASAN)
  const void* from_bottom = nullptr;
  std::size_t from_size = 0;
  __sanitizer_finish_switch_fiber(context.fake_stack, &from_bottom, &from_size);
  if (left_context != nullptr && left_context->bottom == nullptr) {
    left_context->bottom = from_bottom;
    left_context->size = from_size;
  }
#endif
}

std::size_t FiberPool::guard_bytes() {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return page;
}

Fiber& FiberPool::take() {
  if (free_.empty()) grow();
  Fiber& fiber = *free_.back();
  free_.pop_back();
  if (!fiber.prepared) {
    fiber.context.prepare(fiber.stack + guard_bytes(), fiber.thread, entry_);
    fiber.prepared = true;
  }
  return fiber;
}

void FiberPool::reset() {
  free_.clear();
  for (auto fiber = fibers_.rbegin(); fiber != fibers_.rend(); ++fiber) {
    (*fiber)->prepared = false;
    (*fiber)->copies.clear();
    free_.push_back(fiber->get());
  }
}

void FiberPool::grow() {
  constexpr std::size_t kStack = flowcut_sim::kStackBytes;
  constexpr std::size_t kCount = 32;
  // one stack more than needed, so that the rest can be aligned to the size of a stack
  void* const region = mmap(nullptr, (kCount + 1) * kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<std::size_t>(region);
  auto* const first = static_cast<std::byte*>(region) + (kStack - address % kStack) % kStack;
  for (std::size_t i = kCount; i-- > 0;) {
    auto fiber = std::make_unique<Fiber>();
    fiber->stack = first + i * kStack;
    if (mprotect(fiber->stack, guard_bytes(), PROT_NONE) != 0) throw std::bad_alloc();
    fiber->thread = new (flowcut_sim::thread_of_stack(reinterpret_cast<std::size_t>(fiber->stack))) flowcut_sim::Thread{};
    fiber->thread->fiber = fiber.get();
    free_.push_back(fiber.get());
    fibers_.push_back(std::move(fiber));
  }
}

}  // namespace flowcut::sim
