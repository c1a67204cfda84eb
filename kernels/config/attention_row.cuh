// Default for editors; at run time the launcher's plan takes the place of this file.
#pragma once
#include "fc/types.cuh"

using Elem = fc::Half;
constexpr int kHeadSize = 64;
constexpr bool kVector = true;  // key rows are aligned to 16 bytes
constexpr int kSharedBytes = 128;
