// What an operation of a warp does once all lanes of its mask have called it.
#include "device/block_runner.hpp"
#include "device/mma.hpp"

#include <cstring>

namespace flowcut::sim {
namespace {

template <class Visit>
void each_lane(std::uint32_t mask, Visit visit) {
  for (; mask != 0; mask &= mask - 1) visit(lowest_bit(mask));
}

unsigned word_of(const Request& request) { return *static_cast<const unsigned*>(request.input); }

// The lane that shfl.sync reads, by the formulas of the PTX ISA; its own lane where the source is out of range.
unsigned source_lane(Operation operation, unsigned lane, unsigned parameter, unsigned width) {
  const unsigned b = parameter & 31;
  const unsigned mask = 32 - width, clamp = operation == Operation::shuffle_up ? 0 : 31;
  const unsigned low = lane & mask, high = low | (clamp & ~mask & 31);
  switch (operation) {
    case Operation::shuffle_up: return static_cast<int>(lane) - static_cast<int>(b) >= static_cast<int>(high) ? lane - b : lane;
    case Operation::shuffle_down: return lane + b <= high ? lane + b : lane;
    case Operation::shuffle_xor: return (lane ^ b) <= high ? lane ^ b : lane;
    default: return low | (b & ~mask & 31);
  }
}

WarpFault shuffle(const Warp& warp, const Request& request) {
  WarpFault fault;
  each_lane(request.mask, [&](unsigned lane) {
    const Request& mine = *warp.requests[lane];
    if (mine.width == 0 || mine.width > 32 || (mine.width & (mine.width - 1)) != 0) {
      fault = {lane, "calls " + describe(mine) + " with a width of " + std::to_string(mine.width) + ": it must be a power of two up to 32"};
      return;
    }
    const unsigned from = source_lane(mine.operation, lane, mine.parameter, mine.width);
    if ((request.mask >> from & 1) == 0) {
      fault = {lane, "reads lane " + std::to_string(from) + " with " + describe(mine) + ", whose mask does not name that lane"};
      return;
    }
    std::memcpy(mine.output, warp.requests[from]->input, mine.bytes);
  });
  return fault;
}

unsigned reduced(Operation operation, unsigned a, unsigned b) {
  const int sa = static_cast<int>(a), sb = static_cast<int>(b);
  switch (operation) {
    case Operation::reduce_add: return a + b;
    case Operation::reduce_min_signed: return sa < sb ? a : b;
    case Operation::reduce_max_signed: return sa > sb ? a : b;
    case Operation::reduce_min_unsigned: return a < b ? a : b;
    case Operation::reduce_max_unsigned: return a > b ? a : b;
    case Operation::reduce_and: return a & b;
    case Operation::reduce_or: return a | b;
    default: return a ^ b;
  }
}

// Votes and reductions: one word for all lanes.
unsigned common_word(const Warp& warp, const Request& request) {
  std::uint32_t votes = 0;
  unsigned total = 0;
  bool first = true;
  each_lane(request.mask, [&](unsigned lane) {
    const unsigned word = word_of(*warp.requests[lane]);
    votes |= static_cast<std::uint32_t>(word != 0) << lane;
    total = first ? word : reduced(request.operation, total, word);
    first = false;
  });
  switch (request.operation) {
    case Operation::ballot: return votes;
    case Operation::any: return votes != 0;
    case Operation::all: return votes == request.mask;
    default: return total;
  }
}

void match_any(const Warp& warp, const Request& request) {
  each_lane(request.mask, [&](unsigned lane) {
    std::uint32_t same = 0;
    each_lane(request.mask, [&](unsigned other) {
      same |= static_cast<std::uint32_t>(word_of(*warp.requests[other]) == word_of(*warp.requests[lane])) << other;
    });
    *static_cast<std::uint32_t*>(warp.requests[lane]->output) = same;
  });
}

WarpFault load_matrix(const Warp& warp, const Request& request, const SharedMemory& shared) {
  const unsigned matrices = request.parameter;
  const bool transposed = request.width != 0;
  constexpr unsigned kRowBytes = 16;
  unsigned short rows[32][8];
  for (unsigned lane = 0; lane < 8 * matrices; lane++) {
    const void* const row = warp.requests[lane]->input;
    const auto address = reinterpret_cast<std::size_t>(row), start = reinterpret_cast<std::size_t>(shared.data());
    if (address % kRowBytes != 0) return {lane, "load_matrix: the row at " + address_text(row) + " is not aligned to 16 bytes"};
    if (address < start || address + kRowBytes > start + shared.size())
      return {lane, "load_matrix: the row at " + address_text(row) + " is not in the block's shared memory"};
    std::memcpy(rows[lane], row, kRowBytes);
  }
  for (unsigned lane = 0; lane < kWarpSize; lane++) {
    auto* const registers = static_cast<unsigned*>(warp.requests[lane]->output);
    for (unsigned j = 0; j < matrices; j++) {
      const unsigned row = lane / 4, pair = 2 * (lane % 4);
      const unsigned low = transposed ? rows[8 * j + pair][row] : rows[8 * j + row][pair];
      const unsigned high = transposed ? rows[8 * j + pair + 1][row] : rows[8 * j + row][pair + 1];
      registers[j] = low | high << 16;
    }
  }
  return {};
}

void mma(const Warp& warp, const Request& request) {
  const flowcut_sim::MmaOperands* lanes[kWarpSize];
  for (unsigned lane = 0; lane < kWarpSize; lane++) lanes[lane] = static_cast<const flowcut_sim::MmaOperands*>(warp.requests[lane]->input);
  mma_m16n8k16(lanes, request.operation == Operation::mma_bfloat16);
}

bool same_kind(const Warp& warp, const Request& request) {
  for (unsigned lane = 0; lane < kWarpSize; lane++)
    if (warp.requests[lane]->parameter != request.parameter || warp.requests[lane]->width != request.width) return false;
  return true;
}

}  // namespace

WarpFault complete_warp_operation(const Warp& warp, const Request& request, const SharedMemory& shared) {
  switch (request.operation) {
    case Operation::sync_warp: return {};
    case Operation::shuffle_index:
    case Operation::shuffle_up:
    case Operation::shuffle_down:
    case Operation::shuffle_xor: return shuffle(warp, request);
    case Operation::match_any: match_any(warp, request); return {};
    case Operation::load_matrix:
      if (!same_kind(warp, request)) return {lowest_bit(request.mask), "calls load_matrix, and other lanes another form of it"};
      return load_matrix(warp, request, shared);
    case Operation::mma_half:
    case Operation::mma_bfloat16: mma(warp, request); return {};
    default: {
      const unsigned word = common_word(warp, request);
      each_lane(request.mask, [&](unsigned lane) { *static_cast<unsigned*>(warp.requests[lane]->output) = word; });
      return {};
    }
  }
}

}  // namespace flowcut::sim
