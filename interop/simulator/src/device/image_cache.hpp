// Images on disk, by key: $FLOWCUT_SIM_CACHE ("off": none), else $XDG_CACHE_HOME/flowcut-sim, else ~/.cache/flowcut-sim.
#pragma once

#include "device/sha256.hpp"

#include <string>

namespace flowcut::sim {

// A missing, damaged or unreadable entry is false.
bool read_cached_image(const Digest& key, std::string& image);
// Never fails visibly: without a cache every program is compiled again. Readers see the old state or the whole entry.
void write_cached_image(const Digest& key, const std::string& image);

}  // namespace flowcut::sim
