// Kernels that are wrong on purpose: each must be stopped with a message that says what is wrong and where.
#include "support.hpp"

#include <algorithm>
#include <cstdlib>
#include <sys/mman.h>

using namespace test;

namespace {

constexpr char kSource[] = R"(#include "fc/ptx.cuh"
struct Args { unsigned* out; const unsigned char* in; int n; };
using Words = unsigned[64];
extern "C" __global__ void __launch_bounds__(64) fc_beyond(const __grid_constant__ Args args) {
  unsigned* words = fc::dynamic_shared<Words>();
  words[static_cast<int>(threadIdx.x) + args.n] = 1;
}
extern "C" __global__ void __launch_bounds__(64) fc_far(const __grid_constant__ Args args) {
  unsigned* words = fc::dynamic_shared<Words>();
  words[threadIdx.x * 4096] = 1;
}
extern "C" __global__ void __launch_bounds__(64) fc_index(const __grid_constant__ Args args) {
  auto& words = fc::dynamic_shared<Words>();
  words[threadIdx.x + args.n] = 1;  // @index
}
extern "C" __global__ void __launch_bounds__(64) fc_divergent_barrier(const __grid_constant__ Args args) {
  if (threadIdx.x < 40) __syncthreads();  // @divergent_barrier
}
extern "C" __global__ void __launch_bounds__(64) fc_two_barriers(const __grid_constant__ Args args) {
  if (threadIdx.x < 40)
    __syncthreads();  // @two_barriers
  else
    __syncthreads();  // @two_barriers_2
}
extern "C" __global__ void __launch_bounds__(64) fc_own_lane(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = __shfl_sync(0x0000ffffu, threadIdx.x, 0);  // @own_lane
}
extern "C" __global__ void __launch_bounds__(64) fc_returned_lane(const __grid_constant__ Args args) {
  if (threadIdx.x % 32 == 5) return;
  args.out[threadIdx.x] = __shfl_xor_sync(0xffffffffu, threadIdx.x, 1);  // @returned_lane
}
extern "C" __global__ void __launch_bounds__(64) fc_unnamed_lane(const __grid_constant__ Args args) {
  if (threadIdx.x % 32 < 16) args.out[threadIdx.x] = __shfl_down_sync(0x0000ffffu, threadIdx.x, 8);  // @unnamed_lane
}
extern "C" __global__ void __launch_bounds__(64) fc_diverged(const __grid_constant__ Args args) {
  unsigned x = threadIdx.x;
  if (x % 2 == 0)
    x += __shfl_xor_sync(0xffffffffu, x, 2);  // @diverged
  else
    x += __shfl_xor_sync(0xffffffffu, x, 4);  // @diverged_2
  args.out[threadIdx.x] = x;
}
extern "C" __global__ void __launch_bounds__(64) fc_mixed(const __grid_constant__ Args args) {
  unsigned x = threadIdx.x;
  if (x % 32 < 8) __syncwarp(); else x += __ballot_sync(0xffffffffu, 1);  // @mixed
  args.out[threadIdx.x] = x;
}
extern "C" __global__ void __launch_bounds__(64) fc_misaligned(const __grid_constant__ Args args) {
  const uint4 v = *reinterpret_cast<const uint4*>(args.in + threadIdx.x * 16 + args.n);  // @misaligned
  args.out[threadIdx.x] = v.x;
}
extern "C" __global__ void __launch_bounds__(64) fc_misaligned_store(const __grid_constant__ Args args) {
  *reinterpret_cast<float2*>(args.out + 2 * threadIdx.x + args.n) = make_float2(1.f, 2.f);  // @misaligned_store
}
extern "C" __global__ void __launch_bounds__(64) fc_null(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = *reinterpret_cast<const unsigned*>(args.in);
}
extern "C" __global__ void __launch_bounds__(64) fc_unmapped(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = args.in[args.n];
}
__noinline__ int deep(const Args& args, int level) {
  volatile int local[16] = {level};
  return level == args.n ? local[0] : deep(args, level + 1) + local[level % 16];
}
extern "C" __global__ void __launch_bounds__(64) fc_recursive(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = deep(args, 0);
}
extern "C" __global__ void __launch_bounds__(64) fc_product(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = args.in[args.n * 4096];  // @product
}
extern "C" __global__ void __launch_bounds__(64) fc_sum(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = args.n + (threadIdx.x < 64 ? 1 : 2);  // @sum
}
extern "C" __global__ void __launch_bounds__(64) fc_quotient(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = 5 / args.n;  // @quotient
}
extern "C" __global__ void __launch_bounds__(64) fc_endless(const __grid_constant__ Args args) {
  while (*static_cast<volatile unsigned*>(args.out) == 0) {
  }
}
extern "C" __global__ void __launch_bounds__(64) fc_division(const __grid_constant__ Args args) {
  args.out[threadIdx.x] = threadIdx.x / args.n;  // @division
}
extern "C" __global__ void __launch_bounds__(64) fc_matrix_row(const __grid_constant__ Args args) {
  unsigned char* bytes = fc::dynamic_shared<unsigned char[256]>();
  unsigned r[4];
  fc::load_matrix_x4(r, bytes + (threadIdx.x % 8) * 16 + (threadIdx.x == 3 ? 8 : 0));  // @matrix_row
  args.out[threadIdx.x] = r[0];
}
extern "C" __global__ void __launch_bounds__(64) fc_matrix_outside(const __grid_constant__ Args args) {
  unsigned r[2];
  fc::load_matrix_x2(r, args.in);  // @matrix_outside
  args.out[threadIdx.x] = r[0];
}
extern "C" __global__ void __launch_bounds__(64) fc_copy(const __grid_constant__ Args args) {
  fc::copy_async_16(&fc::dynamic_shared<Words>(), args.in, true);  // @copy
}
extern "C" __global__ void __launch_bounds__(64) fc_copy_misaligned(const __grid_constant__ Args args) {
  fc::copy_async_16(&fc::dynamic_shared<Words>(), args.in + 4, true);  // @copy_misaligned
}
extern "C" __global__ void __launch_bounds__(64) fc_copy_outside(const __grid_constant__ Args args) {
  fc::copy_async_16(reinterpret_cast<unsigned char*>(&fc::dynamic_shared<Words>()) + 256, args.in, true);  // @copy_outside
}
extern "C" __global__ void __launch_bounds__(64) fc_barrier_number(const __grid_constant__ Args args) {
  fc::barrier_sync(args.n, 64);  // @barrier_number
}
extern "C" __global__ void __launch_bounds__(64) fc_barrier_count(const __grid_constant__ Args args) {
  fc::barrier_sync(1, threadIdx.x < 32 ? 64 : 32);  // @barrier_count
}
extern "C" __global__ void __launch_bounds__(64) fc_barrier_twice(const __grid_constant__ Args args) {
  if (threadIdx.x < 32) { fc::barrier_arrive(1, 64); fc::barrier_arrive(1, 64); }  // @barrier_twice
}
)";

struct Args {
  unsigned* out;
  const unsigned char* in;
  int n;
};

alignas(16) unsigned out[256];
alignas(16) unsigned char in[4096];

struct Case {
  const char* kernel;
  Args args;
  std::vector<std::string> message;
};

// "test.cu:12", where the source has the marker
std::string line(const std::string& marker) {
  const std::string source = kSource;
  const auto end = source.begin() + static_cast<std::ptrdiff_t>(source.find("// @" + marker + "\n"));
  return "test.cu:" + std::to_string(1 + std::count(source.begin(), end, '\n'));
}

const Case kCases[] = {
    {"fc_beyond", {out, in, 3}, {"beyond the 256 bytes of dynamic shared memory", "offset 256"}},
    {"fc_beyond", {out, in, -1}, {"before the dynamic shared memory", "offset -"}},
    {"fc_far", {out, in, 0}, {"thread (", "writes to address 0x"}},
    {"fc_index", {out, in, 3}, {"thread (61,0,0)", "index 64", line("index")}},
    {"fc_divergent_barrier", {out, in, 0}, {"deadlock", "threads 0-39 in __syncthreads (" + line("divergent_barrier") + ")", "24 of 64 threads have returned"}},
    {"fc_two_barriers", {out, in, 0}, {"divergent", line("two_barriers"), line("two_barriers_2")}},
    {"fc_own_lane", {out, in, 0}, {"thread (16,0,0)", "__shfl_sync(mask 0x0000ffff)", "does not name its own lane 16", line("own_lane")}},
    {"fc_returned_lane", {out, in, 0}, {"__shfl_xor_sync", line("returned_lane"), "returns, but a lane of its warp waits for it"}},
    {"fc_unnamed_lane", {out, in, 0}, {"reads lane ", "__shfl_down_sync", line("unnamed_lane")}},
    {"fc_diverged", {out, in, 0}, {"diverged", line("diverged"), line("diverged_2")}},
    {"fc_mixed", {out, in, 0}, {"diverged", "__syncwarp", "__ballot_sync", line("mixed")}},
    {"fc_misaligned", {out, in, 4}, {"uint4", "misaligned address", "multiple of 16", line("misaligned")}},
    {"fc_misaligned", {out, in, 8}, {"uint4", "misaligned address", line("misaligned")}},
    {"fc_misaligned_store", {out, in, 1}, {"float2", "misaligned address", "multiple of 8", line("misaligned_store")}},
    {"fc_null", {out, nullptr, 0}, {"null pointer"}},
    {"fc_recursive", {out, in, -1}, {"stack overflow", "64 KiB"}},
    {"fc_division", {out, in, 0}, {"computes 0 / 0", "unsigned", line("division")}},
    {"fc_matrix_row", {out, in, 0}, {"thread (3,0,0)", "load_matrix", "not aligned to 16 bytes", line("matrix_row")}},
    {"fc_matrix_outside", {out, in, 0}, {"load_matrix", "not in the block's shared memory", line("matrix_outside")}},
    {"fc_copy_misaligned", {out, in, 0}, {"copy_async_16", "multiples of 16", line("copy_misaligned")}},
    {"fc_copy_outside", {out, in, 0}, {"copy_async_16", "not in the block's shared memory", line("copy_outside")}},
    {"fc_barrier_number", {out, in, 16}, {"barrier_sync(barrier 16, 64 threads)", line("barrier_number")}},
    {"fc_barrier_number", {out, in, 0}, {"1 to 15"}},
    {"fc_barrier_count", {out, in, 0}, {"wait for 64 threads", line("barrier_count")}},
    {"fc_barrier_twice", {out, in, 0}, {"arrives a second time", line("barrier_twice")}},
};

// The size of an int decides, so offsets into large tensors must be 64 bits wide.
const Case kOverflows[] = {
    {"fc_product", {out, in, 1 << 20}, {"computes 1048576 * 4096", "'int'", line("product")}},
    {"fc_sum", {out, in, 0x7fffffff}, {"computes 1 + 2147483647", "'int'", line("sum")}},
    {"fc_quotient", {out, in, 0}, {"computes 5 / 0", line("quotient")}},
};

void unmapped(const flowcut::sim::KernelImage& image) {
  void* const page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const Args args{out, static_cast<const unsigned char*>(page), 77};
  check_violation(run(image, "fc_unmapped", {{1, 1, 1}, {64, 1, 1}}, &args), {"reads address 0x", "no memory"});
  munmap(page, 4096);
  const Args wild{out, reinterpret_cast<const unsigned char*>(0x8000000000000000u), 77};
  check_violation(run(image, "fc_unmapped", {{1, 1, 1}, {64, 1, 1}}, &wild), {"reads"});
}

// The source of an asynchronous copy is checked against what the host side says about memory.
struct OnlyIn : flowcut::sim::MemoryCheck {
  bool is_device_range(const void* pointer, std::size_t bytes) override {
    const auto* const at = static_cast<const unsigned char*>(pointer);
    return at >= in && at + bytes <= in + sizeof in;
  }
};

void copies(const flowcut::sim::KernelImage& image) {
  OnlyIn check;
  flowcut::sim::set_memory_check(&check);
  const Launch launch = {{1, 1, 1}, {64, 1, 1}, 256};
  const Args good{out, in, 0}, bad{out, reinterpret_cast<const unsigned char*>(out), 0};
  check_ok(run(image, "fc_copy", launch, &good));
  check_violation(run(image, "fc_copy", launch, &bad), {"copy_async_16", "not in a device allocation", line("copy")});
  flowcut::sim::set_memory_check(nullptr);
}

}  // namespace

void endless(const flowcut::sim::KernelImage& image) {
  unsigned zero = 0;
  const Args args{&zero, in, 0};
  check_violation(run(image, "fc_endless", {{4, 1, 1}, {64, 1, 1}}, &args), {"fc_endless", "does not end"});
}

int main() {
  setenv("FLOWCUT_SIM_TIMEOUT", "2", 1);
  const auto image = load(kSource);
  for (const Case& wrong : kCases)
    for (const std::uint64_t seed : {0u, 1u, 2u}) {
      const flowcut::sim::LaunchReport report = run(*image, wrong.kernel, {{1, 1, 1}, {64, 1, 1}, 256, seed}, &wrong.args);
      // random orders may find another thread, or the other side of the mistake, first
      if (seed == 0) check_violation(report, wrong.message);
      check_violation(report, {std::string("kernel ") + wrong.kernel + ", block (0,0,0)"});
    }
  for (const Case& wrong : kOverflows) check_violation(run(*image, wrong.kernel, {{1, 1, 1}, {64, 1, 1}, 256}, &wrong.args), wrong.message);
  unmapped(*image);
  copies(*image);
  endless(*image);
  return summary();
}
