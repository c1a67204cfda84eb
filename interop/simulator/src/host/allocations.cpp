#include "host/allocations.hpp"

#include <algorithm>

#include "host/capture.hpp"

namespace flowcut::sim::host {

namespace {

constexpr std::size_t kGranularity = 512, kPoolGranularity = std::size_t{2} << 20;

std::size_t up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

void note_peak(Driver& driver, int device) {
  Device& described = driver.devices[static_cast<std::size_t>(device)];
  described.peak_bytes = std::max(described.peak_bytes, driver.used_bytes(device));
}

// Takes bytes from a pool, which takes them from the device if it has none left.
bool take_from_pool(Driver& driver, MemoryPool& pool, std::size_t bytes) {
  const std::size_t used = pool.used + bytes;
  if (pool.max_size != 0 && used > pool.max_size) return false;
  const std::size_t reserved = std::max(pool.reserved, up(used, kPoolGranularity));
  if (reserved > pool.reserved && !driver.make_room(pool.device, reserved - pool.reserved)) return false;
  pool.reserved = std::max(pool.reserved, reserved);
  pool.reserved_high = std::max(pool.reserved_high, pool.reserved);
  pool.used = used;
  pool.used_high = std::max(pool.used_high, used);
  ++pool.live;
  return true;
}

}  // namespace

std::size_t charged_bytes(std::size_t size) { return up(size, kGranularity); }

std::shared_ptr<MemoryPool> find_pool(const Driver& driver, CUmemoryPool handle) {
  std::shared_ptr<MemoryPool> pool = driver.pools.find(handle);
  return pool == nullptr || pool->destroyed ? nullptr : pool;
}

CUresult allocate_now(Call& call, std::size_t bytes, CUdeviceptr* pointer) {
  Driver& driver = call.driver;
  const int ordinal = call.context->device;
  if (bytes > call.device().model.memory_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::size_t charged = charged_bytes(bytes);
  if (!driver.make_room(ordinal, charged)) {
    driver.synchronize(call.lock, *call.context);
    if (!driver.make_room(ordinal, charged)) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  const auto allocation = driver.memory.allocate(bytes, MemoryKind::Device, ordinal, call.entry);
  if (allocation == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
  allocation->context = call.context;
  driver.memory.begin_life(*allocation);
  call.device().plain_bytes += charged;
  note_peak(driver, ordinal);
  *pointer = allocation->address;
  return CUDA_SUCCESS;
}

CUresult allocate_in_order(Call& call, std::size_t bytes, std::shared_ptr<MemoryPool> pool, Stream& stream, CUdeviceptr* pointer) {
  Driver& driver = call.driver;
  if (const CUresult result = not_capturing(stream); result != CUDA_SUCCESS) return result;
  if (bytes > driver.devices[static_cast<std::size_t>(pool->device)].model.memory_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::size_t charged = charged_bytes(bytes);
  if (!take_from_pool(driver, *pool, charged)) {
    driver.synchronize(call.lock, *call.context);
    if (!take_from_pool(driver, *pool, charged)) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  const auto allocation = driver.memory.allocate(bytes, MemoryKind::Pool, pool->device, call.entry);
  if (allocation == nullptr) {
    pool->used -= charged;
    --pool->live;
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  allocation->context = call.context;
  allocation->pool = std::move(pool);
  note_peak(driver, allocation->device);
  const auto begin = [&driver, allocation] {
    const std::lock_guard lock(driver.mutex);
    if (allocation->life == Life::Reserved) driver.memory.begin_life(*allocation);
    return Outcome{};
  };
  const CUresult result = issue(call, stream, std::make_shared<Work>(Work{WorkKind::Allocate, "allocation", begin}));
  if (result == CUDA_SUCCESS)
    *pointer = allocation->address;
  else
    end_allocation(driver, *allocation);
  return result;
}

std::shared_ptr<Allocation> releasable(const Driver& driver, std::uintptr_t address, bool device_memory) {
  std::shared_ptr<Allocation> found = driver.memory.containing(address);
  if (found == nullptr || found->address != address || found->life == Life::Freed || found->free_requested) return nullptr;
  if (device_memory != found->is_device() || found->kind == MemoryKind::Registered) return nullptr;
  return found;
}

void end_allocation(Driver& driver, Allocation& allocation) {
  if (std::string broken = driver.memory.end_life(allocation); !broken.empty()) {
    driver.report.violation("found when it was freed: " + broken);
    if (allocation.context != nullptr && allocation.context->error == CUDA_SUCCESS) allocation.context->error = CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  const std::size_t charged = charged_bytes(allocation.size);
  Device& device = driver.devices[static_cast<std::size_t>(allocation.device)];
  if (allocation.kind == MemoryKind::Device) device.plain_bytes -= charged;
  if (allocation.kind == MemoryKind::Pinned) device.pinned_bytes -= charged;
  if (MemoryPool* pool = allocation.pool.get(); pool != nullptr) {
    pool->used -= charged;
    if (--pool->live == 0 && pool->destroyed) driver.pools.remove(pool->handle);
  }
  allocation.pool = nullptr;
}

}  // namespace flowcut::sim::host
