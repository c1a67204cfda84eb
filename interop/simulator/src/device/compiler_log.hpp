// Turns the host compiler's messages into the form of NVRTC's log.
#pragma once

#include <string>

namespace flowcut::sim {

// "x.cu:12:3: error: …" becomes "x.cu(12): error: …"; folders of the simulator do not appear. Ends with the count of errors.
std::string nvrtc_log(const std::string& messages, const std::string& program);

}  // namespace flowcut::sim
