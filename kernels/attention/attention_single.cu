// The same operation as attention.cu in fp32 throughout, on CUDA cores: what the 16-bit variants and whole models are
// verified with. Arguments, layouts, export, tails and not-finite values as described there; rows need no alignment.
// A block owns kRows query rows of one head. Its 128 threads form 8 rows of 16: thread (y, x) owns query rows
// kThreadRows·y …, of a tile of keys the keys x, x + 16 …, of the output the columns x, x + 16 …
// Export: the threads that make an exported row's scores write them, and the block corrects them at its end.
// Oracle: AttentionOracle.
#include "config/attention_single.cuh"
#include "fc/attention.cuh"

namespace {

constexpr int kThreads = 128;
constexpr int kThreadRows = 4;
constexpr int kLanes = 16;  // threads that share their query rows
constexpr int kRows = kThreads / kLanes * kThreadRows;
constexpr int kThreadKeys = 2;
constexpr int kKeys = kThreadKeys * kLanes;
constexpr int kThreadColumns = fc::ceil_div(kHeadSize, kLanes);
constexpr int kPitch = kHeadSize | 1;  // odd: neighbouring rows fall into different banks

struct alignas(16) Storage {
  float query[kRows][kPitch];
  float tile[kKeys][kPitch];  // keys, then the values of the same keys
  float probabilities[kRows][kKeys + 1];
  float log_sums[kRows];
};
static_assert(sizeof(Storage) <= kSharedBytes, "");

using AttentionArgs = fc::AttentionArgs<float>;
using Task = fc::AttentionTask<float>;

struct ThreadRows {
  float output[kThreadRows][kThreadColumns];
  float maximum[kThreadRows];
  float sum[kThreadRows];  // of the probabilities of this thread's keys
};

__device__ __forceinline__ int first_thread_row() { return static_cast<int>(threadIdx.x) / kLanes * kThreadRows; }
__device__ __forceinline__ int thread_lane() { return static_cast<int>(threadIdx.x) % kLanes; }

/// Copies rows, zero from `rows` on.
template <int kCount>
__device__ __forceinline__ void load_rows(float (&tile)[kCount][kPitch], const float* source, long long stride, int rows) {
  for (int i = threadIdx.x; i < kCount * kHeadSize; i += kThreads) {
    const int row = i / kHeadSize, column = i % kHeadSize;
    tile[row][column] = row < rows ? source[row * stride + column] : 0.0f;
  }
}

/// score = query·key·scale, −infinity where the row does not see the key.
__device__ __forceinline__ void multiply_query_keys(float (&scores)[kThreadRows][kThreadKeys], const Storage& shared, const Task& task, int key) {
  const int row = first_thread_row(), lane = thread_lane();
#pragma unroll
  for (int i = 0; i < kThreadRows; i++)
#pragma unroll
    for (int j = 0; j < kThreadKeys; j++) scores[i][j] = 0.0f;
  for (int d = 0; d < kHeadSize; d++) {
#pragma unroll
    for (int j = 0; j < kThreadKeys; j++) {
      const float k = shared.tile[lane + j * kLanes][d];
#pragma unroll
      for (int i = 0; i < kThreadRows; i++) scores[i][j] += shared.query[row + i][d] * k;
    }
  }
#pragma unroll
  for (int i = 0; i < kThreadRows; i++) {
    const int visible = task.visible(task.row + row + i) - key - lane;
#pragma unroll
    for (int j = 0; j < kThreadKeys; j++) scores[i][j] = j * kLanes < visible ? scores[i][j] * task.args.scale : -fc::infinity();
  }
}

/// Scores to probabilities relative to the largest score so far, kept for the next product; earlier sums and outputs shrink.
__device__ __forceinline__ void online_softmax(ThreadRows& rows, const float (&scores)[kThreadRows][kThreadKeys], Storage& shared) {
#pragma unroll
  for (int i = 0; i < kThreadRows; i++) {
    float top = rows.maximum[i];
#pragma unroll
    for (int j = 0; j < kThreadKeys; j++) top = fmaxf(top, scores[i][j]);
    top = fc::warp_max<kLanes>(top);
    // A row that has seen nothing yet: any finite base gives e^−infinity = 0 and not −infinity + infinity.
    const float base = top == -fc::infinity() ? 0.0f : top;
    const float shrink = expf(rows.maximum[i] - base);
    rows.maximum[i] = top;
    rows.sum[i] *= shrink;
#pragma unroll
    for (int j = 0; j < kThreadKeys; j++) {
      const float p = expf(scores[i][j] - base);
      rows.sum[i] += p;
      shared.probabilities[first_thread_row() + i][thread_lane() + j * kLanes] = p;
    }
#pragma unroll
    for (int c = 0; c < kThreadColumns; c++) rows.output[i][c] *= shrink;
  }
}

__device__ __forceinline__ void multiply_probabilities_values(ThreadRows& rows, const Storage& shared, int keys) {
  for (int key = 0; key < keys; key++) {
    float p[kThreadRows];
#pragma unroll
    for (int i = 0; i < kThreadRows; i++) p[i] = shared.probabilities[first_thread_row() + i][key];
#pragma unroll
    for (int c = 0; c < kThreadColumns; c++) {
      const int column = thread_lane() + c * kLanes;
      const float v = column < kHeadSize ? shared.tile[key][column] : 0.0f;
#pragma unroll
      for (int i = 0; i < kThreadRows; i++) rows.output[i][c] += p[i] * v;
    }
  }
}

__device__ __forceinline__ void export_scores(const Task& task, const float (&scores)[kThreadRows][kThreadKeys], unsigned slots, int key) {
  for (; slots != 0; slots &= slots - 1) {
    const int slot = __ffs(slots) - 1, row = task.exported_row(slot) - task.row - first_thread_row();
    float* values = task.exported_values(slot) + key + thread_lane();
#pragma unroll
    for (int i = 0; i < kThreadRows; i++)
#pragma unroll
      for (int j = 0; j < kThreadKeys; j++)
        if (i == row && key + thread_lane() + j * kLanes < task.keys) values[j * kLanes] = scores[i][j];
  }
}

/// The exported rows' scores to logarithms of probabilities, when the sums are complete.
__device__ __forceinline__ void finish_export(const Task& task, const ThreadRows& rows, unsigned slots, Storage& shared) {
  if (thread_lane() == 0) {
#pragma unroll
    for (int i = 0; i < kThreadRows; i++) shared.log_sums[first_thread_row() + i] = rows.maximum[i] + logf(rows.sum[i]);
  }
  __syncthreads();  // also the scores that other threads wrote
  for (; slots != 0; slots &= slots - 1) {
    const int slot = __ffs(slots) - 1, row = task.exported_row(slot), visible = task.visible(row);
    const float log_sum = shared.log_sums[row - task.row];
    float* values = task.exported_values(slot);
    for (int key = threadIdx.x; key < task.keys; key += kThreads) values[key] = key < visible ? values[key] - log_sum : -fc::infinity();
  }
}

__device__ __forceinline__ void store_output(const Task& task, const ThreadRows& rows) {
#pragma unroll
  for (int i = 0; i < kThreadRows; i++) {
    const int row = task.row + first_thread_row() + i;
    if (row >= task.queries) return;
    // A row that sees no key has the sum 0 and the output 0; a NaN stays one.
    const float sum = rows.sum[i], inverse = sum > 0.0f ? 1.0f / sum : sum;
    float* output = task.args.output + (task.first_query + row) * task.args.output_stride + task.head * kHeadSize;
#pragma unroll
    for (int c = 0; c < kThreadColumns; c++)
      if (thread_lane() + c * kLanes < kHeadSize) output[thread_lane() + c * kLanes] = rows.output[i][c] * inverse;
  }
}

}  // namespace

// One block is enough: without saying so the compiler spills for an occupancy of its own choice.
extern "C" __global__ void __launch_bounds__(kThreads, 1) fc_attention_single(const __grid_constant__ AttentionArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const Task task(args, kRows);
  if (task.row >= task.queries) return;
  const int visible = task.visible(min(task.row + kRows, task.queries) - 1), column = task.kv_head * kHeadSize;
  const unsigned slots = task.exported_slots(task.row, kRows);
  load_rows(shared.query, args.query + (task.first_query + task.row) * args.query_stride + task.head * kHeadSize, args.query_stride, task.queries - task.row);
  ThreadRows rows;
#pragma unroll
  for (int i = 0; i < kThreadRows; i++) {
    rows.maximum[i] = -fc::infinity(), rows.sum[i] = 0.0f;
#pragma unroll
    for (int c = 0; c < kThreadColumns; c++) rows.output[i][c] = 0.0f;
  }

  for (int key = 0; key < visible; key += kKeys) {
    const long long first = task.first_key + key;
    load_rows(shared.tile, args.key + first * args.key_stride + column, args.key_stride, task.keys - key);
    __syncthreads();
    float scores[kThreadRows][kThreadKeys];
    multiply_query_keys(scores, shared, task, key);
    if (slots != 0) export_scores(task, scores, slots, key);
    online_softmax(rows, scores, shared);
    __syncthreads();
    load_rows(shared.tile, args.value + first * args.value_stride + column, args.value_stride, task.keys - key);
    __syncthreads();
    multiply_probabilities_values(rows, shared, min(kKeys, visible - key));
    __syncthreads();
  }

#pragma unroll
  for (int i = 0; i < kThreadRows; i++) rows.sum[i] = fc::warp_sum<kLanes>(rows.sum[i]);
  if (slots != 0) finish_export(task, rows, slots, shared);
  store_output(task, rows);
}
