// Modules, functions and launches.
#include <algorithm>
#include <string>

#include "host/launch.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

// The simulator has no registers; it reports a number that limits nothing.
constexpr int kRegisters = 64;

CUresult load(const char* entry, CUmodule* handle, const void* image) {
  return call(entry, Needs::Context, [&](Call& now) {
    if (handle == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::string error;
    std::shared_ptr<KernelImage> loaded = KernelImage::load(image, 0, error);
    if (loaded == nullptr) {
      now.driver.report.note(std::string(now.entry) + ": " + error);
      return CUDA_ERROR_INVALID_IMAGE;
    }
    auto module = now.made(std::make_shared<Module>());
    module->image = std::move(loaded);
    *handle = static_cast<CUmodule>(now.driver.modules.add(module));
    return CUDA_SUCCESS;
  });
}

CUresult set_attribute(const DeviceModel& device, Function& function, CUfunction_attribute attribute, int value) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      if (value < 0 || value > device.shared_per_block_optin()) return CUDA_ERROR_INVALID_VALUE;
      function.max_dynamic_shared = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
      function.carveout = value;
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuModuleLoadData(CUmodule* module, const void* image) { return load(__func__, module, image); }

// Options concern the assembling of PTX, which an image of the simulator does not need.
FLOWCUT_SIM_EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, CUjit_option* options, void** values) {
  if (count != 0 && (options == nullptr || values == nullptr))
    return call(__func__, Needs::Context, [](Call&) { return CUDA_ERROR_INVALID_VALUE; });
  return load(__func__, module, image);
}

FLOWCUT_SIM_EXPORT CUresult cuModuleUnload(CUmodule handle) {
  return release(__func__, Needs::Context, [&](Call& now) {
    const auto module = now.driver.modules.remove(handle);
    if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    now.driver.functions.remove_if([&](const Function& function) { return function.module == handle; });
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuModuleGetFunction(CUfunction* handle, CUmodule module_handle, const char* name) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (handle == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto module = now.driver.modules.find(module_handle);
    if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (const auto known = module->functions.find(name); known != module->functions.end()) {
      *handle = known->second;
      return CUDA_SUCCESS;
    }
    const KernelEntry* kernel = module->image->find(name);
    if (kernel == nullptr) return CUDA_ERROR_NOT_FOUND;
    auto function = now.made(std::make_shared<Function>());
    function->context = module->context;
    function->image = module->image;
    function->kernel = kernel;
    function->module = module_handle;
    *handle = static_cast<CUfunction>(now.driver.functions.add(function));
    module->functions.emplace(name, *handle);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr* pointer, std::size_t* bytes, CUmodule handle, const char* name) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto module = now.driver.modules.find(handle);
    if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (name == nullptr || (pointer == nullptr && bytes == nullptr)) return CUDA_ERROR_INVALID_VALUE;
    std::size_t size = 0;
    void* found = module->image->find_global(name, &size);
    if (found == nullptr) return CUDA_ERROR_NOT_FOUND;
    if (pointer != nullptr) *pointer = reinterpret_cast<CUdeviceptr>(found);
    if (bytes != nullptr) *bytes = size;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto function = now.driver.functions.find(handle);
    if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const DeviceModel& device = now.driver.devices[static_cast<std::size_t>(function->context->device)].model;
    switch (attribute) {
      case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = function->kernel->max_threads; return CUDA_SUCCESS;
      case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = kRegisters; return CUDA_SUCCESS;
      case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = device.major * 10 + device.minor; return CUDA_SUCCESS;
      case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        *value = std::max(function->max_dynamic_shared, DeviceModel::kSharedWithoutOptin);
        return CUDA_SUCCESS;
      case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = function->carveout; return CUDA_SUCCESS;
      default: break;
    }
    if (attribute < 0 || attribute > CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE) return CUDA_ERROR_INVALID_VALUE;
    *value = 0;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto function = now.driver.functions.find(handle);
    if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    return set_attribute(now.driver.devices[static_cast<std::size_t>(function->context->device)].model, *function, attribute, value);
  });
}

FLOWCUT_SIM_EXPORT CUresult cuFuncSetCacheConfig(CUfunction handle, CUfunc_cache config) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (now.driver.functions.find(handle) == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    return config < CU_FUNC_CACHE_PREFER_NONE || config > CU_FUNC_CACHE_PREFER_EQUAL ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                           unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void** parameters,
                                           void** extra) {
  return call(__func__, Needs::Context, [&](Call& now) {
    return launch(now, function, {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, stream, parameters, extra});
  });
}

FLOWCUT_SIM_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters, void** extra) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (config == nullptr || (config->numAttrs != 0 && config->attrs == nullptr)) return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < config->numAttrs; ++i) {
      const CUlaunchAttribute& attribute = config->attrs[i];
      const auto& cluster = attribute.value.clusterDim;
      // Hints change nothing here; what would change the kernel's semantics is refused.
      if (attribute.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION && cluster.x * cluster.y * cluster.z != 1) return CUDA_ERROR_NOT_SUPPORTED;
      if (attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && attribute.value.cooperative != 0) return CUDA_ERROR_NOT_SUPPORTED;
      if (attribute.id < CU_LAUNCH_ATTRIBUTE_IGNORE || attribute.id > CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING)
        return CUDA_ERROR_INVALID_VALUE;
    }
    return launch(now, function,
                  {{config->gridDimX, config->gridDimY, config->gridDimZ},
                   {config->blockDimX, config->blockDimY, config->blockDimZ},
                   config->sharedMemBytes,
                   config->hStream,
                   parameters,
                   extra});
  });
}

FLOWCUT_SIM_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction handle, int block_threads,
                                                                        std::size_t shared_bytes) {
  return call(__func__, Needs::Context, [&](Call& now) {
    const auto function = now.driver.functions.find(handle);
    if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (blocks == nullptr || block_threads <= 0) return CUDA_ERROR_INVALID_VALUE;
    *blocks = blocks_per_multiprocessor(now.driver.devices[static_cast<std::size_t>(function->context->device)].model, *function,
                                        block_threads, shared_bytes);
    return CUDA_SUCCESS;
  });
}
