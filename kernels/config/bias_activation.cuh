// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = fc::Half;
using Bias = float;
using Residual = fc::Half;
using Y = fc::Half;
constexpr int kActivation = 1;
constexpr int kVector = 4;
constexpr int kThreads = 128;
constexpr int kRowThreads = 128;
constexpr int kRows = 4;
