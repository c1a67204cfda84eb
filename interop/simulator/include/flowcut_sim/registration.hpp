// How an image describes its kernels: the text that the compiler driver appends to a source uses these templates.
#pragma once

namespace flowcut_sim {

// The size of a kernel's one argument, and its body as a function of that argument's address.
template <class Function>
struct KernelTraits {
  static_assert(sizeof(Function) == 0, "a kernel returns void and has exactly one parameter, a struct by value");
};
template <class Args>
struct KernelTraits<void (*)(Args)> {
  static_assert(__is_trivially_copyable(Args), "a kernel's argument is copied byte by byte");
  static constexpr size_type kArgsBytes = sizeof(Args);
  using Argument = Args;
};

template <auto kKernel>
void run_kernel(const void* args) {
  kKernel(*static_cast<const typename KernelTraits<decltype(kKernel)>::Argument*>(args));
}

template <auto kKernel>
constexpr ImageKernel image_kernel(const char* name, int max_threads) {
  return {name, run_kernel<kKernel>, KernelTraits<decltype(kKernel)>::kArgsBytes, max_threads};
}

// __launch_bounds__(threads, ...): the first number; 1024 if there is none
constexpr int first_bound(int threads = 1024, int = 0, int = 0) { return threads; }

}  // namespace flowcut_sim
