// Default for editors; at run time the launcher's plan takes the place of this file.
#pragma once
#include "fc/types.cuh"

using Elem = fc::Half;
constexpr int kSharedBytes = 2048;
