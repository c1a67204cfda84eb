// Modules, functions, and the limits of launches.
#include "client.hpp"

#include <cstring>

using namespace client;

namespace {

void images() {
  const Session session;
  CUmodule module = nullptr;
  expect(CUDA_ERROR_INVALID_IMAGE,
         cuModuleLoadData(&module, "this is no image of any kind, only text of some length ........................"));
  std::vector<char> image = compile(kKernels);
  std::vector<char> damaged = image;
  damaged[damaged.size() / 2] ^= 1;
  expect(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&module, damaged.data()));
  ok(cuModuleLoadDataEx(&module, image.data(), 0, nullptr, nullptr));
  CUfunction function = nullptr, again = nullptr;
  ok(cuModuleGetFunction(&function, module, "fc_add"));
  ok(cuModuleGetFunction(&again, module, "fc_add"));
  check(function == again, "one function");
  expect(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&again, module, "fc_none"));
  ok(cuModuleUnload(module));
  expect(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
  int value = 0;
  expect(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, function));
  check(violations().empty(), "a refused image is no violation");
}

void limits() {
  const Session session;
  const Kernels kernels;
  const CUfunction add = kernels.function("fc_add"), shared = kernels.function("fc_shared");
  const CUdeviceptr memory = allocate(256);
  Buffers arguments = buffers(memory, memory, 64, 1);
  void* parameters[] = {&arguments};
  const auto launch = [&](CUfunction function, unsigned grid, unsigned block, unsigned bytes) {
    return cuLaunchKernel(function, grid, 1, 1, block, 1, 1, bytes, nullptr, parameters, nullptr);
  };
  int value = 0;
  ok(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, add));
  same(64, value, "launch bounds");
  expect(CUDA_ERROR_INVALID_VALUE, launch(add, 1, 65, 0), "more threads than the launch bounds");
  expect(CUDA_ERROR_INVALID_VALUE, launch(add, 0, 64, 0), "empty grid");
  expect(CUDA_ERROR_INVALID_VALUE, launch(add, 1, 0, 0), "empty block");
  expect(CUDA_ERROR_INVALID_VALUE, launch(add, 0x80000000u, 1, 0), "grid too large");
  expect(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 65536, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), "grid too high");
  expect(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr), "no arguments");
  expect(CUDA_ERROR_INVALID_HANDLE, launch(nullptr, 1, 1, 0), "no function");
  expect(CUDA_ERROR_INVALID_VALUE, launch(shared, 1, 64, 48 * 1024 + 1), "shared memory without the attribute");
  expect(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(shared, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 228 * 1024),
         "more than a block may have");
  ok(cuFuncSetAttribute(shared, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 * 1024));
  ok(launch(shared, 1, 64, 100 * 1024));
  expect(CUDA_ERROR_INVALID_VALUE, launch(shared, 1, 64, 100 * 1024 + 1));
  const std::vector<unsigned> result = read(memory, 64);
  for (unsigned i = 0; i < 64; ++i) same(64 - i, result[i], "exchanged through shared memory");
  ok(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, add, 64, 50 * 1024));
  same(4, value, "blocks by shared memory");
  ok(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, add, 64, 0));
  same(32, value, "blocks at most");
  ok(cuFuncSetCacheConfig(add, CU_FUNC_CACHE_PREFER_L1));
  ok(cuMemFree_v2(memory));
}

void argument_buffers() {
  const Session session;
  const Kernels kernels;
  const CUfunction set = kernels.function("fc_set");
  const CUdeviceptr memory = allocate(256);
  Buffers arguments = buffers(0, memory, 64, 11);
  std::size_t bytes = sizeof arguments;
  void* extra[] = {kLaunchParamBufferPointer, &arguments, kLaunchParamBufferSize, &bytes, kLaunchParamEnd};
  CUlaunchConfig config{};
  config.gridDimX = config.gridDimY = config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
  config.blockDimX = 64;
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  config.attrs = &attribute;
  config.numAttrs = 1;
  ok(cuLaunchKernelEx(&config, set, nullptr, extra));
  for (const unsigned value : read(memory, 64)) same(11u, value, "set");
  bytes = 8;
  expect(CUDA_ERROR_INVALID_VALUE, cuLaunchKernelEx(&config, set, nullptr, extra), "another size");
  attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  attribute.value.cooperative = 1;
  bytes = sizeof arguments;
  expect(CUDA_ERROR_NOT_SUPPORTED, cuLaunchKernelEx(&config, set, nullptr, extra));
  ok(cuMemFree_v2(memory));
}

// The kernel was queued before its module was unloaded.
void unload_before_it_has_run() {
  const Session session;
  flowcutSimSetIdleDelay(0, 0);
  const CUdeviceptr memory = allocate(256);
  {
    const Kernels kernels;
    ok(kernels.launch("fc_set", buffers(0, memory, 64, 3), nullptr));
  }
  for (const unsigned value : read(memory, 64)) same(3u, value, "set");
  ok(cuMemFree_v2(memory));
}

}  // namespace

int main() {
  ok(cuInit(0));
  images();
  limits();
  argument_buffers();
  unload_before_it_has_run();
  return summary();
}
