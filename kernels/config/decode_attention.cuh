// Default for editors; at run time the launcher's plan takes the place of this file.
#pragma once
#include "fc/types.cuh"

using Elem = fc::Half;
constexpr int kHeadSize = 128;
constexpr int kGroup = 4;        // query heads of a block, all of one kv head
constexpr bool kVector = true;   // cache rows are aligned to 16 bytes
constexpr int kSharedBytes = 18944;
