// NVRTC's command line options, as far as they mean something to a host compiler.
#pragma once

#include <string>
#include <vector>

namespace flowcut::sim {

struct NvrtcOptions {
  int architecture = 75;            // 10 * major + minor
  bool architecture_specific = false;  // sm_90a
  bool machine_code = false;        // sm_…: a cubin is made; compute_… and the default give PTX only
  std::string standard = "c++17";
  std::vector<std::string> passed_on;  // macros and include folders, as the host compiler takes them
};

// False and NVRTC's words in `log` for an option or a value that NVRTC does not have.
bool parse_options(const std::vector<std::string>& options, NvrtcOptions& parsed, std::string& log);

inline constexpr int kSupportedArchitectures[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

}  // namespace flowcut::sim
