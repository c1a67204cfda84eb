// The words of violation reports.
#include "device/block_runner.hpp"

#include <cstdio>
#include <map>

namespace flowcut::sim {

const char* name_of(Operation operation) {
  switch (operation) {
    case Operation::sync_warp: return "__syncwarp";
    case Operation::shuffle_index: return "__shfl_sync";
    case Operation::shuffle_up: return "__shfl_up_sync";
    case Operation::shuffle_down: return "__shfl_down_sync";
    case Operation::shuffle_xor: return "__shfl_xor_sync";
    case Operation::ballot: return "__ballot_sync";
    case Operation::any: return "__any_sync";
    case Operation::all: return "__all_sync";
    case Operation::match_any: return "__match_any_sync";
    case Operation::reduce_add: return "__reduce_add_sync";
    case Operation::reduce_min_signed:
    case Operation::reduce_min_unsigned: return "__reduce_min_sync";
    case Operation::reduce_max_signed:
    case Operation::reduce_max_unsigned: return "__reduce_max_sync";
    case Operation::reduce_and: return "__reduce_and_sync";
    case Operation::reduce_or: return "__reduce_or_sync";
    case Operation::reduce_xor: return "__reduce_xor_sync";
    case Operation::load_matrix: return "load_matrix";
    case Operation::mma_half:
    case Operation::mma_bfloat16: return "mma_16x8x16";
    case Operation::sync_threads: return "__syncthreads";
    case Operation::sync_threads_count: return "__syncthreads_count";
    case Operation::sync_threads_and: return "__syncthreads_and";
    case Operation::sync_threads_or: return "__syncthreads_or";
    case Operation::barrier_sync: return "barrier_sync";
    case Operation::barrier_arrive: return "barrier_arrive";
  }
  return "?";
}

std::string describe(const Request& request) {
  std::string text = name_of(request.operation);
  char buffer[64] = "";
  if (request.operation >= Operation::barrier_sync)
    std::snprintf(buffer, sizeof buffer, "(barrier %u, %u threads)", request.parameter, request.width);
  else if (request.operation < Operation::load_matrix)
    std::snprintf(buffer, sizeof buffer, "(mask 0x%08x)", request.mask);
  return text + buffer;
}

std::string place(const char* file, int line) {
  if (file == nullptr) return {};
  const std::string name = file;
  return " (" + (name.starts_with("./") ? name.substr(2) : name) + ":" + std::to_string(line) + ")";
}

std::string address_text(const void* address) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "0x%llx", static_cast<unsigned long long>(reinterpret_cast<std::size_t>(address)));
  return buffer;
}

namespace {

std::string triple(Dim3 index) {
  return "(" + std::to_string(index.x) + "," + std::to_string(index.y) + "," + std::to_string(index.z) + ")";
}

}  // namespace

Dim3 BlockRunner::index_of(unsigned linear) const {
  const Dim3& size = launch_->config().block;
  return {linear % size.x, linear / size.x % size.y, linear / (size.x * size.y)};
}

std::string BlockRunner::block_name() const { return "kernel " + launch_->kernel().name + ", block " + triple(block_); }

std::string BlockRunner::name_of(const Thread& thread) const {
  const flowcut_sim::Index3& index = thread.thread_index;
  return block_name() + ", thread " + triple({index.x, index.y, index.z});
}

// "threads 0-31, 40 in __syncthreads (x.cu:12)", one part for each place.
std::string BlockRunner::waiting_threads() const {
  struct Group {
    unsigned count = 0, first = 0, last = 0;
    std::string list;
    void close() { list += (list.empty() ? "" : ", ") + std::to_string(first) + (last > first ? "-" + std::to_string(last) : ""); }
  };
  std::map<std::string, Group> groups;
  for (unsigned i = 0; i < threads_; i++) {
    const Warp& warp = warps_[i / kWarpSize];
    const unsigned lane = i % kWarpSize;
    if (((warp.waiting | warp.in_barrier) >> lane & 1) == 0) continue;
    const Request& request = *warp.requests[lane];
    Group& group = groups[describe(request) + place(request.file, request.line)];
    if (group.count != 0 && i != group.last + 1) group.close();
    if (group.count == 0 || i != group.last + 1) group.first = i;
    group.last = i;
    group.count++;
  }
  std::string text;
  for (auto& [where, group] : groups) {
    group.close();
    text += (text.empty() ? "" : "; ") + std::string(group.count == 1 ? "thread " : "threads ") + group.list + " in " + where;
  }
  return text;
}

void BlockRunner::deadlock() {
  const unsigned returned = threads_ - alive_;
  std::string text = block_name() + ": deadlock, nobody can go on: " + waiting_threads();
  if (returned != 0) text += "; " + std::to_string(returned) + " of " + std::to_string(threads_) + " threads have returned";
  launch_->fail(std::move(text));
  leave_block();
}

}  // namespace flowcut::sim
