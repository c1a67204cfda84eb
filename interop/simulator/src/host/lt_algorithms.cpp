// What combinations cublasLt supports, and its algorithms. The simulator has one way to multiply, in several dressings: they differ in what
// alignment they need, in their workspace and, where k is split, in the order of summation.
#include <algorithm>
#include <cstring>

#include "host/lt_call.hpp"
#include "host/lt_objects.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace flowcut::sim::host {

namespace {

enum Algorithm : std::int32_t { kGeneral = 0, kVectorised = 21, kVectorisedWide = 24 };
constexpr std::int32_t kAlgorithms[] = {kVectorised, kVectorisedWide, kGeneral};
constexpr std::uint32_t kTile64 = 15, kTile128 = 20;  // CUBLASLT_MATMUL_TILE_64x64, _128x128
constexpr int kMostSplits = 16;

bool is_operation(std::int32_t operation) { return operation == CUBLAS_OP_N || operation == CUBLAS_OP_T || operation == CUBLAS_OP_C; }

bool epilogue_supported(std::uint32_t epilogue) {
  switch (epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_RELU:
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_GELU:
    case CUBLASLT_EPILOGUE_GELU_BIAS: return true;
    default: return false;  // those that keep or use data of a backward pass
  }
}

bool layout_valid(const MatrixLayout& layout) {
  const std::uint64_t lead = layout.order == CUBLASLT_ORDER_ROW ? layout.cols : layout.rows;
  return layout.batch_count >= 1 && layout.ld >= 1 && static_cast<std::uint64_t>(layout.ld) >= lead;
}

// Whether the leading dimension keeps all rows or columns aligned.
bool lead_aligned(const MatrixLayout& layout, std::uint32_t alignment) {
  const auto bytes = static_cast<std::int64_t>(size_of(*element_type(layout.type)));
  return layout.ld * bytes % alignment == 0 && layout.batch_stride * bytes % alignment == 0;
}

}  // namespace

std::int64_t MatrixLayout::span() const {
  if (rows == 0 || cols == 0) return 0;
  return (static_cast<std::int64_t>(rows) - 1) * row_stride() + (static_cast<std::int64_t>(cols) - 1) * column_stride() + 1;
}

std::optional<ElementType> element_type(std::uint32_t type) {
  switch (type) {
    case CUDA_R_32F: return ElementType::Float32;
    case CUDA_R_16F: return ElementType::Float16;
    case CUDA_R_16BF: return ElementType::BFloat16;
    default: return std::nullopt;
  }
}

std::optional<MatmulAlgo> MatmulAlgo::read(const cublasLtMatmulAlgo_t* algo) {
  MatmulAlgo read;
  static_assert(sizeof read <= sizeof algo->data);
  if (algo == nullptr) return std::nullopt;
  std::memcpy(&read, algo->data, sizeof read);
  if (read.mark != kMark) return std::nullopt;
  return read;
}

void MatmulAlgo::write(cublasLtMatmulAlgo_t* algo) const {
  std::memset(algo, 0, sizeof *algo);
  std::memcpy(algo->data, this, sizeof *this);
}

bool types_supported(std::int32_t compute, std::int32_t scale, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  if (scale != CUDA_R_32F || a != b || c != d || !element_type(a) || !element_type(d)) return false;
  const bool wide = a == CUDA_R_32F;
  if (wide && d != CUDA_R_32F) return false;
  if (!wide && d != a && d != CUDA_R_32F) return false;
  switch (compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC: return true;
    case CUBLAS_COMPUTE_32F_FAST_16F:
    case CUBLAS_COMPUTE_32F_FAST_16BF:
    case CUBLAS_COMPUTE_32F_FAST_TF32: return wide;
    default: return false;
  }
}

cublasStatus_t check_matmul(const Matmul& matmul) {
  const MatmulDesc& desc = matmul.desc;
  if (!is_operation(desc.trans_a) || !is_operation(desc.trans_b) || desc.trans_c != CUBLAS_OP_N) return CUBLAS_STATUS_INVALID_VALUE;
  for (const MatrixLayout* layout : {&matmul.a, &matmul.b, &matmul.c, &matmul.d})
    if (!layout_valid(*layout)) return CUBLAS_STATUS_INVALID_VALUE;
  const bool plain_a = desc.trans_a == CUBLAS_OP_N, plain_b = desc.trans_b == CUBLAS_OP_N;
  const std::uint64_t m = plain_a ? matmul.a.rows : matmul.a.cols, k = plain_a ? matmul.a.cols : matmul.a.rows;
  const std::uint64_t k_of_b = plain_b ? matmul.b.rows : matmul.b.cols, n = plain_b ? matmul.b.cols : matmul.b.rows;
  if (matmul.d.rows != m || matmul.d.cols != n || k != k_of_b || matmul.c.rows != m || matmul.c.cols != n)
    return CUBLAS_STATUS_INVALID_VALUE;
  for (const MatrixLayout* layout : {&matmul.a, &matmul.b, &matmul.c})
    if (layout->batch_count != matmul.d.batch_count) return CUBLAS_STATUS_INVALID_VALUE;
  if (!types_supported(desc.compute_type, desc.scale_type, matmul.a.type, matmul.b.type, matmul.c.type, matmul.d.type))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (!epilogue_supported(desc.epilogue) || desc.pointer_mode > CUBLASLT_POINTER_MODE_DEVICE || desc.fill_mode != 2)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if ((desc.epilogue & CUBLASLT_EPILOGUE_BIAS) != 0 && desc.bias_type != -1 && static_cast<std::uint32_t>(desc.bias_type) != matmul.d.type)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  for (const MatrixLayout* layout : {&matmul.a, &matmul.b, &matmul.c, &matmul.d})
    if ((layout->order != CUBLASLT_ORDER_COL && layout->order != CUBLASLT_ORDER_ROW) || layout->plane_offset != 0 ||
        layout->batch_mode != 0)
      return CUBLAS_STATUS_NOT_SUPPORTED;
  if (matmul.c.order != matmul.d.order) return CUBLAS_STATUS_NOT_SUPPORTED;
  // One product per matrix of a batch must not overwrite another's.
  if (matmul.d.batch_count > 1 && matmul.d.batch_stride == 0) return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}

std::uint32_t required_alignment(const MatmulAlgo& algo, std::uint32_t element_bytes) { return algo.id == kGeneral ? element_bytes : 16; }

cublasStatus_t check_algo(const Matmul& matmul, const MatmulAlgo& algo, std::size_t* workspace) {
  *workspace = 0;
  if (const cublasStatus_t status = check_matmul(matmul); status != CUBLAS_STATUS_SUCCESS) return status;
  if (std::find(std::begin(kAlgorithms), std::end(kAlgorithms), algo.id) == std::end(kAlgorithms)) return CUBLAS_STATUS_INVALID_VALUE;
  const std::uint32_t types[] = {matmul.a.type, matmul.b.type, matmul.c.type, matmul.d.type};
  for (int i = 0; i < 4; ++i)
    if (static_cast<std::uint32_t>(algo.types[i]) != types[i]) return CUBLAS_STATUS_INVALID_VALUE;
  if (algo.compute_type != matmul.desc.compute_type || algo.scale_type != matmul.desc.scale_type) return CUBLAS_STATUS_INVALID_VALUE;
  if (algo.splits < 1 || algo.splits > kMostSplits || (algo.tile != kTile64 && algo.tile != kTile128)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const bool split = algo.splits > 1;
  if (split != (algo.reduction != CUBLASLT_REDUCTION_SCHEME_NONE) || algo.reduction > CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (split && (algo.id == kGeneral || algo.splits > matmul.k())) return CUBLAS_STATUS_NOT_SUPPORTED;
  for (const MatrixLayout* layout : {&matmul.a, &matmul.b, &matmul.c, &matmul.d})
    if (!lead_aligned(*layout, required_alignment(algo, static_cast<std::uint32_t>(size_of(*element_type(layout->type))))))
      return CUBLAS_STATUS_NOT_SUPPORTED;
  if (algo.reduction == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE)
    *workspace = static_cast<std::size_t>(matmul.m() * matmul.n() * matmul.d.batch_count * algo.splits) * sizeof(float);
  return CUBLAS_STATUS_SUCCESS;
}

std::vector<MatmulAlgo> propose(const Matmul& matmul, std::uint32_t alignment, std::uint64_t max_workspace, std::uint32_t reduction_mask) {
  std::vector<MatmulAlgo> proposed;
  const auto add = [&](std::int32_t id, std::uint32_t tile, std::int32_t splits, std::uint32_t reduction) {
    MatmulAlgo algo;
    algo.id = id;
    algo.tile = tile;
    algo.splits = splits;
    algo.reduction = reduction;
    algo.stages = id == kGeneral ? 0 : 12;
    algo.compute_type = matmul.desc.compute_type;
    algo.scale_type = matmul.desc.scale_type;
    const std::uint32_t types[] = {matmul.a.type, matmul.b.type, matmul.c.type, matmul.d.type};
    for (int i = 0; i < 4; ++i) algo.types[i] = static_cast<std::int8_t>(types[i]);
    std::size_t workspace = 0;
    if (alignment < required_alignment(algo, 4) || (reduction & ~reduction_mask) != 0) return;
    if (check_algo(matmul, algo, &workspace) == CUBLAS_STATUS_SUCCESS && workspace <= max_workspace) proposed.push_back(algo);
  };
  add(kVectorised, kTile128, 1, CUBLASLT_REDUCTION_SCHEME_NONE);
  add(kVectorised, kTile64, 1, CUBLASLT_REDUCTION_SCHEME_NONE);
  add(kVectorisedWide, kTile128, 1, CUBLASLT_REDUCTION_SCHEME_NONE);
  if (matmul.k() >= 256) {
    add(kVectorised, kTile64, 2, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
    add(kVectorised, kTile64, 4, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
  }
  add(kGeneral, kTile64, 1, CUBLASLT_REDUCTION_SCHEME_NONE);
  return proposed;
}

}  // namespace flowcut::sim::host

namespace {

void describe(cublasLtMatmulHeuristicResult_t& result, const Matmul& matmul, const MatmulAlgo& algo) {
  result = {};
  algo.write(&result.algo);
  result.state = check_algo(matmul, algo, &result.workspaceSize);
  const std::int64_t side = algo.tile == kTile128 ? 128 : 64;
  const std::int64_t tiles = (matmul.m() + side - 1) / side * ((matmul.n() + side - 1) / side) * matmul.d.batch_count * algo.splits;
  result.wavesCount = static_cast<float>(tiles) / 132.f;
}

struct Attribute {
  void* location = nullptr;
  std::size_t size = 0;
};

Attribute find(MatmulAlgo& algo, int attribute) {
  switch (attribute) {
    case CUBLASLT_ALGO_CONFIG_ID: return {&algo.id, sizeof algo.id};
    case CUBLASLT_ALGO_CONFIG_TILE_ID: return {&algo.tile, sizeof algo.tile};
    case CUBLASLT_ALGO_CONFIG_SPLITK_NUM: return {&algo.splits, sizeof algo.splits};
    case CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME: return {&algo.reduction, sizeof algo.reduction};
    case CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING: return {&algo.swizzle, sizeof algo.swizzle};
    case CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION: return {&algo.custom, sizeof algo.custom};
    case CUBLASLT_ALGO_CONFIG_STAGES_ID: return {&algo.stages, sizeof algo.stages};
    case CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID: return {&algo.inner_shape, sizeof algo.inner_shape};
    case CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID: return {&algo.cluster_shape, sizeof algo.cluster_shape};
    default: return {};
  }
}

template <class Value>
cublasStatus_t give(Value value, void* to, std::size_t size, std::size_t* written) {
  if (written != nullptr) *written = sizeof value;
  if (size == 0) return written != nullptr ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  if (to == nullptr || size < sizeof value) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(to, &value, sizeof value);
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                                                                 cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                                                 cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                                 cublasLtMatmulPreference_t preference_handle, int requested,
                                                                 cublasLtMatmulHeuristicResult_t* results, int* returned) {
  return lt_call(__func__, [&] {
    if (!is_tracked(handle, kLtHandle)) return CUBLAS_STATUS_NOT_INITIALIZED;
    const auto matmul = find_matmul(desc, a, b, c, d);
    const MatmulPreference* preference = find_preference(preference_handle);
    if (!matmul || preference == nullptr || results == nullptr || returned == nullptr || requested < 1) return CUBLAS_STATUS_INVALID_VALUE;
    *returned = 0;
    if (const cublasStatus_t status = check_matmul(*matmul); status != CUBLAS_STATUS_SUCCESS) return status;
    const std::uint32_t alignment =
        std::min({preference->alignment_a, preference->alignment_b, preference->alignment_c, preference->alignment_d});
    const auto proposed = propose(*matmul, alignment, preference->max_workspace, preference->reduction_mask);
    if (proposed.empty()) return CUBLAS_STATUS_NOT_SUPPORTED;
    *returned = std::min(requested, static_cast<int>(proposed.size()));
    for (int i = 0; i < *returned; ++i) describe(results[i], *matmul, proposed[static_cast<std::size_t>(i)]);
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulAlgoGetIds(cublasLtHandle_t handle, cublasComputeType_t compute, cudaDataType_t scale,
                                                           cudaDataType_t a, cudaDataType_t b, cudaDataType_t c, cudaDataType_t d,
                                                           int requested, int* ids, int* returned) {
  return lt_call(__func__, [&] {
    if (!is_tracked(handle, kLtHandle)) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (requested < 1 || ids == nullptr || returned == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    *returned = 0;
    if (!types_supported(compute, scale, a, b, c, d)) return CUBLAS_STATUS_NOT_SUPPORTED;
    for (const std::int32_t id : kAlgorithms)
      if (*returned < requested) ids[(*returned)++] = id;
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulAlgoInit(cublasLtHandle_t handle, cublasComputeType_t compute, cudaDataType_t scale,
                                                         cudaDataType_t a, cudaDataType_t b, cudaDataType_t c, cudaDataType_t d, int id,
                                                         cublasLtMatmulAlgo_t* algo) {
  return lt_call(__func__, [&] {
    if (!is_tracked(handle, kLtHandle)) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (algo == nullptr || std::find(std::begin(kAlgorithms), std::end(kAlgorithms), id) == std::end(kAlgorithms))
      return CUBLAS_STATUS_INVALID_VALUE;
    if (!types_supported(compute, scale, a, b, c, d)) return CUBLAS_STATUS_NOT_SUPPORTED;
    MatmulAlgo made;
    made.id = id;
    made.tile = kTile64;
    made.compute_type = compute;
    made.scale_type = scale;
    const cudaDataType_t types[] = {a, b, c, d};
    for (int i = 0; i < 4; ++i) made.types[i] = static_cast<std::int8_t>(types[i]);
    made.write(algo);
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                                          cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                                          const cublasLtMatmulAlgo_t* algo, cublasLtMatmulHeuristicResult_t* result) {
  return lt_call(__func__, [&] {
    if (!is_tracked(handle, kLtHandle)) return CUBLAS_STATUS_NOT_INITIALIZED;
    const auto matmul = find_matmul(desc, a, b, c, d);
    const auto read = MatmulAlgo::read(algo);
    if (!matmul || !read || result == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    describe(*result, *matmul, *read);
    return result->state;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulAlgoConfigSetAttribute(cublasLtMatmulAlgo_t* algo,
                                                                       cublasLtMatmulAlgoConfigAttributes_t attribute, const void* value,
                                                                       std::size_t size) {
  return lt_call(__func__, [&] {
    auto read = MatmulAlgo::read(algo);
    const Attribute found = read ? find(*read, attribute) : Attribute{};
    // The number is what cublasLtMatmulAlgoInit has made the algorithm for.
    if (found.location == nullptr || value == nullptr || size != found.size || attribute == CUBLASLT_ALGO_CONFIG_ID)
      return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(found.location, value, size);
    read->write(algo);
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algo,
                                                                       cublasLtMatmulAlgoConfigAttributes_t attribute, void* value,
                                                                       std::size_t size, std::size_t* written) {
  return lt_call(__func__, [&] {
    auto read = MatmulAlgo::read(algo);
    const Attribute found = read ? find(*read, attribute) : Attribute{};
    if (found.location == nullptr || (size == 0 && written == nullptr) || (size != 0 && (value == nullptr || size != found.size)))
      return CUBLAS_STATUS_INVALID_VALUE;
    if (written != nullptr) *written = found.size;
    if (size != 0) std::memcpy(value, found.location, size);
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulAlgoCapGetAttribute(const cublasLtMatmulAlgo_t* algo,
                                                                    cublasLtMatmulAlgoCapAttributes_t attribute, void* value,
                                                                    std::size_t size, std::size_t* written) {
  return lt_call(__func__, [&] {
    const auto read = MatmulAlgo::read(algo);
    if (!read) return CUBLAS_STATUS_INVALID_VALUE;
    const bool vectorised = read->id != kGeneral;
    switch (attribute) {
      case CUBLASLT_ALGO_CAP_SPLITK_SUPPORT: return give<std::int32_t>(vectorised ? 1 : 0, value, size, written);
      case CUBLASLT_ALGO_CAP_REDUCTION_SCHEME_MASK:
        return give<std::uint32_t>(vectorised ? CUBLASLT_REDUCTION_SCHEME_INPLACE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE : 0, value, size,
                                   written);
      case CUBLASLT_ALGO_CAP_STRIDED_BATCH_SUPPORT:
      case CUBLASLT_ALGO_CAP_OUT_OF_PLACE_RESULT_SUPPORT: return give<std::int32_t>(1, value, size, written);
      case CUBLASLT_ALGO_CAP_CTA_SWIZZLING_SUPPORT: return give<std::uint32_t>(0, value, size, written);
      case CUBLASLT_ALGO_CAP_EPILOGUE_MASK:
        return give<std::uint32_t>(CUBLASLT_EPILOGUE_RELU_BIAS | CUBLASLT_EPILOGUE_GELU_BIAS, value, size, written);
      case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_A_BYTES:
      case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_B_BYTES:
      case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_C_BYTES:
      case CUBLASLT_ALGO_CAP_MIN_ALIGNMENT_D_BYTES: return give<std::uint32_t>(required_alignment(*read, 2), value, size, written);
      default: return CUBLAS_STATUS_NOT_SUPPORTED;
    }
  });
}
