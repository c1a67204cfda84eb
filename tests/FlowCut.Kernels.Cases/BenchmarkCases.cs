namespace FlowCut.Kernels.Cases;

/// <summary>A case at a size that models use, under the name by which peers call it too.</summary>
/// <param name="Name">Operation, sizes, type.</param>
/// <param name="Case">What runs.</param>
/// <param name="Flops">Multiplications and additions, where they and not the bytes may set the limit.</param>
internal sealed record BenchmarkCase(string Name, KernelCase Case, double Flops = 0);

/// <summary>What is timed on a device: the operations of CLIP-L/14-336, LLaVA-1.5-7B and LLaVA-NeXT-7B, batch 1.</summary>
internal static class BenchmarkCases
{
    private const ElementType Half = ElementType.Float16, Single = ElementType.Float32;

    public static IEnumerable<BenchmarkCase> All =>
    [
        Attention("attention 577x16x64 f16", 577, 16, 64, causal: false, row: false),
        Attention("attention 577x16x64 f16 + row", 577, 16, 64, causal: false, row: true),
        Attention("attention 193x16x64 f16 + row", 193, 16, 64, causal: false, row: true),
        Attention("attention 65x16x64 f16 + row", 65, 16, 64, causal: false, row: true),
        Attention("attention 636x32x128 causal f16", 636, 32, 128, causal: true, row: false),
        Attention("attention 124x32x128 causal f16", 124, 32, 128, causal: true, row: false),
        Attention("attention 2880x32x128 causal f16", 2880, 32, 128, causal: true, row: false),
        Decode(124), Decode(700), Decode(3000),
        .. from rows in new[] { 577, 2881 } select new BenchmarkCase($"flow step {rows} f16", new FlowStepCase(rows, 16, 64, Half, 64, 20)),
        new("value statistics 577x16x64 f16", new ValueStatisticsCase("577", 16, 64, Half, Given: false)),
        new("layer norm 577x1024 f16", new NormCase(true, 577, 1024, Half)),
        new("rms norm 636x4096 f16", new NormCase(false, 636, 4096, Half)),
        new("rms norm 1x4096 f16", new NormCase(false, 1, 4096, Half)),
        new("gated silu 636x11008 f16", new GatedActivationCase(636, 11008, Half, Transformer.ActivationKind.Silu, Halves: true)),
        new("bias quick_gelu 577x4096 f16", new BiasActivationCase(577, 4096, Half, Half, Transformer.ActivationKind.QuickGelu)),
        new("embed 40x4096 f16", new EmbedCase(40, 4096, Half, Single, Visual: false)),
        new("argmax 32064 f32", new ArgMaxCase(1, 32064, Single)),
        .. from size in new (int Inputs, int Outputs)[] { (4096, 12288), (4096, 4096), (4096, 22016), (11008, 4096), (4096, 32064) }
           select new BenchmarkCase($"gemv {size.Inputs}x{size.Outputs} f16", new LinearVectorCase(1, size.Inputs, size.Outputs, Half, Half, Half)),
        .. from size in new (int Rows, int Depth, int Columns)[] { (577, 1024, 3072), (577, 1024, 1024), (577, 1024, 4096), (577, 4096, 1024), (636, 4096, 12288), (124, 4096, 12288), (124, 4096, 22016), (124, 11008, 4096) }
           select Linear(size.Rows, size.Depth, size.Columns),
    ];

    /// <summary>What the device reaches by moving bytes and doing nothing else: 256 MiB read and as many written.</summary>
    public static KernelCase Bandwidth { get; } = new ConvertTypeCase(16384, 4096, Single, Single);

    /// <summary>What the device reaches by multiplying matrices.</summary>
    public static KernelCase Compute { get; } = new LinearCase(8192, 8192, 4096, Half, Half);

    /// <summary>A pass has 4·queries·keys·head size of them for each head, half of that where it is causal.</summary>
    private static BenchmarkCase Attention(string name, int tokens, int heads, int headSize, bool causal, bool row)
    {
        int[] offsets = [0, tokens];
        var c = new AttentionCase(name, Half, offsets, offsets, heads, heads, headSize, causal) { Exports = row ? [[0]] : [] };
        return new BenchmarkCase(name, c, 4.0 * tokens * tokens * headSize * heads / (causal ? 2 : 1));
    }

    private static BenchmarkCase Decode(int length) =>
        new($"decode attention {length}x32x128 f16", new DecodeCase($"{length}", Half, [0], [length], 32, 32, 128));

    private static BenchmarkCase Linear(int rows, int depth, int columns) =>
        new($"gemm {rows}x{depth}x{columns} f16", new LinearCase(rows, columns, depth, Half, Half), 2.0 * rows * depth * columns);
}
