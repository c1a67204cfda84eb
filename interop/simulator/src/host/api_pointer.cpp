// Questions about pointers.
#include <cstring>

#include "host/call.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

template <class Value>
void store(void* data, Value value) {
  std::memcpy(data, &value, sizeof value);
}

// Writes what is known about a pointer that CUDA knows nothing of.
bool store_unknown(CUpointer_attribute attribute, void* data) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: store(data, 0u); return true;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: store(data, -2); return true;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_MAPPED:
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS: store(data, 0u); return true;
    case CU_POINTER_ATTRIBUTE_CONTEXT:
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: store(data, std::uint64_t{0}); return true;
    default: return false;
  }
}

// Writes one attribute; false if there is no such value for this memory.
bool store_known(const Allocation& memory, std::uintptr_t address, CUpointer_attribute attribute, void* data) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:  // stream-ordered memory belongs to a device, not to a context
      store(data, memory.kind == MemoryKind::Pool || memory.context == nullptr ? nullptr : memory.context->handle);
      return true;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: store(data, memory.is_device() ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST); return true;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: store(data, static_cast<CUdeviceptr>(address)); return true;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (memory.is_device()) return false;
      store(data, address);
      return true;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: store(data, memory.number); return true;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: store(data, 0u); return true;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: store(data, memory.device); return true;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: store(data, memory.address); return true;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: store(data, memory.size); return true;
    case CU_POINTER_ATTRIBUTE_MAPPED: store(data, 1u); return true;
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS: store(data, 3u); return true;  // read and write
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      if (memory.pool == nullptr) return false;
      store(data, memory.pool->handle);
      return true;
    default: return false;
  }
}

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr pointer) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (data == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto memory = now.driver.memory.range(pointer, 1);
    return memory != nullptr && store_known(*memory, pointer, attribute, data) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  });
}

// Unlike cuPointerGetAttribute, this succeeds for any pointer and any attribute without value.
FLOWCUT_SIM_EXPORT CUresult cuPointerGetAttributes(unsigned count, CUpointer_attribute* attributes, void** data, CUdeviceptr pointer) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (count == 0 || attributes == nullptr || data == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto memory = now.driver.memory.range(pointer, 1);
    for (unsigned i = 0; i < count; ++i) {
      if (data[i] == nullptr) return CUDA_ERROR_INVALID_VALUE;
      if (memory != nullptr && store_known(*memory, pointer, attributes[i], data[i])) continue;
      if (!store_unknown(attributes[i], data[i])) return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
  });
}
