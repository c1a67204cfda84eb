#include "host/driver.hpp"

#include <algorithm>
#include <utility>

#include "host/faults.hpp"

namespace flowcut::sim::host {

namespace {

constexpr std::size_t kPoolGranularity = std::size_t{2} << 20;
constexpr std::size_t kMostNamed = 8;  // kernels in one report

std::size_t up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// The device side's entry points are counted from the first call on.
__attribute__((constructor)) void make_driver() { Driver::get(); }

// Work that still runs when the process ends would use what is being destroyed.
__attribute__((destructor)) void stop_machine() { Driver::get().machine.stop(); }

}  // namespace

Driver& Driver::get() {
  static Driver* const driver = new Driver;  // never destroyed: other threads may still call while the process ends
  return *driver;
}

Driver::Driver()
    : machine(
          mutex, [](const Operation& operation) { return operation.context != nullptr && operation.context->error != CUDA_SUCCESS; },
          [this](Operation& operation, const Outcome& outcome) { finish(operation, outcome); }) {
  make_devices();
  set_memory_check(&memory);
  set_fault_hook([](const char* entry, int* result) {
    *result = Faults::get().enter(entry);
    return *result != 0;
  });
}

void Driver::make_devices() {
  for (int i = 0; i < kMostDevices; ++i) {
    Device& device = devices[static_cast<std::size_t>(i)];
    device = Device{};
    device.model.ordinal = i;
    device.context = std::make_shared<Context>();
    device.context->device = i;
    contexts.add(device.context);
    device.default_pool = std::make_shared<MemoryPool>();
    device.default_pool->device = i;
    device.default_pool->is_default = true;
    pools.add(device.default_pool);
  }
}

bool Driver::any_context_active() const {
  return std::any_of(devices.begin(), devices.end(), [](const Device& device) { return device.context->active(); });
}

void Driver::reset(std::unique_lock<std::mutex>& lock, std::uint64_t new_seed) {
  machine.reset(lock, new_seed);
  for (const Device& device : devices) {
    device.context->pending = 0;
    destroy_resources(lock, *device.context);
  }
  const auto everything = [](const auto&) { return true; };
  contexts.remove_if(everything);
  pools.remove_if(everything);
  captures.clear();
  memory.writes_after_free();
  report.clear();
  Faults::get().clear();
  seed = new_seed;
  launches = 0;
  unchecked_.clear();
  ++epoch;
  device_count = 1;
  version = 13000;
  make_devices();
}

void Driver::finish(Operation& operation, const Outcome& outcome) {
  Context* context = operation.context;
  if (context == nullptr) return;
  if (context->pending > 0) --context->pending;
  if (context->error != CUDA_SUCCESS) return;
  const Work& work = *operation.work;
  if (outcome.result != CUDA_SUCCESS) return lose(*context, outcome.result, work.label + ": " + outcome.message);
  if (work.kind != WorkKind::Kernel) return;
  if (std::string broken = memory.broken_guard(work.pointers); !broken.empty())
    return lose(*context, CUDA_ERROR_ILLEGAL_ADDRESS, work.label + ": " + broken);
  if (unchecked_.size() < kMostNamed && (unchecked_.empty() || unchecked_.back() != work.label)) unchecked_.push_back(work.label);
}

void Driver::lose(Context& context, CUresult error, std::string text) {
  context.error = error;
  report.violation(std::move(text));
}

void Driver::wait(std::unique_lock<std::mutex>& lock, Context& context, std::function<bool()> done) {
  machine.run_until(lock, std::move(done));
  if (unchecked_.empty() || context.error != CUDA_SUCCESS) return;
  std::string names;
  for (const std::string& name : std::exchange(unchecked_, {})) names += (names.empty() ? "" : ", ") + name;
  if (std::string broken = memory.broken_guard(); !broken.empty())
    lose(context, CUDA_ERROR_ILLEGAL_ADDRESS, "after " + names + ": " + broken);
}

std::size_t Driver::used_bytes(int device) const {
  std::size_t bytes = devices[static_cast<std::size_t>(device)].plain_bytes;
  for (const auto& [handle, pool] : pools.all())
    if (pool->device == device) bytes += pool->reserved;
  return bytes;
}

void Driver::release_pool_memory(int device) {
  for (const auto& [handle, pool] : pools.all()) {
    if (pool->device != device) continue;
    const std::size_t needed = up(pool->used, kPoolGranularity);
    const std::uint64_t kept = std::max<std::uint64_t>(needed, pool->release_threshold);
    pool->reserved = std::min<std::uint64_t>(pool->reserved, kept);
  }
}

bool Driver::make_room(int device, std::size_t bytes) {
  const std::size_t capacity = devices[static_cast<std::size_t>(device)].model.memory_bytes;
  if (bytes > capacity) return false;
  if (used_bytes(device) + bytes <= capacity) return true;
  for (const auto& [handle, pool] : pools.all())
    if (pool->device == device) pool->reserved = up(pool->used, kPoolGranularity);
  return used_bytes(device) + bytes <= capacity;
}

OperationPtr Driver::enqueue(Stream& stream, WorkPtr work, std::vector<OperationPtr> after) {
  if (stream.last != nullptr) after.push_back(stream.last);
  const std::vector<OperationPtr> legacy = legacy_order(*this, stream);
  after.insert(after.end(), legacy.begin(), legacy.end());
  ++stream.context->pending;
  stream.last = machine.submit(std::move(work), stream.context, stream.lane, after);
  return stream.last;
}

void Driver::synchronize(std::unique_lock<std::mutex>& lock, Context& context) {
  wait(lock, context, [&context] { return context.pending == 0; });
  release_pool_memory(context.device);
}

void Driver::destroy_resources(std::unique_lock<std::mutex>& lock, Context& context) {
  synchronize(lock, context);
  if (const std::string left = leaks_of(&context); !left.empty()) report.leak(left.substr(0, left.size() - 1));
  const auto of_context = [&context](const auto& object) { return object.context == &context; };
  streams.remove_if(of_context);
  events.remove_if(of_context);
  modules.remove_if(of_context);
  functions.remove_if(of_context);
  graphs.remove_if(of_context);
  graph_execs.remove_if(of_context);
  std::erase_if(captures, [&context](const auto& capture) { return capture->context == &context; });
  std::vector<std::shared_ptr<Allocation>> ended;
  for (const auto& [address, allocation] : memory.all())
    if (allocation->life != Life::Freed && allocation->context == &context) ended.push_back(allocation);
  for (const auto& allocation : ended)
    if (std::string broken = memory.end_life(*allocation); !broken.empty() && context.error == CUDA_SUCCESS) report.violation(broken);
  for (std::string& line : memory.writes_after_free()) report.violation(std::move(line));
  pools.remove_if([&](const MemoryPool& pool) { return !pool.is_default && pool.context == &context; });
  Device& device = devices[static_cast<std::size_t>(context.device)];
  MemoryPool& pool = *device.default_pool;
  pool.used = pool.used_high = pool.reserved = pool.reserved_high = pool.live = 0;
  pool.release_threshold = 0;
  device.plain_bytes = device.pinned_bytes = 0;
  context.error = CUDA_SUCCESS;
  context.legacy = nullptr;
  context.per_thread.clear();
  context.orphans.clear();
}

std::string Driver::leaks_of(const Context* context) const {
  std::string text;
  const auto list = [&](const auto& handles, const char* kind) {
    for (const auto& [handle, object] : handles.all())
      if (context == nullptr || object->context == context) text += std::string(kind) + " from " + object->entry + '\n';
  };
  for (const auto& [address, allocation] : memory.all())
    if (allocation->life != Life::Freed && !allocation->free_requested && (context == nullptr || allocation->context == context))
      text += "memory: " + allocation->describe() + '\n';
  list(streams, "stream");
  list(events, "event");
  list(modules, "module");
  list(graphs, "graph");
  list(graph_execs, "executable graph");
  for (const auto& [handle, pool] : pools.all())
    if (!pool->is_default && !pool->destroyed && (context == nullptr || pool->context == context))
      text += std::string("memory pool from ") + pool->entry + '\n';
  return text;
}

std::string Driver::leaks() const {
  std::string text = report.leaks() + leaks_of(nullptr) + Faults::get().live_objects();
  if (const std::size_t programs = live_programs(); programs != 0) text += std::to_string(programs) + " programs from nvrtcCreateProgram\n";
  for (const Device& device : devices)
    if (device.context->active())
      text += "primary context of device " + std::to_string(device.model.ordinal) + " from cuDevicePrimaryCtxRetain (" +
              std::to_string(device.context->references) + " references)\n";
  return text;
}

std::vector<OperationPtr> legacy_order(Driver& driver, const Stream& stream) {
  std::vector<OperationPtr> after;
  Context& context = *stream.context;
  if (!stream.legacy) {
    if (stream.blocking() && context.legacy != nullptr && context.legacy->last != nullptr) after.push_back(context.legacy->last);
    return after;
  }
  for (const auto& [handle, other] : driver.streams.all())
    if (other->context == &context && other->blocking() && other->last != nullptr) after.push_back(other->last);
  for (const auto& [thread, other] : context.per_thread)
    if (other->last != nullptr) after.push_back(other->last);
  std::erase_if(context.orphans, [](const OperationPtr& orphan) { return orphan->done; });
  after.insert(after.end(), context.orphans.begin(), context.orphans.end());
  return after;
}

std::shared_ptr<Stream> find_stream(Driver& driver, Context& context, CUstream handle) {
  const auto make = [&](bool legacy) {
    auto stream = std::make_shared<Stream>();
    stream->handle = handle;
    stream->context = &context;
    stream->legacy = legacy;
    stream->lane = ++driver.lanes;
    return stream;
  };
  if (handle == nullptr || handle == kLegacyStream) {
    if (context.legacy == nullptr) context.legacy = make(true);
    return context.legacy;
  }
  if (handle == kPerThreadStream) {
    std::shared_ptr<Stream>& own = context.per_thread[std::this_thread::get_id()];
    if (own == nullptr) own = make(false);
    return own;
  }
  return driver.streams.find(handle);
}

}  // namespace flowcut::sim::host
