// Default for editors; at run time the launcher's plan takes the place of this file.
#pragma once
#include "fc/types.cuh"

using Elem = float;
constexpr int kHeadSize = 64;
constexpr int kSharedBytes = 20992;
