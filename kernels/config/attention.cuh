// Default for editors; at run time the launcher's plan takes the place of this file.
#pragma once
#include "fc/types.cuh"

using Elem = fc::Half;
constexpr int kHeadSize = 64;
constexpr int kWarps = 4;          // per block
constexpr int kRowTiles = 1;       // 16 query rows each, per warp
constexpr int kKeys = 64;          // per tile
constexpr int kStages = 2;         // tiles of keys and values in shared memory
constexpr bool kHoldQuery = true;  // query operands stay in registers
constexpr bool kVector = true;     // rows are aligned to 16 bytes
constexpr int kBlocksPerSm = 4;    // that must fit, by registers
constexpr int kSharedBytes = 40960;
