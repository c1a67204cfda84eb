// The simulator's version of kernels/fc/ptx.cuh: the same functions, each with the semantics of the PTX instruction it stands for.
// The operations that need other threads or the executor's knowledge of memory are calls into it.
#pragma once

namespace fc {

struct Half;
struct BFloat16;

/// Poisoned before each block starts, with guard bands on both sides.
template <class T>
__device__ __forceinline__ T& dynamic_shared() {
  return *reinterpret_cast<T*>(::flowcut_sim::current_thread()->shared);
}

// Conversions ---------------------------------------------------------------------------------------------------------

__device__ __forceinline__ unsigned short half_bits(float value) { return ::flowcut_sim::half_from_float(value); }
__device__ __forceinline__ float half_value(unsigned short bits) { return ::flowcut_sim::float_from_half(bits); }
__device__ __forceinline__ unsigned short bfloat16_bits(float value) { return ::flowcut_sim::bfloat16_from_float(value); }
/// A shift, as in the kernels' version: a NaN keeps its payload.
__device__ __forceinline__ float bfloat16_value(unsigned short bits) {
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}
__device__ __forceinline__ unsigned pack_half2(float low, float high) {
  return half_bits(low) | static_cast<unsigned>(half_bits(high)) << 16;
}
__device__ __forceinline__ unsigned pack_bfloat16x2(float low, float high) {
  return bfloat16_bits(low) | static_cast<unsigned>(bfloat16_bits(high)) << 16;
}

// Asynchronous copies -------------------------------------------------------------------------------------------------

/// Poisons the destination at once and copies at the wait: neither a missing wait nor a destination that others still read goes unseen.
__device__ __forceinline__ void copy_async_16(void* shared, const void* global, bool valid, FLOWCUT_SIM_PLACE) {
  ::flowcut_sim::api->copy_async(shared, global, valid, place.file, place.line);
}
__device__ __forceinline__ void copy_async_commit() { ::flowcut_sim::api->copy_async_commit(); }
template <int kPending>
__device__ __forceinline__ void copy_async_wait() {
  static_assert(kPending >= 0, "a number of groups");
  ::flowcut_sim::api->copy_async_wait(kPending);
}

// Tensor cores --------------------------------------------------------------------------------------------------------

template <int kMatrices>
__device__ __forceinline__ void load_matrix(unsigned (&r)[kMatrices], const void* row, bool transposed, ::flowcut_sim::Place place) {
  const ::flowcut_sim::Request request{::flowcut_sim::Operation::load_matrix, 0xffffffffu, kMatrices, transposed, 0, row, r, place.file, place.line};
  ::flowcut_sim::api->warp_operation(&request);
}
__device__ __forceinline__ void load_matrix_x4(unsigned (&r)[4], const void* row, FLOWCUT_SIM_PLACE) { load_matrix(r, row, false, place); }
__device__ __forceinline__ void load_matrix_x4_transposed(unsigned (&r)[4], const void* row, FLOWCUT_SIM_PLACE) { load_matrix(r, row, true, place); }
__device__ __forceinline__ void load_matrix_x2(unsigned (&r)[2], const void* row, FLOWCUT_SIM_PLACE) { load_matrix(r, row, false, place); }
__device__ __forceinline__ void load_matrix_x2_transposed(unsigned (&r)[2], const void* row, FLOWCUT_SIM_PLACE) { load_matrix(r, row, true, place); }

template <class Elem>
constexpr ::flowcut_sim::Operation kMmaOperation = Elem::kHasNoTensorCores;
template <>
constexpr ::flowcut_sim::Operation kMmaOperation<Half> = ::flowcut_sim::Operation::mma_half;
template <>
constexpr ::flowcut_sim::Operation kMmaOperation<BFloat16> = ::flowcut_sim::Operation::mma_bfloat16;

/// The sum over k is taken in ascending order, each addition rounded to fp32; the hardware's order is unspecified.
template <class Elem>
__device__ __forceinline__ void mma_16x8x16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], FLOWCUT_SIM_PLACE) {
  const ::flowcut_sim::MmaOperands operands{a, b, d};
  const ::flowcut_sim::Request request{kMmaOperation<Elem>, 0xffffffffu, 0, 0, 0, &operands, d, place.file, place.line};
  ::flowcut_sim::api->warp_operation(&request);
}

// Approximations ------------------------------------------------------------------------------------------------------

__device__ __forceinline__ float exp2_approx(float x) { return ::flowcut_sim::flushed(::flowcut_sim::exp2_rounded(::flowcut_sim::flushed(x))); }
__device__ __forceinline__ float log2_approx(float x) { return ::flowcut_sim::log2_rounded(x); }
__device__ __forceinline__ float reciprocal_approx(float x) { return ::flowcut_sim::reciprocal_rounded(x); }
__device__ __forceinline__ float rsqrt_approx(float x) { return ::flowcut_sim::reciprocal_square_root_rounded(x); }

// Synchronisation -----------------------------------------------------------------------------------------------------

__device__ __forceinline__ void named_barrier(::flowcut_sim::Operation operation, int id, int threads, ::flowcut_sim::Place place) {
  const ::flowcut_sim::Request request{operation, 0, static_cast<unsigned>(id), static_cast<unsigned>(threads), 0, nullptr, nullptr, place.file, place.line};
  ::flowcut_sim::api->block_operation(&request);
}
__device__ __forceinline__ void barrier_sync(int id, int threads, FLOWCUT_SIM_PLACE) {
  named_barrier(::flowcut_sim::Operation::barrier_sync, id, threads, place);
}
__device__ __forceinline__ void barrier_arrive(int id, int threads, FLOWCUT_SIM_PLACE) {
  named_barrier(::flowcut_sim::Operation::barrier_arrive, id, threads, place);
}

__device__ __forceinline__ void store_system_release(unsigned* mapped, unsigned value) { __atomic_store_n(mapped, value, __ATOMIC_SEQ_CST); }
/// Lets the block's other threads run first: a loop around it makes progress.
__device__ __forceinline__ unsigned load_acquire(const unsigned* address) {
  ::flowcut_sim::api->yield();
  return __atomic_load_n(address, __ATOMIC_SEQ_CST);
}
__device__ __forceinline__ void store_release(unsigned* address, unsigned value) { __atomic_store_n(address, value, __ATOMIC_SEQ_CST); }

// Loads of data that is read once -------------------------------------------------------------------------------------

__device__ __forceinline__ uint4 load_streaming(const uint4* address) { return *address; }
__device__ __forceinline__ uint2 load_streaming(const uint2* address) { return *address; }
__device__ __forceinline__ unsigned load_streaming(const unsigned* address) { return *address; }
__device__ __forceinline__ float load_streaming(const float* address) { return *address; }

}  // namespace fc
