// Streams and events: every order that they allow occurs, and none that they forbid.
#include "client.hpp"

#include <atomic>
#include <chrono>
#include <thread>

using namespace client;

namespace {

enum class Order { None, Event, Legacy, Blocking };

// Producer and consumer in two streams, ordered in one way or not at all. Whether the consumer saw what the producer wrote.
bool consumer_is_right(std::uint64_t seed, Order order) {
  const Session session(seed);
  const Kernels kernels;
  const bool blocking = order == Order::Legacy || order == Order::Blocking;
  const CUstream producer = make_stream(blocking ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING);
  const CUstream consumer = make_stream(blocking ? CU_STREAM_DEFAULT : CU_STREAM_NON_BLOCKING);
  const CUevent event = make_event();
  const CUdeviceptr memory = allocate(1024), result = allocate(1024);
  ok(cuMemsetD32Async(memory, 0, 256, producer));
  ok(cuStreamSynchronize(producer));
  ok(kernels.launch("fc_set", buffers(0, memory, 256, 40), producer));
  if (order == Order::Event) {
    ok(cuEventRecord(event, producer));
    ok(cuStreamWaitEvent(consumer, event, 0));
  }
  // Work in the legacy default stream comes between what was given to blocking streams before and after it.
  if (order == Order::Legacy) ok(cuMemsetD8Async(result, 0, 1, nullptr));
  ok(kernels.launch("fc_add", buffers(memory, result, 256, 2), consumer));
  const std::vector<unsigned> seen = read(result, 256);
  bool right = true;
  for (const unsigned value : seen) right = right && value == 42;
  ok(cuMemFree_v2(memory));
  ok(cuMemFree_v2(result));
  ok(cuEventDestroy_v2(event));
  ok(cuStreamDestroy_v2(producer));
  ok(cuStreamDestroy_v2(consumer));
  return right;
}

void missing_wait_shows() {
  int wrong = 0, wrong_blocking = 0;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    if (!consumer_is_right(seed, Order::None)) ++wrong;
    if (!consumer_is_right(seed, Order::Blocking)) ++wrong_blocking;
    check(consumer_is_right(seed, Order::Event), "with an event, seed " + std::to_string(seed));
    check(consumer_is_right(seed, Order::Legacy), "with the default stream, seed " + std::to_string(seed));
  }
  check(wrong >= 5 && wrong <= 19, "without a wait wrong with " + std::to_string(wrong) + " of 24 seeds");
  check(wrong_blocking >= 5 && wrong_blocking <= 19,
        "blocking streams do not wait for each other: wrong with " + std::to_string(wrong_blocking));
}

// The other order: the consumer has much to do before it reads, so that only a schedule that favours it goes wrong.
void missing_wait_shows_behind_other_work() {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Session session(seed);
    const CUstream producer = make_stream(), consumer = make_stream();
    const CUdeviceptr memory = allocate(4), other = allocate(4);
    ok(cuMemsetD32Async(memory, 1, 1, consumer));
    ok(cuCtxSynchronize());
    ok(cuMemsetD32Async(memory, 2, 1, producer));
    for (int i = 0; i < 20; ++i) ok(cuMemsetD32Async(other, 0, 1, consumer));
    ok(cuMemcpyDtoDAsync_v2(other, memory, 4, consumer));
    if (read(other, 1)[0] != 2) ++wrong;
    ok(cuMemFree_v2(memory));
    ok(cuMemFree_v2(other));
    ok(cuStreamDestroy_v2(producer));
    ok(cuStreamDestroy_v2(consumer));
  }
  check(wrong >= 3, "wrong with " + std::to_string(wrong) + " of 60 seeds");
}

void one_stream_is_in_order() {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Session session(seed);
    const Kernels kernels;
    const CUstream stream = make_stream(), other = make_stream();
    const CUdeviceptr memory = allocate(256), elsewhere = allocate(256);
    ok(cuMemsetD32Async(memory, 0, 64, stream));
    for (int i = 0; i < 20; ++i) {
      ok(kernels.launch("fc_add", buffers(memory, memory, 64, 1), stream));
      ok(cuMemsetD32Async(elsewhere, 0, 64, other));
    }
    for (const unsigned value : read(memory, 64)) same(20u, value, "sum");
    ok(cuMemFree_v2(memory));
    ok(cuMemFree_v2(elsewhere));
    ok(cuStreamDestroy_v2(stream));
    ok(cuStreamDestroy_v2(other));
  }
}

void nothing_runs_before_somebody_waits() {
  const Session session;
  flowcutSimSetIdleDelay(0, 0);
  const CUstream stream = make_stream();
  const CUevent event = make_event(CU_EVENT_DEFAULT), unused = make_event(CU_EVENT_DEFAULT);
  const CUdeviceptr memory = allocate(64);
  for (int i = 0; i < 3; ++i) ok(cuMemsetD8Async(memory, 1, 64, stream));
  ok(cuEventRecord(event, stream));
  expect(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
  int queries = 1;
  CUresult result;
  while ((result = cuEventQuery(event)) == CUDA_ERROR_NOT_READY && queries < 100) ++queries;
  ok(result);
  same(3, queries, "each query lets one operation run");
  ok(cuStreamQuery(stream));
  ok(cuEventSynchronize(unused));
  float milliseconds = -1;
  expect(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, unused, event), "never recorded");
  ok(cuEventRecord(unused, stream));
  expect(CUDA_ERROR_NOT_READY, cuEventElapsedTime(&milliseconds, event, unused));
  ok(cuEventSynchronize(unused));
  ok(cuEventElapsedTime(&milliseconds, event, unused));
  check(milliseconds >= 0 && milliseconds < 10000, "elapsed time");
  ok(cuMemFree_v2(memory));
  ok(cuEventDestroy_v2(event));
  ok(cuEventDestroy_v2(unused));
  ok(cuStreamDestroy_v2(stream));
  expect(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream), "destroyed stream");
  expect(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(event), "destroyed event");
}

// A host that only looks at mapped memory must see the kernel's value after a while.
void mapped_memory_changes_under_a_polling_host() {
  const Session session;
  const Kernels kernels;
  const CUstream stream = make_stream();
  unsigned* host = pinned(1);
  *host = 0;
  CUdeviceptr mapped = 0;
  ok(cuMemHostGetDevicePointer_v2(&mapped, host, 0));
  ok(kernels.launch("fc_publish", buffers(0, mapped, 1, 99), stream));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const std::atomic_ref<unsigned> value(*host);
  while (value.load(std::memory_order_acquire) != 99 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  same(99u, value.load(), "published value");
  ok(cuStreamSynchronize(stream));
  ok(cuMemFreeHost(host));
  ok(cuStreamDestroy_v2(stream));
}

struct HostCall {
  unsigned* seen;
  CUdeviceptr memory;
  unsigned value;
  CUresult inside;
};

void host_functions() {
  const Session session;
  const CUstream stream = make_stream();
  unsigned* host = pinned(1);
  const CUdeviceptr memory = allocate(4);
  HostCall call{host, memory, 0, CUDA_SUCCESS};
  ok(cuMemsetD32Async(memory, 5, 1, stream));
  ok(cuMemcpyDtoHAsync_v2(host, memory, 4, stream));
  const auto function = [](void* data) {
    auto* const given = static_cast<HostCall*>(data);
    given->value = *given->seen;
    given->inside = cuCtxSynchronize();
  };
  ok(cuLaunchHostFunc(stream, function, &call));
  ok(cuStreamSynchronize(stream));
  same(5u, call.value, "seen by the host function");
  expect(CUDA_ERROR_NOT_PERMITTED, call.inside, "driver calls in a host function");
  ok(cuMemFreeHost(host));
  ok(cuMemFree_v2(memory));
  ok(cuStreamDestroy_v2(stream));
}

// Work of a destroyed stream still runs, and the default stream still waits for it.
void destroyed_stream_finishes() {
  const Session session;
  const CUstream stream = make_stream(CU_STREAM_DEFAULT);
  const CUdeviceptr memory = allocate(4);
  for (unsigned i = 0; i < 10; ++i) ok(cuMemsetD32Async(memory, i, 1, stream));
  ok(cuStreamDestroy_v2(stream));
  std::vector<unsigned> value(1);
  ok(cuMemcpyDtoHAsync_v2(value.data(), memory, 4, nullptr));
  same(9u, value[0], "last value");
  ok(cuMemFree_v2(memory));
}

void many_threads() {
  const Session session;
  const Kernels kernels;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      if (cuCtxSetCurrent(session.context) != CUDA_SUCCESS) ++wrong;
      CUstream stream = nullptr;
      CUdeviceptr memory = 0;
      if (cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) != CUDA_SUCCESS) ++wrong;
      for (int round = 0; round < 20; ++round) {
        std::vector<unsigned> back(64);
        if (cuMemAllocAsync(&memory, 256, stream) != CUDA_SUCCESS) ++wrong;
        if (cuMemsetD32Async(memory, static_cast<unsigned>(t), 64, stream) != CUDA_SUCCESS) ++wrong;
        if (kernels.launch("fc_add", buffers(memory, memory, 64, round), stream) != CUDA_SUCCESS) ++wrong;
        if (cuMemcpyDtoHAsync_v2(back.data(), memory, 256, stream) != CUDA_SUCCESS) ++wrong;
        if (cuMemFreeAsync(memory, stream) != CUDA_SUCCESS) ++wrong;
        for (const unsigned value : back) wrong += value == static_cast<unsigned>(t + round) ? 0 : 1;
      }
      if (cuStreamSynchronize(stream) != CUDA_SUCCESS) ++wrong;
      if (cuStreamDestroy_v2(stream) != CUDA_SUCCESS) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  same(0, wrong.load(), "threads that got something wrong");
}

}  // namespace

int main() {
  ok(cuInit(0));
  missing_wait_shows();
  missing_wait_shows_behind_other_work();
  one_stream_is_in_order();
  nothing_runs_before_somebody_waits();
  mapped_memory_changes_under_a_polling_host();
  host_functions();
  destroyed_stream_finishes();
  many_threads();
  return summary();
}
