// What the attention kernels share: their arguments, the part of the work that a block does, and the rows that it exports.
#pragma once
#include "fc/types.cuh"
#include "fc/warp.cuh"

namespace fc {

template <class Elem>
struct AttentionArgs {
  const Elem* query;         // [query rows, heads·head size]
  const Elem* key;           // [key rows, kv heads·head size]
  const Elem* value;         // [key rows, kv heads·head size]
  Elem* output;              // [query rows, heads·head size]
  const int* query_offsets;  // [sequences + 1]
  const int* key_offsets;    // [sequences + 1]
  const int* export_rows;    // [sequences, export_slots]
  float* log_probabilities;  // [export_slots, heads, export_stride]
  long long query_stride;    // elements from row to row
  long long key_stride;
  long long value_stride;
  long long output_stride;
  long long export_stride;
  int heads;
  int key_value_heads;
  int causal;
  int export_slots;  // at most 32; 0: nothing is exported
  float scale;
  int reserved;
};

/// Some query rows of one head of one sequence: a block's share. Grid (blocks of rows, heads, sequences).
template <class Elem>
struct AttentionTask {
  const AttentionArgs<Elem>& args;
  int sequence, head, kv_head;
  int first_query, queries;  // the sequence's query rows
  int first_key, keys;       // the sequence's key rows
  int row;                   // the block's first row, within the sequence; at or beyond `queries` there is nothing to do

  __device__ __forceinline__ AttentionTask(const AttentionArgs<Elem>& a, int block_rows) : args(a) {
    sequence = blockIdx.z;
    head = blockIdx.y;
    kv_head = head / (a.heads / a.key_value_heads);
    first_query = a.query_offsets[sequence];
    queries = a.query_offsets[sequence + 1] - first_query;
    first_key = a.key_offsets[sequence];
    keys = a.key_offsets[sequence + 1] - first_key;
    // Causal rows see more the later they are: long blocks start first, short ones fill the gaps at the end.
    row = static_cast<int>(a.causal ? gridDim.x - 1 - blockIdx.x : blockIdx.x) * block_rows;
  }

  /// Keys that a row sees: always the first ones.
  __device__ __forceinline__ int visible(int r) const { return args.causal ? max(0, min(keys, keys - queries + r + 1)) : keys; }

  /// The row of the sequence that a slot exports, or one out of its range.
  __device__ __forceinline__ int exported_row(int slot) const {
    const int r = args.export_rows[sequence * args.export_slots + slot];
    return r < 0 ? r + queries : r;
  }

  /// One bit for each slot whose row is among rows first … first + count − 1.
  __device__ __forceinline__ unsigned exported_slots(int first, int count) const {
    unsigned slots = 0;
    for (int slot = 0; slot < args.export_slots; slot++) {
      const int r = exported_row(slot);
      if (r >= first && r < min(first + count, queries)) slots |= 1u << slot;
    }
    return slots;
  }

  /// Where the log-probabilities of this head and the sequence's keys go.
  __device__ __forceinline__ float* exported_values(int slot) const {
    return args.log_probabilities + (static_cast<long long>(slot) * args.heads + head) * args.export_stride + first_key;
  }
};

}  // namespace fc
