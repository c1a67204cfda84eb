using FlowCut.Models.Backends;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>Crops whose tokens are chosen once, behind the encoder or behind the connector.</summary>
/// <param name="parts">Connector and backend.</param>
/// <param name="reduction">Chooses.</param>
/// <param name="hidden">The encoder's rows.</param>
/// <param name="sequences">Of the crops.</param>
/// <param name="trace">Receives what decided; null: nothing.</param>
internal sealed class ReducedCrops(ModelParts parts, ITokenReduction reduction, Tensor hidden, Sequences sequences, Trace? trace)
{
    private readonly Backend _backend = parts.Backend;

    /// <summary>Chooses and projects; the caller disposes the tokens.</summary>
    /// <param name="records">Of the crops; completed.</param>
    /// <param name="visionTrace">Receives what goes through the connector; null: nothing.</param>
    public (Tensor Tokens, int[] Starts, int[][] Numbers) Run(PruningRecord[] records, VisionTrace? visionTrace)
    {
        var owned = new List<DeviceBuffer>();
        try
        {
            var (features, tokens) = reduction.AfterConnector ? ProjectThenReduce(records, owned) : ReduceThenProject(records, owned);
            var starts = new int[tokens.Length + 1];
            for (var i = 0; i < tokens.Length; i++) starts[i + 1] = starts[i] + _numbers[i].Length;
            visionTrace?.Tokens(features, tokens);
            for (var i = 0; i < records.Length; i++) trace?.Add(Trace.Prefix(i, records.Length) + "vision.keep_indices", records[i].Kept);
            // the last buffer holds all crops, one below the other
            var result = owned[^1];
            owned.RemoveAt(owned.Count - 1);
            return (new Tensor(result, 0, starts[^1], parts.Decoder.Config.HiddenSize, parts.Decoder.Config.HiddenSize), starts, _numbers);
        }
        finally
        {
            foreach (var buffer in owned) buffer.Dispose();
        }
    }

    private readonly int[][] _numbers = new int[sequences.Count][];

    private int Group => parts.Encoder.Config.GroupSize;

    private (Tensor[] Features, Tensor[] Tokens) ReduceThenProject(PruningRecord[] records, List<DeviceBuffer> owned)
    {
        var reduced = Array.ConvertAll(Enumerable.Range(0, sequences.Count).ToArray(), crop => Reduce(crop, Features(crop).JoinRows(Group), Features(crop), records[crop]));
        var width = hidden.Columns * Group;
        var features = Allocate(reduced.Sum(r => r.Numbers.Length), width, Precision.Single, owned);
        var rows = Split(features, reduced);
        for (var i = 0; i < rows.Length; i++) Apply(reduced[i], Features(i).JoinRows(Group), hidden.SliceRows(sequences.Start(i), 1), rows[i]);
        var patches = Array.ConvertAll(rows, p => p with { Rows = p.Rows * Group, Columns = hidden.Columns, Stride = hidden.Columns });
        var tokens = Allocate(features.Rows, parts.Decoder.Config.HiddenSize, Precision.Activation, owned);
        parts.Connector.Project(patches, tokens);
        return (patches, Split(tokens, reduced));
    }

    private (Tensor[] Features, Tensor[] Tokens) ProjectThenReduce(PruningRecord[] records, List<DeviceBuffer> owned)
    {
        var features = Array.ConvertAll(Enumerable.Range(0, sequences.Count).ToArray(), Features);
        var all = Allocate(features.Sum(f => f.Rows) / Group, parts.Decoder.Config.HiddenSize, Precision.Activation, owned);
        parts.Connector.Project(features, all);
        var row = 0;
        var whole = Array.ConvertAll(features, f =>
        {
            row += f.Rows / Group;
            return all.SliceRows(row - f.Rows / Group, f.Rows / Group);
        });
        var reduced = new ReducedTokens[features.Length];
        for (var i = 0; i < reduced.Length; i++) reduced[i] = Reduce(i, whole[i], features[i], records[i]);
        var tokens = Split(Allocate(reduced.Sum(r => r.Numbers.Length), all.Columns, Precision.Activation, owned), reduced);
        for (var i = 0; i < tokens.Length; i++) Apply(reduced[i], whole[i], null, tokens[i]);
        return (features, tokens);
    }

    /// <summary>A crop's patches.</summary>
    private Tensor Features(int crop)
    {
        var classRows = parts.Encoder.Config.ClassRows;
        return hidden.SliceRows(sequences.Start(crop) + classRows, sequences.Length(crop) - classRows);
    }

    private ReducedTokens Reduce(int crop, Tensor tokens, Tensor features, PruningRecord record)
    {
        var result = reduction.Reduce(new TokenFeatures
        {
            Sequence = crop,
            Tokens = tokens,
            Features = features,
            Trace = trace?.Scope(Trace.Prefix(crop, sequences.Count) + "vision."),
        });
        if (result.Kept is { } kept) record.Reduce(kept);
        _numbers[crop] = result.Numbers;
        return result;
    }

    /// <summary>The rows of a result.</summary>
    private void Apply(ReducedTokens reduced, Tensor tokens, Tensor? classRow, Tensor rows)
    {
        if (reduced.WithClass)
        {
            _backend.Copy(classRow ?? throw new InvalidOperationException("Behind the connector there is no CLS row."), rows.SliceRows(0, 1));
            rows = rows.SliceRows(1, rows.Rows - 1);
        }

        if (reduced.Mix is { } mix)
        {
            _backend.MixRows(tokens, mix, rows);
            return;
        }

        using var order = _backend.AllocateIndices(rows.Rows);
        _backend.Upload(reduced.Numbers.AsSpan(reduced.Numbers.Length - rows.Rows), order);
        _backend.GatherRows(tokens, new IndexView(order, 0, rows.Rows), rows);
    }

    private Tensor Allocate(int rows, int columns, Precision precision, List<DeviceBuffer> owned)
    {
        var tensor = _backend.Allocate(rows, columns, precision);
        owned.Add(tensor.Buffer);
        return tensor;
    }

    private static Tensor[] Split(Tensor rows, ReducedTokens[] reduced)
    {
        var start = 0;
        return Array.ConvertAll(reduced, r =>
        {
            start += r.Numbers.Length;
            return rows.SliceRows(start - r.Numbers.Length, r.Numbers.Length);
        });
    }
}
