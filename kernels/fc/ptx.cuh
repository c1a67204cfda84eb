// Everything that is not plain C++ or a compiler builtin: one function for each PTX instruction that the kernels use.
// Addresses into shared memory are passed as ordinary pointers. A build without PTX replaces this one file.
#pragma once

namespace fc {

struct Half;
struct BFloat16;

/// The 32-bit address in the shared window, as PTX operands want it.
__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

/// The block's dynamic shared memory, aligned to 128 bytes. Its size is given at the launch.
template <class T>
__device__ __forceinline__ T& dynamic_shared() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_bytes[];
  return *reinterpret_cast<T*>(dynamic_shared_bytes);
}

// Conversions ---------------------------------------------------------------------------------------------------------

/// fp32 to fp16 bits, nearest even: beyond 65504 infinity, NaN becomes 0x7fff.
__device__ __forceinline__ unsigned short half_bits(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

/// fp16 bits to fp32, exact.
__device__ __forceinline__ float half_value(unsigned short bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

/// fp32 to bf16 bits, nearest even: NaN becomes 0x7fff.
__device__ __forceinline__ unsigned short bfloat16_bits(float value) {
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

/// bf16 bits to fp32, exact (a shift, so that a NaN keeps its payload).
__device__ __forceinline__ float bfloat16_value(unsigned short bits) {
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}

/// Two fp32 values to fp16 in one register, nearest even.
__device__ __forceinline__ unsigned pack_half2(float low, float high) {
  unsigned packed;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/// Two fp32 values to bf16 in one register, nearest even.
__device__ __forceinline__ unsigned pack_bfloat16x2(float low, float high) {
  unsigned packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

// Asynchronous copies -------------------------------------------------------------------------------------------------

/// Starts copying 16 bytes from global to shared memory, both 16-byte aligned; zeros instead if not `valid`, and then
/// nothing is read (the address must still be one of the same allocation).
__device__ __forceinline__ void copy_async_16(void* shared, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :: "r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}

/// Closes this thread's group of copies; an empty group counts.
__device__ __forceinline__ void copy_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most the newest `kPending` groups of this thread are under way. Other threads see the data after a
/// barrier that follows.
template <int kPending>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" :: "n"(kPending) : "memory");
}

// Tensor cores --------------------------------------------------------------------------------------------------------

/// Four 8x8 matrices of 16-bit elements: lane l names row l%8 (16 bytes) of matrix l/8, and gets of matrix j in r[j] the
/// row l/4, columns 2(l%4) and 2(l%4)+1.
__device__ __forceinline__ void load_matrix_x4(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

/// As load_matrix_x4, each matrix transposed: the lane gets rows 2(l%4) and 2(l%4)+1 of column l/4.
__device__ __forceinline__ void load_matrix_x4_transposed(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

/// Two 8x8 matrices; the addresses of lanes 16 to 31 are ignored, but must be valid.
__device__ __forceinline__ void load_matrix_x2(unsigned (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(row)) : "memory");
}

/// Two 8x8 matrices, each transposed.
__device__ __forceinline__ void load_matrix_x2_transposed(unsigned (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1]) : "r"(shared_address(row)) : "memory");
}

/// d += a·b of one warp, a [16, 16], b [16, 8], d [16, 8] in fp32. With g = lane/4, t = lane%4: a[i] holds row g + 8(i%2),
/// columns 2t + 8(i/2) and the next; b[i] rows 2t + 8i and the next of column g; d[i] row g + 8(i/2), column 2t + i%2.
template <class Elem>
__device__ __forceinline__ void mma_16x8x16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]);

template <>
__device__ __forceinline__ void mma_16x8x16<Half>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

template <>
__device__ __forceinline__ void mma_16x8x16<BFloat16>(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Approximations ------------------------------------------------------------------------------------------------------

/// 2^x within 2 ulp, subnormals flushed to zero; 2^-infinity is 0, 2^0 is 1, 2^NaN is NaN.
__device__ __forceinline__ float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// Binary logarithm within 2^-22, relative outside (0.5, 2); of 0 -infinity, of negative numbers NaN.
__device__ __forceinline__ float log2_approx(float x) {
  float y;
  asm("lg2.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// 1/x within 1 ulp.
__device__ __forceinline__ float reciprocal_approx(float x) {
  float y;
  asm("rcp.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/// 1/√x within a relative 2^-22.9.
__device__ __forceinline__ float rsqrt_approx(float x) {
  float y;
  asm("rsqrt.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Synchronisation -----------------------------------------------------------------------------------------------------

/// Named barrier 1 to 15 (0 is __syncthreads): waits until `threads` threads, whole warps, have arrived or wait.
__device__ __forceinline__ void barrier_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" :: "r"(id), "r"(threads) : "memory");
}

/// Arrives at a named barrier without waiting.
__device__ __forceinline__ void barrier_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" :: "r"(id), "r"(threads) : "memory");
}

/// Writes to mapped host memory; the host that reads the value may read everything this thread knew to be written.
__device__ __forceinline__ void store_system_release(unsigned* mapped, unsigned value) {
  asm volatile("st.release.sys.u32 [%0], %1;" :: "l"(mapped), "r"(value) : "memory");
}

/// Reads a word of global memory; what its writer released with it is visible afterwards. Device scope.
__device__ __forceinline__ unsigned load_acquire(const unsigned* address) {
  unsigned value;
  asm volatile("ld.acquire.gpu.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  return value;
}

/// Writes a word of global memory after everything this thread wrote or knew to be written. Device scope.
__device__ __forceinline__ void store_release(unsigned* address, unsigned value) {
  asm volatile("st.release.gpu.u32 [%0], %1;" :: "l"(address), "r"(value) : "memory");
}

// Loads of data that is read once: read-only for the whole kernel, not kept in L1 --------------------------------------

__device__ __forceinline__ uint4 load_streaming(const uint4* address) {
  uint4 v;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(address));
  return v;
}

__device__ __forceinline__ uint2 load_streaming(const uint2* address) {
  uint2 v;
  asm("ld.global.nc.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(address));
  return v;
}

__device__ __forceinline__ unsigned load_streaming(const unsigned* address) {
  unsigned v;
  asm("ld.global.nc.L1::no_allocate.u32 %0, [%1];" : "=r"(v) : "l"(address));
  return v;
}

__device__ __forceinline__ float load_streaming(const float* address) {
  float v;
  asm("ld.global.nc.L1::no_allocate.f32 %0, [%1];" : "=f"(v) : "l"(address));
  return v;
}

}  // namespace fc
