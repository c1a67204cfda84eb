// What the tests of the host side share: a context from beginning to end, kernels from source text, buffers.
#pragma once

#include <cstdint>
#include <cstdio>
#include <source_location>
#include <string>
#include <vector>

#include "flowcut_sim/control.h"
#include "host/cuda_api.hpp"

namespace client {

inline int checks = 0, failures = 0;

inline bool check(bool ok, const std::string& what, std::source_location at = std::source_location::current()) {
  ++checks;
  if (ok) return true;
  ++failures;
  std::printf("%s:%u: %s\n", at.file_name(), at.line(), what.c_str());
  return false;
}

// Compares results of driver calls by name.
bool expect(CUresult expected, CUresult actual, const std::string& what = "", std::source_location at = std::source_location::current());
inline bool ok(CUresult actual, std::source_location at = std::source_location::current()) { return expect(CUDA_SUCCESS, actual, "", at); }

template <class A, class B>
bool same(const A& expected, const B& actual, const std::string& what, std::source_location at = std::source_location::current()) {
  return check(expected == actual, what + ": expected " + std::to_string(expected) + ", got " + std::to_string(actual), at);
}

inline int summary() {
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}

std::string violations();
std::string leaks();
bool contains(const std::string& text, const std::string& part);
// Whether the violations have all parts.
bool reported(const std::vector<std::string>& parts, std::source_location at = std::source_location::current());

// A fresh simulator with a current primary context of device 0. At its end everything must have been released.
class Session {
 public:
  explicit Session(std::uint64_t seed = 1, std::source_location at = std::source_location::current());
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  CUcontext context = nullptr;
  bool clean = true;  // whether neither leaks nor violations are expected

 private:
  std::source_location at_;
};

// Image of a source text, with the simulator's NVRTC. Ends the program if it does not compile.
std::vector<char> compile(const std::string& source);

// The kernels of these tests; each takes Buffers.
struct Buffers {
  const unsigned* in;
  unsigned* out;
  int count;
  int value;
};
extern const char* const kKernels;

class Kernels {
 public:
  Kernels();
  ~Kernels();
  Kernels(const Kernels&) = delete;
  Kernels& operator=(const Kernels&) = delete;

  CUfunction function(const char* name) const;
  // out[i] = in[i] + value, or what the kernel's name says, with one thread for each element.
  CUresult launch(const char* name, const Buffers& buffers, CUstream stream) const;

  CUmodule module = nullptr;
};

CUdeviceptr allocate(std::size_t bytes);
CUstream make_stream(unsigned flags = CU_STREAM_NON_BLOCKING);
CUevent make_event(unsigned flags = CU_EVENT_DISABLE_TIMING);
unsigned* pinned(std::size_t count);
Buffers buffers(CUdeviceptr in, CUdeviceptr out, int count, int value);
// The content of device memory, after everything has run.
std::vector<unsigned> read(CUdeviceptr pointer, std::size_t count);

}  // namespace client
