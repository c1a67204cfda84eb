// Hardware faults inside kernels (wrong addresses, division by zero, stack overflow) become violations. Faults of anybody else go to
// the handler that was there before: a .NET process has its own.
#pragma once

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

}  // namespace flowcut::sim
