using FlowCut.Kernels.Pruning;

namespace FlowCut.Kernels.Cases;

/// <summary>A row of the benchmarks.</summary>
/// <param name="Name">Stable: peers give the same work the same name.</param>
/// <param name="Full">The real size.</param>
/// <param name="Small">The same operation small enough for the simulator, which has no speed to measure.</param>
internal sealed record BenchmarkCase(string Name, KernelCase Full, KernelCase Small);

/// <summary>The operations at the sizes of CLIP-L/14-336, LLaVA-1.5-7B and LLaVA-NeXT-7B, fp16.</summary>
internal static class BenchmarkCases
{
    private const ElementType Half = ElementType.Float16, Single = ElementType.Float32;

    public static IReadOnlyList<BenchmarkCase> All { get; } =
    [
        new("attention 577x16x64 f16", Encoder(577, 16, false), Encoder(17, 2, false)),
        new("attention 577x16x64 f16 + row", Encoder(577, 16, true), Encoder(17, 2, true)),
        .. from rows in new[] { 636, 2880 } select new BenchmarkCase($"attention {rows}x32x128 causal f16", Prefill(rows, 32), Prefill(17, 1)),
        .. from length in new[] { 124, 700, 3000 } select new BenchmarkCase($"decode attention {length}x32x128 f16", Decode(length, 32), Decode(17, 1)),
        .. from rows in new[] { 577, 2881 } select new BenchmarkCase($"flow step {rows} f16", new FlowStepCase(rows, 16, 64, Half, 64, 18), new FlowStepCase(33, 2, 16, Half, 8, 4)),
        new("head means 32x576", new MeanProbabilitiesCase(32, 576), new MeanProbabilitiesCase(2, 9)),
        .. from size in new (int X, int Y, int Columns)[] { (512, 64, 4096), (576, 576, 1024) }
           select new BenchmarkCase($"cosines {size.X}x{size.Y}x{size.Columns} f16", new PairwiseCase(PairMeasure.Cosine, size.X, size.Y, size.Columns, Half, Half), new PairwiseCase(PairMeasure.Cosine, 3, 4, 64, Half, Half)),
        new("squared distances 154x154x4096 f32", new PairwiseCase(PairMeasure.SquaredDistance, 154, 154, 4096, Single, Single), new PairwiseCase(PairMeasure.SquaredDistance, 3, 3, 64, Single, Single)),
        // 17 sources at most, 8 or 9 on average: all 576 patches
        new("mix rows 576 to 64x4096 f16", new MixRowsCase(576, 64, 4096, 17, Half, Half), new MixRowsCase(9, 3, 64, 4, Half, Half)),
        .. from columns in new[] { 1024, 4096 } select new BenchmarkCase($"farthest points 64 of 576x{columns} f16", new FarthestPointsCase(576, 64, columns, Half), new FarthestPointsCase(9, 3, 64, Half)),
        .. from columns in new[] { 1024, 4096 } select new BenchmarkCase($"greedy determinant 64 of 576x{columns} f16", new GreedyDeterminantCase(576, 64, columns, Half), new GreedyDeterminantCase(9, 3, 64, Half)),
        new("layer norm 577x1024 f32 to f16", new NormCase(true, 577, 1024, Single, Half), new NormCase(true, 3, 64, Single, Half)),
        new("rms norm 636x4096 f32 to f16", new NormCase(false, 636, 4096, Single, Half), new NormCase(false, 3, 64, Single, Half)),
        new("embed 636x4096 f16", new EmbedCase(636, 4096, Half, Single, true), new EmbedCase(3, 64, Half, Single, true)),
        .. from size in new (int Depth, int Columns)[] { (4096, 12288), (4096, 4096), (4096, 22016), (11008, 4096), (4096, 32064) }
           select new BenchmarkCase($"gemv {size.Depth}x{size.Columns} f16", new LinearVectorCase(1, size.Depth, size.Columns, Half, Half, Half), new LinearVectorCase(1, 64, 9, Half, Half, Half)),
        .. from size in new (int Rows, int Depth, int Columns)[] { (577, 1024, 3072), (577, 1024, 4096), (577, 4096, 1024), (636, 4096, 12288), (636, 4096, 22016), (636, 11008, 4096), (104, 4096, 22016) }
           select new BenchmarkCase($"gemm {size.Rows}x{size.Depth}x{size.Columns} f16", new LinearCase(size.Rows, size.Columns, size.Depth, Half, Half), new LinearCase(17, 16, 32, Half, Half)),
    ];

    private static AttentionCase Encoder(int rows, int heads, bool exports) =>
        new("an encoder's picture", Half, [0, rows], [0, rows], heads, heads, 64) { Exports = exports ? [[0]] : [], Packed = true };

    private static AttentionCase Prefill(int rows, int heads) => new("prefill", Half, [0, rows], [0, rows], heads, heads, 128, Causal: true);

    private static DecodeCase Decode(int length, int heads) => new("a step", Half, [0], [length], heads, heads, 128);
}
