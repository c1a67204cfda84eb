// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = fc::Half;
using Y = fc::Half;
constexpr int kActivation = 4;
constexpr int kVector = 8;
constexpr int kThreads = 128;
constexpr int kRowThreads = 128;
constexpr int kRows = 2;
