#include "support.hpp"

#include "nvrtc_api.hpp"

#include <cstdlib>

namespace test {
namespace {

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

}  // namespace

Compiled compile(const std::string& source, const std::vector<std::string>& options, const Headers& headers, const char* name) {
  std::vector<const char*> names, texts;
  for (const auto& [header, text] : headers) {
    names.push_back(header.c_str());
    texts.push_back(text.c_str());
  }
  nvrtcProgram program = nullptr;
  Compiled compiled;
  check(nvrtcCreateProgram(&program, source.c_str(), name, static_cast<int>(headers.size()), texts.data(), names.data()) == 0, "nvrtcCreateProgram");
  compiled.result = nvrtcCompileProgram(program, static_cast<int>(options.size()), pointers(options).data());
  std::size_t size = 0;
  check(nvrtcGetProgramLogSize(program, &size) == 0, "nvrtcGetProgramLogSize");
  compiled.log.resize(size);
  check(nvrtcGetProgramLog(program, compiled.log.data()) == 0, "nvrtcGetProgramLog");
  compiled.log.resize(size - 1);
  if (compiled.result == 0) {
    check(nvrtcGetCUBINSize(program, &size) == 0, "nvrtcGetCUBINSize");
    compiled.image.resize(size);
    check(nvrtcGetCUBIN(program, compiled.image.data()) == 0, "nvrtcGetCUBIN");
    check(nvrtcGetPTXSize(program, &size) == 0, "nvrtcGetPTXSize");
    compiled.ptx.resize(size);
    check(nvrtcGetPTX(program, compiled.ptx.data()) == 0, "nvrtcGetPTX");
  }
  check(nvrtcDestroyProgram(&program) == 0 && program == nullptr, "nvrtcDestroyProgram");
  return compiled;
}

std::unique_ptr<flowcut::sim::KernelImage> load(const std::string& source) {
  const Compiled compiled = compile(source);
  std::string error;
  std::unique_ptr<flowcut::sim::KernelImage> image;
  if (compiled.result == 0) image = flowcut::sim::KernelImage::load(compiled.image.data(), compiled.image.size(), error);
  if (image != nullptr) return image;
  std::printf("the kernel does not compile or load: %d\n%s%s\n", compiled.result, compiled.log.c_str(), error.c_str());
  std::exit(1);
}

flowcut::sim::LaunchReport run(const flowcut::sim::KernelImage& image, const char* name, const Launch& launch, const void* args) {
  const flowcut::sim::KernelEntry* const kernel = image.find(name);
  if (kernel == nullptr) return {false, std::string("no kernel ") + name};
  return flowcut::sim::execute(*kernel, {launch.grid, launch.block, launch.shared_bytes, launch.seed}, args);
}

void check_violation(const flowcut::sim::LaunchReport& report, const std::vector<std::string>& parts, std::source_location at) {
  if (!check(!report.ok, "the launch should have been stopped", at)) return;
  for (const std::string& part : parts)
    check(report.message.find(part) != std::string::npos, "\"" + part + "\" is missing in: " + report.message, at);
}

void check_ok(const flowcut::sim::LaunchReport& report, std::source_location at) { check(report.ok, "violation: " + report.message, at); }

}  // namespace test
