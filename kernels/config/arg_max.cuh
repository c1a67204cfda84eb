// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using X = float;
constexpr int kThreads = 1024;
constexpr int kSharedBytes = 256;
