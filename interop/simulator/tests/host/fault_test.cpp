// Injected failures: every entry point can be made to fail, and a program in which any call fails leaves nothing behind.
#include "client.hpp"

#include <functional>
#include <map>
#include <type_traits>

#include "host/lt_abi.hpp"
#include "nvrtc_api.hpp"

using namespace client;

namespace {

constexpr int kInjected = 777;

// Calls a function with zeros: an injected failure is returned before any argument is looked at.
template <class Result, class... Parameters>
int call_with_zeros(Result (*function)(Parameters...)) {
  if constexpr (std::is_enum_v<Result> || std::is_same_v<Result, int>)
    return static_cast<int>(function(Parameters{}...));
  else
    return static_cast<void>(function(Parameters{}...)), -1;
}

template <class Function>
void one_entry(const char* name, Function* function) {
  flowcutSimReset(1);
  const unsigned long long before = flowcutSimCallCount(name);
  same(0, flowcutSimFailCall(name, 2, kInjected), name);
  const int first = call_with_zeros(function);
  const int second = call_with_zeros(function), third = call_with_zeros(function);
  same(before + 3, flowcutSimCallCount(name), std::string(name) + " is counted");
  if (first == -1) return;  // no status
  check(first != kInjected && third != kInjected, std::string(name) + " fails only when asked to");
  same(kInjected, second, std::string(name) + " fails");
}

void every_entry() {
#define FLOWCUT_ENTRY(name, ...) one_entry(#name, &name);
#include "abi_facts.inc"
  FLOWCUT_ENTRY(nvrtcVersion)
  FLOWCUT_ENTRY(nvrtcGetNumSupportedArchs)
  FLOWCUT_ENTRY(nvrtcGetSupportedArchs)
  FLOWCUT_ENTRY(nvrtcCreateProgram)
  FLOWCUT_ENTRY(nvrtcDestroyProgram)
  FLOWCUT_ENTRY(nvrtcCompileProgram)
  FLOWCUT_ENTRY(nvrtcGetProgramLogSize)
  FLOWCUT_ENTRY(nvrtcGetProgramLog)
  FLOWCUT_ENTRY(nvrtcGetCUBINSize)
  FLOWCUT_ENTRY(nvrtcGetCUBIN)
  FLOWCUT_ENTRY(nvrtcGetPTXSize)
  FLOWCUT_ENTRY(nvrtcGetPTX)
#undef FLOWCUT_ENTRY
}

// A program that stops at the first failure and releases what it has made.
class Program {
 public:
  // The first result that is not success, or success.
  int run() {
    steps();
    while (!cleanup_.empty()) {
      cleanup_.back()();
      cleanup_.pop_back();
    }
    return failed_;
  }

 private:
  bool fine(int result) {
    if (failed_ == 0) failed_ = result;
    return failed_ == 0;
  }

  template <class Release>
  bool made(int result, Release undo) {
    if (!fine(result)) return false;
    cleanup_.push_back([this, undo] { fine(undo()); });
    return true;
  }

  void steps() {
    static const std::vector<char> image = compile(kKernels);
    CUcontext context = nullptr;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CUstream stream = nullptr;
    CUevent event = nullptr;
    CUdeviceptr memory = 0, ordered = 0;
    void* host = nullptr;
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    cublasLtHandle_t lt = nullptr;
    cublasLtMatmulDesc_t desc = nullptr;
    cublasLtMatrixLayout_t layout = nullptr;
    cublasLtMatmulPreference_t preference = nullptr;
    if (!fine(cuInit(0))) return;
    if (!made(cuDevicePrimaryCtxRetain(&context, 0), [] { return cuDevicePrimaryCtxRelease_v2(0); })) return;
    if (!made(cuCtxPushCurrent_v2(context), [] {
          CUcontext popped;
          return cuCtxPopCurrent_v2(&popped);
        }))
      return;
    if (!made(cuModuleLoadData(&module, image.data()), [module = &module_] { return cuModuleUnload(*module); })) return;
    module_ = module;
    if (!fine(cuModuleGetFunction(&function, module, "fc_add"))) return;
    if (!made(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), [stream = &stream_] { return cuStreamDestroy_v2(*stream); })) return;
    stream_ = stream;
    if (!made(cuEventCreate(&event, 0), [at = &event_] { return cuEventDestroy_v2(*at); })) return;
    event_ = event;
    if (!made(cuMemAlloc_v2(&memory, 256), [at = &memory_] { return cuMemFree_v2(*at); })) return;
    memory_ = memory;
    if (!made(cuMemAllocAsync(&ordered, 256, stream), [this] { return cuMemFreeAsync(ordered_, stream_); })) return;
    ordered_ = ordered;
    if (!made(cuMemHostAlloc(&host, 256, 0), [at = &host_] { return cuMemFreeHost(*at); })) return;
    host_ = host;
    if (!fine(cuMemsetD32Async(memory, 1, 64, stream)) || !fine(cuMemcpyDtoDAsync_v2(ordered, memory, 256, stream))) return;
    if (!fine(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED))) return;
    Buffers arguments = buffers(memory, ordered, 64, 1);
    void* parameters[] = {&arguments};
    const bool launched = fine(cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, stream, parameters, nullptr));
    CUresult ended = cuStreamEndCapture(stream, &graph);
    if (ended != CUDA_SUCCESS) cuStreamEndCapture(stream, &graph);  // a failed end is tried once more: the stream must not stay in capture
    fine(ended);
    if (graph != nullptr) {
      graph_ = graph;
      cleanup_.push_back([this] { fine(cuGraphDestroy(graph_)); });
    }
    if (!launched || ended != CUDA_SUCCESS) return;
    if (!made(cuGraphInstantiateWithFlags(&exec, graph, 0), [at = &exec_] { return cuGraphExecDestroy(*at); })) return;
    exec_ = exec;
    if (!fine(cuGraphLaunch(exec, stream)) || !fine(cuMemcpyDtoHAsync_v2(host, ordered, 256, stream))) return;
    if (!fine(cuEventRecord(event, stream)) || !fine(cuEventSynchronize(event)) || !fine(cuStreamSynchronize(stream))) return;
    if (!made(cublasLtCreate(&lt), [at = &lt_] { return cublasLtDestroy(*at); })) return;
    lt_ = lt;
    if (!made(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), [at = &desc_] { return cublasLtMatmulDescDestroy(*at); }))
      return;
    desc_ = desc;
    if (!made(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 4, 4, 4), [at = &layout_] { return cublasLtMatrixLayoutDestroy(*at); }))
      return;
    layout_ = layout;
    if (!made(cublasLtMatmulPreferenceCreate(&preference), [at = &preference_] { return cublasLtMatmulPreferenceDestroy(*at); })) return;
    preference_ = preference;
    cublasLtMatmulHeuristicResult_t result{};
    int count = 0;
    if (!fine(cublasLtMatmulAlgoGetHeuristic(lt, desc, layout, layout, layout, layout, preference, 1, &result, &count))) return;
    const float one = 1, zero = 0;
    const auto* a = reinterpret_cast<const void*>(memory);
    auto* d = reinterpret_cast<void*>(ordered);
    if (!fine(cublasLtMatmul(lt, desc, &one, a, layout, a, layout, &zero, d, layout, d, layout, &result.algo, nullptr, 0, stream))) return;
    fine(cuCtxSynchronize());
  }

  int failed_ = 0;
  std::vector<std::function<void()>> cleanup_;
  CUmodule module_ = nullptr;
  CUstream stream_ = nullptr;
  CUevent event_ = nullptr;
  CUdeviceptr memory_ = 0, ordered_ = 0;
  void* host_ = nullptr;
  CUgraph graph_ = nullptr;
  CUgraphExec exec_ = nullptr;
  cublasLtHandle_t lt_ = nullptr;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t layout_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
};

void every_call_of_a_program() {
  flowcutSimReset(1);
  same(0, Program().run(), "without a failure");
  check(leaks().empty() && violations().empty(), leaks() + violations());
  std::map<std::string, unsigned long long> counts;
#define FLOWCUT_ENTRY(name, ...) counts[#name] = flowcutSimCallCount(#name);
#include "abi_facts.inc"
#undef FLOWCUT_ENTRY
  int tried = 0;
  for (const auto& [name, count] : counts) {
    for (unsigned nth = 1; nth <= count; ++nth) {
      flowcutSimReset(nth);
      flowcutSimFailCall(name.c_str(), nth, kInjected);
      same(kInjected, Program().run(), name + " " + std::to_string(nth));
      check(leaks().empty() && violations().empty(), name + ": " + leaks() + violations());
      ++tried;
    }
  }
  check(tried >= 40, "only " + std::to_string(tried) + " calls");
}

void requests() {
  flowcutSimReset(1);
  same(1, flowcutSimFailCall("cuInit", 1, 0), "success is no failure");
  same(0, flowcutSimFailCall("cuMemAlloc", 1, 2), "without the version");
  same(0, flowcutSimFailCall("cuMemAlloc_v2", 0, 0), "withdrawn");
  const Session session;
  ok(cuMemFree_v2(allocate(16)));
}

}  // namespace

int main() {
  ok(cuInit(0));
  every_entry();
  every_call_of_a_program();
  requests();
  return summary();
}
