namespace FlowCut.Interop;

/// <summary>Names of entry points, taken from the text of the call.</summary>
internal static class EntryPoints
{
    /// <summary><c>_cuda.cuMemAlloc_v2(&amp;pointer, bytes)</c> becomes <c>cuMemAlloc_v2</c>; a bare name stays.</summary>
    public static string NameIn(string call)
    {
        var end = call.IndexOf('(', StringComparison.Ordinal);
        if (end < 0) end = call.Length;
        var start = call.LastIndexOf('.', end - 1) + 1;
        return call[start..end];
    }
}
