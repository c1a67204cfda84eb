namespace FlowCut.Models.Imaging;

/// <summary>How a picture becomes the square that an encoder takes.</summary>
public enum PreprocessMode
{
    /// <summary>As LLaVA's authors do: padded to a square with the mean colour, then resized.</summary>
    Original,
    /// <summary>As Hugging Face's CLIP processor does: the shortest edge resized, then the centre cut out.</summary>
    HuggingFace,
}

/// <summary>A picture as an encoder takes it.</summary>
/// <param name="PixelValues">[3, size, size], normalised.</param>
/// <param name="Resized">The same before normalisation.</param>
/// <param name="Grid">How the encoder's patches lie on the picture.</param>
public sealed record PreprocessedPicture(float[] PixelValues, RgbImage Resized, PatchGrid Grid);
