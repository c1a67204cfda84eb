// The tests' few helpers: checks that count, and kernels from source text to a launch through the NVRTC entry points.
#pragma once

#include "kernel_image.hpp"

#include <cstdio>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace test {

inline int checks = 0, failures = 0;

inline bool check(bool ok, const std::string& what, std::source_location at = std::source_location::current()) {
  checks++;
  if (ok) return true;
  failures++;
  std::printf("%s:%u: %s\n", at.file_name(), at.line(), what.c_str());
  return false;
}

template <class A, class B>
bool check_equal(const A& expected, const B& actual, const std::string& what, std::source_location at = std::source_location::current()) {
  return check(expected == actual, what + ": expected " + std::to_string(expected) + ", got " + std::to_string(actual), at);
}

// What main returns.
inline int summary() {
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}

struct Compiled {
  int result = 0;
  std::string log, image, ptx;
};
using Headers = std::vector<std::pair<std::string, std::string>>;
Compiled compile(const std::string& source, const std::vector<std::string>& options = {"--gpu-architecture=sm_90a"},
                 const Headers& headers = {}, const char* name = "test.cu");

// A source that must compile and load; ends the program if it does not.
std::unique_ptr<flowcut::sim::KernelImage> load(const std::string& source);

struct Launch {
  flowcut::sim::Dim3 grid{1, 1, 1}, block{32, 1, 1};
  std::size_t shared_bytes = 0;
  std::uint64_t seed = 0;
};
// Runs a kernel of the image by its name.
flowcut::sim::LaunchReport run(const flowcut::sim::KernelImage& image, const char* name, const Launch& launch, const void* args);

// Whether the launch was refused with a message that has all parts.
void check_violation(const flowcut::sim::LaunchReport& report, const std::vector<std::string>& parts,
                     std::source_location at = std::source_location::current());
void check_ok(const flowcut::sim::LaunchReport& report, std::source_location at = std::source_location::current());

}  // namespace test
