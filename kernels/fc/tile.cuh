// Tiles of 16-bit elements in shared memory, and the operands of tensor cores that are read from them. A row lies in
// 16-byte chunks, permuted by the row number so that the eight rows of an 8x8 matrix, and the eight chunks that eight
// neighbouring threads write, fall into different banks.
#pragma once
#include "fc/types.cuh"
#include "fc/warp.cuh"

namespace fc {

template <class Elem, int kTileRows, int kTileColumns>
struct alignas(128) SharedTile {
  static_assert(sizeof(Elem) == 2 && kTileRows % 8 == 0 && kTileColumns % 16 == 0, "whole operands of 16-bit elements");
  static constexpr int kRows = kTileRows;
  static constexpr int kChunks = kTileColumns / 8;
  // The row stride modulo 128 bytes decides how many chunks have to change places: 8 rows fill 8/kPermuted times the banks.
  static constexpr int kPermuted = kChunks % 8 == 0 ? 8 : kChunks % 4 == 0 ? 4 : 2;

  Pack<Elem> chunks[kTileRows * kChunks];

  __device__ __forceinline__ Pack<Elem>* chunk(int row, int index) {
    return &chunks[row * kChunks + index / kPermuted * kPermuted + (index % kPermuted ^ row / (8 / kPermuted) % kPermuted)];
  }
};

/// Fills a tile from row-major memory with all kThreads threads of the block; rows from `rows` on and columns from
/// kColumns on become zero. Whole chunks are copied asynchronously (the caller commits and waits); kVector = false is for
/// addresses that are not multiples of 16 bytes. `source` must be a valid address even if rows is 0.
template <int kThreads, int kColumns, bool kVector, class Tile, class Elem>
__device__ __forceinline__ void load_tile(Tile& tile, const Elem* __restrict__ source, long long stride, int rows) {
  // As many threads share a row as chunks change places in it, so that a thread's chunks lie at fixed distances.
  constexpr int kLanes = Tile::kPermuted, kStep = kThreads / kLanes;
  static_assert(kStep % 8 == 0, "the permutation of a thread's rows is one");
  const int first = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  Pack<Elem>* to = tile.chunk(first, lane);
  const Elem* from = source + first * stride + lane * 8;
#pragma unroll
  for (int row = 0; row < Tile::kRows; row += kStep, to += kStep * Tile::kChunks, from += kStep * stride) {
    if (Tile::kRows % kStep != 0 && first + row >= Tile::kRows) break;
#pragma unroll
    for (int index = 0; index < Tile::kChunks; index += kLanes) {
      const int columns = kColumns - (index + lane) * 8;  // of this chunk and beyond
      if constexpr (kVector) {
        const bool valid = first + row < rows && columns > 0;
        copy_async_16(to + index, valid ? from + index * 8 : source, valid);
      } else {
        for (int e = 0; e < 8; e++) to[index].at[e] = first + row < rows && e < columns ? from[index * 8 + e] : Elem{};
      }
    }
  }
}

// Operands: `row` is a multiple of 8, so that every address is one of a few that depend on the lane, plus a constant.

/// The operand a of mma_16x8x16: rows row … row + 15, columns 16·k … 16·k + 15.
template <class Tile>
__device__ __forceinline__ void load_operand_a(unsigned (&a)[4], Tile& tile, int row, int k) {
  load_matrix_x4(a, tile.chunk(lane_id() % 16, 2 * k + lane_id() / 16) + row * Tile::kChunks);
}

/// Two operands b, from a tile whose rows are columns of b: tile rows row … row + 7 and row + 8 … row + 15.
template <class Tile>
__device__ __forceinline__ void load_operands_b(unsigned (&b)[2][2], Tile& tile, int row, int k) {
  unsigned r[4];
  load_matrix_x4(r, tile.chunk(lane_id() / 16 * 8 + lane_id() % 8, 2 * k + lane_id() / 8 % 2) + row * Tile::kChunks);
  b[0][0] = r[0], b[0][1] = r[1], b[1][0] = r[2], b[1][1] = r[3];
}

/// Two operands b, from a tile whose rows are rows of b: tile rows row … row + 15, columns 16·pair … 16·pair + 15.
template <class Tile>
__device__ __forceinline__ void load_operands_b_transposed(unsigned (&b)[2][2], Tile& tile, int row, int pair) {
  unsigned r[4];
  load_matrix_x4_transposed(r, tile.chunk(lane_id() % 16, 2 * pair + lane_id() / 16) + row * Tile::kChunks);
  b[0][0] = r[0], b[0][1] = r[1], b[1][0] = r[2], b[1][1] = r[3];
}

}  // namespace fc
