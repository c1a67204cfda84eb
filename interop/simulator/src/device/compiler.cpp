#include "device/compiler.hpp"

#include "device/compiler_log.hpp"
#include "device/embedded.hpp"
#include "device/image_cache.hpp"
#include "device/image_format.hpp"
#include "device/nvrtc_options.hpp"
#include "device/process.hpp"

#include <cstdlib>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

namespace flowcut::sim {
namespace {

constexpr int kInvalidOption = 5, kCompilationFailed = 6, kBuiltinsMissing = 7;
constexpr char kUnit[] = "flowcut_sim_unit.cpp", kObject[] = "flowcut_sim_unit.o", kLibrary[] = "flowcut_sim_image.so";

struct HostCompiler {
  std::string command;
  std::string identity;  // version and CPU, part of every key; empty if the compiler cannot be run
};

// The code is made for this CPU, so the cache must not be shared with others.
std::string cpu_identity() {
  std::ifstream info("/proc/cpuinfo");
  std::string text;
  for (std::string line; std::getline(info, line) && !line.empty();)
    if (line.starts_with("model name") || line.starts_with("flags") || line.starts_with("Features")) text += line + "\n";
  return text;
}

HostCompiler find_compiler() {
  std::vector<std::string> candidates = {"g++", "c++", "clang++"};
  const char* const set = std::getenv("FLOWCUT_SIM_CXX");
  if (set != nullptr && *set != '\0') candidates = {set};
  for (const std::string& command : candidates) {
    const ProcessResult version = run_process({command, "--version"}, {});
    if (version.started && version.status == 0) return {command, command + "\n" + version.output + cpu_identity()};
  }
  return {candidates.front(), {}};
}

const HostCompiler& host_compiler() {
  static const HostCompiler compiler = find_compiler();
  return compiler;
}

bool is_clang() { return host_compiler().identity.find("clang version") != std::string::npos; }

std::vector<std::string> compile_flags(const NvrtcOptions& options) {
  std::vector<std::string> flags = {
      "-O2", "-std=" + options.standard, "-fPIC", "-fvisibility=hidden", "-w", "-fno-exceptions", "-fno-rtti", "-fno-math-errno",
      "-fno-strict-aliasing", is_clang() ? "-fno-caret-diagnostics" : "-fno-diagnostics-show-caret", "-fno-diagnostics-color", "-fstack-clash-protection",
      // as the hardware would, except that a*b+c is not contracted: the order and rounding of additions are then the source's
      "-ffp-contract=off",
      // what a GPU traps or answers with garbage: measured to cost nothing; the handlers are in the prelude
      "-fsanitize=alignment,bounds,signed-integer-overflow,integer-divide-by-zero",
      // a variable that is read before it is written is not zero by chance
      "-ftrivial-auto-var-init=pattern", "-I."};
#if defined(__x86_64__)
  flags.push_back("-march=native");
#endif
#if defined(FLOWCUT_SIM_ASAN)
  flags.insert(flags.end(), {"-DFLOWCUT_SIM_ASAN=1", "-fsanitize=address", "-fno-omit-frame-pointer"});
#endif
  flags.insert(flags.end(), {"-D__CUDACC__=1", "-D__CUDACC_RTC__=1", "-D__CUDACC_VER_MAJOR__=13", "-D__CUDACC_VER_MINOR__=0",
                             "-D__CUDA_ARCH__=" + std::to_string(options.architecture * 10)});
  if (options.architecture_specific)
    flags.push_back("-D__CUDA_ARCH_FEAT_SM" + std::to_string(options.architecture) + "_ALL=1");
  flags.insert(flags.end(), options.passed_on.begin(), options.passed_on.end());
  return flags;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result + "\"";
}

// The prelude, the source under its own name, and the table of its kernels.
std::string unit_text(const CompileInput& input) {
  std::ostringstream text;
  text << "#include \"flowcut_sim/device.hpp\"\n#line 1 " << quoted(input.name) << "\n" << input.source << "\n#line 1 \"the list of kernels\"\n";
  const std::vector<FoundKernel> kernels = find_kernels(input.source);
  text << "namespace fc {}\nnamespace flowcut_sim {\nnamespace {\nusing namespace ::fc;\n";
  text << "constexpr ImageKernel kImageKernels[] = {\n";
  for (const FoundKernel& kernel : kernels)
    text << "  image_kernel<&" << kernel.name << ">(\"" << kernel.name << "\", first_bound(" << kernel.bounds << ")),\n";
  text << "  {nullptr, nullptr, 0, 0}};\n}\n}\n"
       << "extern \"C\" __attribute__((visibility(\"default\"))) const flowcut_sim::ImageTable flowcut_sim_image;\n"
       << "const flowcut_sim::ImageTable flowcut_sim_image = {flowcut_sim::kApiVersion, " << kernels.size()
       << ", flowcut_sim::kImageKernels, &flowcut_sim::api};\n";
  return text.str();
}

bool is_embedded(const std::string& name) {
  for (std::size_t i = 0; i < embedded_header_count; i++)
    if (name == embedded_headers[i].name) return true;
  return false;
}

bool stays_inside(const std::string& name) {
  return !name.empty() && name.front() != '/' && ("/" + name + "/").find("/../") == std::string::npos;
}

// Each part with its length, so that no two inputs give the same text.
Digest key_of(const std::string& unit, const CompileInput& input, const std::vector<std::string>& flags) {
  std::string all;
  const auto add = [&all](std::string_view part) { all.append(std::to_string(part.size())).append(":").append(part); };
  add(host_compiler().identity);
  for (const std::string& flag : flags) add(flag);
  for (std::size_t i = 0; i < embedded_header_count; i++) add(embedded_headers[i].text);
  for (const auto& [name, text] : input.headers) {
    add(name);
    add(text);
  }
  add(unit);
  return sha256(all);
}

bool write_sources(const std::string& folder, const CompileInput& input, const std::string& unit) {
  bool ok = write_file(folder + "/" + kUnit, unit);
  for (const auto& [name, text] : input.headers)
    if (!is_embedded(name) && stays_inside(name)) ok = write_file(folder + "/" + name, text) && ok;
  for (std::size_t i = 0; i < embedded_header_count; i++)
    ok = write_file(folder + "/" + embedded_headers[i].name, embedded_headers[i].text) && ok;
  return ok;
}

// Two steps: a link with the sanitizer's options would ask for its run-time library.
CompileOutput build(const CompileInput& input, const std::string& unit, const std::vector<std::string>& flags) {
  const TemporaryFolder folder;
  if (folder.path().empty() || !write_sources(folder.path(), input, unit))
    return {kBuiltinsMissing, "nvrtc: error: the simulator cannot write the sources to a temporary folder\n", {}, {}};
  const std::string& command = host_compiler().command;
  std::vector<std::string> compile_command = {command};
  compile_command.insert(compile_command.end(), flags.begin(), flags.end());
  compile_command.insert(compile_command.end(), {"-c", kUnit, "-o", kObject});
  const ProcessResult compiled = run_process(compile_command, folder.path());
  if (!compiled.started || compiled.status != 0) return {kCompilationFailed, nvrtc_log(compiled.output, input.name), {}, {}};
  const ProcessResult linked = run_process({command, "-shared", "-o", kLibrary, kObject, "-lm"}, folder.path());
  std::string library;
  if (linked.status != 0 || !read_file(folder.path() + "/" + kLibrary, library))
    return {kCompilationFailed, nvrtc_log(compiled.output + linked.output, input.name), {}, {}};
  return {0, {}, make_image(library), {}};
}

}  // namespace

CompileOutput compile(const CompileInput& input) {
  NvrtcOptions options;
  CompileOutput output;
  if (!parse_options(input.options, options, output.log)) {
    output.result = kInvalidOption;
    return output;
  }
  if (host_compiler().identity.empty()) {
    output.result = kBuiltinsMissing;
    output.log = "nvrtc: error: the simulator needs a C++ compiler, and \"" + host_compiler().command +
                 "\" cannot be run: install g++, or set FLOWCUT_SIM_CXX\n";
    return output;
  }
  const std::string unit = unit_text(input);
  const std::vector<std::string> flags = compile_flags(options);
  const Digest key = key_of(unit, input, flags);
  if (!read_cached_image(key, output.image)) {
    output = build(input, unit, flags);
    if (output.result == 0) write_cached_image(key, output.image);
  }
  if (output.result != 0) return output;
  output.text = "// The simulator makes no PTX. The source of " + input.name + ":\n" + input.source;
  if (!options.machine_code) output.image.clear();
  return output;
}

}  // namespace flowcut::sim
