// What every exported entry point does before anything else: it is counted, and it fails if a test has asked for that.
#pragma once

#include "export.hpp"

namespace flowcut::sim {

// Counts a call of `entry` (the exported symbol, __func__) and returns the result that flowcutSimFailCall asked to inject into it, or 0.
int enter_call(const char* entry) noexcept;

// Remembers an object that the caller has to release, for the leak report. `kind` and `entry` must be string literals or __func__.
void track_object(const void* handle, const char* kind, const char* entry);

// Forgets an object; false if the handle is not one that track_object() was given.
bool untrack_object(const void* handle) noexcept;

// Whether `handle` is a tracked object of this kind: the check of a handle that must not be followed blindly.
bool is_tracked(const void* handle, const char* kind) noexcept;

}  // namespace flowcut::sim

// First statement of an exported function that returns `Result`, an enumeration (or int) whose 0 is success: returns the injected failure
// without any effect.
#define FLOWCUT_SIM_ENTRY(Result)                                                                                       \
  do {                                                                                                                  \
    if (const int injected = ::flowcut::sim::enter_call(__func__); injected != 0) return static_cast<Result>(injected); \
  } while (false)

// For a function that releases an object: `body` (a callable that returns `Result`) runs in any case and the injected failure is returned
// afterwards, as a real release that returns the error of earlier work has released all the same.
#define FLOWCUT_SIM_RELEASE(Result, body)                          \
  do {                                                             \
    const int injected = ::flowcut::sim::enter_call(__func__);     \
    const Result result = (body)();                                \
    return injected != 0 ? static_cast<Result>(injected) : result; \
  } while (false)

// First statement of an exported function that has no status to return: the call is counted and cannot be made to fail.
#define FLOWCUT_SIM_COUNTED() static_cast<void>(::flowcut::sim::enter_call(__func__))
