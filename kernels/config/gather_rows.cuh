// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
constexpr int kUnitBytes = 16;
constexpr int kThreads = 128;
constexpr int kRowThreads = 128;
constexpr int kRows = 2;
