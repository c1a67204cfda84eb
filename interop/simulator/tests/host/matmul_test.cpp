// cublasLt: what it computes, what it refuses, and that it runs in stream order.
#include "client.hpp"

#include <cmath>
#include <cstring>
#include <random>

#include "host/lt_abi.hpp"
#include "host/number_formats.hpp"

using namespace client;
using namespace flowcut::sim::host;

namespace {

bool expect_status(cublasStatus_t expected, cublasStatus_t actual, const std::string& what = "",
                   std::source_location at = std::source_location::current()) {
  return check(expected == actual, what + ": expected " + cublasLtGetStatusName(expected) + ", got " + cublasLtGetStatusName(actual), at);
}

bool fine(cublasStatus_t actual, std::source_location at = std::source_location::current()) {
  return expect_status(CUBLAS_STATUS_SUCCESS, actual, "", at);
}

// The descriptors of one product of column-major matrices.
struct Descriptors {
  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;

  Descriptors(cudaDataType_t in, cudaDataType_t out, std::uint64_t m, std::uint64_t n, std::uint64_t k, bool transposed_a,
              cublasComputeType_t compute = CUBLAS_COMPUTE_32F) {
    fine(cublasLtCreate(&handle));
    fine(cublasLtMatmulDescCreate(&desc, compute, CUDA_R_32F));
    const std::uint64_t rows = transposed_a ? k : m, columns = transposed_a ? m : k;
    fine(cublasLtMatrixLayoutCreate(&a, in, rows, columns, static_cast<std::int64_t>(rows)));
    fine(cublasLtMatrixLayoutCreate(&b, in, k, n, static_cast<std::int64_t>(k)));
    fine(cublasLtMatrixLayoutCreate(&c, out, m, n, static_cast<std::int64_t>(m)));
    fine(cublasLtMatmulPreferenceCreate(&preference));
    if (transposed_a) set(CUBLASLT_MATMUL_DESC_TRANSA, std::int32_t{CUBLAS_OP_T});
  }
  ~Descriptors() {
    fine(cublasLtMatmulPreferenceDestroy(preference));
    for (const auto layout : {a, b, c}) fine(cublasLtMatrixLayoutDestroy(layout));
    fine(cublasLtMatmulDescDestroy(desc));
    fine(cublasLtDestroy(handle));
  }

  template <class Value>
  void set(cublasLtMatmulDescAttributes_t attribute, Value value) {
    fine(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value));
  }
  template <class Value>
  static void set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, Value value) {
    fine(cublasLtMatrixLayoutSetAttribute(layout, attribute, &value, sizeof value));
  }

  std::vector<cublasLtMatmulHeuristicResult_t> algorithms(int requested, cublasStatus_t expected = CUBLAS_STATUS_SUCCESS) const {
    std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(requested));
    int returned = 0;
    expect_status(expected, cublasLtMatmulAlgoGetHeuristic(handle, desc, a, b, c, c, preference, requested, results.data(), &returned),
                  "heuristic");
    results.resize(static_cast<std::size_t>(returned));
    return results;
  }

  cublasStatus_t run(float alpha, CUdeviceptr at_a, CUdeviceptr at_b, float beta, CUdeviceptr at_c, const cublasLtMatmulAlgo_t* algo,
                     CUdeviceptr workspace, std::size_t bytes, CUstream stream) const {
    auto* const d = reinterpret_cast<void*>(at_c);
    return cublasLtMatmul(handle, desc, &alpha, reinterpret_cast<const void*>(at_a), a, reinterpret_cast<const void*>(at_b), b, &beta, d, c,
                          d, c, algo, reinterpret_cast<void*>(workspace), bytes, stream);
  }
};

std::size_t bytes_of(cudaDataType_t type) { return type == CUDA_R_32F ? 4 : 2; }

float rounded(float value, cudaDataType_t type) {
  if (type == CUDA_R_16F) return half_to_float(float_to_half(value));
  return type == CUDA_R_16BF ? bfloat16_to_float(float_to_bfloat16(value)) : value;
}

CUdeviceptr upload(const std::vector<float>& values, cudaDataType_t type) {
  std::vector<char> bytes(values.size() * bytes_of(type));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (type == CUDA_R_32F) {
      std::memcpy(bytes.data() + 4 * i, &values[i], 4);
    } else {
      const std::uint16_t word = type == CUDA_R_16F ? float_to_half(values[i]) : float_to_bfloat16(values[i]);
      std::memcpy(bytes.data() + 2 * i, &word, 2);
    }
  }
  const CUdeviceptr memory = allocate(bytes.size());
  ok(cuMemcpyHtoDAsync_v2(memory, bytes.data(), bytes.size(), nullptr));
  ok(cuStreamSynchronize(nullptr));
  return memory;
}

std::vector<float> download(CUdeviceptr memory, std::size_t count, cudaDataType_t type) {
  std::vector<char> bytes(count * bytes_of(type));
  ok(cuCtxSynchronize());
  ok(cuMemcpyDtoHAsync_v2(bytes.data(), memory, bytes.size(), nullptr));
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t word = 0;
    if (type == CUDA_R_32F)
      std::memcpy(&values[i], bytes.data() + 4 * i, 4);
    else
      std::memcpy(&word, bytes.data() + 2 * i, 2), values[i] = type == CUDA_R_16F ? half_to_float(word) : bfloat16_to_float(word);
  }
  return values;
}

std::vector<float> numbers(std::size_t count, unsigned seed, cudaDataType_t type) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = rounded(normal(random), type);
  return values;
}

// D = activation(1.5 A^T B + 0.5 D + bias), element by element in double precision.
void epilogues(cudaDataType_t in, cudaDataType_t out) {
  const Session session;
  const std::uint64_t m = 24, n = 16, k = 40;
  const auto a = numbers(k * m, 1, in), b = numbers(k * n, 2, in), c = numbers(m * n, 3, out), bias = numbers(m, 4, out);
  const CUdeviceptr at_a = upload(a, in), at_b = upload(b, in), at_bias = upload(bias, out);
  for (const std::uint32_t epilogue : {1u, 2u, 4u, 6u, 32u, 36u}) {
    Descriptors lt(in, out, m, n, k, true);
    lt.set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    if ((epilogue & 4) != 0) lt.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<void*>(at_bias));
    const CUdeviceptr at_c = upload(c, out);
    const auto algorithms = lt.algorithms(3);
    fine(lt.run(1.5f, at_a, at_b, 0.5f, at_c, &algorithms.at(0).algo, 0, 0, nullptr));
    const std::vector<float> result = download(at_c, m * n, out);
    double worst = 0;
    for (std::uint64_t i = 0; i < m; ++i) {
      for (std::uint64_t j = 0; j < n; ++j) {
        double value = 0.5 * c[j * m + i] + ((epilogue & 4) != 0 ? bias[i] : 0);
        for (std::uint64_t x = 0; x < k; ++x) value += 1.5 * a[i * k + x] * b[j * k + x];
        if ((epilogue & 2) != 0) value = std::max(value, 0.0);
        if ((epilogue & 32) != 0) value = 0.5 * value * (1 + std::tanh(std::sqrt(2 / M_PI) * (value + 0.044715 * value * value * value)));
        const double allowed = 1e-5 + std::fabs(value) * (out == CUDA_R_32F ? 1e-5 : out == CUDA_R_16F ? 1e-3 : 8e-3);
        worst = std::max(worst, std::fabs(value - result[j * m + i]) / allowed);
      }
    }
    check(worst <= 1, "epilogue " + std::to_string(epilogue) + ", types " + std::to_string(in) + " " + std::to_string(out) + ": " +
                          std::to_string(100 * worst) + " % of what is allowed");
    ok(cuMemFree_v2(at_c));
  }
  for (const CUdeviceptr memory : {at_a, at_b, at_bias}) ok(cuMemFree_v2(memory));
}

// Every algorithm of the heuristic gives the same up to rounding; those that split k need their workspace.
void algorithms() {
  const Session session;
  const std::uint64_t m = 32, n = 8, k = 512;
  const auto a = numbers(m * k, 1, CUDA_R_32F), b = numbers(k * n, 2, CUDA_R_32F);
  const CUdeviceptr at_a = upload(a, CUDA_R_32F), at_b = upload(b, CUDA_R_32F), at_c = allocate(m * n * 4), workspace = allocate(1 << 16);
  Descriptors lt(CUDA_R_32F, CUDA_R_32F, m, n, k, false);
  same(4ull, lt.algorithms(20).size(), "algorithms without workspace");
  same(2ull, lt.algorithms(2).size(), "no more than was asked for");
  const std::uint64_t most = 1 << 16;
  fine(cublasLtMatmulPreferenceSetAttribute(lt.preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, sizeof most));
  const auto found = lt.algorithms(20);
  same(6ull, found.size(), "algorithms with workspace");
  std::vector<float> first;
  for (const auto& algorithm : found) {
    if (algorithm.workspaceSize != 0)
      expect_status(CUBLAS_STATUS_INVALID_VALUE,
                    lt.run(1, at_a, at_b, 0, at_c, &algorithm.algo, workspace, algorithm.workspaceSize - 1, nullptr),
                    "workspace too small");
    fine(lt.run(1, at_a, at_b, 0, at_c, &algorithm.algo, workspace, most, nullptr));
    const std::vector<float> result = download(at_c, m * n, CUDA_R_32F);
    if (first.empty()) first = result;
    for (std::size_t i = 0; i < result.size(); ++i) check(std::fabs(result[i] - first[i]) < 2e-4f, "algorithms agree");
    cublasLtMatmulHeuristicResult_t checked{};
    fine(cublasLtMatmulAlgoCheck(lt.handle, lt.desc, lt.a, lt.b, lt.c, lt.c, &algorithm.algo, &checked));
    same(algorithm.workspaceSize, checked.workspaceSize, "workspace");
  }
  cublasLtMatmulAlgo_t made{};
  int ids[8] = {}, count = 0;
  fine(cublasLtMatmulAlgoGetIds(lt.handle, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, 8, ids, &count));
  check(count >= 2, "algorithm numbers");
  fine(cublasLtMatmulAlgoInit(lt.handle, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, ids[0], &made));
  expect_status(
      CUBLAS_STATUS_INVALID_VALUE,
      cublasLtMatmulAlgoInit(lt.handle, CUBLAS_COMPUTE_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, 999, &made),
      "number");
  const std::int32_t splits = 3;
  fine(cublasLtMatmulAlgoConfigSetAttribute(&made, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &splits, sizeof splits));
  expect_status(CUBLAS_STATUS_NOT_SUPPORTED, lt.run(1, at_a, at_b, 0, at_c, &made, 0, 0, nullptr), "split without a reduction");
  const cublasLtMatmulAlgo_t nothing{};
  expect_status(CUBLAS_STATUS_INVALID_VALUE, lt.run(1, at_a, at_b, 0, at_c, &nothing, 0, 0, nullptr), "no algorithm");
  fine(lt.run(1, at_a, at_b, 0, at_c, nullptr, 0, 0, nullptr));
  for (const CUdeviceptr memory : {at_a, at_b, at_c, workspace}) ok(cuMemFree_v2(memory));
}

void batches_and_row_order() {
  const Session session;
  const std::uint64_t m = 8, n = 12, k = 16;
  const std::int32_t batch = 3;
  const auto a = numbers(m * k, 1, CUDA_R_16F), b = numbers(k * n * batch, 2, CUDA_R_16F);
  const CUdeviceptr at_a = upload(a, CUDA_R_16F), at_b = upload(b, CUDA_R_16F), at_c = allocate(m * n * batch * 4);
  Descriptors lt(CUDA_R_16F, CUDA_R_32F, m, n, k, false);
  for (const auto layout : {lt.a, lt.b, lt.c}) {
    lt.set(layout, CUBLASLT_MATRIX_LAYOUT_ORDER, std::int32_t{CUBLASLT_ORDER_ROW});
    lt.set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, batch);
  }
  lt.set(lt.a, CUBLASLT_MATRIX_LAYOUT_LD, std::int64_t{16});
  lt.set(lt.b, CUBLASLT_MATRIX_LAYOUT_LD, std::int64_t{12});
  lt.set(lt.c, CUBLASLT_MATRIX_LAYOUT_LD, std::int64_t{12});
  lt.set(lt.b, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, std::int64_t{16 * 12});  // A is the same for all
  lt.set(lt.c, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, std::int64_t{8 * 12});
  fine(lt.run(1, at_a, at_b, 0, at_c, nullptr, 0, 0, nullptr));
  const std::vector<float> result = download(at_c, m * n * batch, CUDA_R_32F);
  for (std::uint64_t z = 0; z < 3; ++z)
    for (std::uint64_t i = 0; i < m; ++i)
      for (std::uint64_t j = 0; j < n; ++j) {
        double value = 0;
        for (std::uint64_t x = 0; x < k; ++x) value += static_cast<double>(a[i * k + x]) * b[z * k * n + x * n + j];
        check(std::fabs(value - result[(z * m + i) * n + j]) < 1e-4, "element of a batch");
      }
  for (const CUdeviceptr memory : {at_a, at_b, at_c}) ok(cuMemFree_v2(memory));
}

void refusals() {
  Session session;
  const CUdeviceptr memory = allocate(1 << 16);
  {
    Descriptors mixed(CUDA_R_16F, CUDA_R_16BF, 8, 8, 8, false);
    mixed.algorithms(1, CUBLAS_STATUS_NOT_SUPPORTED);
    Descriptors narrow(CUDA_R_32F, CUDA_R_16F, 8, 8, 8, false);
    narrow.algorithms(1, CUBLAS_STATUS_NOT_SUPPORTED);
    Descriptors integers(CUDA_R_8I, CUDA_R_32I, 8, 8, 8, false);
    integers.algorithms(1, CUBLAS_STATUS_NOT_SUPPORTED);
    Descriptors fast(CUDA_R_16F, CUDA_R_16F, 8, 8, 8, false, CUBLAS_COMPUTE_32F_FAST_TF32);
    fast.algorithms(1, CUBLAS_STATUS_NOT_SUPPORTED);
    Descriptors backward(CUDA_R_16F, CUDA_R_16F, 8, 8, 8, false);
    backward.set(CUBLASLT_MATMUL_DESC_EPILOGUE, std::uint32_t{CUBLASLT_EPILOGUE_DGELU});
    backward.algorithms(1, CUBLAS_STATUS_NOT_SUPPORTED);
    Descriptors shapes(CUDA_R_16F, CUDA_R_16F, 8, 8, 8, false);
    shapes.set(shapes.b, CUBLASLT_MATRIX_LAYOUT_ROWS, std::uint64_t{9});
    shapes.algorithms(1, CUBLAS_STATUS_INVALID_VALUE);
    Descriptors bias(CUDA_R_16F, CUDA_R_16F, 8, 8, 8, false);
    bias.set(CUBLASLT_MATMUL_DESC_EPILOGUE, std::uint32_t{CUBLASLT_EPILOGUE_BIAS});
    expect_status(CUBLAS_STATUS_INVALID_VALUE, bias.run(1, memory, memory + 128, 0, memory + 256, nullptr, 0, 0, nullptr),
                  "bias without pointer");
    bias.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, std::int32_t{CUDA_R_32F});
    bias.algorithms(1, CUBLAS_STATUS_NOT_SUPPORTED);
    const std::int8_t small = 0;
    expect_status(CUBLAS_STATUS_INVALID_VALUE, cublasLtMatmulDescSetAttribute(bias.desc, CUBLASLT_MATMUL_DESC_TRANSA, &small, 1),
                  "size of an attribute");
    expect_status(CUBLAS_STATUS_INVALID_VALUE, cublasLtMatmulDescDestroy(reinterpret_cast<cublasLtMatmulDesc_t>(bias.a)), "wrong handle");
    std::size_t size = 0;
    fine(cublasLtMatmulDescGetAttribute(bias.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, nullptr, 0, &size));
    same(8ull, size, "size of the bias pointer");
  }
  {
    // A vectorised algorithm with a pointer that is aligned to 2 bytes only; the general one takes it.
    Descriptors lt(CUDA_R_16F, CUDA_R_16F, 8, 8, 8, false);
    const auto algorithms = lt.algorithms(8);
    expect_status(CUBLAS_STATUS_NOT_SUPPORTED,
                  lt.run(1, memory + 2, memory + 512, 0, memory + 1024, &algorithms.front().algo, 0, 0, nullptr), "misaligned");
    fine(lt.run(1, memory + 2, memory + 512, 0, memory + 1024, &algorithms.back().algo, 0, 0, nullptr));
    fine(lt.run(1, memory + 2, memory + 512, 0, memory + 1024, nullptr, 0, 0, nullptr));
    expect_status(CUBLAS_STATUS_NOT_SUPPORTED, lt.run(1, memory + 1, memory + 512, 0, memory + 1024, nullptr, 0, 0, nullptr),
                  "not even an element");
  }
  ok(cuCtxSynchronize());
  session.clean = false;
  Descriptors lt(CUDA_R_16F, CUDA_R_16F, 256, 256, 256, false);
  fine(lt.run(1, memory, memory, 0, memory, nullptr, 0, 0, nullptr));  // needs 128 KiB each
  expect(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  reported({"cublasLtMatmul 256x256x256", "is not live device memory"});
}

void stream_order_and_capture() {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    const Session session(seed);
    const CUstream first = make_stream(), second = make_stream();
    const CUdeviceptr a = allocate(256), b = allocate(256), c = allocate(256);
    {
      Descriptors lt(CUDA_R_32F, CUDA_R_32F, 8, 8, 8, false);
      ok(cuMemsetD32Async(b, 0x3F800000, 64, first));
      ok(cuMemsetD32Async(a, 0, 64, first));
      ok(cuStreamSynchronize(first));
      ok(cuMemsetD32Async(a, 0x3F800000, 64, first));
      fine(lt.run(1, a, b, 0, c, nullptr, 0, 0, second));
      if (download(c, 64, CUDA_R_32F)[5] != 8.f) ++wrong;
      CUgraph graph = nullptr;
      CUgraphExec exec = nullptr;
      ok(cuStreamBeginCapture_v2(first, CU_STREAM_CAPTURE_MODE_GLOBAL));
      ok(cuMemsetD32Async(a, 0x40000000, 64, first));
      fine(lt.run(1, a, b, 0, c, nullptr, 0, 0, first));
      ok(cuStreamEndCapture(first, &graph));
      ok(cuGraphInstantiateWithFlags(&exec, graph, 0));
      ok(cuGraphLaunch(exec, first));
      same(16.f, download(c, 64, CUDA_R_32F)[5], "replayed");
      ok(cuGraphDestroy(graph));
      ok(cuGraphExecDestroy(exec));
    }
    for (const CUdeviceptr memory : {a, b, c}) ok(cuMemFree_v2(memory));
    ok(cuStreamDestroy_v2(first));
    ok(cuStreamDestroy_v2(second));
  }
  check(wrong >= 2 && wrong <= 14, "without a wait wrong with " + std::to_string(wrong) + " of 16 seeds");
}

void without_context() {
  flowcutSimReset(1);
  cublasLtHandle_t handle = nullptr;
  expect_status(CUBLAS_STATUS_NOT_INITIALIZED, cublasLtCreate(&handle), "no context");
  int major = 0;
  fine(cublasLtGetProperty(MAJOR_VERSION, &major));
  same(13, major, "version");
}

}  // namespace

int main() {
  ok(cuInit(0));
  without_context();
  epilogues(CUDA_R_32F, CUDA_R_32F);
  epilogues(CUDA_R_16F, CUDA_R_16F);
  epilogues(CUDA_R_16F, CUDA_R_32F);
  epilogues(CUDA_R_16BF, CUDA_R_16BF);
  epilogues(CUDA_R_16BF, CUDA_R_32F);
  algorithms();
  batches_and_row_order();
  refusals();
  stream_order_and_capture();
  return summary();
}
