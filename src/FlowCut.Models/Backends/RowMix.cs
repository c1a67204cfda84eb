namespace FlowCut.Models.Backends;

/// <summary>Rows that are weighted sums of few others, written down row by row: what merging and averaging methods make. Kept by the host.</summary>
public sealed class RowMix
{
    private readonly List<int> _ends = [];
    private readonly List<int> _sources = [];
    private readonly List<float> _weights = [];

    /// <summary>Rows that were finished.</summary>
    public int Rows => _ends.Count;

    /// <summary>Adds <paramref name="weight"/> times a row of the source to the row that is being written down.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative row.</exception>
    public void Add(int source, float weight)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(source);
        _sources.Add(source);
        _weights.Add(weight);
    }

    /// <summary>The mean of rows of the source.</summary>
    public void AddMean(IReadOnlyCollection<int> sources)
    {
        ArgumentNullException.ThrowIfNull(sources);
        foreach (var source in sources) Add(source, 1f / sources.Count);
    }

    /// <summary>Finishes a row; without sources it is zero.</summary>
    public void EndRow() => _ends.Add(_sources.Count);

    /// <summary>Sources of a row.</summary>
    public ReadOnlySpan<int> Sources(int row) => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_sources)[Start(row).._ends[row]];

    /// <summary>Of the sources of a row.</summary>
    public ReadOnlySpan<float> Weights(int row) => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_weights)[Start(row).._ends[row]];

    /// <summary>Where the sources of each row end among all.</summary>
    internal ReadOnlySpan<int> Ends => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ends);

    /// <summary>Of finished rows, one after the other.</summary>
    internal ReadOnlySpan<int> AllSources => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_sources)[..Start(Rows)];

    /// <summary>Of <see cref="AllSources"/>.</summary>
    internal ReadOnlySpan<float> AllWeights => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_weights)[..Start(Rows)];

    /// <exception cref="ArgumentException">It names a row that a source of so many rows does not have.</exception>
    internal void CheckSources(int rows)
    {
        for (var row = 0; row < Rows; row++)
        {
            foreach (var source in Sources(row))
            {
                if (source >= rows) throw new ArgumentException($"Row {row} of the mix takes row {source} of {rows}.", nameof(rows));
            }
        }
    }

    private int Start(int row) => row == 0 ? 0 : _ends[row - 1];
}
