#include "host/call.hpp"

#include <utility>
#include <vector>

#include "host/capture.hpp"

namespace flowcut::sim::host {

namespace {

// Contexts pushed by this thread; void after a reset of the simulator.
struct ThreadState {
  std::uint64_t epoch = 0;
  std::vector<Context*> stack;
  CUstreamCaptureMode capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
};

ThreadState& thread_state(const Driver& driver) {
  thread_local ThreadState state;
  if (state.epoch != driver.epoch) state = ThreadState{driver.epoch, {}, CU_STREAM_CAPTURE_MODE_GLOBAL};
  return state;
}

}  // namespace

std::vector<Context*>& context_stack(Driver& driver) { return thread_state(driver).stack; }

CUstreamCaptureMode exchange_capture_mode(Driver& driver, CUstreamCaptureMode mode) {
  return std::exchange(thread_state(driver).capture_mode, mode);
}

Context* current_context(Driver& driver) {
  const std::vector<Context*>& stack = thread_state(driver).stack;
  return stack.empty() ? nullptr : stack.back();
}

CUresult prepare(Driver& driver, Needs needs, Context** context) {
  driver.machine.called();
  if (needs == Needs::Nothing) return CUDA_SUCCESS;
  if (Machine::on_device_thread()) return CUDA_ERROR_NOT_PERMITTED;  // a host function
  if (!driver.initialised) return CUDA_ERROR_NOT_INITIALIZED;
  if (needs == Needs::Init) return CUDA_SUCCESS;
  Context* current = current_context(driver);
  if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (!current->active()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  *context = current;
  return current->error;
}

bool forbidden_by_capture(Driver& driver) {
  const CUstreamCaptureMode mode = thread_state(driver).capture_mode;
  if (mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  bool forbidden = false;
  for (const auto& capture : driver.captures) {
    const bool own = capture->thread == std::this_thread::get_id() && capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED;
    const bool global = capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL && mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (!own && !global) continue;
    capture->invalidated = forbidden = true;
  }
  return forbidden;
}

}  // namespace flowcut::sim::host
