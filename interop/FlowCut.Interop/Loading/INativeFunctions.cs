namespace FlowCut.Interop;

/// <summary>A struct that consists of nothing but function pointers, one per symbol, in the order of <see cref="Symbols"/>.</summary>
internal interface INativeFunctions
{
    static abstract ReadOnlySpan<string> Symbols { get; }
}
