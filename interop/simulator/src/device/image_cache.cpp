#include "device/image_cache.hpp"

#include "device/image_format.hpp"
#include "device/process.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>
#include <vector>

namespace flowcut::sim {
namespace {

namespace fs = std::filesystem;

constexpr char kSuffix[] = ".image";
constexpr std::size_t kMaxEntries = 4000, kKeptEntries = 3000;  // some 50 KB each

fs::path cache_folder() {
  const char* const own = std::getenv("FLOWCUT_SIM_CACHE");
  if (own != nullptr && *own != '\0') return std::string(own) == "off" ? fs::path() : fs::path(own);
  const char* const base = std::getenv("XDG_CACHE_HOME");
  if (base != nullptr && *base == '/') return fs::path(base) / "flowcut-sim";
  const char* const home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return fs::path(home) / ".cache" / "flowcut-sim";
  return {};
}

fs::path entry_path(const fs::path& folder, const Digest& key) { return folder / (hexadecimal(key) + kSuffix); }

// The oldest entries go when there are too many.
void trim(const fs::path& folder) {
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, fs::path>> entries;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    entries.emplace_back(at->last_write_time(ignored), at->path());
  }
  if (entries.size() <= kMaxEntries) return;
  std::sort(entries.begin(), entries.end());
  for (std::size_t i = 0; i + kKeptEntries < entries.size(); i++) fs::remove(entries[i].second, error);
}

}  // namespace

bool read_cached_image(const Digest& key, std::string& image) {
  const fs::path folder = cache_folder();
  if (folder.empty() || !read_file(entry_path(folder, key).string(), image)) return false;
  std::string error;
  return check_image(reinterpret_cast<const unsigned char*>(image.data()), std::max<std::size_t>(image.size(), 1), error);
}

void write_cached_image(const Digest& key, const std::string& image) {
  const fs::path folder = cache_folder();
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  std::string temporary = (folder / "new-XXXXXX").string();
  const int descriptor = mkstemp(temporary.data());
  if (descriptor < 0) return;
  close(descriptor);
  if (write_file(temporary, image)) fs::rename(temporary, entry_path(folder, key), error);
  else error = std::make_error_code(std::errc::io_error);
  if (error) std::remove(temporary.c_str());
  trim(folder);
}

}  // namespace flowcut::sim
