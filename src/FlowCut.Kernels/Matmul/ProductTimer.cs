using FlowCut.Interop;

namespace FlowCut.Kernels.Matmul;

/// <summary>Measures the proposals for a product on its own operands, with a result of its own, so that the caller's is touched once.</summary>
internal static class ProductTimer
{
    private const int Warmups = 1;
    private const int Runs = 5;

    /// <summary>Index of the fastest proposal. Waits for the device.</summary>
    public static int Fastest(
        CudaContext context, nint handle, ProductPlan plan, in ProductShape shape, in ProductPointers pointers, CublasLtHeuristicResult[] proposals, nint workspace, CudaStream stream)
    {
        var bytes = checked(((shape.Rows - 1) * shape.StrideY + shape.Columns) * shape.Output.Bytes());
        using var scratch = context.Driver.MemAlloc(context.Owner, (nuint)bytes);
        // the residual's values do not matter to the time, but in place it must not be added again and again
        var own = pointers with { Y = scratch.Value, Residual = shape.HasResidual && pointers.Residual == pointers.Y ? scratch.Value : pointers.Residual };
        using var start = CudaEvent.Create(context, timing: true);
        using var end = CudaEvent.Create(context, timing: true);
        var (best, bestTime) = (0, float.MaxValue);
        for (var i = 0; i < proposals.Length; i++)
        {
            if (Time(handle, plan, own, proposals[i], workspace, stream, start, end) is not { } time || time >= bestTime) continue;
            (best, bestTime) = (i, time);
        }

        return best;
    }

    /// <summary>Milliseconds of the runs; null if the proposal does not work after all.</summary>
    private static float? Time(nint handle, ProductPlan plan, in ProductPointers pointers, in CublasLtHeuristicResult proposal, nint workspace, CudaStream stream, CudaEvent start, CudaEvent end)
    {
        try
        {
            for (var run = 0; run < Warmups + Runs; run++)
            {
                if (run == Warmups) start.Record(stream);
                plan.Launch(handle, pointers, proposal.Algo, workspace, (long)proposal.WorkspaceSize, stream.Handle);
            }

            end.Record(stream);
            end.Synchronize();
            return end.MillisecondsSince(start);
        }
        catch (CublasException)
        {
            return null;
        }
    }
}
