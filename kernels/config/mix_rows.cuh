// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = fc::Half;
using Y = float;
constexpr int kVector = 4;
constexpr int kThreads = 128;
constexpr int kRowThreads = 128;
constexpr int kRows = 1;
