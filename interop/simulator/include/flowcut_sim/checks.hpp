// The handlers that the compiler calls where -fsanitize=alignment,bounds finds a wrong access. They take the place of the
// sanitizer's run-time library and report to the executor, which ends the launch with kernel, block and thread.
#pragma once

namespace flowcut_sim {

struct SanitizerLocation {
  const char* file;
  unsigned line, column;
};
struct SanitizerType {
  unsigned short kind, info;
  char name[1];  // "'uint4'"
};
struct MisalignedAccess {
  SanitizerLocation location;
  const SanitizerType* type;
  unsigned char log_alignment;
  unsigned char kind;  // 0 load, 1 store, 2 reference binding, 3 member access, ...
};
struct OutOfBounds {
  SanitizerLocation location;
  const SanitizerType* array_type;
  const SanitizerType* index_type;
};

}  // namespace flowcut_sim

extern "C" {

__attribute__((used, noinline, cold)) inline void __ubsan_handle_type_mismatch_v1(const flowcut_sim::MisalignedAccess* access,
                                                                               const void* address) {
  flowcut_sim::api->misaligned(address, 1u << access->log_alignment, access->type->name, access->location.file,
                               static_cast<int>(access->location.line));
}

__attribute__((used, noinline, cold)) inline void __ubsan_handle_out_of_bounds(const flowcut_sim::OutOfBounds* access, const void* index) {
  flowcut_sim::api->index_out_of_bounds(reinterpret_cast<long long>(index), access->array_type->name, access->location.file,
                                        static_cast<int>(access->location.line));
}

}  // extern "C"
