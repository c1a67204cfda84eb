// Device memory and pinned host memory outside of streams.
#include "host/allocations.hpp"
#include "host/capture.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

CUresult free_host_memory(Call& now, void* pointer, bool registered) {
  if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  std::shared_ptr<Allocation> found;
  if (registered) {
    found = now.driver.memory.containing(address);
    if (found == nullptr || found->kind != MemoryKind::Registered || found->address != address)
      return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  } else {
    found = releasable(now.driver, address, false);
    if (found == nullptr) return CUDA_ERROR_INVALID_VALUE;
  }
  found->free_requested = true;
  now.driver.synchronize(now.lock, *now.context);
  if (found->life != Life::Freed) end_allocation(now.driver, *found);
  return CUDA_SUCCESS;
}

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuMemGetInfo_v2(std::size_t* free_bytes, std::size_t* total_bytes) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (free_bytes == nullptr || total_bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *total_bytes = now.device().model.memory_bytes;
    *free_bytes = *total_bytes - now.driver.used_bytes(now.context->device);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* pointer, std::size_t bytes) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    return allocate_now(now, bytes, pointer);
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer) {
  return release(__func__, Needs::Context, [&](Call& now) {
    if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    const auto found = releasable(now.driver, pointer, true);
    if (found == nullptr) return CUDA_ERROR_INVALID_VALUE;
    found->free_requested = true;
    now.driver.synchronize(now.lock, *now.context);
    if (found->life != Life::Freed) end_allocation(now.driver, *found);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemHostAlloc(void** pointer, std::size_t bytes, unsigned flags) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (pointer == nullptr || bytes == 0 || flags > (kHostPortable | kHostDeviceMap | kHostAllocWriteCombined))
      return CUDA_ERROR_INVALID_VALUE;
    if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    const auto allocation = now.driver.memory.allocate(bytes, MemoryKind::Pinned, now.context->device, now.entry);
    if (allocation == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
    allocation->context = now.context;
    allocation->flags = flags;
    now.driver.memory.begin_life(*allocation);
    now.device().pinned_bytes += charged_bytes(bytes);
    *pointer = reinterpret_cast<void*>(allocation->address);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemFreeHost(void* pointer) {
  return release(__func__, Needs::Context, [&](Call& now) { return free_host_memory(now, pointer, false); });
}

FLOWCUT_SIM_EXPORT CUresult cuMemHostRegister_v2(void* pointer, std::size_t bytes, unsigned flags) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (pointer == nullptr || bytes == 0 || flags > (kHostPortable | kHostDeviceMap | kHostRegisterIoMemory | kHostRegisterReadOnly))
      return CUDA_ERROR_INVALID_VALUE;
    if ((flags & kHostRegisterIoMemory) != 0) return CUDA_ERROR_NOT_SUPPORTED;
    if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    const auto allocation = now.driver.memory.adopt(pointer, bytes, now.entry);
    if (allocation == nullptr) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    allocation->context = now.context;
    allocation->device = now.context->device;
    allocation->flags = flags;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemHostUnregister(void* pointer) {
  return release(__func__, Needs::Context, [&](Call& now) { return free_host_memory(now, pointer, true); });
}

FLOWCUT_SIM_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device_pointer, void* pointer, unsigned flags) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (device_pointer == nullptr || pointer == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
    const auto found = now.driver.memory.range(reinterpret_cast<std::uintptr_t>(pointer), 1);
    if (found == nullptr || found->is_device()) return CUDA_ERROR_INVALID_VALUE;
    *device_pointer = reinterpret_cast<CUdeviceptr>(pointer);  // one address space, as with unified addressing
    return CUDA_SUCCESS;
  });
}
