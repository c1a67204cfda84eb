using FlowCut.Models.Backends;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>Crops that went through encoder and connector as one batch. The tokens' memory belongs to whoever takes them.</summary>
internal sealed class EncodedCrops
{
    private EncodedCrops(Tensor tokens, int[] starts, PruningRecord[] records, int[][]? numbers = null) =>
        (Tokens, Starts, Records, Numbers) = (tokens, starts, records, numbers);

    /// <summary>[all tokens, width of the language model], crop by crop.</summary>
    public Tensor Tokens { get; }

    /// <summary>Of the crops, and the end.</summary>
    public int[] Starts { get; }

    public PruningRecord[] Records { get; }

    /// <summary>Of each crop, what its rows are: <see cref="ReducedTokens.Numbers"/>. Null: the tokens that are left, in their order.</summary>
    private int[][]? Numbers { get; }

    /// <summary>What the rows of a crop are where they are chosen and merged once; null: the tokens that are left, in their order.</summary>
    public int[]? NumbersOf(int crop) => Numbers?[crop];

    /// <summary>The crop and the place there of each row, for <see cref="EncodedPicture"/>; null where that is what it takes by itself.</summary>
    /// <param name="crop">The only one of its picture.</param>
    public (int Crop, int Token)[]? SourcesOf(int crop) =>
        Numbers is null ? null : Array.ConvertAll(Numbers[crop], number => number >= 0 && Records[crop].PlaceOf(number) is var place and >= 0 ? (0, place) : (-1, 0));

    public Tensor Crop(int index) => Tokens.SliceRows(Starts[index], Starts[index + 1] - Starts[index]);

    /// <summary>A crop's tokens in memory of their own.</summary>
    public Tensor CopyCrop(Backend backend, int index)
    {
        var crop = Crop(index);
        var copy = backend.Allocate(crop.Rows, crop.Columns);
        backend.Copy(crop, copy);
        return copy;
    }

    /// <param name="parts">Encoder and connector.</param>
    /// <param name="crops">One batch.</param>
    /// <param name="strategy">Null: every patch stays.</param>
    /// <param name="trace">Receives what the run saw; null: nothing.</param>
    /// <param name="form">How it is written down.</param>
    /// <param name="cancellation">Checked between layers.</param>
    public static EncodedCrops Run(
        ModelParts parts, IReadOnlyList<PictureCrop> crops, IPruningStrategy? strategy, Trace? trace, TraceForm form, CancellationToken cancellation)
    {
        var config = parts.Encoder.Config;
        var records = crops.Select(crop => parts.Encoder.CreateRecord(crop.Grid.Columns * crop.Grid.Rows)).ToArray();
        var visionTrace = trace is null ? null : new VisionTrace(trace, parts.Backend, crops.Count, config, form);
        visionTrace?.Pixels(crops);
        using var reduction = parts.Encoder.BeginReduction(strategy, crops, records, trace);
        var (hidden, sequences) = parts.Encoder.Encode(crops, strategy, reduction, records, visionTrace, cancellation);
        if (reduction is not null)
        {
            var reduced = new ReducedCrops(parts, reduction, hidden, sequences, trace).Run(records, visionTrace);
            return new EncodedCrops(reduced.Tokens, reduced.Starts, records, reduced.Numbers);
        }

        var features = new Tensor[crops.Count];
        var starts = new int[crops.Count + 1];
        for (var i = 0; i < crops.Count; i++)
        {
            features[i] = hidden.SliceRows(sequences.Start(i) + config.ClassRows, sequences.Length(i) - config.ClassRows);
            starts[i + 1] = starts[i] + features[i].Rows / config.GroupSize;
        }

        var result = new EncodedCrops(parts.Backend.Allocate(starts[^1], parts.Decoder.Config.HiddenSize), starts, records);
        try
        {
            parts.Connector.Project(features, result.Tokens);
            visionTrace?.Tokens(features, [.. Enumerable.Range(0, crops.Count).Select(result.Crop)]);
            return result;
        }
        catch
        {
            result.Tokens.Buffer.Dispose();
            throw;
        }
    }
}
