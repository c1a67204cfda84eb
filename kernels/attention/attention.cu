// output = softmax(query·keyᵀ·scale)·value for each sequence and head, without an N×N matrix (tensor cores, 16-bit
// elements, sums in fp32), and in the same pass log softmax(query[row]·keyᵀ·scale) of chosen query rows.
// query, output [query rows, heads·kHeadSize], key, value [key rows, kv heads·kHeadSize], rows at any stride; heads lie
// side by side, query head h reads kv head h·kv heads/heads. Sequence s is query rows query_offsets[s] … [s + 1] − 1 and
// key rows key_offsets[s] … [s + 1] − 1; causal: query i of n sees keys 0 … m − n + i of m, else all m.
// A block owns kRows query rows of one head, a warp 16·kRowTiles of them; keys stream through kStages shared tiles. Tiles
// past a sequence's rows are zero or exit at once, so the grid may be an upper bound and the offsets may live on the device.
// Export: export_rows[s, slot] counts from the sequence's start, or negative from its end; out of range: nothing is written.
// log_probabilities [slots, heads, key rows]: the warp that owns the row writes the scaled scores as they are made, and
// at its end subtracts the row's log-sum-exp and puts −infinity where the row does not see. Other warps only test a mask.
// A row that sees no key is 0. A NaN or +infinity among a row's scores makes the row NaN. Not-finite values reach every
// row of a tile that covers their key. scale > 0. Oracle: AttentionOracle.
#include "config/attention.cuh"
#include "fc/attention.cuh"
#include "fc/tile.cuh"

namespace {

constexpr int kThreads = kWarps * fc::kWarpSize;
constexpr int kWarpRows = 16 * kRowTiles;
constexpr int kRows = kWarps * kWarpRows;
constexpr int kPaddedSize = fc::ceil_div(kHeadSize, 16) * 16;
constexpr int kKeyGroups = kKeys / 8;          // accumulators along the keys
constexpr int kColumnGroups = kPaddedSize / 8;  // accumulators along the head size
constexpr float kLog2e = 1.44269504088896341f;
static_assert(kStages >= 2 && kKeys % 16 == 0 && (kHeadSize % 8 == 0 || !kVector), "");

using QueryTile = fc::SharedTile<Elem, kRows, kPaddedSize>;
using KeyTile = fc::SharedTile<Elem, kKeys, kPaddedSize>;

struct alignas(128) Storage {
  QueryTile query;  // later the output
  KeyTile keys[kStages];
  KeyTile values[kStages];
};
static_assert(sizeof(Storage) <= kSharedBytes, "");

using AttentionArgs = fc::AttentionArgs<Elem>;
using Task = fc::AttentionTask<Elem>;

/// The 16·kRowTiles rows of a warp. With g = lane/4, t = lane%4 a lane holds of row tile m the rows g + 8·half, and of
/// each group of 8 columns the columns 2t + i%2, in [m][group][i], i = 2·half + i%2 (the accumulators of mma_16x8x16).
struct WarpRows {
  float output[kRowTiles][kColumnGroups][4];
  float maximum[kRowTiles][2];  // of the scores so far, unscaled
  float sum[kRowTiles][2];      // of the probabilities in this lane's columns
};

using Scores = float[kRowTiles][kKeyGroups][4];
using QueryOperands = unsigned[kPaddedSize / 16][kRowTiles][4];

__device__ __forceinline__ void load_query(const Task& task, QueryTile& tile) {
  const long long stride = task.args.query_stride;
  const Elem* source = task.args.query + (task.first_query + task.row) * stride + task.head * kHeadSize;
  fc::load_tile<kThreads, kHeadSize, kVector>(tile, source, stride, task.queries - task.row);
}

/// Starts filling a stage with tile `index` of the keys and values; the group of copies may be empty.
__device__ __forceinline__ void load_stage(const Task& task, Storage& shared, int index, int tiles) {
  if (index < tiles) {
    const AttentionArgs& args = task.args;
    const int key = index * kKeys, column = task.kv_head * kHeadSize;
    const long long row = task.first_key + key;
    fc::load_tile<kThreads, kHeadSize, kVector>(shared.keys[index % kStages], args.key + row * args.key_stride + column, args.key_stride, task.keys - key);
    fc::load_tile<kThreads, kHeadSize, kVector>(shared.values[index % kStages], args.value + row * args.value_stride + column, args.value_stride, task.keys - key);
  }
  fc::copy_async_commit();
}

__device__ __forceinline__ void load_query_operands(unsigned (&a)[kRowTiles][4], QueryTile& tile, int k) {
#pragma unroll
  for (int m = 0; m < kRowTiles; m++) fc::load_operand_a(a[m], tile, fc::warp_id() * kWarpRows + m * 16, k);
}

/// scores = query·keyᵀ of the warp's rows and one tile of keys.
__device__ __forceinline__ void multiply_query_keys(Scores& scores, QueryOperands& held, QueryTile& query, KeyTile& keys) {
#pragma unroll
  for (int m = 0; m < kRowTiles; m++)
#pragma unroll
    for (int n = 0; n < kKeyGroups; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) scores[m][n][i] = 0.0f;
#pragma unroll
  for (int k = 0; k < kPaddedSize / 16; k++) {
    auto& a = held[kHoldQuery ? k : 0];
    if constexpr (!kHoldQuery) load_query_operands(a, query, k);
#pragma unroll
    for (int n = 0; n < kKeyGroups; n += 2) {
      unsigned b[2][2];
      fc::load_operands_b(b, keys, n * 8, k);
#pragma unroll
      for (int m = 0; m < kRowTiles; m++) {
        fc::mma_16x8x16<Elem>(scores[m][n], a[m], b[0]);
        fc::mma_16x8x16<Elem>(scores[m][n + 1], a[m], b[1]);
      }
    }
  }
}

/// output += probabilities·values: an accumulator of two groups of keys is, rounded, an operand of the next product.
__device__ __forceinline__ void multiply_probabilities_values(WarpRows& rows, const Scores& p, KeyTile& values) {
#pragma unroll
  for (int k = 0; k < kKeys / 16; k++) {
    unsigned a[kRowTiles][4];
#pragma unroll
    for (int m = 0; m < kRowTiles; m++)
#pragma unroll
      for (int i = 0; i < 4; i++) a[m][i] = fc::pack2<Elem>(p[m][2 * k + i / 2][i % 2 * 2], p[m][2 * k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
    for (int n = 0; n < kColumnGroups; n += 2) {
      unsigned b[2][2];
      fc::load_operands_b_transposed(b, values, k * 16, n / 2);
#pragma unroll
      for (int m = 0; m < kRowTiles; m++) {
        fc::mma_16x8x16<Elem>(rows.output[m][n], a[m], b[0]);
        fc::mma_16x8x16<Elem>(rows.output[m][n + 1], a[m], b[1]);
      }
    }
  }
}

/// Scores of keys that a row does not see become −infinity. `row` is the warp's first, `key` the tile's.
__device__ __forceinline__ void mask_scores(Scores& scores, const Task& task, int row, int key) {
#pragma unroll
  for (int m = 0; m < kRowTiles; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int visible = task.visible(row + m * 16 + half * 8 + fc::lane_id() / 4) - key - fc::lane_id() % 4 * 2;
#pragma unroll
      for (int n = 0; n < kKeyGroups; n++)
#pragma unroll
        for (int i = 0; i < 2; i++)
          if (n * 8 + i >= visible) scores[m][n][2 * half + i] = -fc::infinity();
    }
}

/// Scores to probabilities relative to the largest score so far; earlier sums and outputs shrink to the new one.
__device__ __forceinline__ void online_softmax(WarpRows& rows, Scores& scores, float scale_log2) {
#pragma unroll
  for (int m = 0; m < kRowTiles; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      float top = rows.maximum[m][half];
#pragma unroll
      for (int n = 0; n < kKeyGroups; n++) top = fmaxf(top, fmaxf(scores[m][n][2 * half], scores[m][n][2 * half + 1]));
      top = fc::warp_max<4>(top);
      // A row that has seen nothing yet: any finite base gives 2^−infinity = 0 and not −infinity + infinity.
      const float base = top == -fc::infinity() ? 0.0f : top * scale_log2;
      const float shrink = fc::exp2_approx(rows.maximum[m][half] * scale_log2 - base);
      float sum = rows.sum[m][half] * shrink;
#pragma unroll
      for (int n = 0; n < kKeyGroups; n++)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; i++) sum += scores[m][n][i] = fc::exp2_approx(fmaf(scores[m][n][i], scale_log2, -base));
      rows.maximum[m][half] = top;
      rows.sum[m][half] = sum;
#pragma unroll
      for (int n = 0; n < kColumnGroups; n++)
#pragma unroll
        for (int i = 2 * half; i < 2 * half + 2; i++) rows.output[m][n][i] *= shrink;
    }
}

/// Writes the scaled scores of the exported rows; out of line of the others' way.
__device__ __forceinline__ void export_scores(const Task& task, const Scores& scores, unsigned slots, int warp_row, int key) {
  for (; slots != 0; slots &= slots - 1) {
    const int slot = __ffs(slots) - 1, row = task.exported_row(slot) - warp_row;
    float* values = task.exported_values(slot) + key + fc::lane_id() % 4 * 2;
    const int keys = task.keys - key - fc::lane_id() % 4 * 2;
#pragma unroll
    for (int m = 0; m < kRowTiles; m++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        if (m * 16 + half * 8 + fc::lane_id() / 4 != row) continue;
#pragma unroll
        for (int n = 0; n < kKeyGroups; n++)
#pragma unroll
          for (int i = 0; i < 2; i++)
            if (n * 8 + i < keys) values[n * 8 + i] = scores[m][n][2 * half + i] * task.args.scale;
      }
  }
}

/// The exported rows' scores to logarithms of probabilities, when the sums are complete.
__device__ __forceinline__ void finish_export(const Task& task, const WarpRows& rows, unsigned slots, int warp_row) {
  __syncwarp(fc::kAllLanes);  // the scores that other lanes wrote
#pragma unroll
  for (int i = 0; i < 2 * kRowTiles; i++) {
    const float log_sums = rows.maximum[i / 2][i % 2] * task.args.scale + logf(rows.sum[i / 2][i % 2]);
    for (unsigned rest = slots; rest != 0; rest &= rest - 1) {
      const int slot = __ffs(rest) - 1, row = task.exported_row(slot), visible = task.visible(row);
      if ((row - warp_row) / 8 != i) continue;
      const float log_sum = __shfl_sync(fc::kAllLanes, log_sums, (row - warp_row) % 8 * 4);
      float* values = task.exported_values(slot);
      for (int key = fc::lane_id(); key < task.keys; key += fc::kWarpSize) values[key] = key < visible ? values[key] - log_sum : -fc::infinity();
    }
  }
}

/// Divides by the sums and writes the warp's rows by way of its part of the query tile, whole chunks at a time.
__device__ __forceinline__ void store_output(const Task& task, const WarpRows& rows, QueryTile& tile, int warp_row) {
  const int tile_row = fc::warp_id() * kWarpRows, lane = fc::lane_id();
#pragma unroll
  for (int m = 0; m < kRowTiles; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      // A row that sees no key has the sum 0 and the output 0; a NaN stays one.
      const float sum = rows.sum[m][half], inverse = sum > 0.0f ? 1.0f / sum : sum;
#pragma unroll
      for (int n = 0; n < kColumnGroups; n++) {
        auto* chunk = tile.chunk(tile_row + m * 16 + half * 8 + lane / 4, n);
        reinterpret_cast<unsigned*>(chunk)[lane % 4] = fc::pack2<Elem>(rows.output[m][n][2 * half] * inverse, rows.output[m][n][2 * half + 1] * inverse);
      }
    }
  __syncwarp(fc::kAllLanes);
  const long long stride = task.args.output_stride;
  Elem* output = task.args.output + (task.first_query + warp_row) * stride + task.head * kHeadSize;
  for (int i = lane; i < kWarpRows * QueryTile::kChunks; i += fc::kWarpSize) {
    const int row = i / QueryTile::kChunks, index = i % QueryTile::kChunks;
    if (warp_row + row >= task.queries || index * 8 >= kHeadSize) continue;
    const fc::Pack<Elem> pack = *tile.chunk(tile_row + row, index);
    Elem* to = output + row * stride + index * 8;
    if constexpr (kVector) {
      *reinterpret_cast<fc::Pack<Elem>*>(to) = pack;
    } else {
      for (int e = 0; e < min(8, kHeadSize - index * 8); e++) to[e] = pack.at[e];
    }
  }
}

__device__ __forceinline__ void clear(WarpRows& rows) {
#pragma unroll
  for (int m = 0; m < kRowTiles; m++) {
#pragma unroll
    for (int half = 0; half < 2; half++) rows.maximum[m][half] = -fc::infinity(), rows.sum[m][half] = 0.0f;
#pragma unroll
    for (int n = 0; n < kColumnGroups; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) rows.output[m][n][i] = 0.0f;
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads, kBlocksPerSm) fc_attention(const __grid_constant__ AttentionArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const Task task(args, kRows);
  if (task.row >= task.queries) return;
  const int tiles = fc::ceil_div(task.visible(min(task.row + kRows, task.queries) - 1), kKeys);
  load_query(task, shared.query);
  for (int stage = 0; stage < kStages - 1; stage++) load_stage(task, shared, stage, tiles);

  const int warp_row = task.row + fc::warp_id() * kWarpRows;
  const int first_visible = task.visible(warp_row);
  const int last_visible = warp_row < task.queries ? task.visible(warp_row + kWarpRows - 1) : 0;
  const unsigned slots = task.exported_slots(warp_row, kWarpRows);
  WarpRows rows;
  clear(rows);
  QueryOperands query;
  fc::copy_async_wait<kStages - 2>();
  __syncthreads();
  if constexpr (kHoldQuery) {
#pragma unroll
    for (int k = 0; k < kPaddedSize / 16; k++) load_query_operands(query[k], shared.query, k);
  }

  for (int tile = 0; tile < tiles; tile++) {
    fc::copy_async_wait<kStages - 2>();
    __syncthreads();  // everybody's copies are here, and nobody reads the stage any more that is filled next
    load_stage(task, shared, tile + kStages - 1, tiles);
    const int key = tile * kKeys;
    if (key >= last_visible) continue;
    Scores scores;
    multiply_query_keys(scores, query, shared.query, shared.keys[tile % kStages]);
    if (key + kKeys > first_visible) mask_scores(scores, task, warp_row, key);
    if (slots != 0) export_scores(task, scores, slots, warp_row, key);
    online_softmax(rows, scores, args.scale * kLog2e);
    multiply_probabilities_values(rows, scores, shared.values[tile % kStages]);
  }

#pragma unroll
  for (int m = 0; m < kRowTiles; m++)
#pragma unroll
    for (int half = 0; half < 2; half++) rows.sum[m][half] = fc::warp_sum<4>(rows.sum[m][half]);
  if (slots != 0) finish_export(task, rows, slots, warp_row);
  store_output(task, rows, shared.query, warp_row);
}
