// The NVRTC entry points: versions, options, logs, virtual headers, the cache of images, damaged images, wrong handles, injected faults.
#include "nvrtc_api.hpp"
#include "support.hpp"

#include "device/compiler.hpp"
#include "device/sha256.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

using namespace test;
namespace fs = std::filesystem;

namespace {

constexpr char kGood[] = R"(
#include "config/scale.cuh"
struct Args { float* out; };
extern "C" __global__ void __launch_bounds__(kThreads) fc_scale(const __grid_constant__ Args args) { args.out[threadIdx.x] *= kScale; }
)";
const Headers kConfig = {{"config/scale.cuh", "#pragma once\nconstexpr int kThreads = 64;\nconstexpr float kScale = 3.f;\n"}};

bool contains(const std::string& text, const std::string& part) {
  return check(text.find(part) != std::string::npos, "\"" + part + "\" is missing in: " + text);
}

void versions() {
  int major = 0, minor = -1, count = 0;
  check_equal(0, nvrtcVersion(&major, &minor), "nvrtcVersion");
  check_equal(13, major, "major");
  check_equal(0, minor, "minor");
  check_equal(3, nvrtcVersion(nullptr, &minor), "a null pointer");
  check_equal(0, nvrtcGetNumSupportedArchs(&count), "nvrtcGetNumSupportedArchs");
  std::vector<int> architectures(count);
  check_equal(0, nvrtcGetSupportedArchs(architectures.data()), "nvrtcGetSupportedArchs");
  for (const int wanted : {80, 86, 89, 90, 100, 120})
    check(std::find(architectures.begin(), architectures.end(), wanted) != architectures.end(), "architecture " + std::to_string(wanted));
  check(std::strcmp(nvrtcGetErrorString(6), "NVRTC_ERROR_COMPILATION") == 0, "the name of result 6");
}

void options() {
  for (const char* architecture : {"sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_100f", "sm_120"})
    check_equal(0, compile(kGood, {std::string("--gpu-architecture=") + architecture}, kConfig).result, architecture);
  check_equal(0, compile(kGood, {"-arch", "sm_90a", "--std=c++17", "-default-device", "-Xptxas=-v", "--no-cache", "-lineinfo", "-DX=1"}, kConfig).result, "options");
  const Compiled unknown = compile(kGood, {"--resource-usage"}, kConfig);
  check_equal(5, unknown.result, "an unknown option");
  contains(unknown.log, "--resource-usage");
  check_equal(5, compile(kGood, {"--gpu-architecture=sm_91"}, kConfig).result, "an unknown architecture");
  check_equal(5, compile(kGood, {"--gpu-architecture=native"}, kConfig).result, "native");
  const Compiled portable = compile(kGood, {"--gpu-architecture=compute_90"}, kConfig);
  check_equal(0, portable.result, "compute_90");
  check_equal(std::size_t{0}, portable.image.size(), "no machine code for compute_90");
  check(portable.ptx.size() > 1, "text in place of PTX");
}

void logs() {
  const Compiled wrong = compile("\n\nextern \"C\" __global__ void fc_x(int n) { undeclared = 1; }\n", {"--gpu-architecture=sm_80"}, {}, "folder/wrong.cu");
  check_equal(6, wrong.result, "a wrong source");
  contains(wrong.log, "folder/wrong.cu(3): error: ");
  contains(wrong.log, "undeclared");
  contains(wrong.log, "1 error detected in the compilation of \"folder/wrong.cu\".");
  check(wrong.log.find("/tmp") == std::string::npos && wrong.log.find("flowcut_sim_unit") == std::string::npos, "folders in the log: " + wrong.log);
  const Compiled header = compile(kGood, {"--gpu-architecture=sm_80"}, {{"config/scale.cuh", "constexpr int kThreads = x;\n"}});
  contains(header.log, "config/scale.cuh(1): error: ");
  const Compiled missing = compile(kGood, {"--gpu-architecture=sm_80"});
  check_equal(6, missing.result, "a missing header");
  contains(missing.log, "test.cu(2): catastrophic error: config/scale.cuh: No such file");
  check_equal(6, compile("#include <stdint.h>\n__shared__ int x;", {}).result, "shared memory outside of fc/ptx.cuh");
  const Compiled two = compile("extern \"C\" __global__ void fc_two(int a, int b) {}\n");
  check_equal(6, two.result, "two parameters");
  contains(two.log, "exactly one parameter");
  check(compile(kGood, {"--gpu-architecture=sm_80"}, kConfig).log.empty(), "the log of a success");
}

void assertions() {
  const std::string source = kGood;
  check_equal(0, compile(source + "static_assert(__builtin_offsetof(Args, out) == 0, \"\");\n", {"-arch=sm_80"}, kConfig).result, "a layout that holds");
  const Compiled wrong = compile(source + "static_assert(sizeof(Args) == 12, \"sizes differ\");\n", {"-arch=sm_80"}, kConfig);
  check_equal(6, wrong.result, "a layout that does not");
  contains(wrong.log, "sizes differ");
}

void scan() {
  const auto kernels = flowcut::sim::find_kernels(
      "// extern \"C\" __global__ void fc_comment(X x)\n"
      "extern \"C\" __global__ void __launch_bounds__(f(1, 2) * 32, 2) fc_a(const __grid_constant__ A args) {}\n"
      "extern \"C\" __global__ void fc_b(B args);\n"
      "extern \"C\" __global__ void __launch_bounds__(kThreads)\n    fc_c(const __grid_constant__ C args)\n");
  check_equal(std::size_t{3}, kernels.size(), "kernels found");
  if (kernels.size() != 3) return;
  check(kernels[0].name == "fc_a" && kernels[0].bounds == "f(1, 2) * 32, 2", "name and bounds");
  check(kernels[1].name == "fc_b" && kernels[1].bounds.empty(), "no bounds");
  check(kernels[2].name == "fc_c" && kernels[2].bounds == "kThreads", "a name on the next line");
}

std::string file_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void cache() {
  const fs::path folder = fs::temp_directory_path() / ("flowcut-sim-test-" + std::to_string(getpid()));
  setenv("FLOWCUT_SIM_CACHE", folder.c_str(), 1);
  const std::string first = compile(kGood, {"-arch=sm_90a"}, kConfig).image;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  check_equal(std::size_t{1}, entries.size(), "one entry after one compilation");
  if (entries.size() == 1) {
    check(file_text(entries[0]) == first, "the entry is the image");
    for (const std::size_t at : {std::size_t{0}, std::size_t{20}, first.size() / 2, first.size() - 1}) {
      std::string damaged = first;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      std::ofstream(entries[0], std::ios::binary) << damaged;
      check(compile(kGood, {"-arch=sm_90a"}, kConfig).result == 0, "a damaged entry is compiled again");
      check(file_text(entries[0]) != damaged, "and replaced");
    }
    std::ofstream(entries[0], std::ios::binary | std::ios::trunc).close();
    check(compile(kGood, {"-arch=sm_90a"}, kConfig).image.size() > 1000, "an empty entry");
  }
  std::vector<std::thread> threads;
  std::vector<int> results(4, -1);
  for (int i = 0; i < 4; i++) threads.emplace_back([&, i] { results[i] = compile(std::string(kGood) + "// at once", {"-arch=sm_90a"}, kConfig).result; });
  for (std::thread& thread : threads) thread.join();
  for (const int result : results) check_equal(0, result, "compilations at once");
  const Headers other = {{"config/scale.cuh", kConfig[0].second + "// changed\n"}};
  compile(kGood, {"-arch=sm_90a"}, other);
  check_equal(3, static_cast<int>(std::distance(fs::directory_iterator(folder), fs::directory_iterator())), "a changed header is another entry");
  fs::remove_all(folder);
  unsetenv("FLOWCUT_SIM_CACHE");
}

void damaged_images() {
  const std::string image = compile(kGood, {"-arch=sm_90a"}, kConfig).image;
  std::string error;
  check(flowcut::sim::KernelImage::load(image.data(), 0, error) != nullptr, "an image without its size: " + error);
  check(flowcut::sim::KernelImage::load(image.data(), image.size() - 1, error) == nullptr, "a short image");
  contains(error, "cut off");
  std::string damaged = image;
  damaged[damaged.size() / 2] ^= 1;
  check(flowcut::sim::KernelImage::load(damaged.data(), damaged.size(), error) == nullptr, "a damaged image");
  contains(error, "damaged");
  check(flowcut::sim::KernelImage::load(".version 8.0 of something else", 30, error) == nullptr, "another text");
  contains(error, "not an image");
}

void handles() {
  check_equal(std::size_t{0}, flowcut::sim::live_programs(), "programs left over");
  nvrtcProgram program = nullptr, copy = nullptr;
  check_equal(3, nvrtcCreateProgram(&program, nullptr, nullptr, 0, nullptr, nullptr), "no source");
  check_equal(0, nvrtcCreateProgram(&program, "", nullptr, 0, nullptr, nullptr), "an empty source");
  check_equal(std::size_t{1}, flowcut::sim::live_programs(), "one program");
  std::size_t size = 0;
  check_equal(4, nvrtcGetCUBINSize(program, &size), "machine code before the compilation");
  copy = program;
  check_equal(0, nvrtcDestroyProgram(&program), "destroy");
  check_equal(4, nvrtcDestroyProgram(&copy), "destroy again");
  check_equal(4, nvrtcCompileProgram(copy, 0, nullptr), "a dead program");
  flowcut::sim::set_fault_hook([](const char* entry, int* result) {
    *result = 11;
    return std::strcmp(entry, "nvrtcCreateProgram") == 0;
  });
  check_equal(11, nvrtcCreateProgram(&program, "", nullptr, 0, nullptr, nullptr), "an injected fault");
  flowcut::sim::set_fault_hook(nullptr);
}

void digests() {
  check(flowcut::sim::hexadecimal(flowcut::sim::sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "SHA-256 of abc");
  check(flowcut::sim::hexadecimal(flowcut::sim::sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "SHA-256 of nothing");
  check(flowcut::sim::hexadecimal(flowcut::sim::sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "SHA-256 of two blocks");
}

}  // namespace

int main() {
  digests();
  versions();
  scan();
  options();
  logs();
  assertions();
  cache();
  damaged_images();
  handles();
  return summary();
}
