// Compiles a kernel source with the host compiler into an image.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace flowcut::sim {

struct CompileInput {
  std::string name, source;
  std::vector<std::pair<std::string, std::string>> headers;  // name as it is included, text
  std::vector<std::string> options;                          // NVRTC's
};

struct CompileOutput {
  int result = 0;     // an nvrtcResult
  std::string log;    // empty after success
  std::string image;  // empty where NVRTC would give no cubin
  std::string text;   // in place of PTX
};

CompileOutput compile(const CompileInput& input);

// The kernels of a source: lines that begin with `extern "C" __global__`.
struct FoundKernel {
  std::string name;
  std::string bounds;  // what stands between the brackets of __launch_bounds__
};
std::vector<FoundKernel> find_kernels(const std::string& source);

}  // namespace flowcut::sim
