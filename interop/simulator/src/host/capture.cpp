#include "host/capture.hpp"

#include <algorithm>

namespace flowcut::sim::host {

void end_capture(Driver& driver, const std::shared_ptr<Capture>& capture) {
  for (const auto& weak : capture->streams) {
    const auto stream = weak.lock();
    if (stream == nullptr || stream->capture != capture) continue;
    stream->capture = nullptr;
    stream->tail.clear();
  }
  std::erase(driver.captures, capture);
}

CUresult not_capturing(Stream& stream) {
  if (stream.capture == nullptr) return CUDA_SUCCESS;
  stream.capture->invalidated = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult legacy_allowed(Driver& driver, const Stream& stream) {
  if (!stream.legacy) return CUDA_SUCCESS;
  CUresult result = CUDA_SUCCESS;
  for (const auto& [handle, other] : driver.streams.all()) {
    if (other->context != stream.context || other->capture == nullptr || !other->blocking()) continue;
    other->capture->invalidated = true;
    result = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  }
  return result;
}

CUresult issue(Call& call, Stream& stream, WorkPtr work, OperationPtr* operation) {
  if (operation != nullptr) *operation = nullptr;
  if (const CUresult result = legacy_allowed(call.driver, stream); result != CUDA_SUCCESS) return result;
  if (stream.capture == nullptr) {
    const OperationPtr queued = call.driver.enqueue(stream, std::move(work));
    if (operation != nullptr) *operation = queued;
    return CUDA_SUCCESS;
  }
  if (stream.capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  std::vector<GraphNode>& nodes = stream.capture->nodes;
  nodes.push_back({std::move(work), stream.tail, nullptr});
  stream.tail = {nodes.size() - 1};
  return CUDA_SUCCESS;
}

}  // namespace flowcut::sim::host
