// Compiling, loading and running simple kernels: indices, blocks of several dimensions, arguments, many launches.
#include "support.hpp"

using namespace test;

namespace {

constexpr char kSource[] = R"(
#include "fc/ptx.cuh"
struct IndexArgs { unsigned* out; int scale; };
constexpr int kThreads = 256;
extern "C" __global__ void __launch_bounds__(kThreads) fc_indices(const __grid_constant__ IndexArgs args) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  args.out[block * blockDim.x * blockDim.y * blockDim.z + thread] = (block * 1000 + thread) * args.scale;
}
namespace fc {
constexpr int kSumThreads = 128;
struct SumArgs { const float* in; float* out; int n; };
extern "C" __global__ void __launch_bounds__(kSumThreads, 2) fc_sum(const __grid_constant__ SumArgs args) {
  auto& partial = fc::dynamic_shared<float[4]>();
  float sum = 0.f;
  for (int i = threadIdx.x; i < args.n; i += kSumThreads) sum += args.in[i];
  for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, mask);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) *args.out = partial[0] + partial[1] + partial[2] + partial[3];
}
}
)";

struct IndexArgs {
  unsigned* out;
  int scale;
};
struct SumArgs {
  const float* in;
  float* out;
  int n;
};

void indices(const flowcut::sim::KernelImage& image, std::uint64_t seed) {
  std::vector<unsigned> out(6 * 60);
  const IndexArgs args{out.data(), 3};
  check_ok(run(image, "fc_indices", {{3, 1, 2}, {5, 4, 3}, 0, seed}, &args));
  for (unsigned i = 0; i < out.size(); i++) check_equal((i / 60 * 1000 + i % 60) * 3, out[i], "index");
}

void sum(const flowcut::sim::KernelImage& image, std::uint64_t seed) {
  std::vector<float> in(1000);
  float expected = 0, actual = -1;
  for (int i = 0; i < 1000; i++) expected += in[i] = static_cast<float>(i % 17);
  const SumArgs args{in.data(), &actual, 1000};
  check_ok(run(image, "fc_sum", {{1, 1, 1}, {128, 1, 1}, 16, seed}, &args));
  check_equal(expected, actual, "sum");
}

}  // namespace

int main() {
  const auto image = load(kSource);
  check_equal(2u, image->entries().size(), "kernels");
  check_equal(256, image->find("fc_indices")->max_threads, "launch bounds");
  check_equal(128, image->find("fc_sum")->max_threads, "launch bounds");
  check_equal(sizeof(SumArgs), image->find("fc_sum")->args_bytes, "argument size");
  check(image->find("fc_other") == nullptr, "an unknown kernel");
  for (std::uint64_t seed = 0; seed < 50; seed++) {
    indices(*image, seed);
    sum(*image, seed);
  }
  unsigned unused = 0;
  const IndexArgs args{&unused, 1};
  check_violation(run(*image, "fc_indices", {{1, 1, 1}, {257, 1, 1}}, &args), {"fc_indices", "257", "256"});
  check_violation(run(*image, "fc_indices", {{0, 1, 1}, {32, 1, 1}}, &args), {"grid is empty"});
  return summary();
}
