namespace FlowCut.Models.Tracing;

/// <summary>A part of a trace: every name gets something in front, so that what writes need not know which picture it is about.</summary>
public sealed class TraceScope
{
    private readonly Trace _trace;
    private readonly string _prefix;

    internal TraceScope(Trace trace, string prefix) => (_trace, _prefix) = (trace, prefix);

    /// <summary>A vector.</summary>
    public void Add(string name, ReadOnlySpan<float> values) => _trace.Add(_prefix + name, values, values.Length);

    /// <summary>Row, token or patch numbers.</summary>
    public void Add(string name, ReadOnlySpan<int> values) => _trace.Add(_prefix + name, values);

    /// <summary>A matrix, row by row.</summary>
    public void Add(string name, ReadOnlySpan<float> values, int rows) => _trace.Add(_prefix + name, values, rows, rows == 0 ? 0 : values.Length / rows);
}
