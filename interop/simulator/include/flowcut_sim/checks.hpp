// The handlers that the compiler calls where -fsanitize=alignment,bounds,signed-integer-overflow,integer-divide-by-zero finds something wrong. They take the place of the
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

struct Overflow {
  SanitizerLocation location;
  const SanitizerType* type;
};

// The handlers get integers in place of a pointer; `info` is twice the logarithm of their number of bits, plus 1 if they are signed.
inline long long integer_value(const SanitizerType* type, const void* value) {
  const long long bits = reinterpret_cast<long long>(value);
  if ((type->info >> 1) != 5) return bits;
  return (type->info & 1) != 0 ? static_cast<int>(bits) : static_cast<long long>(static_cast<unsigned>(bits));
}

inline void report_overflow(const char* operation, const Overflow* where, const void* left, const void* right) {
  api->overflow(operation, integer_value(where->type, left), integer_value(where->type, right), where->type->name, where->location.file,
                static_cast<int>(where->location.line));
}

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

__attribute__((used, noinline, cold)) inline void __ubsan_handle_add_overflow(const flowcut_sim::Overflow* where, const void* left, const void* right) {
  flowcut_sim::report_overflow("+", where, left, right);
}

__attribute__((used, noinline, cold)) inline void __ubsan_handle_sub_overflow(const flowcut_sim::Overflow* where, const void* left, const void* right) {
  flowcut_sim::report_overflow("-", where, left, right);
}

__attribute__((used, noinline, cold)) inline void __ubsan_handle_mul_overflow(const flowcut_sim::Overflow* where, const void* left, const void* right) {
  flowcut_sim::report_overflow("*", where, left, right);
}

__attribute__((used, noinline, cold)) inline void __ubsan_handle_divrem_overflow(const flowcut_sim::Overflow* where, const void* left, const void* right) {
  flowcut_sim::report_overflow("/", where, left, right);
}

__attribute__((used, noinline, cold)) inline void __ubsan_handle_negate_overflow(const flowcut_sim::Overflow* where, const void* value) {
  flowcut_sim::report_overflow("-", where, nullptr, value);
}

}  // extern "C"
