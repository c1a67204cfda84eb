// The state of the simulated driver, and what its entry points share.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/device_model.hpp"
#include "host/guarded_memory.hpp"
#include "host/handles.hpp"
#include "host/machine.hpp"
#include "host/objects.hpp"
#include "host/report.hpp"

namespace flowcut::sim::host {

inline constexpr int kMostDevices = 4;

struct Device {
  DeviceModel model;
  std::shared_ptr<Context> context;
  std::shared_ptr<MemoryPool> default_pool;
  std::size_t plain_bytes = 0;  // of cuMemAlloc
  std::size_t pinned_bytes = 0;
  std::size_t peak_bytes = 0;
};

class Driver {
 public:
  static Driver& get();

  std::mutex mutex;  // guards everything below

  bool initialised = false;
  int version = 13000;
  int device_count = 1;
  std::uint64_t seed = 0, launches = 0, lanes = 0, epoch = 0;
  std::array<Device, kMostDevices> devices;
  Report report;
  GuardedMemory memory;
  Machine machine;
  Handles<Context> contexts{HandleKind::Context};
  Handles<Stream> streams{HandleKind::Stream};
  Handles<Event> events{HandleKind::Event};
  Handles<Module> modules{HandleKind::Module};
  Handles<Function> functions{HandleKind::Function};
  Handles<MemoryPool> pools{HandleKind::Pool};
  Handles<Graph> graphs{HandleKind::Graph};
  Handles<GraphExec> graph_execs{HandleKind::GraphExec};
  std::vector<std::shared_ptr<Capture>> captures;  // in progress

  // Fresh devices and contexts; the lock is held.
  void reset(std::unique_lock<std::mutex>& lock, std::uint64_t new_seed);
  bool any_context_active() const;

  // Releases everything that belongs to a context; what is still alive goes into the leak report. Ends its queued work first.
  void destroy_resources(std::unique_lock<std::mutex>& lock, Context& context);

  // Bytes that allocations and pools have taken from a device, and whether `bytes` more fit once unused pool memory was given back.
  std::size_t used_bytes(int device) const;
  bool make_room(int device, std::size_t bytes);
  // What synchronisation does to pools: memory above the release threshold goes back to the device.
  void release_pool_memory(int device);

  // Puts an operation behind what the stream has got so far (and behind `after`).
  OperationPtr enqueue(Stream& stream, WorkPtr work, std::vector<OperationPtr> after = {});
  // Waits for an event of the device that a predicate tells of. Then all guard bands are checked, if a kernel has run since the last time.
  void wait(std::unique_lock<std::mutex>& lock, Context& context, std::function<bool()> done);
  void synchronize(std::unique_lock<std::mutex>& lock, Context& context);

  std::string leaks() const;

 private:
  Driver();
  void finish(Operation& operation, const Outcome& outcome);
  std::string leaks_of(const Context* context) const;  // null: of all
  void make_devices();
  void lose(Context& context, CUresult error, std::string text);

  std::vector<std::string> unchecked_;  // kernels that have run since all guard bands were checked
};

// The default stream of a context that this handle stands for in this thread, or the stream with this handle, or null.
std::shared_ptr<Stream> find_stream(Driver& driver, Context& context, CUstream handle);

// What an operation waits for besides its stream's own order: the legacy default stream and blocking streams wait for each other.
std::vector<OperationPtr> legacy_order(Driver& driver, const Stream& stream);

}  // namespace flowcut::sim::host
