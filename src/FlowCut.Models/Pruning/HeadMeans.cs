using FlowCut.Models.Backends;

namespace FlowCut.Models.Pruning;

/// <summary>Room for what attention writes down of one query, and for a sum of its probabilities, averaged over heads.</summary>
internal sealed class HeadMeans : IDisposable
{
    private readonly Backend _backend;
    private readonly int _heads, _valueHeads, _capacity;
    private readonly DeviceBuffer _exports;
    private readonly Tensor _sums;

    /// <param name="backend">Allocates it.</param>
    /// <param name="heads">Of queries.</param>
    /// <param name="valueHeads">Of keys and values.</param>
    /// <param name="rows">Key rows at most.</param>
    public HeadMeans(Backend backend, int heads, int valueHeads, int rows)
    {
        (_backend, _heads, _valueHeads, _capacity) = (backend, heads, valueHeads, rows);
        _exports = backend.Allocate((long)(heads + valueHeads + 2) * rows, Precision.Single);
        _sums = backend.Allocate(1, rows, Precision.Single);
    }

    /// <summary>What attention over so many key rows is to write down.</summary>
    public AttentionExport Export(int rows) => new()
    {
        LogProbabilities = new Tensor(_exports, 0, _heads, rows, rows),
        ValueProducts = new Tensor(_exports, (long)_heads * _capacity, _valueHeads, rows, rows),
        ValueDensity = new Tensor(_exports, (long)(_heads + _valueHeads) * _capacity, 1, rows, rows),
        ValueSquaredNorms = new Tensor(_exports, (long)(_heads + _valueHeads + 1) * _capacity, 1, rows, rows),
    };

    /// <summary>The mean over heads of what one query saw: [columns].</summary>
    /// <param name="logProbabilities">[heads, columns]: of <see cref="Export"/>, or some of its columns.</param>
    public float[] Of(Tensor logProbabilities)
    {
        Clear(logProbabilities.Columns);
        Add(logProbabilities, 1);
        return Read(logProbabilities.Columns);
    }

    /// <summary>Begins a sum over queries.</summary>
    public void Clear(int columns) => _backend.Upload(new float[columns], _sums.SliceColumns(0, columns));

    /// <summary>Adds the mean over heads of what a query saw.</summary>
    public void Add(Tensor logProbabilities, float weight) =>
        _backend.AddMeanProbabilities(logProbabilities, weight, _sums.SliceColumns(0, logProbabilities.Columns));

    /// <summary>The sum. Waits.</summary>
    public float[] Read(int columns)
    {
        var values = new float[columns];
        _backend.Download(_sums.SliceColumns(0, columns), values);
        return values;
    }

    public void Dispose()
    {
        _exports.Dispose();
        _sums.Buffer.Dispose();
    }
}
