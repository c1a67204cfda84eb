#include "host/report.hpp"

namespace flowcut::sim::host {

void Report::add(std::vector<std::string>& list, std::string text) {
  const std::lock_guard lock(mutex_);
  if (list.size() < kMost) list.push_back(std::move(text));
}

void Report::clear() {
  const std::lock_guard lock(mutex_);
  violations_.clear();
  leaks_.clear();
  notes_.clear();
}

std::string Report::joined(const std::vector<std::string>& list) const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const std::string& line : list) text += line + '\n';
  return text;
}

}  // namespace flowcut::sim::host
