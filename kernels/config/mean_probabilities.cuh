// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
constexpr int kThreads = 64;
