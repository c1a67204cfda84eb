// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = float;
using Y = float;
constexpr bool kLogarithm = false;
constexpr int kThreads = 256;
constexpr int kSharedBytes = 32;
