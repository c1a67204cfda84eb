// Stream capture: what it records, what it forbids, and that a replay does what the direct calls do.
#include "client.hpp"

#include <thread>

using namespace client;

namespace {

struct Work {
  CUdeviceptr a, b, c;
  CUevent fork, join;
  CUstream first, second;

  Work()
      : a(allocate(1024)),
        b(allocate(1024)),
        c(allocate(1024)),
        fork(make_event()),
        join(make_event()),
        first(make_stream()),
        second(make_stream()) {}
  ~Work() {
    for (const CUdeviceptr memory : {a, b, c}) ok(cuMemFree_v2(memory));
    for (const CUevent event : {fork, join}) ok(cuEventDestroy_v2(event));
    for (const CUstream stream : {first, second}) ok(cuStreamDestroy_v2(stream));
  }

  // a = 1; then b = a + value and c = a + 10 in two streams; then a = b + 100, b = c + 0.
  void issue(const Kernels& kernels, int value) const {
    ok(cuMemsetD32Async(a, 1, 256, first));
    ok(cuEventRecord(fork, first));
    ok(cuStreamWaitEvent(second, fork, 0));
    ok(kernels.launch("fc_add", buffers(a, c, 256, 10), second));
    ok(kernels.launch("fc_add", buffers(a, b, 256, value), first));
    ok(cuEventRecord(join, second));
    ok(cuStreamWaitEvent(first, join, 0));
    ok(kernels.launch("fc_add", buffers(b, a, 256, 100), first));
    ok(cuMemcpyDtoDAsync_v2(b, c, 1024, first));
  }

  void verify(unsigned value, const std::string& what) const {
    for (const unsigned found : read(a, 256)) check(found == 101 + value, what + ": a " + std::to_string(found));
    for (const unsigned found : read(b, 256)) check(found == 11, what + ": b " + std::to_string(found));
  }
};

CUgraph capture(const Work& work, const Kernels& kernels, int value, CUstreamCaptureMode mode) {
  CUgraph graph = nullptr;
  ok(cuStreamBeginCapture_v2(work.first, mode));
  work.issue(kernels, value);
  ok(cuStreamEndCapture(work.first, &graph));
  return graph;
}

void replay_equals_direct_calls() {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const Session session(seed);
    const Kernels kernels;
    const Work work;
    work.issue(kernels, 5);
    work.verify(5, "direct");
    CUgraph graph = capture(work, kernels, 7, CU_STREAM_CAPTURE_MODE_GLOBAL);
    work.verify(5, "a capture runs nothing");
    std::size_t count = 0;
    ok(cuGraphGetNodes(graph, nullptr, &count));
    same(5ull, count, "nodes");
    std::vector<CUgraphNode> nodes(count);
    ok(cuGraphGetNodes(graph, nodes.data(), &count));
    check(nodes[0] != nullptr && nodes[0] != nodes[1], "node handles");
    CUgraphExec exec = nullptr;
    ok(cuGraphInstantiateWithFlags(&exec, graph, 0));
    ok(cuGraphDestroy(graph));
    ok(cuGraphUpload(exec, work.first));
    for (int i = 0; i < 3; ++i) ok(cuGraphLaunch(exec, i == 1 ? work.second : work.first));
    work.verify(7, "replayed");

    graph = capture(work, kernels, 9, CU_STREAM_CAPTURE_MODE_RELAXED);
    CUgraphExecUpdateResultInfo info{};
    ok(cuGraphExecUpdate_v2(exec, graph, &info));
    same(static_cast<int>(CU_GRAPH_EXEC_UPDATE_SUCCESS), static_cast<int>(info.result), "update");
    ok(cuGraphDestroy(graph));
    ok(cuGraphLaunch(exec, work.first));
    work.verify(9, "updated");
    ok(cuGraphLaunch(exec, work.first));
    ok(cuGraphExecDestroy(exec));  // what was launched still runs
    work.verify(9, "destroyed");
  }
}

void other_shape_cannot_be_updated() {
  const Session session;
  const Kernels kernels;
  const Work work;
  CUgraph graph = capture(work, kernels, 1, CU_STREAM_CAPTURE_MODE_GLOBAL), other = nullptr;
  CUgraphExec exec = nullptr;
  ok(cuGraphInstantiateWithFlags(&exec, graph, 0));
  ok(cuStreamBeginCapture_v2(work.first, CU_STREAM_CAPTURE_MODE_GLOBAL));
  for (int i = 0; i < 5; ++i) ok(cuMemsetD8Async(work.a, 0, 4, work.first));
  ok(cuStreamEndCapture(work.first, &other));
  CUgraphExecUpdateResultInfo info{};
  expect(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, cuGraphExecUpdate_v2(exec, other, &info));
  same(static_cast<int>(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED), static_cast<int>(info.result), "reason");
  ok(cuGraphDestroy(graph));
  ok(cuGraphDestroy(other));
  ok(cuGraphExecDestroy(exec));
  expect(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, work.first));
}

// A call that a capture forbids says so, and the capture is then invalid.
template <class Call>
void forbidden(const char* what, CUresult expected, Call call, CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL,
               bool invalidates = true) {
  const Session session;
  const Work work;
  CUgraph graph = nullptr;
  CUstreamCaptureStatus status{};
  ok(cuStreamBeginCapture_v2(work.first, mode));
  ok(cuMemsetD8Async(work.a, 0, 4, work.first));
  expect(expected, call(work), what);
  ok(cuStreamIsCapturing(work.first, &status));
  same(static_cast<int>(invalidates ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE), static_cast<int>(status),
       what);
  if (invalidates) expect(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuMemsetD8Async(work.a, 0, 4, work.first), what);
  expect(invalidates ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS, cuStreamEndCapture(work.first, &graph), what);
  if (graph != nullptr) ok(cuGraphDestroy(graph));
  ok(cuMemsetD8Async(work.a, 0, 4, work.first), std::source_location::current());
  ok(cuStreamSynchronize(work.first));
}

void forbidden_calls() {
  CUdeviceptr memory = 0;
  const auto allocation = [&](const Work&) { return cuMemAlloc_v2(&memory, 16); };
  forbidden("cuMemAlloc", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, allocation);
  forbidden("cuMemAlloc, thread", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, allocation, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  forbidden(
      "cuMemAlloc, relaxed", CUDA_SUCCESS,
      [&](const Work&) {
        const CUresult result = cuMemAlloc_v2(&memory, 16);
        cuMemFree_v2(memory);
        return result;
      },
      CU_STREAM_CAPTURE_MODE_RELAXED, false);
  forbidden("cuStreamSynchronize", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](const Work& work) { return cuStreamSynchronize(work.first); });
  forbidden("cuStreamQuery", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](const Work& work) { return cuStreamQuery(work.first); });
  forbidden("cuCtxSynchronize", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, [](const Work&) { return cuCtxSynchronize(); });
  forbidden("stream-ordered memory", CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
            [&](const Work& work) { return cuMemAllocAsync(&memory, 16, work.first); });
  forbidden(
      "default stream", CUDA_SUCCESS, [](const Work& work) { return cuMemsetD8Async(work.a, 0, 4, nullptr); },
      CU_STREAM_CAPTURE_MODE_GLOBAL, false);
  forbidden("wait for work outside", CUDA_ERROR_STREAM_CAPTURE_ISOLATION, [](const Work& work) {
    ok(cuEventRecord(work.fork, work.second));
    return cuStreamWaitEvent(work.first, work.fork, 0);
  });
  forbidden(
      "captured event", CUDA_ERROR_CAPTURED_EVENT,
      [](const Work& work) {
        ok(cuEventRecord(work.fork, work.first));
        return cuEventSynchronize(work.fork);
      },
      CU_STREAM_CAPTURE_MODE_GLOBAL, false);
}

void blocking_streams_and_the_default_stream() {
  const Session session;
  const CUstream stream = make_stream(CU_STREAM_DEFAULT);
  const CUdeviceptr memory = allocate(4);
  CUgraph graph = nullptr;
  expect(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
  ok(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  expect(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuMemsetD8Async(memory, 0, 4, nullptr));
  expect(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
  ok(cuMemFree_v2(memory));
  ok(cuStreamDestroy_v2(stream));
}

void endings() {
  const Session session;
  const Kernels kernels;
  const Work work;
  CUgraph graph = nullptr;
  expect(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(work.first, &graph), "no capture");
  ok(cuStreamBeginCapture_v2(work.first, CU_STREAM_CAPTURE_MODE_GLOBAL));
  ok(cuEventRecord(work.fork, work.first));
  ok(cuStreamWaitEvent(work.second, work.fork, 0));
  ok(kernels.launch("fc_set", buffers(0, work.a, 256, 10), work.second));
  expect(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(work.second, &graph), "not where it began");
  expect(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(work.first, &graph), "not joined");
  ok(cuStreamSynchronize(work.second));

  ok(cuStreamBeginCapture_v2(work.first, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CUresult elsewhere = CUDA_SUCCESS, allocated = CUDA_ERROR_UNKNOWN;
  std::thread([&] {
    CUdeviceptr memory = 0;
    cuCtxSetCurrent(session.context);
    elsewhere = cuStreamEndCapture(work.first, &graph);
    allocated = cuMemAlloc_v2(&memory, 4);
    cuMemFree_v2(memory);
  }).join();
  expect(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, elsewhere);
  ok(allocated);  // the capture concerns its own thread only
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  ok(cuThreadExchangeStreamCaptureMode(&mode));
  same(static_cast<int>(CU_STREAM_CAPTURE_MODE_GLOBAL), static_cast<int>(mode), "mode before");
  const CUdeviceptr memory = allocate(4);  // the thread has taken the responsibility
  ok(cuThreadExchangeStreamCaptureMode(&mode));
  ok(cuStreamEndCapture(work.first, &graph));
  ok(cuGraphDestroy(graph));
  ok(cuMemFree_v2(memory));
}

// A capture whose stream is destroyed forbids nothing any more.
void destroyed_while_capturing() {
  const Session session;
  const CUstream first = make_stream(), second = make_stream();
  const CUevent event = make_event();
  ok(cuStreamBeginCapture_v2(first, CU_STREAM_CAPTURE_MODE_GLOBAL));
  ok(cuEventRecord(event, first));
  ok(cuStreamWaitEvent(second, event, 0));
  ok(cuStreamDestroy_v2(first));
  ok(cuStreamSynchronize(second));
  ok(cuMemFree_v2(allocate(4)));
  ok(cuEventDestroy_v2(event));
  ok(cuStreamDestroy_v2(second));
}

}  // namespace

int main() {
  ok(cuInit(0));
  replay_equals_direct_calls();
  other_shape_cannot_be_updated();
  forbidden_calls();
  blocking_streams_and_the_default_stream();
  endings();
  destroyed_while_capturing();
  return summary();
}
