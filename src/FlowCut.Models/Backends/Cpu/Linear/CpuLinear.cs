using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>Linear layers: one row by streaming the weights, several by a packed GEMM of the widest vectors the CPU has.</summary>
internal sealed class CpuLinear(CpuThreadPool pool) : IDisposable
{
    private readonly CpuGemv _gemv = new(pool);
    private readonly CpuGemm<GemmTile512>? _gemm512 = Vector512.IsHardwareAccelerated ? new(pool) : null;
    private readonly CpuGemm<GemmTile256>? _gemm256 = !Vector512.IsHardwareAccelerated && Vector256.IsHardwareAccelerated ? new(pool) : null;
    private readonly CpuGemm<GemmTile128>? _gemm128 = !Vector256.IsHardwareAccelerated ? new(pool) : null;

    public void Run(in LinearArguments arguments)
    {
        if (arguments.X.Rows == 0 || arguments.Weight.Rows == 0) return;
        if (arguments.X.Rows == 1) _gemv.Run(arguments);
        else if (_gemm512 is not null) _gemm512.Run(arguments);
        else if (_gemm256 is not null) _gemm256.Run(arguments);
        else _gemm128!.Run(arguments);
    }

    public void Dispose()
    {
        _gemm512?.Dispose();
        _gemm256?.Dispose();
        _gemm128?.Dispose();
    }
}
