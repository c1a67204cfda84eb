// Default for editors; at run time the launcher's plan takes the place of this file.
#pragma once
#include "fc/types.cuh"

using Elem = fc::Half;
constexpr int kHeadSize = 128;
constexpr bool kVector = true;  // rows and half heads are multiples of 16 bytes
constexpr int kSharedBytes = 512;
