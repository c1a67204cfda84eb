namespace FlowCut.Models.Imaging;

/// <summary>How a picture becomes the square that an encoder takes.</summary>
public enum PreprocessMode
{
    /// <summary>As LLaVA's authors do: padded to a square with the mean colour, then resized.</summary>
    Original,
    /// <summary>As Hugging Face's CLIP processor does: the shortest edge resized, then the centre cut out.</summary>
    HuggingFace,
}

/// <summary>A picture as a model takes it.</summary>
/// <param name="Crops">What goes through the encoder: the whole first where it goes with tiles (LLaVA-NeXT), a thumbnail last (InternVL2).</param>
/// <param name="Tokens">Visual tokens without pruning, what stands behind rows of patches not counted.</param>
public sealed record PreprocessedPicture(IReadOnlyList<PictureCrop> Crops, int Tokens)
{
    /// <summary>Visual tokens that a budget is a part of: the picture's, or a tile's where each is pruned by itself.</summary>
    public int BudgetTokens { get; init; } = Tokens;

    /// <summary>What the user should know of the preparation; null: nothing.</summary>
    public string? Remark { get; init; }

    /// <summary>How the crops are laid together again; null where they are not.</summary>
    internal AnyResLayout? Layout { get; init; }
}
