// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = fc::Half;
using W = fc::Half;
using Bias = float;
using Residual = float;
using Y = float;
constexpr int kActivation = 0;
constexpr int kRows = 1;
constexpr int kOutputs = 2;
constexpr int kUnroll = 4;
constexpr int kSplit = 1;
constexpr int kVector = 8;
constexpr int kThreads = 128;
constexpr int kSharedBytes = 32;
