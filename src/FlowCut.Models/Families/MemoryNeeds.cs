using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Families;

/// <summary>
/// What a model takes on a device, estimated from its sizes: weights in the type that they are multiplied in, working memory of
/// the encoder and of the decoder, key/value cache. Two or three per cent of it are not counted.
/// </summary>
/// <param name="model">Sizes.</param>
/// <param name="parameters">Stored weights.</param>
/// <param name="stored">What they are stored as.</param>
public sealed class MemoryNeeds(ModelDescription model, long parameters, StoredType stored)
{
    /// <summary>Working memory of matrix products.</summary>
    private const long ProductBytes = 32L << 20;

    /// <summary>A piece of stored weights on its way to another type.</summary>
    private const long ConversionBytes = 8L << 20;

    /// <summary>The 16-bit type that loses nothing of the weights: theirs.</summary>
    public StoredType HalfType => stored == StoredType.BFloat16 ? StoredType.BFloat16 : StoredType.Float16;

    /// <summary>Bytes of weights.</summary>
    public long Weights(StoredType activations) => parameters * BytesOf(activations);

    /// <summary>Bytes of everything together.</summary>
    /// <param name="activations">Of activations, cache and weights.</param>
    /// <param name="visualTokens">Kept of a picture.</param>
    /// <param name="otherTokens">Of prompt and answer.</param>
    public long Total(StoredType activations, int visualTokens, int otherTokens) =>
        Weights(activations) + ProductBytes + (activations == stored ? 0 : ConversionBytes) + Encoder(activations) + Decoder(activations, visualTokens + otherTokens);

    private long Encoder(StoredType activations)
    {
        var v = model.Vision;
        // all crops of a picture are one batch; where pictures have sizes of their own, the largest
        var patches = v.Patches > 0 ? (long)v.Patches * model.PictureCrops : (long)model.PictureTokens * v.GroupSize;
        long rows = patches + model.PictureCrops * v.ClassRows, d = v.HiddenSize, bytes = BytesOf(activations);
        var single = rows * (2 * d + 2 * v.Heads + 7) + 3L * v.ImageSize * v.ImageSize * model.PictureCrops;
        // patches that the preprocessing cut are rounded on the device
        if (v.Patches == 0 && activations != StoredType.Float32) single += patches * v.PatchInputs;
        return single * sizeof(float) + (rows * (4 * d + v.IntermediateSize) + (v.Patches > 0 ? v.Patches : patches) * (long)v.PatchInputs) * bytes;
    }

    private long Decoder(StoredType activations, long tokens)
    {
        var l = model.Language;
        long attention = (long)l.Heads * l.HeadSize, keyValue = (long)l.KeyValueHeads * l.HeadSize, bytes = BytesOf(activations);
        var rows = Math.Min(tokens, Language.LanguageDecoder.ChunkRows);
        var working = rows * (l.HiddenSize + 2 * attention + 2 * keyValue + 3L * l.IntermediateSize);
        return (2 * l.Layers * keyValue * tokens + working) * bytes + (tokens * l.HiddenSize + 2L * l.VocabularySize) * sizeof(float);
    }

    private static long BytesOf(StoredType activations) => activations == StoredType.Float32 ? 4 : 2;
}
