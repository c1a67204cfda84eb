// Copies and fills, all in stream order.
#include <algorithm>
#include <cstring>

#include "host/capture.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

enum class Side { Host, Device, Unified };

// One side of a copy: `rows` of `width` bytes, `pitch` apart.
struct Plane {
  std::uintptr_t address = 0;
  std::size_t pitch = 0;
  Side side = Side::Unified;
};

struct Extent {
  std::size_t width = 0, rows = 1;
  std::size_t span(std::size_t pitch) const { return pitch * (rows - 1) + width; }
};

// Where a side's memory is.
enum class Place { Invalid, Pageable, Pinned, Device };

Place place_of(const Driver& driver, const Plane& plane, const Extent& extent) {
  const auto found = driver.memory.containing(plane.address);
  if (found != nullptr && (found->life == Life::Freed || driver.memory.range(plane.address, extent.span(plane.pitch)) == nullptr))
    return Place::Invalid;
  if (found != nullptr && found->is_device()) return plane.side == Side::Host ? Place::Invalid : Place::Device;
  if (found != nullptr) return Place::Pinned;
  return plane.side == Side::Host && plane.address != 0 ? Place::Pageable : Place::Invalid;
}

// What is wrong with memory at the moment that an operation reaches it, or nothing.
std::string unusable(Driver& driver, std::uintptr_t address, std::size_t bytes, const char* use) {
  const auto found = driver.memory.containing(address);
  if (found == nullptr) return {};  // pageable, or freed so long ago that nothing is known
  if (found->life == Life::Freed) return std::string(use) + " " + found->describe() + " after it was freed";
  if (found->life == Life::Reserved) return std::string(use) + " " + found->describe() + " before its allocation in another stream";
  if (found->size - (address - found->address) < bytes) return std::string(use) + " behind the end of " + found->describe();
  return {};
}

void copy_rows(const Plane& to, const Plane& from, const Extent& extent) {
  for (std::size_t row = 0; row < extent.rows; ++row)
    std::memmove(reinterpret_cast<void*>(to.address + row * to.pitch), reinterpret_cast<const void*>(from.address + row * from.pitch),
                 extent.width);
}

WorkPtr copy_work(Driver& driver, Plane to, Plane from, Extent extent, std::shared_ptr<std::vector<char>> staging) {
  const auto run = [&driver, to, from, extent, staging]() -> Outcome {
    Plane source = from;
    {
      const std::lock_guard lock(driver.mutex);
      std::string wrong = unusable(driver, to.address, extent.span(to.pitch), "writes");
      if (wrong.empty() && staging == nullptr) wrong = unusable(driver, from.address, extent.span(from.pitch), "reads");
      if (!wrong.empty()) return {CUDA_ERROR_ILLEGAL_ADDRESS, wrong};
    }
    if (staging != nullptr) source = {reinterpret_cast<std::uintptr_t>(staging->data()), extent.width, Side::Host};
    const bool overlap = to.address < source.address + extent.span(source.pitch) && source.address < to.address + extent.span(to.pitch);
    if (overlap && to.pitch == source.pitch && extent.rows == 1 && to.address != source.address)
      return {CUDA_ERROR_ILLEGAL_ADDRESS, "source and destination overlap, which is undefined"};
    copy_rows(to, source, extent);
    return {};
  };
  return std::make_shared<Work>(Work{WorkKind::Copy, "copy of " + std::to_string(extent.width * extent.rows) + " bytes", run});
}

// Pageable memory is read before the call returns, and written before it returns.
CUresult copy(Call& now, const Plane& to, const Plane& from, const Extent& extent, CUstream handle) {
  const auto stream = now.stream(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (extent.width == 0 || extent.rows == 0) return CUDA_SUCCESS;
  const Place target = place_of(now.driver, to, extent), source = place_of(now.driver, from, extent);
  if (target == Place::Invalid || source == Place::Invalid) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<std::vector<char>> staging;
  if (source == Place::Pageable && stream->capture == nullptr) {
    staging = std::make_shared<std::vector<char>>(extent.width * extent.rows);
    copy_rows({reinterpret_cast<std::uintptr_t>(staging->data()), extent.width, Side::Host}, from, extent);
  }
  OperationPtr queued;
  const CUresult result = issue(now, *stream, copy_work(now.driver, to, from, extent, std::move(staging)), &queued);
  if (result == CUDA_SUCCESS && queued != nullptr && target == Place::Pageable)
    now.driver.wait(now.lock, *now.context, [&] { return queued->done; });
  return result;
}

CUresult copy_linear(const char* entry, Plane to, Plane from, std::size_t bytes, CUstream stream) {
  return call(entry, Needs::Context, [&](Call& now) {
    to.pitch = from.pitch = bytes;
    return copy(now, to, from, {bytes, 1}, stream);
  });
}

// One side of a CUDA_MEMCPY2D; an invalid pitch or memory type gives address 0.
Plane plane(CUmemorytype type, const void* host, CUdeviceptr device, std::size_t x, std::size_t y, std::size_t pitch,
            const Extent& extent) {
  if (extent.rows > 1 && (pitch < x + extent.width || pitch > 2147483647)) return {};
  if (type != CU_MEMORYTYPE_HOST && type != CU_MEMORYTYPE_DEVICE && type != CU_MEMORYTYPE_UNIFIED) return {};
  const bool is_host = type == CU_MEMORYTYPE_HOST;
  const std::uintptr_t base = is_host ? reinterpret_cast<std::uintptr_t>(host) : static_cast<std::uintptr_t>(device);
  if (base == 0) return {};
  return {base + y * pitch + x, pitch, is_host ? Side::Host : (type == CU_MEMORYTYPE_UNIFIED ? Side::Unified : Side::Device)};
}

template <class Element>
CUresult set(const char* entry, CUdeviceptr address, Element value, std::size_t count, CUstream handle) {
  return call(entry, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (address % sizeof(Element) != 0 || count > SIZE_MAX / sizeof(Element)) return CUDA_ERROR_INVALID_VALUE;
    if (count == 0) return CUDA_SUCCESS;
    const std::size_t bytes = count * sizeof(Element);
    if (now.driver.memory.range(address, bytes) == nullptr) return CUDA_ERROR_INVALID_VALUE;
    Driver& driver = now.driver;
    const auto run = [&driver, address, value, count, bytes]() -> Outcome {
      {
        const std::lock_guard lock(driver.mutex);
        if (std::string wrong = unusable(driver, address, bytes, "writes"); !wrong.empty()) return {CUDA_ERROR_ILLEGAL_ADDRESS, wrong};
      }
      std::fill_n(reinterpret_cast<Element*>(address), count, value);
      return {};
    };
    return issue(now, *stream, std::make_shared<Work>(Work{WorkKind::Memset, "fill of " + std::to_string(bytes) + " bytes", run}));
  });
}

Plane on_host(const void* pointer) { return {reinterpret_cast<std::uintptr_t>(pointer), 0, Side::Host}; }

Plane on_device(CUdeviceptr pointer) { return {static_cast<std::uintptr_t>(pointer), 0, Side::Device}; }

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) {
  return copy_linear(__func__, on_device(to), on_host(from), bytes, stream);
}

FLOWCUT_SIM_EXPORT CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copy_linear(__func__, on_host(to), on_device(from), bytes, stream);
}

FLOWCUT_SIM_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copy_linear(__func__, on_device(to), on_device(from), bytes, stream);
}

FLOWCUT_SIM_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* copied, CUstream stream) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (copied == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const CUDA_MEMCPY2D& c = *copied;
    const Extent extent{c.WidthInBytes, c.Height};
    if (extent.width == 0 || extent.rows == 0) return CUDA_SUCCESS;
    const Plane to = plane(c.dstMemoryType, c.dstHost, c.dstDevice, c.dstXInBytes, c.dstY, c.dstPitch, extent);
    const Plane from = plane(c.srcMemoryType, c.srcHost, c.srcDevice, c.srcXInBytes, c.srcY, c.srcPitch, extent);
    if (to.address == 0 || from.address == 0) return CUDA_ERROR_INVALID_VALUE;
    return copy(now, to, from, extent, stream);
  });
}

FLOWCUT_SIM_EXPORT CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, std::size_t count, CUstream stream) {
  return set(__func__, address, value, count, stream);
}

FLOWCUT_SIM_EXPORT CUresult cuMemsetD32Async(CUdeviceptr address, unsigned value, std::size_t count, CUstream stream) {
  return set(__func__, address, value, count, stream);
}
