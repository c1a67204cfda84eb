using System.Diagnostics.CodeAnalysis;

namespace FlowCut.Kernels.Cases;

/// <summary>A result is not as its oracle has it, or a promise about buffers or allocations is broken.</summary>
internal sealed class CaseFailedException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>Checks that throw <see cref="CaseFailedException"/>: cases run under a test framework and without one.</summary>
internal static class Verify
{
    public static void True([DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition) throw new CaseFailedException(message);
    }

    public static void Equal<T>(T expected, T actual, string what = "a value")
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual)) throw new CaseFailedException($"{what} is {actual}, expected {expected}");
    }

    /// <summary>The same numbers in the same order; one NaN equals another.</summary>
    public static void Sequence<T>(IEnumerable<T> expected, IEnumerable<T> actual, string what)
    {
        T[] e = [.. expected], a = [.. actual];
        Equal(e.Length, a.Length, $"{what}: the number of entries");
        for (var i = 0; i < e.Length; i++) Equal(e[i], a[i], $"{what}: entry {i}");
    }

    public static void InRange(int actual, int low, int high, string what) => True(actual >= low && actual <= high, $"{what} is {actual}, expected {low} to {high}");
}
