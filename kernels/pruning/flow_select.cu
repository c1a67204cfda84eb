// One pruning event for every sequence (spec/flowcut.md, section 3), N = patches alive, T = target: how many survive, which,
// and what the next layer needs to know. Counts stay on the device:
//   r = round_half_even((N − T)/√rpl·(1 − h²)) in double, survivors max(N − r, T); shared_count: r is the largest of all
//   sequences. With `keep` (per sequence) or, where that is null and entropy_ratios too, keep_all: that many.
// The survivors have the largest S, ties to the lowest index, NaN below every number, and stay in ascending order; with
// has_class each sequence's first row is kept besides. Writes kept key rows, the new offsets, the compacted S.
// One block per sequence. Every block works out all counts from all h (a few flops), so blocks need not wait for each
// other; S is read once and held as radix keys in shared memory. Latency at N = 577: one load, two or three radix rounds
// of two barriers, one scan: about 2 µs; with value_statistics and flow_score three launches, < 10 µs in all, and more
// launches fused would serialise the reading of V. Block 0 tells the host the counts by mapped memory, so that it learns
// them while the layer goes on. N ≤ kThreads·kItems. A NaN h drops nothing. Overlap: none. Oracle: FlowSelectOracle.
#include "fc/ptx.cuh"
#include "fc/select.cuh"
#include "config/flow_select.cuh"

struct FlowSelectArgs {
  const float* __restrict__ cumulative;      // [key rows] S
  const int* __restrict__ offsets;           // [sequences + 1]
  const float* __restrict__ entropy_ratios;  // [sequences] h, or null: counts are given
  const int* __restrict__ keep;              // [sequences] patches to keep, or null
  int* __restrict__ rows;                    // [kept rows] key rows, ascending
  int* __restrict__ new_offsets;             // [sequences + 1]
  float* __restrict__ new_cumulative;        // [kept rows], or null
  unsigned* mapped;                          // host memory, [sequences + 1]: patches kept, then `number`; or null
  double root_remaining;                     // √rpl
  int sequences;
  int target;
  int keep_all;
  int has_class;
  int shared_count;
  unsigned number;
};

struct alignas(16) Storage {
  fc::SelectScratch<kThreads, kItems> select;
  fc::BlockScratch<int, kThreads> scratch;
  int start;  // rows kept by earlier sequences
};
static_assert(sizeof(Storage) <= kSharedBytes, "the plan's shared memory is too small");

__device__ __forceinline__ int patches_of(const FlowSelectArgs& args, int sequence) {
  return args.offsets[sequence + 1] - args.offsets[sequence] - args.has_class;
}

// r of one sequence: 0 where no more than the target is alive.
__device__ __forceinline__ int dropped(const FlowSelectArgs& args, int sequence) {
  const int alive = patches_of(args, sequence);
  if (alive <= args.target) return 0;
  const double h = static_cast<double>(args.entropy_ratios[sequence]);
  const double r = rint((alive - args.target) / args.root_remaining * (1.0 - h * h));
  return !(r > 0.0) ? 0 : r < alive ? static_cast<int>(r) : alive;  // NaN: 0
}

// Patches that a sequence keeps; `largest` is the shared r, or −1.
__device__ __forceinline__ int kept_patches(const FlowSelectArgs& args, int sequence, int largest) {
  const int alive = max(patches_of(args, sequence), 0);
  if (args.entropy_ratios == nullptr) return min(alive, max(args.keep != nullptr ? args.keep[sequence] : args.keep_all, 0));
  if (alive <= args.target) return alive;
  return max(alive - (largest >= 0 ? largest : dropped(args, sequence)), args.target);
}

// CLS, where there is one, and the patches.
__device__ __forceinline__ int kept_rows(const FlowSelectArgs& args, int sequence, int largest) {
  return kept_patches(args, sequence, largest) + (patches_of(args, sequence) >= 0 ? args.has_class : 0);
}

__device__ __forceinline__ int largest_drop(const FlowSelectArgs& args, Storage& shared) {
  int largest = 0;
  for (int sequence = static_cast<int>(threadIdx.x); sequence < args.sequences; sequence += kThreads) largest = max(largest, dropped(args, sequence));
  return fc::block_max(largest, shared.scratch);
}

// Rows kept by the sequences before `sequence`; block 0 also writes all offsets and tells the host.
__device__ __forceinline__ int rows_before(const FlowSelectArgs& args, int sequence, int largest, Storage& shared) {
  const bool writes = blockIdx.x == 0;
  int before = 0;
  for (int first = 0; first < (writes ? args.sequences : sequence + 1); first += kThreads) {
    const int other = first + static_cast<int>(threadIdx.x);
    const int rows = other < args.sequences ? kept_rows(args, other, largest) : 0;
    int total;
    const int start = before + fc::block_exclusive_sum(rows, shared.scratch, total);
    if (other == sequence) shared.start = start;
    if (writes && other < args.sequences) {
      args.new_offsets[other + 1] = start + rows;
      if (args.mapped != nullptr) args.mapped[other] = static_cast<unsigned>(kept_patches(args, other, largest));
    }
    before += total;
  }
  __threadfence_system();  // the counts reach the host before the number that announces them
  __syncthreads();
  if (writes && threadIdx.x == 0) {
    args.new_offsets[0] = 0;
    if (args.mapped != nullptr) fc::store_system_release(args.mapped + args.sequences, args.number);
  }
  return shared.start;
}

extern "C" __global__ void __launch_bounds__(kThreads) fc_flow_select(const __grid_constant__ FlowSelectArgs args) {
  auto& shared = fc::dynamic_shared<Storage>();
  const int sequence = static_cast<int>(blockIdx.x);
  const int first_row = args.offsets[sequence], patches = patches_of(args, sequence);
  const int first_patch = first_row + args.has_class;
  fc::for_own_elements<kThreads, kItems>(patches, [&](int j) { shared.select.keys[j] = fc::order_key(args.cumulative[first_patch + j]); });
  const int largest = args.entropy_ratios != nullptr && args.shared_count != 0 ? largest_drop(args, shared) : -1;
  const int kept = kept_patches(args, sequence, largest);
  int destination = rows_before(args, sequence, largest, shared);
  if (patches >= 0 && args.has_class != 0) {
    if (threadIdx.x == 0) {
      args.rows[destination] = first_row;
      if (args.new_cumulative != nullptr) args.new_cumulative[destination] = args.cumulative[first_row];
    }
    destination++;
  }
  if (kept <= 0) return;

  const fc::Threshold threshold = fc::find_threshold(patches, kept, shared.select);
  fc::emit_kept(patches, threshold, shared.select, [&](int j, int rank) {
    args.rows[destination + rank] = first_patch + j;
    if (args.new_cumulative != nullptr) args.new_cumulative[destination + rank] = fc::key_score(shared.select.keys[j]);
  });
}
