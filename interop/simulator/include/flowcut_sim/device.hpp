// The prelude of every kernel: the CUDA builtins that kernels may use, in plain C++17 over the executor's functions. It includes no
// standard header, so that a kernel that needs one fails here as it fails under NVRTC.
// Functions that several threads take part in note the source line of the call: messages name it, and lanes that meet in one
// operation from different lines are reported.
#pragma once
#include "flowcut_sim/device_api.hpp"
#include "flowcut_sim/numeric.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) alignas(bytes)
#define __launch_bounds__(...)

#define threadIdx (::flowcut_sim::current_thread()->thread_index)
#define blockIdx (::flowcut_sim::current_thread()->block_index)
#define blockDim (::flowcut_sim::current_thread()->block_dim)
#define gridDim (::flowcut_sim::current_thread()->grid_dim)
constexpr int warpSize = 32;

using size_t = decltype(sizeof(0));

namespace flowcut_sim {

// Set when the image is loaded.
static const Api* api;

// The compiler places this as a default argument, where it stands for the caller's position.
struct Place {
  const char* file;
  int line;
};
#define FLOWCUT_SIM_PLACE ::flowcut_sim::Place place = {__builtin_FILE(), __builtin_LINE()}

template <class T>
__forceinline__ T shuffle(Operation operation, unsigned mask, T value, unsigned parameter, int width, Place place) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 32 or 64 bits");
  T result;
  const Request request{operation, mask, parameter, static_cast<unsigned>(width), sizeof(T), &value, &result, place.file, place.line};
  api->warp_operation(&request);
  return result;
}

template <class T>
__forceinline__ T warp_result(Operation operation, unsigned mask, unsigned value, Place place) {
  T result;
  const Request request{operation, mask, 0, 0, 4, &value, &result, place.file, place.line};
  api->warp_operation(&request);
  return result;
}

__forceinline__ int block_result(Operation operation, int value, Place place) {
  int result = 0;
  const Request request{operation, 0, 0, 0, 4, &value, &result, place.file, place.line};
  api->block_operation(&request);
  return result;
}

template <class T, class Change>
__forceinline__ T atomic_update(T* address, Change change) {
  T old = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(address, &old, change(old), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
  }
  return old;
}

}  // namespace flowcut_sim

// Vector types: aligned to their size as on the device, so that a misaligned access is one here too.
#define FLOWCUT_SIM_VECTORS(base, type)                                                                                      \
  struct alignas(2 * sizeof(type)) base##2 { type x, y; };                                                                   \
  struct base##3 { type x, y, z; };                                                                                          \
  struct alignas(4 * sizeof(type) <= 16 ? 4 * sizeof(type) : 16) base##4 { type x, y, z, w; };                               \
  __forceinline__ base##2 make_##base##2(type x, type y) { return {x, y}; }                                                  \
  __forceinline__ base##3 make_##base##3(type x, type y, type z) { return {x, y, z}; }                                       \
  __forceinline__ base##4 make_##base##4(type x, type y, type z, type w) { return {x, y, z, w}; }
FLOWCUT_SIM_VECTORS(float, float)
FLOWCUT_SIM_VECTORS(double, double)
FLOWCUT_SIM_VECTORS(int, int)
FLOWCUT_SIM_VECTORS(uint, unsigned)
FLOWCUT_SIM_VECTORS(short, short)
FLOWCUT_SIM_VECTORS(ushort, unsigned short)
FLOWCUT_SIM_VECTORS(char, signed char)
FLOWCUT_SIM_VECTORS(uchar, unsigned char)
#undef FLOWCUT_SIM_VECTORS

// Barriers and fences -------------------------------------------------------------------------------------------------

__forceinline__ void __syncthreads(FLOWCUT_SIM_PLACE) {
  flowcut_sim::block_result(flowcut_sim::Operation::sync_threads, 0, place);
}
__forceinline__ int __syncthreads_count(int predicate, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::block_result(flowcut_sim::Operation::sync_threads_count, predicate, place);
}
__forceinline__ int __syncthreads_and(int predicate, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::block_result(flowcut_sim::Operation::sync_threads_and, predicate, place);
}
__forceinline__ int __syncthreads_or(int predicate, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::block_result(flowcut_sim::Operation::sync_threads_or, predicate, place);
}
__forceinline__ void __syncwarp(unsigned mask = 0xffffffffu, FLOWCUT_SIM_PLACE) {
  const flowcut_sim::Request request{flowcut_sim::Operation::sync_warp, mask, 0, 0, 0, nullptr, nullptr, place.file, place.line};
  flowcut_sim::api->warp_operation(&request);
}
__forceinline__ void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
__forceinline__ void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
__forceinline__ void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// Shuffles, votes, reductions of a warp -------------------------------------------------------------------------------

template <class T>
__forceinline__ T __shfl_sync(unsigned mask, T value, int lane, int width = 32, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::shuffle(flowcut_sim::Operation::shuffle_index, mask, value, static_cast<unsigned>(lane), width, place);
}
template <class T>
__forceinline__ T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::shuffle(flowcut_sim::Operation::shuffle_up, mask, value, distance, width, place);
}
template <class T>
__forceinline__ T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::shuffle(flowcut_sim::Operation::shuffle_down, mask, value, distance, width, place);
}
template <class T>
__forceinline__ T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::shuffle(flowcut_sim::Operation::shuffle_xor, mask, value, static_cast<unsigned>(lane_mask), width, place);
}

__forceinline__ unsigned __ballot_sync(unsigned mask, int predicate, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::warp_result<unsigned>(flowcut_sim::Operation::ballot, mask, predicate != 0, place);
}
__forceinline__ int __any_sync(unsigned mask, int predicate, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::warp_result<int>(flowcut_sim::Operation::any, mask, predicate != 0, place);
}
__forceinline__ int __all_sync(unsigned mask, int predicate, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::warp_result<int>(flowcut_sim::Operation::all, mask, predicate != 0, place);
}
__forceinline__ unsigned __match_any_sync(unsigned mask, unsigned value, FLOWCUT_SIM_PLACE) {
  return flowcut_sim::warp_result<unsigned>(flowcut_sim::Operation::match_any, mask, value, place);
}

#define FLOWCUT_SIM_REDUCE(name, type, operation)                                                                            \
  __forceinline__ type __reduce_##name##_sync(unsigned mask, type value, FLOWCUT_SIM_PLACE) {                                \
    return flowcut_sim::warp_result<type>(flowcut_sim::Operation::operation, mask, static_cast<unsigned>(value), place);     \
  }
FLOWCUT_SIM_REDUCE(add, int, reduce_add)
FLOWCUT_SIM_REDUCE(add, unsigned, reduce_add)
FLOWCUT_SIM_REDUCE(min, int, reduce_min_signed)
FLOWCUT_SIM_REDUCE(min, unsigned, reduce_min_unsigned)
FLOWCUT_SIM_REDUCE(max, int, reduce_max_signed)
FLOWCUT_SIM_REDUCE(max, unsigned, reduce_max_unsigned)
FLOWCUT_SIM_REDUCE(and, unsigned, reduce_and)
FLOWCUT_SIM_REDUCE(or, unsigned, reduce_or)
FLOWCUT_SIM_REDUCE(xor, unsigned, reduce_xor)
#undef FLOWCUT_SIM_REDUCE

// Atomics -------------------------------------------------------------------------------------------------------------

#define FLOWCUT_SIM_ATOMICS(type)                                                                                            \
  __forceinline__ type atomicAdd(type* address, type value) { return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST); } \
  __forceinline__ type atomicOr(type* address, type value) { return __atomic_fetch_or(address, value, __ATOMIC_SEQ_CST); }   \
  __forceinline__ type atomicAnd(type* address, type value) { return __atomic_fetch_and(address, value, __ATOMIC_SEQ_CST); } \
  __forceinline__ type atomicExch(type* address, type value) { return __atomic_exchange_n(address, value, __ATOMIC_SEQ_CST); } \
  __forceinline__ type atomicCAS(type* address, type expected, type value) {                                                 \
    __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                       \
    return expected;                                                                                                         \
  }                                                                                                                          \
  __forceinline__ type atomicMax(type* address, type value) {                                                                \
    return flowcut_sim::atomic_update(address, [value](type old) { return old > value ? old : value; });                     \
  }                                                                                                                          \
  __forceinline__ type atomicMin(type* address, type value) {                                                                \
    return flowcut_sim::atomic_update(address, [value](type old) { return old < value ? old : value; });                     \
  }
FLOWCUT_SIM_ATOMICS(int)
FLOWCUT_SIM_ATOMICS(unsigned)
FLOWCUT_SIM_ATOMICS(unsigned long long)
#undef FLOWCUT_SIM_ATOMICS

__forceinline__ float atomicAdd(float* address, float value) {
  const unsigned old = flowcut_sim::atomic_update(reinterpret_cast<unsigned*>(address), [value](unsigned bits) {
    return flowcut_sim::bits_of(flowcut_sim::float_of(bits) + value);
  });
  return flowcut_sim::float_of(old);
}

// Bits ----------------------------------------------------------------------------------------------------------------

__forceinline__ int __popc(unsigned x) { return __builtin_popcount(x); }
__forceinline__ int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
__forceinline__ int __ffs(int x) { return __builtin_ffs(x); }
__forceinline__ int __ffsll(long long x) { return __builtin_ffsll(x); }
__forceinline__ int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
__forceinline__ int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
__forceinline__ unsigned __float_as_uint(float x) { return flowcut_sim::bits_of(x); }
__forceinline__ int __float_as_int(float x) { return static_cast<int>(flowcut_sim::bits_of(x)); }
__forceinline__ float __uint_as_float(unsigned x) { return flowcut_sim::float_of(x); }
__forceinline__ float __int_as_float(int x) { return flowcut_sim::float_of(static_cast<unsigned>(x)); }
__forceinline__ long long __double_as_longlong(double x) {
  long long bits;
  __builtin_memcpy(&bits, &x, 8);
  return bits;
}
__forceinline__ double __longlong_as_double(long long bits) {
  double x;
  __builtin_memcpy(&x, &bits, 8);
  return x;
}

// Arithmetic ----------------------------------------------------------------------------------------------------------

__forceinline__ float __fadd_rn(float a, float b) { return a + b; }
__forceinline__ float __fsub_rn(float a, float b) { return a - b; }
__forceinline__ float __fmul_rn(float a, float b) { return a * b; }
__forceinline__ float __fdiv_rn(float a, float b) { return a / b; }
__forceinline__ float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
__forceinline__ float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
__forceinline__ double __dadd_rn(double a, double b) { return a + b; }
__forceinline__ double __dmul_rn(double a, double b) { return a * b; }

__forceinline__ float fminf(float a, float b) { return flowcut_sim::min_number(a, b); }
__forceinline__ float fmaxf(float a, float b) { return flowcut_sim::max_number(a, b); }
__forceinline__ float fabsf(float x) { return __builtin_fabsf(x); }
__forceinline__ float floorf(float x) { return __builtin_floorf(x); }
__forceinline__ float ceilf(float x) { return __builtin_ceilf(x); }
__forceinline__ float truncf(float x) { return __builtin_truncf(x); }
__forceinline__ float rintf(float x) { return __builtin_rintf(x); }
__forceinline__ float sqrtf(float x) { return __builtin_sqrtf(x); }
__forceinline__ float rsqrtf(float x) { return flowcut_sim::reciprocal_square_root_rounded(x); }
__forceinline__ float expf(float x) { return __builtin_expf(x); }
__forceinline__ float exp2f(float x) { return __builtin_exp2f(x); }
__forceinline__ float logf(float x) { return __builtin_logf(x); }
__forceinline__ float log2f(float x) { return __builtin_log2f(x); }
__forceinline__ float tanhf(float x) { return __builtin_tanhf(x); }
__forceinline__ float erff(float x) { return __builtin_erff(x); }
__forceinline__ float sinf(float x) { return __builtin_sinf(x); }
__forceinline__ float cosf(float x) { return __builtin_cosf(x); }
__forceinline__ float powf(float x, float y) { return __builtin_powf(x, y); }
__forceinline__ float fmaf(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
__forceinline__ float copysignf(float x, float y) { return __builtin_copysignf(x, y); }

#define FLOWCUT_SIM_UNARY(name)                                              \
  __forceinline__ double name(double x) { return __builtin_##name(x); }      \
  __forceinline__ float name(float x) { return __builtin_##name##f(x); }
FLOWCUT_SIM_UNARY(exp)
FLOWCUT_SIM_UNARY(log)
FLOWCUT_SIM_UNARY(sqrt)
FLOWCUT_SIM_UNARY(rint)
FLOWCUT_SIM_UNARY(fabs)
FLOWCUT_SIM_UNARY(floor)
FLOWCUT_SIM_UNARY(ceil)
FLOWCUT_SIM_UNARY(sin)
FLOWCUT_SIM_UNARY(cos)
#undef FLOWCUT_SIM_UNARY
__forceinline__ double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
__forceinline__ double pow(double x, double y) { return __builtin_pow(x, y); }
__forceinline__ double fmin(double a, double b) { return __builtin_fmin(a, b); }
__forceinline__ double fmax(double a, double b) { return __builtin_fmax(a, b); }
__forceinline__ int abs(int x) { return x < 0 ? -x : x; }

#define FLOWCUT_SIM_MIN_MAX(a_type, b_type, type)                                                       \
  __forceinline__ type min(a_type a, b_type b) {                                                        \
    return static_cast<type>(a) < static_cast<type>(b) ? static_cast<type>(a) : static_cast<type>(b);   \
  }                                                                                                     \
  __forceinline__ type max(a_type a, b_type b) {                                                        \
    return static_cast<type>(a) > static_cast<type>(b) ? static_cast<type>(a) : static_cast<type>(b);   \
  }
FLOWCUT_SIM_MIN_MAX(int, int, int)
FLOWCUT_SIM_MIN_MAX(unsigned, unsigned, unsigned)
FLOWCUT_SIM_MIN_MAX(int, unsigned, unsigned)
FLOWCUT_SIM_MIN_MAX(unsigned, int, unsigned)
FLOWCUT_SIM_MIN_MAX(long, long, long)
FLOWCUT_SIM_MIN_MAX(unsigned long, unsigned long, unsigned long)
FLOWCUT_SIM_MIN_MAX(long long, long long, long long)
FLOWCUT_SIM_MIN_MAX(unsigned long long, unsigned long long, unsigned long long)
#undef FLOWCUT_SIM_MIN_MAX
__forceinline__ float min(float a, float b) { return fminf(a, b); }
__forceinline__ float max(float a, float b) { return fmaxf(a, b); }
__forceinline__ double min(double a, double b) { return fmin(a, b); }
__forceinline__ double max(double a, double b) { return fmax(a, b); }

#include "flowcut_sim/checks.hpp"
#include "flowcut_sim/registration.hpp"
