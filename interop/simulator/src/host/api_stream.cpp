// Streams, events and host functions.
#include <algorithm>
#include <chrono>

#include "host/capture.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

constexpr int kLeastPriority = 0, kGreatestPriority = -5;

CUresult create_stream(const char* entry, CUstream* handle, unsigned flags, int priority) {
  return call(entry, Needs::Context, [&](Call& now) {
    if (handle == nullptr || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
    auto stream = now.made(std::make_shared<Stream>());
    stream->flags = flags;
    stream->priority = std::min(kLeastPriority, std::max(kGreatestPriority, priority));
    stream->lane = ++now.driver.lanes;
    *handle = static_cast<CUstream>(now.driver.streams.add(stream));
    return CUDA_SUCCESS;
  });
}

// Before the host may look at a stream or event: not while a capture forbids it.
CUresult may_observe(Call& now, Stream& stream) {
  if (const CUresult result = not_capturing(stream); result != CUDA_SUCCESS) return result;
  if (const CUresult result = legacy_allowed(now.driver, stream); result != CUDA_SUCCESS) return result;
  return forbidden_by_capture(now.driver) ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

// All that a stream's synchronisation waits for.
std::vector<OperationPtr> everything_in(Driver& driver, const Stream& stream) {
  std::vector<OperationPtr> all = stream.legacy ? legacy_order(driver, stream) : std::vector<OperationPtr>();
  if (stream.last != nullptr) all.push_back(stream.last);
  return all;
}

bool all_done(const std::vector<OperationPtr>& operations) {
  for (const OperationPtr& operation : operations)
    if (!operation->done) return false;
  return true;
}

WorkPtr empty_work(const char* label) { return std::make_shared<Work>(Work{WorkKind::Empty, label, nullptr}); }

// Makes a captured event's point a dependency of the stream, which joins the capture if it was not in one.
CUresult wait_captured(Stream& stream, const std::shared_ptr<Stream>& shared, Event& event) {
  const std::shared_ptr<Capture> capture = event.capture.lock();
  if (capture == nullptr) return CUDA_ERROR_CAPTURED_EVENT;
  if (capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (stream.legacy) {
    capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  }
  if (stream.capture != nullptr && stream.capture != capture) {
    stream.capture->invalidated = capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  }
  if (stream.capture == nullptr) {
    stream.capture = capture;
    stream.tail.clear();
    capture->streams.push_back(shared);
  }
  for (const std::size_t node : event.nodes)
    if (std::find(stream.tail.begin(), stream.tail.end(), node) == stream.tail.end()) stream.tail.push_back(node);
  return CUDA_SUCCESS;
}

CUresult elapsed(const char* entry, float* milliseconds, CUevent start, CUevent end) {
  return call(entry, Needs::Context, [&](Call& now) {
    if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto from = now.driver.events.find(start), to = now.driver.events.find(end);
    for (const auto& event : {from, to})
      if (event == nullptr || event->recorded == nullptr || (event->flags & CU_EVENT_DISABLE_TIMING) != 0) return CUDA_ERROR_INVALID_HANDLE;
    if (from->captured || to->captured) return CUDA_ERROR_CAPTURED_EVENT;
    if (!from->recorded->done || !to->recorded->done) return CUDA_ERROR_NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(to->recorded->finished - from->recorded->finished).count();
    return CUDA_SUCCESS;
  });
}

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuStreamCreate(CUstream* stream, unsigned flags) { return create_stream(__func__, stream, flags, 0); }

FLOWCUT_SIM_EXPORT CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
  return create_stream(__func__, stream, flags, priority);
}

// Work that is queued still runs.
FLOWCUT_SIM_EXPORT CUresult cuStreamDestroy_v2(CUstream handle) {
  return release(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.driver.streams.remove(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (const std::shared_ptr<Capture> capture = stream->capture; capture != nullptr) {
      capture->invalidated = true;
      if (capture->origin == stream.get()) end_capture(now.driver, capture);  // nobody can end it any more
    }
    if (stream->blocking() && stream->last != nullptr && !stream->last->done) stream->context->orphans.push_back(stream->last);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuStreamSynchronize(CUstream handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (const CUresult result = may_observe(now, *stream); result != CUDA_SUCCESS) return result;
    const std::vector<OperationPtr> awaited = everything_in(now.driver, *stream);
    now.driver.wait(now.lock, *now.context, [&] { return all_done(awaited); });
    now.driver.release_pool_memory(now.context->device);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuStreamQuery(CUstream handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (const CUresult result = may_observe(now, *stream); result != CUDA_SUCCESS) return result;
    const std::vector<OperationPtr> awaited = everything_in(now.driver, *stream);
    if (!all_done(awaited)) now.driver.machine.run_one(now.lock);
    return all_done(awaited) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuStreamGetCtx(CUstream handle, CUcontext* context) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *context = static_cast<CUcontext>(stream->context->handle);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuStreamWaitEvent(CUstream handle, CUevent event_handle, unsigned flags) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    const auto event = now.driver.events.find(event_handle);
    if (stream == nullptr || event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
    if (event->captured) return wait_captured(*stream, stream, *event);
    if (stream->capture != nullptr) {  // work outside of the capture cannot be a dependency of a node
      stream->capture->invalidated = true;
      return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    if (event->recorded != nullptr && !event->recorded->done)
      now.driver.enqueue(*stream, empty_work("wait for an event"), {event->recorded});
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto stream = now.stream(handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (function == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto run = [function, data] {
      function(data);
      return Outcome{};
    };
    return issue(now, *stream, std::make_shared<Work>(Work{WorkKind::Host, "host function", run}));
  });
}

FLOWCUT_SIM_EXPORT CUresult cuEventCreate(CUevent* handle, unsigned flags) {
  return call(__func__, Needs::Context, [&](Call& now) {
    constexpr unsigned known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING;
    if (handle == nullptr || (flags & ~known) != 0) return CUDA_ERROR_INVALID_VALUE;
    auto event = now.made(std::make_shared<Event>());
    event->flags = flags;
    *handle = static_cast<CUevent>(now.driver.events.add(event));
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuEventDestroy_v2(CUevent handle) {
  return release(__func__, Needs::Context,
                 [&](Call& now) { return now.driver.events.remove(handle) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS; });
}

FLOWCUT_SIM_EXPORT CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto event = now.driver.events.find(handle);
    const auto stream = now.stream(stream_handle);
    if (event == nullptr || stream == nullptr || event->context != stream->context) return CUDA_ERROR_INVALID_HANDLE;
    if (const CUresult result = legacy_allowed(now.driver, *stream); result != CUDA_SUCCESS) return result;
    event->captured = stream->capture != nullptr;
    if (event->captured) {
      if (stream->capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
      event->capture = stream->capture;
      event->nodes = stream->tail;
      return CUDA_SUCCESS;
    }
    event->recorded = now.driver.enqueue(*stream, empty_work("event"));
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuEventQuery(CUevent handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto event = now.driver.events.find(handle);
    if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (event->captured) return CUDA_ERROR_CAPTURED_EVENT;
    if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    const OperationPtr recorded = event->recorded;
    if (recorded == nullptr) return CUDA_SUCCESS;
    if (!recorded->done) now.driver.machine.run_one(now.lock);
    return recorded->done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuEventSynchronize(CUevent handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto event = now.driver.events.find(handle);
    if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (event->captured) return CUDA_ERROR_CAPTURED_EVENT;
    if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    const OperationPtr recorded = event->recorded;
    if (recorded != nullptr) now.driver.wait(now.lock, *now.context, [&] { return recorded->done; });
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return elapsed(__func__, milliseconds, start, end);
}

FLOWCUT_SIM_EXPORT CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
  return elapsed(__func__, milliseconds, start, end);
}
