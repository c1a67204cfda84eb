// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using Elem = fc::Half;
constexpr int kVector = 8;
constexpr int kThreads = 128;
constexpr int kSharedBytes = 32;
