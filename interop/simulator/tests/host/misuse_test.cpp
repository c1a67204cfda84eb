// Programs that are wrong on purpose. Each must be caught, with a report that says where.
#include "client.hpp"

using namespace client;

namespace {

// After a violation every call fails until the context is gone, and then everything works again.
void lost(CUresult expected, CUresult first) {
  expect(expected, first, "first call that waits");
  CUdeviceptr memory = 0;
  CUstream stream = nullptr;
  expect(expected, cuMemAlloc_v2(&memory, 16), "sticky");
  expect(expected, cuStreamCreate(&stream, 0), "sticky");
  expect(expected, cuCtxSynchronize(), "sticky");
}

void write_behind_the_end() {
  Session session;
  session.clean = false;
  const Kernels kernels;
  const CUdeviceptr memory = allocate(40);
  ok(kernels.launch("fc_poke", buffers(0, memory, 10, 0), nullptr));
  const CUdeviceptr other = allocate(4);
  expect(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemFree_v2(other), "a free waits");
  lost(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  reported({"fc_poke", "write 0 bytes behind the end of allocation", "(cuMemAlloc_v2, 40 bytes)"});
  ok(cuDevicePrimaryCtxReset_v2(0));
  ok(cuCtxSynchronize());
  ok(cuMemFree_v2(allocate(4)));
}

void write_before_the_start() {
  Session session;
  session.clean = false;
  const Kernels kernels;
  const CUdeviceptr memory = allocate(100000);
  ok(kernels.launch("fc_poke", buffers(0, memory, 0, -3), nullptr));
  lost(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(nullptr));
  reported({"fc_poke", "before the start of allocation"});
}

// Into the guard band of an allocation that the kernel was not given.
void write_beside_another_allocation() {
  Session session;
  session.clean = false;
  const Kernels kernels;
  const CUdeviceptr first = allocate(400), second = allocate(400);
  ok(kernels.launch("fc_poke", buffers(0, first, 0, static_cast<int>((second + 408 - first) / 4)), nullptr));
  lost(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  reported({"after kernel fc_poke: write 8 bytes behind the end of allocation", "(cuMemAlloc_v2, 400 bytes)"});
}

void write_far_away() {
  Session session;
  session.clean = false;
  const Kernels kernels;
  const CUdeviceptr memory = allocate(100000);
  ok(kernels.launch("fc_poke", buffers(0, memory, 25000, 1 << 12), nullptr));
  lost(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  reported({"fc_poke", "bytes behind the end of allocation"});
}

void use_after_free(std::size_t bytes) {
  Session session;
  session.clean = false;
  const Kernels kernels;
  const CUdeviceptr memory = allocate(bytes);
  ok(cuMemFree_v2(memory));
  expect(CUDA_ERROR_INVALID_VALUE, cuMemsetD8Async(memory, 0, 4, nullptr), "the driver knows that it is freed");
  ok(kernels.launch("fc_poke", buffers(0, memory, 3, 0), nullptr));
  cuCtxSynchronize();
  reported(
      {bytes > 65536 ? "which was freed" : "write to freed memory at offset 12", "(cuMemAlloc_v2, " + std::to_string(bytes) + " bytes)"});
}

// Freed in one stream while another stream may still use it: some order of the two shows it.
void free_without_order() {
  int shown = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Session session(seed);
    session.clean = false;
    const CUstream first = make_stream(), second = make_stream();
    CUdeviceptr memory = 0;
    ok(cuMemAllocAsync(&memory, 4096, first));
    ok(cuStreamSynchronize(first));
    ok(cuMemsetD8Async(memory, 1, 4096, first));
    ok(cuMemFreeAsync(memory, second));
    const CUresult result = cuCtxSynchronize();
    if (result == CUDA_ERROR_ILLEGAL_ADDRESS && contains(violations(), "after it was freed")) ++shown;
  }
  check(shown > 3 && shown < 20, "shown with " + std::to_string(shown) + " of 20 seeds");
}

// Allocated in one stream and used in another that does not wait.
void use_before_allocation() {
  int shown = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Session session(seed);
    session.clean = false;
    const CUstream first = make_stream(), second = make_stream();
    CUdeviceptr memory = 0;
    ok(cuMemAllocAsync(&memory, 4096, first));
    ok(cuMemsetD8Async(memory, 1, 4096, second));
    const CUresult result = cuCtxSynchronize();
    if (result == CUDA_ERROR_ILLEGAL_ADDRESS && contains(violations(), "before its allocation")) ++shown;
  }
  check(shown > 3 && shown < 20, "shown with " + std::to_string(shown) + " of 20 seeds");
}

void overlapping_copy() {
  Session session;
  session.clean = false;
  const CUdeviceptr memory = allocate(64);
  ok(cuMemcpyDtoDAsync_v2(memory + 8, memory, 32, nullptr));
  lost(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  reported({"copy of 32 bytes", "overlap"});
}

void leaks_are_named() {
  Session session;
  session.clean = false;
  allocate(10);
  pinned(3);
  make_stream();
  make_event();
  const std::string text = leaks();
  for (const char* part : {"(cuMemAlloc_v2, 10 bytes)", "(cuMemHostAlloc, 12 bytes)", "stream from cuStreamCreate",
                           "event from cuEventCreate", "primary context of device 0"})
    check(contains(text, part), std::string(part) + " in: " + text);
  check(violations().empty(), violations());
}

// The host changes a pinned buffer before the copy that reads it has run, or reads one before the copy into it has run.
void pinned_memory_without_waiting() {
  const Session session;
  flowcutSimSetIdleDelay(0, 0);
  const CUstream stream = make_stream();
  const CUdeviceptr memory = allocate(4);
  unsigned* host = pinned(2);
  host[0] = 1;
  host[1] = 77;
  ok(cuMemcpyHtoDAsync_v2(memory, host, 4, stream));
  host[0] = 2;  // too early
  ok(cuMemcpyDtoHAsync_v2(host + 1, memory, 4, stream));
  same(77u, host[1], "read too early");
  ok(cuStreamSynchronize(stream));
  same(2u, host[1], "changed too early");
  ok(cuMemFreeHost(host));
  ok(cuMemFree_v2(memory));
  ok(cuStreamDestroy_v2(stream));
}

}  // namespace

int main() {
  ok(cuInit(0));
  write_behind_the_end();
  write_before_the_start();
  write_beside_another_allocation();
  write_far_away();
  use_after_free(1000);
  use_after_free(1000000);
  free_without_order();
  use_before_allocation();
  overlapping_copy();
  leaks_are_named();
  pinned_memory_without_waiting();
  return summary();
}
