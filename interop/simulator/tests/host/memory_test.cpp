// Accounts of device memory and pools, what pointers say about themselves, copies and fills.
#include "client.hpp"

#include <cstring>
#include <numeric>

using namespace client;

namespace {

constexpr std::size_t kMebi = 1 << 20;

std::uint64_t pool_attribute(CUmemoryPool pool, CUmemPool_attribute attribute) {
  std::uint64_t value = 0;
  ok(cuMemPoolGetAttribute(pool, attribute, &value));
  return value;
}

void plain_memory() {
  const Session session;
  std::size_t before = 0, after = 0, total = 0;
  ok(cuMemGetInfo_v2(&before, &total));
  same(24ull << 30, total, "total");
  const CUdeviceptr memory = allocate(1000);
  same(0ull, memory % 256, "alignment");
  ok(cuMemGetInfo_v2(&after, &total));
  same(1024ull, before - after, "taken");
  CUdeviceptr none = 0;
  expect(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&none, 0));
  expect(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&none, 25ull << 30));
  expect(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&none, SIZE_MAX - 5));
  for (const unsigned word : read(memory, 250)) check(word == 0x7FF37FF3u, "new memory holds a pattern");
  expect(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory + 4));
  ok(cuMemFree_v2(memory));
  expect(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory), "freed twice");
  ok(cuMemGetInfo_v2(&after, &total));
  same(before, after, "given back");
}

void capacity() {
  flowcutSimReset(1);
  same(0, flowcutSimSetDevice(0, 9, 0, 64 * kMebi, nullptr), "small device");
  CUcontext context = nullptr;
  ok(cuDevicePrimaryCtxRetain(&context, 0));
  ok(cuCtxSetCurrent(context));
  const CUdeviceptr first = allocate(40 * kMebi);
  CUdeviceptr second = 0;
  expect(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&second, 30 * kMebi));
  ok(cuMemFreeAsync(first, nullptr));
  ok(cuMemAlloc_v2(&second, 30 * kMebi), std::source_location::current());  // waits for the free in the stream
  ok(cuMemAllocAsync(&second, 30 * kMebi, nullptr));
  FlowcutSimMemory memory{};
  same(0, flowcutSimDeviceMemory(0, &memory), "statistics");
  same(60 * kMebi, memory.used, "used");
  same(2ull, memory.live, "live");
  same(30 * kMebi, memory.pool_reserved, "reserved by pools");
  ok(cuDevicePrimaryCtxRelease_v2(0));
}

void pools() {
  const Session session;
  const CUstream stream = make_stream();
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  properties.maxSize = 64 * kMebi;
  CUmemoryPool pool = nullptr;
  ok(cuMemPoolCreate(&pool, &properties));
  CUdeviceptr first = 0, second = 0;
  ok(cuMemAllocFromPoolAsync(&first, 3 * kMebi, pool, stream));
  ok(cuMemAllocFromPoolAsync(&second, 1000, pool, stream));
  same(3 * kMebi + 1024, pool_attribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), "used");
  same(4 * kMebi, pool_attribute(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), "reserved");
  ok(cuMemFreeAsync(first, stream));
  ok(cuStreamSynchronize(stream));
  same(1024ull, pool_attribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), "used after a free");
  same(3 * kMebi + 1024, pool_attribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH), "most used");
  same(2 * kMebi, pool_attribute(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), "unused memory went back when the stream was synchronised");
  std::uint64_t value = 16 * kMebi;
  ok(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value));
  ok(cuMemAllocFromPoolAsync(&first, 10 * kMebi, pool, stream));
  ok(cuMemFreeAsync(first, stream));
  ok(cuStreamSynchronize(stream));
  same(12 * kMebi, pool_attribute(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), "kept below the threshold");
  ok(cuMemPoolTrimTo(pool, 0));
  same(2 * kMebi, pool_attribute(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), "trimmed");
  expect(CUDA_ERROR_INVALID_VALUE, cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &value));
  value = 0;
  ok(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &value));
  same(1024ull, pool_attribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH), "watermark set back");
  expect(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocFromPoolAsync(&first, 65 * kMebi, pool, stream), "more than the pool may have");
  ok(cuMemPoolDestroy(pool));
  expect(CUDA_ERROR_INVALID_VALUE, cuMemAllocFromPoolAsync(&first, 16, pool, stream));
  ok(cuMemFreeAsync(second, stream));
  CUmemoryPool standard = nullptr;
  ok(cuDeviceGetDefaultMemPool(&standard, 0));
  expect(CUDA_ERROR_INVALID_VALUE, cuMemPoolDestroy(standard));
  ok(cuStreamDestroy_v2(stream));
}

// A loop that never synchronises must not run out of memory, as freed memory can be used again in stream order.
void reuse_in_order() {
  flowcutSimReset(1);
  flowcutSimSetDevice(0, 9, 0, 8 * kMebi, nullptr);
  CUcontext context = nullptr;
  ok(cuDevicePrimaryCtxRetain(&context, 0));
  ok(cuCtxSetCurrent(context));
  const CUstream stream = make_stream();
  for (int i = 0; i < 20; ++i) {
    CUdeviceptr memory = 0;
    ok(cuMemAllocAsync(&memory, kMebi, stream));
    ok(cuMemsetD8Async(memory, 1, kMebi, stream));
    ok(cuMemFreeAsync(memory, stream));
  }
  ok(cuStreamSynchronize(stream));
  ok(cuStreamDestroy_v2(stream));
  ok(cuDevicePrimaryCtxRelease_v2(0));
  check(violations().empty() && leaks().empty(), violations() + leaks());
}

void pointers() {
  const Session session;
  const CUdeviceptr plain = allocate(100);
  CUdeviceptr ordered = 0, mapped = 0;
  ok(cuMemAllocAsync(&ordered, 100, nullptr));
  unsigned* host = pinned(16);
  CUcontext context = nullptr;
  CUmemorytype type{};
  CUmemoryPool pool = nullptr;
  ok(cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, plain + 99));
  check(context == session.context, "context");
  ok(cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, ordered));
  check(context == nullptr, "stream-ordered memory has no context");
  ok(cuPointerGetAttribute(&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, ordered));
  check(pool != nullptr, "but a pool");
  expect(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, plain + 100), "behind the end");
  ok(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(host)));
  same(static_cast<int>(CU_MEMORYTYPE_HOST), static_cast<int>(type), "pinned memory");
  ok(cuMemHostGetDevicePointer_v2(&mapped, host + 1, 0));
  same(reinterpret_cast<CUdeviceptr>(host + 1), mapped, "mapped");
  int local = 0, ordinal = 0;
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_CONTEXT, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void* data[] = {&context, &ordinal};
  ok(cuPointerGetAttributes(2, attributes, data, reinterpret_cast<CUdeviceptr>(&local)));
  check(context == nullptr, "memory that CUDA does not know");
  ok(cuPointerGetAttributes(2, attributes, data, plain));
  check(context == session.context && ordinal == 0, "memory that it knows");
  std::vector<unsigned> own(1000);
  ok(cuMemHostRegister_v2(own.data(), 4000, 0));
  expect(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(own.data() + 10, 40, 0));
  ok(cuMemHostGetDevicePointer_v2(&mapped, own.data(), 0));
  ok(cuMemHostUnregister(own.data()));
  expect(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(own.data()));
  expect(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(own.data()));
  ok(cuMemFreeHost(host));
  ok(cuMemFree_v2(ordered));
  ok(cuMemFree_v2(plain));
}

void copies() {
  const Session session;
  const CUdeviceptr a = allocate(400), b = allocate(400);
  std::vector<unsigned> host(100), back(100);
  std::iota(host.begin(), host.end(), 5u);
  ok(cuMemcpyHtoDAsync_v2(a, host.data(), 400, nullptr));
  host.assign(100, 0);  // pageable memory was read before the call returned
  ok(cuMemcpyDtoDAsync_v2(b, a, 400, nullptr));
  ok(cuMemcpyDtoHAsync_v2(back.data(), b, 400, nullptr));
  for (unsigned i = 0; i < 100; ++i) check(back[i] == i + 5, "pageable memory was written before the call returned");
  expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync_v2(a + 4, host.data(), 400, nullptr), "behind the end");
  expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoHAsync_v2(back.data(), reinterpret_cast<CUdeviceptr>(host.data()), 4, nullptr),
         "not device memory");
  expect(CUDA_ERROR_INVALID_VALUE, cuMemsetD8Async(a, 0, 401, nullptr));
  expect(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(a + 2, 0, 1, nullptr), "misaligned");
  ok(cuMemcpyHtoDAsync_v2(a, host.data(), 0, nullptr));
  ok(cuMemsetD32Async(a, 9, 100, nullptr));
  CUDA_MEMCPY2D rows{};  // 4 rows of 3 words from a matrix of 10 columns into one of 8
  rows.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  rows.srcDevice = a;
  rows.srcPitch = 40;
  rows.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  rows.dstDevice = b;
  rows.dstPitch = 32;
  rows.dstXInBytes = 4;
  rows.dstY = 1;
  rows.WidthInBytes = 12;
  rows.Height = 4;
  ok(cuMemcpy2DAsync_v2(&rows, nullptr));
  const std::vector<unsigned> result = read(b, 100);
  for (unsigned i = 0; i < 100; ++i) {
    const bool copied = i / 8 >= 1 && i / 8 <= 4 && i % 8 >= 1 && i % 8 <= 3;
    same(copied ? 9u : i + 5, result[i], "element " + std::to_string(i));
  }
  rows.srcPitch = 8;
  expect(CUDA_ERROR_INVALID_VALUE, cuMemcpy2DAsync_v2(&rows, nullptr), "pitch below the width");
  ok(cuMemFree_v2(a));
  ok(cuMemFree_v2(b));
}

}  // namespace

int main() {
  ok(cuInit(0));
  plain_memory();
  capacity();
  pools();
  reuse_in_order();
  pointers();
  copies();
  return summary();
}
