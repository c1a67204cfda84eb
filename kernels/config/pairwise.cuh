// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = fc::Half;
using Y = fc::Half;
constexpr int kMeasure = 1;
constexpr int kTile = 32;
constexpr int kPack = 8;
constexpr bool kVector = true;
constexpr int kSharedBytes = 35328;
