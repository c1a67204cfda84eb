using EmbeddedKernels;
using FlowCut.Kernels.Tests.Operations;

namespace FlowCut.Kernels.Tests;

/// <summary>The samples for embedders do what they say.</summary>
[Collection(DeviceCollection.Name)]
public class SampleTests
{
    [Fact]
    public void A_kernel_runs_on_borrowed_pointers()
    {
        foreach (var device in TestDevice.Available())
        {
            using var owner = new OtherLibrary(device.Context.Cuda);
            var row = BorrowedPointers.Normalise(device.Context.Cuda, owner, [3, 4]);
            Assert.Equal(3 / Math.Sqrt(12.5), row[0], 1e-5);
            Assert.Equal(4 / Math.Sqrt(12.5), row[1], 1e-5);
        }
    }

    [Fact]
    public void A_pruning_event_runs_on_a_borrowed_stream()
    {
        foreach (var device in TestDevice.Available())
        {
            using var owner = new OtherLibrary(device.Context.Cuda);
            // probabilities of patches 1 to 8 grow as 7·i mod 9 does: 7 5 3 1 8 6 4 2
            Assert.Equal([0, 1, 5, 6], FlowStep.Keep(device.Context.Cuda, owner, patches: 8, keep: 3));
        }
    }
}
