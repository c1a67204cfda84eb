// Initialisation, devices and contexts.
#include <algorithm>
#include <cstring>

#include "host/capture.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

bool is_device(const Driver& driver, CUdevice device) { return device >= 0 && device < driver.device_count; }

CUresult uuid_of(const char* entry, CUuuid* uuid, CUdevice device) {
  return call(entry, Needs::Init, [&](Call& now) {
    if (uuid == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    std::memcpy(uuid->bytes, "FlowCutSimulator", 16);
    uuid->bytes[15] = static_cast<char>('0' + device);
    return CUDA_SUCCESS;
  });
}

// Nothing that belonged to the context can be used afterwards; its handle stays the same.
void end_context(Call& now, Context& context) { now.driver.destroy_resources(now.lock, context); }

}  // namespace

FLOWCUT_SIM_EXPORT CUresult cuInit(unsigned flags) {
  return call(__func__, Needs::Nothing, [&](Call& now) {
    if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
    if (now.driver.device_count == 0) return CUDA_ERROR_NO_DEVICE;
    now.driver.initialised = true;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDriverGetVersion(int* version) {
  return call(__func__, Needs::Nothing, [&](Call& now) {
    if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *version = now.driver.version;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDeviceGetCount(int* count) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *count = now.driver.device_count;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(now.driver, ordinal)) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (name == nullptr || length <= 0) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    const std::string& text = now.driver.devices[static_cast<std::size_t>(device)].model.name;
    const std::size_t copied = std::min(text.size(), static_cast<std::size_t>(length) - 1);
    std::memcpy(name, text.data(), copied);
    name[copied] = '\0';
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    const std::optional<int> found = now.driver.devices[static_cast<std::size_t>(device)].model.attribute(attribute);
    if (!found) return CUDA_ERROR_INVALID_VALUE;
    *value = *found;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice device) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    *bytes = now.driver.devices[static_cast<std::size_t>(device)].model.memory_bytes;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) { return uuid_of(__func__, uuid, device); }

FLOWCUT_SIM_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) { return uuid_of(__func__, uuid, device); }

FLOWCUT_SIM_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    Context& primary = *now.driver.devices[static_cast<std::size_t>(device)].context;
    ++primary.references;
    *context = static_cast<CUcontext>(primary.handle);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return release(__func__, Needs::Init, [&](Call& now) {
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    Context& primary = *now.driver.devices[static_cast<std::size_t>(device)].context;
    if (!primary.active()) return CUDA_ERROR_INVALID_CONTEXT;
    if (primary.references == 1) end_context(now, primary);
    --primary.references;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return release(__func__, Needs::Init, [&](Call& now) {
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    end_context(now, *now.driver.devices[static_cast<std::size_t>(device)].context);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(now.driver, device)) return CUDA_ERROR_INVALID_DEVICE;
    *flags = 0;
    *active = now.driver.devices[static_cast<std::size_t>(device)].context->active() ? 1 : 0;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuCtxGetCurrent(CUcontext* context) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (context == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const Context* current = current_context(now.driver);
    *context = current == nullptr ? nullptr : static_cast<CUcontext>(current->handle);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
  return call(__func__, Needs::Init, [&](Call& now) {
    std::vector<Context*>& stack = context_stack(now.driver);
    if (context == nullptr) {
      if (!stack.empty()) stack.pop_back();
      return CUDA_SUCCESS;
    }
    const std::shared_ptr<Context> found = now.driver.contexts.find(context);
    if (found == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    if (stack.empty())
      stack.push_back(found.get());
    else
      stack.back() = found.get();
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context) {
  return call(__func__, Needs::Init, [&](Call& now) {
    const std::shared_ptr<Context> found = now.driver.contexts.find(context);
    if (found == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    context_stack(now.driver).push_back(found.get());
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* context) {
  return release(__func__, Needs::Init, [&](Call& now) {
    std::vector<Context*>& stack = context_stack(now.driver);
    if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    if (context != nullptr) *context = static_cast<CUcontext>(stack.back()->handle);
    stack.pop_back();
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *device = now.context->device;
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuCtxSynchronize() {
  return call(__func__, Needs::Context, [&](Call& now) {
    if (forbidden_by_capture(now.driver)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    now.driver.synchronize(now.lock, *now.context);
    return CUDA_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT CUresult cuCtxGetApiVersion(CUcontext context, unsigned* version) {
  return call(__func__, Needs::Init, [&](Call& now) {
    if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const Context* asked = context == nullptr ? current_context(now.driver) : now.driver.contexts.find(context).get();
    if (asked == nullptr || !asked->active()) return CUDA_ERROR_INVALID_CONTEXT;
    *version = 3020;
    return CUDA_SUCCESS;
  });
}
