using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tokenization;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Clip;

/// <summary>
/// What a folder of CLIP adds to the vision tower that a model has of it: tokenizer, text tower, and the projections of both into one
/// space. The folder's own vision tower is not read.
/// </summary>
internal sealed class ClipCounterpart : IDisposable
{
    private readonly Backend _backend;
    private readonly Checkpoint _checkpoint;
    private readonly ClipTokenizer _tokenizer;
    private readonly ClipTextTower _text;
    private readonly Matrix _visualProjection;
    private readonly int _width;

    private ClipCounterpart(Backend backend, Checkpoint checkpoint, ClipTokenizer tokenizer, ClipTextConfig config)
    {
        (_backend, _checkpoint, _tokenizer, _width) = (backend, checkpoint, tokenizer, config.Projection);
        _text = new ClipTextTower(backend, config, checkpoint);
        _visualProjection = backend.LoadMatrix(checkpoint.Get("visual_projection.weight", config.Projection, config.VisionWidth));
    }

    /// <summary>Opens a folder in Hugging Face's layout.</summary>
    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="folder">Of a CLIP.</param>
    /// <param name="visionWidth">Of the tower that the model has.</param>
    /// <exception cref="InputException">A file is missing, damaged, no CLIP's, or of a CLIP with another vision tower.</exception>
    public static ClipCounterpart Load(Backend backend, string folder, int visionWidth)
    {
        var file = JsonSection.Read(Path.Combine(folder, "config.json"));
        var config = ClipTextConfig.Read(file);
        if (config.VisionWidth != visionWidth)
            throw file.Error($"this CLIP's vision tower is {config.VisionWidth} wide, the model's {visionWidth}; the CLIP that the model's tower comes from is needed");
        var tokenizer = ClipTokenizer.Load(folder);
        if (tokenizer.MaxId >= config.Vocabulary) throw file.Error($"'text_config.vocab_size' is {config.Vocabulary}, but the tokenizer has ids up to {tokenizer.MaxId}");
        var checkpoint = Checkpoint.Open(folder);
        try
        {
            return new ClipCounterpart(backend, checkpoint, tokenizer, config);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>A text's tokens.</summary>
    public int[] Tokenize(string text) => _tokenizer.Encode(text);

    /// <summary>[segments, width]: the embeddings of a text's segments, of length 1. Waits.</summary>
    public float[,] Embed(int[] ids)
    {
        var values = _text.Embed(ids);
        var rows = new float[values.Length / _width, _width];
        Buffer.BlockCopy(values, 0, rows, 0, values.Length * sizeof(float));
        return rows;
    }

    /// <summary>[segments, patches]: cosines between a text's segments and a picture's patches in the common space. Waits.</summary>
    /// <param name="text">From <see cref="Embed"/>.</param>
    /// <param name="patches">[patches, vision width]: the vision tower's features.</param>
    /// <param name="norm">CLIP's norm behind its last layer.</param>
    public float[,] Cosines(float[,] text, Tensor patches, VisionNorm norm)
    {
        var cosines = new float[text.GetLength(0), patches.Rows];
        using var memory = new TensorScope(_backend);
        Tensor normed = memory.Allocate(patches.Rows, patches.Columns), projected = memory.Allocate(patches.Rows, _width, Precision.Single),
            segments = memory.Allocate(text.GetLength(0), _width, Precision.Single), result = memory.Allocate(text.GetLength(0), patches.Rows, Precision.Single);
        norm.Run(patches, normed);
        _backend.Linear(normed, _visualProjection, null, Activation.None, null, projected);
        _backend.Upload(TokenPairs.Values(text), segments);
        _backend.Pairwise(PairMeasure.Cosine, segments, projected, result);
        _backend.Download(result, TokenPairs.Values(cosines));
        return cosines;
    }

    public void Dispose() => _checkpoint.Dispose();
}
