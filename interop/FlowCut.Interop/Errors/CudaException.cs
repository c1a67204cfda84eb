namespace FlowCut.Interop;

/// <summary>A driver call failed. The message names the call, the result and, for results that have a usual cause, what to do about it.</summary>
public sealed class CudaException : NativeCudaException
{
    /// <param name="result">What the driver answered.</param>
    /// <param name="operation">The entry point, <c>cuMemAllocAsync</c> for example.</param>
    public CudaException(CudaResult result, string operation)
        : this(result, operation, null) { }

    /// <param name="result">What the driver answered.</param>
    /// <param name="operation">The entry point.</param>
    /// <param name="description">The driver's own words for a result that this version does not know; null: none.</param>
    internal CudaException(CudaResult result, string operation, string? description)
        : base(operation, Describe(result, operation, description)) => Result = result;

    public CudaResult Result { get; }

    /// <summary>
    /// The context cannot be used any more: every later call in it fails with the same result, and its memory is lost.
    /// Only a new process (or a reset of the primary context after everybody let go of it) helps.
    /// </summary>
    public bool IsContextLost => CudaResults.IsContextLost(Result);

    private static string Describe(CudaResult result, string operation, string? description)
    {
        var name = CudaResults.NameOf(result);
        description ??= CudaResults.AdviceOn(result);
        return description is null ? $"{operation} failed: {name} ({(int)result})." : $"{operation} failed: {name} ({(int)result}): {description}";
    }
}
