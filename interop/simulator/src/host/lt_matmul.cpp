// cublasLt's handle, and the product itself, which runs in stream order as a kernel would.
#include <cmath>
#include <cstring>
#include <memory>

#include "host/capture.hpp"
#include "host/lt_call.hpp"
#include "host/lt_objects.hpp"
#include "host/number_formats.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

constexpr int kVersion = 130100;  // of cuBLAS 13.1.0

struct Scalars {
  float alpha = 1, beta = 0;
};

// One product with its pointers: everything that it needs later.
struct Operands {
  Matmul matmul;
  const void *a = nullptr, *b = nullptr, *c = nullptr;
  void* d = nullptr;
  const void *alpha = nullptr, *beta = nullptr;  // in device memory if the pointer mode says so
  Scalars scalars;
  MatmulAlgo algo;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
};

std::uintptr_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

std::size_t element_bytes(const MatrixLayout& layout) { return size_of(*element_type(layout.type)); }

// Bytes from the first to the last element of all matrices of a batch.
std::size_t reach(const MatrixLayout& layout) {
  const std::int64_t span = layout.span();
  return span == 0 ? 0 : static_cast<std::size_t>(span + (layout.batch_count - 1) * std::abs(layout.batch_stride)) * element_bytes(layout);
}

float load(const void* data, std::uint32_t type, std::int64_t index) {
  switch (type) {
    case CUDA_R_16F: return half_to_float(static_cast<const std::uint16_t*>(data)[index]);
    case CUDA_R_16BF: return bfloat16_to_float(static_cast<const std::uint16_t*>(data)[index]);
    default: return static_cast<const float*>(data)[index];
  }
}

void store(void* data, std::uint32_t type, std::int64_t index, float value) {
  switch (type) {
    case CUDA_R_16F: static_cast<std::uint16_t*>(data)[index] = float_to_half(value); break;
    case CUDA_R_16BF: static_cast<std::uint16_t*>(data)[index] = float_to_bfloat16(value); break;
    default: static_cast<float*>(data)[index] = value; break;
  }
}

const void* advance(const void* data, const MatrixLayout& layout, std::int64_t batch) {
  return static_cast<const char*>(data) + batch * layout.batch_stride * static_cast<std::int64_t>(element_bytes(layout));
}

// cuBLAS computes GELU by its approximation with tanh.
float gelu(float x) { return 0.5f * x * (1.f + std::tanh(0.7978845608028654f * (x + 0.044715f * x * x * x))); }

float activate(float value, std::uint32_t epilogue) {
  if ((epilogue & CUBLASLT_EPILOGUE_RELU) != 0) return value > 0.f || std::isnan(value) ? value : 0.f;
  return (epilogue & CUBLASLT_EPILOGUE_GELU) != 0 ? gelu(value) : value;
}

MatrixView view(const MatrixLayout& layout, const void* data, std::int32_t operation) {
  const MatrixView plain{data, *element_type(layout.type), layout.row_stride(), layout.column_stride()};
  return operation == CUBLAS_OP_N ? plain : plain.transposed();
}

void multiply_batch(const Operands& operands, const Scalars& scalars, std::int64_t batch) {
  const Matmul& matmul = operands.matmul;
  const MatmulDesc& desc = matmul.desc;
  Product product;
  product.m = matmul.m();
  product.n = matmul.n();
  product.k = matmul.k();
  product.splits = operands.algo.splits;
  product.a = view(matmul.a, advance(operands.a, matmul.a, batch), desc.trans_a);
  product.b = view(matmul.b, advance(operands.b, matmul.b, batch), desc.trans_b);
  const void* c = advance(operands.c, matmul.c, batch);
  void* d = const_cast<void*>(advance(operands.d, matmul.d, batch));
  const bool biased = (desc.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0;
  const auto finish = [&](float sum, std::int64_t row, std::int64_t column) {
    float value = scalars.alpha * sum;
    // With beta = 0 the old content is not read: it may be anything.
    if (scalars.beta != 0.f)
      value += scalars.beta * load(c, matmul.c.type, row * matmul.c.row_stride() + column * matmul.c.column_stride());
    if (biased) value += load(desc.bias, matmul.d.type, batch * desc.bias_batch_stride + row);
    store(d, matmul.d.type, row * matmul.d.row_stride() + column * matmul.d.column_stride(), activate(value, desc.epilogue));
  };
  multiply(product, [&](const SumTile& tile) {
    for (std::int64_t j = 0; j < tile.columns; ++j)
      for (std::int64_t i = 0; i < tile.rows; ++i)
        finish(tile.sums[i * tile.row_stride + j * tile.column_stride], tile.row + i, tile.column + j);
  });
}

// The first operand that is not live device memory from end to end, or nothing. The driver's lock is held.
std::string unusable(const Driver& driver, const Operands& operands, bool reads_c) {
  const auto missing = [&driver](const char* name, const void* pointer, std::size_t bytes) -> std::string {
    if (bytes == 0) return {};
    const auto found = driver.memory.range(address_of(pointer), bytes);
    if (found != nullptr && found->life == Life::Live) return {};
    const std::string place = driver.memory.describe(address_of(pointer));
    return std::string(name) + " (" + std::to_string(bytes) + " bytes) is not live device memory" +
           (place.empty() ? "" : ": it begins at " + place);
  };
  const Matmul& matmul = operands.matmul;
  const MatmulDesc& desc = matmul.desc;
  std::string wrong = missing("A", operands.a, reach(matmul.a));
  if (wrong.empty()) wrong = missing("B", operands.b, reach(matmul.b));
  if (wrong.empty() && reads_c) wrong = missing("C", operands.c, reach(matmul.c));
  if (wrong.empty()) wrong = missing("D", operands.d, reach(matmul.d));
  if (wrong.empty() && operands.workspace_bytes != 0) wrong = missing("the workspace", operands.workspace, operands.workspace_bytes);
  if (wrong.empty() && (desc.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0) {
    const std::int64_t count = matmul.m() + (matmul.d.batch_count - 1) * desc.bias_batch_stride;
    wrong = missing("the bias", desc.bias, static_cast<std::size_t>(count) * element_bytes(matmul.d));
  }
  return wrong;
}

Outcome run(Driver& driver, const Operands& operands) {
  Scalars scalars = operands.scalars;
  {
    const std::lock_guard lock(driver.mutex);
    if (operands.matmul.desc.pointer_mode == CUBLASLT_POINTER_MODE_DEVICE) {
      for (const void* scalar : {operands.alpha, operands.beta})
        if (driver.memory.range(address_of(scalar), sizeof(float)) == nullptr)
          return {CUDA_ERROR_ILLEGAL_ADDRESS, "alpha or beta is not in device memory"};
      std::memcpy(&scalars.alpha, operands.alpha, sizeof(float));
      std::memcpy(&scalars.beta, operands.beta, sizeof(float));
    }
    if (std::string wrong = unusable(driver, operands, scalars.beta != 0.f); !wrong.empty()) return {CUDA_ERROR_ILLEGAL_ADDRESS, wrong};
  }
  // What a real algorithm leaves in its workspace is not to be relied on.
  if (operands.workspace_bytes != 0) std::memset(operands.workspace, 0xA5, operands.workspace_bytes);
  for (std::int64_t batch = 0; batch < operands.matmul.d.batch_count; ++batch) multiply_batch(operands, scalars, batch);
  return {};
}

bool aligned(const Operands& operands) {
  const Matmul& matmul = operands.matmul;
  const auto fits = [&](const void* pointer, const MatrixLayout& layout) {
    return address_of(pointer) % required_alignment(operands.algo, static_cast<std::uint32_t>(element_bytes(layout))) == 0;
  };
  return fits(operands.a, matmul.a) && fits(operands.b, matmul.b) && fits(operands.c, matmul.c) && fits(operands.d, matmul.d);
}

// Completes the operands with the algorithm: the given one, or the best for these pointers.
cublasStatus_t choose_algorithm(Operands& operands, const cublasLtMatmulAlgo_t* algo, std::size_t workspace_bytes) {
  if (const cublasStatus_t status = check_matmul(operands.matmul); status != CUBLAS_STATUS_SUCCESS) return status;
  if (algo == nullptr) {
    std::uint32_t alignment = 256;
    for (const void* pointer : {operands.a, operands.b, operands.c, static_cast<const void*>(operands.d)})
      while (address_of(pointer) % alignment != 0) alignment /= 2;
    if (alignment < element_bytes(operands.matmul.a)) return CUBLAS_STATUS_NOT_SUPPORTED;
    const auto proposed = propose(operands.matmul, std::max(alignment, 4u), 0, CUBLASLT_REDUCTION_SCHEME_MASK);
    if (proposed.empty()) return CUBLAS_STATUS_NOT_SUPPORTED;
    operands.algo = proposed.front();
  } else {
    const auto given = MatmulAlgo::read(algo);
    if (!given) return CUBLAS_STATUS_INVALID_VALUE;
    operands.algo = *given;
  }
  if (const cublasStatus_t status = check_algo(operands.matmul, operands.algo, &operands.workspace_bytes); status != CUBLAS_STATUS_SUCCESS)
    return status;
  if (operands.workspace_bytes > workspace_bytes || (operands.workspace_bytes != 0 && operands.workspace == nullptr))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (address_of(operands.workspace) % 16 != 0) return CUBLAS_STATUS_INVALID_VALUE;
  return aligned(operands) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t status_of(CUresult result) {
  switch (result) {
    case CUDA_SUCCESS: return CUBLAS_STATUS_SUCCESS;
    case CUDA_ERROR_NOT_INITIALIZED:
    case CUDA_ERROR_INVALID_CONTEXT:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED: return CUBLAS_STATUS_NOT_INITIALIZED;
    case CUDA_ERROR_OUT_OF_MEMORY: return CUBLAS_STATUS_ALLOC_FAILED;
    default: return CUBLAS_STATUS_EXECUTION_FAILED;
  }
}

cublasStatus_t enqueue(std::shared_ptr<Operands> operands, CUstream stream_handle) {
  Driver& driver = Driver::get();
  std::unique_lock lock(driver.mutex);
  Call now{driver, lock, "cublasLtMatmul", nullptr};
  if (const CUresult result = prepare(driver, Needs::Context, &now.context); result != CUDA_SUCCESS) return status_of(result);
  const auto stream = now.stream(stream_handle);
  if (stream == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const Matmul& matmul = operands->matmul;
  const std::string label =
      "cublasLtMatmul " + std::to_string(matmul.m()) + "x" + std::to_string(matmul.n()) + "x" + std::to_string(matmul.k());
  const auto work = [&driver, operands] { return run(driver, *operands); };
  return status_of(issue(now, *stream, std::make_shared<Work>(Work{WorkKind::Kernel, label, work, {address_of(operands->d)}})));
}

}  // namespace

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  return lt_call(__func__, [&] {
    if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    Driver& driver = Driver::get();
    const std::lock_guard lock(driver.mutex);
    Context* context = nullptr;
    if (const CUresult result = prepare(driver, Needs::Context, &context); result != CUDA_SUCCESS) return status_of(result);
    auto made = std::make_unique<char>();
    track_object(made.get(), kLtHandle, "cublasLtCreate");
    *handle = reinterpret_cast<cublasLtHandle_t>(made.release());
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  const int injected = enter_call(__func__);
  const bool known = is_tracked(handle, kLtHandle) && untrack_object(handle);
  if (known) delete reinterpret_cast<char*>(handle);
  if (injected != 0) return static_cast<cublasStatus_t>(injected);
  return known ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}

FLOWCUT_SIM_EXPORT std::size_t cublasLtGetVersion() {
  FLOWCUT_SIM_COUNTED();
  return kVersion;
}

FLOWCUT_SIM_EXPORT std::size_t cublasLtGetCudartVersion() {
  FLOWCUT_SIM_COUNTED();
  return 13000;
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtGetProperty(libraryPropertyType type, int* value) {
  return lt_call(__func__, [&] {
    if (value == nullptr || type < MAJOR_VERSION || type > PATCH_LEVEL) return CUBLAS_STATUS_INVALID_VALUE;
    const int parts[] = {kVersion / 10000, kVersion / 100 % 100, kVersion % 100};
    *value = parts[type];
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT const char* cublasLtGetStatusName(cublasStatus_t status) {
  FLOWCUT_SIM_COUNTED();
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR: return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR: return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

FLOWCUT_SIM_EXPORT const char* cublasLtGetStatusString(cublasStatus_t status) {
  FLOWCUT_SIM_COUNTED();
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "success";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "the handle or the driver was not initialised";
    case CUBLAS_STATUS_ALLOC_FAILED: return "memory could not be allocated";
    case CUBLAS_STATUS_INVALID_VALUE: return "an argument has a value that it cannot have";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "the product could not be started";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "this combination is not supported";
    default: return "an error of the library";
  }
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                                                 cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                                                 const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                                                 cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo, void* workspace,
                                                 std::size_t workspace_bytes, cudaStream_t stream) {
  return lt_call(__func__, [&] {
    if (!is_tracked(handle, kLtHandle)) return CUBLAS_STATUS_NOT_INITIALIZED;
    const auto matmul = find_matmul(desc, a_layout, b_layout, c_layout, d_layout);
    if (!matmul || alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    auto operands = std::make_shared<Operands>();
    operands->matmul = *matmul;
    operands->a = a;
    operands->b = b;
    operands->c = c == nullptr ? d : c;
    operands->d = d;
    operands->alpha = alpha;
    operands->beta = beta;
    operands->workspace = workspace;
    if (matmul->desc.pointer_mode == CUBLASLT_POINTER_MODE_HOST) {
      std::memcpy(&operands->scalars.alpha, alpha, sizeof(float));
      std::memcpy(&operands->scalars.beta, beta, sizeof(float));
      if (c == nullptr && operands->scalars.beta != 0.f) return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (const cublasStatus_t status = choose_algorithm(*operands, algo, workspace_bytes); status != CUBLAS_STATUS_SUCCESS) return status;
    if (a == nullptr || b == nullptr || d == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    if ((matmul->desc.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0 && matmul->desc.bias == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    if (matmul->m() == 0 || matmul->n() == 0) return CUBLAS_STATUS_SUCCESS;
    return enqueue(std::move(operands), stream);
  });
}
