// The arithmetic of one warp's mma m16n8k16 with fp32 accumulators.
#pragma once

#include "flowcut_sim/device_api.hpp"

namespace flowcut::sim {

// d += a*b for the fragments of 32 lanes. bfloat16: the 16-bit type of a and b, else fp16.
void mma_m16n8k16(const flowcut_sim::MmaOperands* const (&lanes)[32], bool bfloat16);

}  // namespace flowcut::sim
