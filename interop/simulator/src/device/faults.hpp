// Hardware faults inside kernels (wrong addresses, division by zero, stack overflow) become violations. Faults of anybody else go to
// the handler that was there before: a .NET process has its own.
#pragma once

#include <pthread.h>

namespace flowcut::sim {

class BlockRunner;

// While it lives, faults on the fibers of `runner` (which runs on this OS thread) end its block.
class FaultScope {
 public:
  explicit FaultScope(BlockRunner& runner);
  ~FaultScope();
  FaultScope(const FaultScope&) = delete;
  FaultScope& operator=(const FaultScope&) = delete;
};

// Ends the block that a worker runs, as a last resort against endless loops. From any other thread.
void interrupt_block(pthread_t worker);

}  // namespace flowcut::sim
