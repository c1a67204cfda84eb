// Initialisation, devices, contexts: what is allowed when, and what is said otherwise.
#include "client.hpp"

#include <cstring>

using namespace client;

namespace {

void before_init() {
  int value = 0;
  CUdevice device = 0;
  expect(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&value));
  expect(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGet(&device, 0));
  expect(CUDA_ERROR_NOT_INITIALIZED, cuCtxSynchronize());
  ok(cuDriverGetVersion(&value));
  same(13000, value, "version");
  expect(CUDA_ERROR_INVALID_VALUE, cuInit(1));
  same(0, flowcutSimSetDeviceCount(0), "no device");
  expect(CUDA_ERROR_NO_DEVICE, cuInit(0));
  same(0, flowcutSimSetDeviceCount(1), "one device");
  ok(cuInit(0));
}

void devices() {
  int value = 0;
  char name[64];
  same(0, flowcutSimSetDevice(0, 8, 6, 8ull << 30, "an RTX"), "describe");
  ok(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0));
  same(6, value, "minor");
  ok(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 0));
  same(99 * 1024, value, "shared memory");
  ok(cuDeviceGetName(name, sizeof name, 0));
  check(std::strcmp(name, "an RTX") == 0, name);
  ok(cuDeviceGetName(name, 3, 0));
  check(std::strcmp(name, "an") == 0, name);
  std::size_t bytes = 0;
  ok(cuDeviceTotalMem_v2(&bytes, 0));
  same(8ull << 30, bytes, "memory");
  expect(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&value, 1));
  expect(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 5));
  expect(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(9999), 0));
  flowcutSimReset(1);
  ok(cuDeviceGetName(name, sizeof name, 0));
  check(std::strcmp(name, "FlowCut simulator") == 0, name);
}

void contexts() {
  CUcontext context = nullptr, found = nullptr;
  unsigned flags = 0, version = 0;
  int active = 0;
  CUdevice device = -1;
  expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxGetDevice(&device));
  ok(cuDevicePrimaryCtxRetain(&context, 0));
  ok(cuDevicePrimaryCtxRetain(&found, 0));
  check(context == found, "one primary context");
  ok(cuCtxPushCurrent_v2(context));
  ok(cuCtxGetDevice(&device));
  same(0, device, "device");
  ok(cuCtxGetApiVersion(context, &version));
  same(static_cast<int>(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE), flowcutSimSetDeviceCount(2), "devices while a context is active");
  expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(reinterpret_cast<CUcontext>(0x1234)));
  ok(cuDevicePrimaryCtxRelease_v2(0));
  ok(cuDevicePrimaryCtxGetState(0, &flags, &active));
  same(1, active, "one reference left");
  ok(cuCtxSynchronize());
  ok(cuDevicePrimaryCtxRelease_v2(0));
  expect(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
  expect(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
  ok(cuCtxPopCurrent_v2(&found));
  check(context == found, "popped");
  expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxPopCurrent_v2(&found));
  ok(cuCtxGetCurrent(&found));
  check(found == nullptr, "no context");
}

void handles_of_another_context() {
  flowcutSimReset(1);
  same(0, flowcutSimSetDeviceCount(2), "two devices");
  CUcontext first = nullptr, second = nullptr, reported = nullptr;
  ok(cuDevicePrimaryCtxRetain(&first, 0));
  ok(cuDevicePrimaryCtxRetain(&second, 1));
  ok(cuCtxSetCurrent(second));
  const CUdeviceptr memory = allocate(64);
  int ordinal = -1;
  ok(cuPointerGetAttribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, memory));
  ok(cuPointerGetAttribute(&reported, CU_POINTER_ATTRIBUTE_CONTEXT, memory));
  same(1, ordinal, "device of the memory");
  check(reported == second, "context of the memory");
  const CUevent event = make_event();
  ok(cuCtxSetCurrent(first));
  const CUstream stream = make_stream();
  expect(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, stream), "event of another context");
  ok(cuDevicePrimaryCtxRelease_v2(0));
  check(contains(leaks(), "stream from cuStreamCreate"), leaks());
  ok(cuDevicePrimaryCtxRelease_v2(1));
  check(contains(leaks(), "event from cuEventCreate") && contains(leaks(), "(cuMemAlloc_v2, 64 bytes)"), leaks());
}

void names() {
  const char* text = nullptr;
  ok(cuGetErrorName(CUDA_ERROR_CAPTURED_EVENT, &text));
  check(std::strcmp(text, "CUDA_ERROR_CAPTURED_EVENT") == 0, text);
  ok(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
  check(std::strcmp(text, "out of memory") == 0, text);
  expect(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(static_cast<CUresult>(12345), &text));
  void* function = nullptr;
  CUdriverProcAddressQueryResult status{};
  ok(cuGetProcAddress_v2("cuMemAlloc", &function, 12000, 0, &status));
  check(function == reinterpret_cast<void*>(&cuMemAlloc_v2), "the newest cuMemAlloc");
  ok(cuGetProcAddress_v2("cuMemFly", &function, 12000, 0, &status));
  same(static_cast<int>(CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND), static_cast<int>(status), "status");
}

}  // namespace

int main() {
  before_init();
  devices();
  contexts();
  handles_of_another_context();
  names();
  return summary();
}
