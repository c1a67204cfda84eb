// Allocation and release as several entry points share them.
#pragma once

#include "host/call.hpp"

namespace flowcut::sim::host {

// What an allocation of this size takes from the device's memory.
std::size_t charged_bytes(std::size_t size);

// Makes live device memory, waiting for queued frees if there is no room otherwise.
CUresult allocate_now(Call& call, std::size_t bytes, CUdeviceptr* pointer);

// Makes memory that lives from the point that the stream has reached.
CUresult allocate_in_order(Call& call, std::size_t bytes, std::shared_ptr<MemoryPool> pool, Stream& stream, CUdeviceptr* pointer);

// The allocation that starts at this address and may still be freed, or null.
std::shared_ptr<Allocation> releasable(const Driver& driver, std::uintptr_t address, bool device_memory);

// Ends an allocation and takes it out of the accounts. Broken guard bands go into the report and lose the context.
void end_allocation(Driver& driver, Allocation& allocation);

// A pool that was not destroyed, or null.
std::shared_ptr<MemoryPool> find_pool(const Driver& driver, CUmemoryPool handle);

}  // namespace flowcut::sim::host
