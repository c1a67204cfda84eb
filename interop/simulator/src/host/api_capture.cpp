// Beginning and ending of stream captures.
#include <algorithm>
#include <vector>

#include "host/capture.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

// Whether everything that the capture's streams have recorded comes before the end of the stream in which the capture began.
bool joined(const Capture& capture, const Stream& origin) {
  std::vector<bool> before(capture.nodes.size(), false);
  std::vector<std::size_t> open = origin.tail;
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    if (before[node]) continue;
    before[node] = true;
    open.insert(open.end(), capture.nodes[node].after.begin(), capture.nodes[node].after.end());
  }
  return std::find(before.begin(), before.end(), false) == before.end();
}

bool is_mode(CUstreamCaptureMode mode) { return mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED; }

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (!is_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
    if (stream->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (stream->capture != nullptr) return CUDA_ERROR_ILLEGAL_STATE;
    auto capture = std::make_shared<Capture>();
    capture->origin = stream.get();
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->context = now.context;
    capture->streams.push_back(stream);
    stream->capture = capture;
    stream->tail.clear();
    now.driver.captures.push_back(std::move(capture));
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph_handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (graph_handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *graph_handle = nullptr;
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr) return CUDA_ERROR_ILLEGAL_STATE;
    if (capture->origin != stream.get()) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
      return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    const bool complete = joined(*capture, *stream);
    end_capture(now.driver, capture);
    if (capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!complete) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    auto graph = now.made(std::make_shared<Graph>());
    graph->nodes = std::move(capture->nodes);
    *graph_handle = static_cast<CUgraph>(now.driver.graphs.add(graph));
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (status == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (const CUresult result = legacy_allowed(now.driver, *stream); result != CUDA_SUCCESS) return result;
    if (stream->capture == nullptr)
      *status = CU_STREAM_CAPTURE_STATUS_NONE;
    else
      *status = stream->capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (mode == nullptr || !is_mode(*mode)) return CUDA_ERROR_INVALID_VALUE;
    *mode = exchange_capture_mode(now.driver, *mode);
    return CUDA_SUCCESS;
  });
}
