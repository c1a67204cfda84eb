// The contract between the two halves of the simulator: the host side (driver entry points, memory, streams) and the device side
// (kernel images and their execution, NVRTC).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace flowcut::sim {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
};

// A kernel of a loaded image. `run` is the body of one CUDA thread; only the executor may call it.
struct KernelEntry {
  std::string name;
  void (*run)(const void* args) = nullptr;
  std::size_t args_bytes = 0;  // size of the one argument struct
  int max_threads = 0;         // from __launch_bounds__
};

// seed 0: blocks and threads run in order. Any other seed: a random but reproducible order of blocks, warps and threads.
struct LaunchConfig {
  Dim3 grid, block;
  std::size_t shared_bytes = 0;
  std::uint64_t seed = 0;
};

// `message` is the first violation: kernel, block, thread and what it did. The launch stops there; other blocks may have run.
struct LaunchReport {
  bool ok = true;
  std::string message;
};

// A compiled module: what nvrtcGetCUBIN returns and cuModuleLoadData takes. The entries live as long as the image.
class KernelImage {
 public:
  // Null and `error` if the bytes are not an image of this simulator, are damaged, or cannot be loaded. size 0: taken from the header.
  static std::unique_ptr<KernelImage> load(const void* image, std::size_t size, std::string& error);
  ~KernelImage();
  KernelImage(const KernelImage&) = delete;
  KernelImage& operator=(const KernelImage&) = delete;

  const KernelEntry* find(std::string_view name) const;
  const std::vector<KernelEntry>& entries() const { return entries_; }
  // Address and size of a `__device__` or `__constant__` variable with C linkage; null if there is none.
  void* find_global(std::string_view name, std::size_t* size) const;

 private:
  KernelImage() = default;
  void* library_ = nullptr;
  int descriptor_ = -1;
  std::vector<KernelEntry> entries_;
};

// Runs the whole grid and returns when it has ended: blocks on worker threads, each CUDA thread a fiber. Any thread may call it; launches
// are executed one after the other. `args` is copied before the first block runs.
LaunchReport execute(const KernelEntry& kernel, const LaunchConfig& config, const void* args);

// What the device side asks about memory that the host side owns. Called from the worker threads during execute(): the host side
// must not hold a lock around execute() that this call wants.
struct MemoryCheck {
  virtual ~MemoryCheck() = default;
  virtual bool is_device_range(const void* pointer, std::size_t bytes) = 0;
};
void set_memory_check(MemoryCheck* check);  // null: nothing is checked

// Fault injection for the entry points of this side (nvrtc…): returns true and sets *result if this call is to fail.
using FaultHook = bool (*)(const char* entry, int* result);
void set_fault_hook(FaultHook hook);

// Programs that nvrtcCreateProgram made and nobody has destroyed: for the leak report.
std::size_t live_programs();

}  // namespace flowcut::sim
