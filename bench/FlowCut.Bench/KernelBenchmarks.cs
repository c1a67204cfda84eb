using BenchmarkDotNet.Attributes;
using FlowCut.Bench.Kernels;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Bench;

/// <summary>GEMM (many rows) and GEMV (one row) at the shapes of CLIP-L and Vicuna-7B.</summary>
[MemoryDiagnoser]
public class LinearBenchmarks : IDisposable
{
    private CpuBackend _backend = null!;
    private LinearWork _work = null!;

    [Params("577x1024x4096", "577x4096x1024", "128x4096x4096", "1x4096x11008")]
    public string Shape { get; set; } = "";

    [Params("F32", "F16", "BF16")]
    public string Weights { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var sizes = Array.ConvertAll(Shape.Split('x'), int.Parse);
        var type = Weights switch { "F32" => StoredType.Float32, "F16" => StoredType.Float16, _ => StoredType.BFloat16 };
        _backend = new CpuBackend();
        _work = new LinearWork(_backend, sizes[0], sizes[1], sizes[2], type, sizes[0] == 1 ? 6 : 1);
    }

    [Benchmark]
    public void Linear() => _work.Run();

    [GlobalCleanup]
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _work.Dispose();
        _backend.Dispose();
    }
}

/// <summary>Attention of one CLIP-L layer, with and without the exported row.</summary>
[MemoryDiagnoser]
public class AttentionBenchmarks : IDisposable
{
    private CpuBackend _backend = null!;
    private AttentionWork _work = null!;

    [Params(576, 64)]
    public int Patches { get; set; }

    [Params(false, true)]
    public bool Export { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _backend = new CpuBackend();
        _work = new AttentionWork(_backend, Patches);
    }

    [Benchmark]
    public void Attention() => _work.Run(Export);

    [GlobalCleanup]
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        _work.Dispose();
        _backend.Dispose();
    }
}
