// Random schedules: correct kernels give the same bits under every seed; a missing barrier or wait shows as a result that depends on it.
#include "support.hpp"

#include <cmath>
#include <cstring>
#include <set>

using namespace test;

namespace {

constexpr char kSource[] = R"(#include "fc/ptx.cuh"
namespace fc { struct Half { unsigned short bits; }; struct BFloat16 { unsigned short bits; }; }
constexpr unsigned kAll = 0xffffffffu;

struct ReduceArgs { const float* in; float* out; int n; };
extern "C" __global__ void __launch_bounds__(256) fc_reduce(const __grid_constant__ ReduceArgs args) {
  float* partial = fc::dynamic_shared<float[8]>();
  float sum = 0.f;
  for (int i = blockIdx.x * 256 + threadIdx.x; i < args.n; i += 256 * gridDim.x) sum += args.in[i];
  for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(kAll, sum, mask);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = threadIdx.x < 8 ? partial[threadIdx.x] : 0.f;
    for (int mask = 4; mask > 0; mask /= 2) sum += __shfl_down_sync(kAll, sum, mask);
    if (threadIdx.x == 0) args.out[blockIdx.x] = sum;
  }
}

// out[i] = in[n-1-i] through shared memory; without the barrier when `racy`
struct ReverseArgs { const int* in; int* out; int racy; };
extern "C" __global__ void __launch_bounds__(128) fc_reverse(const __grid_constant__ ReverseArgs args) {
  int* values = fc::dynamic_shared<int[128]>();
  values[threadIdx.x] = args.in[threadIdx.x];
  if (!args.racy) __syncthreads();
  args.out[threadIdx.x] = values[127 - threadIdx.x];
}
// lanes pass values through shared memory; without __syncwarp when `racy`
extern "C" __global__ void __launch_bounds__(128) fc_warp_reverse(const __grid_constant__ ReverseArgs args) {
  int* values = fc::dynamic_shared<int[128]>();
  values[threadIdx.x] = args.in[threadIdx.x];
  if (!args.racy) __syncwarp();
  args.out[threadIdx.x] = values[threadIdx.x ^ 31];
}

// c [m, n] = a [m, k] * bT [n, k], one warp a 16x8 tile, two stages of copies in flight. `mistake` 1: no wait, 2: no barrier before reuse
struct GemmArgs { const unsigned short* a; const unsigned short* b; float* c; int n, k, mistake; };
struct GemmTiles { alignas(16) unsigned short a[2][64][16]; alignas(16) unsigned short b[2][8][16]; };
__device__ __forceinline__ void start_tile(const GemmArgs& args, GemmTiles& tiles, int k0, int stage) {
  const int row = threadIdx.x / 2, chunk = threadIdx.x % 2 * 8;
  const bool valid = k0 < args.k;
  const long long column = valid ? k0 + chunk : 0;
  fc::copy_async_16(&tiles.a[stage][row][chunk], args.a + (blockIdx.y * 64LL + row) * args.k + column, valid);
  if (row < 8) fc::copy_async_16(&tiles.b[stage][row][chunk], args.b + (blockIdx.x * 8LL + row) * args.k + column, valid);
  fc::copy_async_commit();
}
extern "C" __global__ void __launch_bounds__(128) fc_gemm(const __grid_constant__ GemmArgs args) {
  auto& tiles = fc::dynamic_shared<GemmTiles>();
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float d[4] = {};
  start_tile(args, tiles, 0, 0);
  for (int k0 = 0, stage = 0; k0 < args.k; k0 += 16, stage ^= 1) {
    start_tile(args, tiles, k0 + 16, stage ^ 1);
    if (args.mistake != 1) fc::copy_async_wait<1>();
    __syncthreads();
    unsigned a[4], b[2];
    fc::load_matrix_x4(a, &tiles.a[stage][warp * 16 + lane % 16][lane / 16 * 8]);
    fc::load_matrix_x2(b, &tiles.b[stage][lane % 8][lane / 8 % 2 * 8]);
    fc::mma_16x8x16<fc::Half>(d, a, b);
    if (args.mistake != 2) __syncthreads();
  }
  for (int i = 0; i < 4; i++) {
    const int row = blockIdx.y * 64 + warp * 16 + lane / 4 + 8 * (i / 2), column = blockIdx.x * 8 + lane % 4 * 2 + i % 2;
    args.c[(long long)row * args.n + column] = d[i];
  }
}

// Warp 0 fills two buffers in turn, warp 1 sums them: barriers 1, 2 = full, 3, 4 = empty
struct PipeArgs { const int* in; int* out; int rounds; };
extern "C" __global__ void __launch_bounds__(64) fc_pipe(const __grid_constant__ PipeArgs args) {
  auto& buffers = fc::dynamic_shared<int[2][32]>();
  const int lane = threadIdx.x % 32;
  if (threadIdx.x < 32) {
    for (int i = 0; i < args.rounds; i++) {
      fc::barrier_sync(3 + i % 2, 64);
      buffers[i % 2][lane] = args.in[i * 32 + lane];
      __threadfence_block();
      fc::barrier_arrive(1 + i % 2, 64);
    }
  } else {
    int sum = 0;
    fc::barrier_arrive(3, 64);
    fc::barrier_arrive(4, 64);
    for (int i = 0; i < args.rounds; i++) {
      fc::barrier_sync(1 + i % 2, 64);
      sum += (i + 1) * buffers[i % 2][31 - lane];
      if (i + 2 < args.rounds) fc::barrier_arrive(3 + i % 2, 64);
    }
    args.out[lane] = sum;
  }
}

// The last block to finish adds up what the others left.
struct LastArgs { unsigned* ticket; float* partial; float* out; };
extern "C" __global__ void __launch_bounds__(32) fc_last(const __grid_constant__ LastArgs args) {
  if (threadIdx.x == 0) args.partial[blockIdx.x] = blockIdx.x + 1.f;
  __threadfence();
  unsigned before = 0;
  if (threadIdx.x == 0) before = atomicAdd(args.ticket, 1u);
  before = __shfl_sync(kAll, before, 0);
  if (before != gridDim.x - 1) return;
  float sum = 0.f;
  for (unsigned i = threadIdx.x; i < gridDim.x; i += 32) sum += args.partial[i];
  for (int mask = 16; mask > 0; mask /= 2) sum += __shfl_xor_sync(kAll, sum, mask);
  if (threadIdx.x == 0) *args.out = sum;
}

// Thread 0 waits for a flag that the last thread sets.
struct FlagArgs { unsigned* flag; int* out; };
extern "C" __global__ void __launch_bounds__(96) fc_flag(const __grid_constant__ FlagArgs args) {
  if (threadIdx.x == 0) {
    while (fc::load_acquire(args.flag) == 0) {
    }
    *args.out = 7;
  }
  if (threadIdx.x == 95) fc::store_release(args.flag, 1);
}
)";

constexpr std::uint64_t kSeeds = 20;

template <class T>
using Results = std::set<std::vector<T>>;

void reduce(const flowcut::sim::KernelImage& image) {
  struct Args {
    const float* in;
    float* out;
    int n;
  };
  std::vector<float> in(5000);
  for (std::size_t i = 0; i < in.size(); i++) in[i] = std::sin(static_cast<float>(i));
  Results<float> results;
  for (std::uint64_t seed = 0; seed < kSeeds; seed++) {
    std::vector<float> out(4);
    const Args args{in.data(), out.data(), 5000};
    check_ok(run(image, "fc_reduce", {{4, 1, 1}, {256, 1, 1}, 32, seed}, &args));
    results.insert(out);
  }
  check_equal(1u, results.size(), "the reduction is the same under every seed");
  double sum = 0, expected = 0;
  for (const float x : *results.begin()) sum += x;
  for (const float x : in) expected += x;
  check(std::fabs(sum - expected) < 1e-3, "the reduction's value");
}

Results<int> reversed(const flowcut::sim::KernelImage& image, const char* kernel, bool racy) {
  struct Args {
    const int* in;
    int* out;
    int racy;
  };
  std::vector<int> in(128);
  for (int i = 0; i < 128; i++) in[i] = i;
  Results<int> results;
  for (std::uint64_t seed = 0; seed < kSeeds; seed++) {
    std::vector<int> out(128);
    const Args args{in.data(), out.data(), racy};
    check_ok(run(image, kernel, {{1, 1, 1}, {128, 1, 1}, 512, seed}, &args));
    results.insert(out);
  }
  return results;
}

void races(const flowcut::sim::KernelImage& image) {
  for (const char* kernel : {"fc_reverse", "fc_warp_reverse"}) {
    check_equal(1u, reversed(image, kernel, false).size(), std::string(kernel) + " with its barrier");
    check(reversed(image, kernel, true).size() > 1, std::string(kernel) + " without its barrier differs between seeds");
  }
}

unsigned short half_of_small_integer(int value) {
  // exact for |value| < 2048
  const _Float16 half = static_cast<_Float16>(value);
  unsigned short bits;
  std::memcpy(&bits, &half, 2);
  return bits;
}

// How many of the seeds give the right product.
int right_products(const flowcut::sim::KernelImage& image, int mistake, int k) {
  struct Args {
    const unsigned short* a;
    const unsigned short* b;
    float* c;
    int n, k, mistake;
  };
  constexpr int kM = 128, kN = 24;
  std::vector<int> a(kM * k), b(kN * k);
  for (std::size_t i = 0; i < a.size(); i++) a[i] = static_cast<int>(i * 7 % 13) - 6;
  for (std::size_t i = 0; i < b.size(); i++) b[i] = static_cast<int>(i * 5 % 11) - 5;
  std::vector<float> expected(kM * kN);
  for (int i = 0; i < kM; i++)
    for (int j = 0; j < kN; j++)
      for (int l = 0; l < k; l++) expected[i * kN + j] += static_cast<float>(a[i * k + l] * b[j * k + l]);
  // 16-byte aligned, as device memory is
  std::vector<std::max_align_t> storage(a.size() / 4 + b.size() / 4);
  auto* const a_bits = reinterpret_cast<unsigned short*>(storage.data());
  auto* const b_bits = a_bits + a.size();
  for (std::size_t i = 0; i < a.size(); i++) a_bits[i] = half_of_small_integer(a[i]);
  for (std::size_t i = 0; i < b.size(); i++) b_bits[i] = half_of_small_integer(b[i]);
  int right = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; seed++) {
    std::vector<float> c(kM * kN, -1.f);
    const Args args{a_bits, b_bits, c.data(), kN, k, mistake};
    check_ok(run(image, "fc_gemm", {{kN / 8, kM / 64, 1}, {128, 1, 1}, 2 * 16 * (64 + 8) * 2, seed}, &args));
    right += c == expected;
  }
  return right;
}

void gemm(const flowcut::sim::KernelImage& image) {
  check_equal(static_cast<int>(kSeeds), right_products(image, 0, 64), "the product with all waits and barriers");
  check_equal(static_cast<int>(kSeeds), right_products(image, 0, 16), "a single step");
  check_equal(0, right_products(image, 1, 64), "the product without copy_async_wait");
  check(right_products(image, 2, 64) < static_cast<int>(kSeeds), "the product without the barrier before the buffer is used again");
}

void pipe(const flowcut::sim::KernelImage& image) {
  struct Args {
    const int* in;
    int* out;
    int rounds;
  };
  constexpr int kRounds = 9;
  std::vector<int> in(kRounds * 32), expected(32);
  for (std::size_t i = 0; i < in.size(); i++) in[i] = static_cast<int>(i * i % 1009);
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < kRounds; i++) expected[lane] += (i + 1) * in[i * 32 + 31 - lane];
  for (std::uint64_t seed = 0; seed < kSeeds; seed++) {
    std::vector<int> out(32);
    const Args args{in.data(), out.data(), kRounds};
    check_ok(run(image, "fc_pipe", {{1, 1, 1}, {64, 1, 1}, 256, seed}, &args));
    check(out == expected, "producer and consumer");
  }
}

void last_block(const flowcut::sim::KernelImage& image) {
  struct Args {
    unsigned* ticket;
    float* partial;
    float* out;
  };
  for (std::uint64_t seed = 0; seed < kSeeds; seed++) {
    unsigned ticket = 0;
    std::vector<float> partial(100);
    float out = 0;
    const Args args{&ticket, partial.data(), &out};
    check_ok(run(image, "fc_last", {{100, 1, 1}, {32, 1, 1}, 0, seed}, &args));
    check_equal(5050.f, out, "the last block's sum");
  }
}

void flag(const flowcut::sim::KernelImage& image) {
  struct Args {
    unsigned* flag;
    int* out;
  };
  for (std::uint64_t seed = 0; seed < kSeeds; seed++) {
    unsigned word = 0;
    int out = 0;
    const Args args{&word, &out};
    check_ok(run(image, "fc_flag", {{1, 1, 1}, {96, 1, 1}, 0, seed}, &args));
    check_equal(7, out, "the waiting thread goes on");
  }
}

}  // namespace

int main() {
  const auto image = load(kSource);
  reduce(*image);
  races(*image);
  gemm(*image);
  pipe(*image);
  last_block(*image);
  flag(*image);
  return summary();
}
