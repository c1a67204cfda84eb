namespace FlowCut.Interop;

/// <summary>One name that was tried when a library was looked for.</summary>
/// <param name="Name">What was given to the loader: a bare name, which it searches for, or a path.</param>
/// <param name="Place">Why that name: "loader's search path", "CUDA_HOME", …</param>
/// <param name="Succeeded">Whether this is the library in use.</param>
/// <param name="Outcome">The loader's words, or why the library was not taken.</param>
public sealed record LoadAttempt(string Name, string Place, bool Succeeded, string Outcome)
{
    /// <summary>One line for people.</summary>
    public override string ToString() => $"{Name} ({Place}): {Outcome}";
}
