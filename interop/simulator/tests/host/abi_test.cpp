// The simulator's declarations against the facts of the vendor's headers, at compile time; and that each entry point is exported.
#include "client.hpp"

#include <dlfcn.h>

#include <cstddef>
#include <type_traits>

#include "host/lt_abi.hpp"

#define FLOWCUT_ENTRY(name, ...) static_assert(std::is_same_v<decltype(name), __VA_ARGS__>);
#include "abi_facts.inc"
#undef FLOWCUT_ENTRY

using namespace client;

int main() {
  // The assertions are repeated here, where they are statements that do nothing.
#define FLOWCUT_ENTRY(name, ...) check(dlsym(RTLD_DEFAULT, #name) == reinterpret_cast<void*>(&name), #name);
#include "abi_facts.inc"
#undef FLOWCUT_ENTRY
  check(kLaunchParamBufferPointer == reinterpret_cast<void*>(1) && kLaunchParamBufferSize == reinterpret_cast<void*>(2),
        "launch parameters");
  return summary();
}
