// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using Elem = fc::Half;
constexpr int kTile = 32;
constexpr int kPack = 8;
constexpr bool kVector = true;
constexpr int kSharedBytes = 35328;
