namespace FlowCut.Kernels.Tests.Operations;

/// <summary>Tests that use a device, one at a time: they share its stream, and the simulator's machine is one per process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class DeviceCollection
{
    public const string Name = "device";
}
