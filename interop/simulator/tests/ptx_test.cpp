// The simulator's instructions against tables that were made without it: fragment maps, shuffles, results of single instructions.
#include "support.hpp"

#include "flowcut_sim/numeric.hpp"
#include "ptx_tables.hpp"

#include <cstring>
#include <functional>
#include <map>

using namespace test;
using namespace flowcut_sim;

namespace {

constexpr char kSource[] = R"(#include "fc/ptx.cuh"
namespace fc { struct Half { unsigned short bits; }; struct BFloat16 { unsigned short bits; }; }
constexpr unsigned kAll = 0xffffffffu;

// One mma per block on given registers: [blocks][32][4], [blocks][32][2], [blocks][32][4]
struct MmaArgs { const unsigned* a; const unsigned* b; float* d; };
template <class Elem>
__device__ __forceinline__ void mma(const MmaArgs& args) {
  const int at = blockIdx.x * 32 + threadIdx.x;
  unsigned a[4], b[2];
  float d[4];
  for (int i = 0; i < 4; i++) a[i] = args.a[at * 4 + i];
  for (int i = 0; i < 2; i++) b[i] = args.b[at * 2 + i];
  for (int i = 0; i < 4; i++) d[i] = args.d[at * 4 + i];
  fc::mma_16x8x16<Elem>(d, a, b);
  for (int i = 0; i < 4; i++) args.d[at * 4 + i] = d[i];
}
extern "C" __global__ void __launch_bounds__(32) fc_mma_half(const __grid_constant__ MmaArgs args) { mma<fc::Half>(args); }
extern "C" __global__ void __launch_bounds__(32) fc_mma_bfloat16(const __grid_constant__ MmaArgs args) { mma<fc::BFloat16>(args); }

// Every 16-bit element of the four matrices holds its own number.
struct LoadArgs { unsigned* x2; unsigned* x2_transposed; unsigned* x4; unsigned* x4_transposed; };
extern "C" __global__ void __launch_bounds__(32) fc_load(const __grid_constant__ LoadArgs args) {
  auto& rows = fc::dynamic_shared<unsigned short[32][8]>();
  const int lane = threadIdx.x;
  for (int i = 0; i < 8; i++) rows[lane][i] = lane * 8 + i;
  __syncwarp();
  unsigned r2[2], r4[4];
  fc::load_matrix_x2(r2, rows[lane % 16]);
  for (int i = 0; i < 2; i++) args.x2[lane * 2 + i] = r2[i];
  fc::load_matrix_x2_transposed(r2, rows[lane % 16]);
  for (int i = 0; i < 2; i++) args.x2_transposed[lane * 2 + i] = r2[i];
  fc::load_matrix_x4(r4, rows[lane]);
  for (int i = 0; i < 4; i++) args.x4[lane * 4 + i] = r4[i];
  fc::load_matrix_x4_transposed(r4, rows[lane]);
  for (int i = 0; i < 4; i++) args.x4_transposed[lane * 4 + i] = r4[i];
}

struct ShuffleArgs { unsigned* out; int operand, width; };
extern "C" __global__ void __launch_bounds__(32) fc_shuffle(const __grid_constant__ ShuffleArgs args) {
  const int lane = threadIdx.x;
  args.out[lane] = __shfl_up_sync(kAll, lane, args.operand, args.width);
  args.out[32 + lane] = __shfl_down_sync(kAll, lane, args.operand, args.width);
  args.out[64 + lane] = __shfl_xor_sync(kAll, lane, args.operand, args.width);
  args.out[96 + lane] = static_cast<unsigned>(__shfl_sync(kAll, static_cast<double>(lane), args.operand, args.width));
}

struct VoteArgs { const int* in; int* out; };
extern "C" __global__ void __launch_bounds__(64) fc_votes(const __grid_constant__ VoteArgs args) {
  const int value = args.in[threadIdx.x];
  int results[16] = {};
  if (threadIdx.x % 32 < 20) {
    const unsigned mask = 0xfffff;
    results[0] = __ballot_sync(mask, value > 0);
    results[1] = __any_sync(mask, value == -7);
    results[2] = __all_sync(mask, value > -100);
    results[3] = __reduce_add_sync(mask, value);
    results[4] = __reduce_min_sync(mask, value);
    results[5] = __reduce_max_sync(mask, value);
    results[6] = __reduce_min_sync(mask, static_cast<unsigned>(value));
    results[7] = __reduce_max_sync(mask, static_cast<unsigned>(value));
    results[8] = __match_any_sync(mask, value);
  }
  results[9] = __syncthreads_count(value > 0);
  results[10] = __syncthreads_or(value == -7);
  results[11] = __syncthreads_and(value != 3);
  for (int i = 0; i < 16; i++) args.out[threadIdx.x * 16 + i] = results[i];
}
)";

float widen(unsigned short bits, bool bfloat16) { return bfloat16 ? float_from_bfloat16(bits) : float_from_half(bits); }

// Block (k, n) has a single one in B, at that place: column n of its product is column k of A, all of whose elements differ.
void mma_map(const flowcut::sim::KernelImage& image, bool bfloat16) {
  struct Args {
    const unsigned* a;
    const unsigned* b;
    float* d;
  };
  const unsigned short one = bfloat16 ? 0x3f80 : 0x3c00;
  constexpr unsigned kBlocks = 16 * 8;
  std::vector<unsigned> a(kBlocks * 32 * 4), b(kBlocks * 32 * 2);
  std::vector<float> d(kBlocks * 32 * 4);
  const auto set = [](unsigned& word, int half, unsigned short bits) { word |= static_cast<unsigned>(bits) << (16 * half); };
  for (unsigned block = 0; block < kBlocks; block++)
    for (unsigned lane = 0; lane < 32; lane++) {
      const unsigned at = block * 32 + lane;
      for (int i = 0; i < 8; i++) {
        const auto& [m, k] = tables::kMmaA[lane][i];
        const float value = 1.f + m + 16.f * k;
        set(a[at * 4 + i / 2], i % 2, bfloat16 ? bfloat16_from_float(value) : half_from_float(value));
      }
      for (int i = 0; i < 4; i++)
        if (tables::kMmaB[lane][i][0] == block / 8 && tables::kMmaB[lane][i][1] == block % 8) set(b[at * 2 + i / 2], i % 2, one);
      for (int i = 0; i < 4; i++) d[at * 4 + i] = 0.25f * (tables::kMmaD[lane][i][0] * 8 + tables::kMmaD[lane][i][1]);
    }
  const Args args{a.data(), b.data(), d.data()};
  check_ok(run(image, bfloat16 ? "fc_mma_bfloat16" : "fc_mma_half", {{kBlocks, 1, 1}, {32, 1, 1}, 0, 5}, &args));
  for (unsigned block = 0; block < kBlocks; block++)
    for (unsigned lane = 0; lane < 32; lane++)
      for (int i = 0; i < 4; i++) {
        const unsigned m = tables::kMmaD[lane][i][0], n = tables::kMmaD[lane][i][1], k = block / 8;
        const float product = n == block % 8 ? widen(bfloat16 ? bfloat16_from_float(1.f + m + 16.f * k) : half_from_float(1.f + m + 16.f * k), bfloat16) : 0.f;
        check_equal(0.25f * (m * 8 + n) + product, d[(block * 32 + lane) * 4 + i], "mma element");
      }
}

template <std::size_t kElements>
void load_map(const std::vector<unsigned>& registers, const unsigned char (&table)[32][kElements][3], const char* name) {
  for (unsigned lane = 0; lane < 32; lane++)
    for (std::size_t i = 0; i < kElements; i++) {
      const auto& [matrix, row, column] = table[lane][i];
      const unsigned actual = registers[lane * kElements / 2 + i / 2] >> (16 * (i % 2)) & 0xffff;
      check_equal((matrix * 8u + row) * 8u + column, actual, name);
    }
}

void loads(const flowcut::sim::KernelImage& image) {
  struct Args {
    unsigned *x2, *x2_transposed, *x4, *x4_transposed;
  };
  std::vector<unsigned> x2(64), x2_transposed(64), x4(128), x4_transposed(128);
  const Args args{x2.data(), x2_transposed.data(), x4.data(), x4_transposed.data()};
  check_ok(run(image, "fc_load", {{1, 1, 1}, {32, 1, 1}, 512, 3}, &args));
  load_map(x2, tables::kLoadMatrix2, "x2");
  load_map(x2_transposed, tables::kLoadMatrix2Transposed, "x2 transposed");
  load_map(x4, tables::kLoadMatrix4, "x4");
  load_map(x4_transposed, tables::kLoadMatrix4Transposed, "x4 transposed");
}

void shuffles(const flowcut::sim::KernelImage& image) {
  struct Args {
    unsigned* out;
    int operand, width;
  };
  constexpr int kWidths[] = {32, 16, 8, 4};
  for (int w = 0; w < 4; w++)
    for (int i = 0; i < tables::kShuffleOperands; i++) {
      std::vector<unsigned> out(128);
      const Args args{out.data(), tables::kShuffleOperand[i], kWidths[w]};
      check_ok(run(image, "fc_shuffle", {{1, 1, 1}, {32, 1, 1}, 0, 1}, &args));
      for (int mode = 0; mode < 4; mode++)
        for (int lane = 0; lane < 32; lane++)
          check_equal(static_cast<unsigned>(tables::kShuffle[mode][w][i][lane]), out[mode * 32 + lane], "shuffle, mode " + std::to_string(mode));
    }
}

void votes(const flowcut::sim::KernelImage& image) {
  struct Args {
    const int* in;
    int* out;
  };
  std::vector<int> in(64), out(64 * 16);
  for (int i = 0; i < 64; i++) in[i] = i % 5 - 2;
  const Args args{in.data(), out.data()};
  check_ok(run(image, "fc_votes", {{1, 1, 1}, {64, 1, 1}, 0, 9}, &args));
  for (int warp = 0; warp < 2; warp++) {
    int ballot = 0, sum = 0, same = 0, count = 0;
    for (int i = 0; i < 20; i++) {
      const int value = in[warp * 32 + i];
      ballot |= (value > 0) << i;
      same |= (value == in[warp * 32 + 3]) << i;
      sum += value;
    }
    for (const int value : in) count += value > 0;
    const int* const lane = &out[(warp * 32 + 3) * 16];
    const int expected[] = {ballot, 0, 1, sum, -2, 2, 0, -1, same, count, 0, 1};
    for (int i = 0; i < 12; i++) check_equal(expected[i], lane[i], "vote " + std::to_string(i));
  }
}

using Instruction = std::function<unsigned(unsigned, unsigned)>;
template <class F>
Instruction unary(F f) {
  return [f](unsigned a, unsigned) { return bits_of(f(float_of(a))); };
}
template <class F>
Instruction binary(F f) {
  return [f](unsigned a, unsigned b) { return bits_of(f(float_of(a), float_of(b))); };
}
template <class F>
Instruction flushing(F f) {
  return [f](unsigned a, unsigned b) { return bits_of(flushed(f(flushed(float_of(a)), flushed(float_of(b))))); };
}

void numbers() {
  const auto add = [](float a, float b) { return a + b; };
  const auto multiply = [](float a, float b) { return a * b; };
  const auto first = [](auto f) { return [f](float a, float) { return f(a); }; };
  const std::map<std::string, Instruction> instructions = {
      {"cvt.rn.f16.f32", [](unsigned a, unsigned) -> unsigned { return half_from_float(float_of(a)); }},
      {"cvt.rn.bf16.f32", [](unsigned a, unsigned) -> unsigned { return bfloat16_from_float(float_of(a)); }},
      {"cvt.rna.tf32.f32", unary(tf32_from_float)},
      {"cvt.f32.f16", [](unsigned a, unsigned) { return bits_of(float_from_half(static_cast<unsigned short>(a))); }},
      {"cvt.f32.bf16", [](unsigned a, unsigned) { return bits_of(float_from_bfloat16(static_cast<unsigned short>(a))); }},
      {"min.f32", binary(min_number)}, {"max.f32", binary(max_number)},
      {"min.NaN.f32", binary(min_or_nan)}, {"max.NaN.f32", binary(max_or_nan)},
      {"min.ftz.f32", flushing(min_number)}, {"add.f32", binary(add)}, {"add.ftz.f32", flushing(add)},
      {"sub.f32", binary([](float a, float b) { return a - b; })},
      {"mul.f32", binary(multiply)}, {"mul.ftz.f32", flushing(multiply)},
      {"ex2.approx.f32", unary(exp2_rounded)}, {"ex2.approx.ftz.f32", flushing(first(exp2_rounded))},
      {"rsqrt.approx.f32", unary(reciprocal_square_root_rounded)}, {"rsqrt.approx.ftz.f32", flushing(first(reciprocal_square_root_rounded))},
      {"rcp.approx.f32", unary(reciprocal_rounded)}, {"rcp.approx.ftz.f32", flushing(first(reciprocal_rounded))},
      {"lg2.approx.f32", unary(log2_rounded)}, {"sqrt.approx.f32", unary(square_root_rounded)},
      {"abs.f32", unary([](float a) { return __builtin_fabsf(a); })}, {"neg.f32", unary([](float a) { return -a; })},
      {"cvt.rni.f32.f32", unary(rounded_to_integer)}, {"cvt.sat.f32.f32", unary(saturated)},
      {"cvt.rzi.s32.f32", [](unsigned a, unsigned) { return static_cast<unsigned>(int_from_float(float_of(a))); }},
      {"cvt.rni.s32.f32", [](unsigned a, unsigned) { return static_cast<unsigned>(int_from_float(rounded_to_integer(float_of(a)))); }},
      {"cvt.rzi.u32.f32", [](unsigned a, unsigned) { return unsigned_from_float(float_of(a)); }},
      {"cvt.rn.f32.s32", [](unsigned a, unsigned) { return bits_of(static_cast<float>(static_cast<int>(a))); }},
  };
  int applied = 0;
  for (const tables::NumericVector& vector : tables::kNumericVectors) {
    // C++ has no shifts by 32 and more
    if (std::strncmp(vector.instruction, "sh", 2) == 0) continue;
    const auto instruction = instructions.find(vector.instruction);
    if (!check(instruction != instructions.end(), std::string("no function for ") + vector.instruction)) continue;
    check_equal(vector.result, instruction->second(vector.a, vector.b), vector.instruction + std::string(" of ") + std::to_string(vector.a));
    applied++;
  }
  std::printf("%d numeric vectors\n", applied);
}

// Every 16-bit value survives the way to fp32 and back; the middle between two neighbours goes to the even one.
void conversions() {
  for (unsigned bits = 0; bits < 0x10000; bits++) {
    const auto half = static_cast<unsigned short>(bits);
    const bool half_nan = (bits & 0x7fff) > 0x7c00, bfloat16_nan = (bits & 0x7fff) > 0x7f80;
    const unsigned expected_half = half_nan ? 0x7fff : bits, expected_bfloat16 = bfloat16_nan ? 0x7fff : bits;
    if (half_from_float(float_from_half(half)) != expected_half) check(false, "fp16 " + std::to_string(bits));
    if (bfloat16_from_float(float_from_bfloat16(half)) != expected_bfloat16) check(false, "bf16 " + std::to_string(bits));
    if ((bits & 0x7fff) >= 0x7bff) continue;
    const double middle = (static_cast<double>(float_from_half(half)) + float_from_half(static_cast<unsigned short>(bits + 1))) / 2;
    if (half_from_float(static_cast<float>(middle)) != (bits % 2 == 0 ? bits : bits + 1)) check(false, "middle above fp16 " + std::to_string(bits));
  }
}

}  // namespace

int main() {
  numbers();
  conversions();
  const auto image = load(kSource);
  mma_map(*image, false);
  mma_map(*image, true);
  loads(*image);
  shuffles(*image);
  votes(*image);
  return summary();
}
