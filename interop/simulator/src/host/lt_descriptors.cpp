// Creation and attributes of cublasLt's descriptors.
#include <cstring>
#include <memory>

#include "host/lt_call.hpp"
#include "host/lt_objects.hpp"

using namespace flowcut::sim;
using namespace flowcut::sim::host;

namespace {

constexpr char kDesc[] = "cublasLt matmul descriptor", kLayout[] = "cublasLt matrix layout", kPreference[] = "cublasLt preference";

// Where an attribute is kept, and its size.
struct Field {
  void* location = nullptr;
  std::size_t size = 0;
};

template <class Value>
Field field(Value& value) {
  return {const_cast<void*>(static_cast<const void*>(&value)), sizeof value};
}

Field find(MatmulDesc& desc, int attribute) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_COMPUTE_TYPE: return field(desc.compute_type);
    case CUBLASLT_MATMUL_DESC_SCALE_TYPE: return field(desc.scale_type);
    case CUBLASLT_MATMUL_DESC_POINTER_MODE: return field(desc.pointer_mode);
    case CUBLASLT_MATMUL_DESC_TRANSA: return field(desc.trans_a);
    case CUBLASLT_MATMUL_DESC_TRANSB: return field(desc.trans_b);
    case CUBLASLT_MATMUL_DESC_TRANSC: return field(desc.trans_c);
    case CUBLASLT_MATMUL_DESC_FILL_MODE: return field(desc.fill_mode);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return field(desc.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return field(desc.bias);
    case CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE: return field(desc.bias_batch_stride);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER: return field(desc.aux);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD: return field(desc.aux_ld);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE: return field(desc.aux_batch_stride);
    case CUBLASLT_MATMUL_DESC_ALPHA_VECTOR_BATCH_STRIDE: return field(desc.alpha_batch_stride);
    case CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET: return field(desc.sm_count_target);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE: return field(desc.aux_type);
    case CUBLASLT_MATMUL_DESC_FAST_ACCUM: return field(desc.fast_accum);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return field(desc.bias_type);
    default: return {};
  }
}

Field find(MatrixLayout& layout, int attribute) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_TYPE: return field(layout.type);
    case CUBLASLT_MATRIX_LAYOUT_ORDER: return field(layout.order);
    case CUBLASLT_MATRIX_LAYOUT_ROWS: return field(layout.rows);
    case CUBLASLT_MATRIX_LAYOUT_COLS: return field(layout.cols);
    case CUBLASLT_MATRIX_LAYOUT_LD: return field(layout.ld);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT: return field(layout.batch_count);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET: return field(layout.batch_stride);
    case CUBLASLT_MATRIX_LAYOUT_PLANE_OFFSET: return field(layout.plane_offset);
    case CUBLASLT_MATRIX_LAYOUT_BATCH_MODE: return field(layout.batch_mode);
    default: return {};
  }
}

Field find(MatmulPreference& preference, int attribute) {
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_SEARCH_MODE: return field(preference.search_mode);
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return field(preference.max_workspace);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return field(preference.reduction_mask);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return field(preference.alignment_a);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return field(preference.alignment_b);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return field(preference.alignment_c);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return field(preference.alignment_d);
    case CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT: return field(preference.max_waves);
    case CUBLASLT_MATMUL_PREF_IMPL_MASK: return field(preference.impl_mask);
    default: return {};
  }
}

template <class Object>
cublasStatus_t set(const char* entry, Object* object, int attribute, const void* value, std::size_t size) {
  return lt_call(entry, [&] {
    const Field found = object == nullptr ? Field{} : find(*object, attribute);
    if (found.location == nullptr || value == nullptr || size != found.size) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(found.location, value, size);
    return CUBLAS_STATUS_SUCCESS;
  });
}

// size = 0 asks for the attribute's size.
template <class Object>
cublasStatus_t get(const char* entry, Object* object, int attribute, void* value, std::size_t size, std::size_t* written) {
  return lt_call(entry, [&] {
    const Field found = object == nullptr ? Field{} : find(*object, attribute);
    if (found.location == nullptr || (size == 0 && written == nullptr) || (size != 0 && (value == nullptr || size != found.size)))
      return CUBLAS_STATUS_INVALID_VALUE;
    if (written != nullptr) *written = found.size;
    if (size != 0) std::memcpy(value, found.location, size);
    return CUBLAS_STATUS_SUCCESS;
  });
}

template <class Object, class Handle>
void make(Handle* handle, const Object& object, const char* kind, const char* entry) {
  auto owned = std::make_unique<Object>(object);
  track_object(owned.get(), kind, entry);
  *handle = reinterpret_cast<Handle>(owned.release());
}

template <class Object, class Handle>
cublasStatus_t destroy(const char* entry, Handle handle, const char* kind) {
  const int injected = enter_call(entry);
  const bool known = is_tracked(handle, kind) && untrack_object(handle);
  if (known) delete reinterpret_cast<Object*>(handle);
  if (injected != 0) return static_cast<cublasStatus_t>(injected);
  return known ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

template <class Object, class Handle>
Object* look_up(Handle handle, const char* kind) {
  return is_tracked(handle, kind) ? reinterpret_cast<Object*>(handle) : nullptr;
}

}  // namespace

namespace flowcut::sim::host {

MatmulDesc* find_desc(cublasLtMatmulDesc_t handle) { return look_up<MatmulDesc>(handle, kDesc); }

MatrixLayout* find_layout(cublasLtMatrixLayout_t handle) { return look_up<MatrixLayout>(handle, kLayout); }

MatmulPreference* find_preference(cublasLtMatmulPreference_t handle) { return look_up<MatmulPreference>(handle, kPreference); }

std::optional<Matmul> find_matmul(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                  cublasLtMatrixLayout_t d) {
  const MatmulDesc* described = find_desc(desc);
  const MatrixLayout *of_a = find_layout(a), *of_b = find_layout(b), *of_d = find_layout(d);
  const MatrixLayout* of_c = c == nullptr ? of_d : find_layout(c);
  if (described == nullptr || of_a == nullptr || of_b == nullptr || of_c == nullptr || of_d == nullptr) return std::nullopt;
  return Matmul{*described, *of_a, *of_b, *of_c, *of_d};
}

}  // namespace flowcut::sim::host

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* handle, cublasComputeType_t compute,
                                                           cudaDataType_t scale) {
  return lt_call(__func__, [&] {
    if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    MatmulDesc desc;
    desc.compute_type = compute;
    desc.scale_type = scale;
    make(handle, desc, kDesc, "cublasLtMatmulDescCreate");
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t handle) {
  return destroy<MatmulDesc>(__func__, handle, kDesc);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle, cublasLtMatmulDescAttributes_t attribute,
                                                                 const void* value, std::size_t size) {
  return set(__func__, find_desc(handle), attribute, value, size);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulDescGetAttribute(cublasLtMatmulDesc_t handle, cublasLtMatmulDescAttributes_t attribute,
                                                                 void* value, std::size_t size, std::size_t* written) {
  return get(__func__, find_desc(handle), attribute, value, size, written);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* handle, cudaDataType type, std::uint64_t rows,
                                                             std::uint64_t cols, std::int64_t ld) {
  return lt_call(__func__, [&] {
    if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    MatrixLayout layout;
    layout.type = static_cast<std::uint32_t>(type);
    layout.rows = rows;
    layout.cols = cols;
    layout.ld = ld;
    make(handle, layout, kLayout, "cublasLtMatrixLayoutCreate");
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t handle) {
  return destroy<MatrixLayout>(__func__, handle, kLayout);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle, cublasLtMatrixLayoutAttribute_t attribute,
                                                                   const void* value, std::size_t size) {
  return set(__func__, find_layout(handle), attribute, value, size);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatrixLayoutGetAttribute(cublasLtMatrixLayout_t handle, cublasLtMatrixLayoutAttribute_t attribute,
                                                                   void* value, std::size_t size, std::size_t* written) {
  return get(__func__, find_layout(handle), attribute, value, size, written);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* handle) {
  return lt_call(__func__, [&] {
    if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    make(handle, MatmulPreference{}, kPreference, "cublasLtMatmulPreferenceCreate");
    return CUBLAS_STATUS_SUCCESS;
  });
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t handle) {
  return destroy<MatmulPreference>(__func__, handle, kPreference);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                                       cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                                       std::size_t size) {
  return set(__func__, find_preference(handle), attribute, value, size);
}

FLOWCUT_SIM_EXPORT cublasStatus_t cublasLtMatmulPreferenceGetAttribute(cublasLtMatmulPreference_t handle,
                                                                       cublasLtMatmulPreferenceAttributes_t attribute, void* value,
                                                                       std::size_t size, std::size_t* written) {
  return get(__func__, find_preference(handle), attribute, value, size, written);
}
