using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>The operation of <see cref="FlowScoreArguments"/>.</summary>
public static class FlowScore
{
    /// <summary>More patches than this do not fit one block.</summary>
    public const int MaxPatches = 16384;

    /// <summary>More heads than this do not fit the block's tables.</summary>
    public const int MaxHeads = 128;

    /// <summary>Enqueues the scores, one block per sequence. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="arguments">Inputs and destinations; no two of them overlap. A NaN in a criterion that is used makes I and h NaN.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, types, strides, alignments or options do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, in FlowScoreArguments arguments, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Check(arguments);
        var sequences = arguments.Offsets.Length - 1;
        if (sequences == 0) return;

        var variant = Plan(arguments.MaxPatches);
        kernels.Load(variant).Launch(Args(arguments), new GridSize(sequences), variant.Threads, stream);
    }

    /// <summary>A thread for each patch as far as a block goes, then more patches a thread; the largest with fewer threads, so that nothing spills.</summary>
    internal static FlowScoreVariant Plan(int maxPatches) => maxPatches switch
    {
        <= 1024 => new FlowScoreVariant(1024, 1),
        <= 4096 => new FlowScoreVariant(1024, 4),
        _ => new FlowScoreVariant(512, 32),
    };

    internal static IEnumerable<FlowScoreVariant> Variants => [Plan(1024), Plan(4096), Plan(MaxPatches)];

    private static FlowScoreArgs Args(in FlowScoreArguments a) => new()
    {
        LogProbabilities = a.LogProbabilities.Pointer,
        Products = a.Products.Pointer,
        Density = a.Density.Pointer,
        SquaredNorms = Optional(a.SquaredNorms),
        GlobalSquaredNorms = Optional(a.GlobalSquaredNorms),
        Offsets = a.Offsets.Pointer,
        Attention = Optional(a.Attention),
        Semantic = Optional(a.SemanticScores),
        Scores = Optional(a.Scores),
        Cumulative = a.Cumulative.Pointer,
        EntropyRatios = a.EntropyRatios.Pointer,
        Mapped = Optional(a.Mapped),
        LogProbabilityStride = a.LogProbabilities.RowStride,
        ProductStride = a.Products.RowStride,
        Heads = a.LogProbabilities.Rows,
        ValueHeads = a.Products.Rows,
        Criteria = (int)a.Criteria,
        SemanticKind = (int)a.Semantic,
        AttentionOverPatches = a.AttentionOverPatches ? 1 : 0,
        HasClass = a.HasClass ? 1 : 0,
        FirstLayer = a.EmaWeight is null ? 1 : 0,
        Number = a.Number,
        SemanticScale = a.SemanticScale,
        EmaWeight = a.EmaWeight ?? 1,
    };

    private static nint Optional<T>(in DeviceArray<T> array)
        where T : unmanaged => array.Length == 0 ? 0 : array.Pointer;

    private static void Check(in FlowScoreArguments a)
    {
        Require.Length(a.Offsets, 1, nameof(a.Offsets));
        int rows = a.LogProbabilities.Columns, sequences = a.Offsets.Length - 1;
        Require.Valid(a.LogProbabilities, nameof(a.LogProbabilities));
        Require.Type(a.LogProbabilities, ElementType.Float32, nameof(a.LogProbabilities));
        Require.Shape(a.Products, a.Products.Rows, rows, nameof(a.Products));
        Require.Type(a.Products, ElementType.Float32, nameof(a.Products));
        if (a.LogProbabilities.Rows is < 1 or > MaxHeads || a.Products.Rows is < 1 or > MaxHeads)
            throw new ArgumentException($"There are 1 to {MaxHeads} heads, not {a.LogProbabilities.Rows} and {a.Products.Rows}.", nameof(a));
        if (a.MaxPatches is < 0 or > MaxPatches) throw new ArgumentException($"A sequence has 0 to {MaxPatches} patches, not {a.MaxPatches}.", nameof(a));
        Require.Length(a.Density, rows, nameof(a.Density));
        Require.Length(a.Cumulative, rows, nameof(a.Cumulative));
        Require.Length(a.EntropyRatios, sequences, nameof(a.EntropyRatios));
        if (a.Semantic == FlowSemantic.Cosine) Require.Length(a.SquaredNorms, rows, nameof(a.SquaredNorms));
        OptionalLength(a.GlobalSquaredNorms, sequences, nameof(a.GlobalSquaredNorms));
        OptionalLength(a.Attention, rows, nameof(a.Attention));
        OptionalLength(a.SemanticScores, rows, nameof(a.SemanticScores));
        OptionalLength(a.Scores, rows, nameof(a.Scores));
        OptionalLength(a.Mapped, 2 * sequences, nameof(a.Mapped));
        CheckOptions(a);
    }

    private static void CheckOptions(in FlowScoreArguments a)
    {
        if ((a.Criteria & FlowCriteria.All) == 0 || (a.Criteria & ~FlowCriteria.All) != 0)
            throw new ArgumentException($"'{a.Criteria}' names no criterion to score by.", nameof(a));
        if (a.Semantic is < FlowSemantic.SoftmaxOverAll or > FlowSemantic.Cosine)
            throw new ArgumentException($"There is no semantic criterion {a.Semantic}.", nameof(a));
        if (a.Semantic == FlowSemantic.SoftmaxOverAll && !a.HasClass)
            throw new ArgumentException("A softmax over CLS and patches needs a CLS token; without one it goes over the patches.", nameof(a));
        if (a.Semantic == FlowSemantic.SoftmaxOverPatches && !(a.SemanticScale > 0 && float.IsFinite(a.SemanticScale)))
            throw new ArgumentException($"The scale of the products is a finite number above 0, not {a.SemanticScale}.", nameof(a));
        if (a.EmaWeight is { } weight && weight is not (>= 0 and <= 1))
            throw new ArgumentException($"The weight of the new score lies in [0, 1], not {weight}.", nameof(a));
    }

    private static void OptionalLength<T>(in DeviceArray<T> array, int length, string name)
        where T : unmanaged
    {
        if (array.Length != 0) Require.Length(array, length, name);
    }
}

internal readonly record struct FlowScoreVariant(int Threads, int Items) : IKernelVariant<FlowScoreVariant>
{
    public string Source => "pruning/flow_score.cu";

    public string Entry => "fc_flow_score";

    public string ConfigName => "config/flow_score.cuh";

    /// <summary>Three numbers for each head of each criterion, two of the whole, and room for a reduction of 8 bytes a warp.</summary>
    public int SharedBytes => 2 * (3 * FlowScore.MaxHeads + 1) * sizeof(float) + Threads / 32 * 8 + 8;

    public void WriteConfig(ConfigWriter config) => config.Constant("kThreads", Threads).Constant("kItems", Items).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct FlowScoreArgs
{
    public nint LogProbabilities;
    public nint Products;
    public nint Density;
    public nint SquaredNorms;
    public nint GlobalSquaredNorms;
    public nint Offsets;
    public nint Attention;
    public nint Semantic;
    public nint Scores;
    public nint Cumulative;
    public nint EntropyRatios;
    public nint Mapped;
    public long LogProbabilityStride;
    public long ProductStride;
    public int Heads;
    public int ValueHeads;
    public int Criteria;
    public int SemanticKind;
    public int AttentionOverPatches;
    public int HasClass;
    public int FirstLayer;
    public uint Number;
    public float SemanticScale;
    public float EmaWeight;
}
