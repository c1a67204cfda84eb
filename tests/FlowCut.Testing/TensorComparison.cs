using FlowCut.Models.Cases;
using FlowCut.Models.Checkpoints;
using Xunit;

namespace FlowCut.Testing;

/// <summary>A trace against a golden file, as an assertion.</summary>
public static class TensorComparison
{
    /// <summary>Every tensor of the golden file; <paramref name="rename"/> maps its name to the trace's, null leaves it out.</summary>
    /// <param name="golden">The reference.</param>
    /// <param name="trace">What is compared with it.</param>
    /// <param name="rename">Null: names are the same.</param>
    /// <param name="tolerance">By the golden's name; null: what is recommended for fp32.</param>
    public static void AssertMatches(
        Checkpoint golden, IReadOnlyDictionary<string, TensorData> trace, Func<string, string?>? rename = null, Func<string, double>? tolerance = null)
    {
        var (differences, compared) = TensorDifferences.Find(golden, trace, rename, tolerance);
        Assert.NotEqual(0, compared);
        Assert.True(differences.Count == 0, $"{differences.Count} of {compared} tensors differ:\n" + string.Join('\n', differences.Take(20)));
    }
}
