// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = float;
using Y = fc::Half;
constexpr int kPatch = 14;
constexpr int kThreads = 128;
constexpr int kRowThreads = 128;
