namespace FlowCut.Models.Imaging;

/// <summary>What goes through the encoder as one sequence of patches: a whole picture, a tile of it, or its thumbnail.</summary>
/// <param name="PixelValues">Normalised: [3, height, width], or [patches, 3·2·14·14] where the family cuts the patches itself (Qwen2-VL).</param>
/// <param name="Resized">The same before normalisation.</param>
/// <param name="Grid">How the encoder's patches lie on the picture.</param>
public sealed record PictureCrop(float[] PixelValues, RgbImage Resized, PatchGrid Grid);
