using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Pruning;

/// <summary>
/// One pruning event of FlowCut (arXiv 2505.19536) with N patches alive and T wanted: survivors = max(N − r, T) with
/// r = round_half_even((N − T)/√remaining·(1 − h²)) in double precision, or a given number; the survivors are the patches with the largest S,
/// ties to the lowest index, NaN below every number, in ascending order. Counts are made and stay on the device.
/// </summary>
public readonly struct FlowSelectArguments
{
    /// <summary>[key rows]: S.</summary>
    public required DeviceArray<float> Cumulative { get; init; }

    /// <summary>[sequences + 1], on the device: sequence s is key rows offsets[s] … offsets[s + 1] − 1. Not checked.</summary>
    public required DeviceArray<int> Offsets { get; init; }

    /// <summary>No sequence has more patches than this; at most 16384.</summary>
    public required int MaxPatches { get; init; }

    /// <summary>The first row of each sequence is a CLS token: no patch, always kept.</summary>
    public bool HasClass { get; init; }

    /// <summary>[sequences]: h, from which the counts are made; empty: counts are given. A NaN drops nothing.</summary>
    public DeviceArray<float> EntropyRatios { get; init; }

    /// <summary>T: a sequence with no more patches keeps all. Read with <see cref="EntropyRatios"/>.</summary>
    public int Target { get; init; }

    /// <summary>Layers after this one that may still prune, above 0. Read with <see cref="EntropyRatios"/>.</summary>
    public int Remaining { get; init; }

    /// <summary>All sequences drop the largest r of any of them, so that a batch stays rectangular. Read with <see cref="EntropyRatios"/>.</summary>
    public bool SharedCount { get; init; }

    /// <summary>[sequences], on the device: patches that each sequence keeps; empty: <see cref="KeepAll"/>. Read without <see cref="EntropyRatios"/>.</summary>
    public DeviceArray<int> Keep { get; init; }

    /// <summary>Patches that every sequence keeps (all it has, if fewer): the forced last event. Read without <see cref="EntropyRatios"/> and <see cref="Keep"/>.</summary>
    public int KeepAll { get; init; }

    /// <summary>[up to key rows]: the key rows that survive, sequence by sequence, ascending, CLS first.</summary>
    public required DeviceArray<int> Rows { get; init; }

    /// <summary>[sequences + 1]: where each sequence's survivors lie.</summary>
    public required DeviceArray<int> NewOffsets { get; init; }

    /// <summary>[up to key rows]: S of the survivors (−0 becomes +0); empty: not wanted.</summary>
    public DeviceArray<float> NewCumulative { get; init; }

    /// <summary>
    /// [sequences + 1], device address of mapped host memory, or empty: patches kept by each sequence and then <see cref="Number"/>,
    /// written last, so that a host that sees the number may read the counts while later work goes on.
    /// </summary>
    public DeviceArray<uint> Mapped { get; init; }

    /// <summary>What announces the mapped values: a number that was not there before.</summary>
    public uint Number { get; init; }
}

/// <summary>The operation of <see cref="FlowSelectArguments"/>.</summary>
public static class FlowSelect
{
    /// <summary>More patches than this do not fit one block.</summary>
    public const int MaxPatches = 16384;

    /// <summary>Enqueues the event, one block per sequence. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="arguments">Inputs and destinations; no two of them overlap.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Lengths, alignments or numbers do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, in FlowSelectArguments arguments, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Check(arguments);
        var sequences = arguments.Offsets.Length - 1;
        if (sequences == 0) return;

        var variant = Plan(arguments.MaxPatches);
        kernels.Load(variant).Launch(Args(arguments), new GridSize(sequences), variant.Block.Threads, stream);
    }

    internal static FlowSelectVariant Plan(int maxPatches) => new(SelectBlock.Of(maxPatches));

    internal static IEnumerable<FlowSelectVariant> Variants => SelectBlock.All.Select(block => new FlowSelectVariant(block));

    private static FlowSelectArgs Args(in FlowSelectArguments a) => new()
    {
        Cumulative = a.Cumulative.Pointer,
        Offsets = a.Offsets.Pointer,
        EntropyRatios = a.EntropyRatios.Length == 0 ? 0 : a.EntropyRatios.Pointer,
        Keep = a.Keep.Length == 0 ? 0 : a.Keep.Pointer,
        Rows = a.Rows.Pointer,
        NewOffsets = a.NewOffsets.Pointer,
        NewCumulative = a.NewCumulative.Length == 0 ? 0 : a.NewCumulative.Pointer,
        Mapped = a.Mapped.Length == 0 ? 0 : a.Mapped.Pointer,
        RootRemaining = Math.Sqrt(a.Remaining),
        Sequences = a.Offsets.Length - 1,
        Target = a.Target,
        KeepAll = a.KeepAll,
        HasClass = a.HasClass ? 1 : 0,
        SharedCount = a.SharedCount ? 1 : 0,
        Number = a.Number,
    };

    private static void Check(in FlowSelectArguments a)
    {
        Require.Length(a.Offsets, 1, nameof(a.Offsets));
        var sequences = a.Offsets.Length - 1;
        Require.Valid(a.Cumulative, nameof(a.Cumulative));
        Require.Length(a.NewOffsets, sequences + 1, nameof(a.NewOffsets));
        Require.Length(a.Rows, a.Cumulative.Length, nameof(a.Rows));
        if (a.NewCumulative.Length > 0) Require.Length(a.NewCumulative, a.Cumulative.Length, nameof(a.NewCumulative));
        if (a.Mapped.Length > 0) Require.Length(a.Mapped, sequences + 1, nameof(a.Mapped));
        if (a.Keep.Length > 0) Require.Length(a.Keep, sequences, nameof(a.Keep));
        if (a.MaxPatches is < 0 or > MaxPatches) throw new ArgumentException($"A sequence has 0 to {MaxPatches} patches, not {a.MaxPatches}.", nameof(a));
        ArgumentOutOfRangeException.ThrowIfNegative(a.Target, nameof(a.Target));
        ArgumentOutOfRangeException.ThrowIfNegative(a.KeepAll, nameof(a.KeepAll));
        if (a.EntropyRatios.Length == 0) return;
        Require.Length(a.EntropyRatios, sequences, nameof(a.EntropyRatios));
        if (a.Keep.Length > 0) throw new ArgumentException("The counts are either given or made from entropy ratios, not both.", nameof(a));
        if (a.Remaining < 1) throw new ArgumentException($"The adaptive count needs 1 or more remaining layers, not {a.Remaining}; the last event keeps a given number.", nameof(a));
    }
}

internal readonly record struct FlowSelectVariant(SelectBlock Block) : IKernelVariant<FlowSelectVariant>
{
    public string Source => "pruning/flow_select.cu";

    public string Entry => "fc_flow_select";

    public string ConfigName => "config/flow_select.cuh";

    /// <summary>The selection's, room for a reduction of 4 bytes a warp, and one number.</summary>
    public int SharedBytes => Block.SharedBytes + Block.Threads / 32 * sizeof(int) + 16;

    public void WriteConfig(ConfigWriter config) => config.Constant("kThreads", Block.Threads).Constant("kItems", Block.Items).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct FlowSelectArgs
{
    public nint Cumulative;
    public nint Offsets;
    public nint EntropyRatios;
    public nint Keep;
    public nint Rows;
    public nint NewOffsets;
    public nint NewCumulative;
    public nint Mapped;
    public double RootRemaining;
    public int Sequences;
    public int Target;
    public int KeepAll;
    public int HasClass;
    public int SharedCount;
    public uint Number;
}
