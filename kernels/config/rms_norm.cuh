// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = float;
using Residual = fc::Half;
using Weight = float;
using Y = fc::Half;
constexpr bool kResidual = true;
constexpr int kVector = 4;
constexpr int kItems = 4;
constexpr int kThreads = 256;
constexpr int kRowThreads = 256;
constexpr int kSharedBytes = 32;
