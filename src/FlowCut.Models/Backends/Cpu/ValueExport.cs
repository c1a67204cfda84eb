namespace FlowCut.Models.Backends.Cpu;

/// <summary>What an export wants of the values: products with the query's value, squared norms, information density. One reading of the values.</summary>
internal readonly unsafe struct ValueExport
{
    private readonly CpuView _value, _products, _density, _squaredNorms;
    private readonly int _heads, _size;

    /// <exception cref="ArgumentException">Shapes disagree.</exception>
    public ValueExport(AttentionExport export, CpuView value, int heads, int headSize)
    {
        (_value, _heads, _size) = (value, heads, headSize);
        _products = CpuView.Of(export.ValueProducts, heads, value.Rows, nameof(export.ValueProducts));
        _density = CpuView.Of(export.ValueDensity, 1, value.Rows, nameof(export.ValueDensity));
        _squaredNorms = CpuView.Of(export.ValueSquaredNorms, 1, value.Rows, nameof(export.ValueSquaredNorms));
    }

    /// <param name="global">The query's value, all heads.</param>
    /// <param name="row">The key's.</param>
    /// <param name="total">Room for a head.</param>
    public void Row<T>(float* global, int row, float* total)
        where T : struct, ILanes<T>
    {
        var value = _value.Row(row);
        new Span<float>(total, _size).Clear();
        for (var head = 0; head < _heads; head++)
        {
            _products.Row(head)[row] = LaneRow.Dot<T>(global + head * _size, value + head * _size, _size);
            LaneRow.AddScaled<T>(value + head * _size, 1, total, _size);
        }

        _squaredNorms.Data[row] = LaneRow.Dot<T>(value, value, _heads * _size);
        _density.Data[row] = LaneRow.SumOfMagnitudes<T>(total, _size) / _heads;
    }
}
