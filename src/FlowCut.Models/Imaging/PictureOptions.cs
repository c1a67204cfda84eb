namespace FlowCut.Models.Imaging;

/// <summary>How pictures are prepared; a limit that means nothing to a family is refused.</summary>
public sealed record PictureOptions
{
    /// <summary>As the model's authors do, or as transformers does.</summary>
    public PreprocessMode Mode { get; init; } = PreprocessMode.Original;

    /// <summary>Pixels of a picture at least (Qwen2-VL); null: the checkpoint's.</summary>
    public int? MinPixels { get; init; }

    /// <summary>Pixels of a picture at most (Qwen2-VL); null: the checkpoint's.</summary>
    public int? MaxPixels { get; init; }

    /// <summary>Tiles at most (InternVL2), the thumbnail not counted; null: the checkpoint's.</summary>
    public int? MaxTiles { get; init; }
}
