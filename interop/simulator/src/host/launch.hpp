// Kernel launches, checked as the driver checks them.
#pragma once

#include "host/call.hpp"

namespace flowcut::sim::host {

struct LaunchRequest {
  Dim3 grid, block;
  unsigned shared_bytes = 0;
  CUstream stream = nullptr;
  void** parameters = nullptr;
  void** extra = nullptr;
};

CUresult launch(Call& call, CUfunction handle, const LaunchRequest& request);

// Blocks of this size that fit on one multiprocessor at a time.
int blocks_per_multiprocessor(const DeviceModel& device, const Function& function, int block_threads, std::size_t shared_bytes);

}  // namespace flowcut::sim::host
