// Units of work for the simulated device, and their instances in time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/cuda_abi.hpp"

namespace flowcut::sim::host {

struct Context;

// How a unit of work ended; the message says what was violated.
struct Outcome {
  CUresult result = CUDA_SUCCESS;
  std::string message;
};

enum class WorkKind { Kernel, Copy, Memset, Host, Empty, Allocate, Free };

// What to do, however often: a stream's operation does it once, a graph's node at every launch. Everything it needs is copied into `run`.
struct Work {
  WorkKind kind = WorkKind::Empty;
  std::string label;                          // for reports: "kernel fc_rms_norm"
  std::function<Outcome()> run;               // called without the driver's lock; may be empty
  std::vector<std::uintptr_t> pointers = {};  // of a kernel: addresses among its arguments, whose guard bands are checked behind it
};
using WorkPtr = std::shared_ptr<const Work>;

struct Operation;
using OperationPtr = std::shared_ptr<Operation>;

// One instance of work, queued. It may run as soon as nothing it waits for is left.
struct Operation {
  WorkPtr work;
  Context* context = nullptr;
  std::uint64_t lane = 0;  // operations of one stream have one lane
  std::size_t waiting = 0;
  std::vector<OperationPtr> dependents;
  bool done = false;
  std::chrono::steady_clock::time_point finished;
};

}  // namespace flowcut::sim::host
