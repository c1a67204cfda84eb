// Matrix products in single precision on the CPU, with inputs of 16 or 32 bits in any layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace flowcut::sim::host {

enum class ElementType { Float32, Float16, BFloat16 };

std::size_t size_of(ElementType type);

// A matrix in memory: element (i, j) stands at data[i * row_stride + j * column_stride].
struct MatrixView {
  const void* data = nullptr;
  ElementType type = ElementType::Float32;
  std::int64_t row_stride = 0, column_stride = 0;

  MatrixView transposed() const { return {data, type, column_stride, row_stride}; }
};

struct Product {
  std::int64_t m = 0, n = 0, k = 0;
  MatrixView a, b;  // [m, k], [k, n]
  int splits = 1;   // sums over this many parts of k are formed on their own and added at the end
};

// Finished sums: that of element (row + i, column + j) stands at sums[i * row_stride + j * column_stride].
struct SumTile {
  std::int64_t row = 0, rows = 0, column = 0, columns = 0;
  const float* sums = nullptr;
  std::int64_t row_stride = 0, column_stride = 0;
};

// Receives every element once. Several threads call it at the same time.
using StoreSums = std::function<void(const SumTile&)>;

// Uses all processors. The sums do not depend on how many there are.
void multiply(const Product& product, const StoreSums& store);

// The inner loops, for the vectors of this processor; see gemm_kernel.cpp.
struct GemmKernel {
  int rows, columns;  // of a tile
  // sums[rows][columns] += packed_a * packed_b over `depth` products
  void (*add_tile)(int depth, const float* packed_a, const float* packed_b, float* sums, std::int64_t stride);
  void (*from_half)(const std::uint16_t* from, std::int64_t count, float* to);
  void (*from_bfloat16)(const std::uint16_t* from, std::int64_t count, float* to);
  float (*dot)(const float* a, const float* b, std::int64_t count);
  void (*add_scaled)(float scale, const float* from, std::int64_t count, float* to);  // to += scale * from
};
const GemmKernel& gemm_kernel();

}  // namespace flowcut::sim::host
