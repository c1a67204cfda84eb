// cublasLt's descriptors, and what is supported of their combinations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "host/gemm.hpp"
#include "host/lt_abi.hpp"

namespace flowcut::sim::host {

inline constexpr char kLtHandle[] = "cublasLt handle";

struct MatmulDesc {
  std::int32_t compute_type = CUBLAS_COMPUTE_32F, scale_type = CUDA_R_32F, pointer_mode = CUBLASLT_POINTER_MODE_HOST;
  std::int32_t trans_a = CUBLAS_OP_N, trans_b = CUBLAS_OP_N, trans_c = CUBLAS_OP_N, fill_mode = 2;
  std::uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  std::int64_t bias_batch_stride = 0;
  void* aux = nullptr;
  std::int64_t aux_ld = 0, aux_batch_stride = 0, alpha_batch_stride = 0;
  std::int32_t sm_count_target = 0, aux_type = -1, bias_type = -1;
  std::int8_t fast_accum = 0;
};

struct MatrixLayout {
  std::uint32_t type = CUDA_R_32F;
  std::int32_t order = CUBLASLT_ORDER_COL;
  std::uint64_t rows = 0, cols = 0;
  std::int64_t ld = 0;
  std::int32_t batch_count = 1;
  std::int64_t batch_stride = 0, plane_offset = 0;
  std::uint32_t batch_mode = 0;

  std::int64_t row_stride() const { return order == CUBLASLT_ORDER_ROW ? ld : 1; }
  std::int64_t column_stride() const { return order == CUBLASLT_ORDER_ROW ? 1 : ld; }
  // Elements from the first to the last of one matrix.
  std::int64_t span() const;
};

struct MatmulPreference {
  std::uint32_t search_mode = 0, reduction_mask = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint64_t max_workspace = 0, impl_mask = ~std::uint64_t{0};
  std::uint32_t alignment_a = 256, alignment_b = 256, alignment_c = 256, alignment_d = 256;
  float max_waves = 0;
};

// What the opaque bytes of cublasLtMatmulAlgo_t hold. The bytes mean the same in every process.
struct MatmulAlgo {
  static constexpr std::uint32_t kMark = 0x464C4131;
  std::uint32_t mark = kMark;
  std::int32_t id = 0;
  std::uint32_t tile = 0;
  std::int32_t splits = 1;
  std::uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_NONE, swizzle = 0, custom = 0, stages = 0;
  std::uint16_t inner_shape = 0, cluster_shape = 0;
  std::int32_t compute_type = 0, scale_type = 0;
  std::int8_t types[4] = {};  // of A, B, C, D

  static std::optional<MatmulAlgo> read(const cublasLtMatmulAlgo_t* algo);
  void write(cublasLtMatmulAlgo_t* algo) const;
};

// Everything that one call of cublasLtMatmul describes.
struct Matmul {
  MatmulDesc desc;
  MatrixLayout a, b, c, d;

  std::int64_t m() const { return static_cast<std::int64_t>(d.rows); }
  std::int64_t n() const { return static_cast<std::int64_t>(d.cols); }
  std::int64_t k() const { return static_cast<std::int64_t>(desc.trans_a == CUBLAS_OP_N ? a.cols : a.rows); }
};

// The objects behind handles, or null if the handle is not one of these.
MatmulDesc* find_desc(cublasLtMatmulDesc_t handle);
MatrixLayout* find_layout(cublasLtMatrixLayout_t handle);
MatmulPreference* find_preference(cublasLtMatmulPreference_t handle);
// Empty if any handle is wrong. A missing C is like D.
std::optional<Matmul> find_matmul(cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                                  cublasLtMatrixLayout_t d);

std::optional<ElementType> element_type(std::uint32_t type);

// INVALID_VALUE if the shapes contradict each other, NOT_SUPPORTED for combinations of types, orders and epilogues that cublasLt does not
// have.
cublasStatus_t check_matmul(const Matmul& matmul);
bool types_supported(std::int32_t compute, std::int32_t scale, std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d);

// Whether the algorithm can do this; *workspace is what it needs.
cublasStatus_t check_algo(const Matmul& matmul, const MatmulAlgo& algo, std::size_t* workspace);
// Bytes that pointers and leading dimensions of `element_bytes` must be multiples of.
std::uint32_t required_alignment(const MatmulAlgo& algo, std::uint32_t element_bytes);
// The algorithms of the heuristic, best first. `alignment`: what all pointers have.
std::vector<MatmulAlgo> propose(const Matmul& matmul, std::uint32_t alignment, std::uint64_t max_workspace, std::uint32_t reduction_mask);

}  // namespace flowcut::sim::host
