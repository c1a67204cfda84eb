using FlowCut.Models;
using FlowCut.Models.Imaging;
using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>A picture as decoded from a file.</summary>
/// <param name="Image">The pixels; of an animation the first frame.</param>
/// <param name="FrameCount">1, or the frames of an animation.</param>
/// <param name="Format">As the file says: Jpeg, Png, Webp …</param>
public sealed record DecodedPicture(RgbImage Image, int FrameCount, string Format);

/// <summary>
/// Decodes picture files to what Pillow's <c>convert("RGB")</c> gives: no colour management, no orientation, transparency
/// dropped and not blended, of 16 bits the high byte.
/// </summary>
public static class PictureFile
{
    /// <exception cref="PictureFormatException">The file is missing, empty, truncated, no picture, or too large by its header.</exception>
    public static DecodedPicture Load(string path)
    {
        try
        {
            return Decode(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new PictureFormatException($"{path}: the file does not exist", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PictureFormatException($"{path}: cannot be read: {e.Message}", e);
        }
    }

    /// <param name="bytes">The whole file.</param>
    /// <param name="name">For messages.</param>
    /// <exception cref="PictureFormatException">As for <see cref="Load"/>.</exception>
    public static DecodedPicture Decode(byte[] bytes, string name)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        if (bytes.Length == 0) throw new PictureFormatException($"{name}: the file is empty");
        // a JPEG without its end marker loses its last blocks, one with two is fine
        using var data = SKData.CreateCopy(bytes is [0xFF, 0xD8, ..] ? [.. bytes, 0xFF, 0xD9] : bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null) throw new PictureFormatException($"{name}: is not a picture that can be read, or its header is damaged; JPEG, PNG and WebP files can");
        var info = codec.Info;
        // by the header, before anything is allocated
        if ((long)info.Width * info.Height > RgbImage.MaxPixels)
            throw new PictureFormatException($"{name}: {info.Width}x{info.Height} pixels are over the limit of {RgbImage.MaxPixels / 1_000_000} megapixels");
        if (codec.EncodedFormat == SKEncodedImageFormat.Jpeg && JpegScan.IsCutShort(bytes))
            throw new PictureFormatException($"{name}: the JPEG file is truncated: its data ends before the last row");
        return new DecodedPicture(new RgbImage(info.Width, info.Height, Pixels(codec, name)) { Name = name }, Math.Max(PngAnimation.FrameCount(bytes), codec.FrameCount), codec.EncodedFormat.ToString());
    }

    private static unsafe byte[] Pixels(SKCodec codec, string name)
    {
        // no colour space: samples come out as stored, of 16 bits the high byte; not premultiplied: colours under transparency come out whole
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, codec.Info.AlphaType == SKAlphaType.Opaque ? SKAlphaType.Opaque : SKAlphaType.Unpremul);
        var rgba = GC.AllocateUninitializedArray<byte>(info.BytesSize);
        SKCodecResult result;
        fixed (byte* address = rgba) result = codec.GetPixels(info, (nint)address);
        switch (result)
        {
            case SKCodecResult.Success: return DropAlpha(rgba);
            case SKCodecResult.IncompleteInput: throw new PictureFormatException($"{name}: the {codec.EncodedFormat} file is truncated: its data ends before the last row");
            default: throw new PictureFormatException($"{name}: the {codec.EncodedFormat} data is damaged ({result})");
        }
    }

    private static byte[] DropAlpha(byte[] rgba)
    {
        var rgb = GC.AllocateUninitializedArray<byte>(rgba.Length / 4 * 3);
        for (int from = 0, to = 0; from < rgba.Length; from += 4, to += 3)
        {
            rgb[to] = rgba[from];
            rgb[to + 1] = rgba[from + 1];
            rgb[to + 2] = rgba[from + 2];
        }

        return rgb;
    }
}
