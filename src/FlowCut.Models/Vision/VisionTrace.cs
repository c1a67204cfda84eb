using FlowCut.Models.Backends;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Vision;

/// <summary>How a trace has what encoder and connector saw of several crops.</summary>
internal enum TraceForm
{
    /// <summary>Each crop under names with a prefix.</summary>
    Crops,
    /// <summary>The same, features as the connector joins them.</summary>
    JoinedCrops,
    /// <summary>All pictures in one tensor: Qwen2-VL.</summary>
    Together,
}

/// <summary>What a trace gets of one encoder run, patches in the order of their numbers.</summary>
/// <param name="trace">Receives it.</param>
/// <param name="backend">Holds the rows.</param>
/// <param name="crops">Of the batch.</param>
/// <param name="config">Of the encoder.</param>
/// <param name="form">How the crops are told apart.</param>
internal sealed class VisionTrace(Trace trace, Backend backend, int crops, VisionConfig config, TraceForm form)
{
    private readonly List<(string Name, int Layer, int Crop, float[] Values, int Rows)> _rows = [];

    private bool IsTogether => form == TraceForm.Together;

    public void Pixels(IReadOnlyList<PictureCrop> pictures)
    {
        if (IsTogether)
        {
            var values = pictures.SelectMany(p => p.PixelValues).ToArray();
            trace.Add("vision.pixel_values", values, values.Length / config.PatchInputs, config.PatchInputs);
            trace.Add("vision.grid_thw", pictures.SelectMany(p => new long[] { 1, p.Grid.Rows, p.Grid.Columns }).ToArray(), pictures.Count, 3);
            return;
        }

        for (var i = 0; i < pictures.Count; i++)
        {
            trace.Add(Prefix(i) + "vision.resized", pictures[i].Resized.Pixels, config.ImageSize, config.ImageSize, 3);
            trace.Add(Prefix(i) + "vision.pixel_values", pictures[i].PixelValues, 3, config.ImageSize, config.ImageSize);
        }
    }

    public void Embeddings(Tensor hidden, Sequences sequences) => Fetch("vision.embeddings", -1, hidden, sequences);

    /// <param name="layer">Whose output it is.</param>
    /// <param name="hidden">Its rows.</param>
    /// <param name="sequences">What is left of each crop.</param>
    public void Output(int layer, Tensor hidden, Sequences sequences) => Fetch($"vision.layer.{layer}.output", layer, hidden, sequences);

    /// <param name="features">Of each crop, into the connector.</param>
    /// <param name="tokens">Of each crop, out of it.</param>
    public void Tokens(IReadOnlyList<Tensor> features, IReadOnlyList<Tensor> tokens)
    {
        if (IsTogether)
        {
            AddTogether("vision.features", features);
            AddTogether("projector.output", tokens);
            return;
        }

        for (var i = 0; i < crops; i++)
        {
            trace.AddRows(Prefix(i) + "vision.features", backend, form == TraceForm.JoinedCrops ? features[i].JoinRows(config.GroupSize) : features[i]);
            trace.AddRows(Prefix(i) + "projector.output", backend, tokens[i]);
        }
    }

    /// <summary>Once it is known which patches the rows were.</summary>
    public void Finish(PruningRecord[] records)
    {
        foreach (var (name, layer, crop, values, rows) in _rows)
        {
            var classRows = config.ClassRows;
            var columns = values.Length / rows;
            var numbers = records[crop].NumbersAfter(layer, rows - classRows);
            var sorted = new float[values.Length];
            var order = Enumerable.Range(0, numbers.Length).OrderBy(i => numbers[i]).ToArray();
            values.AsSpan(0, classRows * columns).CopyTo(sorted);
            for (var i = 0; i < order.Length; i++)
                values.AsSpan((classRows + order[i]) * columns, columns).CopyTo(sorted.AsSpan((classRows + i) * columns));
            trace.Add(Prefix(crop) + name, sorted, rows, columns);
        }

        if (IsTogether) trace.AddRecords(records, config.GroupSize);
        else
        {
            for (var i = 0; i < records.Length; i++) trace.AddRecord(Prefix(i), records[i]);
        }
    }

    private string Prefix(int crop) => Trace.Prefix(crop, crops);

    private void Fetch(string name, int layer, Tensor hidden, Sequences sequences)
    {
        if (IsTogether)
        {
            // no patch has another number than its place
            trace.AddRows(name, backend, hidden.SliceRows(0, sequences.Rows));
            return;
        }

        for (var i = 0; i < sequences.Count; i++)
        {
            var rows = hidden.SliceRows(sequences.Start(i), sequences.Length(i));
            _rows.Add((name, layer, i, Download(rows), rows.Rows));
        }
    }

    private void AddTogether(string name, IReadOnlyList<Tensor> parts) =>
        trace.Add(name, parts.SelectMany(Download).ToArray(), parts.Sum(p => p.Rows), parts[0].Columns);

    private float[] Download(Tensor rows)
    {
        var values = new float[(long)rows.Rows * rows.Columns];
        backend.Download(rows, values);
        return values;
    }
}
