// What every entry point of the driver begins and ends with.
#pragma once

#include <exception>
#include <new>

#include "fault.hpp"
#include "host/cuda_api.hpp"
#include "host/driver.hpp"

namespace flowcut::sim::host {

enum class Needs {
  Nothing,  // works before cuInit
  Init,
  Context,  // a current context that is not lost
};

// One call of an entry point, with the driver's lock held.
struct Call {
  Driver& driver;
  std::unique_lock<std::mutex>& lock;
  const char* entry;
  Context* context;  // the current one; null unless the entry point needs one

  Device& device() const { return driver.devices[static_cast<std::size_t>(context->device)]; }
  std::shared_ptr<Stream> stream(CUstream handle) const { return find_stream(driver, *context, handle); }

  // Marks an object as made by this call.
  template <class T>
  std::shared_ptr<T> made(std::shared_ptr<T> object) const {
    object->context = context;
    object->entry = entry;
    return object;
  }
};

// The calling thread's current context (the top of its stack), or null.
Context* current_context(Driver& driver);

// CUDA_SUCCESS, or why a call that needs this cannot go on.
CUresult prepare(Driver& driver, Needs needs, Context** context);

// Runs `body(Call&)`. An error of earlier work is returned instead of success.
template <class Body>
CUresult call(const char* entry, Needs needs, Body body) {
  if (const int injected = enter_call(entry); injected != 0) return static_cast<CUresult>(injected);
  try {
    Driver& driver = Driver::get();
    std::unique_lock lock(driver.mutex);
    Call now{driver, lock, entry, nullptr};
    if (const CUresult result = prepare(driver, needs, &now.context); result != CUDA_SUCCESS) return result;
    const CUresult result = body(now);
    return result == CUDA_SUCCESS && now.context != nullptr ? now.context->error : result;
  } catch (const std::bad_alloc&) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  } catch (const std::exception&) {
    return CUDA_ERROR_UNKNOWN;
  }
}

// The same for what releases an object: it is released also if the context is lost or a failure was injected, which is then returned.
template <class Body>
CUresult release(const char* entry, Needs needs, Body body) {
  const int injected = enter_call(entry);
  try {
    Driver& driver = Driver::get();
    std::unique_lock lock(driver.mutex);
    Call now{driver, lock, entry, nullptr};
    const CUresult before = prepare(driver, needs, &now.context);
    if (before != CUDA_SUCCESS && now.context == nullptr) return injected != 0 ? static_cast<CUresult>(injected) : before;
    const CUresult result = body(now);
    if (injected != 0) return static_cast<CUresult>(injected);
    if (result == CUDA_SUCCESS && now.context != nullptr) return now.context->error;
    return result;
  } catch (const std::exception&) {
    return CUDA_ERROR_UNKNOWN;
  }
}

// Whether a running capture forbids calls that might synchronise; those captures are then invalid, as the documentation of
// cuThreadExchangeStreamCaptureMode has it.
bool forbidden_by_capture(Driver& driver);

}  // namespace flowcut::sim::host
