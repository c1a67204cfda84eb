using System.Runtime.InteropServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Cases;

/// <summary>
/// Compares a trace with a golden file, tensor by tensor, with the tolerances that the goldens' README recommends:
/// |difference| ≤ tolerance × largest |value| of the reference tensor, or ≤ tolerance for entropy ratios and pixels. Integers and bytes
/// are equal or wrong. Dimensions of 1 in front, which some references have, are left out.
/// </summary>
public static class TensorDifferences
{
    /// <summary>What differs, one line per tensor, and how many were compared.</summary>
    /// <param name="golden">Every tensor of it is compared.</param>
    /// <param name="trace">Of the run.</param>
    /// <param name="rename">Maps a golden's name to the trace's, null leaves it out; without it all keep their names.</param>
    /// <param name="tolerance">By the golden's name, of the largest value (entropy ratios and pixels as they are); null: what is recommended for fp32.</param>
    public static (IReadOnlyList<string> Differences, int Compared) Find(
        Checkpoint golden, IReadOnlyDictionary<string, TensorData> trace, Func<string, string?>? rename = null, Func<string, double>? tolerance = null)
    {
        var differences = new List<string>();
        var compared = 0;
        foreach (var name in golden.Names.Order(StringComparer.Ordinal))
        {
            var traceName = rename is null ? name : rename(name);
            if (traceName is null) continue;
            compared++;
            if (!trace.TryGetValue(traceName, out var actual)) differences.Add($"{traceName}: not in the trace");
            else if (Compare(name, golden.Get(name), actual, (tolerance ?? Tolerance)(name)) is { } difference) differences.Add(difference);
        }

        return (differences, compared);
    }

    private static string? Compare(string name, StoredTensor expected, TensorData actual, double tolerance)
    {
        if (expected.Type != actual.Type) return $"{name}: {actual.Type}, expected {expected.Type}";
        if (expected.Type != StoredType.Float32)
            return Trimmed(expected.Shape).SequenceEqual(Trimmed(actual.Shape)) && expected.Bytes.SequenceEqual(actual.Bytes.Span) ? null : $"{name}: differs (must be identical)";

        // the head has padding rows in many layouts, which the reference traces may leave out
        var columns = (int)actual.Shape[^1];
        var goldenColumns = (int)expected.Shape[^1];
        if (!Trimmed(expected.Shape[..^1]).SequenceEqual(Trimmed(actual.Shape[..^1])) || columns < goldenColumns || (columns > goldenColumns && !name.Contains("logits", StringComparison.Ordinal)))
            return $"{name}: [{string.Join(", ", actual.Shape)}], expected [{string.Join(", ", expected.Shape)}]";
        var reference = new float[expected.ElementCount];
        expected.ReadSingles(reference);
        var values = MemoryMarshal.Cast<byte, float>(actual.Bytes.Span);
        var isAbsolute = name.EndsWith("entropy_ratio", StringComparison.Ordinal) || name.EndsWith("pixel_values", StringComparison.Ordinal);
        var allowed = tolerance * (isAbsolute ? 1 : reference.Max(Math.Abs));
        double worst = 0;
        var at = 0;
        for (var i = 0; i < reference.Length; i++)
        {
            var difference = Math.Abs((double)values[i / goldenColumns * columns + i % goldenColumns] - reference[i]);
            if (!(difference > worst) && !double.IsNaN(difference)) continue;
            (worst, at) = (difference, i);
            if (double.IsNaN(difference)) break;
        }

        return worst <= allowed
            ? null
            : $"{name}[{at}]: {values[at / goldenColumns * columns + at % goldenColumns]:G9}, expected {reference[at]:G9}: {(allowed == 0 ? double.PositiveInfinity : worst / allowed):P0} of the allowed error";
    }

    private static ReadOnlySpan<long> Trimmed(long[] shape) => shape.AsSpan().TrimStart(1L);

    /// <summary>What the README of the LLaVA goldens recommends for fp32, of the largest value.</summary>
    public static double Tolerance(string name)
    {
        if (name.EndsWith("pixel_values", StringComparison.Ordinal)) return 0;
        if (name.EndsWith("cls_attention", StringComparison.Ordinal) || name.EndsWith("semantic", StringComparison.Ordinal)) return 5e-5;
        return name.EndsWith("entropy_ratio", StringComparison.Ordinal) ? 1e-5 : 2e-5;
    }
}
