// What a compiled kernel image and the simulator's executor know of each other. Included by both sides, so: C++17, no other header,
// plain data only. Images are compiled and cached with the text of this file as part of the key: it may change freely.
#pragma once

namespace flowcut_sim {

using size_type = decltype(sizeof(0));

struct Index3 {
  unsigned x, y, z;
};

// Operations in which several threads take part. A thread that calls one waits until all the others have called it.
enum class Operation : unsigned {
  sync_warp,
  shuffle_index, shuffle_up, shuffle_down, shuffle_xor,
  ballot, any, all, match_any,
  reduce_add, reduce_min_signed, reduce_min_unsigned, reduce_max_signed, reduce_max_unsigned, reduce_and, reduce_or, reduce_xor,
  load_matrix, mma_half, mma_bfloat16,
  sync_threads, sync_threads_count, sync_threads_and, sync_threads_or,
  barrier_sync, barrier_arrive,
};

// One thread's part in an operation. It lives on that thread's stack until the operation is complete; `input` and `output` too.
struct Request {
  Operation operation;
  unsigned mask = 0;               // warp operations: membermask
  unsigned parameter = 0;          // shuffle: the lane or distance; load_matrix: number of matrices; barriers: id
  unsigned width = 0;              // shuffle: segment width; load_matrix: 1 = transposed; barriers: number of threads
  unsigned bytes = 0;              // size of the value
  const void* input = nullptr;
  void* output = nullptr;
  const char* file = nullptr;      // where the kernel calls it
  int line = 0;
};

struct MmaOperands {
  const unsigned* a;  // 4 registers
  const unsigned* b;  // 2 registers
  float* d;           // 4 values, read and written
};

// The functions of the executor that device code calls.
struct Api {
  unsigned version;
  void (*warp_operation)(const Request* request);
  void (*block_operation)(const Request* request);
  void (*copy_async)(void* shared, const void* global, bool valid, const char* file, int line);
  void (*copy_async_commit)();
  void (*copy_async_wait)(int pending);
  void (*yield)();  // other threads of the block may run: for loops that wait for a value
  void (*misaligned)(const void* address, unsigned alignment, const char* type, const char* file, int line);
  void (*index_out_of_bounds)(long long index, const char* array_type, const char* file, int line);
  void (*overflow)(const char* operation, long long left, long long right, const char* type, const char* file, int line);
};
constexpr unsigned kApiVersion = 1;

// A thread's registers, as far as the simulator has to know them. It lies at the upper end of the fiber's stack, see current_thread().
struct Thread {
  Index3 thread_index, block_index, block_dim, grid_dim;
  unsigned linear, lane, warp;
  unsigned shared_bytes;
  unsigned char* shared;
  const Request* request;  // what it waits for
  void* fiber;             // the executor's own
  void* block;
};

#if defined(FLOWCUT_SIM_ASAN)
constexpr size_type kStackBytes = 256 * 1024;
#else
constexpr size_type kStackBytes = 64 * 1024;
#endif
constexpr size_type kStackColours = 32;
constexpr size_type kStackColourBytes = 128;
static_assert(sizeof(Thread) <= kStackColourBytes, "a colour is as large as a Thread, so that neighbours share no cache line");

// Stacks are aligned to their size, so a stack pointer leads to its Thread without thread-local storage, and the compiler may keep the result:
// it is constant as long as the fiber lives. Stacks of equal alignment would all compete for the same cache sets; hence the colours.
inline Thread* thread_of_stack(size_type address) {
  const size_type base = address & ~(kStackBytes - 1);
  const size_type colour = (base / kStackBytes) % kStackColours;
  return reinterpret_cast<Thread*>(base + kStackBytes - (colour + 1) * kStackColourBytes);
}

inline Thread* current_thread() {
#if defined(__x86_64__)
  size_type stack_pointer;
  asm("movq %%rsp, %0" : "=r"(stack_pointer));
  return thread_of_stack(stack_pointer);
#else
  return thread_of_stack(reinterpret_cast<size_type>(__builtin_frame_address(0)));
#endif
}

// What an image exports, under the name flowcut_sim_image.
struct ImageKernel {
  const char* name;
  void (*run)(const void* args);
  size_type args_bytes;
  int max_threads;
};
struct ImageTable {
  unsigned version;
  unsigned kernel_count;
  const ImageKernel* kernels;
  const Api** api;  // set by the loader
};

}  // namespace flowcut_sim
