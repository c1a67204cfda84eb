using System.Text;

namespace FlowCut.Interop;

/// <summary>A native CUDA library cannot be used. The message lists every name that was tried, where it came from, and the loader's words.</summary>
public sealed class CudaNotAvailableException : NativeCudaException
{
    /// <param name="library">What was wanted, for people: "the CUDA driver".</param>
    /// <param name="attempts">Every name in the order in which it was tried.</param>
    /// <param name="advice">What to do.</param>
    public CudaNotAvailableException(string library, IReadOnlyList<LoadAttempt> attempts, string advice)
        : base(library, Describe(library, attempts, advice))
    {
        Attempts = attempts;
        Advice = advice;
    }

    /// <summary>Every name in the order in which it was tried.</summary>
    public IReadOnlyList<LoadAttempt> Attempts { get; }

    /// <summary>What to do.</summary>
    public string Advice { get; }

    private static string Describe(string library, IReadOnlyList<LoadAttempt> attempts, string advice)
    {
        ArgumentNullException.ThrowIfNull(attempts);
        var message = new StringBuilder($"{library} is not available. {advice}");
        foreach (var attempt in attempts) message.Append(Environment.NewLine).Append("  ").Append(attempt);
        return message.ToString();
    }
}
