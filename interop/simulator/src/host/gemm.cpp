#include "host/gemm.hpp"

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "host/number_formats.hpp"

namespace flowcut::sim::host {

namespace {

// Blocks that stay in the caches: a block of b [kDepth, kWidth] and one of a [kHeight, kDepth].
constexpr std::int64_t kDepth = 256, kWidth = 512, kHeight = 96;
constexpr std::int64_t kThin = 3;
constexpr double kThreadFlops = 4e6;  // less than this is not worth a thread

template <class Load, class Element>
void gather(const Element* from, std::int64_t stride, std::int64_t count, float* to, std::int64_t to_stride, Load load) {
  for (std::int64_t i = 0; i < count; ++i) to[i * to_stride] = load(from[i * stride]);
}

// `count` elements of a matrix from an offset on, `stride` apart: to[0], to[to_stride]...
void load_line(const MatrixView& view, std::int64_t offset, std::int64_t stride, std::int64_t count, float* to, std::int64_t to_stride) {
  const bool adjacent = stride == 1 && to_stride == 1;
  const auto* floats = static_cast<const float*>(view.data) + offset;
  const auto* words = static_cast<const std::uint16_t*>(view.data) + offset;
  switch (view.type) {
    case ElementType::Float32:
      if (adjacent) return static_cast<void>(std::copy_n(floats, count, to));
      return gather(floats, stride, count, to, to_stride, [](float value) { return value; });
    case ElementType::Float16:
      if (adjacent) return gemm_kernel().from_half(words, count, to);
      return gather(words, stride, count, to, to_stride, half_to_float);
    case ElementType::BFloat16:
      if (adjacent) return gemm_kernel().from_bfloat16(words, count, to);
      return gather(words, stride, count, to, to_stride, bfloat16_to_float);
  }
}

// Packs rows [first, first + count) x columns [begin, begin + depth) into panels of `height` rows, in which the rows' values of one column
// stand side by side. Missing rows are zero.
void pack(const MatrixView& view, std::int64_t first, std::int64_t count, std::int64_t begin, std::int64_t depth, int height,
          std::vector<float>& line, float* to) {
  for (std::int64_t row = 0; row < count; row += height, to += height * depth) {
    const std::int64_t present = std::min<std::int64_t>(height, count - row);
    if (present < height) std::fill_n(to, height * depth, 0.f);
    const std::int64_t base = (first + row) * view.row_stride + begin * view.column_stride;
    if (view.row_stride == 1) {
      for (std::int64_t step = 0; step < depth; ++step)
        load_line(view, base + step * view.column_stride, 1, present, to + step * height, 1);
      continue;
    }
    for (std::int64_t i = 0; i < present; ++i) {
      if (view.type == ElementType::Float32 || view.column_stride != 1) {
        load_line(view, base + i * view.row_stride, view.column_stride, depth, to + i, height);
        continue;
      }
      load_line(view, base + i * view.row_stride, 1, depth, line.data(), 1);  // the conversion vectorises, the scattering does not
      for (std::int64_t step = 0; step < depth; ++step) to[step * height + i] = line[static_cast<std::size_t>(step)];
    }
  }
}

// The columns [first, last) of a product with m <= n.
class ColumnRange {
 public:
  ColumnRange(const Product& product, std::int64_t first, std::int64_t last) : product_(product), first_(first), last_(last) {}

  void run(const StoreSums& store) {
    if (product_.m <= kThin && product_.splits == 1) return thin(store);
    rows_ = (product_.m + kernel_.rows - 1) / kernel_.rows * kernel_.rows;
    packed_a_.resize(static_cast<std::size_t>((kHeight + kernel_.rows) * kDepth));
    packed_b_.resize(static_cast<std::size_t>((kWidth + kernel_.columns) * kDepth));
    line_.resize(static_cast<std::size_t>(kDepth));
    for (std::int64_t column = first_; column < last_; column += kWidth) block(column, std::min(kWidth, last_ - column), store);
  }

 private:
  // Few rows (a single token's step): every element of b is used so rarely that packing it would cost more than the products.
  void thin(const StoreSums& store) {
    const std::int64_t width = last_ - first_, k = product_.k;
    std::vector<float> a(static_cast<std::size_t>(product_.m * k));
    for (std::int64_t row = 0; row < product_.m; ++row)
      load_line(product_.a, row * product_.a.row_stride, product_.a.column_stride, k, a.data() + row * k, 1);
    total_.assign(static_cast<std::size_t>(product_.m * width), 0.f);
    line_.resize(static_cast<std::size_t>(std::max(k, width)));
    if (product_.b.column_stride == 1) {
      for (std::int64_t step = 0; step < k; ++step) {
        load_line(product_.b, step * product_.b.row_stride + first_, 1, width, line_.data(), 1);
        for (std::int64_t row = 0; row < product_.m; ++row)
          kernel_.add_scaled(a[static_cast<std::size_t>(row * k + step)], line_.data(), width, total_.data() + row * width);
      }
    } else {
      for (std::int64_t j = 0; j < width; ++j) {
        load_line(product_.b, (first_ + j) * product_.b.column_stride, product_.b.row_stride, k, line_.data(), 1);
        for (std::int64_t row = 0; row < product_.m; ++row)
          total_[static_cast<std::size_t>(row * width + j)] = kernel_.dot(a.data() + row * k, line_.data(), k);
      }
    }
    store({0, product_.m, first_, width, total_.data(), width, 1});
  }

  void block(std::int64_t column, std::int64_t width, const StoreSums& store) {
    stride_ = (width + kernel_.columns - 1) / kernel_.columns * kernel_.columns;
    const std::size_t size = static_cast<std::size_t>(rows_ * stride_);
    total_.assign(size, 0.f);
    const std::int64_t part = (product_.k + product_.splits - 1) / product_.splits;
    for (int split = 0; split < product_.splits; ++split) {
      const std::int64_t begin = split * part, end = std::min(product_.k, begin + part);
      if (split == 0) {
        sum(column, width, begin, end, total_);
        continue;
      }
      partial_.assign(size, 0.f);
      sum(column, width, begin, end, partial_);
      for (std::size_t i = 0; i < size; ++i) total_[i] += partial_[i];
    }
    store({0, product_.m, column, width, total_.data(), stride_, 1});
  }

  void sum(std::int64_t column, std::int64_t width, std::int64_t begin, std::int64_t end, std::vector<float>& sums) {
    const std::int64_t height = kHeight / kernel_.rows * kernel_.rows;
    for (std::int64_t k = begin; k < end; k += kDepth) {
      const std::int64_t depth = std::min(kDepth, end - k);
      pack(product_.b.transposed(), column, width, k, depth, kernel_.columns, line_, packed_b_.data());
      for (std::int64_t row = 0; row < product_.m; row += height) {
        const std::int64_t present = std::min(height, product_.m - row);
        pack(product_.a, row, present, k, depth, kernel_.rows, line_, packed_a_.data());
        for (std::int64_t j = 0; j < width; j += kernel_.columns)
          for (std::int64_t i = 0; i < present; i += kernel_.rows)
            kernel_.add_tile(static_cast<int>(depth), packed_a_.data() + i * depth, packed_b_.data() + j * depth,
                             sums.data() + (row + i) * stride_ + j, stride_);
      }
    }
  }

  const Product& product_;
  const GemmKernel& kernel_ = gemm_kernel();
  std::int64_t first_, last_, rows_ = 0, stride_ = 0;
  std::vector<float> packed_a_, packed_b_, total_, partial_, line_;
};

void multiply_wide(const Product& product, const StoreSums& store) {
  const double flops =
      2.0 * static_cast<double>(product.m) * static_cast<double>(product.n) * static_cast<double>(std::max<std::int64_t>(product.k, 1));
  const std::int64_t unit = gemm_kernel().columns;
  std::int64_t parts = std::max(1u, std::thread::hardware_concurrency());
  parts = std::min({parts, static_cast<std::int64_t>(flops / kThreadFlops) + 1, (product.n + unit - 1) / unit});
  const std::int64_t width = (product.n + parts - 1) / parts + unit - 1;
  const std::int64_t step = width / unit * unit;
  std::vector<std::thread> threads;
  for (std::int64_t first = step; first < product.n; first += step)
    threads.emplace_back([&, first] { ColumnRange(product, first, std::min(product.n, first + step)).run(store); });
  ColumnRange(product, 0, std::min(product.n, step)).run(store);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

std::size_t size_of(ElementType type) { return type == ElementType::Float32 ? 4 : 2; }

void multiply(const Product& product, const StoreSums& store) {
  if (product.m <= 0 || product.n <= 0) return;
  if (product.m <= product.n) return multiply_wide(product, store);
  // The larger dimension is the one that is divided: compute the transposed product.
  Product other = product;
  std::swap(other.m, other.n);
  other.a = product.b.transposed();
  other.b = product.a.transposed();
  multiply_wide(other, [&store](const SumTile& tile) {
    store({tile.column, tile.columns, tile.row, tile.rows, tile.sums, tile.column_stride, tile.row_stride});
  });
}

}  // namespace flowcut::sim::host
