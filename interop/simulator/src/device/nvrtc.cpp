// NVRTC's entry points. A "cubin" is an image of this simulator (see image_format.hpp).
#include "device/compiler.hpp"
#include "device/nvrtc_options.hpp"
#include "export.hpp"
#include "kernel_image.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <mutex>
#include <new>
#include <set>

struct _nvrtcProgram {
  flowcut::sim::CompileInput input;
  flowcut::sim::CompileOutput output;
  bool compiled = false;
};

namespace flowcut::sim {
namespace {

enum Result { kSuccess = 0, kOutOfMemory = 1, kInvalidInput = 3, kInvalidProgram = 4 };

constexpr const char* kResultNames[] = {
    "NVRTC_SUCCESS", "NVRTC_ERROR_OUT_OF_MEMORY", "NVRTC_ERROR_PROGRAM_CREATION_FAILURE", "NVRTC_ERROR_INVALID_INPUT",
    "NVRTC_ERROR_INVALID_PROGRAM", "NVRTC_ERROR_INVALID_OPTION", "NVRTC_ERROR_COMPILATION", "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE",
    "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION", "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION",
    "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID", "NVRTC_ERROR_INTERNAL_ERROR", "NVRTC_ERROR_TIME_FILE_WRITE_FAILED",
    "NVRTC_ERROR_NO_PCH_CREATE_ATTEMPTED", "NVRTC_ERROR_PCH_CREATE_HEAP_EXHAUSTED", "NVRTC_ERROR_PCH_CREATE", "NVRTC_ERROR_CANCELLED",
    "NVRTC_ERROR_TIME_TRACE_FILE_WRITE_FAILED",
};

std::atomic<FaultHook> fault_hook{nullptr};

// Every handle that is in use, so that a wrong one gives an error instead of a crash.
struct Programs {
  std::mutex mutex;
  std::set<_nvrtcProgram*> live;
};
Programs& programs() {
  static Programs* const all = new Programs;
  return *all;
}

bool is_live(_nvrtcProgram* program) {
  const std::lock_guard lock(programs().mutex);
  return programs().live.contains(program);
}

// The common frame of all entry points: injected faults, no exception beyond the boundary.
template <class Body>
int entry(const char* name, Body body) {
  int injected = 0;
  if (const FaultHook hook = fault_hook.load(); hook != nullptr && hook(name, &injected)) return injected;
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return kOutOfMemory;
  }
}

// Text is returned with its terminating zero, as NVRTC does; machine code is not.
int give_size(std::size_t* size, std::size_t bytes) {
  if (size == nullptr) return kInvalidInput;
  *size = bytes;
  return kSuccess;
}

int give_bytes(char* destination, const std::string& bytes, bool terminated) {
  if (destination == nullptr) return kInvalidInput;
  std::memcpy(destination, bytes.c_str(), bytes.size() + (terminated ? 1 : 0));
  return kSuccess;
}

}  // namespace

void set_fault_hook(FaultHook hook) { fault_hook.store(hook); }

std::size_t live_programs() {
  const std::lock_guard lock(programs().mutex);
  return programs().live.size();
}

}  // namespace flowcut::sim

using namespace flowcut::sim;

FLOWCUT_SIM_EXPORT const char* nvrtcGetErrorString(int result) {
  return result >= 0 && result < static_cast<int>(std::size(kResultNames)) ? kResultNames[result] : "NVRTC_ERROR unknown";
}

FLOWCUT_SIM_EXPORT int nvrtcVersion(int* major, int* minor) {
  return entry("nvrtcVersion", [&] {
    if (major == nullptr || minor == nullptr) return static_cast<int>(kInvalidInput);
    *major = 13;
    *minor = 0;
    return static_cast<int>(kSuccess);
  });
}

FLOWCUT_SIM_EXPORT int nvrtcGetNumSupportedArchs(int* count) {
  return entry("nvrtcGetNumSupportedArchs", [&] {
    if (count == nullptr) return static_cast<int>(kInvalidInput);
    *count = static_cast<int>(std::size(kSupportedArchitectures));
    return static_cast<int>(kSuccess);
  });
}

FLOWCUT_SIM_EXPORT int nvrtcGetSupportedArchs(int* architectures) {
  return entry("nvrtcGetSupportedArchs", [&] {
    if (architectures == nullptr) return static_cast<int>(kInvalidInput);
    std::copy(std::begin(kSupportedArchitectures), std::end(kSupportedArchitectures), architectures);
    return static_cast<int>(kSuccess);
  });
}

FLOWCUT_SIM_EXPORT int nvrtcCreateProgram(_nvrtcProgram** program, const char* source, const char* name, int header_count,
                                          const char* const* headers, const char* const* include_names) {
  return entry("nvrtcCreateProgram", [&] {
    if (program == nullptr || source == nullptr || header_count < 0) return static_cast<int>(kInvalidInput);
    if (header_count > 0 && (headers == nullptr || include_names == nullptr)) return static_cast<int>(kInvalidInput);
    auto made = std::make_unique<_nvrtcProgram>();
    made->input.name = name != nullptr ? name : "default_program";
    made->input.source = source;
    for (int i = 0; i < header_count; i++) made->input.headers.emplace_back(include_names[i], headers[i]);
    const std::lock_guard lock(programs().mutex);
    programs().live.insert(made.get());
    *program = made.release();
    return static_cast<int>(kSuccess);
  });
}

FLOWCUT_SIM_EXPORT int nvrtcDestroyProgram(_nvrtcProgram** program) {
  return entry("nvrtcDestroyProgram", [&] {
    if (program == nullptr) return static_cast<int>(kInvalidProgram);
    const std::lock_guard lock(programs().mutex);
    if (programs().live.erase(*program) == 0) return static_cast<int>(kInvalidProgram);
    delete *program;
    *program = nullptr;
    return static_cast<int>(kSuccess);
  });
}

FLOWCUT_SIM_EXPORT int nvrtcCompileProgram(_nvrtcProgram* program, int option_count, const char* const* options) {
  return entry("nvrtcCompileProgram", [&] {
    if (!is_live(program)) return static_cast<int>(kInvalidProgram);
    if (option_count < 0 || (option_count > 0 && options == nullptr)) return static_cast<int>(kInvalidInput);
    program->input.options.assign(options, options + option_count);
    program->output = compile(program->input);
    program->compiled = true;
    return program->output.result;
  });
}

FLOWCUT_SIM_EXPORT int nvrtcGetProgramLogSize(_nvrtcProgram* program, std::size_t* size) {
  return entry("nvrtcGetProgramLogSize",
               [&] { return is_live(program) ? give_size(size, program->output.log.size() + 1) : static_cast<int>(kInvalidProgram); });
}

FLOWCUT_SIM_EXPORT int nvrtcGetProgramLog(_nvrtcProgram* program, char* log) {
  return entry("nvrtcGetProgramLog",
               [&] { return is_live(program) ? give_bytes(log, program->output.log, true) : static_cast<int>(kInvalidProgram); });
}

FLOWCUT_SIM_EXPORT int nvrtcGetCUBINSize(_nvrtcProgram* program, std::size_t* size) {
  return entry("nvrtcGetCUBINSize", [&] {
    if (!is_live(program) || !program->compiled) return static_cast<int>(kInvalidProgram);
    return give_size(size, program->output.image.size());
  });
}

FLOWCUT_SIM_EXPORT int nvrtcGetCUBIN(_nvrtcProgram* program, char* image) {
  return entry("nvrtcGetCUBIN", [&] {
    if (!is_live(program) || !program->compiled) return static_cast<int>(kInvalidProgram);
    return give_bytes(image, program->output.image, false);
  });
}

FLOWCUT_SIM_EXPORT int nvrtcGetPTXSize(_nvrtcProgram* program, std::size_t* size) {
  return entry("nvrtcGetPTXSize", [&] {
    if (!is_live(program) || program->output.text.empty()) return static_cast<int>(kInvalidProgram);
    return give_size(size, program->output.text.size() + 1);
  });
}

FLOWCUT_SIM_EXPORT int nvrtcGetPTX(_nvrtcProgram* program, char* text) {
  return entry("nvrtcGetPTX", [&] {
    if (!is_live(program) || program->output.text.empty()) return static_cast<int>(kInvalidProgram);
    return give_bytes(text, program->output.text, true);
  });
}
