using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>What a measure says of pairs of tokens, on the host.</summary>
internal static class TokenPairs
{
    /// <summary>Measures between some of the tokens and others: [first, second]. Waits.</summary>
    /// <param name="backend">Of the tokens.</param>
    /// <param name="measure">Which.</param>
    /// <param name="tokens">[tokens, n].</param>
    /// <param name="first">Rows of it.</param>
    /// <param name="second">Rows of it.</param>
    /// <exception cref="ComputationException">A value is not a number.</exception>
    public static float[,] Measure(Backend backend, PairMeasure measure, Tensor tokens, int[] first, int[] second)
    {
        Tensor x = Gather(backend, tokens, first), y = ReferenceEquals(first, second) ? x : Gather(backend, tokens, second);
        var result = backend.Allocate(first.Length, second.Length, Precision.Single);
        backend.Pairwise(measure, x, y, result);
        var matrix = new float[first.Length, second.Length];
        var values = Values(matrix);
        backend.Download(result, values);
        foreach (var buffer in new[] { x.Buffer, y.Buffer, result.Buffer }.Distinct()) buffer.Dispose();
        Ranking.Check(values, "the visual tokens");
        return matrix;
    }

    /// <summary>All entries, row by row.</summary>
    public static Span<float> Values(float[,] matrix) =>
        MemoryMarshal.CreateSpan(ref Unsafe.As<byte, float>(ref MemoryMarshal.GetArrayDataReference(matrix)), matrix.Length);

    /// <summary>‖x_a − x_b‖₂/√n between some of the tokens, by which density peaks are found (spec/rivals.md, "SparseVLM").</summary>
    /// <exception cref="ComputationException">A value is not a number.</exception>
    public static float[,] Distances(Backend backend, Tensor tokens, int[] some)
    {
        var distances = Measure(backend, PairMeasure.SquaredDistance, tokens, some, some);
        foreach (ref var distance in Values(distances)) distance = MathF.Sqrt(distance / tokens.Columns);
        return distances;
    }

    private static Tensor Gather(Backend backend, Tensor tokens, int[] numbers)
    {
        using var rows = backend.AllocateIndices(numbers.Length);
        backend.Upload(numbers, rows);
        var gathered = backend.Allocate(numbers.Length, tokens.Columns, tokens.Buffer.ElementBytes == sizeof(float) ? Precision.Single : Precision.Activation);
        backend.GatherRows(tokens, new IndexView(rows, 0, numbers.Length), gathered);
        return gathered;
    }
}
