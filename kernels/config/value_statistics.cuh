// The variant that editors see; a launch writes its own.
#pragma once
#include "fc/types.cuh"
using Elem = fc::Half;
using Global = fc::Half;
constexpr int kHeadSize = 64;
constexpr int kVector = 8;
constexpr bool kGiven = false;
constexpr int kThreads = 128;
