using System.Runtime.InteropServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Cases;

/// <summary>
/// Compares a trace with a golden file, tensor by tensor, with the tolerances that the goldens' README recommends:
/// |difference| ≤ tolerance × largest |value| of the reference tensor. Integers and bytes are equal or wrong.
/// </summary>
public static class TensorDifferences
{
    /// <summary>What differs, one line per tensor, and how many were compared.</summary>
    /// <param name="golden">Every tensor of it is compared.</param>
    /// <param name="trace">Of the run.</param>
    /// <param name="rename">Maps a golden's name to the trace's, null leaves it out; without it all keep their names.</param>
    /// <param name="tolerance">By the golden's name, of the largest value (an entropy ratio as it is); null: what is recommended for fp32.</param>
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
            return expected.Shape.AsSpan().SequenceEqual(actual.Shape) && expected.Bytes.SequenceEqual(actual.Bytes.Span) ? null : $"{name}: differs (must be identical)";

        // the head of the Hugging Face layouts has padding rows, which the reference traces leave out
        var columns = (int)actual.Shape[^1];
        var goldenColumns = (int)expected.Shape[^1];
        if (expected.ElementCount / goldenColumns != actual.Bytes.Length / sizeof(float) / columns || columns < goldenColumns || (columns > goldenColumns && !name.Contains("logits", StringComparison.Ordinal)))
            return $"{name}: [{string.Join(", ", actual.Shape)}], expected [{string.Join(", ", expected.Shape)}]";
        var reference = new float[expected.ElementCount];
        expected.ReadSingles(reference);
        var values = MemoryMarshal.Cast<byte, float>(actual.Bytes.Span);
        var allowed = tolerance * (name.EndsWith("entropy_ratio", StringComparison.Ordinal) ? 1 : reference.Max(Math.Abs));
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

    /// <summary>What the goldens' README recommends for fp32, of the largest value.</summary>
    public static double Tolerance(string name)
    {
        if (name.EndsWith("pixel_values", StringComparison.Ordinal)) return 0;
        if (name.EndsWith("cls_attention", StringComparison.Ordinal) || name.EndsWith("semantic", StringComparison.Ordinal)) return 5e-5;
        return name.EndsWith("entropy_ratio", StringComparison.Ordinal) ? 1e-5 : 2e-5;
    }
}
