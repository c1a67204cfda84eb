// Kernel images: a header with magic, size and checksum, then the bytes of a shared object.
#include "device/image_format.hpp"
#include "kernel_image.hpp"

#include "device/block_runner.hpp"

#include <atomic>
#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace flowcut::sim {
namespace {

// dlopen wants a file. A memory file needs no folder that can be written to.
class MemoryFile {
 public:
  MemoryFile(const unsigned char* bytes, std::size_t size) : descriptor_(memfd_create("flowcut-sim-image", MFD_CLOEXEC)) {
    while (descriptor_ >= 0 && size > 0) {
      const ssize_t written = write(descriptor_, bytes, size);
      if (written <= 0) {
        close(descriptor_);
        descriptor_ = -1;
        return;
      }
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
  }
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  // The loader takes a name that it has seen for the library that had it, and numbers of descriptors come again: so the path
  // is spelt in another way each time, the bits of a counter as "/" and "/.".
  std::string path() const {
    static std::atomic<unsigned> count{0};
    std::string path = "/proc/self/fd";
    for (unsigned bits = ++count; bits != 0; bits >>= 1) path += (bits & 1) != 0 ? "/." : "/";
    return path + "/" + std::to_string(descriptor_);
  }
  bool ok() const { return descriptor_ >= 0; }
  int release() { return std::exchange(descriptor_, -1); }

 private:
  int descriptor_;
};

}  // namespace

std::unique_ptr<KernelImage> KernelImage::load(const void* image, std::size_t size, std::string& error) {
  const auto* const bytes = static_cast<const unsigned char*>(image);
  if (!check_image(bytes, size, error)) return nullptr;
  const ImageHeader header = read_image_header(bytes);
  MemoryFile file(bytes + sizeof(ImageHeader), header.payload_bytes);
  if (!file.ok()) {
    error = "no memory file for the image";
    return nullptr;
  }
  std::unique_ptr<KernelImage> result(new KernelImage);
  result->library_ = dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (result->library_ == nullptr) {
    error = dlerror();
    return nullptr;
  }
  // Open for as long as the library is loaded: dlopen takes a name that it has seen for the library it found there before.
  result->descriptor_ = file.release();
  const auto* const table = static_cast<const flowcut_sim::ImageTable*>(dlsym(result->library_, "flowcut_sim_image"));
  if (table == nullptr || table->version != flowcut_sim::kApiVersion) {
    error = "the image was made by another version of the simulator";
    return nullptr;
  }
  *table->api = &device_api;
  for (unsigned i = 0; i < table->kernel_count; i++) {
    const flowcut_sim::ImageKernel& kernel = table->kernels[i];
    result->entries_.push_back({kernel.name, kernel.run, kernel.args_bytes, kernel.max_threads});
  }
  return result;
}

KernelImage::~KernelImage() {
  if (library_ != nullptr) dlclose(library_);
  if (descriptor_ >= 0) close(descriptor_);
}

const KernelEntry* KernelImage::find(std::string_view name) const {
  for (const KernelEntry& entry : entries_)
    if (entry.name == name) return &entry;
  return nullptr;
}

void* KernelImage::find_global(std::string_view name, std::size_t* size) const {
  void* const address = dlsym(library_, std::string(name).c_str());
  if (address == nullptr) return nullptr;
  Dl_info info;
  void* extra = nullptr;
  if (size != nullptr)
    *size = dladdr1(address, &info, &extra, RTLD_DL_SYMENT) != 0 && extra != nullptr ? static_cast<const ElfW(Sym)*>(extra)->st_size : 0;
  return address;
}

}  // namespace flowcut::sim
