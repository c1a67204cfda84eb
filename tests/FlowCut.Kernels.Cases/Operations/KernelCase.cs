using FlowCut.Interop;

namespace FlowCut.Kernels.Cases;

/// <summary>One line of an operation's table, for tests and benchmarks: prepares device buffers and can launch on them any number of times.</summary>
internal abstract record KernelCase
{
    /// <summary>What runs once: inputs to the device, room for the results.</summary>
    public abstract Prepared Prepare(Workbench bench);

    /// <summary>
    /// Runs the case twice: bands whole, results the same to the last bit, and as the oracle has them;
    /// a launch in steady state allocates nothing on the managed heap.
    /// </summary>
    /// <exception cref="CaseFailedException">Something of this is not so.</exception>
    public void Check(CaseDevice device)
    {
        var what = $"{this} on the {device.Name}";
        var first = Run(device, what, check: true);
        var second = Run(device, what, check: false);
        var violations = device.Violations();
        Verify.True(violations.Length == 0, $"{what}: {violations}");
        for (var i = 0; i < first.Length; i++)
            Verify.True(first[i].AsSpan().SequenceEqual(second[i]), $"{what}: buffer {i} differs from run to run");
    }

    private byte[][] Run(CaseDevice device, string what, bool check)
    {
        using var bench = new Workbench(device);
        var prepared = Prepare(bench);
        prepared.Launch();
        byte[][] bytes;
        try
        {
            bytes = bench.Finish(what);
        }
        catch (NativeCudaException e)
        {
            throw new CaseFailedException($"{what}: {device.Violations()}", e);
        }

        if (check) prepared.Compare(what);
        prepared.Launch();
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        prepared.Launch();
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Verify.True(allocated == 0, $"{what}: the launch allocates {allocated} bytes");
        bench.Stream.Synchronize();
        return bytes;
    }
}

/// <summary>A case on the device.</summary>
/// <param name="Launch">Enqueues the operation.</param>
/// <param name="Compare">Compares the results with the oracle.</param>
/// <param name="Bytes">Bytes that the operation has to move at least, for benchmarks.</param>
/// <param name="Flops">Multiplications and additions of its products, for benchmarks; 0 where memory alone counts.</param>
internal sealed record Prepared(Action Launch, Action<string> Compare, long Bytes = 0, double Flops = 0);
