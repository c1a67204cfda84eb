// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
constexpr int kThreads = 1024;
constexpr int kItems = 1;
constexpr int kSharedBytes = 3344;
