// What went wrong so far, as text.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace flowcut::sim::host {

class Report {
 public:
  void violation(std::string text) { add(violations_, std::move(text)); }
  // Something that was still alive when its context went.
  void leak(std::string text) { add(leaks_, std::move(text)); }
  // What explains an error that the caller got and is no violation.
  void note(std::string text) { add(notes_, std::move(text)); }
  void clear();

  std::string violations() const { return joined(violations_); }
  std::string leaks() const { return joined(leaks_); }
  std::string notes() const { return joined(notes_); }

 private:
  // A program that goes on after a violation may cause thousands.
  static constexpr std::size_t kMost = 1000;

  void add(std::vector<std::string>& list, std::string text);
  std::string joined(const std::vector<std::string>& list) const;

  mutable std::mutex mutex_;
  std::vector<std::string> violations_, leaks_, notes_;
};

}  // namespace flowcut::sim::host
