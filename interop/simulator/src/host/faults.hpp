// Counts of calls, requested failures, and the objects of the entry points that have no table of their own (NVRTC, cublasLt).
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace flowcut::sim::host {

class Faults {
 public:
  static Faults& get();

  int enter(std::string_view entry);
  bool fail_call(std::string_view entry, unsigned nth, int result);
  unsigned long long calls(std::string_view entry) const;

  void track(const void* handle, const char* kind, const char* entry);
  bool untrack(const void* handle);
  bool tracked(const void* handle, std::string_view kind) const;
  std::string live_objects() const;  // one line each

  void clear();

 private:
  struct Failure {
    unsigned remaining;
    int result;
  };
  struct Object {
    const char* kind;
    const char* entry;
  };

  mutable std::mutex mutex_;
  std::map<std::string, unsigned long long, std::less<>> calls_;
  std::multimap<std::string, Failure, std::less<>> failures_;
  std::unordered_map<const void*, Object> objects_;
};

// "cuMemAlloc_v2" -> "cuMemAlloc": a test need not know which version of an entry point the library under test calls.
std::string_view without_version(std::string_view entry);

}  // namespace flowcut::sim::host
