#include "host/faults.hpp"

#include <cctype>
#include <exception>

#include "fault.hpp"

namespace flowcut::sim::host {

Faults& Faults::get() {
  static Faults* const faults = new Faults;  // never destroyed: other threads may still call while the process ends
  return *faults;
}

std::string_view without_version(std::string_view entry) {
  const std::size_t mark = entry.rfind("_v");
  if (mark == std::string_view::npos || mark + 3 != entry.size() || std::isdigit(static_cast<unsigned char>(entry.back())) == 0)
    return entry;
  return entry.substr(0, mark);
}

int Faults::enter(std::string_view entry) {
  const std::lock_guard lock(mutex_);
  const std::string_view name = without_version(entry);
  if (const auto found = calls_.find(name); found != calls_.end())
    ++found->second;
  else
    calls_.emplace(name, 1);
  int result = 0;
  for (auto [at, end] = failures_.equal_range(name); at != end;) {
    if (--at->second.remaining == 0) {
      result = at->second.result;
      at = failures_.erase(at);
    } else {
      ++at;
    }
  }
  return result;
}

bool Faults::fail_call(std::string_view entry, unsigned nth, int result) {
  const std::lock_guard lock(mutex_);
  const std::string name(without_version(entry));
  if (name.empty() || (nth != 0 && result == 0)) return false;
  if (nth == 0)
    failures_.erase(name);
  else
    failures_.emplace(name, Failure{nth, result});
  return true;
}

unsigned long long Faults::calls(std::string_view entry) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(without_version(entry));
  return found == calls_.end() ? 0 : found->second;
}

void Faults::track(const void* handle, const char* kind, const char* entry) {
  const std::lock_guard lock(mutex_);
  objects_[handle] = {kind, entry};
}

bool Faults::untrack(const void* handle) {
  const std::lock_guard lock(mutex_);
  return objects_.erase(handle) != 0;
}

bool Faults::tracked(const void* handle, std::string_view kind) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(handle);
  return found != objects_.end() && found->second.kind == kind;
}

std::string Faults::live_objects() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [handle, object] : objects_) text += std::string(object.kind) + " from " + object.entry + '\n';
  return text;
}

void Faults::clear() {
  const std::lock_guard lock(mutex_);
  calls_.clear();
  failures_.clear();
  objects_.clear();
}

}  // namespace flowcut::sim::host

namespace flowcut::sim {

int enter_call(const char* entry) noexcept {
  try {
    return host::Faults::get().enter(entry);
  } catch (const std::exception&) {
    return 0;  // without memory to count, the call itself will say so
  }
}

void track_object(const void* handle, const char* kind, const char* entry) { host::Faults::get().track(handle, kind, entry); }

bool untrack_object(const void* handle) noexcept { return host::Faults::get().untrack(handle); }

bool is_tracked(const void* handle, const char* kind) noexcept { return host::Faults::get().tracked(handle, kind); }

}  // namespace flowcut::sim
