using EmbeddedKernels;
using FlowCut.Interop;

// EmbeddedKernels [SIMULATOR]: on the first GPU, or on the simulator whose file is given (artifacts/simulator/libflowcut-sim.so)
var cuda = args.Length > 0 ? NativeCuda.Simulator(args[0]) : NativeCuda.System;
using var owner = new OtherLibrary(cuda);
Console.WriteLine($"a row of 3 and 4, normalised: {string.Join(" ", BorrowedPointers.Normalise(cuda, owner, [3, 4]))}");
Console.WriteLine($"patches kept of 8: {string.Join(" ", FlowStep.Keep(cuda, owner, patches: 8, keep: 3))}");
