// Running the host compiler.
#pragma once

#include <string>
#include <vector>

namespace flowcut::sim {

struct ProcessResult {
  bool started = false;
  int status = -1;     // exit status; 128 + number for a signal
  std::string output;  // what it wrote, both streams
};
// Runs a program (looked up in PATH) in `folder` (empty: the current one) and waits for it.
ProcessResult run_process(const std::vector<std::string>& command, const std::string& folder);

// A private folder that is removed with all its files.
class TemporaryFolder {
 public:
  TemporaryFolder();  // path() is empty if none can be made
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool write_file(const std::string& path, std::string_view text);       // makes the folders that are missing
bool read_file(const std::string& path, std::string& text);

}  // namespace flowcut::sim
