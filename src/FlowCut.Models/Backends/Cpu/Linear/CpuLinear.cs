namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>Linear layers: one row by streaming the weights, several by a packed GEMM with registers of <paramref name="lanes"/> numbers.</summary>
internal sealed class CpuLinear(CpuThreadPool pool, int lanes) : IDisposable
{
    private readonly CpuGemv _gemv = new(pool, lanes);
    private readonly ICpuGemm _gemm = lanes switch
    {
        16 => new CpuGemm<GemmTile512>(pool),
        8 => new CpuGemm<GemmTile256>(pool),
        _ => new CpuGemm<GemmTile128>(pool),
    };

    public void Run(in LinearArguments arguments)
    {
        if (arguments.X.Rows == 0 || arguments.Weight.Rows == 0) return;
        if (arguments.X.Rows == 1) _gemv.Run(arguments);
        else _gemm.Run(arguments);
    }

    public void Dispose() => _gemm.Dispose();
}
