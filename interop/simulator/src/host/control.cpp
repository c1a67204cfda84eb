// The simulator's own entry points (flowcut_sim/control.h).
#include "flowcut_sim/control.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "export.hpp"
#include "host/driver.hpp"
#include "host/faults.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

std::size_t copy_text(const std::string& text, char* buffer, std::size_t size) {
  if (buffer != nullptr && size > 0) {
    const std::size_t copied = std::min(size - 1, text.size());
    std::memcpy(buffer, text.data(), copied);
    buffer[copied] = '\0';
  }
  return text.size();
}

// Writes into freed memory are found by looking for them.
std::string violations(Driver& driver) {
  for (std::string& line : driver.memory.writes_after_free()) driver.report.violation(std::move(line));
  return driver.report.violations();
}

}  // namespace

FLOWCUT_SIM_EXPORT void flowcutSimReset(unsigned long long seed) {
  Driver& driver = Driver::get();
  std::unique_lock lock(driver.mutex);
  driver.reset(lock, seed);
}

FLOWCUT_SIM_EXPORT int flowcutSimFailCall(const char* entry, unsigned nth, int result) {
  return entry != nullptr && Faults::get().fail_call(entry, nth, result) ? 0 : 1;
}

FLOWCUT_SIM_EXPORT unsigned long long flowcutSimCallCount(const char* entry) { return entry == nullptr ? 0 : Faults::get().calls(entry); }

FLOWCUT_SIM_EXPORT std::size_t flowcutSimReport(char* buffer, std::size_t size) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  return copy_text(violations(driver) + driver.leaks() + driver.report.notes(), buffer, size);
}

FLOWCUT_SIM_EXPORT std::size_t flowcutSimViolations(char* buffer, std::size_t size) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  return copy_text(violations(driver), buffer, size);
}

FLOWCUT_SIM_EXPORT std::size_t flowcutSimLeaks(char* buffer, std::size_t size) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  return copy_text(driver.leaks(), buffer, size);
}

FLOWCUT_SIM_EXPORT int flowcutSimSetDevice(int ordinal, int major, int minor, unsigned long long memory_bytes, const char* name) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  if (ordinal < 0 || ordinal >= kMostDevices || major < 1 || minor < 0 || minor > 9 || memory_bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (driver.any_context_active()) return CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE;
  DeviceModel& model = driver.devices[static_cast<std::size_t>(ordinal)].model;
  model.major = major;
  model.minor = minor;
  model.memory_bytes = memory_bytes;
  model.name = name == nullptr ? DeviceModel{}.name : name;
  return CUDA_SUCCESS;
}

FLOWCUT_SIM_EXPORT int flowcutSimSetDeviceCount(int count) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  if (count < 0 || count > kMostDevices) return CUDA_ERROR_INVALID_VALUE;
  if (driver.any_context_active()) return CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE;
  driver.device_count = count;
  return CUDA_SUCCESS;
}

FLOWCUT_SIM_EXPORT void flowcutSimSetDriverVersion(int version) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  driver.version = version;
}

FLOWCUT_SIM_EXPORT void flowcutSimSetIdleDelay(unsigned min_microseconds, unsigned max_microseconds) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  driver.machine.set_idle_delay(std::chrono::microseconds(min_microseconds), std::chrono::microseconds(max_microseconds));
}

FLOWCUT_SIM_EXPORT int flowcutSimDeviceMemory(int ordinal, FlowcutSimMemory* memory) {
  Driver& driver = Driver::get();
  const std::lock_guard lock(driver.mutex);
  if (ordinal < 0 || ordinal >= kMostDevices || memory == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Device& device = driver.devices[static_cast<std::size_t>(ordinal)];
  *memory = {};
  memory->capacity = device.model.memory_bytes;
  memory->used = driver.used_bytes(ordinal);
  memory->peak = device.peak_bytes;
  memory->pinned = device.pinned_bytes;
  memory->pool_reserved = memory->used - device.plain_bytes;
  for (const auto& [address, allocation] : driver.memory.all())
    if (allocation->is_device() && allocation->life != Life::Freed && allocation->device == ordinal) ++memory->live;
  return CUDA_SUCCESS;
}
