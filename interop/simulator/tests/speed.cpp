// Prints what the simulator's basic operations cost on this machine. Not a test.
#include "support.hpp"

#include <chrono>

using namespace test;

namespace {

constexpr char kSource[] = R"(
#include "fc/ptx.cuh"
namespace fc { struct Half { unsigned short bits; }; struct BFloat16 { unsigned short bits; }; }
struct Args { float* out; int count; };
extern "C" __global__ void __launch_bounds__(1024) fc_empty(const __grid_constant__ Args args) {}
extern "C" __global__ void __launch_bounds__(1024) fc_plain(const __grid_constant__ Args args) {
  float x = threadIdx.x;
  for (int i = 0; i < args.count; i++) x = x * 0.5f + 1.f;
  args.out[threadIdx.x] = x;
}
extern "C" __global__ void __launch_bounds__(1024) fc_barriers(const __grid_constant__ Args args) {
  for (int i = 0; i < args.count; i++) __syncthreads();
}
extern "C" __global__ void __launch_bounds__(1024) fc_shuffles(const __grid_constant__ Args args) {
  float x = threadIdx.x;
  for (int i = 0; i < args.count; i++) x += __shfl_xor_sync(0xffffffffu, x, 1);
  args.out[threadIdx.x] = x;
}
extern "C" __global__ void __launch_bounds__(1024) fc_mma(const __grid_constant__ Args args) {
  float d[4] = {};
  const unsigned a[4] = {0x3c003c00u, 0x3c003c00u, 0x3c003c00u, 0x3c003c00u}, b[2] = {0x3c003c00u, 0x3c003c00u};
  for (int i = 0; i < args.count; i++) fc::mma_16x8x16<fc::Half>(d, a, b);
  args.out[threadIdx.x] = d[0];
}
extern "C" __global__ void __launch_bounds__(1024) fc_matrices(const __grid_constant__ Args args) {
  auto& shared = fc::dynamic_shared<unsigned short[32][8]>();
  unsigned r[4] = {}, sum = 0;
  for (int i = 0; i < args.count; i++) {
    fc::load_matrix_x4(r, &shared[threadIdx.x % 32][0]);
    sum += r[0];
  }
  args.out[threadIdx.x] = sum;
}
)";

struct Args {
  float* out;
  int count;
};

double seconds(const flowcut::sim::KernelImage& image, const char* name, unsigned blocks, unsigned threads, int count, std::uint64_t seed = 0) {
  std::vector<float> out(1024);
  const Args args{out.data(), count};
  double best = 1e9;
  for (int i = 0; i < 5; i++) {
    const auto start = std::chrono::steady_clock::now();
    check_ok(run(image, name, {{blocks, 1, 1}, {threads, 1, 1}, 1024, seed}, &args));
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

int main() {
  const auto image = load(kSource);
  std::printf("launch of one empty block:            %8.1f us\n", seconds(*image, "fc_empty", 1, 32, 0) * 1e6);
  std::printf("empty threads, plain calls:           %8.1f ns each\n", seconds(*image, "fc_empty", 1, 1024, 0) * 1e9 / 1024);
  std::printf("shared poison and empty block:        %8.1f ns each\n", seconds(*image, "fc_empty", 1000, 1, 0) * 1e9 / 1000);
  for (const unsigned threads : {32u, 128u, 1024u}) {
    const int count = 200000 / static_cast<int>(threads);
    std::printf("barrier of %4u threads, in order:     %8.1f ns a thread\n", threads, seconds(*image, "fc_barriers", 1, threads, count) * 1e9 / threads / count);
    std::printf("barrier of %4u threads, random:       %8.1f ns a thread\n", threads, seconds(*image, "fc_barriers", 1, threads, count, 1) * 1e9 / threads / count);
  }
  const int count = 20000;
  std::printf("shuffle:                              %8.1f ns a thread\n", seconds(*image, "fc_shuffles", 1, 32, count) * 1e9 / 32 / count);
  std::printf("load_matrix_x4:                       %8.1f ns a warp\n", seconds(*image, "fc_matrices", 1, 32, count) * 1e9 / count);
  std::printf("mma 16x8x16:                          %8.1f ns a warp\n", seconds(*image, "fc_mma", 1, 32, count) * 1e9 / count);
  return summary();
}
