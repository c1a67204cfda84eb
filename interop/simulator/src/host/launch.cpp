#include "host/launch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "host/capture.hpp"

namespace flowcut::sim::host {

namespace {

using Arguments = std::vector<std::max_align_t>;

bool dimensions_fit(const LaunchRequest& request, const Function& function) {
  const Dim3 &grid = request.grid, &block = request.block;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0) return false;
  if (grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535) return false;
  if (block.x > 1024 || block.y > 1024 || block.z > 64) return false;
  const unsigned long long threads = 1ull * block.x * block.y * block.z;
  return threads <= static_cast<unsigned long long>(std::min(function.kernel->max_threads, DeviceModel::kMaxThreads));
}

// Copies the arguments, so that the caller may reuse its memory. Null if they do not fit the kernel.
std::shared_ptr<Arguments> copy_arguments(const Function& function, const LaunchRequest& request) {
  const std::size_t bytes = function.kernel->args_bytes;
  const void* source = nullptr;
  if (request.extra != nullptr) {
    if (request.parameters != nullptr) return nullptr;
    std::size_t given = 0;
    for (void** at = request.extra; *at != kLaunchParamEnd; at += 2) {
      if (at[0] == kLaunchParamBufferPointer)
        source = at[1];
      else if (at[0] == kLaunchParamBufferSize)
        std::memcpy(&given, at[1], sizeof given);
      else
        return nullptr;
    }
    if (given != bytes) return nullptr;
  } else if (request.parameters != nullptr) {
    source = request.parameters[0];
  }
  if (bytes != 0 && source == nullptr) return nullptr;
  auto copied = std::make_shared<Arguments>(bytes / sizeof(std::max_align_t) + 1);
  if (bytes != 0) std::memcpy(copied->data(), source, bytes);
  return copied;
}

// All words of the arguments that may be addresses.
std::vector<std::uintptr_t> addresses_in(const Arguments& arguments, std::size_t bytes) {
  std::vector<std::uintptr_t> found;
  for (std::size_t at = 0; at + sizeof(std::uintptr_t) <= bytes; at += sizeof(std::uintptr_t)) {
    std::uintptr_t word;
    std::memcpy(&word, reinterpret_cast<const char*>(arguments.data()) + at, sizeof word);
    if (word >= 4096) found.push_back(word);
  }
  return found;
}

CUresult kind_of(const std::string& message) {
  const auto names = [&message](const char* word) { return message.find(word) != std::string::npos; };
  if (names("misaligned")) return CUDA_ERROR_MISALIGNED_ADDRESS;
  if (names("bounds") || names("address") || names("outside") || names("device memory")) return CUDA_ERROR_ILLEGAL_ADDRESS;
  return CUDA_ERROR_LAUNCH_FAILED;
}

// What is known about the address that a message names ("... address 0x7f12...").
std::string place_in(const Driver& driver, const std::string& message) {
  const std::size_t mark = message.find("0x");
  if (mark == std::string::npos) return {};
  const std::string place = driver.memory.describe(std::strtoull(message.c_str() + mark, nullptr, 16));
  return place.empty() ? place : " (" + place + ")";
}

}  // namespace

CUresult launch(Call& call, CUfunction handle, const LaunchRequest& request) {
  const auto function = call.driver.functions.find(handle);
  const auto stream = call.stream(request.stream);
  if (function == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (function->context != call.context || stream->context != call.context) return CUDA_ERROR_INVALID_HANDLE;
  if (!dimensions_fit(request, *function)) return CUDA_ERROR_INVALID_VALUE;
  const int allowed = std::max(function->max_dynamic_shared, DeviceModel::kSharedWithoutOptin);
  if (request.shared_bytes > static_cast<unsigned>(allowed)) return CUDA_ERROR_INVALID_VALUE;
  const std::shared_ptr<Arguments> arguments = copy_arguments(*function, request);
  if (arguments == nullptr) return CUDA_ERROR_INVALID_VALUE;

  Driver& driver = call.driver;
  const LaunchConfig config{request.grid, request.block, request.shared_bytes, Random(driver.seed + ++driver.launches).next() | 1};
  const int device = call.context->device;
  // The image outlives the module if the module is unloaded before the kernel has run.
  const auto run = [&driver, image = function->image, kernel = function->kernel, config, arguments, device]() -> Outcome {
    {
      const std::lock_guard lock(driver.mutex);
      driver.memory.publish(device);
    }
    LaunchReport report = execute(*kernel, config, arguments->data());
    if (report.ok) return {};
    const CUresult result = kind_of(report.message);
    const std::lock_guard lock(driver.mutex);
    return {result, report.message + place_in(driver, report.message)};
  };
  Work work{WorkKind::Kernel, "kernel " + function->kernel->name, run, addresses_in(*arguments, function->kernel->args_bytes)};
  return issue(call, *stream, std::make_shared<Work>(std::move(work)));
}

int blocks_per_multiprocessor(const DeviceModel& device, const Function& function, int block_threads, std::size_t shared_bytes) {
  if (block_threads > std::min(function.kernel->max_threads, DeviceModel::kMaxThreads)) return 0;
  const int rounded = (block_threads + 31) / 32 * 32;
  int blocks = std::min(device.blocks_per_multiprocessor(), device.threads_per_multiprocessor() / rounded);
  const std::size_t taken = shared_bytes + DeviceModel::kReservedShared;
  blocks = std::min<int>(
      blocks, static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(device.shared_per_multiprocessor()) / taken, 1024)));
  return blocks;
}

}  // namespace flowcut::sim::host
