// The objects behind the driver's handles. All are guarded by the driver's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "host/cuda_abi.hpp"
#include "host/work.hpp"
#include "kernel_image.hpp"

namespace flowcut::sim::host {

struct Stream;

// What every object has that the caller must release.
struct Owned {
  void* handle = nullptr;
  Context* context = nullptr;
  const char* entry = "";  // that made it
};

// A device's primary context: always the same object, active between the first retain and the last release.
struct Context : Owned {
  int device = 0;
  unsigned references = 0;
  CUresult error = CUDA_SUCCESS;  // once set, the context is lost
  std::size_t pending = 0;        // operations not done
  std::shared_ptr<Stream> legacy;
  std::unordered_map<std::thread::id, std::shared_ptr<Stream>> per_thread;
  std::vector<OperationPtr> orphans;  // last operations of blocking streams that were destroyed before they had run

  bool active() const { return references > 0; }
};

struct GraphNode {
  WorkPtr work;
  std::vector<std::size_t> after;  // indices of nodes
  CUgraphNode handle = nullptr;
};

struct Graph : Owned {
  std::vector<GraphNode> nodes;
};

struct GraphExec : Owned {
  std::vector<GraphNode> nodes;
  OperationPtr last_launch;  // launches of one executable graph do not overlap
};

// A capture in progress; shared by the streams that take part.
struct Capture {
  Stream* origin = nullptr;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  bool invalidated = false;
  Context* context = nullptr;
  std::vector<GraphNode> nodes;
  std::vector<std::weak_ptr<Stream>> streams;
};

struct Stream : Owned {
  unsigned flags = 0;
  int priority = 0;
  bool legacy = false;
  std::uint64_t lane = 0;
  OperationPtr last;
  std::shared_ptr<Capture> capture;
  std::vector<std::size_t> tail;  // nodes that the next captured node waits for

  bool blocking() const { return (flags & CU_STREAM_NON_BLOCKING) == 0; }
};

struct Event : Owned {
  unsigned flags = 0;
  OperationPtr recorded;
  std::weak_ptr<Capture> capture;  // recorded in a capture: the point that stream had reached
  bool captured = false;
  std::vector<std::size_t> nodes;
};

struct Module : Owned {
  std::shared_ptr<KernelImage> image;
  std::unordered_map<std::string, CUfunction> functions;
};

struct Function : Owned {
  std::shared_ptr<KernelImage> image;
  const KernelEntry* kernel = nullptr;
  CUmodule module = nullptr;
  int max_dynamic_shared = 0;
  int carveout = -1;
};

struct MemoryPool : Owned {
  int device = 0;
  bool is_default = false;
  bool destroyed = false;
  std::size_t used = 0, used_high = 0, reserved = 0, reserved_high = 0;
  std::uint64_t release_threshold = 0;
  std::size_t max_size = 0;  // 0: the device's memory
  int reuse[3] = {1, 1, 1};  // the three reuse attributes, in their order
  std::size_t live = 0;
};

}  // namespace flowcut::sim::host
