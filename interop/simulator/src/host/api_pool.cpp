// Stream-ordered memory and its pools.
#include <algorithm>
#include <cstring>

#include "host/allocations.hpp"
#include "host/capture.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

CUresult allocate(Call& now, CUdeviceptr* pointer, std::size_t bytes, std::shared_ptr<MemoryPool> pool, CUstream handle) {
  const auto stream = now.stream(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return allocate_in_order(now, bytes, std::move(pool), *stream, pointer);
}

bool valid(const Driver& driver, const CUmemPoolProps& properties) {
  return properties.allocType == CU_MEM_ALLOCATION_TYPE_PINNED && properties.handleTypes == CU_MEM_HANDLE_TYPE_NONE &&
         properties.location.type == CU_MEM_LOCATION_TYPE_DEVICE && properties.location.id >= 0 &&
         properties.location.id < driver.device_count;
}

// Where an attribute of type cuuint64_t is kept; null for the others.
template <class Value, class Pool>
Value* wide_attribute(Pool& pool, CUmemPool_attribute attribute) {
  switch (attribute) {
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: return &pool.release_threshold;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: return &pool.reserved;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: return &pool.reserved_high;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: return &pool.used;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: return &pool.used_high;
    default: return nullptr;
  }
}

bool is_reuse(CUmemPool_attribute attribute) {
  return attribute >= CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES && attribute <= CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES;
}

int& reuse_attribute(MemoryPool& pool, CUmemPool_attribute attribute) {
  return pool.reuse[attribute - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES];
}

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuMemAllocAsync(CUdeviceptr* pointer, std::size_t bytes, CUstream stream) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    return allocate(now, pointer, bytes, now.device().default_pool, stream);
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* pointer, std::size_t bytes, CUmemoryPool handle, CUstream stream) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto pool = find_pool(now.driver, handle);
    if (pointer == nullptr || bytes == 0 || pool == nullptr) return CUDA_ERROR_INVALID_VALUE;
    return allocate(now, pointer, bytes, pool, stream);
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream handle) {
  return release(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    const auto found = releasable(now.driver, pointer, true);
    if (found == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (const CUresult result = not_capturing(*stream); result != CUDA_SUCCESS) return result;
    Driver& driver = now.driver;
    const auto end = [&driver, found] {
      const std::lock_guard lock(driver.mutex);
      if (found->life != Life::Freed) end_allocation(driver, *found);
      return Outcome{};
    };
    if (now.context->error != CUDA_SUCCESS) {  // nothing that is queued will run any more
      end_allocation(driver, *found);
      return CUDA_SUCCESS;
    }
    const CUresult result = issue(now, *stream, std::make_shared<Work>(Work{WorkKind::Free, "free", end}));
    if (result == CUDA_SUCCESS) found->free_requested = true;
    return result;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool, CUdevice device) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (pool == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (device < 0 || device >= now.driver.device_count) return CUDA_ERROR_INVALID_DEVICE;
    *pool = static_cast<CUmemoryPool>(now.driver.devices[static_cast<std::size_t>(device)].default_pool->handle);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemPoolCreate(CUmemoryPool* handle, const CUmemPoolProps* properties) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (handle == nullptr || properties == nullptr || !valid(now.driver, *properties)) return CUDA_ERROR_INVALID_VALUE;
    auto pool = now.made(std::make_shared<MemoryPool>());
    pool->device = properties->location.id;
    pool->context = now.driver.devices[static_cast<std::size_t>(pool->device)].context.get();
    pool->max_size = properties->maxSize;
    *handle = static_cast<CUmemoryPool>(now.driver.pools.add(pool));
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool handle) {
  return release(__func__, Needs::Init, [&](Call& now) {
    const auto pool = find_pool(now.driver, handle);
    if (pool == nullptr || pool->is_default) return CUDA_ERROR_INVALID_VALUE;
    pool->destroyed = true;  // its allocations stay valid until they are freed
    if (pool->live == 0) now.driver.pools.remove(handle);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
  return call(__func__, Needs::Init, [&](Call& now) {
    const auto pool = find_pool(now.driver, handle);
    if (pool == nullptr || value == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (is_reuse(attribute)) {
      std::memcpy(value, &reuse_attribute(*pool, attribute), sizeof(int));
      return CUDA_SUCCESS;
    }
    const std::uint64_t* wide = wide_attribute<const std::uint64_t>(*pool, attribute);
    if (wide == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(value, wide, sizeof *wide);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attribute, void* value) {
  return call(__func__, Needs::Init, [&](Call& now) {
    const auto pool = find_pool(now.driver, handle);
    if (pool == nullptr || value == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (is_reuse(attribute)) {
      std::memcpy(&reuse_attribute(*pool, attribute), value, sizeof(int));
      return CUDA_SUCCESS;
    }
    std::uint64_t wanted;
    std::memcpy(&wanted, value, sizeof wanted);
    switch (attribute) {
      case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: pool->release_threshold = wanted; return CUDA_SUCCESS;
      case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:  // the high watermarks can only be set back
        if (wanted != 0) return CUDA_ERROR_INVALID_VALUE;
        pool->reserved_high = pool->reserved;
        return CUDA_SUCCESS;
      case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        if (wanted != 0) return CUDA_ERROR_INVALID_VALUE;
        pool->used_high = pool->used;
        return CUDA_SUCCESS;
      default: return CUDA_ERROR_INVALID_VALUE;
    }
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool handle, std::size_t keep) {
  return call(__func__, Needs::Init, [&](Call& now) {
    const auto pool = find_pool(now.driver, handle);
    if (pool == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const std::size_t used = (pool->used + (std::size_t{2} << 20) - 1) >> 21 << 21;
    pool->reserved = std::min(pool->reserved, std::max(used, keep));
    return CUDA_SUCCESS;
  });
}
