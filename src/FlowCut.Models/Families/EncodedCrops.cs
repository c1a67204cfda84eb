using FlowCut.Models.Backends;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>Crops that went through encoder and connector as one batch. The tokens' memory belongs to whoever takes them.</summary>
internal sealed class EncodedCrops
{
    private EncodedCrops(Tensor tokens, int[] starts, PruningRecord[] records) => (Tokens, Starts, Records) = (tokens, starts, records);

    /// <summary>[all tokens, width of the language model], crop by crop.</summary>
    public Tensor Tokens { get; }

    /// <summary>Of the crops, and the end.</summary>
    public int[] Starts { get; }

    public PruningRecord[] Records { get; }

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
        var (hidden, sequences) = parts.Encoder.Encode(crops, strategy, records, visionTrace, cancellation);

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
