// Stream capture: work that is given to a capturing stream becomes a node of a graph instead of an operation.
#pragma once

#include <vector>

#include "host/call.hpp"

namespace flowcut::sim::host {

// The calling thread's contexts, the current one last, and its capture mode.
std::vector<Context*>& context_stack(Driver& driver);
CUstreamCaptureMode exchange_capture_mode(Driver& driver, CUstreamCaptureMode mode);

// Gives work to a stream: an operation, or a node if the stream is capturing. *operation, if given, is null in the second case.
CUresult issue(Call& call, Stream& stream, WorkPtr work, OperationPtr* operation = nullptr);

// Takes the capture from all its streams, which work normally again.
void end_capture(Driver& driver, const std::shared_ptr<Capture>& capture);

// CUDA_SUCCESS if the stream may be used for something that is not captured. Otherwise its capture is invalid from now on.
CUresult not_capturing(Stream& stream);

// The legacy default stream waits for all blocking streams, which none that captures can do.
CUresult legacy_allowed(Driver& driver, const Stream& stream);

}  // namespace flowcut::sim::host
