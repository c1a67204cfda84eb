#include "client.hpp"

#include <cstdlib>

#include "nvrtc_api.hpp"

namespace client {

namespace {

std::string name_of(CUresult result) {
  const char* name = nullptr;
  return cuGetErrorName(result, &name) == CUDA_SUCCESS ? name : std::to_string(result);
}

template <class Function>
std::string text_of(Function function) {
  std::string text(function(nullptr, 0) + 1, '\0');
  text.resize(function(text.data(), text.size()));
  return text;
}

[[noreturn]] void give_up(const std::string& why) {
  std::printf("%s\n", why.c_str());
  std::exit(2);
}

}  // namespace

bool expect(CUresult expected, CUresult actual, const std::string& what, std::source_location at) {
  return check(expected == actual, what + (what.empty() ? "" : ": ") + "expected " + name_of(expected) + ", got " + name_of(actual), at);
}

std::string violations() { return text_of(flowcutSimViolations); }

std::string leaks() { return text_of(flowcutSimLeaks); }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

bool reported(const std::vector<std::string>& parts, std::source_location at) {
  const std::string text = violations();
  bool all = true;
  for (const std::string& part : parts) all = check(contains(text, part), "no \"" + part + "\" in: " + text, at) && all;
  return all;
}

Session::Session(std::uint64_t seed, std::source_location at) : at_(at) {
  flowcutSimReset(seed);
  ok(cuInit(0), at);
  ok(cuDevicePrimaryCtxRetain(&context, 0), at);
  ok(cuCtxSetCurrent(context), at);
}

Session::~Session() {
  ok(cuDevicePrimaryCtxRelease_v2(0), at_);
  ok(cuCtxSetCurrent(nullptr), at_);
  if (!clean) return;
  check(violations().empty(), "violations: " + violations(), at_);
  check(leaks().empty(), "leaks: " + leaks(), at_);
}

std::vector<char> compile(const std::string& source) {
  nvrtcProgram program = nullptr;
  if (nvrtcCreateProgram(&program, source.c_str(), "test.cu", 0, nullptr, nullptr) != 0) give_up("nvrtcCreateProgram");
  const char* options[] = {"--gpu-architecture=sm_90a"};
  const int result = nvrtcCompileProgram(program, 1, options);
  if (result != 0) {
    std::size_t size = 0;
    nvrtcGetProgramLogSize(program, &size);
    std::string log(size, '\0');
    nvrtcGetProgramLog(program, log.data());
    give_up(log);
  }
  std::size_t size = 0;
  nvrtcGetCUBINSize(program, &size);
  std::vector<char> image(size);
  nvrtcGetCUBIN(program, image.data());
  nvrtcDestroyProgram(&program);
  return image;
}

const char* const kKernels = R"(
#include "fc/ptx.cuh"
struct Buffers { const unsigned* in; unsigned* out; int count; int value; };
constexpr int kThreads = 64;
extern "C" __global__ void __launch_bounds__(kThreads) fc_add(const __grid_constant__ Buffers args) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < args.count) args.out[i] = args.in[i] + args.value;
}
extern "C" __global__ void __launch_bounds__(kThreads) fc_set(const __grid_constant__ Buffers args) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < args.count) args.out[i] = args.value;
}
// Writes one element at out[count + value], wherever that is.
extern "C" __global__ void __launch_bounds__(kThreads) fc_poke(const __grid_constant__ Buffers args) {
  if (blockIdx.x == 0 && threadIdx.x == 0) args.out[args.count + args.value] = 7u;
}
extern "C" __global__ void __launch_bounds__(kThreads) fc_publish(const __grid_constant__ Buffers args) {
  if (blockIdx.x == 0 && threadIdx.x == 0) fc::store_system_release(args.out, args.value);
}
extern "C" __global__ void __launch_bounds__(kThreads) fc_shared(const __grid_constant__ Buffers args) {
  auto& shared = fc::dynamic_shared<unsigned[64]>();
  shared[threadIdx.x] = args.value + threadIdx.x;
  __syncthreads();
  args.out[threadIdx.x] = shared[kThreads - 1 - threadIdx.x];
}
)";

Kernels::Kernels() {
  static const std::vector<char> image = compile(kKernels);
  ok(cuModuleLoadData(&module, image.data()));
}

Kernels::~Kernels() { cuModuleUnload(module); }

CUfunction Kernels::function(const char* name) const {
  CUfunction found = nullptr;
  ok(cuModuleGetFunction(&found, module, name));
  return found;
}

CUresult Kernels::launch(const char* name, const Buffers& arguments, CUstream stream) const {
  Buffers copied = arguments;
  void* parameters[] = {&copied};
  const unsigned blocks = static_cast<unsigned>(arguments.count + 63) / 64;
  const CUresult result = cuLaunchKernel(function(name), blocks == 0 ? 1 : blocks, 1, 1, 64, 1, 1, 256, stream, parameters, nullptr);
  copied = Buffers{};  // a launch keeps its arguments
  return result;
}

CUdeviceptr allocate(std::size_t bytes) {
  CUdeviceptr pointer = 0;
  ok(cuMemAlloc_v2(&pointer, bytes));
  return pointer;
}

CUstream make_stream(unsigned flags) {
  CUstream stream = nullptr;
  ok(cuStreamCreate(&stream, flags));
  return stream;
}

CUevent make_event(unsigned flags) {
  CUevent event = nullptr;
  ok(cuEventCreate(&event, flags));
  return event;
}

unsigned* pinned(std::size_t count) {
  void* memory = nullptr;
  ok(cuMemHostAlloc(&memory, count * sizeof(unsigned), 0));
  return static_cast<unsigned*>(memory);
}

Buffers buffers(CUdeviceptr in, CUdeviceptr out, int count, int value) {
  return {reinterpret_cast<const unsigned*>(in), reinterpret_cast<unsigned*>(out), count, value};
}

std::vector<unsigned> read(CUdeviceptr pointer, std::size_t count) {
  std::vector<unsigned> content(count);
  ok(cuCtxSynchronize());
  ok(cuMemcpyDtoHAsync_v2(content.data(), pointer, count * sizeof(unsigned), nullptr));
  return content;
}

}  // namespace client
