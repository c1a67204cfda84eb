// What a simulated device says about itself.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "host/cuda_abi.hpp"

namespace flowcut::sim::host {

struct DeviceModel {
  int ordinal = 0;
  int major = 9, minor = 0;
  std::size_t memory_bytes = default_memory_bytes();
  std::string name = "FlowCut simulator";

  // Nothing for an attribute that the simulator does not know.
  std::optional<int> attribute(CUdevice_attribute which) const;

  // Shared memory in bytes: of a multiprocessor, and the most that one block may have after cuFuncSetAttribute.
  int shared_per_multiprocessor() const;
  int shared_per_block_optin() const { return shared_per_multiprocessor() - kReservedShared; }
  int threads_per_multiprocessor() const;
  int blocks_per_multiprocessor() const;
  int multiprocessors() const;

  // FLOWCUT_SIM_MEMORY in MiB, else 24 GiB.
  static std::size_t default_memory_bytes();

  static constexpr int kReservedShared = 1024;           // per block, by the system
  static constexpr int kSharedWithoutOptin = 48 * 1024;  // dynamic shared memory that needs no attribute
  static constexpr int kMaxThreads = 1024;
};

}  // namespace flowcut::sim::host
