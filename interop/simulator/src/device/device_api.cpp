// The functions that kernel images call: each finds the runner of the calling fiber.
#include "device/block_runner.hpp"

namespace flowcut::sim {
namespace {

BlockRunner& runner_of(const Thread& thread) { return *static_cast<BlockRunner*>(thread.block); }

void warp_operation(const Request* request) {
  Thread& me = *flowcut_sim::current_thread();
  runner_of(me).warp_operation(me, *request);
}

void block_operation(const Request* request) {
  Thread& me = *flowcut_sim::current_thread();
  runner_of(me).block_operation(me, *request);
}

void copy_async(void* shared, const void* global, bool valid, const char* file, int line) {
  Thread& me = *flowcut_sim::current_thread();
  runner_of(me).copy_async(me, {shared, global, 0, valid}, file, line);
}

void copy_async_commit() {
  Thread& me = *flowcut_sim::current_thread();
  runner_of(me).copy_async_commit(me);
}

void copy_async_wait(int pending) {
  Thread& me = *flowcut_sim::current_thread();
  runner_of(me).copy_async_wait(me, pending);
}

void yield() {
  Thread& me = *flowcut_sim::current_thread();
  runner_of(me).yield(me);
}

void misaligned(const void* address, unsigned alignment, const char* type, const char* file, int line) {
  Thread& me = *flowcut_sim::current_thread();
  const bool is_null = reinterpret_cast<std::size_t>(address) < 4096;
  runner_of(me).violation(me,
                          is_null ? "accesses " + std::string(type) + " through a null pointer (address " + address_text(address) + ")"
                                  : "accesses " + std::string(type) + " at the misaligned address " + address_text(address) + ": it must be a multiple of " +
                                        std::to_string(alignment),
                          file, line);
}

void index_out_of_bounds(long long index, const char* array_type, const char* file, int line) {
  Thread& me = *flowcut_sim::current_thread();
  runner_of(me).violation(me, "uses index " + std::to_string(index) + " of an array of type " + array_type, file, line);
}

void overflow(const char* operation, long long left, long long right, const char* type, const char* file, int line) {
  Thread& me = *flowcut_sim::current_thread();
  const std::string expression = std::to_string(left) + " " + operation + " " + std::to_string(right);
  runner_of(me).violation(me, "computes " + expression + ", which has no result of type " + type, file, line);
}

}  // namespace

const flowcut_sim::Api device_api = {
    flowcut_sim::kApiVersion, warp_operation, block_operation, copy_async,         copy_async_commit,
    copy_async_wait,          yield,          misaligned,      index_out_of_bounds,
    overflow,
};

}  // namespace flowcut::sim
