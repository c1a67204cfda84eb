using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>
/// Tells whether a JPEG's entropy-coded data ends before the picture does. The decoder hides that: it fills the rest with
/// grey and reports success. Here the data is decoded twice at an eighth of the size, with two different continuations
/// behind it: a whole picture never reads them, a truncated one comes out different.
/// </summary>
internal static class JpegScan
{
    private const int FillerLength = 1 << 16;

    public static bool IsCutShort(byte[] bytes)
    {
        // up to the last end marker, if there is one: what comes before it must suffice
        var end = bytes.AsSpan().LastIndexOf([(byte)0xFF, (byte)0xD9]);
        var scan = bytes.AsSpan(0, end < 0 ? bytes.Length : end);
        var first = Thumbnail(scan, 0x5A);
        var second = Thumbnail(scan, 0xA6);
        return first is null || second is null || !first.AsSpan().SequenceEqual(second);
    }

    private static unsafe byte[]? Thumbnail(ReadOnlySpan<byte> scan, byte filler)
    {
        var bytes = new byte[scan.Length + FillerLength + 2];
        scan.CopyTo(bytes);
        bytes.AsSpan(scan.Length, FillerLength).Fill(filler);
        bytes[^2] = 0xFF;
        bytes[^1] = 0xD9;
        using var data = SKData.CreateCopy(bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null) return null;
        var size = codec.GetScaledDimensions(1 / 8f);
        var info = new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var pixels = new byte[info.BytesSize];
        fixed (byte* address = pixels) return codec.GetPixels(info, (nint)address) is SKCodecResult.Success or SKCodecResult.IncompleteInput ? pixels : null;
    }
}
