using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>Draws a token from every row of logits: temperature, then top-k, then top-p, in Hugging Face's order. The same numbers give the same token on every device.</summary>
public static class SampleTopP
{
    /// <summary>Rows may be this long: sums of fixed-point probabilities would overflow beyond.</summary>
    public const int MaxColumns = 1 << 19;

    /// <summary>Enqueues the draw. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="logits">[rows, columns], at most 2¹⁹ columns; −∞ masks a token.</param>
    /// <param name="uniforms">[rows], each in [0, 1): the token drawn is the first, by falling probability (ties by number), whose running sum exceeds this share of the sum.</param>
    /// <param name="index">[rows]: tokens; −1 where a row holds a NaN, +∞ or nothing finite.</param>
    /// <param name="temperature">Above 0.</param>
    /// <param name="topK">The most likely tokens that may be drawn; 0 for all.</param>
    /// <param name="topP">Of these the smallest set that reaches this share of their probability, the token that crosses it included; 1 for all. Above 0.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Shapes, strides, alignments or numbers do not fit, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix logits, DeviceArray<double> uniforms, DeviceArray<int> index, float temperature, int topK, float topP, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        Require.Valid(logits);
        Require.Length(uniforms, logits.Rows);
        Require.Length(index, logits.Rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(logits.Columns, MaxColumns, nameof(logits));
        ArgumentOutOfRangeException.ThrowIfNegative(topK);
        if (!(temperature > 0) || float.IsInfinity(temperature)) throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "The temperature is a finite number above 0.");
        if (topP is not (> 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(topP), topP, "The share of probability lies in (0, 1].");
        if (logits.Rows == 0) return;

        var args = new SampleTopPArgs
        {
            Logits = logits.Pointer,
            Uniforms = uniforms.Pointer,
            Index = index.Pointer,
            LogitStride = logits.RowStride,
            Rows = logits.Rows,
            Columns = logits.Columns,
            TopK = topK,
            TopP = topP,
            Temperature = temperature,
        };
        kernels.Load(Plan(logits)).Launch(args, new GridSize(logits.Rows), SampleTopPVariant.Threads, stream);
    }

    internal static SampleTopPVariant Plan(in DeviceMatrix logits) => new(logits.Type);

    internal static IEnumerable<SampleTopPVariant> Variants => from type in Enum.GetValues<ElementType>() select new SampleTopPVariant(type);
}

internal readonly record struct SampleTopPVariant(ElementType X) : IKernelVariant<SampleTopPVariant>
{
    /// <summary>Two bins of an 11-bit digit for each thread.</summary>
    public const int Threads = 1024;

    public string Source => "transformer/sample_top_p.cu";

    public string Entry => "fc_sample_top_p";

    public string ConfigName => "config/sample_top_p.cuh";

    /// <summary>Two words for each of 2048 bins, and room for reductions of 8, 4 and 4 bytes a warp.</summary>
    public int SharedBytes => 2048 * 8 + Threads / 32 * 16 + 32;

    public void WriteConfig(ConfigWriter config) => config.Type("X", X).Constant("kThreads", Threads).Constant("kSharedBytes", SharedBytes);
}

[StructLayout(LayoutKind.Sequential)]
internal struct SampleTopPArgs
{
    public nint Logits;
    public nint Uniforms;
    public nint Index;
    public long LogitStride;
    public int Rows;
    public int Columns;
    public int TopK;
    public float TopP;
    public float Temperature;
}
