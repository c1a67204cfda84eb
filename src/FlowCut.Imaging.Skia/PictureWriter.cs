using FlowCut.Models.Imaging;
using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>Encodes pictures, and writes them as PNG files.</summary>
public static class PictureWriter
{
    /// <summary>Writes the file whole or not at all.</summary>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    public static void SavePng(RgbImage picture, string path)
    {
        var bytes = EncodePng(picture);
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllBytes(temporary, bytes);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Lossless.</summary>
    public static byte[] EncodePng(RgbImage picture) => Encode(picture, SKEncodedImageFormat.Png, 100);

    /// <summary>Small enough to put into a page.</summary>
    public static byte[] EncodeWebp(RgbImage picture) => Encode(picture, SKEncodedImageFormat.Webp, 80);

    private static byte[] Encode(RgbImage picture, SKEncodedImageFormat format, int quality)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var bitmap = Bitmaps.From(picture);
        using var data = bitmap.Encode(format, quality);
        return data.ToArray();
    }
}
