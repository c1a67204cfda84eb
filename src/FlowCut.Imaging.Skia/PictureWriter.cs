using FlowCut.Models.Imaging;
using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>Writes pictures as PNG.</summary>
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

    public static byte[] EncodePng(RgbImage picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        using var bitmap = Bitmaps.From(picture);
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }
}
