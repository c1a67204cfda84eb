// Marks the entry points that the shared library exports; everything else stays hidden.
#pragma once

#define FLOWCUT_SIM_EXPORT extern "C" __attribute__((visibility("default")))
