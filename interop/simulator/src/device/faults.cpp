#include "device/faults.hpp"

#include "device/block_runner.hpp"

#include <csignal>
#include <mutex>
#include <sys/mman.h>
#include <ucontext.h>

namespace flowcut::sim {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
struct sigaction previous_actions[NSIG];
int interrupt_signal() { return SIGRTMAX - 3; }

#define FLOWCUT_SIM_EARLY_TLS __attribute__((tls_model("initial-exec")))
thread_local BlockRunner* running FLOWCUT_SIM_EARLY_TLS = nullptr;

bool is_write([[maybe_unused]] const void* context) {
#if defined(__x86_64__) && defined(__linux__)
  return (static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#else
  return false;
#endif
}

std::string memory_fault(const BlockRunner& runner, const siginfo_t& info, const void* context) {
  const Thread& thread = runner.running_thread();
  const auto* const address = static_cast<const std::byte*>(info.si_addr);
  const std::byte* const stack = static_cast<const Fiber*>(thread.fiber)->stack;
  if (address >= stack && address < stack + FiberPool::guard_bytes())
    return "stack overflow: a thread has " + std::to_string(flowcut_sim::kStackBytes / 1024) + " KiB";
  const std::string verb = is_write(context) ? "writes to" : "reads";
  if (reinterpret_cast<std::size_t>(address) < 4096) return verb + " a null pointer (address " + address_text(address) + ")";
  const std::string shared = runner.shared().place_of(address);
  if (!shared.empty()) return verb + " " + shared;
  if (address == nullptr || info.si_code == SI_KERNEL) return verb + " an address that no memory can have";
  return verb + " address " + address_text(address) + ", where there is no memory";
}

std::string describe_fault(const BlockRunner& runner, int number, const siginfo_t& info, const void* context) {
  switch (number) {
    case SIGFPE: return "divides an integer by zero, or the smallest integer by -1";
    case SIGILL: return "executes an illegal instruction (unreachable code, or code that this CPU does not have)";
    default: return memory_fault(runner, info, context);
  }
}

void pass_on(int number, siginfo_t* info, void* context) {
  const struct sigaction& previous = previous_actions[number];
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    // the fault happens again when this handler returns, and then has its default effect
    signal(number, SIG_DFL);
  } else {
    previous.sa_handler(number);
  }
}

// Leaving a handler by a switch to the worker's stack, instead of returning, means that its signals have to be unblocked by hand.
void unblock_signals() {
  sigset_t unblocked;
  sigemptyset(&unblocked);
  for (const int fault : kSignals) sigaddset(&unblocked, fault);
  sigaddset(&unblocked, interrupt_signal());
  pthread_sigmask(SIG_UNBLOCK, &unblocked, nullptr);
}

void handle(int number, siginfo_t* info, void* context) {
  BlockRunner* const runner = running;
  if (runner == nullptr || !runner->on_fiber()) {
    pass_on(number, info, context);
    return;
  }
  unblock_signals();
  runner->violation(runner->running_thread(), describe_fault(*runner, number, *info, context), nullptr, 0);
}

void handle_interrupt(int) {
  BlockRunner* const runner = running;
  if (runner == nullptr || !runner->on_fiber()) return;
  unblock_signals();
  runner->violation(runner->running_thread(), "does not end: no block of the launch has finished for too long", nullptr, 0);
}

// Only stack overflow, a SIGSEGV, needs another stack. For the rest the former handler decides: .NET's handler of SIGFPE unwinds the
// stack that it runs on, and must not find itself on an alternate one.
void install_handlers() {
  for (const int number : kSignals) {
    sigaction(number, nullptr, &previous_actions[number]);
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | (number == SIGSEGV ? SA_ONSTACK : previous_actions[number].sa_flags & SA_ONSTACK);
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
  }
  struct sigaction interrupt = {};
  interrupt.sa_handler = handle_interrupt;
  sigemptyset(&interrupt.sa_mask);
  sigaction(interrupt_signal(), &interrupt, nullptr);
}

// A handler cannot run on a stack that has just overflowed.
struct AlternateStack {
  static constexpr std::size_t kBytes = 128 * 1024;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  AlternateStack() {
    stack_t stack = {};
    stack.ss_sp = memory;
    stack.ss_size = kBytes;
    sigaltstack(&stack, nullptr);
  }
  ~AlternateStack() {
    stack_t off = {};
    off.ss_flags = SS_DISABLE;
    sigaltstack(&off, nullptr);
    munmap(memory, kBytes);
  }
};

}  // namespace

FaultScope::FaultScope(BlockRunner& runner) {
  static std::once_flag installed;
  std::call_once(installed, install_handlers);
  thread_local const AlternateStack stack;
  running = &runner;
}

void interrupt_block(pthread_t worker) { pthread_kill(worker, interrupt_signal()); }

FaultScope::~FaultScope() { running = nullptr; }

}  // namespace flowcut::sim
