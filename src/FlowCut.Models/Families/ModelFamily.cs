using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tokenization;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Families;

/// <summary>
/// A kind of vision-language model: knows its configuration, tensor names, preprocessing and prompt, and composes a
/// vision encoder, a connector and a decoder. One class per family; <see cref="ModelFamilies"/> finds it by model_type.
/// </summary>
internal abstract class ModelFamily : IDisposable
{
    public abstract ModelDescription Description { get; }

    public abstract Tokenizer Tokenizer { get; }

    public abstract LlamaDecoder Decoder { get; }

    /// <summary>Tokens that end an answer.</summary>
    public abstract IReadOnlyList<int> EndTokens { get; }

    /// <summary>Bytes of weights that are mapped or loaded.</summary>
    public abstract long WeightBytes { get; }

    public abstract PreprocessedPicture Prepare(RgbImage picture, PreprocessMode mode);

    /// <summary>Encodes pictures as one batch, pruned by <paramref name="strategy"/>; the caller disposes the results.</summary>
    public abstract EncodedPicture[] Encode(IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? strategy, Trace? trace, CancellationToken cancellation);

    /// <summary>For <see cref="Backends.Backend.Prepare"/>: an answer about one picture, pruned and unpruned, without anything being read back.</summary>
    public abstract void Rehearse();

    /// <summary>A dialogue in the model's prompt format, with a picture marker where pictures go, ready for <see cref="Tokenize"/>.</summary>
    public abstract string ApplyTemplate(IReadOnlyList<ChatTurn> turns, string? system, int pictures);

    /// <summary>Text with picture markers to ids, the token that the model wants in front included.</summary>
    public abstract PromptTokens Tokenize(string prompt);

    public abstract void Dispose();
}

/// <summary>A user's turn and the answer to it; null in the last turn, whose answer is to be written.</summary>
public sealed record ChatTurn(string User, string? Assistant = null);

/// <summary>What a checkpoint is.</summary>
public sealed record ModelDescription
{
    /// <summary>As in config.json.</summary>
    public required string ModelType { get; init; }

    /// <summary>"Hugging Face" or "original".</summary>
    public required string Layout { get; init; }

    public required Vision.ClipConfig Vision { get; init; }

    /// <summary>Encoder layers that are run.</summary>
    public required int VisionLayersRun { get; init; }

    public required LlamaConfig Language { get; init; }

    /// <summary>Visual tokens of a picture without pruning.</summary>
    public int PictureTokens => Vision.Patches;
}
