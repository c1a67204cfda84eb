// Handles that are given to the caller: numbers that are never used twice, so that a handle that is used after its release, or made up, is
// recognised instead of followed.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

namespace flowcut::sim::host {

enum class HandleKind : std::uintptr_t { Context = 1, Stream, Event, Module, Function, Pool, Graph, GraphExec, GraphNode };

template <class T>
class Handles {
 public:
  explicit Handles(HandleKind kind) : next_((static_cast<std::uintptr_t>(kind) << 40) + 16) {}

  void* add(std::shared_ptr<T> object) {
    void* handle = reinterpret_cast<void*>(next_);
    next_ += 16;
    object->handle = handle;
    objects_.emplace(handle, std::move(object));
    return handle;
  }

  std::shared_ptr<T> find(const void* handle) const {
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }

  std::shared_ptr<T> remove(const void* handle) {
    const auto found = objects_.find(handle);
    if (found == objects_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }

  template <class Predicate>
  void remove_if(Predicate predicate) {
    std::erase_if(objects_, [&](const auto& entry) { return predicate(*entry.second); });
  }

  const std::unordered_map<const void*, std::shared_ptr<T>>& all() const { return objects_; }

 private:
  std::uintptr_t next_;
  std::unordered_map<const void*, std::shared_ptr<T>> objects_;
};

}  // namespace flowcut::sim::host
